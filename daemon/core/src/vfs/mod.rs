//! A user's home, and the only code that touches a client's names on a disk.
//!
//! ```text
//! users/<name>/home        what the client sees as '/'
//! users/<name>/parts       <id>.part and <id>.cv: unfinished uploads; no client can name anything here
//! users/<name>/trees       <inode>: the values of a file's chunks; nor anything here
//! users/<name>/last_login  one line for the administrator
//! ```
//!
//! `storage` says what is needed of a disk, and `jail` has the system calls of the real one; `listing` reads directories, `parts` keeps what is
//! unfinished, `trees` what files should be; `removals` takes names away. Everything here blocks: only workers call it.

mod explain;
mod jail;
mod listing;
mod near;
pub(crate) mod parts;
mod removals;
mod storage;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod trees;

pub use jail::Jail;
pub use listing::Lister;
pub(crate) use near::Near;
pub(crate) use removals::{Removal, Synced};
pub use storage::{Entries, Facts, Folder, OpenFile, Storage, Time, Watch};

use crate::fault::{During as _, Fault};
pub(crate) use explain::exists;
use explain::{denied, expect_file, not_found, nothing_above};
use ftp_proto::limits::DEPTH;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Etag, Name, Printable, UserName, VirtualPath};
use rustix::io::Errno;
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
    folder: Box<dyn Folder>,
    root: Box<dyn Folder>,
    parts: Box<dyn Folder>,
    /// None where it cannot be had: everything works without.
    trees: Option<Box<dyn Folder>>,
    /// Another process has it open as well: nothing is made in it.
    beside: bool,
    /// Files can be made without a name, and named later. Only on disks of which that is known: ZFS waits for the disk at each name.
    unnamed: bool,
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
    /// Opens `home` and `parts` of a user, making what is missing, and tidies `parts` up. No session of the user may be open.
    ///
    /// What an earlier process left unsynced is durable by now: the daemon sees to that when it starts.
    ///
    /// # Errors
    /// The folder cannot be used, or the kernel has no `openat2`.
    pub fn open(storage: &dyn Storage, user: &UserName, durability: Durability) -> Result<Self, Fault> {
        let users = storage.users().during("open the folder of all users")?;
        let folder = own(&*users, user.as_str())?;
        let (root, parts) = (own(&*folder, "home")?, own(&*folder, "parts")?);
        let trees = own(&*folder, "trees").ok();
        let names = Mutex::new(());
        let mut home = Self { folder, root, parts, trees, beside: false, unnamed: false, names, durability };
        home.sync(&*users)?;
        home.sync(&*home.folder)?;
        home.tidy_parts()?;
        home.unnamed = home.parts.watch().is_ok() && home.names_unnamed();
        Ok(home)
    }

    /// Opens what there is of a user's folders, to be looked at while the daemon may work on them; none if there is nothing yet.
    ///
    /// # Errors
    /// A folder cannot be used, or the kernel has no `openat2`.
    pub fn beside(storage: &dyn Storage, user: &UserName) -> Result<Option<Self>, Fault> {
        let there = |folder| match folder {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error).during("open a user's folder"),
        };
        let Some(users) = there(storage.users())? else { return Ok(None) };
        let Some(folder) = there(users.directory(user.as_str().as_ref()))? else { return Ok(None) };
        let below = |name: &str| there(folder.directory(name.as_ref()));
        let (Some(root), Some(parts), trees) = (below("home")?, below("parts")?, below("trees")?) else {
            return Ok(None);
        };
        let names = Mutex::new(());
        Ok(Some(Self {
            folder,
            root,
            parts,
            trees,
            beside: true,
            unnamed: false,
            names,
            durability: Durability::Fast,
        }))
    }

    /// Counts everything, and drops the trees of files that are not there. No session of the user may be open.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn survey(&self) -> Result<Survey, Fault> {
        let root = self.root.directory(".".as_ref()).during("open a user's folder")?;
        let trees = self.tidy_trees();
        let mut is_there = vec![false; trees.len()];
        let count = listing::count(root, &mut |facts| {
            if let Ok(at) = trees.binary_search(&facts.inode) {
                is_there[at] |= facts.kind == Kind::File && trees::is_worth(facts.size);
            }
        })?;
        self.drop_trees(trees.iter().zip(is_there).filter(|(_, there)| !there).map(|(inode, _)| *inode));
        Ok(Survey {
            bytes: count.bytes,
            entries: count.entries,
            files: count.files,
            parts: self.part_sizes()?,
        })
    }

    /// Writes `line` to `folder/last_login`. What fails is not told: nothing depends on it.
    pub fn note_login(&self, line: &str) {
        const NEW: &str = "last_login.new";
        let _unimportant = (|| -> std::io::Result<()> {
            match self.folder.unlink(NEW) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            self.folder.create(NEW)?.write_all_at(line.as_bytes(), 0)?;
            Ok(self.folder.rename(NEW, &*self.folder, "last_login", true)?)
        })();
    }

    /// Opens the directory that `names` lead to.
    fn directory(&self, names: &[Name], shown: &VirtualPath) -> Result<Box<dyn Folder>, Fault> {
        let path = match names {
            [] => ".".to_owned(),
            names => names.iter().map(Name::as_str).collect::<Vec<_>>().join("/"),
        };
        self.root.directory(path.as_ref()).map_err(|error| denied(error, shown, "open a directory"))
    }

    /// Opens the directory above a path, for a call on its last name.
    fn parent<'a>(&self, path: &'a VirtualPath) -> Result<(Box<dyn Folder>, &'a str), Fault> {
        let (names, leaf) =
            path.split_last().map_err(|fault| Fault::refused(Code::NameRefused, fault.to_string()))?;
        let dir = self.directory(names, path).map_err(|fault| match fault {
            Fault::Refused(refusal) if refusal.code == Code::NotFound => nothing_above(path, names),
            fault => fault,
        })?;
        Ok((dir, leaf.as_str()))
    }

    fn names(&self) -> MutexGuard<'_, ()> {
        // It guards no data: a panic elsewhere leaves nothing half done under it.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self, directory: &dyn Folder) -> Result<(), Fault> {
        match self.durability {
            Durability::Full => directory.sync().during("make a directory durable"),
            Durability::Fast => Ok(()),
        }
    }

    /// Has the disk begin with what [`Home::sync_file`] will wait for.
    pub(crate) fn begin_sync(&self, file: &dyn OpenFile, offset: u64, len: u64) {
        if self.durability == Durability::Full {
            file.begin_sync(offset, len);
        }
    }

    pub(crate) fn sync_file(&self, file: &dyn OpenFile) -> Result<(), Fault> {
        match self.durability {
            Durability::Full => file.sync().during("make a file durable"),
            Durability::Fast => Ok(()),
        }
    }

    /// Watches the disk, if there is something to be made durable; none also where the system cannot.
    pub(crate) fn watch(&self) -> Option<Box<dyn Watch>> {
        match self.durability {
            Durability::Full => self.parts.watch().ok(),
            Durability::Fast => None,
        }
    }

    /// Makes the names in a directory durable, for several files in it that need to know how it went.
    pub(crate) fn sync_names(&self, directory: &dyn Folder) -> Result<(), Errno> {
        match self.durability {
            Durability::Full => directory.sync(),
            Durability::Fast => Ok(()),
        }
    }

    /// One entry, with the etag of a file.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn stat(&self, path: &VirtualPath) -> Result<Entry, Fault> {
        let (facts, name) = if path.is_root() {
            (self.root.facts().during("look at a home")?, None)
        } else {
            let (dir, leaf) = self.parent(path)?;
            (look(&*dir, leaf)?.ok_or_else(|| not_found(path))?, path.names().last().cloned())
        };
        let etag = (facts.kind == Kind::File).then(|| facts.etag());
        Ok(Entry { name, kind: facts.kind, size: facts.size, mtime: facts.mtime.0, etag })
    }

    /// Opens a directory for reading.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn list(&self, path: &VirtualPath) -> Result<Box<Lister>, Fault> {
        Lister::new(self.directory(path.names(), path)?)
    }

    /// Opens a regular file with one name for reading.
    #[cfg(test)]
    pub(crate) fn open_read(&self, path: &VirtualPath) -> Result<(Box<dyn OpenFile>, Facts), Fault> {
        self.open_near(path, &mut Near::default())
    }

    /// The same, from the directory that was worked in last if it is that one.
    pub(crate) fn open_near(
        &self,
        path: &VirtualPath,
        near: &mut Near,
    ) -> Result<(Box<dyn OpenFile>, Facts), Fault> {
        let (dir, leaf) = near.parent(self, path)?;
        let file = dir.open(leaf).map_err(|error| denied(error, path, "open a file"))?;
        let facts = file.facts().during("look at an open file")?;
        expect_file(&facts, path)?;
        Ok((file, facts))
    }

    /// Makes a directory, durably.
    ///
    /// # Errors
    /// The name is taken, or the directory above is not there.
    pub fn mkdir(&self, path: &VirtualPath) -> Result<(), Fault> {
        let (dir, leaf) = self.parent(path)?;
        dir.mkdir(leaf).map_err(|error| denied(error, path, "make a directory"))?;
        self.sync(&*dir).inspect_err(|_| {
            // Nobody may find it and put something into it that is then called durable.
            let _best_effort = dir.rmdir(leaf);
        })
    }

    /// Gives an entry another path, durably. Only a file can be replaced, and only by a file.
    ///
    /// # Errors
    /// The new name is taken (and may not be replaced), or is within the old one.
    pub fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Result<Renamed, Fault> {
        if to.is_within(from) && to != from {
            return Err(Fault::refused(Code::NameRefused, "a directory cannot be moved into itself"));
        }
        let (from_dir, from_leaf) = self.parent(from)?;
        let (to_dir, to_leaf) = self.parent(to)?;
        self.check_depth(from, to)?;
        let replaced = {
            let _names = self.names();
            let what = look(&*from_dir, from_leaf)?.ok_or_else(|| not_found(from))?;
            if what.kind != Kind::Dir {
                expect_file(&what, from)?;
            }
            let there = if from == to { None } else { look(&*to_dir, to_leaf)? };
            if there
                .is_some_and(|there| !replace || what.kind != Kind::File || expect_file(&there, to).is_err())
            {
                let shown = to.to_string();
                return Err(Fault::refused(Code::Exists, format!("{} exists", Printable(&shown))));
            }
            if from != to {
                from_dir
                    .rename(from_leaf, &*to_dir, to_leaf, there.is_some())
                    .map_err(|error| denied(error, to, "rename"))?;
                there.iter().for_each(|there| self.drop_tree(there));
                self.reseal_tree(&what, &*to_dir, to_leaf);
            }
            there.map(|there| there.size)
        };
        self.sync(&*to_dir)?;
        self.sync(&*from_dir)?;
        Ok(Renamed { replaced })
    }

    /// Refuses to move a tree to where its deepest directory could not be named any more.
    fn check_depth(&self, from: &VirtualPath, to: &VirtualPath) -> Result<(), Fault> {
        if to.names().len() <= from.names().len() {
            return Ok(());
        }
        let Ok(tree) = self.directory(from.names(), from) else { return Ok(()) };
        // A file in the deepest directory is one more level.
        if to.names().len() + listing::count(tree, &mut |_| ())?.depth + 1 > DEPTH {
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
        let (dir, leaf) = self.parent(path)?;
        look(&*dir, leaf)?.map_or(Ok(()), |facts| expect_file(&facts, path))
    }

    /// Puts a file of `parts` in place. Says what it replaced; and what failed after it was in place already.
    pub(crate) fn publish(
        &self,
        part: &str,
        path: &VirtualPath,
    ) -> Result<(Option<u64>, Result<(), Fault>), Fault> {
        let (dir, leaf) = self.parent(path)?;
        let replaced = self.place(part, &*dir, leaf, path)?;
        Ok((replaced, self.sync(&*dir)))
    }

    /// Moves a file of `parts` to the last name of a path, in the directory above it; not durably. Says what it replaced.
    pub(crate) fn place(
        &self,
        part: &str,
        dir: &dyn Folder,
        leaf: &str,
        path: &VirtualPath,
    ) -> Result<Option<u64>, Fault> {
        let _names = self.names();
        // Mostly nothing is there: that is found out by trying.
        match self.parts.rename(part, dir, leaf, false) {
            Ok(()) => return Ok(None),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(denied(error, path, "rename")),
        }
        let there = look(dir, leaf)?;
        there.map_or(Ok(()), |facts| expect_file(&facts, path))?;
        self.parts.rename(part, dir, leaf, there.is_some()).map_err(|error| denied(error, path, "rename"))?;
        there.iter().for_each(|there| self.drop_tree(there));
        Ok(there.map(|there| there.size))
    }
}

/// Opens a directory of the daemon's own, making it if it is not there.
fn own(above: &dyn Folder, name: &str) -> Result<Box<dyn Folder>, Fault> {
    match above.mkdir(name) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error).during("make a user's folder"),
    }
    match above.directory(name.as_ref()) {
        Err(Errno::NOSYS) => Err(Errno::NOSYS).during("use openat2: Linux 5.6 or newer is needed"),
        result => result.during("open a user's folder"),
    }
}

/// Looks at a name; none if it is not there.
fn look(dir: &dyn Folder, leaf: &str) -> Result<Option<Facts>, Fault> {
    match dir.look(leaf.as_ref()) {
        Ok(facts) => Ok(Some(facts)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error).during("look at a name"),
    }
}
