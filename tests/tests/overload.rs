//! Crowds that mean no good: they hold connections, say nothing, a byte a second or nonsense, never read, or guess. Meanwhile others log in and their
//! transfers go on, memory and time are bounded, and afterwards all is as it was.
//!
//! `FTPD_HALF_OPEN`, `FTPD_SLOW`, `FTPD_BAD_INPUTS`, `FTPD_DEAF` and `FTPD_FLOOD` say how many there are, and `FTPD_HOLD` for how many seconds each is
//! looked at; with it those who are slow stay until the daemon has had enough of them.

use ftp_tests::accounts::{self, PASSWORD};
use ftp_tests::binaries::binary;
use ftp_tests::crowd::{Crowd, Guest, address, allow_many};
use ftp_tests::process::Process;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Flag, Site, eventually, run};
use ftp_tests::wire::{Wire, frame};
use rustix::process::{Pid, Resource, Rlimit};
use serde_json::json;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of the file that is downloaded over and over.
const BIG: u64 = 16 * 1024 * 1024;
/// Memory that a connection that is not logged in may take, in KiB.
const GUEST: u64 = 128;
/// The same for one that is, and does not read what it asked for.
const DEAF: u64 = 4 * 1024;
/// Memory that may come on top, whatever happens, in KiB.
const SLACK: u64 = 24 * 1024;
/// Guesses of one thread that are not answered yet.
const WAITING: usize = 100;
/// What a login may take at most.
const LOGIN: Duration = Duration::from_secs(5);

/// One at a time: they are measured.
static ALONE: Mutex<()> = Mutex::new(());

struct Scene {
    _alone: MutexGuard<'static, ()>,
    name: &'static str,
    site: Site,
    daemon: Daemon,
    crowd: Crowd,
    hold: Duration,
    /// They stay until they are put out.
    long: bool,
    before: Seen,
    descriptors: usize,
    resident: u64,
}

/// What was seen while a crowd was there.
struct Seen {
    rate: f64,
    logins: Vec<Duration>,
}

impl Scene {
    fn new(name: &'static str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        allow_many();
        let site = Site::with_config("limits: (connections: 5000, connections_per_address: 5000),");
        site.set_accounts(&accounts::of(["alice", "bob", "eve"]));
        let daemon = site.start();
        let crowd = Crowd::new(daemon.port, &site.path("certs/ca.pem"));
        let hold = sample::count("FTPD_HOLD", 0);
        let mut scene = Self {
            _alone: alone,
            name,
            site,
            daemon,
            crowd,
            hold: Duration::from_secs(hold).max(Duration::from_millis(600)),
            long: hold > 0,
            before: Seen { rate: 0.0, logins: Vec::new() },
            descriptors: 0,
            resident: 0,
        };
        // What is done once and then kept.
        for user in ["alice", "bob", "eve"] {
            scene.login(user);
        }
        sample::file(&scene.site.home_of("bob").join("big"), 1, BIG);
        sample::file(&scene.site.home_of("eve").join("big"), 2, BIG);
        scene.before = scene.look();
        scene.descriptors = scene.at_rest();
        scene.resident = scene.process().resident().expect("it runs");
        scene
    }

    fn process(&self) -> Process {
        Process(self.daemon.pid())
    }

    fn descriptors(&self) -> usize {
        self.process().descriptors()
    }

    /// The descriptors of a daemon that has nothing left to close.
    fn at_rest(&self) -> usize {
        let mut last = self.descriptors();
        eventually("it is at rest", || {
            std::thread::sleep(Duration::from_millis(300));
            std::mem::replace(&mut last, self.descriptors()) == last
        });
        last
    }

