//! The reactor in a thread, on loopback, with clients' ends over ordinary sockets.

mod deadlines;
mod guests;
mod peer;
mod penalties;
mod turns;

use super::conn::BUDGET;
use super::*;
use crate::config::{Level, LogConfig};
use crate::logging::Guards;
use ftp_core::account::password::{Cost, PasswordHash};
use ftp_core::account::user_file::User;
use ftp_core::job::Job;
use ftp_core::limits::{Guests, LOGIN_QUEUE};
use ftp_core::machine::{Action, ChannelId};
use ftp_core::registry::{Setup, Shared};
use ftp_core::session::Session;
use ftp_core::transfer::Small;
use ftp_core::vfs::{Durability, Jail};
use ftp_proto::frame::put_message;
use ftp_proto::limits::{ALPN, CHUNK};
use ftp_proto::message::{Put, PutEnd, Secret};
use ftp_proto::{Chunk, Deframer, Frame, Tree, UserName, tree};
use ftp_tls::Pump;
use peer::Peer;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread::{self, JoinHandle};

/// What does not happen within this does not happen.
const PATIENCE: Duration = Duration::from_secs(10);
/// The size of the file that [`Daemon::big_file`] makes.
const BIG: u64 = 64 * 1024 * 1024;

/// What a test wants of its daemon.
#[derive(Clone, Copy)]
struct How {
    /// How much faster than ours the sessions' clock runs.
    speed: u32,
    /// Each connection seems to come from an address of its own.
    spread: bool,
    /// What a password check costs.
    log_n: u8,
    /// When guests are turned away, and what is rolled for each.
    guests: Option<(Guests, u32)>,
}

const PLAIN: How = How { speed: 1, spread: false, log_n: 10, guests: None };

/// A reactor in a thread.
struct Daemon {
    address: SocketAddr,
    mailbox: Mailbox,
    gate: Arc<Gate>,
    /// Rounds that the reactor has turned.
    rounds: Arc<AtomicU64>,
    /// Bytes of files that were read for downloads.
    read: Arc<AtomicU64>,
    tls: Arc<ClientConfig>,
    folder: tempfile::TempDir,
    thread: Option<JoinHandle<io::Result<()>>>,
    _logs: Guards,
}

/// Holds the reactor between two rounds.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().expect("sound");
        while state.0 {
            state.1 = true;
            self.changed.notify_all();
            state = self.changed.wait(state).expect("sound");
        }
        state.1 = false;
    }

    fn open(&self) {
        self.state.lock().expect("sound").0 = false;
        self.changed.notify_all();
    }
}

