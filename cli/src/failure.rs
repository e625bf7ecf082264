//! What went wrong, what to do about it, and the exit code that says so.

use ftp_proto::message::Refusal;
use ftp_proto::{Code, Printable};
use std::fmt::Display;
use std::io;
use std::path::Path;

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

impl Cause {
    /// The exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self as u8
    }

    /// The kind, in a word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Connection => "connection",
            Self::Login => "login",
            Self::Identity => "identity",
            Self::NotFound => "not_found",
            Self::NotPermitted => "not_permitted",
            Self::Full => "full",
            Self::Verification => "verification",
            Self::Interrupted => "interrupted",
        }
    }
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

impl Failure {
    /// A failure that leaves the connection as it is.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), hint: None, fatal: false, refusal: None }
    }

    /// A command that is not understood.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Cause::Usage, message)
    }

    /// The connection is gone.
    pub fn lost(message: impl Into<String>) -> Self {
        Self { fatal: true, ..Self::new(Cause::Connection, message) }
    }

    /// The daemon does not keep to the protocol.
    #[must_use]
    pub fn protocol(what: &str) -> Self {
        Self::lost(format!("the server does not keep to the protocol: {what}"))
    }

    /// Ctrl-C.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Cause::Interrupted, "stopped")
    }

    /// A file of this machine cannot be worked on.
    pub fn local(path: &Path, what: impl Display, error: &io::Error) -> Self {
        let in_the_way = match error.kind() {
            io::ErrorKind::NotADirectory => Some("it, or what is above it, is no folder"),
            io::ErrorKind::AlreadyExists => Some("something else of that name is there"),
            _ => None,
        };
        if let Some(why) = in_the_way {
            let message = format!("{}: cannot {what}: {why}", shown(path));
            return Self::new(Cause::NotPermitted, message);
        }
        let cause = match error.kind() {
            io::ErrorKind::NotFound => Cause::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Cause::NotPermitted,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Cause::Full,
            _ => Cause::Failed,
        };
        let failure = Self::new(cause, format!("{}: cannot {what}: {error}", shown(path)));
        match cause {
            Cause::Full => failure.hint("make room there; the same command goes on where it stopped"),
            Cause::NotPermitted => failure.hint("check the permissions, or use another folder (lcd, -o)"),
            _ => failure,
        }
    }

    /// What the daemon said.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        let cause = match refusal.code {
            Code::LoginRefused | Code::NotLoggedIn => Cause::Login,
            Code::NotFound => Cause::NotFound,
            Code::Exists
            | Code::NotADirectory
            | Code::IsADirectory
            | Code::NotEmpty
            | Code::NameRefused
            | Code::Conflict => Cause::NotPermitted,
            Code::QuotaExceeded | Code::TooManyFiles | Code::NoSpace => Cause::Full,
            Code::Changed | Code::DigestMismatch | Code::Damaged => Cause::Verification,
            Code::Timeout | Code::ShuttingDown => Cause::Connection,
            // Who presses Ctrl-C knows it without the daemon.
            Code::Aborted | Code::Busy | Code::BadRequest | Code::Unavailable | Code::Unsupported => {
                Cause::Failed
            }
        };
        let message = Printable(&refusal.message).to_string();
        let hint = refusal.hint.as_deref().map(|hint| Printable(hint).to_string());
        Self { cause, message, hint, fatal: false, refusal: Some(Box::new(refusal)) }
    }

    /// The word with which the daemon refused, if it did.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.refusal.as_ref().map(|refusal| refusal.code)
    }

    /// With a word on what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a guess at what was meant, as a sentence behind what happened.
    #[must_use]
    pub fn guess(mut self, guess: impl Display) -> Self {
        self.message = format!("{}. {guess}", self.message);
        self
    }

    /// With the thing it is about in front, unless it is named already.
    #[must_use]
    pub fn about(mut self, what: impl Display) -> Self {
        let what = what.to_string();
        if !self.message.contains(what.trim_end_matches('/')) {
            self.message = format!("{what}: {}", self.message);
        }
        self
    }

    /// After which the connection cannot be used.
    #[must_use]
    pub fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }
}

/// A local path for the eye.
#[must_use]
pub fn shown(path: &Path) -> String {
    Printable(&path.to_string_lossy()).to_string()
}
