//! Where downloads go on this machine.
//!
//! The folder that the user names is opened as it is, links and all: it is the user's. What is below it is named by the server, and is reached from that
//! folder, which is held open, by `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS`. So a link that lies there, or that is put
//! there meanwhile, leads nowhere.

use super::local::Opened;
use crate::failure::{Cause, Failure, shown};
use ftp_proto::Name;
use ftp_proto::limits::NAME;
use rustix::fs::{Advice, AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A name could be a FIFO or a terminal: neither may block or take us over.
const GUARDED: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Where a file without a name is found by its descriptor.
const DESCRIPTORS: &str = "/proc/self/fd";
/// It has to be.
static BY_PATH: AtomicBool = AtomicBool::new(false);
/// Files that had a name of ours between none and their own.
static LINKED: AtomicU64 = AtomicU64::new(0);

/// A folder that is held open.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder that the user names.
    ///
    /// # Errors
    /// It is not there, or no folder.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let opened = rustix::fs::open(path, DIRECTORY, Mode::empty());
        let fd = opened.map_err(|errno| failed(path, "open the folder", errno))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// The same; it and the folders above it are made if they are missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|error| match Errno::from_io_error(&error) {
            Some(errno) => failed(path, "make the folder", errno),
            None => Failure::local(path, "make the folder", &error),
        })?;
        Self::open(path)
    }

    /// The folder of that name in this one, made if it is missing.
    ///
    /// # Errors
    /// It cannot be made, or something else has the name.
    pub fn inner(&self, name: &OsStr) -> Result<Self, Failure> {
        let path = self.path.join(name);
        match rustix::fs::mkdirat(&self.fd, name, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
            Ok(()) | Err(Errno::EXIST) => self.enter(name, path),
            Err(errno) => Err(failed(&path, "make the folder", errno)),
        }
    }

    /// The folder that names lead to from here.
    ///
    /// # Errors
    /// It is not there, or there is a link on the way.
    pub fn below(&self, names: &[Name]) -> Result<Self, Failure> {
        let way: PathBuf = names.iter().map(Name::as_str).collect();
        let path = self.path.join(&way);
        let way = if names.is_empty() { Path::new(".") } else { &way };
        self.enter(way.as_os_str(), path)
    }

    fn enter(&self, way: &OsStr, path: PathBuf) -> Result<Self, Failure> {
        let opened = rustix::fs::openat2(&self.fd, way, DIRECTORY, Mode::empty(), BENEATH);
        let fd = opened.map_err(|errno| failed(&path, "open the folder", errno))?;
        Ok(Self { fd, path })
    }

    /// Removes a file in this folder, or an empty folder. A link is neither.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &OsStr, is_folder: bool) -> Result<(), Failure> {
        let path = self.path.join(name);
        let flags = if is_folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
        let kind = kind.map_err(|errno| failed(&path, "remove it", errno))?;
        if !matches!((kind, is_folder), (FileType::RegularFile, false) | (FileType::Directory, true)) {
            let what = format!("{}: it is something else by now", shown(&path));
            return Err(Failure::new(Cause::NotPermitted, what));
        }
        rustix::fs::unlinkat(&self.fd, name, flags).map_err(|errno| failed(&path, "remove it", errno))
    }

    /// A name in this folder.
    #[must_use]
    pub fn place(self, name: impl Into<OsString>) -> Place {
        Place { folder: Arc::new(self), name: name.into(), syncs_names: true }
    }

    /// One of many names in a folder; whoever puts files there makes their names durable together, by [`Folder::sync`].
    #[must_use]
    pub fn one_of_many(self: &Arc<Self>, name: impl Into<OsString>) -> Place {
        Place { folder: Arc::clone(self), name: name.into(), syncs_names: false }
    }

    /// Nothing is in it; what cannot be read is not called empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_dot = |name: &CStr| matches!(name.to_bytes(), b"." | b"..");
        let entries = Dir::read_from(&self.fd);
        entries
            .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| is_dot(entry.file_name()))))
    }

    /// Makes durable what has which name in it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync(&self) -> Result<(), Failure> {
        rustix::fs::fsync(&self.fd).map_err(|errno| failed(&self.path, "make its names durable", errno))
    }
}

/// A name in a folder. Whatever has the name, it is never followed.
#[derive(Debug)]
pub struct Place {
    folder: Arc<Folder>,
    name: OsString,
    syncs_names: bool,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A file of that size.
    File(u64),
    /// A folder.
    Folder,
    /// A link, which is replaced by what comes.
    Link,
    /// A device, a FIFO or a socket, which others rely on.
    Special,
}

