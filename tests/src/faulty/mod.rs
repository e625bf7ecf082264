//! A disk that fails when it is told to.
//!
//! ```text
//!  harness                          examples/faulty_daemon
//!  Control ◀── Unix socket, JSON ──▶ Faults ◀── FaultyDisk, around the machine's
//! ```
//!
//! The harness sets [`Rule`]s; each counts the operations it is about from then on, and does something to one of them or to all: kill the daemon before
//! it, after it or half-way through, fail it, leave it out, let it panic, hold it up, or stop there until the harness says to go on.

mod control;
mod disk;
mod faults;
mod rule;

pub use control::{Control, Stop};
pub use disk::FaultyDisk;
pub use faults::Faults;
pub use rule::{Effect, Op, Rule, Which};

/// Names the socket of the harness for the daemon.
pub const SOCKET: &str = "FTPD_FAULTS";
