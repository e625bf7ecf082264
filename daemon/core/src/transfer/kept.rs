//! The values of a file's chunks that were kept: read for a download or a sum, made anew while a file without them is read through.

use crate::limits::PROOF_SLICE;
use crate::vfs::trees::{Taken, TreeFile, is_worth};
use crate::vfs::{Facts, Home, OpenFile};
use ftp_proto::limits::VALUE;
use ftp_proto::{PrefixHash, Root, Tree, Value, tree};
use std::io;
use std::sync::Arc;

/// Values that are read or written at once.
const WINDOW: usize = 128;

/// The kept values of an open file.
#[derive(Debug)]
pub(super) struct Kept {
    tree: TreeFile,
    /// How many there are.
    count: u64,
    /// Some of them, and the index of the first.
    window: Vec<u8>,
    first: u64,
}

impl Kept {
    /// Those of this version, if there are any. They are not proven yet.
    ///
    /// # Errors
    /// There may be some, and they cannot be read now.
    pub(super) fn find(home: &Home, facts: &Facts) -> io::Result<Option<Self>> {
        let kept = |tree| Self { tree, count: tree::chunks(facts.size), window: Vec::new(), first: 0 };
        Ok(home.find_tree(facts)?.map(kept))
    }

    /// The value of a chunk; none if it cannot be read.
    pub(super) fn value(&mut self, index: u64) -> Option<Value> {
        let held = (self.window.len() / VALUE) as u64;
        if index < self.first || index >= self.first + held {
            let len = usize::try_from(self.count.checked_sub(index)?).map_or(WINDOW, |rest| rest.min(WINDOW));
            self.window.resize(len * VALUE, 0);
            self.first = index;
            let at = self.tree.values_at + index * VALUE as u64;
            if self.tree.file.read_exact_at(&mut self.window, at).is_err() {
                self.window.clear();
            }
        }
        let values = self.window.as_chunks::<VALUE>().0;
        values.get(usize::try_from(index - self.first).ok()?).map(|value| Value(*value))
    }

    /// The file was found to differ from them.
    pub(super) fn is_damaged(&self) -> bool {
        self.tree.damaged
    }

    /// The root of the file, as it is sealed.
    pub(super) fn root(&self) -> Root {
        self.tree.root
    }
}

/// Kept values on their way to be proven: that they merge to the root that they were sealed with.
#[derive(Debug)]
pub(super) struct Proof {
    kept: Kept,
    tree: Tree,
    /// How many values the prefix is of, and then the prefix.
    prefix: (u64, PrefixHash),
}

/// How far a proof is.
#[derive(Debug)]
pub(super) enum Proven {
    /// There is more to merge.
    NotYet(Box<Proof>),
    /// They are what was kept; with the prefix hash of the first so many.
    Sound(Kept, PrefixHash),
    /// They are not.
    Unsound,
    /// They may be, and cannot be read now.
    Unread,
}

impl Proof {
    /// Of these values, noting the prefix hash of the first `prefix`.
    pub(super) fn new(kept: Kept, prefix: u64) -> Box<Self> {
        let tree = Tree::new();
        let none = tree.prefix();
        Box::new(Self { kept, tree, prefix: (prefix, none) })
    }

    /// Merges the next [`PROOF_SLICE`] values at most.
    pub(super) fn slice(mut self: Box<Self>) -> Proven {
        for _ in 0..PROOF_SLICE {
            if self.tree.count() == self.kept.count {
                break;
            }
            let Some(value) = self.kept.value(self.tree.count()) else { return Proven::Unread };
            self.tree.push(value);
            if self.tree.count() == self.prefix.0 {
                self.prefix.1 = self.tree.prefix();
            }
        }
        if self.tree.count() < self.kept.count {
            return Proven::NotYet(self);
        }
        let sound = self.tree.root() == self.kept.root();
        if sound { Proven::Sound(self.kept, self.prefix.1) } else { Proven::Unsound }
    }
}

/// Values on their way to be kept. What there is of them is dropped with it.
#[derive(Debug)]
pub(super) struct Draft {
    home: Arc<Home>,
    of: Facts,
    /// Made when the first window is full: most files end before.
    file: Option<Box<dyn OpenFile>>,
    written: u64,
    window: Vec<u8>,
}

impl Draft {
    /// For an open file that is read through from now on; none where nothing would come of it.
    pub(super) fn of(home: &Arc<Home>, facts: &Facts) -> Option<Self> {
        let of_use = is_worth(facts.size) && facts.is_settled();
        of_use.then(|| Self {
            home: Arc::clone(home),
            of: *facts,
            file: None,
            written: 0,
            window: Vec::new(),
        })
    }

    /// Takes the next value, or gives up.
    #[must_use]
    pub(super) fn push(mut self, value: Value) -> Option<Self> {
        self.window.extend_from_slice(&value.0);
        if self.window.len() < WINDOW * VALUE { Some(self) } else { self.flush() }
    }

    fn flush(mut self) -> Option<Self> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.home.new_tree(&self.of)?,
        };
        let file = self.file.insert(file);
        file.write_all_at(&self.window, self.written).ok()?;
        self.written += self.window.len() as u64;
        self.window.clear();
        Some(self)
    }

    /// All values of the file were taken.
    pub(super) fn keep(self, of: &dyn OpenFile, root: Root) {
        if let Some(mut draft) = self.flush()
            && let Some(file) = draft.file.as_deref()
            && draft.home.keep_new_tree(&Taken { file, end: draft.written, root }, of, &draft.of)
        {
            // It has another name now.
            draft.file = None;
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.home.drop_new_tree(&self.of);
        }
    }
}