impl Place {
    /// The path, for the eye.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path.join(&self.name)
    }

    /// What has the name, if anything has.
    ///
    /// # Errors
    /// The folder cannot be looked into.
    pub fn look(&self) -> Result<Option<Found>, Failure> {
        self.look_beside(&self.name)
    }

    /// What has a name beside this one.
    pub(super) fn look_beside(&self, name: &OsStr) -> Result<Option<Found>, Failure> {
        match rustix::fs::statat(&self.folder.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Found::File(u64::try_from(stat.st_size).unwrap_or(0)),
                FileType::Directory => Found::Folder,
                FileType::Symlink => Found::Link,
                _ => Found::Special,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(&self.beside(name), "look at it", errno)),
        }
    }

    /// Opens the file of that name for reading.
    ///
    /// # Errors
    /// It is no file, or cannot be read.
    pub fn open(&self) -> Result<Opened, Failure> {
        let file = self.openat(&self.name, OFlags::RDONLY);
        Opened::new(self.path(), file.map_err(|errno| failed(&self.path(), "read it", errno))?)
    }

    /// Beside it lies what is called like its part: that has to be looked at.
    #[must_use]
    pub fn has_part(&self) -> bool {
        let part = self.with_end(".part");
        // A name that is too long is nobody's.
        part.len() <= NAME && !matches!(self.look_beside(&part), Ok(None))
    }

    /// Whether files without a name can be had in the folder, and named.
    pub(super) fn can_have_unnamed(&self) -> bool {
        Path::new(DESCRIPTORS).exists() && self.unnamed().is_ok()
    }

    /// A file in the folder that has no name yet, for writing. Not every disk has such files.
    pub(super) fn unnamed(&self) -> Result<File, Errno> {
        self.openat(OsStr::new("."), OFlags::WRONLY | OFlags::TMPFILE)
    }

    /// Gives a file that has none this name. What has it by now is replaced only if that is wanted.
    pub(super) fn link(&self, file: &File, replaces: bool) -> Result<(), Errno> {
        let folder = self.folder.fd.as_fd();
        if !replaces {
            return name(file, folder, &self.name);
        }
        // No call puts a file without a name in the place of another.
        let number = LINKED.fetch_add(1, Ordering::Relaxed);
        let between = OsString::from(format!(".ftp-cli-{}-{number}", std::process::id()));
        name(file, folder, &between)?;
        rustix::fs::renameat(folder, &between, folder, &self.name).inspect_err(|_| {
            let _left = rustix::fs::unlinkat(folder, &between, AtFlags::empty());
        })
    }

    /// Has the disk begin with a file; nothing is waited for.
    pub(super) fn write_back(&self, file: &File) {
        let _advice = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
    }

    /// The path of a name beside this one, for the eye.
    pub(super) fn beside(&self, name: &OsStr) -> PathBuf {
        self.folder.path.join(name)
    }

    /// This name with something at its end.
    pub(super) fn with_end(&self, end: &str) -> OsString {
        let mut name = self.name.clone();
        name.push(end);
        name
    }

    /// Opens a file beside this one for reading and writing, or makes it. What has another name elsewhere is not ours to write to.
    pub(super) fn open_beside(&self, name: &OsStr) -> Result<File, Failure> {
        let path = self.beside(name);
        let file = self.openat(name, OFlags::RDWR | OFlags::CREATE);
        let file = file.map_err(|errno| failed(&path, "write it", errno))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| failed(&path, "write it", errno))?;
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if stat.st_nlink <= 1 => return Ok(file),
            FileType::RegularFile => "has a second name elsewhere",
            _ => "not a file",
        };
        Err(Failure::new(Cause::NotPermitted, format!("{}: {what}; move it away", shown(&path))))
    }

    fn openat(&self, name: &OsStr, flags: OFlags) -> Result<File, Errno> {
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
        let makes = flags.intersects(OFlags::CREATE) || flags.contains(OFlags::TMPFILE);
        let mode = if makes { mode } else { Mode::empty() };
        rustix::fs::openat2(&self.folder.fd, name, flags | GUARDED, mode, BENEATH).map(File::from)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Gives a file beside this one this name.
    pub(super) fn take_over(&self, from: &OsStr) -> io::Result<()> {
        self.rename_beside(from, &self.name)
    }

    /// Gives a file beside this one another name.
    pub(super) fn rename_beside(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let folder = self.folder.fd.as_fd();
        Ok(rustix::fs::renameat(folder, from, folder, to)?)
    }

    /// Removes a file beside this one.
    pub(super) fn remove_beside(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.folder.fd, name, AtFlags::empty())?)
    }

    /// Makes durable what has which name in the folder, unless that is done for many together.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        if self.syncs_names { Ok(rustix::fs::fsync(&self.folder.fd)?) } else { Ok(()) }
    }
}