impl Daemon {
    fn start(how: How) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (server, client) = tls_configs();
        let log = LogConfig { level: Level::Error, folder: folder.path().to_owned() };
        let (logs, guards) = Logs::open(&log).expect("logs");
        let gate = Arc::new(Gate::default());
        let (rounds, read) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (ready, started) = mpsc::channel();
        let thread = {
            let (gate, rounds, read) = (Arc::clone(&gate), Arc::clone(&rounds), Arc::clone(&read));
            let users = folder.path().to_owned();
            thread::spawn(move || {
                let mut limits = Limits { drain: Duration::from_secs(120), ..Limits::default() };
                limits.guests = how.guests.map_or(limits.guests, |(guests, _)| guests);
                let host = Sessions::new(how, limits.clone(), users, read);
                let address = (Ipv4Addr::LOCALHOST, 0).into();
                let bound = Bound::new(&[address])?;
                let (address, mailbox) = (bound.addresses()?[0], bound.mailbox());
                let mut reactor = Reactor::new(bound, server, limits, host, logs)?;
                if let Some((_, roll)) = how.guests {
                    reactor.dice = Box::new(move || roll);
                }
                reactor.on_round(move |_| {
                    rounds.fetch_add(1, Ordering::Relaxed);
                    gate.pass();
                });
                ready.send((address, mailbox)).expect("the test waits");
                reactor.run(Duration::from_secs(3600))
            })
        };
        let (address, mailbox) = started.recv_timeout(PATIENCE).expect("a reactor");
        Self {
            address,
            mailbox,
            gate,
            rounds,
            read,
            tls: client,
            folder,
            thread: Some(thread),
            _logs: guards,
        }
    }

    fn connect(&self) -> Peer {
        let mut peer = Peer::new(self);
        while peer.pump.is_handshaking() {
            assert!(peer.receive(), "closed during the handshake");
        }
        let hello = peer.message();
        assert!(hello["hello"].is_object(), "{hello}");
        peer
    }

    fn login(&self, name: &str) -> Peer {
        let mut peer = self.connect();
        let id = peer.ask(login(name));
        let reply = peer.reply(id);
        assert!(reply["ok"]["token"].is_string(), "{reply}");
        peer
    }

    /// Holds the reactor; returns when it is held.
    fn hold(&self) {
        self.gate.state.lock().expect("sound").0 = true;
        assert!(self.mailbox.send(Message::Reload { limits: None, users: None, tls: None }));
        let state = self.gate.state.lock().expect("sound");
        let (state, waited) =
            self.gate.changed.wait_timeout_while(state, PATIENCE, |(_, held)| !*held).expect("sound");
        assert!(state.1 && !waited.timed_out(), "the reactor does not turn");
    }

    /// Puts a file of [`BIG`] bytes into a home that was opened before; each chunk differs.
    fn big_file(&self, user: &str) {
        use std::os::unix::fs::FileExt as _;
        let path = self.folder.path().join(user).join("home").join("big");
        let file = std::fs::File::create(path).expect("made");
        file.set_len(BIG).expect("space");
        for at in (0..BIG).step_by(CHUNK) {
            file.write_all_at(&(at + 1).to_be_bytes(), at + 1000).expect("written");
        }
    }

    fn ends_in_time(&self) -> bool {
        let thread = self.thread.as_ref().expect("there");
        within(PATIENCE, || thread.is_finished())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.gate.open();
        self.mailbox.send(Message::Terminate);
        self.mailbox.send(Message::Terminate);
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.expect("there").expect("no panic").expect("no fault");
        }
    }
}

/// TLS for a server with a certificate of its own, and for its clients.
fn tls_configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("good");
    let mut server = ServerConfig::builder_with_provider(ftp_tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("good")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("good");
    server.alpn_protocols = vec![ALPN.to_vec()];
    let mut client = ClientConfig::builder_with_provider(ftp_tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("good")
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![ALPN.to_vec()];
    (Arc::new(server), Arc::new(client))
}

/// Whether something comes true in time.
fn within(time: Duration, mut what: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if what() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    what()
}

fn login(name: &str) -> Value {
    json!({"op": "login", "user": name, "password": "secret"})
}

/// Makes sessions, each behind an [`Observed`].
struct Sessions {
    how: How,
    shared: Rc<Shared>,
    started: Instant,
    count: u32,
    read: Arc<AtomicU64>,
}

impl Sessions {
    fn new(how: How, limits: Limits, users_folder: PathBuf, read: Arc<AtomicU64>) -> Self {
        let started = Instant::now();
        let cost = Cost { log_n: how.log_n };
        let password = PasswordHash::new(&Secret::new("secret".into()), cost).expect("a hash");
        let mut users = Users::default();
        for (id, name) in [(1, "ada"), (2, "bob")] {
            let user = User { id, password: password.clone(), quota: None };
            users.users.insert(UserName::new(name).expect("good"), user);
        }
        let setup = Setup {
            limits,
            durability: Durability::Fast,
            storage: Arc::new(Jail::new(users_folder)),
            users,
            software: "test/0".into(),
            now: started,
        };
        Self { how, shared: Shared::new(setup), started, count: 0, read }
    }
}

impl Host for Sessions {
    fn guests(&self) -> usize {
        self.shared.guests()
    }

    fn owes(&self, now: Instant, address: IpAddr) -> bool {
        self.shared.owed(now, address).is_some()
    }

    fn machine(&mut self, mut peer: SocketAddr, now: Instant) -> Box<dyn Machine> {
        self.count += 1;
        if self.how.spread {
            peer.set_ip(Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + self.count).into());
        }
        let (started, speed) = (self.started, self.how.speed);
        let clock = Clock { started, speed };
        let session = Session::new(&self.shared, peer, clock.at(now));
        Box::new(Observed { session, clock, read: Arc::clone(&self.read) })
    }

    fn reload(&mut self, limits: Option<Limits>, users: Option<Users>) {
        self.shared.reload(limits, users);
    }
}

