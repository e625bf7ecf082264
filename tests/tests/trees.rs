//! Many files at once: a tree that is interrupted again and again and ends bit-identical, and everything in a tree that is no plain file.
//!
//! `FTP_TREE_FILES` says how many files the tree has that is interrupted.

use ftp_tests::json::Events;
use ftp_tests::process::{Process, Watched, watch};
use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Ran, Site, run};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Files, unless the environment says otherwise.
const FILES: u64 = 2000;
/// Interruptions that have to strike.
const STRIKES: u64 = 10;
/// The most memory that a client may have had, however many files there are, in KiB.
const MEMORY: u64 = 48 * 1024;
/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(600);

/// A tree like one of sources: folders in folders, small files, a few empty, one with two chunks in each folder of the first level.
fn plant(top: &Path, files: u64) {
    for number in 0..files {
        let folder = top.join(format!("d{}/e{}", number / 500, number / 50));
        if number.is_multiple_of(50) {
            fs::create_dir_all(&folder).expect("made");
        }
        let size = match number % 500 {
            7 => 300_000,
            rest if rest % 10 == 3 => 0,
            _ => sample::number(number, 8000),
        };
        sample::file(&folder.join(format!("f{number}.c")), number, size);
    }
}

fn site() -> (Site, Daemon) {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    site.script(daemon.port, "alice", "pwd").expect(0);
    (site, daemon)
}

/// Runs one command in the background, and interrupts it, or kills the daemon, when a part of `bytes` has passed.
struct Struck<'a> {
    site: &'a Site,
    daemon: Daemon,
    wire: Proxy,
    seed: u64,
    strikes: u64,
}

