//! An upload's part: made or found, appended to, put in place.
//!
//! The bytes go to `<id>.part`, then the values they came with to `<id>.cv`. Nothing is waited for until the end: what a crash left is read back
//! and counts only as far as it agrees with its values.

use super::part_id;
use crate::fault::{During as _, Fault};
use crate::limits::{REHASH_SLICE, WRITE_BACK};
use crate::vfs::trees::Taken;
use crate::vfs::{Home, OpenFile, parts::read_head};
use ftp_proto::digest::Md5;
use ftp_proto::limits::{CHUNK, VALUE};
use ftp_proto::message::{Put, PutEnd, Stored};
use ftp_proto::sidecar::Sidecar;
use ftp_proto::{Chunk, Code, Etag, PrefixHash, Tree, Value, tree};
use std::io;
use std::sync::Arc;

/// An upload's part, open for appending.
#[derive(Debug)]
pub struct Sink {
    home: Arc<Home>,
    put: Put,
    id: Etag,
    part: Box<dyn OpenFile>,
    cv: Box<dyn OpenFile>,
    /// Where the values begin in `cv`.
    head: u64,
    tree: Tree,
    md5: Option<Md5>,
    /// Up to here the disk was told to begin with it.
    begun: u64,
    /// What an earlier attempt left is still being checked.
    hashing: bool,
    /// A sync of the part failed: nobody knows what of it is on the disk, and another sync would not tell.
    unsound: bool,
}

/// An upload that ended without its file in place.
#[derive(Debug)]
pub struct PutFailed {
    /// Why.
    pub fault: Fault,
    /// The bytes that the part still holds, 0 if there is none any more; none if nobody knows.
    pub left: Option<u64>,
}

/// An upload that is in place.
#[derive(Debug)]
pub struct Published {
    /// For the client.
    pub stored: Stored,
    /// The size of the file that it replaced, if it replaced one.
    pub replaced: Option<u64>,
    /// What failed when it was in place already: it may not survive a loss of power.
    pub unsynced: Option<Fault>,
}

/// What came of writing chunks.
#[derive(Debug)]
pub struct Appended {
    /// The part, or why it was closed. Chunks before a bad one are kept.
    pub sink: Result<Box<Sink>, PutFailed>,
    /// The buffers of the chunks.
    pub buffers: Vec<Vec<u8>>,
}

pub(super) fn part_name(id: Etag) -> String {
    format!("{id}.part")
}

fn cv_name(id: Etag) -> String {
    format!("{id}.cv")
}

impl Sink {
    /// Makes the part, or opens what an earlier attempt at the same path and size left; that has to be hashed before it counts.
    ///
    /// # Errors
    /// The target cannot be a file, or the disk fails.
    pub fn open(home: Arc<Home>, put: Put) -> Result<Self, PutFailed> {
        let id = part_id(&put.path);
        let untouched = |fault| PutFailed { fault, left: home.part_size(id) };
        home.expect_target(&put.path).map_err(untouched)?;
        let files = match find_files(&home, id, &put).map_err(untouched)? {
            Some(files) => files,
            None => {
                home.drop_upload(id).map_err(|fault| PutFailed { fault, left: None })?;
                make_files(&home, id, &put).map_err(|fault| discarded(&home, id, fault))?
            }
        };
        let Files { part, cv, head, hashing } = files;
        let md5 = put.md5.then(Md5::default);
        Ok(Self { home, put, id, part, cv, head, tree: Tree::new(), md5, begun: 0, hashing, unsound: false })
    }

    /// Checks the next slice of what was left; at most [`REHASH_SLICE`] bytes.
    ///
    /// # Errors
    /// The disk fails. Bytes that differ from their values are no error: what is from them on is cut off.
    pub fn hash_slice(mut self: Box<Self>) -> Result<Box<Self>, PutFailed> {
        match self.check_slice() {
            Ok(()) => Ok(self),
            Err(fault) => Err(self.fail(fault)),
        }
    }

    fn check_slice(&mut self) -> Result<(), Fault> {
        let end = self.offset() + REHASH_SLICE;
        let mut buffer = vec![0; CHUNK];
        while self.offset() < end {
            let offset = self.offset();
            let data = &mut buffer[..tree::chunk_len(self.put.size, offset)];
            if data.is_empty() || !self.is_sound(offset, data)? {
                self.hashing = false;
                self.begun = self.offset();
                return self.cut();
            }
            self.tree.push(tree::value(self.put.size, offset, data));
            if let Some(md5) = &mut self.md5 {
                md5.update(data);
            }
        }
        Ok(())
    }

