//! Reading directories: pages for a client, and the walk that a ledger starts from.

use super::explain::failed_at;
use super::look;
use super::storage::{Entries, Facts, Folder};
use crate::fault::{During as _, Fault};
use ftp_proto::Name;
use ftp_proto::limits::{DEPTH, PAGE_BYTES, PAGE_ENTRIES};
use ftp_proto::message::{Entry, Kind, Page};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};

/// A directory that is being listed.
#[derive(Debug)]
pub struct Lister {
    folder: Box<dyn Folder>,
    entries: Box<dyn Entries>,
    /// The first entry of the next page: the last page had no room for it.
    over: Option<Entry>,
}

impl Lister {
    pub(super) fn new(folder: Box<dyn Folder>) -> Result<Box<Self>, Fault> {
        Self::open(folder).during("read a directory")
    }

    fn open(folder: Box<dyn Folder>) -> Result<Box<Self>, Errno> {
        let entries = folder.entries()?;
        Ok(Box::new(Self { folder, entries, over: None }))
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
        while let Some(name) = self.entries.next() {
            let name = name.during("read a directory")?;
            let Some(name) = name.to_str().and_then(|name| Name::new(name).ok()) else { continue };
            // It may be gone by now.
            let Some(facts) = look(&*self.folder, name.as_str())? else { continue };
            return Ok(Some(Entry {
                name: Some(name),
                kind: facts.kind,
                size: facts.size,
                mtime: facts.mtime.0,
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

/// Counts everything below a directory, whatever its names, and shows it to `see`; the stack is as deep as the tree, which is bounded.
pub(super) fn count(root: Box<dyn Folder>, see: &mut dyn FnMut(&Facts)) -> Result<Count, Fault> {
    let mut count = Count::default();
    let (mut stack, mut names) = (vec![Lister::new(root)?], Vec::new());
    loop {
        let level = stack.len();
        let Some(top) = stack.last_mut() else { return Ok(count) };
        let Some(name) = top.entries.next() else {
            stack.pop();
            names.pop();
            continue;
        };
        let name = name.during("read a directory")?;
        let facts = match top.folder.look(&name) {
            Ok(facts) => facts,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(failed_at(error, &text(&names, &name), "look at a name")),
        };
        see(&facts);
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
            match top.folder.directory(&name) {
                Ok(below) => {
                    let lister = Lister::open(below);
                    let failed = |error| failed_at(error, &text(&names, &name), "read a directory");
                    stack.push(lister.map_err(failed)?);
                    names.push(name);
                }
                // It is gone by now, or another file system is mounted there, which no client can reach.
                Err(Errno::NOENT | Errno::XDEV) => continue,
                Err(error) => return Err(failed_at(error, &text(&names, &name), "open a directory")),
            }
            count.depth = count.depth.max(level);
        }
    }
}

/// A name and those of the directories above it, for the log.
fn text(above: &[OsString], name: &OsStr) -> String {
    let names = above.iter().map(|above| &**above).chain([name]);
    names.fold(String::new(), |path, name| path + "/" + &name.to_string_lossy())
}
