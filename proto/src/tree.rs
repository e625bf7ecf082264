//! Chunk values and how they merge into a file's root. The only user of `blake3::hazmat`.
//!
//! A chunk is an aligned BLAKE3 subtree, so its chaining value can be computed where the chunk is, in any order, and the values
//! of all chunks give the ordinary BLAKE3 hash of the file without reading it again (BLAKE3 paper, section 2.4).

use crate::digest::{PrefixHash, Root, Value};
use crate::limits::CHUNK;
use blake3::hazmat::{HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// The value of the chunk at `offset` of a file of `size` bytes.
///
/// `offset` must be a multiple of [`CHUNK`] and `data` the chunk's bytes, all of them.
#[must_use]
pub fn value(size: u64, offset: u64, data: &[u8]) -> Value {
    debug_assert!(offset.is_multiple_of(CHUNK as u64) && data.len() <= CHUNK && !data.is_empty());
    if size <= CHUNK as u64 {
        return Value(*blake3::hash(data).as_bytes());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset).update(data);
    Value(hasher.finalize_non_root())
}

/// How many chunks a file of `size` bytes has.
#[must_use]
pub fn chunks(size: u64) -> u64 {
    size.div_ceil(CHUNK as u64)
}

/// The length of the chunk at `offset` of a file of `size` bytes; 0 at or past the end.
#[must_use]
pub fn chunk_len(size: u64, offset: u64) -> usize {
    usize::try_from(size.saturating_sub(offset)).map_or(CHUNK, |rest| rest.min(CHUNK))
}

/// The values of a file's chunks so far, in the order of the file.
///
/// Holds one value per level and not one per chunk: at most 45 for the largest file.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Complete subtrees, largest first; their sizes are the set bits of `count - 1`.
    stack: Vec<Value>,
    /// The newest value; whether it merges as a root is known only at the end.
    last: Option<Value>,
    count: u64,
    prefix: blake3::Hasher,
}

impl Tree {
    /// A file of which no chunk is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the value of the next chunk.
    pub fn push(&mut self, value: Value) {
        self.prefix.update(&value.0);
        if let Some(mut subtree) = self.last.replace(value) {
            let mut complete = self.count;
            while complete & 1 == 0 {
                let left = self.stack.pop().expect("a set bit of the count is a subtree on the stack");
                subtree = Value(merge_subtrees_non_root(&left.0, &subtree.0, Mode::Hash));
                complete >>= 1;
            }
            self.stack.push(subtree);
        }
        self.count += 1;
    }

    /// How many values were taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The hash of the values taken so far.
    #[must_use]
    pub fn prefix(&self) -> PrefixHash {
        PrefixHash(*self.prefix.finalize().as_bytes())
    }

    /// The root of the file, when all its values were taken.
    #[must_use]
    pub fn root(&self) -> Root {
        let Some(last) = self.last else { return Root(*blake3::hash(b"").as_bytes()) };
        let Some((top, rest)) = self.stack.split_first() else { return Root(last.0) };
        let right = rest
            .iter()
            .rev()
            .fold(last, |right, left| Value(merge_subtrees_non_root(&left.0, &right.0, Mode::Hash)));
        Root(*merge_subtrees_root(&top.0, &right.0, Mode::Hash).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn root_by_chunks(file: &[u8]) -> Root {
        let mut tree = Tree::new();
        for (index, chunk) in file.chunks(CHUNK).enumerate() {
            tree.push(value(file.len() as u64, (index * CHUNK) as u64, chunk));
        }
        assert_eq!(tree.count(), chunks(file.len() as u64));
        tree.root()
    }

    #[test]
    fn the_root_is_the_ordinary_hash_at_every_edge() {
        let file: Vec<u8> = (0..17 * CHUNK + 3).map(|i| u8::try_from(i % 251).expect("small")).collect();
        for chunks in 0..=17 {
            for edge in [-1025, -1024, -1, 0, 1, 1023, 1024, 1025] {
                let Some(len) = (chunks * CHUNK).checked_add_signed(edge).filter(|len| *len <= file.len())
                else {
                    continue;
                };
                assert_eq!(root_by_chunks(&file[..len]).0, *blake3::hash(&file[..len]).as_bytes(), "{len}");
            }
        }
    }

    /// The merge order for many chunk counts, checked against the recursive definition, where the file would be too large to hash.
    #[test]
    fn values_merge_as_the_paper_defines() {
        fn subtree(values: &[Value]) -> [u8; 32] {
            match values {
                [one] => one.0,
                _ => {
                    let (left, right) = split(values);
                    merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
                }
            }
        }
        fn split(values: &[Value]) -> (&[Value], &[Value]) {
            values.split_at(1 << (values.len() - 1).ilog2())
        }
        let values: Vec<Value> =
            (0..2100u32).map(|i| Value(*blake3::hash(&i.to_le_bytes()).as_bytes())).collect();
        let mut tree = Tree::new();
        for (index, value) in values.iter().enumerate() {
            tree.push(*value);
            if index > 0 {
                let (left, right) = split(&values[..=index]);
                let want = merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash);
                assert_eq!(tree.root().0, *want.as_bytes(), "{index}");
            }
        }
    }

    #[test]
    fn a_chunk_at_another_offset_has_another_value() {
        let data = [7; 1000];
        let size = 10 * CHUNK as u64;
        assert_ne!(value(size, 0, &data), value(size, CHUNK as u64, &data));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_file_has_its_ordinary_hash(len in 0..6 * CHUNK, seed: u8) {
            let file: Vec<u8> = (0..len).map(|i| u8::try_from(i % 256).expect("small").wrapping_mul(31).wrapping_add(seed)).collect();
            prop_assert_eq!(root_by_chunks(&file).0, *blake3::hash(&file).as_bytes());
        }
    }
}