    /// Reads the chunk at `offset` back and compares it with the value it came with.
    fn is_sound(&self, offset: u64, data: &mut [u8]) -> Result<bool, Fault> {
        let mut value = [0; VALUE];
        let there =
            read_whole(&*self.cv, &mut value, self.value_at())? && read_whole(&*self.part, data, offset)?;
        Ok(there && tree::value(self.put.size, offset, data) == Value(value))
    }

    /// Where the value of the next chunk is in `cv`.
    fn value_at(&self) -> u64 {
        self.head + self.tree.count() * VALUE as u64
    }

    /// Cuts off everything that is not in the tree: durably, for those bytes are free from now on.
    fn cut(&mut self) -> Result<(), Fault> {
        if self.part.facts().during("look at an open file")?.size > self.offset() {
            self.part.set_len(self.offset()).during("cut a part")?;
            let synced = self.home.sync_file(&*self.part);
            self.unsound |= synced.is_err();
            synced?;
        }
        self.cv.set_len(self.value_at()).during("cut a sidecar")
    }

    /// More of what was left is to be checked.
    #[must_use]
    pub fn is_hashing(&self) -> bool {
        self.hashing
    }

    /// From where chunks are wanted.
    #[must_use]
    pub fn offset(&self) -> u64 {
        (self.tree.count() * CHUNK as u64).min(self.put.size)
    }

    /// The prefix hash up to [`Sink::offset`].
    #[must_use]
    pub fn prefix(&self) -> PrefixHash {
        self.tree.prefix()
    }

    /// Checks the values of chunks and writes them, in order.
    #[must_use]
    pub fn append(mut self: Box<Self>, chunks: Vec<Chunk>) -> Appended {
        let result = self.write(&chunks);
        let buffers = chunks.into_iter().map(Chunk::into_buffer).collect();
        let sink = match result {
            Ok(()) => Ok(self),
            Err(fault) => Err(self.fail(fault)),
        };
        Appended { sink, buffers }
    }

    fn write(&mut self, chunks: &[Chunk]) -> Result<(), Fault> {
        for chunk in chunks {
            let value = check(self.put.size, self.offset(), chunk)?;
            self.part.write_all_at(chunk.data(), self.offset()).during("write to a part")?;
            // One by one: whatever ends the daemon costs one chunk at most.
            self.cv.write_all_at(&value.0, self.value_at()).during("write to a sidecar")?;
            self.tree.push(value);
            if let Some(md5) = &mut self.md5 {
                md5.update(chunk.data());
            }
        }
        if self.offset() - self.begun >= WRITE_BACK {
            self.home.begin_sync(&*self.part, self.begun, self.offset() - self.begun);
            self.begun = self.offset();
        }
        Ok(())
    }

    /// Compares the hashes, makes the part durable and puts it in place.
    ///
    /// # Errors
    /// Chunks are missing (the part stays), a hash differs (the part is dropped), the target cannot be replaced, or the disk fails.
    pub fn finish(self: Box<Self>, end: &PutEnd) -> Result<Published, PutFailed> {
        let missing = tree::chunks(self.put.size) - self.tree.count();
        if missing > 0 {
            let fault =
                Fault::refused(Code::BadRequest, format!("put_end came with {missing} chunks missing"));
            return Err(self.fail(fault));
        }
        let md5 = self.md5.clone().map(Md5::finish);
        if self.tree.root() != end.root || (md5.is_some() && md5 != end.md5) {
            return Err(self.discard(Fault::refused(
                Code::DigestMismatch,
                "the file arrived with another hash than it was sent with",
            )));
        }
        if let Err(fault) = make_ready(&self.home, &*self.part, self.put.mtime) {
            // After a failed sync nobody knows what is on the disk: none of it is believed.
            return Err(self.discard(fault));
        }
        let published = self.home.publish(&part_name(self.id), &self.put.path);
        match published {
            Err(fault) => Err(self.fail(fault)),
            Ok((replaced, synced)) => {
                let kept = self.keep_values(end);
                let dropped =
                    if kept { Ok(()) } else { self.home.remove_part(&cv_name(self.id)).map(|_| ()) };
                let stored = stored(&*self.part, &self.put, end);
                Ok(Published { stored, replaced, unsynced: synced.and(dropped).err() })
            }
        }
    }

