//! The folder of unfinished uploads: `<id>.part` with the bytes and `<id>.cv` with what they should be.

use super::explain::{denied, failed_at};
use super::{Durability, Folder, Home, OpenFile, Watch, look};
use crate::fault::{During as _, Fault};
use ftp_proto::message::{Kind, PartEntry};
use ftp_proto::sidecar::{HEADER_MAX, Sidecar};
use ftp_proto::{Code, Etag, VirtualPath};
use rustix::io::Errno;
use std::time::{Duration, SystemTime};

/// A part that nobody has gone on with for so long is dropped at the next survey.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most that `parts` lists: what fits one message with paths of usual length.
const LISTED: usize = 100;
/// Bytes of paths that `parts` lists, so that the answer fits one message whatever they are.
const LISTED_BYTES: usize = 6 * 1024;

impl Home {
    /// Opens a file of `parts`, or makes it.
    pub(crate) fn open_part(&self, name: &str, create: bool) -> Result<Option<Box<dyn OpenFile>>, Fault> {
        match if create { self.parts.create(name) } else { self.parts.edit(name) } {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT) if !create => Ok(None),
            Err(error) => Err(error).during("open a part"),
        }
    }

    /// Makes a file of `parts`; none if there is one of that name.
    pub(crate) fn new_part(&self, name: &str) -> Result<Option<Box<dyn OpenFile>>, Fault> {
        match self.parts.create(name) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(error).during("open a part"),
        }
    }

    /// Whether a file without a name can be made here, and be named by its descriptor alone: before Linux 6.10 only the superuser could. Nothing is named:
    /// whether this may be done is found out before whether the name is taken.
    pub(super) fn names_unnamed(&self) -> bool {
        let named = self.parts.create_unnamed().and_then(|file| self.parts.link(&*file, "."));
        named == Err(Errno::EXIST)
    }

    /// Makes a file without a name for a directory of the home; none where that cannot be done, or is not safe: a disk may forget what was synced before it
    /// had a name, and that it has one, unless all of it is synced.
    pub(crate) fn unnamed(
        &self,
        dir: &dyn Folder,
        watch: Option<&dyn Watch>,
    ) -> Result<Option<Box<dyn OpenFile>>, Fault> {
        if !self.unnamed || (self.durability == Durability::Full && watch.is_none()) {
            return Ok(None);
        }
        match dir.create_unnamed() {
            Ok(file) => Ok(Some(file)),
            // In a directory that is gone nothing can be made; what is to be moved there is told so.
            Err(Errno::OPNOTSUPP | Errno::NOENT | Errno::PERM) => Ok(None),
            Err(error) => Err(error).during("make a file"),
        }
    }

    /// Gives a file without a name the last one of a path, in the directory above it, if that name is free; not durably. False if it is taken.
    pub(crate) fn name(
        &self,
        file: &dyn OpenFile,
        dir: &dyn Folder,
        leaf: &str,
        path: &VirtualPath,
    ) -> Result<bool, Fault> {
        let _names = self.names();
        match dir.link(file, leaf) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(denied(error, path, "link")),
        }
    }

    /// Gives a file without a name that of a part; false if there is one of that name.
    pub(crate) fn name_part(&self, file: &dyn OpenFile, name: &str) -> Result<bool, Fault> {
        match self.parts.link(file, name) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error).during("name a part"),
        }
    }

    /// Drops an unfinished upload, if there is one: durably, for its bytes are free from now on.
    pub(crate) fn drop_upload(&self, id: Etag) -> Result<(), Fault> {
        let had = self.unlink_upload(id)?;
        if had { self.sync_parts() } else { Ok(()) }
    }

    /// Removes an unfinished upload, and says whether there was one; it is gone for good after [`Home::sync_parts`].
    pub(crate) fn unlink_upload(&self, id: Etag) -> Result<bool, Fault> {
        self.remove_part(&format!("{id}.cv"))?;
        self.remove_part(&format!("{id}.part"))
    }

    /// Removes a file of `parts`, and says whether it was there.
    pub(crate) fn remove_part(&self, name: &str) -> Result<bool, Fault> {
        match self.parts.unlink(name) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed_at(error, &format!("parts/{name}"), "remove a part")),
        }
    }

    /// The bytes that a part holds, 0 if there is none; none if the disk does not say.
    pub(crate) fn part_size(&self, id: Etag) -> Option<u64> {
        let facts = look(&*self.parts, &format!("{id}.part")).ok()?;
        Some(facts.map_or(0, |facts| facts.size))
    }

    /// Makes the names in `parts` durable.
    pub(crate) fn sync_parts(&self) -> Result<(), Fault> {
        self.sync(&*self.parts)
    }

    fn part_names(&self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut entries = self.parts.entries().during("read the folder of parts")?;
        while let Some(name) = entries.next() {
            names.push(name.during("read the folder of parts")?.to_string_lossy().into_owned());
        }
        Ok(names)
    }

    /// Drops what no upload can go on with: a part without a byte or a sound sidecar, a sidecar without a part, other leftovers, what is too old.
    pub(super) fn tidy_parts(&self) -> Result<(), Fault> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut dropped = false;
        for name in self.part_names()? {
            let keep = match name.rsplit_once('.') {
                Some((id, "part" | "cv")) => self.sidecar(id).is_some() && self.is_of_use(id, now),
                _ => false,
            };
            if !keep {
                dropped |= self.remove_part(&name)?;
            }
        }
        if dropped { self.sync_parts() } else { Ok(()) }
    }

    /// There is a part with something in it, and its sidecar was written to lately. The part's own time is the client's from just before it is put
    /// in place.
    fn is_of_use(&self, id: &str, now: Duration) -> bool {
        let look = |end: &str| look(&*self.parts, &format!("{id}.{end}")).ok().flatten();
        look("part").is_some_and(|part| part.kind == Kind::File && part.size > 0)
            && look("cv").is_some_and(|cv| cv.age(now) <= KEPT)
    }

    /// The head of a sidecar, if it is sound and of that name.
    fn sidecar(&self, id: &str) -> Option<Sidecar> {
        let id: Etag = id.parse().ok()?;
        let file = self.open_part(&format!("{id}.cv"), false).ok()??;
        let (sidecar, _) = read_head(&*file).ok()??;
        let path = VirtualPath::new(&sidecar.path).ok()?;
        (crate::transfer::part_id(&path) == id).then_some(sidecar)
    }

    pub(super) fn part_sizes(&self) -> Result<Vec<(Etag, u64)>, Fault> {
        let mut parts = Vec::new();
        for name in self.part_names()? {
            let Some(id) = name.strip_suffix(".part").and_then(|id| id.parse::<Etag>().ok()) else {
                continue;
            };
            let facts = look(&*self.parts, &name)?;
            parts.push((id, facts.map_or(0, |facts| facts.size)));
        }
        Ok(parts)
    }

    /// The unfinished uploads, up to what fits one message.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn parts(&self) -> Result<Vec<PartEntry>, Fault> {
        let (mut parts, mut bytes) = (Vec::new(), 0);
        for name in self.part_names()? {
            let Some(text) = name.strip_suffix(".part") else { continue };
            let (Ok(id), Some(sidecar)) = (text.parse::<Etag>(), self.sidecar(text)) else { continue };
            let (Some(facts), Ok(path)) = (look(&*self.parts, &name)?, VirtualPath::new(&sidecar.path))
            else {
                continue;
            };
            bytes += sidecar.path.len();
            if parts.len() == LISTED || bytes > LISTED_BYTES {
                break;
            }
            parts.push(PartEntry { id, path, size: sidecar.size, have: facts.size, mtime: facts.mtime.0 });
        }
        Ok(parts)
    }

    /// Removes unfinished uploads; says which are gone and what they held, also when it then fails. One that is not there is `not_found`.
    pub fn remove_parts(&self, ids: &[Etag]) -> (Vec<(Etag, u64)>, Result<(), Fault>) {
        let mut removed = Vec::new();
        for id in ids {
            match self.remove_upload(*id) {
                Ok(size) => removed.push((*id, size)),
                Err(fault) => return (removed, self.sync_parts().and(Err(fault))),
            }
        }
        (removed, self.sync_parts())
    }

    fn remove_upload(&self, id: Etag) -> Result<u64, Fault> {
        let part = format!("{id}.part");
        let facts = look(&*self.parts, &part)?
            .ok_or_else(|| Fault::refused(Code::NotFound, "there is no such unfinished upload"))?;
        self.remove_part(&part)?;
        self.remove_part(&format!("{id}.cv"))?;
        Ok(facts.size)
    }
}

/// The head of a sidecar and its length; none if it is torn or something else.
pub(crate) fn read_head(file: &dyn OpenFile) -> Result<Option<(Sidecar, u64)>, Fault> {
    let size = file.facts().during("look at an open file")?.size;
    let mut bytes = vec![0; usize::try_from(size).map_or(HEADER_MAX, |size| size.min(HEADER_MAX))];
    file.read_exact_at(&mut bytes, 0).during("read a sidecar")?;
    Ok(Sidecar::decode(&bytes).ok().map(|(sidecar, len)| (sidecar, len as u64)))
}