impl Struck<'_> {
    fn spawn(&self, command: &str) -> Child {
        let mut client = self.site.cli(self.wire.port, "alice");
        client.args(["--retries", "9", "-c", command]);
        client.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// Runs `command` until it ends well; strikes up to `most` times.
    fn through(&mut self, command: &str, most: u64, bytes: u64) {
        let (mut struck, began) = (0, Instant::now());
        loop {
            assert!(began.elapsed() < DEADLINE, "{command}");
            self.wire.restart(u64::MAX, u64::MAX);
            let client = self.spawn(command);
            let mut interrupted = false;
            while struck < most && !interrupted {
                self.seed += 1;
                let at = self.wire.total() + 6000 + sample::number(self.seed, bytes.max(1));
                let kills = self.seed.is_multiple_of(2);
                if !self.strike(&client, at, kills) {
                    break;
                }
                struck += 1;
                interrupted = !kills;
            }
            let ended = client.wait_with_output().expect("ours");
            let ran: Ran = ended.into();
            match ran.code {
                0 => {
                    self.strikes += struck;
                    return;
                }
                130 => assert!(interrupted, "{command}: {ran:?}"),
                _ => panic!("{command}: {ran:?}"),
            }
        }
    }

    /// False if the client ended before that.
    fn strike(&mut self, client: &Child, at: u64, kills: bool) -> bool {
        let pid = Pid::from_child(client);
        let runs = || Process(client.id()).resident().is_some();
        while self.wire.total() < at {
            if !runs() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if !kills {
            return kill_process(pid, Signal::INT).is_ok();
        }
        self.daemon.signal(Signal::KILL);
        self.daemon.wait();
        self.wire.cut();
        self.daemon = self.site.start();
        self.wire.lead_to(self.daemon.port);
        true
    }
}

#[test]
fn a_tree_that_is_interrupted_ten_times_goes_up_and_comes_back_bit_identical() {
    let files = sample::count("FTP_TREE_FILES", FILES);
    let (site, daemon) = site();
    let tree = site.path("work/tree");
    plant(&tree, files);
    let here = sample::tree(&tree);
    assert_eq!(here.len() as u64, files);
    let bytes: u64 = here.keys().map(|path| tree.join(path).metadata().expect("there").len()).sum();
    let wire = Proxy::new(daemon.port);
    let mut struck = Struck { site: &site, daemon, wire, seed: 40, strikes: 0 };
    let mut took = Vec::new();
    for (command, most, moves) in [
        ("put -r tree", STRIKES / 2, bytes / 6),
        ("verify -r tree", 2, files * 40),
        ("get -r -o back tree", STRIKES / 2, bytes / 6),
        ("verify -r tree back", 0, 0),
    ] {
        let began = Instant::now();
        struck.through(command, most, moves);
        took.push(format!("{command}: {:.1?}", began.elapsed()));
    }
    println!("{files} files, {bytes} bytes, {} strikes; {}", struck.strikes, took.join("; "));
    assert!(struck.strikes >= STRIKES, "{} strikes", struck.strikes);
    assert!(sample::tree(&site.home_of("alice").join("tree")) == here, "what went up is not what was here");
    assert!(sample::tree(&site.path("work/back")) == here, "what came back is not what went up");
    let parts = fs::read_dir(site.path("var/users/alice/parts")).expect("there").count();
    assert_eq!(parts, 0, "unfinished uploads");

    // Once more, with nothing to do and with all to do, for the memory.
    let port = struck.daemon.port;
    let watched = |command: &str| -> Watched {
        let mut client = site.cli(port, "alice");
        client.args(["-c", command]);
        let watched = watch(client, DEADLINE);
        println!("{command}: {:.1?}, {} KiB", watched.took, watched.peak);
        assert_eq!(watched.ran.code, 0, "{:?}", watched.ran);
        assert!(watched.peak < MEMORY, "{command}: {} KiB for {files} files", watched.peak);
        watched
    };
    let again = watched("put -r tree");
    assert!(again.ran.err.contains(&format!("{files} already there")), "{:?}", again.ran);
    watched("verify -r tree");
    let again = watched("get -r -o back tree");
    assert!(again.ran.err.contains(&format!("{files} already here")), "{:?}", again.ran);
}

#[test]
fn links_and_special_files_are_said_and_what_cannot_be_sent_is_listed_while_the_rest_goes() {
    let (site, daemon) = site();
    let tree = site.path("work/tree");
    fs::create_dir_all(tree.join("sub/empty")).expect("made");
    for name in ["a", "sub/b"] {
        fs::write(tree.join(name), name).expect("written");
    }
    for number in 0..15 {
        symlink("a", tree.join(format!("link{number:02}"))).expect("made");
    }
    let made = Command::new("mkfifo").arg(tree.join("fifo")).status().expect("there is mkfifo");
    assert!(made.success());
    let ran = site.script(daemon.port, "alice", "put -r tree").expect(0);
    assert!(ran.err.contains("Counting ... 2 files, 6 B"), "{ran:?}");
    assert!(ran.err.contains("skipped: tree/fifo is neither file nor folder"), "{ran:?}");
    assert_eq!(ran.err.matches("is a symbolic link").count(), 9, "ten are named: {ran:?}");
    assert!(ran.err.contains("2 verified, 16 skipped"), "{ran:?}");
    assert!(site.home_of("alice").join("tree/sub/empty").is_dir());

    // Names that the server cannot have.
    fs::write(tree.join("bad\u{1b}[2J"), "x").expect("written");
    fs::write(tree.join(std::ffi::OsStr::from_bytes(b"not \xff UTF-8")), "x").expect("written");
    fs::write(tree.join("c"), "c").expect("written");
    let ran = site.script(daemon.port, "alice", "put -r tree").expect(7);
    assert!(ran.err.contains("1 verified, 2 already there, 16 skipped, 2 failed"), "{ran:?}");
    assert_eq!(ran.err.matches("  failed  tree/").count(), 2, "{ran:?}");
    assert!(ran.err.contains(r"  failed  tree/bad\u{1b}[2J   the server cannot have this name"), "{ran:?}");
    assert!(site.home_of("alice").join("tree/c").exists());

    // On the way back a folder is in the way of a file, and a link in that of a folder.
    fs::rename(&tree, site.path("work/moved")).expect("moved");
    fs::create_dir_all(tree.join("a")).expect("made");
    symlink("..", tree.join("sub")).expect("made");
    let mut client = site.cli(daemon.port, "alice");
    client.args(["-j", "-c", "get -r tree"]);
    let ran = run(client, "").expect(7);
    let events = Events::documented().read(&ran.out);
    let failed: Vec<_> = events.iter().filter(|event| event["event"] == "failed").collect();
    assert_eq!(
        failed.iter().map(|event| event["file"].as_str()).collect::<Vec<_>>(),
        [Some("tree/a"), Some("tree/sub")]
    );
    let summary = events.iter().find(|event| event["event"] == "summary").expect("a summary");
    assert_eq!((summary["verified"].as_u64(), summary["failed"].as_u64()), (Some(1), Some(2)), "{summary}");
    assert!(!site.path("work/b").exists(), "nothing went where the link leads");
    assert_eq!(fs::read(site.path("work/tree/c")).expect("there"), b"c");
}

#[test]
fn a_full_quota_stops_the_batch_and_is_never_tried_again() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    for name in ["a", "b", "c"] {
        sample::file(&site.path("work").join(name), 1, 600 << 10);
    }
    let began = Instant::now();
    let ran = site.script(daemon.port, "alice", "put a b c").expect(8);
    assert!(
        ran.err.contains("does not fit") && ran.err.contains("ftp-admin setup alice --quota 2M"),
        "{ran:?}"
    );
    assert!(
        ran.err.contains("1.0 MiB of your quota is left: not all of it may fit"),
        "before anything is sent: {ran:?}"
    );
    assert!(ran.err.contains("2 files, 1.1 MiB in ") && ran.err.contains("1 verified, 1 failed"), "{ran:?}");
    assert!(!ran.err.contains(" more\n"), "what ended it is told once: {ran:?}");
    assert!(!ran.err.contains("again in") && began.elapsed() < Duration::from_secs(10), "{ran:?}");
    assert!(site.home_of("alice").join("a").exists() && !site.home_of("alice").join("c").exists());
}

