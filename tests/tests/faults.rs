//! Calls on the disk fail, one after the other: each kind of call that a piece of work makes, at each time that it is made, in each way that it can
//! fail. The client is told, nothing is lost or half done, the account is exact, and everybody else is served.
//!
//! `FAULT_POINTS` says how many of the points are tried, spread over all of them; there are about a thousand.

use ftp_tests::errand::Errand;
use ftp_tests::faulty::{Control, Effect, Op, Rule, Which};
use ftp_tests::ground::{Ground, scratch};
use ftp_tests::oracle::{Crash, check};
use ftp_tests::process::Process;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Site};
use ftp_tests::wire::Wire;
use rustix::io::Errno;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Points that are tried, unless the environment says otherwise.
const POINTS: u64 = 320;
/// Daemons at once.
const LANES: usize = 3;
/// Accounts of one daemon; each point has a new one.
const ACCOUNTS: usize = 2000;
const BYSTANDER: &str = "bystander";

const KINDS: [Op; 16] = [
    Op::Open,
    Op::Look,
    Op::List,
    Op::Read,
    Op::Create,
    Op::Mkdir,
    Op::Rmdir,
    Op::Unlink,
    Op::Rename,
    Op::Link,
    Op::Write,
    Op::SetLen,
    Op::SetMtime,
    Op::SyncFile,
    Op::SyncFolder,
    Op::SyncDisk,
];

/// What a home takes that is held open: the user's folder, the home, its parts and its trees.
const DESCRIPTORS: u64 = 4;

/// A daemon on a disk that fails, and somebody who has nothing to do with it.
struct Lane {
    ground: Ground,
    daemon: Daemon,
    control: Control,
    bystander: Wire,
    users: std::vec::IntoIter<String>,
    _site: Site,
    _data: tempfile::TempDir,
}

impl Lane {
    fn new() -> Self {
        let (site, data) = (Site::new(), scratch());
        let ground = Ground::new(&site, "faults", &data.path().join("var"));
        let users: Vec<_> = (0..ACCOUNTS).map(|number| format!("u{number}")).collect();
        let names = users.iter().map(String::as_str).chain([BYSTANDER]);
        ground.reset(&names.map(|name| (name, Some(64 << 20))).collect::<Vec<_>>());
        let (daemon, control) = ground.start_faulty();
        let mut bystander = ground.login(&daemon, BYSTANDER);
        assert!(bystander.put("/mine", b"mine").expect("an answer").answer.get("ok").is_some());
        let users = users.into_iter();
        Self { ground, daemon, control, bystander, users, _site: site, _data: data }
    }

    /// Does the work while a rule holds: all the time, or only while a request is under way. The number of calls that the rule met, and what failed.
    fn strike(&mut self, errand: &Errand, rule: Rule, lasting: bool) -> Result<(u64, Vec<String>), String> {
        let user = self.users.next().expect("enough accounts");
        let code = match rule.effect {
            Effect::Fail(number)
                if [Errno::NOSPC, Errno::DQUOT].contains(&Errno::from_raw_os_error(number)) =>
            {
                "no_space"
            }
            _ => "unavailable",
        };
        let rules = [rule];
        self.control.arm(if lasting { &[] } else { &rules });
        let control = &mut self.control;
        let worked = errand.go(&self.ground, &self.daemon, &user, code, &mut |armed| {
            if lasting {
                control.arm(if armed { &rules } else { &[] });
            }
        });
        let failed = worked?;
        // After a failed sync nobody knows what is on the disk: none of it is believed.
        let unsynced = rule.which == Which::Only(Op::SyncFile) && rule.effect != Effect::Panic;
        if unsynced && failed.offsets.iter().any(|offset| *offset > 0) {
            return Err(format!("{failed:?}: what could not be synced was believed"));
        }
        let met = if lasting { 0 } else { self.control.count()[0] };
        self.control.arm(&[]);
        let seen = [(&errand.run, errand.run.steps.len())];
        check(&self.ground, &self.daemon, &user, &seen, Crash::Process)
            .map_err(|wrong| format!("{failed:?}: in the end {wrong}"))?;
        let (answer, bytes) = self.bystander.get("/mine").map_err(|end| format!("a bystander: {end}"))?;
        if answer.get("ok").is_none() || bytes != b"mine" {
            return Err(format!("a bystander gets {answer}"));
        }
        fs::remove_dir_all(self.ground.folder_of(&user)).expect("removed");
        Ok((met, failed.asks))
    }
}