/// A clock that began with ours and runs faster.
#[derive(Clone, Copy)]
struct Clock {
    started: Instant,
    speed: u32,
}

impl Clock {
    fn at(self, now: Instant) -> Instant {
        self.started + now.saturating_duration_since(self.started) * self.speed
    }

    fn ours(self, at: Instant) -> Instant {
        self.started + at.saturating_duration_since(self.started) / self.speed
    }
}

/// A session with a clock of its own, whose downloads are counted, and whose `mkdir /panic` panics on the worker.
struct Observed {
    session: Session,
    clock: Clock,
    read: Arc<AtomicU64>,
}

impl Machine for Observed {
    fn on_bytes(&mut self, now: Instant, channel: ChannelId, bytes: &[u8]) -> usize {
        self.session.on_bytes(self.clock.at(now), channel, bytes)
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        let chunks = match &event {
            Event::Done(Outcome::Read(Ok(read))) => &read.chunks[..],
            Event::Done(Outcome::Whole(whole)) => &whole.chunks[..],
            _ => &[],
        };
        let bytes: usize = chunks.iter().map(|chunk| chunk.data().len()).sum();
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        self.session.on_event(self.clock.at(now), event);
    }

    fn poll_action(&mut self) -> Option<Action> {
        match self.session.poll_action()? {
            Action::Submit(Job::Mkdir { home, path }) if path.to_string() == "/panic" => {
                // A chunk without bytes never comes out of a deframer: there is an assertion against it.
                let chunk = Some(Chunk::with_len(Vec::new(), 0));
                let put = Put { path, size: 0, mtime: 0, eager: true, restart: false, md5: false };
                let end = PutEnd { root: Tree::new().root(), md5: None };
                let file = Box::new(Small { put, chunk, end, leftover: false });
                Some(Action::Submit(Job::Store { home, file }))
            }
            action => Some(action),
        }
    }

    fn pending(&self, channel: ChannelId) -> &[u8] {
        self.session.pending(channel)
    }

    fn sent(&mut self, now: Instant, channel: ChannelId, n: usize) {
        self.session.sent(self.clock.at(now), channel, n);
    }

    fn wants_input(&self, channel: ChannelId) -> bool {
        self.session.wants_input(channel)
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.deadline().map(|at| self.clock.ours(at))
    }

    fn is_busy(&self) -> bool {
        self.session.is_busy()
    }

    fn has_job(&self) -> bool {
        self.session.has_job()
    }

    fn account(&self) -> Option<u64> {
        self.session.account()
    }
}

/// Sends all of it while the reactor is held, as far as the kernel takes it, and nothing after it.
fn burst(daemon: &Daemon, peer: &mut Peer, plain: &[u8]) {
    let bytes = peer.seal(plain);
    daemon.hold();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            daemon.gate.open();
        });
        peer.socket.write_all(&bytes).expect("sent");
    });
}

fn pattern(len: usize) -> Vec<u8> {
    (0u32..).flat_map(|n| n.wrapping_mul(0x9E37_79B9).to_le_bytes()).take(len).collect()
}
