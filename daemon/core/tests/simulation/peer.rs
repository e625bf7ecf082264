//! One client: what it asks, and what it makes of the answers.

use super::library::{LARGE, LIBRARY, SMALL, find};
use super::model::{Change, Model};
use super::tally::TALLY;
use fastrand::Rng;
use ftp_core::machine::{ChannelId, Machine as _};
use ftp_core::session::Session;
use ftp_proto::frame::put_message;
use ftp_proto::limits::CHUNK;
use ftp_proto::{Deframer, Frame, tree};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Instant;

const CH: ChannelId = ChannelId::CONTROL;
/// The right password.
pub const PASSWORD: &str = "right";

/// One client and its connection.
pub struct Peer {
    /// The user's number, and its own among all clients.
    pub user: usize,
    pub number: usize,
    pub model: Model,
    pub session: Session,
    /// What was written and not yet received.
    wire: Vec<u8>,
    at: usize,
    deframer: Deframer,
    next_id: u64,
    asked: VecDeque<Asked>,
    stage: Stage,
    /// The client cuts the connection now.
    pub hangs_up: bool,
    /// An upload that did not come to its end.
    broken: Option<(String, usize)>,
    /// A file's version that was seen.
    seen: Option<(String, String, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for the greeting.
    New,
    Guest,
    User,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct Asked {
    id: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Login,
    Logout,
    Change(Change),
    Stream {
        change: Change,
        stop: Stop,
    },
    Get(Download),
    Stat {
        path: String,
    },
    Sum,
    Abort {
        target: u64,
    },
    /// Nothing to remember.
    Other,
}

#[derive(Debug, Default)]
struct Download {
    path: String,
    from: usize,
    /// Which file it was, when the version was seen that it asks for.
    expect: Option<usize>,
    /// The version, once it is known.
    etag: Option<String>,
    /// The size that was told.
    size: u64,
    bytes: Vec<u8>,
}

/// How an upload in chunks ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Whole,
    /// After so many chunks.
    HangUp(usize),
    Abort(usize),
    /// This chunk is damaged on the way.
    Damaged(usize),
    WrongRoot,
}

impl Peer {
    pub fn new(user: usize, number: usize, session: Session) -> Self {
        let mut deframer = Deframer::new();
        deframer.set_message_max(usize::MAX);
        deframer.allow_chunks(true);
        Self {
            user,
            number,
            model: Model::default(),
            session,
            wire: Vec::new(),
            at: 0,
            deframer,
            next_id: 1,
            asked: VecDeque::new(),
            stage: Stage::New,
            hangs_up: false,
            broken: None,
            seen: None,
        }
    }

    /// A new connection of the same client. What was not answered may have been done.
    pub fn reconnect(&mut self, session: Session) -> Session {
        let old = std::mem::replace(&mut self.session, session);
        for asked in std::mem::take(&mut self.asked) {
            if let What::Change(change) | What::Stream { change, .. } = asked.what
                && self.is_own(change.path())
            {
                self.model.may_have_done(&change);
            }
        }
        (self.wire, self.at, self.stage, self.hangs_up) = (Vec::new(), 0, Stage::New, false);
        self.deframer = Deframer::new();
        self.deframer.set_message_max(usize::MAX);
        self.deframer.allow_chunks(true);
        old
    }

    /// Nothing is unanswered, and nothing is on the way.
    pub fn is_idle(&self) -> bool {
        self.asked.is_empty() && self.at == self.wire.len()
    }

    /// Somebody is logged in.
    pub fn is_in(&self) -> bool {
        self.stage == Stage::User
    }

    /// What it waits for, to be shown.
    pub fn waits_for(&self) -> String {
        format!(
            "client {}: {:?}, {} bytes on the way",
            self.number,
            self.asked.front(),
            self.wire.len() - self.at
        )
    }

    fn say(&mut self, what: What, mut message: Value) {
        message["id"] = self.next_id.into();
        self.asked.push_back(Asked { id: self.next_id, what });
        self.next_id += 1;
        put_message(&mut self.wire, &message);
    }

    fn abort(&mut self, target: u64) {
        self.say(What::Abort { target }, json!({"op": "abort", "target": target}));
    }

    fn change(&mut self, change: Change, message: Value) {
        self.say(What::Change(change), message);
    }

