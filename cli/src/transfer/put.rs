//! An upload.

use super::Report;
use super::local::{Opened, Version};
use crate::client::Client;
use crate::failure::{Cause, Failure, shown};
use crate::interrupt::Interrupt;
use crate::watch::Watch;
use ftp_proto::digest::Md5;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Body, Op, Put, PutBegin, PutEnd, Stored};
use ftp_proto::{Chunk, Tree, VirtualPath, tree};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

/// Uploads the file `local` to `remote`.
///
/// # Errors
/// What happened and what to do; after [`Cause::Interrupted`] the client can still be used unless `fatal` is set.
pub fn put(
    client: &mut Client,
    local: &Path,
    remote: &VirtualPath,
    md5: bool,
    interrupt: &Interrupt,
    watch: &mut dyn Watch,
) -> Result<Report, Failure> {
    let source = Source::open(local, md5)?;
    let put = source.put(remote);
    if put.eager { small(client, source, put, watch) } else { large(client, source, put, interrupt, watch) }
}

/// A file of one chunk at most, read whole: all that is sent of it.
pub(crate) struct Small {
    pub(crate) put: Put,
    /// None if it is empty.
    pub(crate) chunk: Option<Chunk>,
    pub(crate) end: PutEnd,
}

impl Small {
    /// Reads a file for `remote`, into `buffer`; none if it is larger.
    pub(crate) fn read(
        local: &Path,
        remote: &VirtualPath,
        md5: bool,
        buffer: Vec<u8>,
    ) -> Result<Option<Self>, Failure> {
        let source = Source::open(local, md5)?;
        let put = source.put(remote);
        if put.eager { Self::of(source, put, buffer).map(Some) } else { Ok(None) }
    }

    fn of(mut source: Source, put: Put, buffer: Vec<u8>) -> Result<Self, Failure> {
        let chunk = if put.size > 0 { Some(source.next(buffer)?) } else { None };
        Ok(Self { put, chunk, end: source.end()? })
    }

    /// What it is to be at the server.
    pub(crate) fn sent(&self) -> Sent {
        Sent { size: self.put.size, end: self.end.clone(), began: Instant::now() }
    }
}

/// What was sent of a file, to be compared with what the server says that it stored.
pub(crate) struct Sent {
    size: u64,
    end: PutEnd,
    began: Instant,
}

impl Sent {
    /// How it went, if that is the same.
    pub(crate) fn report(&self, stored: &Stored, resumed: u64) -> Result<Report, Failure> {
        let Self { size, end: PutEnd { root, md5 }, began } = self;
        if stored.root != *root || stored.size != *size || (md5.is_some() && stored.md5 != *md5) {
            return Err(Failure::new(Cause::Verification, "the server stored something else than was sent")
                .hint("run md5 on the file, and tell the administrator"));
        }
        let (size, root, md5) = (*size, *root, *md5);
        Ok(Report { size, resumed, moved: size - resumed, took: began.elapsed(), root, md5 })
    }
}

/// The local file, read in order.
struct Source {
    opened: Opened,
    tree: Tree,
    md5: Option<Md5>,
}

impl Source {
    fn open(local: &Path, md5: bool) -> Result<Self, Failure> {
        Ok(Self { opened: Opened::open(local)?, tree: Tree::new(), md5: md5.then(Md5::default) })
    }

    /// The request to upload it.
    fn put(&self, remote: &VirtualPath) -> Put {
        let Version { size, mtime, .. } = self.opened.version;
        let (eager, md5) = (size <= CHUNK as u64, self.md5.is_some());
        Put { path: remote.clone(), size, mtime, eager, restart: false, md5 }
    }

    fn offset(&self) -> u64 {
        (self.tree.count() * CHUNK as u64).min(self.opened.version.size)
    }

    /// Reads the next chunk and seals it.
    fn next(&mut self, buffer: Vec<u8>) -> Result<Chunk, Failure> {
        let offset = self.offset();
        let mut chunk = Chunk::with_len(buffer, tree::chunk_len(self.opened.version.size, offset));
        match self.opened.file.read_exact_at(chunk.data_mut(), offset) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(self.changed()),
            Err(error) => return Err(Failure::local(&self.opened.path, "read it", &error)),
        }
        let value = tree::value(self.opened.version.size, offset, chunk.data());
        chunk.seal(value);
        self.tree.push(value);
        if let Some(md5) = &mut self.md5 {
            md5.update(chunk.data());
        }
        Ok(chunk)
    }

    /// Forgets what was read.
    fn rewind(&mut self) {
        self.tree = Tree::new();
        self.md5 = self.md5.as_ref().map(|_| Md5::default());
    }

    /// The hashes, if the file is still the one that was opened.
    fn end(&self) -> Result<PutEnd, Failure> {
        match Version::of(&self.opened.file) {
            Ok(now) if now == self.opened.version => {
                Ok(PutEnd { root: self.tree.root(), md5: self.md5.clone().map(Md5::finish) })
            }
            Ok(_) => Err(self.changed()),
            Err(error) => Err(Failure::local(&self.opened.path, "read it", &error)),
        }
    }

    fn changed(&self) -> Failure {
        let what =
            format!("{}: changed while it was sent; nothing was put in place", shown(&self.opened.path));
        Failure::new(Cause::Verification, what).hint("run the same command again")
    }
}

