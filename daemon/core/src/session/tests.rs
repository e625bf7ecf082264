//! Sessions without a socket: real jobs on a real folder, run at once, with a clock that only moves when told.

mod bounds;
mod eager;
mod entrance;
mod evil_paths;
mod guesses;
mod lives;
mod penalties;
mod requests;
mod several;

use super::{Session, Setup, Shared};
use crate::Limits;
use crate::account::password::{Cost, PasswordHash};
use crate::account::user_file::{User, Users};
use crate::audit::{Audit, LoginEvent};
use crate::job::Job;
use crate::machine::{Action, ChannelId, Event, Machine as _};
use crate::vfs::{Durability, Jail};
use ftp_proto::frame::put_message;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Secret, TlsFacts};
use ftp_proto::{Chunk, Deframer, Frame, Tree, UserName, tree};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CH: ChannelId = ChannelId::CONTROL;

/// A daemon's shared state on a temporary folder.
struct World {
    shared: Rc<Shared>,
    folder: tempfile::TempDir,
    now: Instant,
}

impl World {
    fn new(quota: Option<u64>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let mut users = Users::default();
        for (id, name) in [(1, "ada"), (2, "bob")] {
            users.users.insert(UserName::new(name).expect("good"), user(id, quota));
        }
        let setup = Setup {
            limits: Limits::default(),
            durability: Durability::Fast,
            storage: Arc::new(Jail::new(folder.path().to_owned())),
            users,
            software: "test/0".into(),
            now,
        };
        Self { shared: Shared::new(setup), folder, now }
    }

    fn connect(&self) -> Peer {
        self.connect_from(Ipv4Addr::LOCALHOST)
    }

    fn connect_from(&self, address: Ipv4Addr) -> Peer {
        let mut peer = self.accept_from(address);
        peer.tell(Event::Opened(CH, TlsFacts::default()));
        peer
    }

    /// A connection whose handshake is still to come.
    fn accept_from(&self, address: Ipv4Addr) -> Peer {
        let mut peer = Peer {
            session: Session::new(&self.shared, (address, 1000).into(), self.now),
            now: self.now,
            held: None,
            hold: false,
            reads: true,
            closed: false,
            notes: Vec::new(),
            deframer: Deframer::new(),
            got: Vec::new(),
        };
        peer.deframer.set_message_max(usize::MAX);
        peer.deframer.allow_chunks(true);
        peer
    }

    fn login(&self, name: &str) -> Peer {
        let mut peer = self.connect();
        peer.ask(json!({"id": 1, "op": "login", "user": name, "password": "secret"}));
        let reply = peer.reply(1);
        assert!(reply["ok"]["token"].is_string(), "{reply}");
        peer
    }

    fn used(&self, name: &str) -> u64 {
        let name = UserName::new(name).expect("good");
        let user = self.shared.user(&name).expect("there");
        let tenant = self.shared.tenant(&name, &user).expect("open");
        let account = tenant.ledger().account();
        account.used
    }

    fn on_disk(&self, name: &str) -> u64 {
        fn size(path: &std::path::Path) -> u64 {
            let entries = std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry"));
            entries
                .map(|entry| {
                    let facts = entry.metadata().expect("facts");
                    let sidecar = entry.path().extension().is_some_and(|ext| ext == "cv");
                    if facts.is_dir() {
                        size(&entry.path())
                    } else if sidecar {
                        0
                    } else {
                        facts.len()
                    }
                })
                .sum()
        }
        let folder = self.folder.path().join(name);
        size(&folder.join("home")) + size(&folder.join("parts"))
    }
}

fn user(id: u64, quota: Option<u64>) -> User {
    let password = PasswordHash::new(&Secret::new("secret".into()), Cost { log_n: 10 }).expect("a hash");
    User { id, password, quota }
}

/// The client's end of a session.
struct Peer {
    session: Session,
    now: Instant,
    /// A job that is not run until it is released.
    held: Option<Job>,
    hold: bool,
    /// It takes what the session has to say.
    reads: bool,
    closed: bool,
    notes: Vec<Audit>,
    deframer: Deframer,
    got: Vec<Frame>,
}