/// Gives a file that has none a name in a folder. By its descriptor alone that takes half the time, but a kernel before 6.10 allows it to few.
fn name(file: &File, folder: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    if !BY_PATH.load(Ordering::Relaxed) {
        match rustix::fs::linkat(file, "", folder, name, AtFlags::EMPTY_PATH) {
            Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {}
            result => return result,
        }
    }
    let named = name_by_path(file, folder, name);
    if named.is_ok() {
        BY_PATH.store(true, Ordering::Relaxed);
    }
    named
}

fn name_by_path(file: &File, folder: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    let path = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)
}

fn failed(path: &Path, what: &str, errno: Errno) -> Failure {
    if errno == Errno::LOOP {
        let what = format!("{}: a symbolic link is in the way, and is not followed", shown(path));
        return Failure::new(Cause::NotPermitted, what).hint("remove it, or use another folder (lcd, -o)");
    }
    let failure = Failure::local(path, what, &errno.into());
    if matches!(errno, Errno::NOTDIR | Errno::EXIST) {
        return failure.hint("use another folder (lcd, -o)");
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::new(name).expect("a name")).collect()
    }

    #[test]
    fn a_link_is_followed_where_the_user_names_it_and_nowhere_below() {
        let place = tempfile::tempdir().expect("a folder");
        let (outside, inside) = (place.path().join("outside"), place.path().join("inside"));
        fs::create_dir_all(outside.join("deep")).expect("made");
        fs::create_dir_all(inside.join("sub")).expect("made");
        symlink(&inside, place.path().join("named")).expect("made");
        symlink(&outside, inside.join("sub/link")).expect("made");
        symlink("sub", inside.join("within")).expect("made");

        let root = Folder::open(&place.path().join("named")).expect("the user's own link");
        assert!(root.below(&names(&["sub"])).is_ok());
        for way in [&["sub", "link"][..], &["sub", "link", "deep"], &["within"]] {
            let failure = root.below(&names(way)).expect_err("a link");
            assert_eq!(failure.cause, Cause::NotPermitted, "{failure}");
        }
        let sub = root.below(&names(&["sub"])).expect("there");
        assert!(sub.inner("link".as_ref()).is_err());
        assert!(sub.inner("new".as_ref()).is_ok() && sub.inner("new".as_ref()).is_ok());

        let place = sub.place("link");
        assert_eq!(place.look().expect("looked"), Some(Found::Link));
        assert!(place.open().is_err());
        assert!(place.open_beside("link".as_ref()).is_err(), "also where it is to be made");
        assert!(place.open_beside("../x".as_ref()).is_err());
    }

    #[test]
    fn a_file_without_a_name_gets_one_by_either_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Folder::open(folder.path()).expect("there").place("x");
        if !place.can_have_unnamed() {
            return;
        }
        let names = [("known", name as fn(&File, BorrowedFd<'_>, &OsStr) -> _), ("path", name_by_path)];
        for (to, name) in names {
            let file = place.unnamed().expect("made");
            assert_eq!(name(&file, place.folder.fd.as_fd(), to.as_ref()), Ok(()));
            assert!(folder.path().join(to).is_file());
            let file = place.unnamed().expect("made");
            assert_eq!(name(&file, place.folder.fd.as_fd(), to.as_ref()), Err(Errno::EXIST), "{to}");
        }
    }

    #[test]
    fn a_folder_is_empty_if_nothing_is_in_it_whatever_it_is_called() {
        for name in ["x", ".x", "..."] {
            let folder = tempfile::tempdir().expect("a folder");
            let held = Folder::open(folder.path()).expect("there");
            assert!(held.is_empty());
            fs::write(folder.path().join(name), "").expect("written");
            assert!(!held.is_empty(), "{name}");
            fs::remove_file(folder.path().join(name)).expect("there");
            assert!(held.is_empty(), "{name}: it is looked at anew");
        }
    }

    #[test]
    fn a_part_with_a_second_name_is_not_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("mine"), "kept").expect("written");
        fs::hard_link(folder.path().join("mine"), folder.path().join("x.part")).expect("made");
        let place = Folder::open(folder.path()).expect("there").place("x");
        let refused = place.open_beside(&place.with_end(".part")).expect_err("a second name");
        assert!(refused.to_string().contains("second name"), "{refused}");
        assert!(place.open_beside(&place.with_end(".part.cv")).is_ok());
    }
}
