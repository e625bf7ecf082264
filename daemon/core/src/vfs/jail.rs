//! The system calls on clients' names. Nothing else in the daemon gives a client's name to the kernel.
//!
//! Every path is resolved below a directory that is held open, by `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
//! RESOLVE_NO_XDEV`, so that there is no moment between a check and a use. What follows is a call on that directory and a single name.

use super::storage::{Entries, Facts, Folder, OpenFile, Storage, Watch};
use ftp_proto::message::Kind;
use rustix::fs::{
    Advice, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat, Timespec, Timestamps,
};
use rustix::io::Errno;
use std::any::Any;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::LazyLock;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// A name could be a FIFO or a terminal: neither may block or take us over.
const GUARDED: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The disk of the machine: a folder that holds each user's.
#[derive(Debug)]
pub struct Jail {
    users: PathBuf,
}

impl Jail {
    /// Below this folder; it is opened when it is needed.
    #[must_use]
    pub fn new(users: PathBuf) -> Self {
        Self { users }
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        rustix::fs::open(&self.users, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }
}

impl Storage for Jail {
    fn users(&self) -> Result<Box<dyn Folder>, Errno> {
        Ok(Box::new(Directory(self.open()?)))
    }

    fn sync(&self) -> Result<(), Errno> {
        rustix::fs::syncfs(self.open()?)
    }
}

/// A directory of the machine's disk.
#[derive(Debug)]
struct Directory(OwnedFd);

impl Directory {
    fn openat(&self, leaf: &OsStr, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        rustix::fs::openat2(&self.0, leaf, flags, mode, BENEATH)
    }

    fn open_file(&self, leaf: &str, flags: OFlags, mode: Mode) -> Result<Box<dyn OpenFile>, Errno> {
        Ok(Box::new(File::from(self.openat(leaf.as_ref(), GUARDED | flags, mode)?)))
    }
}

impl Folder for Directory {
    fn directory(&self, path: &OsStr) -> Result<Box<dyn Folder>, Errno> {
        Ok(Box::new(Self(self.openat(path, DIRECTORY, Mode::empty())?)))
    }

    fn facts(&self) -> Result<Facts, Errno> {
        facts_of(&self.0)
    }

    fn look(&self, leaf: &OsStr) -> Result<Facts, Errno> {
        rustix::fs::statat(&self.0, leaf, AtFlags::SYMLINK_NOFOLLOW).map(|stat| facts(&stat))
    }

    fn entries(&self) -> Result<Box<dyn Entries>, Errno> {
        Ok(Box::new(Names(Dir::read_from(&self.0)?)))
    }

    fn open(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        self.open_file(leaf, OFlags::RDONLY, Mode::empty())
    }

    fn edit(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        self.open_file(leaf, OFlags::RDWR, Mode::empty())
    }

    fn create(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        self.open_file(leaf, flags, Mode::RUSR | Mode::WUSR)
    }

    fn create_unnamed(&self) -> Result<Box<dyn OpenFile>, Errno> {
        self.open_file(".", OFlags::RDWR | OFlags::TMPFILE, Mode::RUSR | Mode::WUSR)
    }

    fn link(&self, file: &dyn OpenFile, leaf: &str) -> Result<(), Errno> {
        let file = (file as &dyn Any).downcast_ref::<File>().ok_or(Errno::XDEV)?;
        // Since Linux 6.10 whoever opened it may do so, with the credentials that it had then: those of one process, all of whose threads are behind the
        // same walls. Before, only the superuser.
        rustix::fs::linkat(file, "", &self.0, leaf, AtFlags::EMPTY_PATH)
    }

    fn mkdir(&self, leaf: &str) -> Result<(), Errno> {
        rustix::fs::mkdirat(&self.0, leaf, Mode::RWXU)
    }

    fn rmdir(&self, leaf: &str) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.0, leaf, AtFlags::REMOVEDIR)
    }

    fn unlink(&self, leaf: &str) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.0, leaf, AtFlags::empty())
    }

    fn rename(&self, leaf: &str, to: &dyn Folder, to_leaf: &str, replace: bool) -> Result<(), Errno> {
        let to = (to as &dyn Any).downcast_ref::<Self>().ok_or(Errno::XDEV)?;
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        rustix::fs::renameat_with(&self.0, leaf, &to.0, to_leaf, flags)
    }

    fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(&self.0)
    }

    fn watch(&self) -> Result<Box<dyn Watch>, Errno> {
        // An open file of its own: the system tells each one of the failures since it was opened.
        let fd = self.openat(".".as_ref(), DIRECTORY, Mode::empty())?;
        let kind = rustix::fs::fstatfs(&fd)?.f_type;
        let is_known = u64::try_from(kind).is_ok_and(|kind| WATCHED.contains(&kind));
        if is_known && *SYNCFS_TELLS { Ok(Box::new(Disk(fd))) } else { Err(Errno::NOSYS) }
    }
}

/// File systems on which `syncfs` waits for everything and tells of every failure: ext4, XFS, Btrfs, F2FS, and tmpfs, which has nothing to wait for.
const WATCHED: [u64; 5] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994];

/// Linux 5.17 or newer: before 5.8 `syncfs` kept quiet about bytes that could not be written, and then about a journal that could not.
static SYNCFS_TELLS: LazyLock<bool> = LazyLock::new(|| {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next().flatten(), numbers.next().flatten());
    major.zip(minor).is_some_and(|version| version >= (5, 17))
});

/// A file system of the machine, by a directory on it.
#[derive(Debug)]
struct Disk(OwnedFd);

impl Watch for Disk {
    fn sync(&self) -> Result<(), Errno> {
        rustix::fs::syncfs(&self.0)
    }
}

/// The names of a directory of the machine's disk.
#[derive(Debug)]
struct Names(Dir);

impl Entries for Names {
    fn next(&mut self) -> Option<Result<OsString, Errno>> {
        loop {
            match self.0.read()? {
                Ok(entry) if [c".", c".."].contains(&entry.file_name()) => {}
                entry => {
                    return Some(
                        entry.map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned()),
                    );
                }
            }
        }
    }
}

impl OpenFile for File {
    fn facts(&self) -> io::Result<Facts> {
        Ok(facts_of(self)?)
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        Self::set_len(self, size)
    }

    fn set_mtime(&self, seconds: i64) -> io::Result<()> {
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(rustix::fs::futimens(self, &times)?)
    }

    /// sync_file_range(2) would say just this, but no safe binding has it. With this advice the kernel writes what is dirty without waiting, and drops
    /// what is clean, of which there is none in bytes that were written a moment ago.
    fn begin_sync(&self, offset: u64, len: u64) {
        let _advice = rustix::fs::fadvise(self, offset, NonZeroU64::new(len), Advice::DontNeed);
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

fn facts_of(fd: impl AsFd) -> Result<Facts, Errno> {
    rustix::fs::fstat(fd).map(|stat| facts(&stat))
}

fn facts(stat: &Stat) -> Facts {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        _ => Kind::Other,
    };
    let size = if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
    Facts {
        device: stat.st_dev,
        inode: stat.st_ino,
        kind,
        size,
        mtime: (stat.st_mtime, stat.st_mtime_nsec),
        ctime: (stat.st_ctime, stat.st_ctime_nsec),
        links: stat.st_nlink,
    }
}
