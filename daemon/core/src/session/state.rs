//! The states of a session, and what a logged-in one has.
//!
//! ```text
//!  Handshaking ──▶ Guest ◀──▶ Entering ──▶ User ──▶ Leaving ──▶ Gone
//!       │            │  ▲        │          │ │                  ▲
//!       │            │  └────────┼── logout ┘ │                  │
//!       └────────────┴───────────┴────────────┴──────────────────┘   (lost, closed, deadline)
//! ```

use super::effects::Who;
use super::login::Entering;
use super::task::Task;
use ftp_proto::message::{Refusal, Secret};
use std::time::Instant;

/// Where a session is. Each state owns what only it has.
#[derive(Debug)]
pub(super) enum State {
    /// TLS is not done; it must be by then.
    Handshaking { until: Instant },
    /// Nobody is logged in; somebody must be by then.
    Guest { until: Instant },
    /// A login is under way; it must be answered by then.
    Entering { entering: Box<Entering>, until: Instant },
    /// Somebody is logged in.
    User(Box<User>),
    /// The connection is over; what the user had open comes home.
    Leaving(Box<User>),
    /// Nothing is left.
    Gone,
}

impl State {
    /// For the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Handshaking { .. } => "handshaking",
            Self::Guest { .. } => "guest",
            Self::Entering { .. } => "entering",
            Self::User(_) => "user",
            Self::Leaving(_) => "leaving",
            Self::Gone => "gone",
        }
    }
}

/// A user's session.
#[derive(Debug)]
pub(super) struct User {
    pub(super) who: Who,
    pub(super) token: Secret,
    pub(super) since: Instant,
    pub(super) task: Task,
    /// Why the task should end as soon as it can.
    pub(super) doom: Option<Refusal>,
    /// The `abort` to answer when it has.
    pub(super) abort: Option<u64>,
    /// Bytes of chunks received and sent.
    pub(super) received: u64,
    pub(super) sent: u64,
}
