//! A user's home, and the only code that touches a client's names on a disk.

use crate::fault::Fault;
use ftp_proto::message::{Entry, Page, PartEntry};
use ftp_proto::{Etag, VirtualPath};
use std::path::Path;

/// What an `ok` has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The loss of power: file and directory are synced before the reply.
    #[default]
    Full,
    /// The end of the process only.
    Fast,
}

/// One user's `home` and `parts`, held open.
#[derive(Debug)]
pub struct Home {}

/// What a walk through a home found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Bytes of all files in the home.
    pub bytes: u64,
    /// Files and directories in the home.
    pub entries: u64,
    /// Files in the home (a part of `entries`).
    pub files: u64,
    /// Unfinished uploads and the bytes they hold.
    pub parts: Vec<(Etag, u64)>,
}

/// What a rename did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renamed {
    /// The size of the file that was replaced, if one was.
    pub replaced: Option<u64>,
}

impl Home {
    /// Opens `folder/home` and `folder/parts`, making what is missing with mode 0700, and tidies `parts` up.
    ///
    /// # Errors
    /// The folder cannot be used, or the kernel has no `openat2`.
    pub fn open(_folder: &Path, _durability: Durability) -> Result<Self, Fault> {
        unimplemented!()
    }

    /// Counts everything.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn survey(&self) -> Result<Survey, Fault> {
        unimplemented!()
    }

    /// Writes `line` to `folder/last_login`. What fails is not told: nothing depends on it.
    pub fn note_login(&self, _line: &str) {
        unimplemented!()
    }

    /// One entry, with the etag of a file.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn stat(&self, _path: &VirtualPath) -> Result<Entry, Fault> {
        unimplemented!()
    }

    /// Opens a directory for reading.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn list(&self, _path: &VirtualPath) -> Result<Box<Lister>, Fault> {
        unimplemented!()
    }

    /// Makes a directory, durably.
    ///
    /// # Errors
    /// The name is taken, or the directory above is not there.
    pub fn mkdir(&self, _path: &VirtualPath) -> Result<(), Fault> {
        unimplemented!()
    }

    /// Removes an empty directory, durably.
    ///
    /// # Errors
    /// It is not empty, or not a directory.
    pub fn rmdir(&self, _path: &VirtualPath) -> Result<(), Fault> {
        unimplemented!()
    }

    /// Removes a file, durably, and says how many bytes it had.
    ///
    /// # Errors
    /// It is not a file.
    pub fn rm(&self, _path: &VirtualPath) -> Result<u64, Fault> {
        unimplemented!()
    }

    /// Gives an entry another path, durably.
    ///
    /// # Errors
    /// The new name is taken (and may not be replaced), or is within the old one.
    pub fn rename(&self, _from: &VirtualPath, _to: &VirtualPath, _replace: bool) -> Result<Renamed, Fault> {
        unimplemented!()
    }

    /// The unfinished uploads, up to what fits one message.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn parts(&self) -> Result<Vec<PartEntry>, Fault> {
        unimplemented!()
    }

    /// Removes unfinished uploads; says which are gone and what they held, also when it then fails. One that is not there is `not_found`.
    pub fn remove_parts(&self, _ids: &[Etag]) -> (Vec<(Etag, u64)>, Result<(), Fault>) {
        unimplemented!()
    }
}

/// A directory that is being listed.
#[derive(Debug)]
pub struct Lister {}

impl Lister {
    /// Reads the next page, and says whether there may be more. A page is at most `PAGE_ENTRIES` entries and `PAGE_BYTES` of JSON.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn page(self: Box<Self>) -> Result<(Page, Option<Box<Self>>), Fault> {
        unimplemented!()
    }
}
