//! The client: an interactive session and a tool for scripts, over one blocking TLS connection.
//!
//! ```text
//! args ─▶ shell ─▶ command ─▶ session ─▶ transfer ─▶ client ─▶ link: connect/trust ─▶ socket
//!                     └─ progress (pbr only there) implements watch::Watch
//! ```

pub mod args;
pub mod client;
pub mod command;
pub mod config;
pub mod connect;
pub mod console;
pub mod event;
pub mod failure;
pub mod glob;
pub mod interrupt;
pub mod limit;
pub mod link;
pub mod manual;
pub mod netrc;
pub mod progress;
pub mod session;
pub mod shell;
pub mod show;
pub mod steps;
pub mod transfer;
pub mod trust;
pub mod watch;
pub mod words;
