//! The daemon's shared state, its disk, its clients, and everything that can happen to them, in an order that one seed decides.

use super::disk::{Disk, Trouble};
use super::library::find;
use super::peer::{PASSWORD, Peer};
use super::tally::TALLY;
use fastrand::Rng;
use ftp_core::Limits;
use ftp_core::account::password::PasswordHash;
use ftp_core::account::user_file::{User, Users};
use ftp_core::job::{Job, Outcome};
use ftp_core::machine::{Action, ChannelId, Event, Machine as _};
use ftp_core::registry::Tenancy;
use ftp_core::session::{Session, Setup, Shared};
use ftp_core::vfs::{Durability, Storage as _};
use ftp_proto::UserName;
use ftp_proto::message::TlsFacts;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CH: ChannelId = ChannelId::CONTROL;
/// How many things happen in one run.
const STEPS: usize = 700;
/// After so many rounds in which everything that can move does, all must be answered.
const PATIENCE: usize = 3_000;
/// Nothing is compared with it: the simulation checks passwords itself, for scrypt is slow on purpose.
const HASH: &str = "$scrypt$ln=10,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub type Check<T = ()> = Result<T, String>;

/// A connection, by its number; clients come back under new ones.
type ConnId = usize;

pub struct World {
    rng: Rng,
    now: Instant,
    disk: Disk,
    durability: Durability,
    limits: Limits,
    users: Users,
    quotas: Vec<Option<u64>>,
    shared: Rc<Shared>,
    peers: Vec<Peer>,
    /// The connection of each client.
    ids: Vec<ConnId>,
    next_id: ConnId,
    /// Sessions whose connection is gone and whose job is not home yet, and whose client they were.
    ghosts: Vec<(ConnId, usize, Session)>,
    jobs: Vec<(ConnId, Job)>,
    outcomes: Vec<(ConnId, Outcome)>,
    /// Files on the disk that were told to be of the library.
    known: HashSet<(String, usize, (i64, u64))>,
    /// What kind of disk it is.
    ordered: bool,
    /// Jobs may meet trouble.
    troubled: bool,
    tell: bool,
}

impl World {
    pub fn new(seed: u64, tell: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let quotas: Vec<Option<u64>> = (0..rng.usize(1..=2))
            .map(|_| [None, Some(12_000), Some(800_000), Some(1_300_000)][rng.usize(0..4)])
            .collect();
        let mut users = Users::default();
        for (number, quota) in quotas.iter().enumerate() {
            let password = PasswordHash::parse(HASH).expect("a hash");
            let user = User { id: number as u64, password, quota: *quota };
            users.users.insert(name(number), user);
        }
        let limits = Limits { entries: if rng.u8(0..4) == 0 { 8 } else { 1000 }, ..Limits::default() };
        let durability = if rng.u8(0..5) == 0 { Durability::Fast } else { Durability::Full };
        let (ordered, unnamed) = (rng.bool(), rng.bool());
        let (now, disk) = (Instant::now(), Disk::new(ordered, unnamed));
        let shared = share(&disk, &limits, &users, durability, now);
        let troubled = rng.bool();
        let mut world = Self {
            now,
            disk,
            durability,
            limits,
            users,
            shared,
            peers: Vec::new(),
            ids: Vec::new(),
            next_id: 0,
            ghosts: Vec::new(),
            jobs: Vec::new(),
            outcomes: Vec::new(),
            known: HashSet::new(),
            ordered,
            troubled,
            tell,
            quotas,
            rng,
        };
        for number in 0..world.rng.usize(2..=4) {
            let user = number % world.quotas.len();
            let session = world.connect(number);
            world.peers.push(Peer::new(user, number, session));
            let id = world.next_id();
            world.ids.push(id);
        }
        world
    }

    fn next_id(&mut self) -> ConnId {
        self.next_id += 1;
        self.next_id
    }

    fn connect(&self, number: usize) -> Session {
        let address = SocketAddr::from(([127, 0, 1, u8::try_from(number).expect("few")], 1000));
        let mut session = Session::new(&self.shared, address, self.now);
        session.on_event(self.now, Event::Opened(CH, TlsFacts::default()));
        session
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.tell {
            println!("{}", what());
        }
    }

