//! Requests that are sent before those ahead of them are answered. The daemon answers them in order, so that an answer is always that of the first in flight: any other
//! breaks the protocol.
//!
//! A [`Window`] knows what is in flight, and holds what is to be sent until it is worth a call or an answer is waited for; the [`Client`] sends and waits.

#[cfg(test)]
mod tests;

use super::{Client, Incoming};
use crate::failure::Failure;
use ftp_proto::frame::put_message;
use ftp_proto::limits::{PIPELINE, PIPELINE_WHILE_READING};
use ftp_proto::message::{Body, Op, Put, PutEnd, Reply, Request};
use ftp_proto::{Chunk, Frame, VirtualPath};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most bytes of requests in flight whose answers are long. The protocol has a bound; the rest is left for those that stop them.
const READING: usize = 12 * 1024;
/// What a request takes that stops another, at most.
const STOPPING: usize = 64;
/// The most bytes of files in flight: what the wire holds is not stopped by Ctrl-C.
const WRITING: usize = 4 * 1024 * 1024;
/// So many bytes are worth a call, and no more are copied to be sent together.
const TOGETHER: usize = 64 * 1024;

const _: () = assert!(READING + PIPELINE * STOPPING <= PIPELINE_WHILE_READING, "all of them can be stopped");

/// What is in flight, each with a `T` of whoever asks.
pub(crate) struct Window<T> {
    flight: VecDeque<Flight<T>>,
    /// The frames of the last ones of them, which are not sent yet.
    unsent: Vec<u8>,
    /// How many those are.
    held: usize,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

struct Flight<T> {
    id: u64,
    bytes: usize,
    what: T,
}

impl<T> Window<T> {
    /// For requests with long answers: `get`, `sum` and the like.
    pub(crate) fn reading(client: &Client) -> Self {
        Self::new(client, READING)
    }

    /// For requests that bring files.
    pub(crate) fn writing(client: &Client) -> Self {
        Self::new(client, WRITING)
    }

    fn new(client: &Client, most_bytes: usize) -> Self {
        let most = usize::try_from(client.hello.pipeline).unwrap_or(PIPELINE).clamp(1, PIPELINE);
        Self { flight: VecDeque::new(), unsent: Vec::new(), held: 0, bytes: 0, most, most_bytes }
    }

    /// Nothing is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.flight.is_empty()
    }

    /// A request of at most so many bytes may follow.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.flight.is_empty() || (self.flight.len() < self.most && self.bytes + bytes <= self.most_bytes)
    }

    /// So many were answered that it is worth while to send more: they share records, and the daemon does them together.
    pub(crate) fn wants_more(&self) -> bool {
        self.flight.len() <= self.most - self.most.div_ceil(4) && self.bytes <= self.most_bytes / 4 * 3
    }

    /// The first in flight, whose answer comes next.
    pub(crate) fn first(&mut self) -> Option<&mut T> {
        self.flight.front_mut().map(|flight| &mut flight.what)
    }

    /// The first is answered.
    pub(crate) fn done(&mut self) -> Option<T> {
        let flight = self.flight.pop_front()?;
        self.bytes -= flight.bytes;
        self.held = self.held.min(self.flight.len());
        Some(flight.what)
    }

    /// All that is in flight, given up.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = T> {
        self.unsent.clear();
        (self.held, self.bytes) = (0, 0);
        std::mem::take(&mut self.flight).into_iter().map(|flight| flight.what)
    }

    fn add(&mut self, id: u64, bytes: usize, what: T) {
        self.flight.push_back(Flight { id, bytes, what });
        self.held += 1;
        self.bytes += bytes;
    }
}

/// What a request with that path takes at most: a quote and a backslash are escaped.
pub(crate) fn request_len(path: &VirtualPath) -> usize {
    2 * path.byte_len() + 96
}

impl Client {
    /// Adds a request to those in flight.
    pub(crate) fn ask_ahead<T>(&mut self, window: &mut Window<T>, op: Op, what: T) -> Result<(), Failure> {
        let ((id, begun), before) = (self.begin_ahead(&op), window.unsent.len());
        put_message(&mut window.unsent, &Request { id, op });
        window.add(id, window.unsent.len() - before, what);
        begun?;
        self.send_many(window)
    }

