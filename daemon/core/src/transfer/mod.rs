//! The files of transfers: a download's source, an upload's part.

use crate::fault::Fault;
use crate::vfs::Home;
use ftp_proto::message::{Get, GetEnd, Put, PutEnd, Stored};
use ftp_proto::{Chunk, Etag, PrefixHash, VirtualPath};
use std::sync::Arc;

/// The name of the part for an upload to `path`: the same path has the same part.
#[must_use]
pub fn part_id(_path: &VirtualPath) -> Etag {
    unimplemented!()
}

/// A file that is read from start to end: first what is only hashed, then what is sent.
#[derive(Debug)]
pub struct Source {}

/// What came of one job on a source.
#[derive(Debug)]
pub struct Read {
    /// The file.
    pub source: Box<Source>,
    /// The next chunks, sealed.
    pub chunks: Vec<Chunk>,
}

impl Source {
    /// Opens a file for a download; without an offset the first batch is read too.
    ///
    /// # Errors
    /// It cannot be had, is another version (`changed`), or the offset is not one (`bad_request`).
    pub fn open_get(_home: &Home, _get: &Get) -> Result<Box<Read>, Fault> {
        unimplemented!()
    }

    /// Opens a file only to hash it.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn open_sum(_home: &Home, _path: &VirtualPath, _md5: bool) -> Result<Box<Read>, Fault> {
        unimplemented!()
    }

    /// Hashes the next slice of what is not sent; at most [`crate::limits::REHASH_SLICE`] bytes.
    ///
    /// # Errors
    /// It cannot be read, or was changed.
    pub fn hash_slice(self: Box<Self>) -> Result<Box<Read>, Fault> {
        unimplemented!()
    }

    /// Reads the next chunks, as many as there are buffers.
    ///
    /// # Errors
    /// It cannot be read, or was changed.
    pub fn read(self: Box<Self>, _buffers: Vec<Vec<u8>>) -> Result<Box<Read>, Fault> {
        unimplemented!()
    }

    /// More is to be hashed before anything is sent.
    #[must_use]
    pub fn is_hashing(&self) -> bool {
        unimplemented!()
    }

    /// Everything was read and is one version; [`Source::end`] holds.
    #[must_use]
    pub fn is_done(&self) -> bool {
        unimplemented!()
    }

    /// The whole size.
    #[must_use]
    pub fn size(&self) -> u64 {
        unimplemented!()
    }

    /// The modification time.
    #[must_use]
    pub fn mtime(&self) -> i64 {
        unimplemented!()
    }

    /// The version.
    #[must_use]
    pub fn etag(&self) -> Etag {
        unimplemented!()
    }

    /// The prefix hash up to the offset that was asked for; holds when nothing is left to hash and until the first read.
    #[must_use]
    pub fn prefix(&self) -> PrefixHash {
        unimplemented!()
    }

    /// The hashes of the whole file.
    #[must_use]
    pub fn end(&self) -> GetEnd {
        unimplemented!()
    }
}

/// An upload's part, open for appending.
#[derive(Debug)]
pub struct Sink {}

/// An upload that ended without its file in place.
#[derive(Debug)]
pub struct PutFailed {
    /// Why.
    pub fault: Fault,
    /// The bytes that the part still holds; 0 if there is none any more.
    pub left: u64,
}

/// An upload that is in place.
#[derive(Debug)]
pub struct Published {
    /// For the client.
    pub stored: Stored,
    /// The size of the file that it replaced, if it replaced one.
    pub replaced: Option<u64>,
}

/// What came of writing chunks.
#[derive(Debug)]
pub struct Appended {
    /// The part, or why it was closed. Chunks before a bad one are kept.
    pub sink: Result<Box<Sink>, PutFailed>,
    /// The buffers of the chunks.
    pub buffers: Vec<Vec<u8>>,
}

impl Sink {
    /// Makes the part, or opens what an earlier attempt at the same path and size left; that has to be hashed before it counts.
    ///
    /// # Errors
    /// The target cannot be a file, or the disk fails.
    pub fn open(_home: Arc<Home>, _put: Put) -> Result<Self, PutFailed> {
        unimplemented!()
    }

    /// Checks the next slice of what was left; at most [`crate::limits::REHASH_SLICE`] bytes.
    ///
    /// # Errors
    /// The disk fails. Bytes that differ from their values are no error: what is from them on is cut off.
    pub fn hash_slice(self: Box<Self>) -> Result<Box<Self>, PutFailed> {
        unimplemented!()
    }

    /// More of what was left is to be checked.
    #[must_use]
    pub fn is_hashing(&self) -> bool {
        unimplemented!()
    }

    /// From where chunks are wanted.
    #[must_use]
    pub fn offset(&self) -> u64 {
        unimplemented!()
    }

    /// The prefix hash up to [`Sink::offset`].
    #[must_use]
    pub fn prefix(&self) -> PrefixHash {
        unimplemented!()
    }

    /// Checks the values of chunks and writes them, in order.
    #[must_use]
    pub fn append(self: Box<Self>, _chunks: Vec<Chunk>) -> Appended {
        unimplemented!()
    }

    /// Compares the hashes, makes the part durable and puts it in place.
    ///
    /// # Errors
    /// Chunks are missing (the part stays), a hash differs (the part is dropped), the target cannot be replaced, or the disk fails.
    pub fn finish(self: Box<Self>, _end: &PutEnd) -> Result<Published, PutFailed> {
        unimplemented!()
    }

    /// Closes the part and says how many bytes it holds.
    #[must_use]
    pub fn close(self: Box<Self>) -> u64 {
        unimplemented!()
    }
}

/// Checks, writes, makes durable and puts in place a file of at most one chunk. Leaves no part.
///
/// # Errors
/// As [`Sink::finish`]; `left` is 0.
pub fn store(
    _home: Arc<Home>,
    _put: Put,
    _chunk: Option<Chunk>,
    _end: &PutEnd,
) -> Result<Published, PutFailed> {
    unimplemented!()
}