#[test]
fn what_is_there_is_replaced_kept_or_left_alone_as_it_is_said() {
    let (site, daemon) = site();
    let home = site.home_of("alice");
    for name in ["same", "other", "new"] {
        fs::write(site.path("work").join(name), format!("{name} here")).expect("written");
    }
    fs::write(home.join("same"), "same here").expect("written");
    fs::write(home.join("other"), "OTHER HERE, longer").expect("written");
    let run = |commands: &str, code| site.script(daemon.port, "alice", commands).expect(code);
    let kept = run("put -n *", 0);
    assert!(kept.err.contains("1 verified, 1 already there, 1 left as they are"), "{kept:?}");
    assert_eq!(fs::read(home.join("other")).expect("there"), b"OTHER HERE, longer");
    let kept = run("get -n other", 0);
    assert!(kept.err.contains("left as it is"), "{kept:?}");
    assert_eq!(fs::read(site.path("work/other")).expect("there"), b"other here");
    let put = run("put -f o*", 0);
    assert!(put.err.contains("put /other: ") && put.err.contains("verified blake3"), "{put:?}");
    assert_eq!(fs::read(home.join("other")).expect("there"), b"other here");
    let same = run("put same; get same", 0);
    assert!(
        same.err.contains("same: already on the server and identical (BLAKE3); nothing to do."),
        "{same:?}"
    );
    assert!(same.err.contains("same: already here and identical (BLAKE3); nothing to do."), "{same:?}");
    run("get -f -n same", 2);
    let none = run("get zzz*", 6);
    assert!(none.err.contains("nothing matches"), "{none:?}");
    // One of several is missing, and the rest comes: but a name that is typed is a mistake before anything begins.
    fs::remove_file(site.path("work/new")).expect("there");
    run("get new nothing", 6);
    assert!(!site.path("work/new").exists());
    run("get ne* sa*", 0);
    assert!(site.path("work/new").exists());
}

#[test]
fn verify_and_du_look_and_move_nothing() {
    let (site, daemon) = site();
    let tree = site.path("work/tree");
    plant(&tree, 120);
    let run = |commands: &str, code| site.script(daemon.port, "alice", commands).expect(code);
    run("put -r tree", 0);
    let same = run("verify -r tree", 0);
    assert!(same.err.contains("120 the same") && same.out.is_empty(), "{same:?}");
    let du = run("du tree; du tree/d0/e0/f1.c", 0);
    assert!(du.out.contains("120 files, 4 directories  /tree\n") && du.out.contains("1 file,"), "{du:?}");
    let one = run("verify tree/d0/e0/f1.c tree/d0/e0/f1.c", 0);
    let hash = sample::hash(&tree.join("d0/e0/f1.c")).to_string();
    assert!(one.out.contains("the same here and at the server") && one.out.contains(&hash), "{one:?}");

    fs::remove_file(tree.join("d0/e0/f1.c")).expect("there");
    let missing = run("verify -r tree", 6);
    assert_eq!(missing.out, "missing here           tree/d0/e0/f1.c\n");
    fs::write(tree.join("d0/extra"), "x").expect("written");
    fs::create_dir(tree.join("more")).expect("made");
    // The same size, one bit.
    let mut bytes = fs::read(tree.join("d0/e1/f51.c")).expect("there");
    bytes[0] ^= 1;
    fs::write(tree.join("d0/e1/f51.c"), bytes).expect("written");
    let differs = run("verify -r tree", 9);
    let mut lines: Vec<_> = differs.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "differs                tree/d0/e1/f51.c",
            "missing at the server  tree/d0/extra",
            "missing at the server  tree/more/",
            "missing here           tree/d0/e0/f1.c",
        ]
    );
    assert!(differs.err.contains("118 the same, 1 differing, 3 missing"), "{differs:?}");
    // A name that the server cannot have.
    fs::write(tree.join("d0/a\tb"), "").expect("written");
    let unnameable = run("verify -r tree", 9);
    assert!(unnameable.err.contains("3 missing, 1 failed"), "{unnameable:?}");
    assert!(unnameable.err.contains("the server cannot have this name"), "{unnameable:?}");
    fs::remove_file(tree.join("d0/a\tb")).expect("there");
    run("verify tree", 7);
    run("verify nothing", 6);
    run("verify tree/d0/e1/f51.c tree/d0/e1/f51.c", 9);
    run("verify tree/d0/e0/f1.c tree/d0/e0/f1.c", 6);
    let mut client = site.cli(daemon.port, "alice");
    client.args(["-j", "-c", "-verify -r tree; du; mirror --dry-run --delete put tree; get -r -o j tree"]);
    let events = Events::documented().read(&ftp_tests::site::run(client, "").out);
    let results: Vec<_> = events.iter().filter_map(|event| event["result"].as_str()).collect();
    assert_eq!(results.iter().filter(|result| **result == "same").count(), 118);
    for name in ["tree_size", "planned", "removal", "summary"] {
        assert!(events.iter().any(|event| event["event"] == name), "{name}");
    }
}