    /// The values that it came with are the tree of the file from now on, if they are of use.
    fn keep_values(&self, end: &PutEnd) -> bool {
        let taken = Taken { file: &*self.cv, end: self.value_at(), root: end.root };
        self.home.keep_uploaded_tree(&taken, &cv_name(self.id), &*self.part, self.put.mtime)
    }

    /// Closes the part and says how many bytes it holds, if the disk says so. One without any is dropped: there is nothing to go on with.
    #[must_use]
    pub fn close(self: Box<Self>) -> Option<u64> {
        let size = self.part.facts().ok()?.size;
        if size == 0 {
            self.home.drop_upload(self.id).ok()?;
        }
        Some(size)
    }

    fn fail(mut self: Box<Self>, fault: Fault) -> PutFailed {
        // Half a chunk may have been written before the disk was full.
        let cut = if self.hashing { Ok(()) } else { self.cut() };
        let fault = cut.err().unwrap_or(fault);
        if self.unsound {
            return self.discard(fault);
        }
        PutFailed { fault, left: self.close() }
    }

    fn discard(self: Box<Self>, fault: Fault) -> PutFailed {
        discarded(&self.home, self.id, fault)
    }
}

/// The files of an upload.
struct Files {
    part: Box<dyn OpenFile>,
    cv: Box<dyn OpenFile>,
    /// Where the values begin in `cv`.
    head: u64,
    /// There may be something to check.
    hashing: bool,
}

/// What an earlier attempt at the same file left, if one did.
fn find_files(home: &Home, id: Etag, put: &Put) -> Result<Option<Files>, Fault> {
    if !put.restart
        && let (Some(part), Some(cv)) =
            (home.open_part(&part_name(id), false)?, home.open_part(&cv_name(id), false)?)
        && let Some((sidecar, head)) = read_head(&*cv)?
        && sidecar.size == put.size
        && sidecar.path == put.path.to_string()
    {
        return Ok(Some(Files { part, cv, head, hashing: true }));
    }
    Ok(None)
}

fn make_files(home: &Home, id: Etag, put: &Put) -> Result<Files, Fault> {
    let created =
        |name: &str| home.open_part(name, true)?.ok_or(Fault::Bug("a part that was made is not there"));
    let (cv, part) = (created(&cv_name(id))?, created(&part_name(id))?);
    let head = Sidecar { path: put.path.to_string(), size: put.size, mtime: put.mtime, etag: None }.encode();
    cv.write_all_at(&head, 0).during("write a sidecar")?;
    Ok(Files { part, cv, head: head.len() as u64, hashing: false })
}

/// Drops what there is of an upload.
fn discarded(home: &Home, id: Etag, fault: Fault) -> PutFailed {
    PutFailed { fault, left: home.drop_upload(id).ok().map(|()| 0) }
}

/// Reads all of `buffer`, or says that the file ends before.
fn read_whole(file: &dyn OpenFile, buffer: &mut [u8], offset: u64) -> Result<bool, Fault> {
    match file.read_exact_at(buffer, offset) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error).during("read a part"),
    }
}

/// The value of a chunk that is to be the one at `offset`, if it is what it says.
pub(super) fn check(size: u64, offset: u64, chunk: &Chunk) -> Result<Value, Fault> {
    if chunk.data().len() != tree::chunk_len(size, offset) {
        return Err(Fault::refused(
            Code::DigestMismatch,
            format!("the chunk at {offset} has another length than its place in the file"),
        ));
    }
    let value = tree::value(size, offset, chunk.data());
    if value != chunk.value() {
        return Err(Fault::refused(Code::DigestMismatch, format!("the chunk at {offset} arrived damaged"))
            .with_hint("send the file again; it goes on from there"));
    }
    Ok(value)
}

fn make_ready(home: &Home, file: &dyn OpenFile, mtime: i64) -> Result<(), Fault> {
    file.set_mtime(mtime).during("set a file's time")?;
    home.sync_file(file)
}

pub(super) fn stored(file: &dyn OpenFile, put: &Put, end: &PutEnd) -> Stored {
    let etag = file.facts().map_or(Etag([0; 16]), |facts| facts.etag());
    Stored { size: put.size, mtime: put.mtime, etag, root: end.root, md5: end.md5.filter(|_| put.md5) }
}
