//! What came from the client and waits for its turn: requests and chunks in order, within bounds.

use super::{explain, several};
use crate::limits::{BATCH, REQUEST_BYTES};
use ftp_proto::limits::{CHUNK, MESSAGE, MESSAGE_GUEST, PIPELINE};
use ftp_proto::message::{Bad, Op, Put, PutEnd, Refusal, Request};
use ftp_proto::{Chunk, Code, Deframer, Frame, WireFault};
use std::collections::VecDeque;

/// A frame that waits.
#[derive(Debug)]
pub(super) enum Item {
    /// A request other than those that are answered at once.
    Request(Request),
    /// One that is refused when its turn comes.
    Refused(u64, Refusal),
    /// A chunk of the put before it.
    Chunk(Chunk),
    /// The end of the put before it.
    End(PutEnd),
}

impl Item {
    /// That of a request.
    fn id(&self) -> Option<u64> {
        match self {
            Self::Request(request) => Some(request.id),
            Self::Refused(id, _) => Some(*id),
            Self::Chunk(_) | Self::End(_) => None,
        }
    }
}

/// What one frame was.
#[derive(Debug)]
pub(super) enum Read {
    /// It waits in the inbox; it may wait for more if more is at hand.
    Queued { may_wait: bool },
    /// A `ping`, to be answered now.
    Ping(u64),
    /// An `abort`, to be answered now.
    Abort {
        /// Its own id.
        id: u64,
        /// Whom it stops.
        target: u64,
    },
}

/// The frames of one connection, and which frames may come next.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    deframer: Deframer,
    /// Somebody is logged in: chunks may come, and longer messages.
    user: bool,
    items: VecDeque<Item>,
    chunks: usize,
    chunk_bytes: usize,
    /// How many bytes each request that waits has, in their order.
    requests: VecDeque<usize>,
    /// Their sum.
    bytes: usize,
    /// No request so far had a higher id: that of a client that counts its requests need not be looked for.
    highest: u64,
    /// The put that waits for its `begin`: what is sent before that would be in the way of its chunks.
    opening: Option<u64>,
    /// The put whose chunks and `put_end` are being read.
    put: Option<u64>,
    /// It is eager: one chunk is all that may come.
    one_chunk: bool,
    /// Its chunks are dropped: it has failed.
    deaf: bool,
}

