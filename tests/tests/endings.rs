//! What takes long or ends half-way: a disk that is slow for one, an answer that gets lost, an end of the daemon amid work, a file that is replaced as it is
//! read.
//!
//! `LOST_ANSWERS`, `TERMINATIONS` and `VERSIONS` say how often the last three are tried.

use ftp_tests::faulty::{Effect, Op, Rule, Which};
use ftp_tests::ground::{Ground, scratch};
use ftp_tests::oracle::{Crash, account_is_exact, check};
use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::script::{Run, State, Step, prepare};
use ftp_tests::site::{Flag, Site, eventually};
use ftp_tests::wire::Wire;
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const QUOTA: Option<u64> = Some(64 << 20);
/// How long the disk takes for one user.
const SLOW: Duration = Duration::from_secs(5);
/// How long anything may take for another.
const QUICK: Duration = Duration::from_secs(2);

fn ground(site: &Site, data: &tempfile::TempDir, users: &[&str]) -> Ground {
    let ground = Ground::new(site, "endings", &data.path().join("var"));
    ground.reset(&users.iter().map(|user| (*user, QUOTA)).collect::<Vec<_>>());
    ground
}

#[test]
fn a_disk_that_is_slow_for_one_is_not_for_others() {
    let (site, data) = (Site::new(), scratch());
    let ground = ground(&site, &data, &["alice", "bob"]);
    let (daemon, mut control) = ground.start_faulty();
    let mut bob = ground.login(&daemon, "bob");
    let mine = sample::bytes(1, 1000);
    assert!(bob.put("/mine", &mine).expect("an answer").answer.get("ok").is_some());
    let alices: Vec<Wire> = (0..2).map(|_| ground.login(&daemon, "alice")).collect();
    let milliseconds = u64::try_from(SLOW.as_millis()).expect("short");
    control.arm(&[Rule::every(Which::Only(Op::SyncFile), Effect::Delay(milliseconds))]);
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let slow: Vec<_> = alices
            .into_iter()
            .enumerate()
            .map(|(number, mut alice)| {
                scope.spawn(move || {
                    let start = Instant::now();
                    let put = alice.put(&format!("/f{number}"), b"something").expect("an answer");
                    (put.answer, start.elapsed())
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(100));
        while slow.iter().any(|one| !one.is_finished()) {
            let start = Instant::now();
            assert!(bob.ask(json!({"op": "ping"})).expect("an answer").get("ok").is_some());
            let (_, names) = bob.list("/").expect("an answer");
            let (_, bytes) = bob.get("/mine").expect("an answer");
            times.push(start.elapsed());
            assert!(names.len() == 1 && bytes == mine);
            std::thread::sleep(Duration::from_millis(10));
        }
        for one in slow {
            let (answer, took) = one.join().expect("it ends");
            assert!(answer.get("ok").is_some() && took >= SLOW, "{took:?}: {answer}");
        }
    });
    times.sort();
    println!(
        "{} times a ping, a list and a get: the median is {:.1?}, 99 % {:.1?}, the longest {:.1?}",
        times.len(),
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() - 1]
    );
    assert!(times.len() > 20 && times[times.len() - 1] < QUICK, "{times:?}");
}

/// The connection goes between the last call on the disk and the answer, so that the client cannot know; it asks again.
#[test]
fn a_lost_answer_does_no_harm_when_it_is_asked_for_again() {
    let path = str::to_owned;
    // Each with a call that it makes once, and before which it has not happened.
    let changes = [
        (Step::Put(path("/small"), 1, 1000), Op::SyncFile),
        (Step::Put(path("/large"), 2, 600_000), Op::SyncFile),
        (Step::Put(path("/small"), 3, 2000), Op::SyncFile),
        (Step::Mkdir(path("/d")), Op::Mkdir),
        (Step::Rename(path("/small"), path("/d/small")), Op::Rename),
        (Step::Rm(path("/d/small")), Op::Unlink),
    ];
    let rounds = sample::count("LOST_ANSWERS", 30).div_ceil(changes.len() as u64);
    let (site, data) = (Site::new(), scratch());
    let users: Vec<_> = (0..rounds).map(|number| format!("u{number}")).collect();
    let ground = ground(&site, &data, &users.iter().map(String::as_str).collect::<Vec<_>>());
    let (daemon, mut control) = ground.start_faulty();
    let proxy = Proxy::new(daemon.port);
    for user in &users {
        let run = Run::new("", &[], changes.iter().map(|(step, _)| step.clone()).collect());
        for (done, (step, op)) in changes.iter().enumerate() {
            let mut wire = ground.try_login_at(proxy.port, user).expect("logged in");
            control.arm(&[Rule::at(Which::Only(*op), 1, Effect::Stop)]);
            std::thread::scope(|scope| {
                let asked = scope.spawn(move || step.ask(&mut wire));
                assert_eq!(control.stopped().expect("it comes to that").op, *op);
                proxy.mute(true);
                let answered = proxy.answered();
                control.go();
                eventually("it is answered", || proxy.answered() > answered);
                proxy.cut();
                proxy.mute(false);
                let answer = asked.join().expect("it ends");
                assert!(answer.is_err(), "{step:?}: the answer came: {answer:?}");
            });
            control.arm(&[]);
            let mut again = ground.login(&daemon, user);
            run.redo(done, &mut again).unwrap_or_else(|wrong| panic!("{user}: {wrong}"));
            let differences =
                State::of(&ground.folder_of(user).join("home")).differences(run.state(done + 1));
            assert!(differences.is_empty(), "{step:?}: {differences:?}");
            again.ask(json!({"op": "logout"})).expect("an answer");
        }
        check(&ground, &daemon, user, &[(&run, changes.len())], Crash::Process)
            .unwrap_or_else(|wrong| panic!("{user}: {wrong}"));
    }
    println!("trials: {}", users.len() * changes.len());
}