/// A file of one chunk: sent with the request.
fn small(client: &mut Client, source: Source, put: Put, watch: &mut dyn Watch) -> Result<Report, Failure> {
    watch.begin(put.size, 0);
    let small = Small::of(source, put, Vec::new())?;
    let sent = small.sent();
    let id = client.send(Op::Put(small.put))?;
    if let Some(chunk) = &small.chunk {
        client.send_chunk(chunk, &mut || {})?;
    }
    client.send_as(id, Op::PutEnd(small.end))?;
    match client.wait_watched(id, watch)? {
        Body::Ok(value) => {
            let stored = client.read(value)?;
            watch.finishing();
            sent.report(&stored, 0)
        }
        Body::Error(refusal) => Err(Failure::refused(refusal)),
        Body::Begin(_) | Body::Page(_) => Err(client.breach("an answer of another kind")),
    }
}

fn large(
    client: &mut Client,
    mut source: Source,
    put: Put,
    interrupt: &Interrupt,
    watch: &mut dyn Watch,
) -> Result<Report, Failure> {
    let (mut id, mut begin) = start(client, put.clone(), watch)?;
    let same = match is_same(&mut source, &begin, interrupt, watch) {
        Ok(same) => same,
        Err(failure) => {
            client.abort(id)?;
            return Err(failure);
        }
    };
    if !same {
        watch.note("what the server has is not the beginning of this file; starting again");
        client.abort(id)?;
        source.rewind();
        (id, begin) = start(client, Put { restart: true, ..put }, watch)?;
        if begin.offset != 0 {
            return Err(client.breach("an upload that was to start again"));
        }
    }
    let began = Instant::now();
    watch.begin(source.opened.version.size, begin.offset);
    let end = match send(client, id, &mut source, watch) {
        Ok(end) => {
            client.send_as(id, Op::PutEnd(end.clone()))?;
            watch.finishing();
            end
        }
        Err(failure) if failure.fatal => return Err(failure),
        Err(failure) => {
            // The daemon drops what is on its way up to the abort; what it has verified stays.
            client.abort(id)?;
            return Err(failure);
        }
    };
    match client.wait(id, &mut || watch.finishing())? {
        crate::client::Incoming::Reply(Body::Ok(value)) => {
            let stored = client.read(value)?;
            Sent { size: source.opened.version.size, end, began }.report(&stored, begin.offset)
        }
        crate::client::Incoming::Reply(Body::Error(refusal)) => Err(Failure::refused(refusal)),
        _ => Err(client.breach("an answer of another kind")),
    }
}

fn start(client: &mut Client, put: Put, watch: &mut dyn Watch) -> Result<(u64, PutBegin), Failure> {
    let size = put.size;
    let id = client.send(Op::Put(put))?;
    match client.wait_watched(id, watch)? {
        Body::Begin(value) => {
            let begin: PutBegin = client.read(value)?;
            if begin.offset > size || (begin.offset < size && !begin.offset.is_multiple_of(CHUNK as u64)) {
                return Err(client.breach("an offset that is none"));
            }
            Ok((id, begin))
        }
        Body::Error(refusal) => Err(Failure::refused(refusal)),
        Body::Ok(_) | Body::Page(_) => Err(client.breach("an upload that does not begin")),
    }
}

/// Whether what the server has is the beginning of this file.
fn is_same(
    source: &mut Source,
    begin: &PutBegin,
    interrupt: &Interrupt,
    watch: &mut dyn Watch,
) -> Result<bool, Failure> {
    let mut buffer = Vec::new();
    while source.offset() < begin.offset {
        buffer = source.next(buffer)?.into_buffer();
        watch.checking(source.offset(), begin.offset);
        if interrupt.is_set() {
            return Err(Failure::interrupted());
        }
    }
    Ok(source.tree.prefix() == begin.prefix)
}

/// Sends what is missing. The daemon may refuse at any time.
fn send(client: &mut Client, id: u64, source: &mut Source, watch: &mut dyn Watch) -> Result<PutEnd, Failure> {
    client.follow(true);
    let sent = send_chunks(client, id, source, watch);
    client.follow(false);
    sent
}

fn send_chunks(
    client: &mut Client,
    id: u64,
    source: &mut Source,
    watch: &mut dyn Watch,
) -> Result<PutEnd, Failure> {
    let mut buffer = Vec::new();
    while source.offset() < source.opened.version.size {
        let at = source.offset();
        let chunk = source.next(buffer)?;
        client.send_chunk(&chunk, &mut || watch.at(at))?;
        buffer = chunk.into_buffer();
        watch.at(source.offset());
        match client.at_hand(id)? {
            None => {}
            Some(Body::Error(refusal)) => return Err(Failure::refused(refusal)),
            Some(_) => return Err(client.breach("an answer of another kind")),
        }
        if client.is_interrupted() {
            return Err(Failure::interrupted());
        }
    }
    source.end()
}