impl Peer {
    fn ask(&mut self, request: Value) {
        let mut bytes = Vec::new();
        put_message(&mut bytes, &request);
        self.send(&bytes);
    }

    fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.session.on_bytes(self.now, CH, bytes);
            bytes = &bytes[taken..];
            self.settle();
            if taken == 0 && !self.session.wants_input(CH) {
                return;
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.session.on_event(self.now, event);
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.session.deadline().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            let before = self.session.deadline();
            self.tell(Event::Timeout);
            assert!(
                self.session.deadline() != before || self.closed,
                "a deadline that does not move would spin"
            );
        }
        self.now = end;
    }

    /// Runs jobs and takes what is pending, until nothing is left to do.
    fn settle(&mut self) {
        loop {
            match self.session.poll_action() {
                Some(Action::Submit(job)) if self.hold => self.held = Some(job),
                Some(Action::Submit(job)) => {
                    let outcome = job.run();
                    self.session.on_event(self.now, Event::Done(outcome));
                }
                Some(Action::Close(_)) => self.closed = true,
                Some(Action::Note(audit)) => self.notes.push(audit),
                None if !self.reads => return,
                None => {
                    let bytes = self.session.pending(CH).to_vec();
                    if bytes.is_empty() {
                        return;
                    }
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let (taken, frame) = self.deframer.push(rest).expect("good frames");
                        rest = &rest[taken..];
                        self.got.extend(frame);
                    }
                    self.session.sent(self.now, CH, bytes.len());
                }
            }
        }
    }

    fn release(&mut self) {
        self.hold = false;
        let job = self.held.take().expect("a job is held");
        let outcome = job.run();
        self.tell(Event::Done(outcome));
    }

    /// The next reply, which must be to `re`.
    fn reply(&mut self, re: u64) -> Value {
        loop {
            assert!(!self.got.is_empty(), "no reply to {re}");
            if let Frame::Message(json) = self.got.remove(0) {
                let value: Value = serde_json::from_slice(&json).expect("json");
                if value.get("hello").is_none() {
                    assert_eq!(value["re"], re, "{value}");
                    return value;
                }
            }
        }
    }

    fn code(&mut self, re: u64) -> String {
        let reply = self.reply(re);
        reply["error"]["code"].as_str().map_or_else(|| format!("not an error: {reply}"), str::to_owned)
    }

    fn chunk(&mut self, size: u64, offset: u64, data: &[u8]) {
        let chunk = sealed(size, offset, data);
        self.send(chunk.frame());
    }

    fn put(&mut self, id: u64, path: &str, file: &[u8]) -> Value {
        self.ask(json!({"id": id, "op": "put", "path": path, "size": file.len(), "mtime": 1}));
        let begin = self.reply(id);
        let Some(offset) = begin["begin"]["offset"].as_u64() else { return begin };
        let mut at = usize::try_from(offset).expect("small");
        while at < file.len() {
            let end = (at + CHUNK).min(file.len());
            self.chunk(file.len() as u64, at as u64, &file[at..end]);
            at = end;
        }
        self.ask(json!({"id": id, "op": "put_end", "root": root(file)}));
        self.reply(id)
    }
}

fn sealed(size: u64, offset: u64, data: &[u8]) -> Chunk {
    let mut chunk = Chunk::with_len(Vec::new(), data.len());
    chunk.data_mut().copy_from_slice(data);
    chunk.seal(tree::value(size, offset, data));
    chunk
}

fn root(file: &[u8]) -> String {
    let mut tree = Tree::new();
    for (index, data) in file.chunks(CHUNK).enumerate() {
        tree.push(tree::value(file.len() as u64, (index * CHUNK) as u64, data));
    }
    tree.root().to_string()
}

/// Numbers that look random and are the same at every run.
struct Dice(blake3::OutputReader);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        usize::try_from(u32::from_le_bytes(bytes)).expect("fits") % bound
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// How much of something is tried: what the variable says, or else `usual`.
fn count(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

fn file(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).expect("small")).collect()
}
