//! What the answers carry: the members of an `ok` or a `begin`, by request.

use super::{PartId, Secret};
use crate::digest::{Etag, Md5Sum, PrefixHash, Root};
use crate::path::{Name, UserName, VirtualPath};
use serde::{Deserialize, Serialize};

/// An `ok` without members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Bytes that count against the quota.
    pub used: u64,
    /// The most bytes; none means no limit.
    pub quota: Option<u64>,
    /// Files, directories and unfinished uploads.
    pub entries: u64,
    /// The most of those.
    pub entries_limit: u64,
}

/// The `ok` of `login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedIn {
    /// Who.
    pub user: UserName,
    /// For the next login instead of the password.
    pub token: Secret,
    /// How long the token lasts unused.
    pub token_seconds: u64,
    /// The account.
    pub account: Account,
}

/// The `ok` of `info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Who.
    pub user: UserName,
    /// The account.
    pub account: Account,
    /// Name and version of the daemon.
    pub software: String,
    /// The client's address as the daemon sees it.
    pub peer: String,
    /// The connection.
    pub tls: TlsFacts,
    /// How long the daemon runs.
    pub uptime_seconds: u64,
}

/// What TLS agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TlsFacts {
    /// As `TLSv1.3`.
    pub version: String,
    /// As `TLS13_AES_128_GCM_SHA256`.
    pub suite: String,
    /// As `X25519MLKEM768`.
    pub group: String,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// Something that can only be listed.
    Other,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name; none for the root.
    pub name: Option<Name>,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file; 0 otherwise.
    pub size: u64,
    /// Modification time, in seconds since 1970.
    pub mtime: i64,
    /// The version of a file, in the answer to `stat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<Etag>,
}

impl Entry {
    /// The bytes of its name.
    #[must_use]
    pub fn name_len(&self) -> usize {
        self.name.as_ref().map_or(0, |name| name.as_str().len())
    }
}

/// The `ok` of `stat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The entry.
    pub entry: Entry,
}

/// Part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// In no order.
    pub entries: Vec<Entry>,
}

/// The `ok` of `list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// How many there were in all.
    pub entries: u64,
}

/// The `ok` of `rm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// What was freed.
    pub bytes: u64,
}

/// The `ok` of `sum`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The file's size.
    pub size: u64,
    /// Its modification time.
    pub mtime: i64,
    /// Its version.
    pub etag: Etag,
    /// Its root.
    pub root: Root,
    /// Its MD5, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<Md5Sum>,
    /// The root is that of what was uploaded: nothing was read now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// An unfinished upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEntry {
    /// Its name for `parts_rm`.
    pub id: PartId,
    /// What it will be.
    pub path: VirtualPath,
    /// The whole size.
    pub size: u64,
    /// What is there.
    pub have: u64,
    /// When it was last written to, in seconds since 1970.
    pub mtime: i64,
}

/// The `ok` of `parts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// All of them, up to what fits one message.
    pub parts: Vec<PartEntry>,
}

/// The `ok` of `parts_rm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartsRemoved {
    /// How many.
    pub parts: u64,
    /// What was freed.
    pub bytes: u64,
}

/// The `begin` of `get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBegin {
    /// The whole size.
    pub size: u64,
    /// The modification time.
    pub mtime: i64,
    /// The version.
    pub etag: Etag,
    /// The prefix hash up to the offset that was asked for.
    pub prefix: PrefixHash,
    /// The values that follow are those of what was uploaded: where bytes differ from them, the disk may be at fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// The `ok` of `get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEnd {
    /// The root of the whole file.
    pub root: Root,
    /// Its MD5, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<Md5Sum>,
}

/// The `begin` of `put`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBegin {
    /// From where chunks are wanted.
    pub offset: u64,
    /// The prefix hash up to there.
    pub prefix: PrefixHash,
}

/// The `ok` of `put`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The file's size.
    pub size: u64,
    /// Its modification time.
    pub mtime: i64,
    /// Its version.
    pub etag: Etag,
    /// Its root.
    pub root: Root,
    /// Its MD5, if the put said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<Md5Sum>,
}
