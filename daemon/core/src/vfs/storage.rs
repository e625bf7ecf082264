//! What the work on files needs of a disk, and nothing else: folders held open, single names in them, files, and syncing.
//!
//! The real one is [`Jail`](super::Jail). Another one can lose what was not synced, fail, or stop the process at any call, which is how
//! the promises about crashes are tested. Every call here blocks: only workers make them.

use ftp_proto::Etag;
use ftp_proto::message::Kind;
use rustix::io::Errno;
use std::any::Any;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// A disk with a folder for each user.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Opens the folder that holds each user's.
    ///
    /// # Errors
    /// As the system says.
    fn users(&self) -> Result<Box<dyn Folder>, Errno>;
    /// Makes everything durable that was done so far, also by a process that is gone.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&self) -> Result<(), Errno>;
}

/// A directory that is held open. A `leaf` is a single name in it; no call follows a link.
pub trait Folder: Any + fmt::Debug + Send + Sync {
    /// Opens the directory that `path`, names with `/` between them, leads to from here; `.` is this one.
    ///
    /// # Errors
    /// As the system says; `ELOOP` or `EXDEV` where it would lead over a link or to another file system, `ENOSYS` where the system cannot tell.
    fn directory(&self, path: &OsStr) -> Result<Box<dyn Folder>, Errno>;
    /// Looks at the directory itself.
    ///
    /// # Errors
    /// As the system says.
    fn facts(&self) -> Result<Facts, Errno>;
    /// Looks at a name.
    ///
    /// # Errors
    /// As the system says; `ENOENT` if it is not there.
    fn look(&self, leaf: &OsStr) -> Result<Facts, Errno>;
    /// Every name in it but `.` and `..`, in no order.
    ///
    /// # Errors
    /// As the system says.
    fn entries(&self) -> Result<Box<dyn Entries>, Errno>;
    /// Opens what is there for reading, whatever it is, without waiting for anybody.
    ///
    /// # Errors
    /// As the system says.
    fn open(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno>;
    /// Opens a file that is there for reading and writing.
    ///
    /// # Errors
    /// As the system says.
    fn edit(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno>;
    /// Makes a file, for nobody else, for reading and writing.
    ///
    /// # Errors
    /// As the system says; `EEXIST` if the name is taken.
    fn create(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno>;
    /// Makes a file without a name, for nobody else, for reading and writing: it is gone when it is closed, unless [`Folder::link`] names it.
    ///
    /// # Errors
    /// As the system says; `EOPNOTSUPP` where the disk has no such files.
    fn create_unnamed(&self) -> Result<Box<dyn OpenFile>, Errno>;
    /// Gives a file without a name its first one, in this directory or another on the same disk.
    ///
    /// # Errors
    /// As the system says; `EEXIST` if the name is taken, `EXDEV` if the file is of another storage.
    fn link(&self, file: &dyn OpenFile, leaf: &str) -> Result<(), Errno>;
    /// Makes a directory, for nobody else.
    ///
    /// # Errors
    /// As the system says; `EEXIST` if the name is taken.
    fn mkdir(&self, leaf: &str) -> Result<(), Errno>;
    /// Removes an empty directory.
    ///
    /// # Errors
    /// As the system says.
    fn rmdir(&self, leaf: &str) -> Result<(), Errno>;
    /// Removes a name of anything but a directory.
    ///
    /// # Errors
    /// As the system says.
    fn unlink(&self, leaf: &str) -> Result<(), Errno>;
    /// Moves `leaf` to the name `to_leaf` in `to`, in one step. Without `replace` that name must be free.
    ///
    /// # Errors
    /// As the system says; `EXDEV` if `to` is of another storage.
    fn rename(&self, leaf: &str, to: &dyn Folder, to_leaf: &str, replace: bool) -> Result<(), Errno>;
    /// Makes the names in it durable.
    ///
    /// # Errors
    /// As the system says. Then nobody knows what is on the disk; to call it again tells nothing.
    fn sync(&self) -> Result<(), Errno>;
    /// Watches its disk: what is written there from now on can be made durable all at once, and no failure is missed.
    ///
    /// # Errors
    /// As the system says; `ENOSYS` where it would not tell of each failure. Then each file has to be synced by itself.
    fn watch(&self) -> Result<Box<dyn Watch>, Errno>;
}

/// A disk, from some moment on.
pub trait Watch: fmt::Debug + Send + Sync {
    /// Makes everything on it durable, bytes and names, whoever wrote them.
    ///
    /// # Errors
    /// As the system says; also when something failed that was written since the watch began, by whomever. Then nobody knows what is on the disk.
    fn sync(&self) -> Result<(), Errno>;
}

/// The names of a directory, as they are read.
pub trait Entries: fmt::Debug + Send {
    /// The next one.
    fn next(&mut self) -> Option<Result<OsString, Errno>>;
}

/// A file that is open. Reading and writing at an offset is that of [`FileExt`].
pub trait OpenFile: FileExt + Any + fmt::Debug + Send + Sync {
    /// Looks at it.
    ///
    /// # Errors
    /// As the system says.
    fn facts(&self) -> io::Result<Facts>;
    /// Cuts it off, or fills it up with zeros.
    ///
    /// # Errors
    /// As the system says.
    fn set_len(&self, size: u64) -> io::Result<()>;
    /// Sets its modification time, in seconds since 1970.
    ///
    /// # Errors
    /// As the system says.
    fn set_mtime(&self, seconds: i64) -> io::Result<()>;
    /// Has the disk begin with bytes that were written, without waiting for it: what fails is told by [`OpenFile::sync`].
    fn begin_sync(&self, offset: u64, len: u64);
    /// Makes its bytes, size and time durable.
    ///
    /// # Errors
    /// As the system says. Then nobody knows what is on the disk; to call it again tells nothing.
    fn sync(&self) -> io::Result<()>;
}

/// A time as the disk has it: seconds since 1970, and nanoseconds.
pub type Time = (i64, u64);

/// How often a file is looked at that seems to have changed: its name is gone less than a microsecond after the time of the change is set, and so many looks
/// take some twenty.
const LOOKS: usize = 64;

/// What a disk says of a name or an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Which file system.
    pub device: u64,
    /// Which file on it.
    pub inode: u64,
    /// What it is.
    pub kind: Kind,
    /// Its bytes; 0 unless it is a file.
    pub size: u64,
    /// When its bytes were last changed.
    pub mtime: Time,
    /// When anything about it was last changed.
    pub ctime: Time,
    /// How many names it has.
    pub links: u64,
}

impl Facts {
    /// Names one version of a file.
    #[must_use]
    pub fn etag(&self) -> Etag {
        let mut hasher = blake3::Hasher::new_derive_key("ftpd 2026 etag v1");
        for number in [self.device, self.inode, self.size, self.mtime.1, self.ctime.1] {
            hasher.update(&number.to_le_bytes());
        }
        for number in [self.mtime.0, self.ctime.0] {
            hasher.update(&number.to_le_bytes());
        }
        let mut etag = [0; 16];
        etag.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Etag(etag)
    }

    /// Whether an open file, seen as `self` before, still has the bytes it had; `look` looks at it. To lose its name to another file, or altogether, is a new
    /// etag but no change of its bytes.
    ///
    /// The time of a change is set before the name is gone (tmpfs, for one), and who looks between the two sees a file that was changed and has its name: it is
    /// looked at again, [`LOOKS`] times.
    ///
    /// # Errors
    /// Those of looking.
    pub(crate) fn has_same_bytes(&self, mut look: impl FnMut() -> io::Result<Self>) -> io::Result<bool> {
        for _ in 0..LOOKS {
            let now = look()?;
            if (self.size, self.mtime) != (now.size, now.mtime) {
                return Ok(false);
            }
            if self.ctime == now.ctime || now.links == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How old the last change is.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_secs(u64::try_from(self.mtime.0).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts =
        Facts { device: 1, inode: 2, kind: Kind::File, size: 3, mtime: (4, 5), ctime: (6, 7), links: 1 };

    /// What is found if these are what is seen, one after the other, and how often it was looked.
    fn found(seen: &[Facts]) -> (bool, usize) {
        let mut looks = 0;
        let same = FACTS.has_same_bytes(|| {
            looks += 1;
            Ok(seen[looks - 1])
        });
        (same.expect("no look fails"), looks)
    }

    #[test]
    fn a_file_that_is_losing_its_name_has_the_bytes_it_had() {
        let (touched, gone) = (Facts { ctime: (6, 8), ..FACTS }, Facts { ctime: (6, 8), links: 0, ..FACTS });
        let (longer, written) = (Facts { size: 4, ..gone }, Facts { mtime: (4, 6), ..gone });
        assert_eq!(found(&[FACTS]), (true, 1));
        assert_eq!(found(&[gone]), (true, 1));
        assert_eq!(found(&[touched, gone]), (true, 2));
        assert_eq!(found(&[touched; LOOKS]), (false, LOOKS));
        assert_eq!(found(&[longer]), (false, 1));
        assert_eq!(found(&[touched, written]), (false, 2));
    }
}