    /// Lets things happen, then lets all come to rest, and looks whether every promise was kept.
    pub fn run(&mut self) -> Check {
        for _ in 0..STEPS {
            self.step()?;
        }
        self.rest()?;
        self.come_back()?;
        if self.durability == Durability::Full {
            self.power_fails()?;
            self.come_back()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Check {
        let number = self.rng.usize(0..self.peers.len());
        match self.rng.u8(0..100) {
            0..=14 => self.peers[number].ask(&mut self.rng),
            15..=39 => {
                let most = self.size();
                self.peers[number].deliver(self.now, most);
            }
            40..=59 => {
                let most = self.size();
                self.peers[number].receive(self.now, most)?;
            }
            60..=79 => self.work()?,
            80..=94 => self.come_home()?,
            95..=97 => self.pass(),
            98 if self.rng.u8(0..8) == 0 => self.cut(number),
            99 if self.rng.u8(0..8) == 0 => self.restart()?,
            _ => {}
        }
        self.act(number)
    }

    /// How much of what is on the way moves: a few bytes, or much.
    fn size(&mut self) -> usize {
        match self.rng.u8(0..4) {
            0 => self.rng.usize(1..40),
            1 => self.rng.usize(1..4_000),
            _ => 1 << 20,
        }
    }

    fn session(&mut self, id: ConnId) -> Option<&mut Session> {
        let ghost = self.ghosts.iter_mut().find(|(ghost, ..)| *ghost == id).map(|(.., session)| session);
        let place = self.ids.iter().position(|known| *known == id);
        ghost.or_else(|| place.map(|number| &mut self.peers[number].session))
    }

    /// Does what the session of a client wants done.
    fn act(&mut self, number: usize) -> Check {
        loop {
            let mut closes = self.peers[number].hangs_up;
            while let Some(action) = self.peers[number].session.poll_action() {
                match action {
                    Action::Submit(job) => self.submit(self.ids[number], job)?,
                    Action::Close(_) => closes = true,
                    Action::Note(_) => {}
                }
            }
            if !closes {
                return Ok(());
            }
            self.peers[number].receive(self.now, usize::MAX)?;
            self.cut(number);
        }
    }

    fn submit(&mut self, id: ConnId, job: Job) -> Check {
        if self.jobs.iter().any(|(of, _)| *of == id) || self.outcomes.iter().any(|(of, _)| *of == id) {
            return Err("a session has two jobs at once".into());
        }
        if matches!(job, Job::Verify { .. }) && self.rng.u8(0..30) == 0 {
            let now = self.now;
            if let Some(session) = self.session(id) {
                session.on_event(now, Event::Rejected(job));
            }
            return Ok(());
        }
        self.jobs.push((id, job));
        Ok(())
    }

    /// The connection of a client breaks; it comes back when its last job is home.
    fn cut(&mut self, number: usize) {
        self.say(|| format!("client {number} loses its connection"));
        TALLY.cuts.up();
        let now = self.now;
        let event = if self.rng.bool() { Event::Lost(CH) } else { Event::PeerClosed(CH) };
        self.peers[number].session.on_event(now, event);
        self.peers[number].session.on_event(now, Event::Lost(CH));
        self.leave(number);
    }

    /// Puts a session that is over aside, and connects its client anew.
    fn leave(&mut self, number: usize) {
        let session = self.connect(number);
        let mut old = self.peers[number].reconnect(session);
        let id = self.next_id();
        let old_id = std::mem::replace(&mut self.ids[number], id);
        while let Some(action) = old.poll_action() {
            if let Action::Submit(job) = action {
                self.jobs.push((old_id, job));
            }
        }
        if old.has_job() {
            self.ghosts.push((old_id, number, old));
        }
    }

    /// A worker runs some job, and may meet trouble.
    fn work(&mut self) -> Check {
        if self.jobs.is_empty() {
            return Ok(());
        }
        let (id, job) = self.jobs.swap_remove(self.rng.usize(0..self.jobs.len()));
        let name = job.name();
        // About as many as it makes.
        let calls = if let Job::Several(jobs) = &job { 8 * jobs.len() as u64 } else { 12 };
        let trouble = match self.rng.u8(0..100) {
            0 if self.durability == Durability::Full => Some(Trouble::Crash(self.rng.u64(1..=calls))),
            1..=9 if self.troubled => Some(Trouble::any(&mut self.rng, calls)),
            // A panic leaves undone whatever was to come, syncs too; only an ordered disk makes good for it.
            10 if self.troubled && self.ordered => Some(Trouble::Panic(self.rng.u64(1..=calls))),
            _ => None,
        };
        TALLY.jobs.up();
        if let Job::Several(jobs) = &job {
            TALLY.several.up();
            if jobs.iter().filter(|job| matches!(job, Job::Store { .. })).count() > 3 {
                TALLY.groups.up();
            }
        }
        self.disk.trouble(trouble);
        let outcome = match job {
            Job::Verify { password, .. } => Outcome::Verified(password.expose() == PASSWORD),
            job => catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or(Outcome::Panicked),
        };
        if self.disk.trouble(None) {
            TALLY.failures.up();
        }
        if matches!(outcome, Outcome::Panicked) {
            TALLY.panics.up();
        }
        self.say(|| format!("{name} of {id} ({trouble:?}): {}", short(&outcome)));
        if self.disk.is_dead() {
            return self.power_fails();
        }
        self.outcomes.push((id, outcome));
        self.check_files()?;
        self.check_quotas()
    }

    fn come_home(&mut self) -> Check {
        if self.outcomes.is_empty() {
            return Ok(());
        }
        let (id, outcome) = self.outcomes.swap_remove(self.rng.usize(0..self.outcomes.len()));
        self.give(id, outcome)
    }

    fn give(&mut self, id: ConnId, outcome: Outcome) -> Check {
        let now = self.now;
        let Some(session) = self.session(id) else { return Ok(()) };
        session.on_event(now, Event::Done(outcome));
        self.check_quotas()?;
        let mut jobs = Vec::new();
        if let Some(place) = self.ghosts.iter().position(|(ghost, ..)| *ghost == id) {
            let session = &mut self.ghosts[place].2;
            while let Some(action) = session.poll_action() {
                if let Action::Submit(job) = action {
                    jobs.push((id, job));
                }
            }
            if !session.has_job() {
                self.ghosts.swap_remove(place);
            }
        }
        self.jobs.extend(jobs);
        Ok(())
    }

    /// Time passes, mostly a little.
    fn pass(&mut self) {
        self.now += match self.rng.u8(0..30) {
            0 => Duration::from_secs(self.rng.u64(1..400)),
            1..=4 => Duration::from_millis(self.rng.u64(1..3000)),
            _ => Duration::from_micros(self.rng.u64(1..5000)),
        };
        self.ring();
    }

    /// Tells those whose time has come.
    fn ring(&mut self) {
        let now = self.now;
        let sessions = self.peers.iter_mut().map(|peer| &mut peer.session);
        for session in sessions.chain(self.ghosts.iter_mut().map(|(.., session)| session)) {
            if session.deadline().is_some_and(|at| at <= now) {
                session.on_event(now, Event::Timeout);
            }
        }
    }

    /// The daemon ends, in one of three ways, and starts again.
    fn restart(&mut self) -> Check {
        match self.rng.u8(0..3) {
            0 if self.durability == Durability::Full => self.power_fails(),
            1 => {
                self.say(|| "the daemon is killed".into());
                TALLY.kills.up();
                self.start_anew(false)
            }
            _ => {
                self.say(|| "the daemon drains".into());
                TALLY.drains.up();
                let now = self.now;
                self.peers.iter_mut().for_each(|peer| peer.session.on_event(now, Event::Drain));
                self.rest()?;
                self.start_anew(false)
            }
        }
    }

    fn power_fails(&mut self) -> Check {
        self.say(|| "the power fails".into());
        TALLY.power_failures.up();
        self.disk.crash(&mut self.rng);
        self.start_anew(true)
    }

    fn start_anew(&mut self, power_failed: bool) -> Check {
        self.jobs.clear();
        self.outcomes.clear();
        let ghosts = std::mem::take(&mut self.ghosts);
        ghosts.into_iter().for_each(|(.., session)| self.bury(session));
        if self.durability == Durability::Full {
            self.disk.sync().map_err(|error| error.to_string())?;
        }
        self.shared = share(&self.disk, &self.limits, &self.users, self.durability, self.now);
        for number in 0..self.peers.len() {
            let session = self.connect(number);
            let old = self.peers[number].reconnect(session);
            self.bury(old);
            self.ids[number] = self.next_id();
        }
        self.known.clear();
        self.check_files()?;
        (0..self.peers.len()).try_for_each(|number| self.compare(number, power_failed))
    }

    /// Ends a session of a process that is gone: what it still does is to numbers that are gone too.
    fn bury(&self, mut session: Session) {
        session.on_event(self.now, Event::Lost(CH));
        while session.has_job() {
            session.on_event(self.now, Event::Done(Outcome::Panicked));
        }
    }

    /// No more trouble: all that was asked must be answered, and then everything agrees.
    fn rest(&mut self) -> Check {
        let troubled = std::mem::replace(&mut self.troubled, false);
        for round in 0.. {
            let mut moved = false;
            for number in 0..self.peers.len() {
                moved |= self.peers[number].deliver(self.now, usize::MAX);
                moved |= self.peers[number].receive(self.now, usize::MAX)?;
                self.act(number)?;
            }
            while let Some((id, job)) = self.jobs.pop() {
                moved = true;
                let outcome = match job {
                    Job::Verify { password, .. } => Outcome::Verified(password.expose() == PASSWORD),
                    job => job.run(),
                };
                self.outcomes.push((id, outcome));
                self.check_files()?;
                self.check_quotas()?;
            }
            while let Some((id, outcome)) = self.outcomes.pop() {
                self.give(id, outcome)?;
                moved = true;
            }
            if !moved {
                if self.peers.iter().all(Peer::is_idle) && self.ghosts.is_empty() {
                    break;
                }
                self.now += Duration::from_millis(50);
                self.ring();
            }
            if round > PATIENCE {
                let waiting: Vec<_> =
                    self.peers.iter().filter(|peer| !peer.is_idle()).map(Peer::waits_for).collect();
                return Err(format!("some are never answered: {waiting:?}"));
            }
        }
        self.troubled = troubled;
        for number in 0..self.peers.len() {
            self.compare(number, false)?;
        }
        self.check_ledgers()
    }

    /// All clients leave and log in again: by then no ledger is in doubt.
    fn come_back(&mut self) -> Check {
        (0..self.peers.len()).for_each(|number| self.cut(number));
        self.rest()?;
        self.now += Duration::from_secs(900);
        for number in 0..self.peers.len() {
            while !self.peers[number].is_in() {
                self.peers[number].ask(&mut self.rng);
                self.rest()?;
                self.now += Duration::from_secs(6);
            }
        }
        let doubtful =
            (0..self.quotas.len()).find(|number| self.ledger(*number).is_none_or(|(_, exact)| !exact));
        doubtful.map_or(Ok(()), |user| Err(format!("what user {user} has is still in doubt")))
    }

    fn compare(&mut self, number: usize, power_failed: bool) -> Check {
        if self.ghosts.iter().any(|(_, of, _)| *of == number) {
            return Ok(());
        }
        let Peer { user, model, .. } = &mut self.peers[number];
        let user = name(*user);
        let mut files = Vec::new();
        self.disk.walk(user.as_str(), |top, path, bytes, _| {
            if top == "home" {
                files.push((path.to_owned(), find(bytes)));
            }
        });
        let held = |path: &str| files.iter().find(|(at, _)| at == path).and_then(|(_, content)| *content);
        model.compare(power_failed, held, |path| self.disk.has_dir(user.as_str(), path))
    }

    /// A name in a home means a whole file that somebody put.
    fn check_files(&mut self) -> Check {
        let mut bad = None;
        for number in 0..self.quotas.len() {
            let user = name(number);
            self.disk.walk(user.as_str(), |top, path, bytes, version| {
                let key = (path.to_owned(), version.0, version.1);
                if top == "home" && !self.known.contains(&key) {
                    if find(bytes).is_none() {
                        bad = Some(format!("{path} has {} bytes that nobody put", bytes.len()));
                    }
                    self.known.insert(key);
                }
            });
        }
        bad.map_or(Ok(()), Err)
    }

    /// What the ledger of a user says is used, if there is one, and whether that is exact.
    fn ledger(&self, number: usize) -> Option<(u64, bool)> {
        let user = name(number);
        let account = self.users.users.get(&user)?;
        let tenant = self.shared.tenant(&user, account)?;
        match &*tenant.tenancy.borrow() {
            Tenancy::Open { ledger, .. } => Some((ledger.account().used, !ledger.is_doubtful())),
            _ => None,
        }
    }

    /// No quota is passed, at any moment; and no ledger is too low.
    fn check_quotas(&self) -> Check {
        for (number, quota) in self.quotas.iter().enumerate() {
            let there = self.disk.used(name(number).as_str());
            if quota.is_some_and(|quota| there > quota) {
                return Err(format!("user {number} has {there} bytes of {quota:?}"));
            }
            if let Some((used, _)) = self.ledger(number).filter(|(used, _)| *used < there) {
                return Err(format!("user {number} has {there} bytes, and the ledger only {used}"));
            }
        }
        Ok(())
    }

    /// At rest the ledgers say what is there.
    fn check_ledgers(&self) -> Check {
        for number in 0..self.quotas.len() {
            let there = self.disk.used(name(number).as_str());
            if let Some((used, _)) = self.ledger(number).filter(|(used, exact)| *exact && *used != there) {
                return Err(format!("user {number} has {there} bytes at rest, and the ledger {used}"));
            }
        }
        Ok(())
    }
}

fn name(user: usize) -> UserName {
    UserName::new(&format!("user{user}")).expect("a good name")
}

fn share(disk: &Disk, limits: &Limits, users: &Users, durability: Durability, now: Instant) -> Rc<Shared> {
    Shared::new(Setup {
        limits: limits.clone(),
        durability,
        storage: Arc::new(disk.clone()),
        users: users.clone(),
        software: "simulation".into(),
        now,
    })
}

fn short(outcome: &Outcome) -> String {
    let mut text = format!("{outcome:?}");
    text.truncate(text.char_indices().nth(300).map_or(text.len(), |(at, _)| at));
    text
}
