//! A whole session, fed whatever a client may send, in whatever pieces, with its jobs run on the simulation's disk.
//!
//! It answers each request once and in order, says nothing that its own deframer would not take, never waits for itself, holds a bounded amount of
//! memory, and leaves only whole files and an exact ledger behind.
#![no_main]

use fastrand::Rng;
use ftp_core::Limits;
use ftp_core::account::password::PasswordHash;
use ftp_core::account::user_file::{User, Users};
use ftp_core::job::{Job, Outcome};
use ftp_core::machine::{Action, ChannelId, Event, Machine as _};
use ftp_core::registry::Tenancy;
use ftp_core::session::{Session, Setup, Shared};
use ftp_core::vfs::{Durability, Storage as _};
use ftp_fuzz::answers::Answers;
use ftp_fuzz::disk::Disk;
use ftp_fuzz::memory::within;
use ftp_fuzz::script::{CONTENT, LARGEST, Script, Step, frame};
use ftp_proto::UserName;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::TlsFacts;
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

const CH: ChannelId = ChannelId::CONTROL;
/// The input begins when somebody is logged in already.
const IN: usize = 0;
/// There are files.
const FILES: usize = 1;
/// The quota is small.
const TIGHT: usize = 2;
/// No password is right.
const OUT: usize = 3;

/// What a guest may make the daemon hold, and what a user may: chunks in the inbox, in a job, to be used again and on their way.
const GUEST: usize = 256 * 1024;
const USER: usize = 16 * (CHUNK + 1024) + 4 * 1024 * 1024;

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
static USERS: LazyLock<Users> = LazyLock::new(|| {
    let hash = "$scrypt$ln=10,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let password = PasswordHash::parse(hash).expect("a hash");
    let user = User { id: 1, password, quota: None };
    let mut users = Users::default();
    users.users.insert(ada(), user);
    users
});

fn ada() -> UserName {
    UserName::new("ada").expect("a name")
}

struct World {
    rng: Rng,
    now: Instant,
    disk: Disk,
    users: Users,
    shared: Rc<Shared>,
    session: Session,
    /// There were files, which the quota may not allow.
    planted: bool,
    /// No password is right.
    out: bool,
    wire: Vec<u8>,
    at: usize,
    answers: Answers,
    job: Option<Job>,
    outcome: Option<Outcome>,
    closed: bool,
}

impl World {
    fn new(script: &Script) -> Self {
        let (now, disk, mut users) = (*EPOCH, Disk::new(true, true), USERS.clone());
        for user in users.users.values_mut() {
            user.quota = script.has(TIGHT).then_some(2_000);
        }
        if script.has(FILES) {
            plant(&disk);
        }
        let shared = Shared::new(Setup {
            limits: Limits { entries: 20, ..Limits::default() },
            durability: Durability::Full,
            storage: Arc::new(disk.clone()),
            users: users.clone(),
            software: "fuzz".into(),
            now,
        });
        let mut session = Session::new(&shared, SocketAddr::from(([127, 0, 0, 1], 1000)), now);
        session.on_event(now, Event::Opened(CH, TlsFacts::default()));
        let mut world = Self {
            rng: script.rng.clone(),
            now,
            disk,
            users,
            shared,
            session,
            planted: script.has(FILES),
            out: script.has(OUT),
            wire: Vec::new(),
            at: 0,
            answers: Answers::default(),
            job: None,
            outcome: None,
            closed: false,
        };
        if script.has(IN) {
            world.come(&frame(1, br#"{"id":1,"op":"login","user":"ada","password":"right"}"#));
            world.rest();
        }
        world
    }

    /// Bytes come from the client.
    fn come(&mut self, bytes: &[u8]) {
        if self.at == self.wire.len() {
            (self.at, self.wire) = (0, Vec::new());
        }
        self.wire.extend_from_slice(bytes);
        self.answers.asked(bytes);
    }

    /// Some of what is on the way arrives. Says whether anything moved.
    fn deliver(&mut self, most: usize) -> bool {
        let end = self.at.saturating_add(most).min(self.wire.len());
        if self.at == end || self.closed || !self.session.wants_input(CH) {
            return false;
        }
        let taken = self.session.on_bytes(self.now, CH, &self.wire[self.at..end]);
        assert!(taken <= end - self.at, "it takes only what is there");
        self.at += taken;
        self.act();
        taken > 0
    }

    /// The client takes some of what there is. Says whether there was anything.
    fn receive(&mut self, most: usize) -> bool {
        let pending = self.session.pending(CH);
        let bytes = pending[..most.min(pending.len())].to_vec();
        if bytes.is_empty() {
            return false;
        }
        self.answers.came(&bytes);
        self.session.sent(self.now, CH, bytes.len());
        self.act();
        true
    }

    fn act(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Submit(job) => {
                    assert!(self.job.is_none() && self.outcome.is_none(), "two jobs at once");
                    self.job = Some(job);
                }
                Action::Close(_) => self.closed = true,
                Action::Note(_) => {}
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.session.on_event(self.now, event);
        self.act();
    }

    fn work(&mut self) -> bool {
        let Some(job) = self.job.take() else { return false };
        self.outcome = Some(match job {
            Job::Verify { password, .. } => Outcome::Verified(password.expose() == "right" && !self.out),
            job => job.run(),
        });
        true
    }

    fn come_home(&mut self) -> bool {
        let Some(outcome) = self.outcome.take() else { return false };
        self.event(Event::Done(outcome));
        true
    }

    /// Time passes.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        if self.session.deadline().is_some_and(|at| at <= self.now) {
            self.event(Event::Timeout);
        }
    }

