//! The protocol from the client's side: one method per request.

mod hashes;
mod listing;
mod login;
mod window;

use crate::connect::{Connection, Server};
use crate::failure::{Cause, Failure};
use crate::interrupt::Interrupt;
use crate::link::Link;
use crate::steps::{Asked, Steps};
use crate::trust::{Ask, Fingerprint};
use ftp_proto::frame::put_message;
use ftp_proto::limits::{CHUNK, PROTOCOL};
use ftp_proto::message::{
    Account, Body, Done, Entry, Greeting, Hello, Info, Kept, Op, PartEntry, Parts, PartsRemoved, Raw,
    Removed, Reply, Request, Stat, Sum,
};
use ftp_proto::{Chunk, Code, Etag, Frame, Printable, VirtualPath};
use listing::Ahead;
pub(crate) use listing::EARLY;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};
pub(crate) use window::{Window, request_len};
use zeroize::Zeroize as _;

/// The most entries of one listing, or of all listings of a tree.
pub const ENTRIES: usize = 1_000_000;
/// The most bytes of their names.
pub const NAMES: usize = 64 * 1024 * 1024;
/// After so much silence the daemon is asked whether it is there: hashing or syncing a large file takes its time.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the daemon may take to answer what cannot take long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that speaks `ftpd/1`.
pub struct Client {
    link: Box<dyn Link>,
    fingerprint: Fingerprint,
    interrupt: Interrupt,
    hello: Hello,
    last_id: u64,
    /// A ping under way while something else is waited for.
    ping: Option<u64>,
    /// A listing for somebody who types.
    ahead: Option<Ahead>,
    asked: Asked,
    broken: bool,
}

/// What comes in while a transfer runs.
pub(crate) enum Incoming {
    Chunk(Chunk),
    Reply(Body),
}

impl Client {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// As [`Connection::open`] and [`Client::over`].
    pub fn connect(server: &Server, interrupt: &Interrupt, ask: Ask<'_>) -> Result<Self, Failure> {
        let connection = Connection::open(server, interrupt, ask)?;
        let fingerprint = connection.fingerprint().clone();
        let mut client = Self::over(Box::new(connection), fingerprint, interrupt)?;
        client.asked = Asked::new(server.steps);
        let Hello { software, protocol, .. } = &client.hello;
        server.steps.say(|| format!("greeted by {}, protocol {protocol}", Printable(software)));
        Ok(client)
    }

    /// Reads the greeting of the daemon at the other end of a link.
    ///
    /// # Errors
    /// The link is lost, or what answers is no daemon that this client understands.
    pub fn over(
        link: Box<dyn Link>,
        fingerprint: Fingerprint,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        let hello = Hello { software: String::new(), protocol: 0, chunk: 0, pipeline: 0, idle_seconds: 0 };
        let interrupt = interrupt.clone();
        let asked = Asked::new(Steps::Silent);
        let mut client = Self {
            link,
            fingerprint,
            interrupt,
            hello,
            last_id: 0,
            ping: None,
            ahead: None,
            asked,
            broken: false,
        };
        let Frame::Message(text) = client.wait_frame()? else {
            return Err(Failure::protocol("it does not begin with a greeting"));
        };
        match serde_json::from_slice::<Greeting>(&text) {
            Ok(greeting) => client.hello = greeting.hello,
            Err(_) => return Err(client.not_a_greeting(&text)),
        }
        if client.hello.protocol != PROTOCOL || client.hello.chunk != CHUNK as u64 {
            return Err(
                Failure::lost("the server speaks another version of the protocol").hint("update ftp-cli")
            );
        }
        Ok(client)
    }

    /// A daemon that is full or ends says so instead of greeting.
    fn not_a_greeting(&self, text: &[u8]) -> Failure {
        match serde_json::from_slice::<Reply>(text) {
            Ok(Reply { body: Body::Error(refusal), .. }) => {
                Failure { cause: Cause::Connection, ..Failure::refused(refusal).fatal() }
            }
            _ => Failure::protocol("it does not begin with a greeting"),
        }
    }

    /// The server's certificate's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// What the daemon said first.
    #[must_use]
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The connection cannot be used any more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The connection cannot be used any more, or the daemon has said goodbye while nothing was asked.
    pub fn is_gone(&mut self) -> bool {
        // Nothing was asked but perhaps a listing, so whatever else there is ends the connection.
        while !self.broken {
            match self.link.frame_at_hand() {
                Ok(None) => break,
                Ok(Some(Frame::Message(text))) if self.ahead.is_some() => {
                    self.broken |= self.sort(0, Frame::Message(text)).is_err();
                }
                _ => self.broken = true,
            }
        }
        self.broken || self.link.is_ended()
    }

