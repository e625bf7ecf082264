//! A user's home, and the only code that touches a client's names on a disk.
//!
//! ```text
//! users/<name>/home        what the client sees as '/'
//! users/<name>/parts       <id>.part and <id>.cv: unfinished uploads; no client can name anything here
//! users/<name>/last_login  one line for the administrator
//! ```
//!
//! `jail` has the system calls, `listing` reads directories. Everything here blocks: only workers call it.

mod jail;
mod listing;
pub(crate) mod parts;
#[cfg(test)]
pub(crate) mod tests;

pub use listing::Lister;

pub(crate) use jail::Facts;

use crate::fault::{During as _, Fault};
use ftp_proto::limits::DEPTH;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Etag, Printable, VirtualPath};
use rustix::fs::Mode;
use rustix::io::Errno;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
pub struct Home {
    folder: OwnedFd,
    root: OwnedFd,
    parts: OwnedFd,
    /// Held from looking at a name to changing it, so that what is reported as freed or replaced is exact. Never held over a sync.
    names: Mutex<()>,
    durability: Durability,
}

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
    /// Opens `folder/home` and `folder/parts`, making what is missing with mode 0700, and tidies `parts` up. No session of the user may be open.
    ///
    /// # Errors
    /// The folder cannot be used, or the kernel has no `openat2`.
    pub fn open(folder: &Path, durability: Durability) -> Result<Self, Fault> {
        let make = |result: Result<(), Errno>| match result {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error).during("make a user's folder"),
        };
        let Some((above, name)) = folder.parent().zip(folder.file_name().and_then(|name| name.to_str()))
        else {
            return Err(Fault::Bug("a user's folder has no name"));
        };
        let above = File::open(above).during("open the folder of all users")?;
        make(rustix::fs::mkdirat(&above, name, Mode::RWXU))?;
        let folder = jail::open_own(&above, name)?;
        make(rustix::fs::mkdirat(&folder, "home", Mode::RWXU))?;
        make(rustix::fs::mkdirat(&folder, "parts", Mode::RWXU))?;
        let (root, parts) = (jail::open_own(&folder, "home")?, jail::open_own(&folder, "parts")?);
        let home = Self { folder, root, parts, names: Mutex::new(()), durability };
        home.sync(&home.folder)?;
        home.tidy_parts()?;
        Ok(home)
    }

    /// Counts everything.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn survey(&self) -> Result<Survey, Fault> {
        let count = listing::count(jail::open_own(&self.folder, "home")?)?;
        Ok(Survey {
            bytes: count.bytes,
            entries: count.entries,
            files: count.files,
            parts: self.part_sizes()?,
        })
    }

    /// Writes `line` to `folder/last_login`. What fails is not told: nothing depends on it.
    pub fn note_login(&self, line: &str) {
        let _unimportant = (|| -> std::io::Result<()> {
            let flags = rustix::fs::OFlags::WRONLY
                | rustix::fs::OFlags::CREATE
                | rustix::fs::OFlags::TRUNC
                | rustix::fs::OFlags::NOFOLLOW
                | rustix::fs::OFlags::CLOEXEC;
            let new = rustix::fs::openat(&self.folder, "last_login.new", flags, Mode::RUSR | Mode::WUSR)?;
            File::from(new).write_all(line.as_bytes())?;
            Ok(rustix::fs::renameat(&self.folder, "last_login.new", &self.folder, "last_login")?)
        })();
    }

    fn names(&self) -> MutexGuard<'_, ()> {
        // It guards no data: a panic elsewhere leaves nothing half done under it.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self, directory: &OwnedFd) -> Result<(), Fault> {
        match self.durability {
            Durability::Full => rustix::fs::fsync(directory).during("make a directory durable"),
            Durability::Fast => Ok(()),
        }
    }

    pub(crate) fn sync_file(&self, file: &File) -> Result<(), Fault> {
        match self.durability {
            Durability::Full => file.sync_all().during("make a file durable"),
            Durability::Fast => Ok(()),
        }
    }

    /// One entry, with the etag of a file.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn stat(&self, path: &VirtualPath) -> Result<Entry, Fault> {
        let (facts, name) = if path.is_root() {
            (Facts::of(&rustix::fs::fstat(&self.root).during("look at a home")?), None)
        } else {
            let (dir, leaf) = jail::parent(&self.root, path)?;
            (jail::look(&dir, leaf.as_str())?.ok_or_else(|| not_found(path))?, Some(leaf.clone()))
        };
        let etag = (facts.kind == Kind::File).then_some(facts.etag);
        Ok(Entry { name, kind: facts.kind, size: facts.size, mtime: facts.mtime, etag })
    }

    /// Opens a directory for reading.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn list(&self, path: &VirtualPath) -> Result<Box<Lister>, Fault> {
        Lister::new(jail::directory(&self.root, path.names(), path)?)
    }

    /// Opens a file for reading.
    pub(crate) fn open_read(&self, path: &VirtualPath) -> Result<(File, Facts), Fault> {
        jail::open_read(&self.root, path)
    }

    /// Makes a directory, durably.
    ///
    /// # Errors
    /// The name is taken, or the directory above is not there.
    pub fn mkdir(&self, path: &VirtualPath) -> Result<(), Fault> {
        let (dir, leaf) = jail::parent(&self.root, path)?;
        jail::mkdir(&dir, leaf, path)?;
        self.sync(&dir)
    }

    /// Removes an empty directory, durably.
    ///
    /// # Errors
    /// It is not empty, or not a directory.
    pub fn rmdir(&self, path: &VirtualPath) -> Result<(), Fault> {
        let (dir, leaf) = jail::parent(&self.root, path)?;
        jail::rmdir(&dir, leaf, path)?;
        self.sync(&dir)
    }

    /// Removes a file, durably, and says how many bytes it had.
    ///
    /// # Errors
    /// It is not a file.
    pub fn rm(&self, path: &VirtualPath) -> Result<u64, Fault> {
        let (dir, leaf) = jail::parent(&self.root, path)?;
        let size = {
            let _names = self.names();
            let facts = jail::look(&dir, leaf.as_str())?.ok_or_else(|| not_found(path))?;
            facts.expect_file(path)?;
            jail::unlink(&dir, leaf, path)?;
            facts.size
        };
        self.sync(&dir)?;
        Ok(size)
    }

    /// Gives an entry another path, durably. Only a file can be replaced, and only by a file.
    ///
    /// # Errors
    /// The new name is taken (and may not be replaced), or is within the old one.
    pub fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Result<Renamed, Fault> {
        if to.is_within(from) && to != from {
            return Err(Fault::refused(Code::NameRefused, "a directory cannot be moved into itself"));
        }
        let (from_dir, from_leaf) = jail::parent(&self.root, from)?;
        let (to_dir, to_leaf) = jail::parent(&self.root, to)?;
        self.check_depth(from, to)?;
        let replaced = {
            let _names = self.names();
            let what = jail::look(&from_dir, from_leaf.as_str())?.ok_or_else(|| not_found(from))?;
            if what.kind != Kind::Dir {
                what.expect_file(from)?;
            }
            let there = if from == to { None } else { jail::look(&to_dir, to_leaf.as_str())? };
            if there
                .is_some_and(|there| !replace || what.kind != Kind::File || there.expect_file(to).is_err())
            {
                let shown = to.to_string();
                return Err(Fault::refused(Code::Exists, format!("{} exists", Printable(&shown))));
            }
            if from != to {
                let replace = there.is_some();
                jail::rename((&from_dir, from_leaf.as_str()), (&to_dir, to_leaf.as_str()), replace, to)?;
            }
            there.map(|there| there.size)
        };
        self.sync(&to_dir)?;
        self.sync(&from_dir)?;
        Ok(Renamed { replaced })
    }

    /// Refuses to move a tree to where its deepest directory could not be named any more.
    fn check_depth(&self, from: &VirtualPath, to: &VirtualPath) -> Result<(), Fault> {
        if to.names().len() <= from.names().len() {
            return Ok(());
        }
        let Ok(tree) = jail::directory(&self.root, from.names(), from) else { return Ok(()) };
        // A file in the deepest directory is one more level.
        if to.names().len() + listing::count(tree)?.depth + 1 > DEPTH {
            return Err(Fault::refused(
                Code::NameRefused,
                format!("a path would have more than {DEPTH} names"),
            ));
        }
        Ok(())
    }

    /// Checks that a file can be put at `path`, before any of it is sent.
    pub(crate) fn expect_target(&self, path: &VirtualPath) -> Result<(), Fault> {
        if path.is_root() {
            return Err(Fault::refused(Code::IsADirectory, "/ is a directory"));
        }
        let (dir, leaf) = jail::parent(&self.root, path)?;
        jail::look(&dir, leaf.as_str())?.map_or(Ok(()), |facts| facts.expect_file(path))
    }

    /// Puts a file of `parts` in place. Says what it replaced; and what failed after it was in place already.
    pub(crate) fn publish(
        &self,
        part: &str,
        path: &VirtualPath,
    ) -> Result<(Option<u64>, Result<(), Fault>), Fault> {
        let (dir, leaf) = jail::parent(&self.root, path)?;
        let replaced = {
            let _names = self.names();
            let there = jail::look(&dir, leaf.as_str())?;
            there.map_or(Ok(()), |facts| facts.expect_file(path))?;
            jail::rename((&self.parts, part), (&dir, leaf.as_str()), there.is_some(), path)?;
            there.map(|there| there.size)
        };
        Ok((replaced, self.sync(&dir)))
    }
}

fn not_found(path: &VirtualPath) -> Fault {
    let shown = path.to_string();
    Fault::refused(Code::NotFound, format!("{}: no such file or directory", Printable(&shown)))
}
