//! Files on this machine: hashed whole, or as the part of a download.

use super::place::{Found, Place};
use crate::failure::{Cause, Failure, shown};
use crate::interrupt::Interrupt;
use crate::watch::Watch;
use ftp_proto::digest::Md5;
use ftp_proto::limits::{CHUNK, VALUE};
use ftp_proto::sidecar::{HEADER_MAX, Sidecar};
use ftp_proto::{Md5Sum, Root, Tree, Value, tree};
use rustix::fs::{FlockOperation, OFlags, Timespec, Timestamps};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The hashes of a file of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSum {
    /// Its size.
    pub size: u64,
    /// As `b3sum` prints it.
    pub root: Root,
    /// As `md5sum` prints it, if asked for.
    pub md5: Option<Md5Sum>,
}

/// Whether a name is that of a part or of its sidecar.
#[must_use]
pub fn is_hidden_part(name: &str) -> bool {
    name.ends_with(".part") || name.ends_with(".part.cv")
}

/// What tells one version of a local file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) size: u64,
    pub(super) mtime: i64,
    nanos: i64,
    ctime: (i64, i64),
    inode: (u64, u64),
}

impl Version {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(&file.metadata()?))
    }

    fn new(facts: &Metadata) -> Self {
        Self {
            size: facts.len(),
            mtime: facts.mtime(),
            nanos: facts.mtime_nsec(),
            ctime: (facts.ctime(), facts.ctime_nsec()),
            inode: (facts.dev(), facts.ino()),
        }
    }
}

/// A file of this machine that is open for reading.
#[derive(Debug)]
pub struct Opened {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) version: Version,
}

impl Opened {
    /// Opens a file that the user names; never waits for the other end of a FIFO.
    ///
    /// # Errors
    /// It is no file, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = File::options().read(true).custom_flags(flags).open(path);
        Self::new(path.to_owned(), file.map_err(|error| Failure::local(path, "read it", &error))?)
    }

    pub(super) fn new(path: PathBuf, file: File) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::local(&path, "read it", &error);
        let facts = file.metadata().map_err(failed)?;
        if !facts.is_file() {
            return Err(Failure::new(Cause::NotPermitted, format!("{}: not a file", shown(&path))));
        }
        let version = Version::new(&facts);
        Ok(Self { path, file, version })
    }

    /// Hashes all of it.
    ///
    /// # Errors
    /// It cannot be read, or Ctrl-C.
    pub fn sum(
        mut self,
        md5: bool,
        interrupt: &Interrupt,
        watch: &mut dyn Watch,
    ) -> Result<LocalSum, Failure> {
        let mut hasher = blake3::Hasher::new();
        let mut md5 = md5.then(Md5::default);
        // One byte more, so that its end is seen at once.
        let most = usize::try_from(self.version.size).map_or(CHUNK, |size| size.saturating_add(1).min(CHUNK));
        let mut buffer = vec![0; most];
        let mut size = 0;
        loop {
            let read = self.file.read(&mut buffer);
            let n = read.map_err(|error| Failure::local(&self.path, "read it", &error))?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            if let Some(md5) = &mut md5 {
                md5.update(&buffer[..n]);
            }
            size += n as u64;
            watch.checking(size, self.version.size);
            if interrupt.is_set() {
                return Err(Failure::interrupted());
            }
        }
        Ok(LocalSum { size, root: Root(*hasher.finalize().as_bytes()), md5: md5.map(Md5::finish) })
    }
}

/// The part of a download, with its sidecar: `<name>.part` and `<name>.part.cv` beside the file it will be.
pub(super) struct Part<'a> {
    place: &'a Place,
    part_name: OsString,
    cv_name: OsString,
    part: File,
    cv: File,
    head: u64,
    what: Sidecar,
    tree: Tree,
    md5: Option<Md5>,
}

