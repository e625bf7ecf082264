//! A file that is read from start to end: first what is only hashed, then what is sent.

use crate::fault::{During as _, Fault};
use crate::limits::{BATCH, REHASH_SLICE};
use crate::vfs::{Facts, Home, OpenFile};
use ftp_proto::digest::Md5;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Get, GetEnd};
use ftp_proto::{Chunk, Code, Etag, PrefixHash, Tree, VirtualPath, tree};
use std::io;

/// A file that is read from start to end. One version of it: a change of its bytes meanwhile is a fault.
#[derive(Debug)]
pub struct Source {
    file: Box<dyn OpenFile>,
    facts: Facts,
    tree: Tree,
    md5: Option<Md5>,
    /// Where hashing ends and sending begins.
    sent_from: u64,
    prefix: PrefixHash,
    /// The file was looked at again after the last byte.
    checked: bool,
}

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
    pub fn open_get(home: &Home, get: &Get) -> Result<Box<Read>, Fault> {
        let mut source = Self::open(home, &get.path, get.md5)?;
        if get.etag.is_some_and(|etag| etag != source.facts.etag()) {
            return Err(changed());
        }
        if get.offset > 0 && get.etag.is_none() {
            return Err(Fault::refused(Code::BadRequest, "an offset needs the etag of the version it is of"));
        }
        if !get.offset.is_multiple_of(CHUNK as u64) || get.offset > source.facts.size {
            return Err(Fault::refused(
                Code::BadRequest,
                "an offset is a multiple of the chunk size and within the file",
            ));
        }
        source.sent_from = get.offset;
        if source.is_hashing() {
            return Ok(source.with(Vec::new()));
        }
        source.read((0..BATCH).map(|_| Vec::new()).collect())
    }

    /// Opens a file only to hash it.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn open_sum(home: &Home, path: &VirtualPath, md5: bool) -> Result<Box<Read>, Fault> {
        let mut source = Self::open(home, path, md5)?;
        source.sent_from = source.facts.size;
        source.hash_slice()
    }

    fn open(home: &Home, path: &VirtualPath, md5: bool) -> Result<Box<Self>, Fault> {
        let (file, facts) = home.open_read(path)?;
        let tree = Tree::new();
        let prefix = tree.prefix();
        Ok(Box::new(Self {
            file,
            facts,
            tree,
            md5: md5.then(Md5::default),
            sent_from: 0,
            prefix,
            checked: false,
        }))
    }

    fn with(self: Box<Self>, chunks: Vec<Chunk>) -> Box<Read> {
        Box::new(Read { source: self, chunks })
    }

    /// Hashes the next slice of what is not sent; at most [`REHASH_SLICE`] bytes.
    ///
    /// # Errors
    /// It cannot be read, or was changed.
    pub fn hash_slice(mut self: Box<Self>) -> Result<Box<Read>, Fault> {
        let end = self.sent_from.min(self.next() + REHASH_SLICE);
        let mut buffer = vec![0; CHUNK];
        while self.next() < end {
            let data = &mut buffer[..tree::chunk_len(self.facts.size, self.next())];
            self.read_chunk(data)?;
        }
        self.prefix = self.tree.prefix();
        self.check_end()?;
        Ok(self.with(Vec::new()))
    }

    /// Reads the next chunks, as many as there are buffers.
    ///
    /// # Errors
    /// It cannot be read, or was changed.
    pub fn read(mut self: Box<Self>, buffers: Vec<Vec<u8>>) -> Result<Box<Read>, Fault> {
        let mut chunks = Vec::with_capacity(buffers.len());
        for buffer in buffers {
            let len = tree::chunk_len(self.facts.size, self.next());
            if len == 0 {
                break;
            }
            let mut chunk = Chunk::with_len(buffer, len);
            let value = self.read_chunk(chunk.data_mut())?;
            chunk.seal(value);
            chunks.push(chunk);
        }
        self.check_end()?;
        Ok(self.with(chunks))
    }

    fn read_chunk(&mut self, data: &mut [u8]) -> Result<ftp_proto::Value, Fault> {
        let offset = self.next();
        self.file.read_exact_at(data, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => Fault::Local { what: "read a file", source: error },
        })?;
        let value = tree::value(self.facts.size, offset, data);
        self.tree.push(value);
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
        Ok(value)
    }

    /// After the last byte: it must still be the version it was, whether or not its name is another file's by now.
    fn check_end(&mut self) -> Result<(), Fault> {
        if self.next() >= self.facts.size && !self.checked {
            let now = self.file.facts().during("look at an open file")?;
            if !self.facts.has_same_bytes(&now) {
                return Err(changed());
            }
            self.checked = true;
        }
        Ok(())
    }

    fn next(&self) -> u64 {
        (self.tree.count() * CHUNK as u64).min(self.facts.size)
    }

    /// More is to be hashed before anything is sent.
    #[must_use]
    pub fn is_hashing(&self) -> bool {
        self.next() < self.sent_from
    }

    /// Everything was read and is one version; [`Source::end`] holds.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.checked
    }

    /// The whole size.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.facts.size
    }

    /// The modification time.
    #[must_use]
    pub fn mtime(&self) -> i64 {
        self.facts.mtime.0
    }

    /// The version.
    #[must_use]
    pub fn etag(&self) -> Etag {
        self.facts.etag()
    }

    /// The prefix hash up to the offset that was asked for; holds when nothing is left to hash.
    #[must_use]
    pub fn prefix(&self) -> PrefixHash {
        self.prefix
    }

    /// The hashes of the whole file.
    #[must_use]
    pub fn end(&self) -> GetEnd {
        GetEnd { root: self.tree.root(), md5: self.md5.clone().map(Md5::finish) }
    }
}

fn changed() -> Fault {
    Fault::refused(Code::Changed, "the file is another version now")
}
