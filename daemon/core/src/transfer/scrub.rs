//! A user's files read through: are they what was uploaded?

use super::{Alone, Source};
use crate::fault::Fault;
use crate::vfs::Home;
use ftp_proto::message::{Kept, Kind};
use ftp_proto::{Code, Name, VirtualPath};
use std::sync::Arc;

/// How many files were looked at, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Files that were compared with the values that were kept of them, and are what these say.
    pub sound: u64,
    /// Files that differ from them, and files and directories that the disk did not give back.
    pub unsound: u64,
    /// Files of which no values are kept: those of one chunk at most, those that came by other means and
    /// were not read since, and those with several names.
    pub unknown: u64,
    /// Bytes that were read and compared.
    pub bytes: u64,
}

impl Home {
    /// Compares every file with the values that were kept of it, and tells of those that differ or cannot be read; they are marked, as when a
    /// download finds them. A directory that cannot be read is told as well, and the rest goes on. A file that is changed, moved or removed meanwhile
    /// is left out.
    ///
    /// Made for a [`Home::beside`], and slow: it reads everything.
    pub fn scrub(self: &Arc<Self>, tell: &mut dyn FnMut(&VirtualPath, &Fault)) -> Scrubbed {
        let mut scrubbed = Scrubbed::default();
        let mut directories = vec![VirtualPath::root()];
        while let Some(directory) = directories.pop() {
            match scrub_directory(self, &directory, &mut directories, &mut scrubbed, tell) {
                Err(fault) if !is_gone(&fault) => {
                    scrubbed.unsound += 1;
                    tell(&directory, &fault);
                }
                _ => {}
            }
        }
        scrubbed
    }
}

/// Looks at the files of a directory, and notes the directories in it.
fn scrub_directory(
    home: &Arc<Home>,
    directory: &VirtualPath,
    directories: &mut Vec<VirtualPath>,
    scrubbed: &mut Scrubbed,
    tell: &mut dyn FnMut(&VirtualPath, &Fault),
) -> Result<(), Fault> {
    let mut lister = Some(home.list(directory)?);
    while let Some(reading) = lister {
        let (page, rest) = reading.page()?;
        lister = rest;
        for entry in page.entries {
            // Names too deep to be said are those that no client made.
            let path = entry.name.as_ref().map(Name::as_str).map(|name| directory.join(name));
            let Some(Ok(path)) = path else { continue };
            match entry.kind {
                Kind::Dir => directories.push(path),
                Kind::File => match scrub_file(home, &path) {
                    Ok(Some(bytes)) => {
                        scrubbed.sound += 1;
                        scrubbed.bytes += bytes;
                    }
                    Ok(None) => scrubbed.unknown += 1,
                    Err(fault) if is_gone(&fault) => {}
                    Err(Fault::Refused(_)) => scrubbed.unknown += 1,
                    Err(fault) => {
                        scrubbed.unsound += 1;
                        tell(&path, &fault);
                    }
                },
                Kind::Other => {}
            }
        }
    }
    Ok(())
}

/// Reads a file whose values were kept, and says how many bytes; none if there are no values.
fn scrub_file(home: &Arc<Home>, path: &VirtualPath) -> Result<Option<u64>, Fault> {
    if !home.has_tree(path)? {
        return Ok(None);
    }
    let mut source = Source::open_sum(home, path, false, Kept::Check, &Alone)?.source;
    while !source.is_done() {
        source = source.hash_slice(&Alone)?.source;
    }
    Ok(source.is_kept().then(|| source.size()))
}

/// It was changed, moved or removed while we looked.
fn is_gone(fault: &Fault) -> bool {
    use Code::{Changed, IsADirectory, NotADirectory, NotFound};
    matches!(fault, Fault::Refused(refusal) if matches!(refusal.code, Changed | NotFound | NotADirectory | IsADirectory))
}