impl<'a> Part<'a> {
    /// Opens what is there, or makes it; nobody else works on it meanwhile.
    pub(super) fn open(place: &'a Place, md5: bool) -> Result<(Self, Option<Sidecar>), Failure> {
        let (part_name, cv_name) = (place.with_end(".part"), place.with_end(".part.cv"));
        let there = (place.look_beside(&part_name)?, place.look_beside(&cv_name)?);
        if matches!(there, (Some(Found::File(1..)), None)) {
            let path = place.beside(&part_name);
            let what = format!("{}: not the part of a download; move it away", shown(&path));
            return Err(Failure::new(Cause::NotPermitted, what));
        }
        let part = place.open_beside(&part_name)?;
        rustix::fs::flock(&part, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            let target = place.path();
            let what = format!("{}: another ftp-cli is downloading it", shown(&target));
            Failure::new(Cause::NotPermitted, what)
        })?;
        let cv = place.open_beside(&cv_name)?;
        let found = read_head(&cv);
        let found = found.map_err(|error| Failure::local(&place.beside(&cv_name), "read it", &error))?;
        let (head, what) = match &found {
            Some((sidecar, head)) => (*head, sidecar.clone()),
            None => (0, Sidecar { path: String::new(), size: 0, mtime: 0, etag: None }),
        };
        let md5 = md5.then(Md5::default);
        let part = Self { place, part_name, cv_name, part, cv, head, what, tree: Tree::new(), md5 };
        Ok((part, found.map(|(sidecar, _)| sidecar)))
    }

    /// Reads back what is there and counts it as far as it agrees with its values. A last chunk that is short is left out: a download goes on at a
    /// whole chunk.
    pub(super) fn check(&mut self, interrupt: &Interrupt, watch: &mut dyn Watch) -> Result<(), Failure> {
        let there = self.part.metadata().map_or(0, |facts| facts.len()).min(self.what.size);
        let mut buffer = vec![0; CHUNK];
        let mut value = [0; VALUE];
        while self.offset() + CHUNK as u64 <= there {
            let offset = self.offset();
            let read = self
                .cv
                .read_exact_at(&mut value, self.value_at())
                .and_then(|()| self.part.read_exact_at(&mut buffer, offset));
            if read.is_err() || tree::value(self.what.size, offset, &buffer) != Value(value) {
                break;
            }
            self.count(Value(value), &buffer);
            watch.checking(self.offset(), there);
            if interrupt.is_set() {
                return Err(Failure::interrupted());
            }
        }
        self.cut()
    }

    /// Begins anew with what the file will be.
    pub(super) fn restart(&mut self, what: Sidecar) -> Result<(), Failure> {
        self.tree = Tree::new();
        self.md5 = self.md5.as_ref().map(|_| Md5::default());
        self.head = 0;
        self.cut()?;
        let head = what.encode();
        self.cv.write_all_at(&head, 0).map_err(|error| self.failed(&self.cv_name, "write it", &error))?;
        self.head = head.len() as u64;
        self.what = what;
        Ok(())
    }

    /// Takes the next chunk, if it is what it says it is.
    pub(super) fn append(&mut self, value: Value, data: &[u8]) -> Result<(), Failure> {
        let offset = self.offset();
        if data.len() != tree::chunk_len(self.what.size, offset)
            || tree::value(self.what.size, offset, data) != value
        {
            return Err(Failure::new(
                Cause::Verification,
                format!("the bytes at {offset} arrived damaged; what came before is kept"),
            )
            .hint("the same command goes on from there"));
        }
        let failed = |name, error| self.failed(name, "write it", &error);
        let written = self.part.write_all_at(data, offset).map_err(|error| failed(&self.part_name, error));
        let noted = written.and_then(|()| {
            self.cv.write_all_at(&value.0, self.value_at()).map_err(|error| failed(&self.cv_name, error))
        });
        if noted.is_err() {
            // Half of it may be there.
            self.cut()?;
        } else {
            self.count(value, data);
        }
        noted
    }

    fn count(&mut self, value: Value, data: &[u8]) {
        self.tree.push(value);
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
    }

    fn failed(&self, name: &OsStr, what: &str, error: &io::Error) -> Failure {
        Failure::local(&self.place.beside(name), what, error)
    }

    /// The whole size that it is to have.
    pub(super) fn size(&self) -> u64 {
        self.what.size
    }

    /// What of the file is there.
    pub(super) fn offset(&self) -> u64 {
        (self.tree.count() * CHUNK as u64).min(self.what.size)
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn md5(&self) -> Option<Md5Sum> {
        self.md5.clone().map(Md5::finish)
    }

    fn value_at(&self) -> u64 {
        self.head + self.tree.count() * VALUE as u64
    }

    fn cut(&self) -> Result<(), Failure> {
        let cut = |file: &File, name, len| {
            file.set_len(len).map_err(|error| self.failed(name, "shorten it", &error))
        };
        cut(&self.part, &self.part_name, self.offset())?;
        cut(&self.cv, &self.cv_name, self.value_at())
    }

    /// Puts the whole file in place, durably.
    pub(super) fn publish(self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::local(&self.place.path(), "put it in place", &error);
        let time = Timespec { tv_sec: self.what.mtime, tv_nsec: 0 };
        rustix::fs::futimens(&self.part, &Timestamps { last_access: time, last_modification: time })
            .map_err(|error| failed(error.into()))?;
        self.part.sync_all().map_err(failed)?;
        self.place.take_over(&self.part_name).map_err(failed)?;
        self.place.remove_beside(&self.cv_name).map_err(failed)?;
        self.place.sync_names().map_err(failed)
    }

    /// Puts it aside: it is whole, and is not what it should be. Gives its name.
    pub(super) fn condemn(self) -> Result<OsString, Failure> {
        let bad = self.place.with_end(".part.bad");
        let moved = self.place.rename_beside(&self.part_name, &bad);
        moved.map_err(|error| self.failed(&bad, "put it aside", &error))?;
        // Without its part it is of no use, and is dropped the next time.
        let _cv = self.place.remove_beside(&self.cv_name);
        Ok(bad)
    }

    /// Removes it: it is of no use.
    pub(super) fn discard(self) {
        // What stays behind is checked, and dropped, the next time.
        let _part = self.place.remove_beside(&self.part_name);
        let _cv = self.place.remove_beside(&self.cv_name);
    }
}

/// The sidecar's header, if it is whole.
pub(super) fn read_head(cv: &File) -> io::Result<Option<(Sidecar, u64)>> {
    let mut bytes = Vec::new();
    let mut limited = cv.take(HEADER_MAX as u64);
    limited.read_to_end(&mut bytes)?;
    Ok(Sidecar::decode(&bytes).ok().map(|(sidecar, head)| (sidecar, head as u64)))
}
