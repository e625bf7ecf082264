//! The parts of downloads that lie in a folder.

use super::local::read_head;
use super::place::{Folder, Found};
use crate::failure::Failure;
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The part of a download, with its sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Of the part, in its folder.
    pub name: String,
    /// What it is of, at the server; none if its sidecar is torn.
    pub path: Option<String>,
    /// What is there.
    pub have: u64,
    /// The whole; none if its sidecar is torn.
    pub size: Option<u64>,
    /// When it last grew.
    pub mtime: i64,
}

/// The parts in a folder, sorted by name. A file that only is called so has no sidecar, and is none.
///
/// # Errors
/// The folder cannot be listed.
pub fn unfinished(folder: &Path) -> Result<Vec<Unfinished>, Failure> {
    let failed = |error| Failure::local(folder, "list it", &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let Ok(name) = entry.map_err(failed)?.file_name().into_string() else { continue };
        if !name.ends_with(".part") {
            continue;
        }
        let (Ok(facts), Ok(cv)) =
            (fs::symlink_metadata(folder.join(&name)), guarded(&folder.join(format!("{name}.cv"))))
        else {
            continue;
        };
        if !facts.is_file() {
            continue;
        }
        let head = read_head(&cv).ok().flatten().map(|(sidecar, _)| sidecar);
        found.push(Unfinished {
            name,
            path: head.as_ref().map(|sidecar| sidecar.path.clone()),
            have: facts.len(),
            size: head.map(|sidecar| sidecar.size),
            mtime: facts.mtime(),
        });
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// A file that is one, and no link to another.
fn guarded(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

impl Unfinished {
    /// Removes it and its sidecar; false if it is being downloaded.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, folder: &Path) -> Result<bool, Failure> {
        let path = folder.join(&self.name);
        let failed = |error: io::Error| Failure::local(&path, "remove it", &error);
        let part = guarded(&path).map_err(failed)?;
        if flock(&part, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(false);
        }
        let place = Folder::open(folder)?.place(self.name.as_str());
        let cv = place.with_end(".cv");
        place.remove_beside(self.name.as_ref()).map_err(failed)?;
        if place.look_beside(&cv)? != Some(Found::Folder) {
            place.remove_beside(&cv).map_err(failed)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::sidecar::Sidecar;

    #[test]
    fn parts_are_told_from_files_that_only_are_called_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
        let sidecar = Sidecar { path: "/a".into(), size: 100, mtime: 1, etag: None };
        write("a.part", &[0; 40]);
        write("a.part.cv", &sidecar.encode());
        write("torn.part", &[0; 7]);
        write("torn.part.cv", b"x");
        write("mine.part", b"a spare part");
        std::os::unix::fs::symlink(folder.path().join("mine.part"), folder.path().join("link.part"))
            .expect("made");
        write("link.part.cv", &sidecar.encode());
        let found = unfinished(folder.path()).expect("listed");
        let all: Vec<_> = found.iter().map(|part| (part.name.as_str(), part.have, part.size)).collect();
        assert_eq!(all, [("a.part", 40, Some(100)), ("torn.part", 7, None)]);
        let busy = guarded(&folder.path().join("a.part")).expect("open");
        flock(&busy, FlockOperation::LockExclusive).expect("locked");
        assert!(!found[0].remove(folder.path()).expect("looked at"), "somebody downloads it");
        drop(busy);
        assert!(found.iter().all(|part| part.remove(folder.path()).expect("removed")));
        assert_eq!(unfinished(folder.path()).expect("listed"), []);
        assert!(folder.path().join("mine.part").exists() && !folder.path().join("a.part.cv").exists());
    }
}