/// Sessions that work when the daemon is told to end are done with what they are at; it ends well, and what was answered is there.
#[test]
fn the_end_of_the_daemon_amid_work_loses_nothing() {
    const STEPS: usize = 40;
    let users = ["alice", "bob", "carol"];
    let (site, data) = (Site::new(), scratch());
    let (mut at_work, mut longest) = (0, Duration::ZERO);
    let rounds = sample::count("TERMINATIONS", 4);
    for seed in 0..rounds {
        let ground = ground(&site, &data, &users);
        let mut daemon = ground.start();
        let mut sessions = Vec::new();
        for (number, user) in users.iter().cycle().take(9).enumerate() {
            let (setup, run) = Run::random(&format!("/s{number}"), seed * 10 + number as u64, STEPS);
            let mut wire = ground.login(&daemon, user);
            prepare(&setup, &mut wire);
            sessions.push((*user, wire, run));
        }
        std::thread::scope(|scope| {
            for (_, wire, run) in &mut sessions {
                // It ends with the daemon, or has nothing left to do.
                scope.spawn(|| drop(run.go(wire)));
            }
            std::thread::sleep(Duration::from_micros(sample::number(seed, 150_000)));
            let start = Instant::now();
            daemon.signal(Signal::TERM);
            eventually("nobody is let in", || TcpStream::connect(("127.0.0.1", daemon.port)).is_err());
            assert_eq!(daemon.wait(), 0, "{}", daemon.log());
            longest = longest.max(start.elapsed());
        });
        let daemon = ground.start();
        for user in users {
            let runs = sessions.iter().filter(|(of, ..)| *of == user).map(|(_, _, run)| (run, run.acked()));
            check(&ground, &daemon, user, &runs.collect::<Vec<_>>(), Crash::Process)
                .unwrap_or_else(|wrong| panic!("seed {seed}, {user}: {wrong}"));
        }
        at_work += sessions.iter().filter(|(_, _, run)| run.acked() < STEPS).count();
    }
    println!("trials: {rounds}");
    println!("ended {rounds} times with {at_work} sessions at work; the longest took {longest:.1?}");
    assert!(at_work as u64 >= rounds, "{at_work} were at work");
}

/// Whoever reads a file that others replace all the time gets one version of it, and the last that was put is what stays.
#[test]
fn a_file_that_many_replace_is_always_one_of_them() {
    const WRITERS: u64 = 4;
    let reads = sample::count("VERSIONS", 200);
    let (site, data) = (Site::new(), scratch());
    let ground = ground(&site, &data, &["alice"]);
    let daemon = ground.start();
    // Some of one chunk and some of several.
    let version = |number: u64| sample::bytes(number, if number.is_multiple_of(2) { 1000 } else { 700_000 });
    let versions: Vec<_> = (0..WRITERS).map(version).collect();
    let hashes: Vec<_> = versions.iter().map(|bytes| blake3::hash(bytes)).collect();
    let mut reader = ground.login(&daemon, "alice");
    assert!(reader.put("/f", &versions[0]).expect("an answer").answer.get("ok").is_some());
    let (over, puts, conflicts) = (Flag::default(), AtomicU64::new(0), AtomicU64::new(0));
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        for bytes in &versions {
            let (over, puts, conflicts) = (&over, &puts, &conflicts);
            let mut writer = ground.login(&daemon, "alice");
            scope.spawn(move || {
                while !over.is_raised() {
                    let answer = writer.put("/f", bytes).expect("an answer").answer;
                    // Only one at a time may upload to a path.
                    match answer["error"]["code"].as_str() {
                        None => puts.fetch_add(1, Ordering::SeqCst),
                        Some("conflict") => conflicts.fetch_add(1, Ordering::SeqCst),
                        Some(_) => panic!("{answer}"),
                    };
                }
            });
        }
        let _over = over.raised_at_the_end();
        for _ in 0..reads {
            let (answer, bytes) = reader.get("/f").expect("an answer");
            let hash = blake3::hash(&bytes);
            assert_eq!(answer["ok"]["root"], hash.to_hex().as_str(), "{answer}");
            seen.insert(hashes.iter().position(|one| *one == hash).expect("one of them"));
        }
    });
    println!("trials: {reads}");
    println!("{reads} reads of {} versions, {puts:?} puts, {conflicts:?} conflicts", seen.len());
    let folder = ground.folder_of("alice");
    account_is_exact(&mut reader, &folder).unwrap_or_else(|wrong| panic!("{wrong}"));
    let left = std::fs::read(folder.join("home/f")).expect("there");
    assert!(hashes.contains(&blake3::hash(&left)) && seen.len() > 1, "{seen:?}");
}