    /// How long an answer takes.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn ping(&mut self) -> Result<Duration, Failure> {
        let start = Instant::now();
        self.ask::<Done>(Op::Ping)?;
        Ok(start.elapsed())
    }

    /// The account and the connection.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn info(&mut self) -> Result<Info, Failure> {
        self.ask(Op::Info)
    }

    /// The account only.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn account(&mut self) -> Result<Account, Failure> {
        self.info().map(|info| info.account)
    }

    /// One entry.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn stat(&mut self, path: &VirtualPath) -> Result<Entry, Failure> {
        self.ask::<Stat>(Op::Stat { path: path.clone() }).map(|stat| stat.entry)
    }

    /// One entry; none if there is none.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn find(&mut self, path: &VirtualPath) -> Result<Option<Entry>, Failure> {
        match self.stat(path) {
            Err(failure) if failure.code() == Some(Code::NotFound) => Ok(None),
            result => result.map(Some),
        }
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn mkdir(&mut self, path: &VirtualPath) -> Result<(), Failure> {
        self.ask::<Done>(Op::Mkdir { path: path.clone() }).map(|_| ())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn rmdir(&mut self, path: &VirtualPath) -> Result<(), Failure> {
        self.ask::<Done>(Op::Rmdir { path: path.clone() }).map(|_| ())
    }

    /// Removes a file; the bytes that were freed.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn rm(&mut self, path: &VirtualPath) -> Result<u64, Failure> {
        self.ask::<Removed>(Op::Rm { path: path.clone() }).map(|removed| removed.bytes)
    }

    /// Gives an entry another path.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn rename(&mut self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Result<(), Failure> {
        self.ask::<Done>(Op::Rename { from: from.clone(), to: to.clone(), replace }).map(|_| ())
    }

    /// Hashes a file at the server. For `md5` it is read anyway, so that it is compared with what was kept each time.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn sum(&mut self, path: &VirtualPath, md5: bool) -> Result<Sum, Failure> {
        let kept = if md5 { Kept::Check } else { Kept::Use };
        self.ask(Op::Sum { path: path.clone(), md5, kept })
    }

    /// The unfinished uploads.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn parts(&mut self) -> Result<Vec<PartEntry>, Failure> {
        self.ask::<Parts>(Op::Parts).map(|parts| parts.parts)
    }

    /// Drops one unfinished upload, or all.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn parts_rm(&mut self, part: Option<Etag>) -> Result<PartsRemoved, Failure> {
        self.ask(Op::PartsRm { part })
    }

    fn ask<T: DeserializeOwned>(&mut self, op: Op) -> Result<T, Failure> {
        let id = self.send(op)?;
        match self.wait_reply(id)? {
            Body::Ok(value) => self.read(value),
            Body::Error(refusal) => Err(Failure::refused(refusal)),
            Body::Begin(_) | Body::Page(_) => Err(self.breach("an answer to something else")),
        }
    }

    /// Sends a request under a new id.
    pub(crate) fn send(&mut self, op: Op) -> Result<u64, Failure> {
        if !matches!(op, Op::Ping | Op::Abort { .. }) {
            self.leave_ahead()?;
        }
        self.last_id += 1;
        let id = self.last_id;
        self.send_as(id, op)?;
        Ok(id)
    }

    /// Sends a request under the id of an earlier one.
    pub(crate) fn send_as(&mut self, id: u64, op: Op) -> Result<(), Failure> {
        self.asked.sent(id, &op);
        self.send_message(&Request { id, op })
    }

    fn send_message(&mut self, message: &impl Serialize) -> Result<(), Failure> {
        let mut frame = Vec::with_capacity(1024);
        put_message(&mut frame, message);
        let sent = self.link.send(&frame, &mut || {});
        // There may be a password in it.
        frame.zeroize();
        self.watch(sent)
    }

    /// Sends a sealed chunk; calls `tick` now and then while it cannot.
    pub(crate) fn send_chunk(&mut self, chunk: &Chunk, tick: &mut dyn FnMut()) -> Result<(), Failure> {
        let sent = self.link.send(chunk.frame(), tick);
        self.watch(sent)
    }

    /// The answer to `id`.
    pub(crate) fn wait_reply(&mut self, id: u64) -> Result<Body, Failure> {
        match self.wait(id, &mut || {})? {
            Incoming::Reply(body) => Ok(body),
            Incoming::Chunk(_) => Err(self.breach("a chunk that nobody asked for")),
        }
    }

    /// The next chunk or the answer to `id`; `tick` is called about ten times a second meanwhile. Ctrl-C asks the daemon to stop it, once.
    pub(crate) fn wait(&mut self, id: u64, tick: &mut dyn FnMut()) -> Result<Incoming, Failure> {
        if let Some(incoming) = self.come(id, tick)? {
            return Ok(incoming);
        }
        self.abort(id)?;
        Err(Failure::interrupted())
    }

    /// The same; none when Ctrl-C was pressed.
    fn come(&mut self, id: u64, tick: &mut dyn FnMut()) -> Result<Option<Incoming>, Failure> {
        self.link.begin_wait();
        loop {
            if self.interrupt.is_set() {
                return Ok(None);
            }
            let next = self.link.frame();
            if let Some(frame) = self.watch(next)?
                && let Some(incoming) = self.sort(id, frame)?
            {
                return Ok(Some(incoming));
            }
            if self.ping.is_none() && self.link.silence() > SILENCE {
                self.ping = Some(self.send(Op::Ping)?);
            }
            tick();
        }
    }

    /// What has come already, without waiting.
    pub(crate) fn at_hand(&mut self, id: u64) -> Result<Option<Body>, Failure> {
        let frame = self.link.frame_at_hand();
        let Some(frame) = self.watch(frame)? else { return Ok(None) };
        match self.sort(id, frame)? {
            None => Ok(None),
            Some(Incoming::Reply(body)) => Ok(Some(body)),
            Some(Incoming::Chunk(_)) => Err(self.breach("a chunk that nobody asked for")),
        }
    }

    fn sort(&mut self, id: u64, frame: Frame) -> Result<Option<Incoming>, Failure> {
        match frame {
            Frame::Chunk(chunk) => Ok(Some(Incoming::Chunk(chunk))),
            Frame::Message(text) => {
                let Reply { re, body } = self.parse(&text)?;
                if re == id && id != 0 {
                    return Ok(Some(Incoming::Reply(body)));
                }
                if self.ping == Some(re) {
                    self.ping = None;
                    return Ok(None);
                }
                match self.take_ahead(re, body)? {
                    None => Ok(None),
                    Some(Body::Error(refusal)) if re == 0 => {
                        self.broken = true;
                        Err(Failure::refused(refusal).fatal())
                    }
                    _ => Err(self.breach("an answer to something else")),
                }
            }
        }
    }

    fn parse(&mut self, text: &[u8]) -> Result<Reply, Failure> {
        let reply = serde_json::from_slice::<Reply>(text);
        let reply = reply.map_err(|_| self.breach("an answer that is not understood"))?;
        self.asked.answered(reply.re, &reply.body);
        Ok(reply)
    }

    /// Asks the daemon to stop `target` and waits until it has, so that the connection can be used for something else. What comes of `target` is dropped.
    pub(crate) fn abort(&mut self, target: u64) -> Result<(), Failure> {
        // What is on its way is dropped, at whatever rate it comes.
        self.link.hurry(true);
        let aborted = self.drop_until_aborted(target);
        self.link.hurry(false);
        aborted
    }

    fn drop_until_aborted(&mut self, target: u64) -> Result<(), Failure> {
        let id = self.send(Op::Abort { target })?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let frame = self.link.frame();
            match self.watch(frame)? {
                Some(Frame::Message(text)) => {
                    let Reply { re, body } = self.parse(&text)?;
                    if re == id {
                        self.ping = None;
                        return Ok(());
                    }
                    self.take_ahead(re, body)?;
                }
                Some(Frame::Chunk(chunk)) => self.recycle(chunk),
                None => {}
            }
        }
        self.broken = true;
        Err(Failure::lost("the server does not answer"))
    }

    /// Whether more is sent at once after each chunk from now on.
    pub(crate) fn follow(&mut self, follows: bool) {
        self.link.follow(follows);
    }

    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        self.link.recycle(chunk.into_buffer());
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    pub(crate) fn read<T: DeserializeOwned>(&mut self, raw: Raw) -> Result<T, Failure> {
        raw.read().map_err(|_| self.breach("an answer of another kind"))
    }

    pub(crate) fn breach(&mut self, what: &str) -> Failure {
        self.broken = true;
        Failure::protocol(what)
    }

    fn wait_frame(&mut self) -> Result<Frame, Failure> {
        loop {
            if self.interrupt.is_set() {
                return Err(Failure::interrupted().fatal());
            }
            if let Some(frame) = self.link.frame()? {
                return Ok(frame);
            }
        }
    }

    /// Notes when the connection was lost.
    fn watch<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        self.broken |= matches!(&result, Err(failure) if failure.fatal);
        result
    }
}
