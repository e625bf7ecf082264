#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests race, wait and make sockets")]
mod kept;
mod resume;
mod sinks;
mod sources;

use super::*;
use crate::fault::Fault;
use crate::limits::BATCH;
use crate::vfs::tests::Tmpfs;
use crate::vfs::{Durability, Home, Jail};
use ftp_proto::digest::Md5;
use ftp_proto::limits::{CHUNK, VALUE};
use ftp_proto::message::{Get, Put, PutEnd};
use ftp_proto::{Chunk, Code, Md5Sum, PrefixHash, Root, UserName, Value, tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Some time in 2001.
const MTIME: i64 = 1_000_000_000;

/// A user's folder.
struct Ground {
    /// Removed when dropped.
    _dir: Option<TempDir>,
    folder: PathBuf,
    home: Arc<Home>,
}

impl Ground {
    fn new() -> Self {
        let dir = TempDir::new().expect("a folder");
        let mut ground = Self::below(dir.path());
        ground._dir = Some(dir);
        ground
    }

    fn below(dir: &Path) -> Self {
        let folder = dir.join("ada");
        let user = UserName::new("ada").expect("a good name");
        let home = Home::open(&Jail::new(dir.to_owned()), &user, Durability::Fast).expect("a home");
        let home = Arc::new(home);
        Self { _dir: None, folder, home }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join("home").join(name)
    }

    fn part(&self, at: &str) -> PathBuf {
        self.folder.join("parts").join(format!("{}.part", part_id(&path(at))))
    }

    fn cv(&self, at: &str) -> PathBuf {
        self.part(at).with_extension("cv")
    }

    /// How many files there are of unfinished uploads.
    fn leftovers(&self) -> usize {
        fs::read_dir(self.folder.join("parts")).expect("readable").count()
    }

    /// Opens an upload, checks what was left, and holds every count that it then tells.
    fn open(&self, put: &Put, bytes: &[u8]) -> Box<Sink> {
        let mut sink = Box::new(Sink::open(Arc::clone(&self.home), put.clone()).expect("it opens"));
        while sink.is_hashing() {
            sink = sink.hash_slice().expect("it can be read");
        }
        let offset = usize::try_from(sink.offset()).expect("small");
        assert!(offset.is_multiple_of(CHUNK) || offset == bytes.len());
        assert_eq!(sink.prefix(), prefix(bytes, offset));
        assert_eq!(fs::read(self.part(&put.path.to_string())).expect("a part"), bytes[..offset]);
        sink
    }

    /// Uploads all that is missing.
    fn complete(&self, put: &Put, bytes: &[u8]) -> Published {
        let sink = self.open(put, bytes);
        let published = send(sink, bytes, bytes.len()).finish(&end(bytes)).expect("in place");
        assert_eq!(fs::read(self.at(&put.path.to_string()[1..])).expect("there"), bytes);
        published
    }

    /// Leaves an upload unfinished with all its bytes but not in place.
    fn leave(&self, put: &Put, bytes: &[u8], have: usize) {
        assert_eq!(send(self.open(put, bytes), bytes, have).close(), Some(have as u64));
    }
}

fn path(text: &str) -> VirtualPath {
    VirtualPath::new(text).expect("a good path")
}

fn put(at: &str, size: usize) -> Put {
    Put { path: path(at), size: size as u64, mtime: MTIME, eager: false, restart: false, md5: true }
}

/// Bytes without a period that a chunk's length could hide.
fn bytes(len: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

fn value(bytes: &[u8], offset: usize) -> Value {
    let len = tree::chunk_len(bytes.len() as u64, offset as u64);
    tree::value(bytes.len() as u64, offset as u64, &bytes[offset..offset + len])
}

fn prefix(bytes: &[u8], offset: usize) -> PrefixHash {
    let mut hasher = blake3::Hasher::new();
    (0..offset).step_by(CHUNK).for_each(|at| {
        hasher.update(&value(bytes, at).0);
    });
    PrefixHash(*hasher.finalize().as_bytes())
}

fn md5(bytes: &[u8]) -> Md5Sum {
    let mut md5 = Md5::default();
    md5.update(bytes);
    md5.finish()
}

fn root(bytes: &[u8]) -> Root {
    Root(*blake3::hash(bytes).as_bytes())
}

fn end(bytes: &[u8]) -> PutEnd {
    PutEnd { root: root(bytes), md5: Some(md5(bytes)) }
}

fn sealed(data: &[u8], value: Value) -> Chunk {
    let mut chunk = Chunk::with_len(Vec::new(), data.len());
    chunk.data_mut().copy_from_slice(data);
    chunk.seal(value);
    chunk
}

/// The chunks of a file from one offset to another.
fn chunks(bytes: &[u8], from: usize, to: usize) -> Vec<Chunk> {
    (from..to)
        .step_by(CHUNK)
        .map(|at| sealed(&bytes[at..at + tree::chunk_len(bytes.len() as u64, at as u64)], value(bytes, at)))
        .collect()
}

/// Appends the chunks up to an offset, some at a time.
fn send(mut sink: Box<Sink>, bytes: &[u8], to: usize) -> Box<Sink> {
    let from = usize::try_from(sink.offset()).expect("small");
    for batch in chunks(bytes, from, to).chunks(BATCH) {
        let appended = sink.append(batch.to_vec());
        assert_eq!(appended.buffers.len(), batch.len());
        sink = appended.sink.expect("written");
    }
    sink
}

fn code(fault: &Fault) -> Code {
    fault.refusal().code
}

/// What a failed upload says: why, and what is left.
fn failed<T>(result: Result<T, PutFailed>) -> (Code, u64) {
    let failed = result.err().expect("it fails");
    (code(&failed.fault), failed.left.expect("known"))
}
