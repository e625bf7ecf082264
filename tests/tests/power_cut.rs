//! The power is cut at every change that sessions make to a disk. After each cut the disk is mounted again and served: what was answered `ok` is there,
//! what was not is there whole or not at all, the account is exact, and the file system is sound.
//!
//! `FTPD_POWER_CUTS` says how many cuts there are. Without root nothing can be mounted, and it is skipped.

use ftp_tests::faulty::{Effect, Op, Rule, Which};
use ftp_tests::ground::{Ground, scratch};
use ftp_tests::oracle::{Crash, check};
use ftp_tests::power::{self, Image};
use ftp_tests::sample;
use ftp_tests::script::Run;
use ftp_tests::site::Site;
use ftp_tests::wire::Wire;
use rustix::process::Signal;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Cuts in all, unless the environment says otherwise.
const CUTS: u64 = 1000;
/// Steps of a session.
const STEPS: usize = 20;
/// Those who look at what a cut left, at once.
const CHECKERS: usize = 3;
const QUOTA: Option<u64> = Some(12 * 1024 * 1024);
const USERS: [&str; 2] = ["alice", "bob"];
/// Whose the sessions of a run are.
const SESSIONS: [&str; 3] = ["alice", "alice", "bob"];

/// What is left of a disk, and what was answered by then.
struct Cut {
    image: Image,
    sessions: Arc<Vec<Session>>,
    acked: Vec<usize>,
    what: String,
}

struct Session {
    user: &'static str,
    run: Run,
}

