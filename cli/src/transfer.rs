//! Downloads and uploads that resume, are verified, and put a file in place only when it is whole.

use crate::client::Client;
use crate::failure::Failure;
use crate::watch::Watch;
use ftp_proto::{Md5Sum, Root, VirtualPath};
use std::path::Path;
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
    /// It was there already, and identical: nothing moved.
    pub identical: bool,
}

/// Downloads `remote` to the file `local`, through `local`'s sibling `<name>.part` and its sidecar `<name>.part.cv`. Ctrl-C, a lost connection and a full disk keep the part.
///
/// # Errors
/// What happened and what to do; after [`Cause::Interrupted`](crate::failure::Cause::Interrupted) the client can still be used unless `fatal` is set.
pub fn get(
    _client: &mut Client,
    _remote: &VirtualPath,
    _local: &Path,
    _md5: bool,
    _watch: &mut dyn Watch,
) -> Result<Report, Failure> {
    unimplemented!()
}

/// Uploads the file `local` to `remote`.
///
/// # Errors
/// As [`get`].
pub fn put(
    _client: &mut Client,
    _local: &Path,
    _remote: &VirtualPath,
    _md5: bool,
    _watch: &mut dyn Watch,
) -> Result<Report, Failure> {
    unimplemented!()
}
