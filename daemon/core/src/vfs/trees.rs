//! The folder of kept trees: for a file of more than one chunk, the values of its chunks as they were when it was uploaded or first read through.
//!
//! A tree has the inode of its file for a name, so that a file that is moved takes it along and one that is replaced or removed loses it, and it
//! ends with a seal that names the version:
//!
//! ```text
//! trees/<inode>      anything | value | value | … | "ftpdtr1\n" or "ftpdtr1!" | etag | u64 size | root | BLAKE3 of the seal so far
//! trees/<inode>.new  one that is being made
//! ```
//!
//! Whatever stands before the values is not looked at: the sidecar of an upload becomes its tree as it is. Nothing here is synced and no failure is
//! told, for nothing depends on it: a tree that is torn, lost or of another version is no tree, and the next who reads the whole file makes one.

use super::{Facts, Folder, Home, Near, OpenFile, look};
use crate::fault::{During as _, Fault};
use ftp_proto::limits::{CHUNK, VALUE};
use ftp_proto::message::Kind;
use ftp_proto::{Etag, Root, VirtualPath, tree};
use rustix::io::Errno;
use std::io;
use std::time::{Duration, SystemTime};

const MAGIC: &[u8; 8] = b"ftpdtr1\n";
/// The same where the file was found to differ.
const MAGIC_DAMAGED: &[u8; 8] = b"ftpdtr1!";
/// Where the check begins, and where it ends.
const CHECKED: usize = 8 + 16 + 8 + 32;
const SEAL: usize = CHECKED + 32;
/// A file that was changed so shortly before it was read may be changed again within the same step of the disk's clock, under the same etag.
const SETTLED: Duration = Duration::from_secs(2);

/// What the values of a tree are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seal {
    etag: Etag,
    size: u64,
    root: Root,
    /// The file was found to differ.
    damaged: bool,
}

impl Seal {
    fn encode(&self) -> [u8; SEAL] {
        let mut bytes = [0; SEAL];
        bytes[..8].copy_from_slice(if self.damaged { MAGIC_DAMAGED } else { MAGIC });
        bytes[8..24].copy_from_slice(&self.etag.0);
        bytes[24..32].copy_from_slice(&self.size.to_be_bytes());
        bytes[32..CHECKED].copy_from_slice(&self.root.0);
        let check = blake3::hash(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(check.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8; SEAL]) -> Option<Self> {
        let (mut etag, mut size, mut root) = ([0; 16], [0; 8], [0; 32]);
        etag.copy_from_slice(&bytes[8..24]);
        size.copy_from_slice(&bytes[24..32]);
        root.copy_from_slice(&bytes[32..CHECKED]);
        let damaged = bytes[..8] == *MAGIC_DAMAGED;
        let seal = Self { etag: Etag(etag), size: u64::from_be_bytes(size), root: Root(root), damaged };
        (seal.encode() == *bytes).then_some(seal)
    }

    /// The seal of an open file and where it is, if the file is nobody else's and has a sound one.
    fn read(file: &dyn OpenFile) -> io::Result<Option<(Self, u64)>> {
        let facts = file.facts()?;
        let Some(at) = facts.size.checked_sub(SEAL as u64) else { return Ok(None) };
        if facts.kind != Kind::File || facts.links != 1 {
            return Ok(None);
        }
        let mut bytes = [0; SEAL];
        file.read_exact_at(&mut bytes, at)?;
        Ok(Self::decode(&bytes).map(|seal| (seal, at)))
    }
}

/// A tree that is there. Its seal is sound and of that version of the file; its values are still to be merged.
#[derive(Debug)]
pub(crate) struct TreeFile {
    pub(crate) file: Box<dyn OpenFile>,
    /// Where its values begin.
    pub(crate) values_at: u64,
    /// What they should merge to.
    pub(crate) root: Root,
    /// The file was found to differ.
    pub(crate) damaged: bool,
}

/// All values of a file, in a file of the daemon's own.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) file: &'a dyn OpenFile,
    /// Where in it the last one ends.
    pub(crate) end: u64,
    /// What they merge to.
    pub(crate) root: Root,
}

/// Whether files of that size have trees: the one value of a file of one chunk is sooner computed than looked up.
pub(crate) fn is_worth(size: u64) -> bool {
    size > CHUNK as u64
}

fn tree_name(inode: u64) -> String {
    format!("{inode:016x}")
}

fn new_name(inode: u64) -> String {
    format!("{inode:016x}.new")
}

fn inode_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name, 16).ok().filter(|inode| tree_name(*inode) == name)
}

