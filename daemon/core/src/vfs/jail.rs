//! The system calls on clients' names. Nothing else in the daemon gives a client's name to the kernel.
//!
//! Every path is resolved below a directory that is held open, by `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
//! RESOLVE_NO_XDEV`, so that there is no moment between a check and a use. What follows is a call on that directory and a single name.

use crate::fault::{During as _, Fault};
use ftp_proto::message::Kind;
use ftp_proto::{Code, Etag, Name, Printable, VirtualPath};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// A name could be a FIFO or a terminal: neither may block or take us over.
const GUARDED: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens a directory of the daemon's own by a single name, and nothing that a link leads to.
pub(super) fn open_own(parent: impl AsFd, name: &str) -> Result<OwnedFd, Fault> {
    match rustix::fs::openat2(parent, name, DIRECTORY, Mode::empty(), BENEATH) {
        Err(Errno::NOSYS) => Err(Errno::NOSYS).during("use openat2: Linux 5.6 or newer is needed"),
        result => result.during("open a user's folder"),
    }
}

/// Opens the directory that `names` lead to.
pub(super) fn directory(root: &OwnedFd, names: &[Name], shown: &VirtualPath) -> Result<OwnedFd, Fault> {
    let path = if names.is_empty() { ".".to_owned() } else { join(names) };
    rustix::fs::openat2(root, path, DIRECTORY, Mode::empty(), BENEATH)
        .map_err(|error| denied(error, shown, "open a directory"))
}

/// Opens the directory above a path, for a call on its last name.
pub(super) fn parent<'a>(root: &OwnedFd, path: &'a VirtualPath) -> Result<(OwnedFd, &'a Name), Fault> {
    let (names, leaf) =
        path.split_last().map_err(|fault| Fault::refused(Code::NameRefused, fault.to_string()))?;
    Ok((directory(root, names, path)?, leaf))
}

fn join(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join("/")
}

/// Opens a regular file with one link for reading.
pub(super) fn open_read(root: &OwnedFd, path: &VirtualPath) -> Result<(File, Facts), Fault> {
    let (dir, leaf) = parent(root, path)?;
    let flags = GUARDED | OFlags::RDONLY;
    let fd = rustix::fs::openat2(&dir, leaf.as_str(), flags, Mode::empty(), BENEATH)
        .map_err(|error| denied(error, path, "open a file"))?;
    let facts = Facts::of(&rustix::fs::fstat(&fd).during("look at an open file")?);
    facts.expect_file(path)?;
    Ok((File::from(fd), facts))
}

/// Looks at a name without following it; none if it is not there.
pub(super) fn look(dir: impl AsFd, leaf: &str) -> Result<Option<Facts>, Fault> {
    match rustix::fs::statat(dir, leaf, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Facts::of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error).during("look at a name"),
    }
}

pub(super) fn mkdir(dir: &OwnedFd, leaf: &Name, path: &VirtualPath) -> Result<(), Fault> {
    rustix::fs::mkdirat(dir, leaf.as_str(), Mode::RWXU)
        .map_err(|error| denied(error, path, "make a directory"))
}

pub(super) fn rmdir(dir: &OwnedFd, leaf: &Name, path: &VirtualPath) -> Result<(), Fault> {
    rustix::fs::unlinkat(dir, leaf.as_str(), AtFlags::REMOVEDIR)
        .map_err(|error| denied(error, path, "remove a directory"))
}

pub(super) fn unlink(dir: &OwnedFd, leaf: &Name, path: &VirtualPath) -> Result<(), Fault> {
    rustix::fs::unlinkat(dir, leaf.as_str(), AtFlags::empty())
        .map_err(|error| denied(error, path, "remove a file"))
}

/// Gives `from` in one directory the name `to` in another; `replace` says whether a file of that name may go.
pub(super) fn rename(
    from: (&OwnedFd, &str),
    to: (&OwnedFd, &str),
    replace: bool,
    path: &VirtualPath,
) -> Result<(), Fault> {
    let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
    rustix::fs::renameat_with(from.0, from.1, to.0, to.1, flags)
        .map_err(|error| denied(error, path, "rename"))
}

