//! The native protocol's session: one `Machine` per connection.
//!
//! ```text
//!   inbox ──▶ Session ──▶ login │ task ──▶ command · get · put ──▶ effects (outbox, jobs, notes)
//! ```
//!
//! Requests are carried out in order, with at most one job under way, which is that of one request or of several small ones; only `ping` and `abort`
//! are answered as they are read.
//! Not here: what a job does (`transfer`, `vfs`), sockets, TLS.

mod command;
mod effects;
mod explain;
mod get;
mod inbox;
mod lifecycle;
mod login;
mod machine;
mod outbox;
mod put;
mod several;
mod state;
mod task;
#[cfg(test)]
mod tests;

pub use crate::registry::{Setup, Shared};
pub use machine::Session;