    /// Asks the next things, if it may.
    pub fn ask(&mut self, rng: &mut Rng) {
        if !self.is_idle() {
            return;
        }
        match self.stage {
            Stage::New => {}
            Stage::Guest => {
                let password = if rng.u8(0..20) == 0 { "wrong" } else { PASSWORD };
                let user = format!("user{}", self.user);
                self.say(What::Login, json!({"op": "login", "user": user, "password": password}));
            }
            Stage::User => match rng.u8(0..20) {
                0 => self.say(What::Logout, json!({"op": "logout"})),
                1..=3 => self.ask_streamed(rng),
                4..=6 => (0..rng.u8(1..4)).for_each(|_| self.ask_reading(rng)),
                7 => self.ask_for_many(rng),
                8..=9 => self.ask_burst(rng),
                _ if self.broken.is_some() && rng.bool() => self.ask_streamed(rng),
                _ => (0..rng.u8(1..7)).for_each(|_| self.ask_change(rng)),
            },
        }
    }

    /// A path of its own, mostly, or one that all clients of the user share.
    fn path(&self, rng: &mut Rng) -> String {
        let name = ["a", "b", "d/a"][rng.usize(0..3)];
        if rng.u8(0..6) == 0 { format!("/{name}") } else { format!("/s{}/{name}", self.number) }
    }

    fn is_own(&self, path: &str) -> bool {
        path.starts_with(&format!("/s{}", self.number))
    }

    fn ask_change(&mut self, rng: &mut Rng) {
        let own = format!("/s{}", self.number);
        if !self.model.has_dir(&own) && rng.bool() {
            return self.change(Change::Mkdir { path: own.clone() }, json!({"op": "mkdir", "path": own}));
        }
        let path = self.path(rng);
        match rng.u8(0..16) {
            0..=1 => {
                let path = path
                    .rsplit_once("/")
                    .map_or_else(String::new, |(above, _)| format!("{}/d", above.trim_end_matches("/d")));
                self.change(Change::Mkdir { path: path.clone() }, json!({"op": "mkdir", "path": path}));
            }
            4 => {
                let path = format!("{own}/d");
                self.change(Change::Rmdir { path: path.clone() }, json!({"op": "rmdir", "path": path}));
            }
            5..=6 => self.change(Change::Rm { path: path.clone() }, json!({"op": "rm", "path": path})),
            7..=8 => {
                let (own, to) = (self.is_own(&path), self.path(rng));
                // Between what is its own and what is not, nobody could tell what to expect.
                if own == self.is_own(&to) && path != to {
                    let message = json!({"op": "rename", "from": path, "to": to, "replace": rng.bool()});
                    self.change(Change::Rename { from: path, to }, message);
                }
            }
            9 => self.say(What::Other, json!({"op": "parts"})),
            10 if rng.bool() => self.say(What::Other, json!({"op": "parts_rm"})),
            _ => self.put_eagerly(rng, path),
        }
    }

    /// Many small files at once, and now and then something between them.
    fn ask_burst(&mut self, rng: &mut Rng) {
        let own = format!("/s{}", self.number);
        let first = self.next_id;
        for _ in 0..rng.u8(4..24) {
            let name = ["a", "b", "c", "e", "f", "d/a", "d/b"][rng.usize(0..7)];
            match rng.u8(0..12) {
                0 => self.ask_change(rng),
                _ => self.put_eagerly(rng, format!("{own}/{name}")),
            }
        }
        self.abort_some(rng, first);
    }

    /// Many files at once, small ones and large ones.
    fn ask_for_many(&mut self, rng: &mut Rng) {
        let own = format!("/s{}", self.number);
        let first = self.next_id;
        for _ in 0..rng.u8(4..24) {
            let name = ["a", "b", "c", "e", "f", "d/a", "d/b"][rng.usize(0..7)];
            let path = format!("{own}/{name}");
            match rng.u8(0..12) {
                0 => self.ask_reading(rng),
                1 => self.say(What::Stat { path: path.clone() }, json!({"op": "stat", "path": path})),
                _ => {
                    let message = json!({"op": "get", "path": path});
                    self.say(What::Get(Download { path, ..Download::default() }), message);
                }
            }
        }
        self.abort_some(rng, first);
    }

    /// Now and then stops one or two of those that were asked for since.
    fn abort_some(&mut self, rng: &mut Rng, first: u64) {
        let end = self.next_id;
        if first < end && rng.u8(0..3) == 0 {
            (0..rng.u8(1..3)).for_each(|_| self.abort(rng.u64(first..end)));
        }
    }

