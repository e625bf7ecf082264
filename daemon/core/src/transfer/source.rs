//! A file that is read from start to end: first what is only hashed, then what is sent.

use super::beside::{Alone, Hands, Lent};
use super::kept::{Draft, Kept, Proof, Proven};
use crate::fault::{During as _, Fault};
use crate::limits::{BATCH, REHASH_SLICE};
use crate::vfs::{Facts, Home, Near, OpenFile};
use ftp_proto::digest::Md5;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Get, GetEnd, Kept as Wish};
use ftp_proto::{Chunk, Code, Etag, PrefixHash, Tree, Value, VirtualPath, tree};
use std::io;
use std::sync::Arc;

/// A file that is read from start to end. One version of it: a change of its bytes meanwhile is a fault.
///
/// Where its values were kept, what is sent goes out with them, unhashed: the receiver compares. What is only read is compared here.
#[derive(Debug)]
pub struct Source {
    home: Arc<Home>,
    path: VirtualPath,
    file: Box<dyn OpenFile>,
    facts: Facts,
    values: Values,
    /// What is sent is hashed and compared as well.
    check: bool,
    md5: Option<Md5>,
    /// Up to where it was read, or skipped.
    next: u64,
    /// What is not sent was skipped: its values were kept.
    skipped: bool,
    /// Where hashing ends and sending begins.
    sent_from: u64,
    prefix: PrefixHash,
    /// The file was looked at again after the last byte.
    checked: bool,
}

/// Where the values of the chunks are from.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a source is boxed, and most have the largest")]
enum Values {
    /// They were kept, and are being proven.
    Proving(Box<Proof>),
    /// They were kept.
    Kept(Kept),
    /// They are computed, and perhaps kept from now on.
    Computed(Tree, Option<Draft>),
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
    /// Opens a file for a download; where nothing is to be hashed first, the first batch is read too.
    ///
    /// # Errors
    /// It cannot be had, is another version (`changed`), or the offset is not one (`bad_request`).
    pub fn open_get(home: &Arc<Home>, get: &Get) -> Result<Box<Read>, Fault> {
        Self::open_get_near(home, get, &mut Near::default())
    }

    /// The same, from the directory that was worked in last if it is that one.
    pub(crate) fn open_get_near(home: &Arc<Home>, get: &Get, near: &mut Near) -> Result<Box<Read>, Fault> {
        let (file, facts) = home.open_near(&get.path, near)?;
        if get.etag.is_some_and(|etag| etag != facts.etag()) {
            return Err(changed());
        }
        if get.offset > 0 && get.etag.is_none() {
            return Err(Fault::refused(Code::BadRequest, "an offset needs the etag of the version it is of"));
        }
        if !get.offset.is_multiple_of(CHUNK as u64) || get.offset > facts.size {
            return Err(Fault::refused(
                Code::BadRequest,
                "an offset is a multiple of the chunk size and within the file",
            ));
        }
        let mut source = Self::new(home, &get.path, (file, facts), get.kept, get.offset);
        source.md5 = get.md5.then(Md5::default);
        source.prove_slice();
        if source.is_hashing() {
            return Ok(source.with(Vec::new()));
        }
        source.read((0..BATCH).map(|_| Vec::new()).collect())
    }

