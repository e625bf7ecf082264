//! What goes to `login.log` and `operate.log`, as values. How a line looks is the daemon's business.

use crate::account::penalties::Offence;
use ftp_proto::{Code, Root, UserName, VirtualPath};
use std::net::SocketAddr;
use std::time::Duration;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audit {
    /// Someone became a user, or did not, or ceased to be one.
    Login {
        /// From where.
        peer: SocketAddr,
        /// The name as it was given; not a checked one. Escape it.
        user: String,
        /// What happened.
        event: LoginEvent,
    },
    /// A user did something to a file.
    Operate(Operate),
    /// A source has to pay for how a login or a connection ended: for the debug log, unless it begins to have to wait.
    Charged {
        /// Who.
        peer: SocketAddr,
        /// For what.
        offence: Offence,
        /// From now on it has to wait, and had not to before.
        slowed: bool,
    },
    /// A session went from one state to another: for the debug log.
    State {
        /// Whose.
        peer: SocketAddr,
        /// From where.
        from: &'static str,
        /// Where to.
        to: &'static str,
    },
    /// Something failed at our side: for the operator.
    Failed {
        /// From where the request came.
        peer: SocketAddr,
        /// Whose.
        user: Option<UserName>,
        /// What failed and how, with what the client is not told.
        what: String,
    },
}

/// What a user did to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operate {
    /// From where.
    pub peer: SocketAddr,
    /// Who.
    pub user: UserName,
    /// The word of the request: `get`, `put`, `rm`, `mkdir`, `rmdir`, `rename`.
    pub op: &'static str,
    /// On what. Escape it.
    pub path: VirtualPath,
    /// The new path of a rename.
    pub to: Option<VirtualPath>,
    /// Bytes of the file that went over the wire (get, put) or were freed (rm).
    pub bytes: u64,
    /// From the request to the answer.
    pub took: Duration,
    /// The root of a whole transfer.
    pub root: Option<Root>,
    /// How it ended.
    pub result: Result<(), Code>,
}

/// What happened to a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginEvent {
    /// With the password or with a token.
    Accepted {
        /// `password` or `token`.
        by: &'static str,
        /// How long it took.
        took: Duration,
    },
    /// It was refused; `why` is a word like `wrong_password`, `unknown_user`, `penalty`, `queue_full`, `bad_token`, `drain`.
    Refused {
        /// The reason, which the peer is not told.
        why: &'static str,
        /// What the peer was told.
        code: Code,
    },
    /// It ended; `why` is a word like `logout`, `closed`, `lost`, `idle`, `account_changed`, `drain`, `protocol`.
    Ended {
        /// The reason.
        why: &'static str,
        /// How long it was.
        after: Duration,
        /// Bytes of files received.
        received: u64,
        /// Bytes of files sent.
        sent: u64,
    },
}
