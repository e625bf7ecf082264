//! What can be wrong with bytes from a peer, and the words in which a daemon refuses.

use serde::{Deserialize, Serialize};

/// A peer broke the framing or the grammar. The connection ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// The kind byte is neither 1 nor 2.
    #[error("a frame of unknown kind")]
    UnknownKind,
    /// The length is zero or over the bound that holds now.
    #[error("a frame with a length out of bounds")]
    Length,
    /// A chunk arrived where none is expected.
    #[error("a chunk where none is expected")]
    UnexpectedChunk,
    /// A chunk frame has no data after its value.
    #[error("a chunk without data")]
    EmptyChunk,
    /// The payload of a message is not the JSON it should be.
    #[error("a message that is not understood")]
    Message,
}

/// The stable word for why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not understood, or not allowed at this point.
    BadRequest,
    /// Only a logged-in session may ask this.
    NotLoggedIn,
    /// The user and the password do not go together.
    LoginRefused,
    /// Too much at once.
    Busy,
    /// No such file or directory.
    NotFound,
    /// The name is taken.
    Exists,
    /// A directory is needed.
    NotADirectory,
    /// A file is needed.
    IsADirectory,
    /// The directory has something in it.
    NotEmpty,
    /// The path or name breaks the rules.
    NameRefused,
    /// It does not fit the user's quota.
    QuotaExceeded,
    /// The account's limit of entries.
    TooManyFiles,
    /// The server's disk is full.
    NoSpace,
    /// The file is another version than the one named.
    Changed,
    /// Bytes do not have the hash they came with.
    DigestMismatch,
    /// A file's bytes on the server's disk are not those that were uploaded.
    Damaged,
    /// Another session works on the same name.
    Conflict,
    /// At the client's wish.
    Aborted,
    /// Too slow, or too long quiet.
    Timeout,
    /// The daemon is ending.
    ShuttingDown,
    /// Something failed at the server.
    Unavailable,
    /// An operation this daemon does not know.
    Unsupported,
}
