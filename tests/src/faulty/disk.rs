//! A storage around another one: every call is put before [`Faults`] first.

use super::faults::{Fate, Faults, die};
use super::rule::Op;
use ftp_core::vfs::{Entries, Facts, Folder, OpenFile, Storage, Watch};
use rustix::io::Errno;
use std::any::Any;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The storage.
#[derive(Debug)]
pub struct FaultyDisk {
    disk: Box<dyn Storage>,
    faults: Arc<Faults>,
}

impl FaultyDisk {
    /// `disk` under the rules of `faults`.
    #[must_use]
    pub fn new(disk: Box<dyn Storage>, faults: Arc<Faults>) -> Self {
        Self { disk, faults }
    }
}

impl Faults {
    /// Does something that gives a value, or fails.
    fn value<T, E: From<Errno>>(
        &self,
        op: Op,
        name: &str,
        run: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let _turn = self.turn(op);
        match self.meet(op, name) {
            Fate::Failed(errno) => Err(errno.into()),
            Fate::DoneThenKilled => {
                let _done = run();
                die()
            }
            Fate::Done | Fate::LeftOut | Fate::Shortened | Fate::Torn => run(),
        }
    }

    /// Does something that gives no value, fails, or is left out.
    fn deed<E: From<Errno>>(&self, op: Op, name: &str, run: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let _turn = self.turn(op);
        match self.meet(op, name) {
            Fate::LeftOut => Ok(()),
            Fate::Failed(errno) => Err(errno.into()),
            Fate::DoneThenKilled => {
                let _done = run();
                die()
            }
            Fate::Done | Fate::Shortened | Fate::Torn => run(),
        }
    }
}

impl Storage for FaultyDisk {
    fn users(&self) -> Result<Box<dyn Folder>, Errno> {
        let folder = self.faults.value(Op::Open, "users", || self.disk.users())?;
        Ok(Box::new(FaultyFolder { folder, faults: Arc::clone(&self.faults) }))
    }

    fn sync(&self) -> Result<(), Errno> {
        self.faults.deed(Op::SyncDisk, "users", || self.disk.sync())
    }
}

#[derive(Debug)]
struct FaultyFolder {
    folder: Box<dyn Folder>,
    faults: Arc<Faults>,
}

impl FaultyFolder {
    fn file(
        &self,
        op: Op,
        leaf: &str,
        open: impl FnOnce() -> Result<Box<dyn OpenFile>, Errno>,
    ) -> Result<Box<dyn OpenFile>, Errno> {
        let file = self.faults.value(op, leaf, open)?;
        Ok(Box::new(FaultyFile { file, name: leaf.to_owned(), faults: Arc::clone(&self.faults) }))
    }
}

impl Folder for FaultyFolder {
    fn directory(&self, path: &OsStr) -> Result<Box<dyn Folder>, Errno> {
        let shown = path.to_string_lossy();
        let folder = self.faults.value(Op::Open, &shown, || self.folder.directory(path))?;
        Ok(Box::new(Self { folder, faults: Arc::clone(&self.faults) }))
    }

    fn facts(&self) -> Result<Facts, Errno> {
        self.faults.value(Op::Look, ".", || self.folder.facts())
    }

    fn look(&self, leaf: &OsStr) -> Result<Facts, Errno> {
        self.faults.value(Op::Look, &leaf.to_string_lossy(), || self.folder.look(leaf))
    }

    fn entries(&self) -> Result<Box<dyn Entries>, Errno> {
        let entries = self.faults.value(Op::Open, ".", || self.folder.entries())?;
        Ok(Box::new(FaultyEntries { entries, faults: Arc::clone(&self.faults) }))
    }

    fn open(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        self.file(Op::Open, leaf, || self.folder.open(leaf))
    }

    fn edit(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        self.file(Op::Open, leaf, || self.folder.edit(leaf))
    }

    fn create(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        self.file(Op::Create, leaf, || self.folder.create(leaf))
    }

