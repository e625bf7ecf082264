//! What went wrong, what to do about it, and the exit code that says so.

use ftp_proto::message::Refusal;

/// The kinds of failure; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Anything else.
    Failed = 1,
    /// The command line, a config or a command is wrong.
    Usage = 2,
    /// No connection, or it was lost.
    Connection = 3,
    /// The user or the password was refused.
    Login = 4,
    /// The server is not the one it should be.
    Identity = 5,
    /// No such file or directory.
    NotFound = 6,
    /// The name is taken, not empty, refused, or may not be read.
    NotPermitted = 7,
    /// The quota or the disk is full.
    Full = 8,
    /// Bytes do not have the hash they should have, or the file changed meanwhile.
    Verification = 9,
    /// Ctrl-C.
    Interrupted = 130,
}

/// A failure, ready to be shown: what happened, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The kind.
    pub cause: Cause,
    /// What happened; already printable.
    pub message: String,
    /// What to do about it; already printable.
    pub hint: Option<String>,
    /// The connection cannot be used any more.
    pub fatal: bool,
    /// What the daemon said, if it was the daemon.
    pub refusal: Option<Box<Refusal>>,
}