impl Home {
    /// The tree of a version of a file.
    ///
    /// # Errors
    /// There may be one, and it cannot be read now.
    pub(crate) fn find_tree(&self, of: &Facts) -> io::Result<Option<TreeFile>> {
        let Some(trees) = self.trees.as_ref().filter(|_| is_worth(of.size)) else { return Ok(None) };
        let file = match trees.open(&tree_name(of.inode)) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::LOOP | Errno::ACCESS) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some((seal, at)) = Seal::read(&*file)? else { return Ok(None) };
        let is_it = seal.etag == of.etag() && seal.size == of.size;
        let values = tree::chunks(of.size).checked_mul(VALUE as u64);
        let found = |values_at| TreeFile { file, values_at, root: seal.root, damaged: seal.damaged };
        Ok(values.and_then(|values| at.checked_sub(values)).filter(|_| is_it).map(found))
    }

    /// Whether there is a tree of the file that is there now.
    ///
    /// # Errors
    /// The file cannot be had, or there may be a tree and it cannot be read.
    pub(crate) fn has_tree(&self, path: &VirtualPath) -> Result<bool, Fault> {
        let (_, facts) = self.open_near(path, &mut Near::default())?;
        Ok(self.find_tree(&facts).during("read what was kept of a file")?.is_some())
    }

    /// Makes a file for the values of an open file, for [`Home::keep_new_tree`]; none if that is of no use, or somebody else is at it.
    pub(crate) fn new_tree(&self, of: &Facts) -> Option<Box<dyn OpenFile>> {
        self.trees.as_ref().filter(|_| !self.beside)?.create(&new_name(of.inode)).ok()
    }

    /// Makes the values that were taken of an open file since it was `of` its tree. Says whether it did.
    pub(crate) fn keep_new_tree(&self, taken: &Taken<'_>, file: &dyn OpenFile, of: &Facts) -> bool {
        self.trees
            .as_ref()
            .is_some_and(|trees| self.keep_tree(taken, &**trees, &new_name(of.inode), file, |now| now == of))
    }

    /// Makes the values in `name`, that came with an upload, its tree, now that it is in place. Says whether it did.
    pub(crate) fn keep_uploaded_tree(
        &self,
        taken: &Taken<'_>,
        name: &str,
        file: &dyn OpenFile,
        mtime: i64,
    ) -> bool {
        // Who writes to it by other means gives it another time.
        self.keep_tree(taken, &*self.parts, name, file, |now| now.mtime == (mtime, 0))
    }

    fn keep_tree(
        &self,
        taken: &Taken<'_>,
        folder: &dyn Folder,
        name: &str,
        of: &dyn OpenFile,
        is_unchanged: impl FnOnce(&Facts) -> bool,
    ) -> bool {
        let Some(trees) = &self.trees else { return false };
        // Who removes the file now removes its tree as well.
        let _names = self.names();
        let Ok(now) = of.facts() else { return false };
        if !is_worth(now.size) || now.links != 1 || !is_unchanged(&now) {
            return false;
        }
        let seal = Seal { etag: now.etag(), size: now.size, root: taken.root, damaged: false };
        taken.file.write_all_at(&seal.encode(), taken.end).is_ok()
            && folder.rename(name, &**trees, &tree_name(now.inode), true).is_ok()
    }

    /// Drops a tree that was begun.
    pub(crate) fn drop_new_tree(&self, of: &Facts) {
        let _no_matter = self.trees.as_ref().map(|trees| trees.unlink(&new_name(of.inode)));
    }

    /// A version of a file was found to differ from its tree: from now on a sum says what the file is, and not what it was.
    pub(crate) fn mark_damaged(&self, of: &Facts) {
        let _names = self.names();
        if let Some((file, seal, at)) = self.sealed(of) {
            let _no_matter = file.write_all_at(&Seal { damaged: true, ..seal }.encode(), at);
        }
    }

    /// The tree of a version of a file, to be written to, with its seal and where that is.
    fn sealed(&self, of: &Facts) -> Option<(Box<dyn OpenFile>, Seal, u64)> {
        let file = self.trees.as_ref()?.edit(&tree_name(of.inode)).ok()?;
        let (seal, at) = Seal::read(&*file).ok()??;
        (seal.etag == of.etag()).then_some((file, seal, at))
    }

    /// The tree of an open file says of the version that it is now that this is its root: it has another name, and the bytes that it had.
    pub(crate) fn is_sealed(&self, file: &dyn OpenFile, root: Root) -> bool {
        // A name is not changed between a look at the file and one at its tree.
        let _names = self.names();
        let sealed = file.facts().ok().and_then(|now| self.sealed(&now));
        sealed.is_some_and(|(_, seal, _)| seal.root == root)
    }

    /// A file is gone, and its tree with it. The names are held.
    pub(super) fn drop_tree(&self, of: &Facts) {
        if is_worth(of.size) {
            let _no_matter = self.trees.as_ref().map(|trees| trees.unlink(&tree_name(of.inode)));
        }
    }

    /// A file has another name, by which it is another version with the same bytes. The names are held.
    pub(super) fn reseal_tree(&self, was: &Facts, folder: &dyn Folder, leaf: &str) {
        let resealed = || {
            let (file, seal, at) = self.sealed(was)?;
            let now = look(folder, leaf).ok()??;
            let same =
                (now.device, now.inode, now.size, now.mtime) == (was.device, was.inode, was.size, was.mtime);
            same.then(|| file.write_all_at(&Seal { etag: now.etag(), ..seal }.encode(), at))
        };
        if was.kind == Kind::File && is_worth(was.size) {
            let _no_matter = resealed();
        }
    }

    /// The inodes that trees are named after, in order. What has another name is dropped: no session is open that could be making it.
    pub(super) fn tidy_trees(&self) -> Vec<u64> {
        let mut inodes = Vec::new();
        let Some(trees) = &self.trees else { return inodes };
        let Ok(mut entries) = trees.entries() else { return inodes };
        while let Some(Ok(name)) = entries.next() {
            let Some(name) = name.to_str() else { continue };
            match inode_of(name) {
                Some(inode) => inodes.push(inode),
                None => {
                    let _no_matter = trees.unlink(name);
                }
            }
        }
        inodes.sort_unstable();
        inodes
    }

    /// Drops the trees of files that are not there.
    pub(super) fn drop_trees(&self, of: impl Iterator<Item = u64>) {
        if let Some(trees) = &self.trees {
            for inode in of {
                let _no_matter = trees.unlink(&tree_name(inode));
            }
        }
    }
}

impl Facts {
    /// Whether what is read of an open file from now on can be called this version's.
    pub(crate) fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let then = Duration::from_secs(u64::try_from(self.ctime.0).unwrap_or(0));
        now.checked_sub(then).is_some_and(|age| age > SETTLED)
    }
}
