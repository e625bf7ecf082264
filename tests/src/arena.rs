//! A folder for downloads with others around it, and everything that is in them, to be compared.

use crate::sample;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What one name was seen to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A file: its hash, mode, links, and when it was last written, in nanoseconds.
    File(blake3::Hash, u32, u64, i128),
    /// A folder, and its mode.
    Folder(u32),
    /// A symbolic link, and where it leads.
    Link(PathBuf),
    /// Something else.
    Other,
}

/// Everything below a folder, links not followed, but for what lies below one that is left out.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn walk(folder: &Path, without: Option<&Path>) -> BTreeMap<PathBuf, Seen> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let facts = fs::symlink_metadata(&path).expect("there");
            let kind = facts.file_type();
            let seen = if kind.is_symlink() {
                Seen::Link(fs::read_link(&path).expect("a link"))
            } else if kind.is_dir() {
                if without != Some(&path) {
                    folders.push(path.clone());
                }
                Seen::Folder(facts.mode())
            } else if kind.is_file() {
                let written = i128::from(facts.mtime()) * 1_000_000_000 + i128::from(facts.mtime_nsec());
                Seen::File(sample::hash(&path), facts.mode(), facts.nlink(), written)
            } else {
                Seen::Other
            };
            found.insert(path, seen);
        }
    }
    found
}

/// The arena.
pub struct Arena {
    /// All of it.
    pub folder: PathBuf,
    /// Where downloads go.
    pub down: PathBuf,
    /// What nobody may touch.
    pub canary: PathBuf,
    before: BTreeMap<PathBuf, Seen>,
}

impl Arena {
    /// Makes a new folder with the folder for downloads and a tree beside it that nobody may touch.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        let (down, canary) = (folder.join("down"), folder.join("canary"));
        fs::create_dir_all(canary.join("sub")).expect("made");
        fs::create_dir(&down).expect("made");
        for name in ["file", "other", "sub/file", "ok-a", "ok-b"] {
            sample::file(&canary.join(name), 77, 5000);
        }
        std::os::unix::fs::symlink("file", canary.join("link")).expect("made");
        let mut arena = Self { folder, down, canary, before: BTreeMap::new() };
        arena.remember();
        arena
    }

    /// What is there now is how it has to stay.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn remember(&mut self) {
        self.before = walk(&self.folder, Some(&self.down));
    }

    /// Insists that nothing but the folder for downloads was touched.
    ///
    /// # Panics
    /// It was.
    pub fn untouched(&self, what: &str) {
        let now = walk(&self.folder, Some(&self.down));
        let changed: Vec<_> =
            self.before.iter().filter(|(path, seen)| now.get(*path) != Some(seen)).collect();
        let new: Vec<_> = now.keys().filter(|path| !self.before.contains_key(*path)).collect();
        assert!(changed.is_empty() && new.is_empty(), "{what}: changed {changed:?}, new {new:?}");
    }

    /// Everything in the folder for downloads, by the path in it.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn downloads(&self) -> BTreeMap<PathBuf, Seen> {
        let all = walk(&self.down, None).into_iter();
        all.map(|(path, seen)| (path.strip_prefix(&self.down).expect("below it").to_owned(), seen)).collect()
    }
}
