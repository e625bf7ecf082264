//! The daemon is killed before, after and in the middle of every change that a piece of work makes to the disk, and at random times under load. What
//! was answered `ok` is there, what was not is there whole or not at all, and the account is exact.
//!
//! `FTPD_KILL_POINTS` says how many kills there are in all; every step is among them, the rest is random.

use ftp_tests::faulty::{Effect, Op, Rule, Which};
use ftp_tests::ground::{Ground, scratch};
use ftp_tests::oracle::{Crash, check};
use ftp_tests::sample;
use ftp_tests::script::{Run, Step, prepare};
use ftp_tests::site::Site;
use rustix::process::Signal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Kills in all, unless the environment says otherwise.
const POINTS: u64 = 1000;
/// Daemons at once.
const LANES: u64 = 4;
/// Steps of each session under load: so many that none comes to the end.
const STEPS: usize = 30;
const QUOTA: Option<u64> = Some(64 * 1024 * 1024);

/// Where one daemon after the other works.
struct Lane {
    ground: Ground,
    _site: Site,
    _data: tempfile::TempDir,
}

impl Lane {
    fn new() -> Self {
        let (site, data) = (Site::new(), scratch());
        Self { ground: Ground::new(&site, "kill9", &data.path().join("var")), _site: site, _data: data }
    }

    /// Begins with nothing, works until the rule strikes, and looks at what is left. False if it never strikes.
    fn kill(&self, run: &Run, rule: Rule) -> bool {
        self.ground.reset(&[("alice", QUOTA)]);
        if !self.work_until(run, rule) {
            return false;
        }
        self.check(run, &format!("{rule:?}"));
        true
    }

    fn work_until(&self, run: &Run, rule: Rule) -> bool {
        let (mut daemon, mut control) = self.ground.start_faulty();
        control.arm(&[rule]);
        let ended = self.ground.try_login(&daemon, "alice").and_then(|mut wire| run.go(&mut wire));
        if ended.is_ok() {
            return false;
        }
        assert_eq!(daemon.wait(), -1, "{rule:?}: {}", daemon.log());
        true
    }

    /// Logs in after a kill and asks again for what was not answered, until the rule strikes. False if it never strikes.
    fn recover_until(&self, run: &Run, rule: Rule) -> bool {
        let (mut daemon, mut control) = self.ground.start_faulty();
        control.arm(&[rule]);
        let ended =
            self.ground.try_login(&daemon, "alice").and_then(|mut wire| run.redo(run.acked(), &mut wire));
        if ended.is_ok() {
            return false;
        }
        assert_eq!(daemon.wait(), -1, "{rule:?}: {}", daemon.log());
        true
    }

    fn check(&self, run: &Run, what: &str) {
        let daemon = self.ground.start();
        let seen = [(run, run.acked())];
        check(&self.ground, &daemon, "alice", &seen, Crash::Process)
            .unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
    }
}

/// A first login and three files, with everything that can be done to them.
fn three_files() -> Run {
    let path = str::to_owned;
    let steps = vec![
        Step::Mkdir(path("/in")),
        Step::Put(path("/in/small"), 1, 1000),
        Step::Put(path("/large"), 2, 300_000),
        Step::Begin(path("/large"), 3, 900_000, 2),
        Step::Put(path("/large"), 3, 900_000),
        Step::Mkdir(path("/empty")),
        Step::Rename(path("/in/small"), path("/in/renamed")),
        Step::Put(path("/in/renamed"), 4, 2000),
        Step::Put(path("/third"), 5, 100_000),
        Step::Rename(path("/in/renamed"), path("/third")),
        Step::Rmdir(path("/empty")),
        Step::Begin(path("/large"), 6, 700_000, 2),
        Step::Put(path("/large"), 7, 700_000),
        Step::Rm(path("/third")),
        Step::Rename(path("/large"), path("/in/large")),
        Step::Put(path("/nothing"), 8, 0),
        // With the one before, these go out together.
        Step::Put(path("/in/a"), 9, 3000),
        Step::Put(path("/b"), 10, 4000),
        Step::Put(path("/in/large"), 11, 5000),
        Step::Put(path("/c"), 12, 100),
    ];
    Run::new("", &[], steps)
}