    fn put_eagerly(&mut self, rng: &mut Rng, path: String) {
        let number = if rng.u8(0..60) == 0 { SMALL } else { rng.usize(0..SMALL) };
        let content = &LIBRARY[number];
        let id = self.next_id;
        let message = json!({"op": "put", "path": path, "size": content.size(), "mtime": 7, "eager": true});
        self.change(Change::Put { path, content: number }, message);
        for chunk in &content.chunks {
            self.wire.extend_from_slice(chunk.frame());
        }
        put_message(&mut self.wire, &json!({"id": id, "op": "put_end", "root": content.root}));
    }

    fn ask_streamed(&mut self, rng: &mut Rng) {
        if let Some((path, content)) = self.broken.take_if(|_| rng.u8(0..4) > 0) {
            return self.stream(path, content, Stop::Whole, false);
        }
        let content = match rng.u8(0..24) {
            0 => LARGE,
            1..=12 => rng.usize(SMALL..LARGE),
            _ => rng.usize(0..SMALL),
        };
        let stop = match rng.u8(0..10) {
            0 => Stop::HangUp(rng.usize(0..3)),
            1 => Stop::Abort(rng.usize(0..3)),
            2 => Stop::Damaged(rng.usize(0..3)),
            3 => Stop::WrongRoot,
            _ => Stop::Whole,
        };
        let path = self.path(rng);
        self.stream(path, content, stop, rng.u8(0..8) == 0);
    }

    fn stream(&mut self, path: String, content: usize, stop: Stop, restart: bool) {
        let size = LIBRARY[content].size();
        let message = json!({"op": "put", "path": path, "size": size, "mtime": 7, "restart": restart});
        self.say(What::Stream { change: Change::Put { path, content }, stop }, message);
    }

    fn ask_reading(&mut self, rng: &mut Rng) {
        let path = self.path(rng);
        let kept = ["use", "use", "check", "ignore"][rng.usize(0..4)];
        match rng.u8(0..6) {
            0 => self.say(What::Stat { path: path.clone() }, json!({"op": "stat", "path": path})),
            1 => self.say(What::Other, json!({"op": "list", "path": "/"})),
            2 => {
                self.say(What::Sum, json!({"op": "sum", "path": path, "kept": kept, "md5": rng.bool()}));
            }
            3 if self.seen.is_some() => {
                let (path, etag, content) = self.seen.clone().expect("just asked");
                let from = CHUNK.min(LIBRARY[content].bytes.len() / CHUNK * CHUNK);
                let message = json!({"op": "get", "path": path, "offset": from, "etag": etag, "kept": kept});
                self.say(
                    What::Get(Download { path, from, expect: Some(content), ..Download::default() }),
                    message,
                );
            }
            _ => {
                let message = json!({"op": "get", "path": path, "kept": kept});
                self.say(What::Get(Download { path, ..Download::default() }), message);
            }
        }
    }

    /// Has some of what is on the way arrive at the daemon. Says whether anything moved.
    pub fn deliver(&mut self, now: Instant, most: usize) -> bool {
        let end = self.at.saturating_add(most).min(self.wire.len());
        if self.at == end || !self.session.wants_input(CH) {
            return false;
        }
        let taken = self.session.on_bytes(now, CH, &self.wire[self.at..end]);
        self.at += taken;
        if self.at == self.wire.len() {
            self.wire.clear();
            self.at = 0;
        }
        taken > 0
    }

    /// Takes some of what the daemon has to say. Says whether anything moved.
    pub fn receive(&mut self, now: Instant, most: usize) -> Result<bool, String> {
        let pending = self.session.pending(CH);
        let bytes = pending[..most.min(pending.len())].to_vec();
        if bytes.is_empty() {
            return Ok(false);
        }
        self.session.sent(now, CH, bytes.len());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (taken, frame) =
                self.deframer.push(rest).map_err(|fault| format!("the daemon sent {fault}"))?;
            rest = &rest[taken..];
            match frame {
                None => {}
                Some(Frame::Chunk(chunk)) => match self.asked.front_mut() {
                    Some(Asked {
                        what: What::Get(Download { from, size, bytes, etag: Some(_), .. }),
                        ..
                    }) => {
                        let at = (*from + bytes.len()) as u64;
                        if tree::value(*size, at, chunk.data()) != chunk.value() {
                            return Err(format!("a chunk at {at} came with another value"));
                        }
                        bytes.extend_from_slice(chunk.data());
                    }
                    other => return Err(format!("a chunk came for {other:?}")),
                },
                Some(Frame::Message(json)) => {
                    let message: Value = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
                    self.on_message(&message).map_err(|what| format!("{what}: {message}"))?;
                }
            }
        }
        Ok(true)
    }

