//! Folders on this side, as they can be sent.

use super::Trail;
use crate::failure::{Cause, Failure};
use crate::interrupt::Interrupt;
use crate::progress::Count;
use crate::transfer::is_hidden_part;
use ftp_proto::Name;
use ftp_proto::limits::DEPTH;
use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::{self, Builder};

/// So many entries of a folder are worth a thread of their own.
const SHARE: usize = 1024;
/// So many entries are held at once before it is known what they are.
const BLOCK: usize = 16 * SHARE;

/// Why something in a folder is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// A link, a FIFO and the like, or an unfinished download.
    Skipped(&'static str),
    /// The server cannot have it.
    Impossible(String),
    /// It cannot be told what it is.
    Unknown(String),
}

/// What is in one folder, sorted by name.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Names and sizes.
    pub(crate) files: Vec<(Name, u64)>,
    pub(crate) dirs: Vec<Name>,
    /// What is not sent, as it is shown.
    pub(crate) left: Vec<(String, Left)>,
}

impl Listing {
    /// Something has the name, whatever it is.
    pub(crate) fn has(&self, name: &Name) -> bool {
        self.files.binary_search_by(|(of, _)| of.cmp(name)).is_ok()
            || self.dirs.binary_search(name).is_ok()
            || self.left.iter().any(|(of, _)| of == name.as_str())
    }
}

/// Looks into a folder. Symbolic links are not followed; `depth` is that of its directory at the server.
pub(crate) fn list(folder: &Path, depth: usize) -> Result<Listing, Failure> {
    let failed = |error| Failure::local(folder, "list it", &error);
    let mut entries = fs::read_dir(folder).map_err(failed)?;
    let mut listing = Listing::default();
    loop {
        let block: Result<Vec<_>, _> = entries.by_ref().take(BLOCK).collect();
        let block = block.map_err(failed)?;
        if block.is_empty() {
            break;
        }
        for found in look_at_all(folder, depth, &block) {
            match found {
                Found::File(name, size) => listing.files.push((name, size)),
                Found::Dir(name) => listing.dirs.push(name),
                Found::Left(name, left) => listing.left.push((name, left)),
            }
        }
    }
    listing.files.sort_unstable();
    listing.dirs.sort_unstable();
    listing.left.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(listing)
}

/// What has a name in a folder.
enum Found {
    File(Name, u64),
    Dir(Name),
    Left(String, Left),
}

/// Looks at entries of a folder; if there are many, on all cores: nothing can be sent before, and the looks at a disk of the network each have to wait.
fn look_at_all(folder: &Path, depth: usize, entries: &[DirEntry]) -> Vec<Found> {
    let look = |some: &[DirEntry]| -> Vec<_> {
        some.iter().filter_map(|entry| look_at(folder, depth, entry)).collect()
    };
    if entries.len() <= SHARE {
        return look(entries);
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = entries.len().div_ceil(cores).max(SHARE);
    let (first, others) = entries.split_at(share.min(entries.len()));
    thread::scope(|scope| {
        let start = |some| Builder::new().spawn_scoped(scope, move || look(some)).map_err(|_| some);
        let others: Vec<_> = others.chunks(share).map(start).collect();
        let mut found = look(first);
        for other in others {
            found.extend(match other {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // The system has no thread to give.
                Err(some) => look(some),
            });
        }
        found
    })
}

/// Looks at an entry of a folder; none if it went away meanwhile.
fn look_at(folder: &Path, depth: usize, entry: &DirEntry) -> Option<Found> {
    let raw = entry.file_name();
    let text = raw.to_string_lossy();
    let left = match entry.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => Left::Unknown(format!("cannot look at it: {error}")),
        Ok(facts) if facts.is_symlink() => Left::Skipped("a symbolic link"),
        Ok(facts) if !facts.is_file() && !facts.is_dir() => Left::Skipped("neither file nor folder"),
        Ok(facts) if facts.is_file() && is_part(folder, &text) => Left::Skipped("an unfinished download"),
        Ok(facts) => match raw.to_str().map(Name::new) {
            Some(Ok(_)) if facts.is_dir() && depth + 1 >= DEPTH => Left::Impossible("too deep".to_owned()),
            Some(Ok(name)) if facts.is_dir() => return Some(Found::Dir(name)),
            Some(Ok(name)) => return Some(Found::File(name, facts.len())),
            Some(Err(fault)) => Left::Impossible(format!("the server cannot have this name: {fault}")),
            None => Left::Impossible("the server cannot have this name: it is not UTF-8".to_owned()),
        },
    };
    Some(Found::Left(text.into_owned(), left))
}

/// The part of a download, or its sidecar, with the other beside it.
fn is_part(folder: &Path, name: &str) -> bool {
    let other = match name.strip_suffix(".cv") {
        Some(part) => part.to_owned(),
        None => format!("{name}.cv"),
    };
    is_hidden_part(name) && fs::exists(folder.join(other)).unwrap_or(false)
}

/// Counts the files below a folder. What cannot be listed counts for nothing: it is said when its turn comes. Gives what is in it, if no folder is.
pub(crate) fn count(
    top: &Path,
    depth: usize,
    interrupt: &Interrupt,
    count: &mut Count<'_>,
) -> Result<Option<Listing>, Failure> {
    let (mut trail, mut flat) = (Trail::default(), None);
    loop {
        count.tick();
        match list(&trail.local(top), depth + trail.here().len()) {
            Err(failure) if trail.here().is_empty() => return Err(failure),
            Err(_) => {}
            Ok(mut listing) => {
                for (_, size) in &listing.files {
                    count.add(*size);
                }
                let dirs = std::mem::take(&mut listing.dirs);
                flat = (trail.here().is_empty() && dirs.is_empty()).then_some(listing);
                trail.enter(dirs);
            }
        }
        if interrupt.is_set() {
            return Err(Failure::interrupted());
        }
        if !trail.next() {
            return Ok(flat);
        }
    }
}

impl Left {
    /// As a failure.
    pub(crate) fn failure(&self) -> Failure {
        let why = match self {
            Self::Skipped(why) => why,
            Self::Impossible(why) | Self::Unknown(why) => why.as_str(),
        };
        Failure::new(Cause::NotPermitted, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_of_many_entries_is_listed_whole_and_sorted() {
        let folder = tempfile::tempdir().expect("a folder");
        let (count, path) = (BLOCK + 2 * SHARE + 7, folder.path());
        for number in 0..count {
            fs::write(path.join(format!("{number:05}")), &b"123"[..number % 4]).expect("written");
        }
        fs::create_dir(path.join("00000d")).expect("made");
        symlink("00000", path.join("00000l")).expect("made");
        let listing = list(path, 0).expect("it is there");
        let names: Vec<_> = (0..count).map(|number| format!("{number:05}")).collect();
        assert!(listing.files.iter().map(|(name, _)| name.as_str()).eq(names.iter().map(String::as_str)));
        assert!(listing.files.iter().zip(0..count).all(|((_, size), number)| *size == (number % 4) as u64));
        assert_eq!(listing.dirs, [Name::new("00000d").expect("a good name")]);
        assert_eq!(listing.left, [("00000l".to_owned(), Left::Skipped("a symbolic link"))]);
    }
}