    /// Logs in as an ordinary client does, who tries again when told to, and says how long it took.
    fn login(&self, user: &str) -> (Wire, Duration) {
        let start = Instant::now();
        let mut last = String::new();
        while start.elapsed() < 6 * LOGIN {
            match Wire::open(self.daemon.port, &self.site.path("certs/ca.pem")) {
                Ok(mut wire) => match wire.login(user, PASSWORD) {
                    Ok(answer) if answer.get("ok").is_some() => return (wire, start.elapsed()),
                    other => last = format!("{other:?}"),
                },
                Err(end) => last = end,
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{}: {user} cannot log in: {last}", self.name);
    }

    /// The rate of a transfer that goes on while `meanwhile` runs, in MiB/s.
    fn rate(&self, meanwhile: impl FnOnce()) -> f64 {
        let (mut bob, _) = self.login("bob");
        let (moved, over) = (AtomicU64::new(0), Flag::default());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.is_raised() {
                    let before = moved.load(Ordering::SeqCst);
                    let mut take = |data: &[u8]| {
                        let _before = moved.fetch_add(data.len() as u64, Ordering::SeqCst);
                    };
                    let answer = bob.get_to("/big", &mut take).expect("the transfer goes on");
                    assert!(answer.get("ok").is_some(), "{answer}");
                    assert_eq!(moved.load(Ordering::SeqCst) - before, BIG, "all of it came");
                }
            });
            // The first bytes are of a connection that is still warming up.
            std::thread::sleep(Duration::from_millis(200));
            let (before, start) = (moved.load(Ordering::SeqCst), Instant::now());
            meanwhile();
            let (bytes, took) = (moved.load(Ordering::SeqCst) - before, start.elapsed());
            over.raise();
            #[expect(clippy::cast_precision_loss, reason = "it is printed")]
            let mebibytes = bytes as f64 / f64::from(1 << 20);
            mebibytes / took.as_secs_f64()
        })
    }

    /// The share of a core that the daemon takes while nobody but the crowd is there.
    fn idle(&self) -> f64 {
        self.process().share(self.hold.max(Duration::from_secs(1)))
    }

    /// Others log in, and a transfer goes on.
    fn look(&self) -> Seen {
        let mut logins = Vec::new();
        let rate = self.rate(|| {
            let end = Instant::now() + self.hold;
            while Instant::now() < end {
                logins.push(self.login("alice").1);
            }
        });
        logins.sort();
        Seen { rate, logins }
    }

    /// Says what was seen, and insists that nobody was kept waiting.
    fn report(&self, what: &str, during: &Seen, least: f64) {
        let share = during.rate / self.before.rate;
        let at = |share: usize| during.logins[(during.logins.len() - 1) * share / 100];
        println!(
            "{}: {what}; {} logins, the median is {:.0?}, 99 % {:.0?}, the longest {:.0?}; a transfer has {:.0} of {:.0} MiB/s, {:.0} %",
            self.name,
            during.logins.len(),
            at(50),
            at(99),
            at(100),
            during.rate,
            self.before.rate,
            100.0 * share
        );
        assert!(at(99) < LOGIN, "{}: a login took {:?}", self.name, at(99));
        assert!(share > least, "{}: the transfer has {share:.2} of its rate", self.name);
    }

    /// Memory that was added by so many connections, in KiB in all; no more than `each` for one.
    fn memory(&self, count: u64, each: u64) -> u64 {
        let added = self.process().resident().expect("it runs").saturating_sub(self.resident);
        assert!(added < count * each + SLACK, "{}: {added} KiB for {count}", self.name);
        added
    }

    /// All is as it was before anybody came.
    fn recovered(&self) {
        let start = Instant::now();
        eventually("all descriptors are back", || self.descriptors() <= self.descriptors);
        let took = start.elapsed();
        let (_, login) = self.login("alice");
        println!("{}: over after {took:.1?}, a login then takes {login:.0?}", self.name);
        assert!(login < LOGIN, "{login:?}");
        assert!(!self.daemon.log().contains("panicked"), "{}", self.daemon.log());
    }
}

/// Opens so many connections, some at once.
fn gather<T: Send>(count: u64, open: impl Fn(u64) -> std::io::Result<T> + Sync) -> Vec<T> {
    let (next, all) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= count {
                        return;
                    }
                    // Who is turned away is not of the crowd.
                    if let Ok(one) = open(number) {
                        all.lock().expect("whole").push(one);
                    }
                }
            });
        }
    });
    all.into_inner().expect("whole")
}

