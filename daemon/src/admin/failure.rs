//! Why a command ended without doing what was asked, and with which exit code.

use crate::config::ConfigFault;
use ftp_core::Fault;
use ftp_core::account::ron_text::nearest;
use ftp_core::account::user_file::{UserFileFault, Users};
use ftp_proto::{Printable, UserName};
use std::io;
use std::process::ExitCode;

/// A sentence for the person and a number for the script.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be done.
    Failed(String),
    /// It was not understood.
    Usage(String),
    /// The same, and what is right is said already.
    Hinted(String),
    /// There is no such user.
    NoSuchUser(String),
    /// The person left at a prompt.
    Left,
    /// Nobody reads our output any more; there is nobody to tell.
    Closed,
}

impl Failure {
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(super) fn no_such_user(name: &str, users: &Users) -> Self {
        let near = nearest(name, users.users.keys().map(UserName::as_str));
        let hint =
            near.map_or_else(|| "See ftp-admin view.".to_owned(), |near| format!("Did you mean {near}?"));
        Self::NoSuchUser(format!("no such user '{}'. {hint}", Printable(name)))
    }

    /// What was being done when the system refused.
    pub(super) fn during(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Failed(format!("cannot {what}: {error}"))
    }

    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Failed(text) | Self::NoSuchUser(text) | Self::Hinted(text) => Some(text.clone()),
            Self::Usage(text) => Some(format!("{text}\nTry 'ftp-admin --help'.")),
            Self::Left => Some("nothing was changed".to_owned()),
            Self::Closed => None,
        }
    }

    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Closed => 0,
            Self::Failed(_) | Self::Left => 1,
            Self::Usage(_) | Self::Hinted(_) => 2,
            Self::NoSuchUser(_) => 6,
        })
    }
}

impl From<UserFileFault> for Failure {
    fn from(fault: UserFileFault) -> Self {
        Self::Failed(fault.0)
    }
}

impl From<ConfigFault> for Failure {
    fn from(fault: ConfigFault) -> Self {
        Self::Failed(fault.0)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.to_string())
    }
}
