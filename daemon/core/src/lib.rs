//! Accounts, homes, quotas, transfer files and the session: all of the daemon but sockets, TLS and threads.
//!
//! ```text
//! bytes, events ──▶ session::Session (a machine::Machine) ──▶ bytes, actions
//!                        │ Action::Submit(Job)      ▲ Event::Done(Outcome)
//!                        ▼                          │
//!                   job ──▶ account · vfs · transfer   (blocking; only a worker runs it)
//! ```
//!
//! The session and everything it holds is pure: it is given the time, and what blocks goes out as a [`job::Job`], a value that owns what it
//! works on and comes back as an [`job::Outcome`]. Only [`vfs`] touches a client's names on the disk. Not here: sockets, TLS, clocks, threads.

pub mod account;
pub mod audit;
pub mod fault;
pub mod job;
pub mod limits;
pub mod machine;
pub mod quota;
pub mod registry;
pub mod session;
pub mod tokens;
pub mod transfer;
pub mod vfs;

pub use fault::Fault;
pub use limits::Limits;