    fn create_unnamed(&self) -> Result<Box<dyn OpenFile>, Errno> {
        self.file(Op::Create, "without a name", || self.folder.create_unnamed())
    }

    fn link(&self, file: &dyn OpenFile, leaf: &str) -> Result<(), Errno> {
        let file = (file as &dyn Any).downcast_ref::<FaultyFile>().ok_or(Errno::XDEV)?;
        self.faults.deed(Op::Link, leaf, || self.folder.link(&*file.file, leaf))
    }

    fn mkdir(&self, leaf: &str) -> Result<(), Errno> {
        self.faults.deed(Op::Mkdir, leaf, || self.folder.mkdir(leaf))
    }

    fn rmdir(&self, leaf: &str) -> Result<(), Errno> {
        self.faults.deed(Op::Rmdir, leaf, || self.folder.rmdir(leaf))
    }

    fn unlink(&self, leaf: &str) -> Result<(), Errno> {
        self.faults.deed(Op::Unlink, leaf, || self.folder.unlink(leaf))
    }

    fn rename(&self, leaf: &str, to: &dyn Folder, to_leaf: &str, replace: bool) -> Result<(), Errno> {
        let to = (to as &dyn Any).downcast_ref::<Self>().ok_or(Errno::XDEV)?;
        self.faults.deed(Op::Rename, leaf, || self.folder.rename(leaf, &*to.folder, to_leaf, replace))
    }

    fn sync(&self) -> Result<(), Errno> {
        self.faults.deed(Op::SyncFolder, ".", || self.folder.sync())
    }

    fn watch(&self) -> Result<Box<dyn Watch>, Errno> {
        let watch = self.faults.value(Op::Open, ".", || self.folder.watch())?;
        Ok(Box::new(FaultyWatch { watch, faults: Arc::clone(&self.faults) }))
    }
}

#[derive(Debug)]
struct FaultyWatch {
    watch: Box<dyn Watch>,
    faults: Arc<Faults>,
}

impl Watch for FaultyWatch {
    fn sync(&self) -> Result<(), Errno> {
        self.faults.deed(Op::SyncDisk, ".", || self.watch.sync())
    }
}

#[derive(Debug)]
struct FaultyEntries {
    entries: Box<dyn Entries>,
    faults: Arc<Faults>,
}

impl Entries for FaultyEntries {
    fn next(&mut self) -> Option<Result<OsString, Errno>> {
        self.faults.value(Op::List, "", || Ok(self.entries.next())).unwrap_or_else(|errno| Some(Err(errno)))
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn OpenFile>,
    name: String,
    faults: Arc<Faults>,
}

impl FileExt for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.faults.value(Op::Read, &self.name, || self.file.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let _turn = self.faults.turn(Op::Write);
        let half = &bytes[..bytes.len().div_ceil(2)];
        match self.faults.meet(Op::Write, &self.name) {
            Fate::Done => self.file.write_at(bytes, offset),
            Fate::LeftOut => Ok(bytes.len()),
            Fate::Failed(errno) => Err(errno.into()),
            Fate::Shortened => self.file.write_at(half, offset),
            Fate::Torn => {
                let _torn = self.file.write_all_at(half, offset);
                die()
            }
            Fate::DoneThenKilled => {
                let _done = self.file.write_all_at(bytes, offset);
                die()
            }
        }
    }
}

impl OpenFile for FaultyFile {
    fn facts(&self) -> io::Result<Facts> {
        self.faults.value(Op::Look, &self.name, || self.file.facts())
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        self.faults.deed(Op::SetLen, &self.name, || self.file.set_len(size))
    }

    fn set_mtime(&self, seconds: i64) -> io::Result<()> {
        self.faults.deed(Op::SetMtime, &self.name, || self.file.set_mtime(seconds))
    }

    fn begin_sync(&self, offset: u64, len: u64) {
        self.file.begin_sync(offset, len);
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.deed(Op::SyncFile, &self.name, || self.file.sync())
    }
}