    fn on_message(&mut self, message: &Value) -> Result<(), String> {
        if message.get("hello").is_some() {
            self.stage = Stage::Guest;
            return Ok(());
        }
        let re = message["re"].as_u64().ok_or("no re")?;
        if re == 0 {
            return match message["error"]["code"].as_str() {
                Some("timeout" | "shutting_down" | "not_logged_in") => Ok(()),
                _ => Err("the connection failed".into()),
            };
        }
        let code = message["error"]["code"].as_str();
        let front = self.asked.front().ok_or("nothing was asked")?;
        let place = self.asked.iter().position(|asked| asked.id == re);
        let place = place.filter(|place| *place == 0 || self.may_be_ahead(re, code));
        let place = place.ok_or_else(|| format!("an answer out of order, {} is next", front.id))?;
        if let Some(begin) = message.get("begin") {
            return self.on_begin(begin);
        }
        if message.get("page").is_some() {
            return Ok(());
        }
        let asked = self.asked.remove(place).expect("just seen");
        if code.is_none() && message.get("ok").is_none() {
            return Err("neither ok nor error".into());
        }
        self.on_end(asked.what, code, message)
    }

    fn is_asked(&self, id: u64) -> bool {
        self.asked.iter().any(|asked| asked.id == id)
    }

    fn is_to_be_aborted(&self, id: u64) -> bool {
        self.asked.iter().any(|asked| matches!(asked.what, What::Abort { target } if target == id))
    }

    /// An abort is answered at once, and what it stops before that.
    fn may_be_ahead(&self, re: u64, code: Option<&str>) -> bool {
        let is_abort = |asked: &Asked| asked.id == re && matches!(asked.what, What::Abort { .. });
        self.asked.iter().any(is_abort) || (code == Some("aborted") && self.is_to_be_aborted(re))
    }

    fn on_begin(&mut self, begin: &Value) -> Result<(), String> {
        let front = self.asked.front_mut().expect("just seen");
        match &mut front.what {
            What::Get(Download { from, expect, etag, size, .. }) => {
                *etag = begin["etag"].as_str().map(str::to_owned);
                *size = begin["size"].as_u64().ok_or("no size")?;
                if begin["kept"] == true {
                    TALLY.kept.up();
                }
                if let Some(content) = *expect {
                    let prefix = begin["prefix"] == json!(LIBRARY[content].prefixes[*from / CHUNK]);
                    if begin["size"] != LIBRARY[content].size() || !prefix {
                        return Err("another version was resumed".into());
                    }
                }
                Ok(())
            }
            What::Stream { change: Change::Put { content, path }, stop } => {
                let (id, content, path, stop) = (front.id, *content, path.clone(), *stop);
                self.send_chunks(id, content, &path, stop, begin)
            }
            other => Err(format!("a begin for {other:?}")),
        }
    }

    fn send_chunks(
        &mut self,
        id: u64,
        number: usize,
        path: &str,
        stop: Stop,
        begin: &Value,
    ) -> Result<(), String> {
        let content = &LIBRARY[number];
        if stop != Stop::Whole {
            self.broken = Some((path.to_owned(), number));
        }
        let offset =
            begin["offset"].as_u64().and_then(|offset| usize::try_from(offset).ok()).ok_or("no offset")?;
        let from = offset.div_ceil(CHUNK);
        if offset > content.bytes.len() || (offset % CHUNK != 0 && offset != content.bytes.len()) {
            return Err(format!("{offset} is no offset"));
        }
        if from > 0 {
            TALLY.resumed_uploads.up();
        }
        if begin["prefix"] != json!(content.prefixes[from]) {
            // Another version was sent before.
            self.abort(id);
            self.stream(path.to_owned(), number, Stop::Whole, true);
            return Ok(());
        }
        for (at, chunk) in content.chunks.iter().enumerate().skip(from) {
            match stop {
                Stop::HangUp(after) if at >= after => {
                    self.hangs_up = true;
                    return Ok(());
                }
                Stop::Abort(after) if at >= after => break,
                Stop::Damaged(bad) if at >= bad => {
                    let mut frame = chunk.frame().to_vec();
                    *frame.last_mut().expect("a chunk has bytes") ^= 1;
                    self.wire.extend(frame);
                }
                _ => self.wire.extend_from_slice(chunk.frame()),
            }
            if at > 0 && id.is_multiple_of(2) {
                // Of the first login, which is over.
                self.abort(1);
            }
        }
        if let Stop::Abort(_) = stop {
            self.abort(id);
            return Ok(());
        }
        let root =
            if stop == Stop::WrongRoot { LIBRARY[(number + 1) % LIBRARY.len()].root } else { content.root };
        put_message(&mut self.wire, &json!({"id": id, "op": "put_end", "root": root}));
        Ok(())
    }

