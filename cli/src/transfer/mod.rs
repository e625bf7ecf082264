//! Downloads and uploads that resume, are verified, and put a file in place only when it is whole.

mod arrivals;
mod get;
mod local;
mod place;
mod put;
mod unfinished;
mod unnamed;
mod writer;

pub(crate) use arrivals::{Arrival, Arrivals, Fate};
pub use get::get;
pub use local::{LocalSum, Opened, is_hidden_part};
pub use place::{Folder, Found, Place};
pub use put::put;
pub(crate) use put::{Sent, Small};
pub use unfinished::{Unfinished, unfinished};
pub(crate) use unnamed::Unnamed;

use ftp_proto::{Md5Sum, Root};
use std::time::Duration;

/// How a transfer went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file's size.
    pub size: u64,
    /// How much of it an earlier attempt had brought.
    pub resumed: u64,
    /// Bytes of the file that moved now.
    pub moved: u64,
    /// How long that took.
    pub took: Duration,
    /// The hash that both ends computed.
    pub root: Root,
    /// The MD5 that both ends computed, if it was asked for.
    pub md5: Option<Md5Sum>,
}
