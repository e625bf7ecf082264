//! What can fail, sorted by who must act, and the one road from there to the wire.

use ftp_proto::message::Refusal;
use ftp_proto::{Code, Printable};
use std::io;

/// Why a job did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The client must do something else. The text goes to the client as it is.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// The operator must act: the disk or the set-up failed. The client learns only that it did.
    #[error("{what}: {source}")]
    Local {
        /// What was being done.
        what: &'static str,
        /// How the system answered.
        source: io::Error,
    },
    /// A file is not any more what was uploaded. Both must know: the client to send it again, the operator because the disk may be failing.
    #[error("{} was damaged on the disk since it was uploaded, at byte {offset} or after", Printable(path))]
    Damaged {
        /// Which, as the user names it.
        path: String,
        /// Where the chunk begins that differs.
        offset: u64,
    },
    /// We must act: something that cannot be, was.
    #[error("a bug: {0}")]
    Bug(&'static str),
}

impl Fault {
    /// A refusal with a sentence for the client.
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused(Box::new(Refusal::new(code, message)))
    }

    /// With a word on what the client can do.
    #[must_use]
    pub fn with_hint(self, hint: &str) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(Box::new(refusal.hint(hint))),
            other => other,
        }
    }

    /// What the client is told. No path, error number or other user's name crosses the wire.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => Refusal::clone(refusal),
            Self::Local { source, .. } if is_full(source) => {
                Refusal::new(Code::NoSpace, "the server's disk is full")
                    .hint("tell the administrator, and send it again then; of a large file, what was sent is kept")
            }
            Self::Damaged { offset, .. } => Refusal::new(
                Code::Damaged,
                format!("the file was damaged on the server's disk since it was uploaded, at byte {offset} or after"),
            )
            .hint("upload it again from a good copy, and tell the administrator"),
            Self::Local { .. } | Self::Bug(_) => {
                Refusal::new(Code::Unavailable, "something failed at the server")
                    .hint("its log says what; tell the administrator")
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Names what was being done when a system call failed.
pub trait During<T> {
    /// Turns the error into [`Fault::Local`].
    ///
    /// # Errors
    /// The error it was called on.
    fn during(self, what: &'static str) -> Result<T, Fault>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, what: &'static str) -> Result<T, Fault> {
        self.map_err(|source| Fault::Local { what, source: source.into() })
    }
}