    fn on_end(&mut self, what: What, code: Option<&str>, message: &Value) -> Result<(), String> {
        if code == Some("damaged") {
            return Err("a good file is called damaged".into());
        }
        match what {
            What::Sum if code.is_none() => {
                let root = &message["ok"]["root"];
                if !LIBRARY.iter().any(|content| *root == json!(content.root)) {
                    return Err("a sum of what was never put".into());
                }
                if message["ok"]["kept"] == true {
                    TALLY.kept.up();
                }
            }
            What::Login => {
                if code.is_none() {
                    self.stage = Stage::User;
                }
            }
            What::Logout => self.stage = Stage::Guest,
            What::Change(change) => self.on_changed(&change, code),
            What::Stream { stop: Stop::Whole, .. }
                if matches!(code, Some("digest_mismatch" | "bad_request")) =>
            {
                return Err("a sound upload was refused".into());
            }
            What::Stream { change, stop } => {
                if matches!(stop, Stop::WrongRoot) && code.is_none() {
                    return Err("a file with another root was taken".into());
                }
                self.on_changed(&change, code);
            }
            What::Stat { path } if self.is_own(&path) => {
                let size = message["ok"]["entry"]["size"].as_u64();
                let known = code.is_none() || code == Some("not_found");
                if known && !self.model.allows(&path, size) {
                    return Err(format!("{path} cannot be that: {:?}", self.model));
                }
            }
            What::Get(download) if code.is_none() => self.on_downloaded(download, message)?,
            // A second one takes the place of the first.
            What::Abort { target } if self.is_asked(target) && !self.is_to_be_aborted(target) => {
                return Err(format!("the abort of {target} was answered before it"));
            }
            What::Abort { .. } if code.is_some() => return Err("an abort was refused".into()),
            What::Abort { .. } => TALLY.aborts.up(),
            What::Get(_) | What::Sum | What::Stat { .. } | What::Other => {}
        }
        Ok(())
    }

    fn on_downloaded(&mut self, download: Download, message: &Value) -> Result<(), String> {
        let Download { path, from, expect, etag, bytes, .. } = download;
        let came = match expect {
            Some(content) => Some(content).filter(|content| LIBRARY[*content].bytes[from..] == bytes),
            None => find(&bytes),
        };
        let tally = if expect.is_some() { &TALLY.resumed_downloads } else { &TALLY.downloads };
        tally.up();
        let content =
            came.ok_or_else(|| format!("{path}: {} bytes came that were never put", bytes.len()))?;
        if message["ok"]["root"] != json!(LIBRARY[content].root) {
            return Err(format!(
                "{path}: the root is not that of {content}, from {from}, expected {expect:?}, {} bytes",
                bytes.len()
            ));
        }
        if self.is_own(&path) && !self.model.allows_content(&path, content) {
            return Err(format!("{path} cannot be {content}: {:?}", self.model));
        }
        self.seen = etag.map(|etag| (path, etag, content));
        Ok(())
    }

    fn on_changed(&mut self, change: &Change, code: Option<&str>) {
        match code {
            None => TALLY.changed.up(),
            Some("unavailable" | "no_space") => TALLY.failed.up(),
            Some("quota_exceeded") => TALLY.over_quota.up(),
            Some("too_many_files") => TALLY.too_many.up(),
            Some(_) => TALLY.refused.up(),
        }
        if !self.is_own(change.path()) {
            return;
        }
        match code {
            None => self.model.did(change),
            // The disk failed: nobody knows how far it came.
            Some("unavailable" | "no_space") => self.model.may_have_done(change),
            Some(_) => {}
        }
    }
}