    /// Something happens.
    fn step(&mut self) {
        let size = if self.rng.bool() { self.rng.usize(1..30) } else { 1 << 20 };
        match self.rng.u8(0..5) {
            0 | 1 => drop(self.deliver(size)),
            2 => drop(self.receive(size)),
            3 => drop(self.work()),
            _ => drop(self.come_home()),
        }
    }

    /// All that can happen does. A login that was refused waits for its time.
    fn rest(&mut self) {
        loop {
            let mut moved = self.deliver(usize::MAX);
            moved |= self.work();
            moved |= self.come_home();
            moved |= self.receive(usize::MAX);
            if moved {
                continue;
            }
            let soon = self.session.deadline().filter(|at| *at <= self.now + Duration::from_secs(1));
            match soon {
                Some(at) if !self.closed => self.pass(at.saturating_duration_since(self.now)),
                _ => break,
            }
        }
        assert!(self.closed || self.session.wants_input(CH), "it waits for itself");
        if !self.closed {
            self.answers.check_all();
        }
    }

    fn run(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Bytes(bytes) => self.come(&bytes),
                Step::Rest => self.rest(),
                Step::Pass(millis) => self.pass(Duration::from_millis(millis)),
                Step::Drain => self.event(Event::Drain),
                Step::Closed => self.event(Event::PeerClosed(CH)),
                Step::Lost => self.lose(),
                Step::Changed => {
                    let mut users = self.users.clone();
                    users.users.values_mut().for_each(|user| user.id += 1);
                    self.shared.reload(None, Some(users));
                    self.event(Event::AccountsChanged);
                }
            }
            for _ in 0..self.rng.usize(0..8) {
                self.step();
            }
        }
        self.rest();
    }

    fn lose(&mut self) {
        self.closed = true;
        self.event(Event::Lost(CH));
    }

    /// The connection is gone; what is left has to be in order.
    fn end(mut self) {
        self.lose();
        while self.work() || self.come_home() {}
        assert!(!self.session.has_job() && self.session.pending(CH).is_empty() && !self.session.is_busy());
        let mut bytes = 0;
        self.disk.walk("ada", |top, path, there, _| {
            if top == "home" {
                assert!(CONTENT.starts_with(there), "{path} is not a file that somebody sent");
                bytes += there.len() as u64;
            }
        });
        let used = self.disk.used("ada");
        assert!(used >= bytes);
        let account = self.shared.user(&ada()).and_then(|user| self.shared.tenant(&ada(), &user));
        if let Some(tenant) = account
            && let Tenancy::Open { ledger, .. } = &*tenant.tenancy.borrow()
        {
            let account = ledger.account();
            assert_eq!((account.used, ledger.is_doubtful()), (used, false), "the ledger and the disk");
            assert!(
                self.planted || account.quota.is_none_or(|quota| used <= quota),
                "{used} bytes: {account:?}"
            );
        }
    }
}

/// A home with something in it.
fn plant(disk: &Disk) {
    let users = disk.users().expect("there");
    users.mkdir("ada").expect("new");
    let folder = users.directory("ada".as_ref()).expect("there");
    folder.mkdir("home").expect("new");
    let home = folder.directory("home".as_ref()).expect("there");
    home.mkdir("d").expect("new");
    for (name, size) in [("e", 0), ("f", 900), ("g", LARGEST)] {
        let file = home.create(name).expect("new");
        file.write_all_at(&CONTENT[..size], 0).expect("written");
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(mut script) = Script::read(data) else { return };
    let mut world = World::new(&script);
    let steps = std::mem::take(&mut script.steps);
    let guest = script.has(OUT) && !script.has(IN);
    let sent: usize =
        steps.iter().map(|step| if let Step::Bytes(bytes) = step { bytes.len() } else { 0 }).sum();
    // The disk keeps each file three times: as it is, as it was synced, and what is to be done between.
    let most = if guest { GUEST + 8 * sent } else { USER + 16 * sent };
    within(most, || world.run(steps));
    world.end();
});