#[test]
fn half_open_connections_cost_little_and_go_in_time() {
    let count = sample::count("FTPD_HALF_OPEN", 300);
    let scene = Scene::new("half open");
    let hello = scene.crowd.hello();
    let began = Instant::now();
    let crowd = gather(count, |number| {
        let mut socket = scene.crowd.dial(address(number))?;
        // Nothing, one byte, or all but the last.
        let part = [0, 1, hello.len() - 1][usize::try_from(number % 3).expect("small")];
        socket.write_all(&hello[..part])?;
        Ok(socket)
    });
    let opened = began.elapsed();
    let (share, memory) = (scene.idle(), scene.memory(count, GUEST));
    let held = scene.descriptors().saturating_sub(scene.descriptors);
    let during = scene.look();
    let what = format!(
        "{held} of {} stay, opened in {opened:.1?}: {memory} KiB, {:.1} % of a core",
        crowd.len(),
        100.0 * share
    );
    scene.report(&what, &during, 0.1);
    println!("trials: {count}");
    assert!(share < 0.05, "{what}");
    if scene.long {
        // It is the daemon that ends them.
        scene.recovered();
    }
    drop(crowd);
    scene.recovered();
}

/// One of those who say a byte a second.
enum Slow {
    /// A handshake, byte by byte.
    Greeting(TcpStream),
    /// A request, byte by byte.
    Talking(Box<Guest>),
}

#[test]
fn a_byte_a_second_costs_little_and_keeps_nobody_in() {
    let count = sample::count("FTPD_SLOW", 160);
    let scene = Scene::new("a byte a second");
    let hello = scene.crowd.hello();
    let request = frame(1, json!({"id": 1, "op": "login", "user": "x".repeat(500)}).to_string().as_bytes());
    let began = Instant::now();
    let open = |number: u64| {
        Ok(if number.is_multiple_of(2) {
            Slow::Greeting(scene.crowd.dial(address(10_000 + number))?)
        } else {
            Slow::Talking(Box::new(scene.crowd.enter(address(10_000 + number))?))
        })
    };
    let crowd = Mutex::new(gather(count, open));
    let opened = began.elapsed();
    let over = Flag::default();
    let (share, memory, during) = std::thread::scope(|scope| {
        scope.spawn(|| {
            for second in 0.. {
                let mut crowd = crowd.lock().expect("whole");
                crowd.retain_mut(|one| match one {
                    Slow::Greeting(socket) => socket.write_all(&hello[second..=second]).is_ok(),
                    Slow::Talking(guest) => guest.raw(&request[second..=second]).is_ok(),
                });
                drop(crowd);
                if over.is_raised() {
                    return;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let (share, memory) = (scene.idle(), scene.memory(count, GUEST));
        let during = scene.look();
        if scene.long {
            // Whatever they say, the time they had from the start is over.
            eventually("they are out", || scene.descriptors() <= scene.descriptors);
        }
        over.raise();
        (share, memory, during)
    });
    let what = format!("{count}, opened in {opened:.1?}: {memory} KiB, {:.1} % of a core", 100.0 * share);
    scene.report(&what, &during, 0.1);
    println!("trials: {count}");
    assert!(share < 0.2, "{what}");
    drop(crowd);
    scene.recovered();
}

/// Nonsense, by its number: bytes that are no TLS, a handshake with a flipped bit, frames and messages that are none.
fn nonsense(crowd: &Crowd, number: u64) -> std::io::Result<bool> {
    let from = address(20_000 + number);
    let noise = sample::bytes(number, usize::try_from(1 + sample::number(number, 600)).expect("small"));
    if number % 4 < 2 {
        let mut bytes = noise;
        if number.is_multiple_of(2) {
            bytes = crowd.hello();
            let at = usize::try_from(sample::number(number, bytes.len() as u64)).expect("small");
            bytes[at] ^= 1 << sample::number(number + 1, 8);
        }
        let mut socket = crowd.dial(from)?;
        socket.write_all(&bytes)?;
        socket.shutdown(std::net::Shutdown::Write)?;
        let ended = socket.read_to_end(&mut Vec::new());
        return Ok(ended.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true));
    }
    let mut guest = crowd.enter(from)?;
    let text = String::from_utf8_lossy(&noise).into_owned();
    let bytes = match number / 4 % 6 {
        0 => frame(0, &noise),
        1 => frame(2, &noise),
        2 => frame(1, &noise),
        3 => [&u32::MAX.to_be_bytes()[..], &[1], &noise].concat(),
        4 => frame(1, json!({"id": noise[0], "op": text}).to_string().as_bytes()),
        _ => frame(1, json!({"id": 1, "op": "get", "path": text, "offset": -1}).to_string().as_bytes()),
    };
    // The daemon may have had enough before it has read all.
    let _gone = guest.raw(&bytes).and_then(|()| guest.raw(&frame(9, b"")));
    Ok(guest.is_ended())
}

#[test]
fn nonsense_is_ended_and_leaves_nothing() {
    let count = sample::count("FTPD_BAD_INPUTS", 800);
    let scene = Scene::new("nonsense");
    let (next, ended, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    let (mut during, mut took) = (None, Duration::ZERO);
    std::thread::scope(|scope| {
        let crowd: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return;
                        }
                        match nonsense(&scene.crowd, number) {
                            Ok(is_ended) => {
                                assert!(is_ended, "{number} is not ended");
                                ended.fetch_add(1, Ordering::SeqCst)
                            }
                            Err(_) => refused.fetch_add(1, Ordering::SeqCst),
                        };
                    }
                })
            })
            .collect();
        during = Some(scene.look());
        crowd.into_iter().for_each(|one| one.join().expect("each is ended"));
        took = began.elapsed();
    });
    let memory = scene.memory(0, 0);
    let (ended, refused) = (ended.into_inner(), refused.into_inner());
    let what = format!("{ended} ended, {refused} not let in, in {took:.1?}: {memory} KiB");
    scene.report(&what, &during.expect("seen"), 0.05);
    println!("trials: {count}");
    assert!(ended > count / 2, "{what}");
    scene.recovered();
}