    /// Opens a file only to hash it, or to say how it was hashed once.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn open_sum(
        home: &Arc<Home>,
        path: &VirtualPath,
        md5: bool,
        kept: Wish,
        hands: &dyn Hands,
    ) -> Result<Box<Read>, Fault> {
        let (file, facts) = home.open_near(path, &mut Near::default())?;
        let mut source = Self::new(home, path, (file, facts), kept, facts.size);
        source.md5 = md5.then(Md5::default);
        source.hash_slice(hands)
    }

    fn new(
        home: &Arc<Home>,
        path: &VirtualPath,
        (file, facts): (Box<dyn OpenFile>, Facts),
        wish: Wish,
        sent_from: u64,
    ) -> Box<Self> {
        let computed = |draft| Values::Computed(Tree::new(), draft);
        let values = match wish {
            // What is kept stays: somebody may want to know that the file is damaged.
            Wish::Ignore => computed(None),
            Wish::Use | Wish::Check => match Kept::find(home, &facts) {
                // What cannot be read now is not to be made anew from bytes that nobody compared with it.
                Err(_) => computed(None),
                // Nobody compares a sum with the bytes: who asks it whether to send them again must not be told that they are there.
                Ok(Some(kept)) if kept.is_damaged() && wish == Wish::Use && sent_from == facts.size => {
                    computed(None)
                }
                Ok(Some(kept)) => Values::Proving(Proof::new(kept, sent_from / CHUNK as u64)),
                Ok(None) => computed(Draft::of(home, &facts)),
            },
        };
        let prefix = Tree::new().prefix();
        Box::new(Self {
            home: Arc::clone(home),
            path: path.clone(),
            file,
            facts,
            values,
            check: wish == Wish::Check,
            md5: None,
            next: 0,
            skipped: false,
            sent_from,
            prefix,
            checked: false,
        })
    }

    fn with(self: Box<Self>, chunks: Vec<Chunk>) -> Box<Read> {
        Box::new(Read { source: self, chunks })
    }

    /// Hashes the next slice of what is not sent, at most [`REHASH_SLICE`] bytes, or proves the next kept values. An MD5 may be left to `hands`.
    ///
    /// # Errors
    /// It cannot be read, was changed, or is not what was kept of it.
    pub fn hash_slice(mut self: Box<Self>, hands: &dyn Hands) -> Result<Box<Read>, Fault> {
        if matches!(self.values, Values::Proving(_)) {
            self.prove_slice();
        } else {
            let end = self.sent_from.min(self.next + REHASH_SLICE);
            match self.md5.take() {
                Some(md5) => self.hash_beside(md5, end, hands)?,
                None => {
                    let mut buffer = Vec::new();
                    while self.next < end {
                        self.read_chunks(&mut buffer, CHUNK, end)?;
                    }
                }
            }
            if let Values::Computed(tree, _) = &self.values {
                self.prefix = tree.prefix();
            }
        }
        self.check_end()?;
        Ok(self.with(Vec::new()))
    }

    /// Reads up to `end` and compares, while the MD5 of what was read before is computed.
    fn hash_beside(&mut self, md5: Md5, end: u64, hands: &dyn Hands) -> Result<(), Fault> {
        let (mut lent, mut buffer) = (Lent::new(md5, Vec::new(), &Alone), Vec::new());
        while self.next < end {
            self.read_chunks(&mut buffer, BATCH * CHUNK, end)?;
            let (md5, spare) = lent.home()?;
            lent = Lent::new(md5, std::mem::replace(&mut buffer, spare), hands);
        }
        self.md5 = Some(lent.home()?.0);
        Ok(())
    }

    /// Reads the next `most` bytes, or up to `end`, and compares them.
    fn read_chunks(&mut self, buffer: &mut Vec<u8>, most: usize, end: u64) -> Result<(), Fault> {
        let len = usize::try_from(end - self.next).map_or(most, |rest| rest.min(most));
        buffer.resize(len, 0);
        buffer.chunks_mut(CHUNK).try_for_each(|data| self.read_chunk(data, true).map(|_| ()))
    }

    /// Proves the next kept values, if there are any.
    fn prove_slice(&mut self) {
        if !matches!(self.values, Values::Proving(_)) {
            return;
        }
        let computed = Values::Computed(Tree::new(), None);
        let Values::Proving(proof) = std::mem::replace(&mut self.values, computed) else { return };
        match proof.slice() {
            Proven::NotYet(proof) => self.values = Values::Proving(proof),
            Proven::Unread => {}
            Proven::Unsound => {
                self.values = Values::Computed(Tree::new(), Draft::of(&self.home, &self.facts))
            }
            Proven::Sound(kept, prefix) => {
                (self.values, self.prefix) = (Values::Kept(kept), prefix);
                // A sum that is to be checked has to be read.
                let is_sum = self.sent_from == self.facts.size;
                if self.md5.is_none() && !(self.check && is_sum) {
                    (self.next, self.skipped) = (self.sent_from, true);
                }
            }
        }
    }

    /// Reads the next chunks, as many as there are buffers.
    ///
    /// # Errors
    /// It cannot be read, was changed, or is not what was kept of it and that was to be checked.
    pub fn read(mut self: Box<Self>, buffers: Vec<Vec<u8>>) -> Result<Box<Read>, Fault> {
        let mut chunks = Vec::with_capacity(buffers.len());
        for buffer in buffers {
            let len = tree::chunk_len(self.facts.size, self.next);
            if len == 0 {
                break;
            }
            let mut chunk = Chunk::with_len(buffer, len);
            let value = self.read_chunk(chunk.data_mut(), self.check)?;
            chunk.seal(value);
            chunks.push(chunk);
        }
        self.check_end()?;
        Ok(self.with(chunks))
    }

    /// Reads the next chunk and gives its value: the one that was kept, if there is one, and then it is compared only if that is said.
    fn read_chunk(&mut self, data: &mut [u8], compare: bool) -> Result<Value, Fault> {
        let offset = self.next;
        self.file.read_exact_at(data, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => Fault::Local { what: "read a file", source: error },
        })?;
        let compute = || tree::value(self.facts.size, offset, data);
        let value = match &mut self.values {
            Values::Kept(kept) => match kept.value(offset / CHUNK as u64) {
                Some(value) if compare && value != compute() => return Err(self.differs(offset)),
                Some(value) => value,
                // It cannot be read any more; the root will tell whether the bytes are right.
                None => compute(),
            },
            Values::Computed(tree, draft) => {
                let value = compute();
                tree.push(value);
                *draft = draft.take().and_then(|draft| draft.push(value));
                value
            }
            Values::Proving(_) => return Err(Fault::Bug("a file was read before its values were proven")),
        };
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
        self.next = offset + data.len() as u64;
        Ok(value)
    }

    fn is_unchanged(&self) -> Result<bool, Fault> {
        let same = self.facts.has_same_bytes(|| self.file.facts()).during("look at an open file")?;
        Ok(same || matches!(&self.values, Values::Kept(kept) if self.home.is_sealed(&*self.file, kept.root())))
    }

    /// Why bytes are not those that were kept.
    fn differs(&self, offset: u64) -> Fault {
        match self.is_unchanged() {
            Err(fault) => fault,
            Ok(false) => changed(),
            Ok(true) => {
                self.home.mark_damaged(&self.facts);
                Fault::Damaged { path: self.path.to_string(), offset }
            }
        }
    }

    /// After the last byte: it must still be the version it was, whether or not its name is another file's by now.
    fn check_end(&mut self) -> Result<(), Fault> {
        if !self.is_hashing() && self.next >= self.facts.size && !self.checked {
            if !self.is_unchanged()? {
                return Err(changed());
            }
            self.checked = true;
            if let Values::Computed(tree, draft) = &mut self.values
                && let Some(draft) = draft.take()
            {
                draft.keep(&*self.file, tree.root());
            }
        }
        Ok(())
    }

    /// More is to be hashed or proven before anything is sent.
    #[must_use]
    pub fn is_hashing(&self) -> bool {
        matches!(self.values, Values::Proving(_)) || self.next < self.sent_from
    }

    /// What is not sent was not read either.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// The values are those that were kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self.values, Values::Kept(_))
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
        let root = match &self.values {
            Values::Computed(tree, _) => tree.root(),
            Values::Kept(kept) => kept.root(),
            Values::Proving(_) => Tree::new().root(),
        };
        GetEnd { root, md5: self.md5.clone().map(Md5::finish) }
    }
}

fn changed() -> Fault {
    Fault::refused(Code::Changed, "the file is another version now")
}
