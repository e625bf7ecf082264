//! The client: an interactive session and a tool for scripts, over one blocking TLS connection.
//!
//! ```text
//! args ─▶ plan ─▶ shell ─▶ command ─▶ transfer ─▶ client ─▶ connect/trust ─▶ socket
//!                   └─ progress (pbr only there) implements watch::Watch
//! ```

pub mod client;
pub mod connect;
pub mod failure;
pub mod interrupt;
pub mod show;
pub mod transfer;
pub mod trust;
pub mod watch;