#[test]
fn who_never_reads_holds_little_and_nobody_up() {
    let count = sample::count("FTPD_DEAF", 40);
    let scene = Scene::new("never reading");
    let crowd = gather(count, |number| {
        let mut guest = scene.crowd.enter(address(50_000 + number))?;
        let answer = guest.login("eve", PASSWORD)?;
        if answer.get("ok").is_none() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        guest.send(2, json!({"op": "get", "path": "/big"}))?;
        for id in 3..20 {
            guest.send(id, json!({"op": "list", "path": "/"}))?;
        }
        Ok(guest)
    });
    eventually("each has got what it takes", || scene.process().share(Duration::from_millis(200)) < 0.05);
    let (share, memory) = (scene.idle(), scene.memory(count, DEAF));
    let during = scene.look();
    let what = format!("{} stay: {memory} KiB, {:.1} % of a core", crowd.len(), 100.0 * share);
    scene.report(&what, &during, 0.1);
    println!("trials: {count}");
    assert!(crowd.len() as u64 == count && share < 0.05, "{what}");
    drop(crowd);
    scene.recovered();
}

#[test]
fn a_flood_of_guesses_keeps_nobody_out() {
    let threads = sample::count("FTPD_FLOOD", 2);
    let scene = Scene::new("guessing");
    let (over, guesses, busy) = (Flag::default(), AtomicU64::new(0), AtomicU64::new(0));
    let mut during = None;
    let mut took = Duration::ZERO;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (scene, over, guesses, busy) = (&scene, &over, &guesses, &busy);
            scope.spawn(move || {
                let mut number = 100_000 * (thread + 1);
                let mut waiting = VecDeque::new();
                while !over.is_raised() {
                    number += 1;
                    let Ok(mut guest) = scene.crowd.enter(address(number)) else { continue };
                    let user = if number.is_multiple_of(2) { "alice" } else { "nobody" };
                    // No more from one address: the next would have to wait.
                    for id in 1..4 {
                        let _gone = guest.send(id, json!({"op": "login", "user": user, "password": "guess"}));
                    }
                    waiting.push_back(guest);
                    if waiting.len() < WAITING {
                        continue;
                    }
                    match waiting.pop_front().and_then(|mut guest| guest.message().ok()) {
                        Some(answer) if answer["error"]["code"] == "login_refused" => {
                            guesses.fetch_add(1, Ordering::SeqCst)
                        }
                        _ => busy.fetch_add(1, Ordering::SeqCst),
                    };
                }
            });
        }
        let start = Instant::now();
        during = Some(scene.look());
        took = start.elapsed();
        over.raise();
    });
    let memory = scene.memory(threads * 1000, GUEST);
    let what = format!(
        "{threads} at once, {} guesses and {} others in {took:.1?}: {memory} KiB",
        guesses.into_inner(),
        busy.into_inner()
    );
    scene.report(&what, &during.expect("seen"), 0.05);
    scene.recovered();
}

