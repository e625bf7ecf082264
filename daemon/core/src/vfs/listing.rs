//! Reading directories: pages for a client, and the walk that a ledger starts from.

use super::jail::{self, Facts};
use crate::fault::{During as _, Fault};
use ftp_proto::Name;
use ftp_proto::limits::{DEPTH, PAGE_BYTES, PAGE_ENTRIES};
use ftp_proto::message::{Entry, Kind, Page};
use rustix::fs::Dir;
use std::os::fd::OwnedFd;

/// A directory that is being listed.
#[derive(Debug)]
pub struct Lister {
    fd: OwnedFd,
    dir: Dir,
    /// The first entry of the next page: the last page had no room for it.
    over: Option<Entry>,
}

impl Lister {
    pub(super) fn new(fd: OwnedFd) -> Result<Box<Self>, Fault> {
        let dir = Dir::read_from(&fd).during("read a directory")?;
        Ok(Box::new(Self { fd, dir, over: None }))
    }

    /// Reads the next page, and says whether there may be more. A page has at most `PAGE_ENTRIES` entries and `PAGE_BYTES` of JSON. Names that are
    /// not UTF-8 or break the rules of names are left out: no request could name them.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn page(mut self: Box<Self>) -> Result<(Page, Option<Box<Self>>), Fault> {
        let mut page = Page { entries: Vec::new() };
        let mut bytes = 0;
        while page.entries.len() < PAGE_ENTRIES {
            let entry = match self.over.take() {
                Some(entry) => Some(entry),
                None => self.next()?,
            };
            let Some(entry) = entry else { return Ok((page, None)) };
            bytes += serde_json::to_vec(&entry).map_or(PAGE_BYTES, |json| json.len() + 1);
            if bytes > PAGE_BYTES && !page.entries.is_empty() {
                self.over = Some(entry);
                break;
            }
            page.entries.push(entry);
        }
        Ok((page, Some(self)))
    }

    fn next(&mut self) -> Result<Option<Entry>, Fault> {
        while let Some(entry) = self.dir.read() {
            let entry = entry.during("read a directory")?;
            let name = entry.file_name().to_str().ok().and_then(|name| Name::new(name).ok());
            let Some(name) = name else { continue };
            // It may be gone by now.
            let Some(facts) = jail::look(&self.fd, name.as_str())? else { continue };
            return Ok(Some(Entry {
                name: Some(name),
                kind: facts.kind,
                size: facts.size,
                mtime: facts.mtime,
                etag: None,
            }));
        }
        Ok(None)
    }
}

/// What is below a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) files: u64,
    /// Levels of directories below it.
    pub(super) depth: usize,
}

/// Counts everything below a directory, whatever its names; the stack is as deep as the tree, which is bounded.
pub(super) fn count(root: OwnedFd) -> Result<Count, Fault> {
    let mut count = Count::default();
    let mut stack = vec![Lister::new(root)?];
    loop {
        let level = stack.len();
        let Some(top) = stack.last_mut() else { return Ok(count) };
        let Some(entry) = top.dir.read() else {
            stack.pop();
            continue;
        };
        let entry = entry.during("read a directory")?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let facts = match rustix::fs::statat(&top.fd, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Facts::of(&stat),
            Err(rustix::io::Errno::NOENT) => continue,
            Err(error) => return Err(error).during("look at a name"),
        };
        count.entries += 1;
        count.bytes += facts.size;
        count.files += u64::from(facts.kind == Kind::File);
        if facts.kind == Kind::Dir {
            if level > 2 * DEPTH {
                return Err(std::io::Error::other(
                    "directories nested more than twice as deep as any client makes them",
                ))
                .during("walk through a home");
            }
            let below = rustix::fs::openat(
                &top.fd,
                name,
                rustix::fs::OFlags::RDONLY
                    | rustix::fs::OFlags::DIRECTORY
                    | rustix::fs::OFlags::NOFOLLOW
                    | rustix::fs::OFlags::CLOEXEC,
                rustix::fs::Mode::empty(),
            );
            match below {
                Ok(fd) => stack.push(Lister::new(fd)?),
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => return Err(error).during("open a directory"),
            }
            count.depth = count.depth.max(level);
        }
    }
}
