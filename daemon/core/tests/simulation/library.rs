//! The files that clients of the simulation send: a few, made once, so that any file on the disk can be told to be one of them.

use ftp_proto::limits::CHUNK;
use ftp_proto::{Chunk, PrefixHash, Root, Tree, tree};
use std::sync::LazyLock;

/// One file, with all that a client knows of it.
pub struct Content {
    pub bytes: Vec<u8>,
    pub root: Root,
    /// Its chunks as they go over the wire.
    pub chunks: Vec<Chunk>,
    /// The prefix hash of each number of chunks.
    pub prefixes: Vec<PrefixHash>,
}

/// Small ones first, and one last that is not read at once. The two before it have the same size, so that one can be taken for a changed version of the other.
pub static LIBRARY: LazyLock<Vec<Content>> = LazyLock::new(|| {
    let sizes = [0, 1, 700, 700, 5_000, 9_000, CHUNK, CHUNK + 77, 2 * CHUNK + 900, 2 * CHUNK + 900, LARGEST];
    (0_u8..).zip(sizes).map(|(seed, size)| Content::new(seed, size)).collect()
});

/// How many of the library are small.
pub const SMALL: usize = 6;
/// The number of the last, and its size.
pub const LARGE: usize = 10;
const LARGEST: usize = 4 * CHUNK + 33;

impl Content {
    fn new(seed: u8, size: usize) -> Self {
        let mut bytes = vec![0; size];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
        let (mut tree, mut chunks, mut prefixes) = (Tree::new(), Vec::new(), vec![Tree::new().prefix()]);
        for (at, data) in (0..).step_by(CHUNK).zip(bytes.chunks(CHUNK)) {
            let value = tree::value(size as u64, at, data);
            let mut chunk = Chunk::with_len(Vec::new(), data.len());
            chunk.data_mut().copy_from_slice(data);
            chunk.seal(value);
            tree.push(value);
            chunks.push(chunk);
            prefixes.push(tree.prefix());
        }
        Self { bytes, root: tree.root(), chunks, prefixes }
    }

    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Which of the library it is.
pub fn find(bytes: &[u8]) -> Option<usize> {
    LIBRARY.iter().position(|content| content.bytes == bytes)
}