    /// Adds an upload with all that belongs to it.
    pub(crate) fn put_ahead<T>(
        &mut self,
        window: &mut Window<T>,
        put: Put,
        chunk: Option<&Chunk>,
        end: PutEnd,
        what: T,
    ) -> Result<(), Failure> {
        let op = Op::Put(put);
        let ((id, begun), before) = (self.begin_ahead(&op), window.unsent.len());
        put_message(&mut window.unsent, &Request { id, op });
        let end = Request { id, op: Op::PutEnd(end) };
        match chunk {
            Some(chunk) if chunk.frame().len() > TOGETHER => {
                window.add(id, window.unsent.len() - before + chunk.frame().len(), what);
                begun?;
                self.push_out(window)?;
                self.send_chunk(chunk, &mut || {})?;
                // Nothing else may come between them.
                put_message(&mut window.unsent, &end);
                return self.push_out(window);
            }
            Some(chunk) => window.unsent.extend_from_slice(chunk.frame()),
            None => {}
        }
        put_message(&mut window.unsent, &end);
        window.add(id, window.unsent.len() - before, what);
        begun?;
        self.send_many(window)
    }

    /// The id of the next request. What fails is in flight all the same, so that whoever asks knows what is not answered.
    fn begin_ahead(&mut self, op: &Op) -> (u64, Result<(), Failure>) {
        let left = self.leave_ahead();
        self.last_id += 1;
        self.asked.sent(self.last_id, op);
        (self.last_id, left)
    }

    fn send_many<T>(&mut self, window: &mut Window<T>) -> Result<(), Failure> {
        if window.unsent.len() < TOGETHER { Ok(()) } else { self.push_out(window) }
    }

    /// Sends what waits to be sent.
    pub(crate) fn push_out<T>(&mut self, window: &mut Window<T>) -> Result<(), Failure> {
        if window.unsent.is_empty() {
            return Ok(());
        }
        window.held = 0;
        let sent = self.link.send(&window.unsent, &mut || {});
        window.unsent.clear();
        self.watch(sent)
    }

    /// What comes next for the first in flight; none when Ctrl-C was pressed: [`Client::stop`] is next then. `tick` is called about ten times a second meanwhile.
    pub(crate) fn next_of<T>(
        &mut self,
        window: &mut Window<T>,
        tick: &mut dyn FnMut(),
    ) -> Result<Option<Incoming>, Failure> {
        if self.is_interrupted() {
            return Ok(None);
        }
        self.push_out(window)?;
        match window.flight.front() {
            Some(first) => self.come(first.id, tick),
            None => Err(self.breach("an answer to nothing")),
        }
    }

    /// Has the daemon stop all that is in flight, the last first, and waits for that up to `patience`, after which the connection is given up. Gives each with its
    /// last answer, if one came.
    pub(crate) fn stop<T>(&mut self, window: &mut Window<T>, patience: Duration) -> Vec<(T, Option<Body>)> {
        let unsent = window.held;
        let ids: Vec<u64> = window.flight.iter().map(|flight| flight.id).collect();
        let mut stopped: Vec<_> = window.give_up().map(|what| (what, None)).collect();
        let sent = &ids[..ids.len() - unsent];
        if !self.broken && !sent.is_empty() {
            // What is on its way is taken at whatever rate it comes.
            self.link.hurry(true);
            // How the connection fared is known to it.
            let _broken = self.stopped(sent, &mut stopped, patience);
            self.link.hurry(false);
        }
        stopped
    }

    fn stopped<T>(
        &mut self,
        ids: &[u64],
        stopped: &mut [(T, Option<Body>)],
        patience: Duration,
    ) -> Result<(), Failure> {
        let (first, mut frames) = (self.last_id + 1, Vec::new());
        for target in ids.iter().rev() {
            self.last_id += 1;
            put_message(&mut frames, &Request { id: self.last_id, op: Op::Abort { target: *target } });
        }
        let sent = self.link.send(&frames, &mut || {});
        self.watch(sent)?;
        let mut aborts: Vec<u64> = (first..=self.last_id).collect();
        let end = Instant::now() + patience;
        // The daemon answers what it stops before it says that it has.
        while !aborts.is_empty() {
            if Instant::now() >= end {
                self.broken = true;
                return Err(Failure::lost("the server does not answer"));
            }
            let frame = self.link.frame();
            let text = match self.watch(frame)? {
                Some(Frame::Message(text)) => text,
                Some(Frame::Chunk(chunk)) => {
                    self.recycle(chunk);
                    continue;
                }
                None => continue,
            };
            let Reply { re, body } = self.parse(&text)?;
            let is_last = matches!(body, Body::Ok(_) | Body::Error(_));
            if let Ok(at) = ids.binary_search(&re) {
                match stopped.get_mut(at) {
                    Some((_, answer @ None)) if is_last => *answer = Some(body),
                    Some((_, None)) => {}
                    _ => return Err(self.breach("two answers to one request")),
                }
            } else if let Ok(at) = aborts.binary_search(&re) {
                aborts.remove(at);
            } else if self.ping == Some(re) {
                self.ping = None;
            } else if self.take_ahead(re, body)?.is_some() {
                return Err(self.breach("an answer to something else"));
            }
        }
        Ok(())
    }
}
