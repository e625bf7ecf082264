//! Removals that follow each other. What a disk takes most of the time for is to make a directory durable: that is done once for all that went from it.

use super::explain::{denied, expect_file, not_found};
use super::{Folder, Home, Near, look};
use crate::fault::{During as _, Fault};
use ftp_proto::VirtualPath;
use rustix::io::Errno;
use std::sync::Arc;

/// A name to be removed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Removal<'a> {
    /// That of a file.
    File(&'a VirtualPath),
    /// That of an empty directory.
    Dir(&'a VirtualPath),
}

/// Directories that were made durable, so that each is only once: all that is to be durable in one is done before.
#[derive(Default)]
pub(crate) struct Synced {
    known: Vec<(Arc<dyn Folder>, Result<(), Errno>)>,
}

impl Synced {
    /// Makes the names in a directory durable, or tells how that went.
    pub(crate) fn names(&mut self, home: &Home, dir: &Arc<dyn Folder>) -> Result<(), Errno> {
        if let Some((_, result)) = self.known.iter().rev().find(|(known, _)| Arc::ptr_eq(known, dir)) {
            return *result;
        }
        let result = home.sync_names(&**dir);
        self.known.push((Arc::clone(dir), result));
        result
    }
}

impl Home {
    /// Removes names, in order, and then makes that durable. Gives the bytes that each had, of a directory 0.
    ///
    /// # Errors
    /// Of each: there is nothing of that name, or not what it should be, or a directory is not empty; or the disk fails, which it does for all that went
    /// from a directory.
    pub(crate) fn remove(&self, removals: &[Removal<'_>]) -> Vec<Result<u64, Fault>> {
        let mut near = Near::default();
        let gone: Vec<_> = removals.iter().map(|removal| self.remove_name(*removal, &mut near)).collect();
        let mut synced = Synced::default();
        let durable = gone.into_iter().map(|gone| {
            let (bytes, dir) = gone?;
            synced.names(self, &dir).during("make a directory durable")?;
            Ok(bytes)
        });
        durable.collect()
    }

    #[cfg(test)]
    pub(crate) fn rm(&self, path: &VirtualPath) -> Result<u64, Fault> {
        self.remove(&[Removal::File(path)]).remove(0)
    }

    #[cfg(test)]
    pub(crate) fn rmdir(&self, path: &VirtualPath) -> Result<(), Fault> {
        self.remove(&[Removal::Dir(path)]).remove(0).map(|_| ())
    }

    /// Not durably. Gives the directory that it was in as well.
    fn remove_name(&self, removal: Removal<'_>, near: &mut Near) -> Result<(u64, Arc<dyn Folder>), Fault> {
        let (Removal::File(path) | Removal::Dir(path)) = removal;
        let (dir, leaf) = near.parent(self, path)?;
        if matches!(removal, Removal::Dir(_)) {
            *near = Near::default();
            dir.rmdir(leaf).map_err(|error| denied(error, path, "remove a directory"))?;
            return Ok((0, dir));
        }
        let _names = self.names();
        let facts = look(&*dir, leaf)?.ok_or_else(|| not_found(path))?;
        expect_file(&facts, path)?;
        dir.unlink(leaf).map_err(|error| denied(error, path, "remove a file"))?;
        self.drop_tree(&facts);
        Ok((facts.size, dir))
    }
}