/// Gives the numbers 1, 2, 3 .. of each way to kill to the lanes, until `at` says that there are no more; how many there were.
fn every_point(lanes: &[Lane], at: impl Fn(&Lane, Rule) -> bool + Sync) -> u64 {
    let ways = [
        (Which::Change, Effect::KillBefore),
        (Which::Change, Effect::KillAfter),
        (Which::Only(Op::Write), Effect::Tear),
    ];
    let mut count = 0;
    for (which, effect) in ways {
        let (next, end) = (AtomicU64::new(1), AtomicU64::new(u64::MAX));
        on_all(lanes, |lane| {
            loop {
                let nth = next.fetch_add(1, Ordering::SeqCst);
                if nth >= end.load(Ordering::SeqCst) {
                    return;
                }
                if !at(lane, Rule::at(which, nth, effect)) {
                    end.fetch_min(nth, Ordering::SeqCst);
                }
            }
        });
        count += end.into_inner() - 1;
    }
    count
}

fn on_all(lanes: &[Lane], work: impl Fn(&Lane) + Sync) {
    std::thread::scope(|scope| {
        for lane in lanes {
            scope.spawn(|| work(lane));
        }
    });
}

/// Sessions of several users work at random; the daemon is killed at a random time. The number of sessions that were not at their end.
fn kill_under_load(lane: &Lane, seed: u64) -> u64 {
    let users = ["alice", "bob", "carol"];
    lane.ground.reset(&users.map(|user| (user, QUOTA)));
    let mut daemon = lane.ground.start();
    let mut sessions = Vec::new();
    for (number, user) in users.iter().chain(&users[..2]).enumerate() {
        let (setup, run) = Run::random(&format!("/s{number}"), seed * 10 + number as u64, STEPS);
        let mut wire = lane.ground.login(&daemon, user);
        prepare(&setup, &mut wire);
        sessions.push((*user, wire, run));
    }
    std::thread::scope(|scope| {
        for (_, wire, run) in &mut sessions {
            // It ends with the daemon, or has nothing left to do.
            scope.spawn(|| drop(run.go(wire)));
        }
        std::thread::sleep(Duration::from_micros(sample::number(seed, 100_000)));
        daemon.signal(Signal::KILL);
    });
    assert_eq!(daemon.wait(), -1);
    let daemon = lane.ground.start();
    for user in users {
        let runs = sessions.iter().filter(|(of, ..)| *of == user).map(|(_, _, run)| (run, run.acked()));
        check(&lane.ground, &daemon, user, &runs.collect::<Vec<_>>(), Crash::Process)
            .unwrap_or_else(|wrong| panic!("seed {seed}, {user}: {wrong}"));
    }
    sessions.iter().filter(|(_, _, run)| run.acked() < STEPS).count() as u64
}

#[test]
fn no_kill_loses_what_was_acked_or_leaves_half_a_file() {
    let began = Instant::now();
    let points = std::env::var("FTPD_KILL_POINTS").map_or(POINTS, |text| text.parse().expect("a number"));
    let lanes: Vec<_> = (0..LANES).map(|_| Lane::new()).collect();
    let at_work = every_point(&lanes, |lane, rule| lane.kill(&three_files(), rule));
    // What the first kill left is taken up by a second daemon, which is killed as well.
    let mut at_recovery = 0;
    for nth in [30, 45, 58] {
        let first = Rule::at(Which::Change, nth, Effect::KillAfter);
        at_recovery += every_point(&lanes, |lane, second| {
            lane.ground.reset(&[("alice", QUOTA)]);
            let run = three_files();
            assert!(lane.work_until(&run, first));
            let struck = lane.recover_until(&run, second);
            if struck {
                lane.check(&run, &format!("{first:?}, then {second:?}"));
            }
            struck
        });
    }
    let (next, at_load) = (AtomicU64::new(at_work + at_recovery), AtomicU64::new(0));
    on_all(&lanes, |lane| {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= points {
                return;
            }
            at_load.fetch_add(kill_under_load(lane, seed), Ordering::SeqCst);
        }
    });
    println!("trials: {}", points.max(at_work + at_recovery));
    println!(
        "killed {at_work} times at work, {at_recovery} times at recovery, {} times under load with {} sessions at work, in {:.1?}",
        points.saturating_sub(at_work + at_recovery),
        at_load.into_inner(),
        began.elapsed()
    );
}