fn fail(errno: Errno) -> Effect {
    Effect::Fail(errno.raw_os_error())
}

/// The ways in which a kind of call can fail.
fn ways(op: Op) -> Vec<Effect> {
    let mut ways = vec![fail(Errno::IO), fail(Errno::INTR), Effect::Panic];
    if op.is_change() && op != Op::Rmdir && op != Op::SetMtime {
        ways.push(fail(Errno::NOSPC));
    }
    if [Op::Write, Op::Create, Op::Link, Op::Mkdir, Op::SyncFile, Op::SyncDisk].contains(&op) {
        ways.push(fail(Errno::DQUOT));
    }
    if op == Op::Write {
        ways.push(Effect::Short);
    }
    ways
}

/// What there is to try: rules, and whether they hold all the time that a request is under way.
fn points(lane: &mut Lane, errand: &Errand) -> Vec<(Rule, bool)> {
    let mut points = Vec::new();
    for op in KINDS {
        let nothing = Rule::at(Which::Only(op), u64::MAX, Effect::Short);
        let (met, failed) = lane.strike(errand, nothing, false).expect("all goes well");
        assert!(met > 0 && failed.is_empty(), "{op:?} is met {met} times: {failed:?}");
        for way in ways(op) {
            points.extend((1..=met).map(|nth| (Rule::at(Which::Only(op), nth, way), false)));
            // Who is always interrupted tries for ever.
            if way != fail(Errno::INTR) || ![Op::Read, Op::Write].contains(&op) {
                points.push((Rule::every(Which::Only(op), way), true));
            }
        }
    }
    let changes = [fail(Errno::IO), fail(Errno::NOSPC), Effect::Panic];
    points.extend(changes.map(|way| (Rule::every(Which::Change, way), true)));
    points
}

#[test]
fn no_failure_of_the_disk_loses_a_file_or_the_count_or_holds_up_others() {
    let began = Instant::now();
    let errand = Errand::new();
    let mut lanes: Vec<_> = (0..LANES).map(|_| Lane::new()).collect();
    let mut points = points(&mut lanes[0], &errand);
    let (all, wanted) = (points.len() as u64, sample::count("FAULT_POINTS", POINTS));
    let mut number = 0;
    points.retain(|_| {
        number += 1;
        number * wanted / all > (number - 1) * wanted / all
    });
    let (next, failed, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for lane in &mut lanes {
            scope.spawn(|| {
                let before = Process(lane.daemon.pid()).descriptors() as u64;
                let homes = lane.users.len() as u64;
                while let Some((rule, lasting)) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match lane.strike(&errand, *rule, *lasting) {
                        Ok((_, asks)) => drop(failed.fetch_add(asks.len(), Ordering::SeqCst)),
                        Err(what) => wrong.lock().expect("whole").push(format!("{rule:?}: {what}")),
                    }
                }
                let homes = homes - lane.users.len() as u64;
                let after = Process(lane.daemon.pid()).descriptors() as u64;
                assert!(after <= before + homes * DESCRIPTORS + 8, "{before} descriptors, then {after}");
            });
        }
    });
    let wrong = wrong.into_inner().expect("whole");
    println!("trials: {}", points.len());
    println!(
        "{} of {all} points, {} requests failed, {} points went wrong, in {:.1?}",
        points.len(),
        failed.into_inner(),
        wrong.len(),
        began.elapsed()
    );
    assert!(wrong.is_empty(), "{} points:\n{}", wrong.len(), wrong.join("\n"));
}