impl Inbox {
    /// Takes bytes up to the end of a frame; says how many, and what the frame was.
    ///
    /// `current` says of an id whether a request of that id is being carried out.
    ///
    /// # Errors
    /// The client breaks the protocol; the connection must end.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        current: &dyn Fn(u64) -> bool,
    ) -> Result<(usize, Option<Read>), Refusal> {
        let (taken, frame) = self.deframer.push(bytes).map_err(fatal)?;
        let read = match frame {
            None => return Ok((taken, None)),
            Some(Frame::Chunk(chunk)) => {
                if self.one_chunk {
                    self.deframer.allow_chunks(false);
                }
                if self.deaf {
                    self.deframer.recycle(chunk.into_buffer());
                } else {
                    self.chunks += 1;
                    self.chunk_bytes += chunk.data().len();
                    self.items.push_back(Item::Chunk(chunk));
                }
                Read::Queued { may_wait: true }
            }
            Some(Frame::Message(json)) => self.message(&json, current)?,
        };
        Ok((taken, Some(read)))
    }

    fn message(&mut self, json: &[u8], current: &dyn Fn(u64) -> bool) -> Result<Read, Refusal> {
        let parsed = Request::parse(json);
        let id = match &parsed {
            Ok(Request { id, .. }) | Err(Bad::Members { id } | Bad::Unsupported { id }) => *id,
            Err(Bad::Malformed(_)) => 0,
        };
        let highest = self.highest;
        self.highest = highest.max(id);
        let is_taken = |inbox: &Self| id <= highest && inbox.is_taken(id, current);
        let request = match parsed {
            Ok(request) => request,
            Err(Bad::Malformed(fault)) => return Err(fatal(fault)),
            Err(_) if self.is_reading_put() => return Err(out_of_place()),
            Err(_) if is_taken(self) => return Err(same_id()),
            Err(Bad::Members { id }) => {
                if explain::is_eager_put(json) {
                    self.swallow_put(id);
                }
                return Ok(self.queue(Item::Refused(id, explain::members(json)), json.len()));
            }
            Err(Bad::Unsupported { id }) => {
                return Ok(self.queue(Item::Refused(id, explain::unsupported()), json.len()));
            }
        };
        match request.op {
            Op::Ping | Op::Abort { .. } if is_taken(self) => Err(same_id()),
            Op::Ping => Ok(Read::Ping(request.id)),
            Op::Abort { target } => Ok(Read::Abort { id: request.id, target }),
            Op::PutEnd(end) if self.put == Some(request.id) => {
                self.expect_put(None);
                if !std::mem::take(&mut self.deaf) {
                    self.items.push_back(Item::End(end));
                }
                Ok(Read::Queued { may_wait: true })
            }
            _ if self.is_reading_put() => Err(out_of_place()),
            Op::PutEnd(_) => {
                let refusal = Refusal::new(Code::BadRequest, "there is no put of that id to end");
                Ok(self.queue(Item::Refused(request.id, refusal), json.len()))
            }
            _ if is_taken(self) => Err(same_id()),
            Op::Put(Put { eager: true, .. }) if !self.user => {
                self.swallow_put(request.id);
                Ok(self.queue(Item::Refused(request.id, explain::not_logged_in()), json.len()))
            }
            Op::Put(Put { eager: true, size, .. }) if size > CHUNK as u64 => {
                Err(Refusal::new(Code::BadRequest, "an eager put has at most one chunk"))
            }
            Op::Put(Put { eager: true, size, .. }) => {
                self.expect_put(Some(request.id));
                self.deframer.allow_chunks(size > 0);
                self.one_chunk = true;
                Ok(self.queue(Item::Request(request), json.len()))
            }
            Op::Put(_) => {
                self.opening = Some(request.id);
                Ok(self.queue(Item::Request(request), json.len()))
            }
            _ => Ok(self.queue(Item::Request(request), json.len())),
        }
    }

    fn queue(&mut self, item: Item, bytes: usize) -> Read {
        self.requests.push_back(bytes);
        self.bytes += bytes;
        let may_wait = matches!(&item, Item::Request(request) if several::is_of_a_kind(&request.op));
        self.items.push_back(item);
        Read::Queued { may_wait }
    }

    fn expect_put(&mut self, put: Option<u64>) {
        self.put = put;
        self.one_chunk = false;
        self.deframer.allow_chunks(put.is_some());
    }

    /// Drops what follows an eager put that is refused as it is read. A guest's chunk is not even read: it would be kept until it is whole.
    fn swallow_put(&mut self, put: u64) {
        self.expect_put(Some(put));
        self.deframer.allow_chunks(self.user);
        self.one_chunk = true;
        self.deaf = true;
    }

    /// A request with that id is being carried out or waits.
    fn is_taken(&self, id: u64, current: &dyn Fn(u64) -> bool) -> bool {
        current(id) || self.items.iter().any(|item| item.id() == Some(id))
    }

    /// The chunks of `put` may come now: it was answered `begin`.
    pub(super) fn begin_put(&mut self, put: u64) {
        self.not_begun(put);
        self.expect_put(Some(put));
    }

    /// Nothing of `put` is to come, for it is refused.
    pub(super) fn not_begun(&mut self, put: u64) {
        self.opening.take_if(|opening| *opening == put);
    }

    /// `put` has failed: what belongs to it is dropped, up to its end.
    pub(super) fn fail_put(&mut self, put: u64) {
        self.not_begun(put);
        if self.put == Some(put) {
            self.deaf = true;
        }
        while matches!(self.items.front(), Some(Item::Chunk(_) | Item::End(_))) {
            self.pop();
        }
    }

    /// `put`, which is being carried out, was aborted: nothing of it comes any more.
    pub(super) fn abort_put(&mut self, put: u64) {
        self.fail_put(put);
        self.forget_put(put);
    }

    /// Nothing of `put` comes any more, which is over. What waits is another's.
    pub(super) fn forget_put(&mut self, put: u64) {
        if self.put == Some(put) {
            self.deaf = false;
            self.expect_put(None);
        }
    }

    /// Takes a waiting request out, with the chunk and the end that follow it. False if it does not wait.
    pub(super) fn cancel(&mut self, id: u64) -> bool {
        let place =
            self.items.iter().position(|item| matches!(item, Item::Request(request) if request.id == id));
        let Some(place) = place else { return false };
        self.not_begun(id);
        let rest = self.items.split_off(place);
        let before = self.items.iter().filter(|item| matches!(item, Item::Request(_) | Item::Refused(..)));
        self.bytes -= self.requests.remove(before.count()).unwrap_or(0);
        let mut rest = rest.into_iter();
        rest.next();
        let mut rest = rest.skip_while(|item| matches!(item, Item::Chunk(_) | Item::End(_))).collect();
        self.items.append(&mut rest);
        let lens = self.items.iter().filter_map(|item| match item {
            Item::Chunk(chunk) => Some(chunk.data().len()),
            _ => None,
        });
        (self.chunks, self.chunk_bytes) = lens.fold((0, 0), |(count, sum), len| (count + 1, sum + len));
        if self.put == Some(id) {
            self.expect_put(None);
        }
        true
    }

    /// The next item, if its turn can begin: an eager put waits until all of it is there.
    fn ready(&self) -> Option<&Item> {
        let front = self.items.front()?;
        if let Item::Request(Request { op: Op::Put(Put { eager: true, .. }), .. }) = front {
            let next = self.items.iter().skip(1).find(|item| !matches!(item, Item::Chunk(_)));
            if !matches!(next, Some(Item::End(_))) {
                return None;
            }
        }
        Some(front)
    }

    /// Takes the next item, if its turn can begin.
    pub(super) fn pop_ready(&mut self) -> Option<Item> {
        self.ready()?;
        self.pop()
    }

    /// Takes it if it is a request of which this holds.
    pub(super) fn pop_ready_if(&mut self, holds: impl FnOnce(&Request) -> bool) -> Option<Request> {
        match self.ready()? {
            Item::Request(request) if holds(request) => match self.pop() {
                Some(Item::Request(request)) => Some(request),
                _ => None,
            },
            _ => None,
        }
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        match &item {
            Item::Chunk(chunk) => {
                self.chunks -= 1;
                self.chunk_bytes -= chunk.data().len();
            }
            Item::Request(_) | Item::Refused(..) => self.bytes -= self.requests.pop_front().unwrap_or(0),
            Item::End(_) => {}
        }
        Some(item)
    }

    /// The next chunks of the put whose turn it is, at most [`BATCH`].
    pub(super) fn take_chunks(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while chunks.len() < BATCH && matches!(self.items.front(), Some(Item::Chunk(_))) {
            if let Some(Item::Chunk(chunk)) = self.pop() {
                chunks.push(chunk);
            }
        }
        chunks
    }

    /// The `put_end` of the put whose turn it is, when it is next.
    pub(super) fn take_end(&mut self) -> Option<PutEnd> {
        if !matches!(self.items.front(), Some(Item::End(_))) {
            return None;
        }
        match self.pop() {
            Some(Item::End(end)) => Some(end),
            _ => None,
        }
    }

    /// There is room for another frame.
    pub(super) fn has_room(&self, requests: usize) -> bool {
        // As many small chunks as requests, but no more bytes than in a few large ones.
        let chunks = self.chunks < PIPELINE && self.chunk_bytes <= (BATCH - 1) * CHUNK;
        chunks && self.requests.len() < requests.min(PIPELINE) && self.bytes < REQUEST_BYTES
    }

    /// There is a put of which chunks and an end are still to come.
    pub(super) fn is_reading_put(&self) -> bool {
        self.put.is_some() || self.opening.is_some()
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Drops what waits.
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.requests.clear();
        (self.chunks, self.chunk_bytes, self.bytes, self.opening) = (0, 0, 0, None);
    }

    /// Somebody is logged in from now on, or nobody.
    pub(super) fn set_user(&mut self, user: bool) {
        self.user = user;
        self.deframer.set_message_max(if user { MESSAGE } else { MESSAGE_GUEST });
    }

    /// Buffers for the next chunks.
    pub(super) fn recycle(&mut self, buffers: Vec<Vec<u8>>) {
        buffers.into_iter().for_each(|buffer| self.deframer.recycle(buffer));
    }

    /// Lets go of spare memory.
    pub(super) fn shrink(&mut self) {
        self.deframer.shrink();
        if self.items.is_empty() {
            (self.items, self.requests) = Default::default();
        }
    }
}

fn fatal(fault: WireFault) -> Refusal {
    Refusal::new(Code::BadRequest, format!("the stream has {fault}"))
}

fn same_id() -> Refusal {
    Refusal::new(Code::BadRequest, "two unanswered requests have the same id")
}

fn out_of_place() -> Refusal {
    Refusal::new(Code::BadRequest, "from a put to its end only its chunks, ping and abort may come")
}