/// A file of the daemon's own in a directory of its own.
pub(super) fn open_part(parts: &OwnedFd, name: &str, create: bool) -> Result<File, Errno> {
    let create = if create { OFlags::CREATE | OFlags::EXCL } else { OFlags::empty() };
    let flags = GUARDED | OFlags::RDWR | create;
    rustix::fs::openat2(
        parts,
        name,
        flags,
        if create.is_empty() { Mode::empty() } else { Mode::RUSR | Mode::WUSR },
        BENEATH,
    )
    .map(File::from)
}

/// Removes a file of the daemon's own, if it is there.
pub(super) fn unlink_part(parts: &OwnedFd, name: &str) -> Result<(), Fault> {
    match rustix::fs::unlinkat(parts, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error).during("remove a part"),
    }
}

/// What the kernel says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) mtime: i64,
    pub(crate) etag: Etag,
    links: u64,
    mtime_nsec: u64,
}

impl Facts {
    pub(crate) fn of(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Dir,
            _ => Kind::Other,
        };
        let size = if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        let mut hasher = blake3::Hasher::new_derive_key("ftpd 2026 etag v1");
        for number in [stat.st_dev, stat.st_ino, stat.st_mtime_nsec, stat.st_ctime_nsec] {
            hasher.update(&number.to_le_bytes());
        }
        for number in [stat.st_size, stat.st_mtime, stat.st_ctime] {
            hasher.update(&number.to_le_bytes());
        }
        let mut etag = [0; 16];
        etag.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self {
            kind,
            size,
            mtime: stat.st_mtime,
            etag: Etag(etag),
            links: stat.st_nlink,
            mtime_nsec: stat.st_mtime_nsec,
        }
    }

    /// Whether an open file, seen as `self` before, still has the bytes it had. To lose its name to another file, or altogether, is a new etag
    /// but no change of its bytes.
    pub(crate) fn has_same_bytes(&self, now: &Self) -> bool {
        let unwritten = (self.size, self.mtime, self.mtime_nsec) == (now.size, now.mtime, now.mtime_nsec);
        unwritten && (self.etag == now.etag || now.links == 0)
    }

    pub(crate) fn of_file(file: &File) -> Result<Self, Fault> {
        rustix::fs::fstat(file).map(|stat| Self::of(&stat)).during("look at an open file")
    }

    /// Refuses all but a regular file with one name: what has another name may be someone else's.
    pub(crate) fn expect_file(&self, path: &VirtualPath) -> Result<(), Fault> {
        let shown = path.to_string();
        let shown = Printable(&shown);
        match self.kind {
            Kind::File if self.links <= 1 => Ok(()),
            Kind::File => Err(Fault::refused(
                Code::NameRefused,
                format!("{shown} has more than one name on the server"),
            )),
            Kind::Dir => Err(Fault::refused(Code::IsADirectory, format!("{shown} is a directory"))),
            Kind::Other => {
                Err(Fault::refused(Code::NameRefused, format!("{shown} is neither a file nor a directory")))
            }
        }
    }

    /// How old the last change is.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_secs(u64::try_from(self.mtime).unwrap_or(0)))
    }
}

/// Sorts what the kernel said: the client's to mend, or the operator's.
fn denied(error: Errno, path: &VirtualPath, what: &'static str) -> Fault {
    let shown = path.to_string();
    let shown = Printable(&shown);
    let (code, message) = match error {
        Errno::NOENT => (Code::NotFound, format!("{shown}: no such file or directory")),
        Errno::NOTDIR => (Code::NotADirectory, format!("{shown}: a file is not a directory")),
        Errno::ISDIR => (Code::IsADirectory, format!("{shown} is a directory")),
        Errno::EXIST => (Code::Exists, format!("{shown} exists")),
        Errno::NOTEMPTY => (Code::NotEmpty, format!("{shown} is not empty")),
        Errno::NAMETOOLONG => {
            (Code::NameRefused, format!("{shown}: the name is too long for the server's disk"))
        }
        // A socket, or a device without a driver, cannot even be opened to look at.
        Errno::LOOP | Errno::XDEV | Errno::NXIO | Errno::NODEV => (
            Code::NameRefused,
            format!("{shown} leads over something that is neither a file nor a directory"),
        ),
        Errno::INVAL => (Code::NameRefused, format!("{shown} cannot be moved into itself")),
        _ => return Fault::Local { what, source: error.into() },
    };
    Fault::refused(code, message)
}
