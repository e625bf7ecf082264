//! Folders on this side, as they can be sent.

use super::Trail;
use crate::failure::{Cause, Failure};
use crate::interrupt::Interrupt;
use crate::progress::Count;
use crate::transfer::is_hidden_part;
use ftp_proto::Name;
use ftp_proto::limits::DEPTH;
use std::fs;
use std::path::Path;

/// Why something in a folder is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// A link, a FIFO and the like, or an unfinished download.
    Skipped(&'static str),
    /// It should be, and cannot.
    Failed(String),
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
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let raw = entry.file_name();
        let text = raw.to_string_lossy().into_owned();
        let facts = match entry.metadata() {
            Ok(facts) => facts,
            // It went away meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                listing.left.push((text, Left::Failed(format!("cannot look at it: {error}"))));
                continue;
            }
        };
        let left = if facts.is_symlink() {
            Left::Skipped("a symbolic link")
        } else if !facts.is_file() && !facts.is_dir() {
            Left::Skipped("neither file nor folder")
        } else if facts.is_file() && is_part(folder, &text) {
            Left::Skipped("an unfinished download")
        } else {
            match raw.to_str().map(Name::new) {
                Some(Ok(_)) if facts.is_dir() && depth + 1 >= DEPTH => Left::Failed("too deep".to_owned()),
                Some(Ok(name)) if facts.is_dir() => {
                    listing.dirs.push(name);
                    continue;
                }
                Some(Ok(name)) => {
                    listing.files.push((name, facts.len()));
                    continue;
                }
                Some(Err(fault)) => Left::Failed(format!("the server cannot have this name: {fault}")),
                None => Left::Failed("the server cannot have this name: it is not UTF-8".to_owned()),
            }
        };
        listing.left.push((text, left));
    }
    listing.files.sort_unstable();
    listing.dirs.sort_unstable();
    listing.left.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(listing)
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
            Self::Failed(why) => why.as_str(),
        };
        Failure::new(Cause::NotPermitted, why)
    }
}