#[test]
fn a_daemon_without_descriptors_neither_spins_nor_forgets_who_is_there() {
    let scene = Scene::new("64 descriptors");
    // It would not even start so.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" -c \"$1\""]);
    let ran = run(
        {
            command.arg(binary("ftp-daemon")).arg(scene.site.config());
            command
        },
        "",
    );
    assert!(ran.code == 1 && ran.err.contains("the limit of open files is 64"), "{ran:?}");
    let (mut alice, _) = scene.login("alice");
    let pid = Pid::from_raw(scene.daemon.pid().cast_signed());
    let low = Rlimit { current: Some(64), maximum: Some(64) };
    rustix::process::prlimit(pid, Resource::Nofile, low).expect("ours");
    let crowd = gather(200, |number| scene.crowd.dial(address(60_000 + number)));
    eventually("there are none left", || scene.descriptors() >= 60);
    let share = scene.idle();
    // Who is there is served, as far as it takes no descriptor; and what does fails by its name.
    let start = Instant::now();
    for _ in 0..20 {
        assert!(alice.ask(json!({"op": "ping"})).expect("an answer").get("ok").is_some());
        let answer = alice.ask(json!({"op": "list", "path": "/"})).expect("an answer");
        let code = answer["error"]["code"].as_str().unwrap_or("ok");
        assert!(["ok", "unavailable"].contains(&code), "{answer}");
    }
    let pings = start.elapsed();
    drop(crowd);
    let start = Instant::now();
    let (_, login) = scene.login("bob");
    println!(
        "64 descriptors: {:.1} % of a core; 20 pings and lists in {pings:.0?}; once they are gone a login takes {login:.0?}",
        100.0 * share
    );
    assert!(share < 0.05, "{share}");
    assert!(start.elapsed() < LOGIN);
    drop(alice);
    scene.recovered();
}

#[test]
fn users_who_have_gone_hold_no_descriptors() {
    const USERS: u64 = 24;
    const CONNECTIONS: u64 = 4;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let site = Site::with_config(&format!("durability: fast, limits: (connections: {CONNECTIONS}),"));
    let names: Vec<_> = (0..USERS).map(|number| format!("user{number}")).collect();
    site.set_accounts(&accounts::of(names.iter().map(String::as_str)));
    let daemon = site.start();
    let process = Process(daemon.pid());
    let before = process.descriptors() as u64;
    let login = |name: &str| {
        let mut wire = Wire::open(daemon.port, &site.path("certs/ca.pem")).expect("open");
        let answer = wire.login(name, PASSWORD).expect("an answer");
        (wire, answer["ok"]["account"]["used"].as_u64().expect("logged in"))
    };
    for round in 0..2 {
        for name in &names {
            let (mut wire, used) = login(name);
            assert_eq!(used, round * 1000, "{name}, round {round}");
            let bytes = sample::bytes(round, 1000);
            assert!(wire.put(&format!("/f{round}"), &bytes).expect("an answer").answer.get("ok").is_some());
            wire.ask(json!({"op": "logout"})).expect("an answer");
        }
    }
    let most = before + 3 * CONNECTIONS + CONNECTIONS;
    eventually("no more are held than by those who may be there", || process.descriptors() as u64 <= most);
}