/// What came of the cuts.
#[derive(Debug, Default)]
struct Found {
    cuts: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

/// Sessions work on a disk; the disk is copied before each change and after the last, as often as there is something new to see.
fn cut_everywhere(
    site: &Site,
    folder: &Path,
    seed: u64,
    more: &[Rule],
    cuts: &SyncSender<Cut>,
    wanted: &AtomicU64,
) {
    let image = Image::make(folder.join("disk.image")).expect("made");
    let disk = image.mount(&folder.join("disk")).expect("mounted");
    let ground = Ground::new(site, "disk", &folder.join("disk/var"));
    ground.reset(&USERS.map(|user| (user, QUOTA)));
    disk.sync();
    let (mut daemon, mut control) = ground.start_faulty();
    control.arm(&[&[Rule::every(Which::Change, Effect::Stop)], more].concat());
    let session = |(number, user): (usize, &'static str)| {
        let root = format!("/s{number}");
        let (first, then) = Run::random(&root, seed * 10 + number as u64, STEPS);
        Session { user, run: Run::new(&root, &[], [first, then.steps].concat()) }
    };
    let sessions: Arc<Vec<_>> = Arc::new(SESSIONS.into_iter().enumerate().map(session).collect());
    std::thread::scope(|scope| {
        let clients: Vec<_> = sessions
            .iter()
            .map(|session| {
                scope.spawn(|| {
                    let mut wire: Wire = ground.login(&daemon, session.user);
                    session.run.go(&mut wire).expect("the daemon serves");
                })
            })
            .collect();
        let end = scope.spawn(|| {
            let ended = clients.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>();
            daemon.signal(Signal::KILL);
            ended.into_iter().for_each(|ended| ended.expect("all steps are allowed"));
        });
        let mut last = None;
        for number in 0.. {
            let stop = control.stopped();
            // Now and then the kernel has written something by itself.
            if sample::number(seed * 10_000 + number, 10) == 0 {
                disk.sync();
            }
            let cut = image.cut(folder.join(format!("cut-{seed}-{number}.image")));
            let acked: Vec<_> = sessions.iter().map(|session| session.run.acked()).collect();
            let seen = Some((cut.hash(), acked.clone()));
            if seen != last && wanted.load(Ordering::SeqCst) > 0 {
                last = seen;
                wanted.fetch_sub(1, Ordering::SeqCst);
                let what = format!("seed {seed}, before {stop:?}");
                let cut = Cut { image: cut, sessions: Arc::clone(&sessions), acked, what };
                cuts.send(cut).expect("somebody checks");
            }
            if stop.is_none() {
                break;
            }
            control.go();
        }
        end.join().expect("no session failed");
    });
    daemon.wait();
}

/// Brings the disk of each cut back, and looks at it.
fn check_all(site: &Site, folder: &Path, name: &str, cuts: &Mutex<Receiver<Cut>>, found: &Found) {
    let at = folder.join(name);
    let ground = Ground::new(site, name, &at.join("var"));
    loop {
        // The lock is let go before the work.
        let next = cuts.lock().expect("whole").recv();
        let Ok(cut) = next else { return };
        found.cuts.fetch_add(1, Ordering::SeqCst);
        if let Err(wrong) = check_one(&ground, &at, &cut) {
            found.wrong.lock().expect("whole").push(format!("{}: {wrong}", cut.what));
        }
    }
}

fn check_one(ground: &Ground, at: &Path, cut: &Cut) -> Result<(), String> {
    let disk = cut.image.mount(at)?;
    let mut daemon = ground.start();
    for user in USERS {
        let ours = cut.sessions.iter().zip(&cut.acked).filter(|(session, _)| session.user == user);
        let runs: Vec<_> = ours.map(|(session, acked)| (&session.run, *acked)).collect();
        check(ground, &daemon, user, &runs, Crash::Machine)?;
    }
    daemon.signal(Signal::KILL);
    daemon.wait();
    drop(disk);
    cut.image.check()
}

/// So many cuts at runs of different seeds from `first` on, where the disk also does what these rules say.
fn cut(count: u64, first: u64, more: &[Rule]) -> Found {
    let (site, scratch) = (Site::new(), scratch());
    let (wanted, found) = (AtomicU64::new(count), Found::default());
    let (send, receive) = sync_channel(CHECKERS);
    let receive = Mutex::new(receive);
    std::thread::scope(|scope| {
        for number in 0..CHECKERS {
            let (site, scratch, receive, found) = (&site, scratch.path(), &receive, &found);
            scope.spawn(move || check_all(site, scratch, &format!("check-{number}"), receive, found));
        }
        for seed in first.. {
            if wanted.load(Ordering::SeqCst) == 0 {
                break;
            }
            cut_everywhere(&site, scratch.path(), seed, more, &send, &wanted);
        }
        drop(send);
    });
    found
}

/// Says that a test cannot run here, past the harness, which shows nothing of a test that passes.
fn skipped(why: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "SKIPPED: power cuts: {why}");
}

#[test]
fn no_power_cut_loses_what_was_acked_or_leaves_half_a_file() {
    if let Some(why) = power::missing(scratch().path()) {
        return skipped(&why);
    }
    let began = Instant::now();
    let count = std::env::var("FTPD_POWER_CUTS").map_or(CUTS, |text| text.parse().expect("a number"));
    let found = cut(count, 1, &[]);
    let wrong = found.wrong.into_inner().expect("whole");
    println!("trials: {}", found.cuts.into_inner());
    println!("in {:.1?}", began.elapsed());
    assert!(wrong.is_empty(), "{} cuts: {wrong:#?}", wrong.len());
}

/// What the test above is worth: a daemon that leaves out a sync is caught.
#[test]
fn a_sync_that_is_left_out_is_noticed() {
    if let Some(why) = power::missing(scratch().path()) {
        return skipped(&why);
    }
    for op in [Op::SyncFile, Op::SyncFolder, Op::SyncDisk] {
        let is_missed = (0..10).any(|round| {
            let found = cut(60, 1 + 100 * round, &[Rule::every(Which::Only(op), Effect::LeaveOut)]);
            let wrong = found.wrong.into_inner().expect("whole");
            println!("without {op:?}: {} of {} cuts lose something", wrong.len(), found.cuts.into_inner());
            !wrong.is_empty()
        });
        assert!(is_missed, "{op:?} is not missed");
    }
}
