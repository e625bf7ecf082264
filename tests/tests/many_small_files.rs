//! Many small files are under way at once, and all that holds for a single one holds for each of them.

use ftp_proto::limits::CHUNK;
use ftp_proto::{Tree, tree};
use ftp_tests::evil::{Hand, Then, entry};
use ftp_tests::json::Events;
use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Ran, Site, eventually, run};
use ftp_tests::stage::Stage;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Files of a tree here.
const FILES: u64 = 300;
/// So many have to be under way at once.
const AHEAD: usize = 40;

fn plant(folder: &Path, files: u64) {
    fs::create_dir_all(folder).expect("made");
    for number in 0..files {
        sample::file(&folder.join(format!("f{number:03}")), number, if number % 9 == 4 { 0 } else { 900 });
    }
}

fn site(quota: &str) -> (Site, Daemon) {
    let site = Site::with_config("limits: (penalty_exempt: [\"127.0.0.1\"]),");
    site.user("alice", quota);
    let daemon = site.start();
    site.script(daemon.port, "alice", "pwd").expect(0);
    (site, daemon)
}

fn json(site: &Site, port: u16, commands: &str) -> (Ran, Vec<Value>) {
    let mut client = site.cli(port, "alice");
    client.args(["-j", "-c", commands]);
    let ran = run(client, "");
    let events = Events::documented().read(&ran.out);
    (ran, events)
}

/// A client that waits for nothing long.
fn impatient(stage: &Stage) -> Command {
    let mut command = stage.site.cli(stage.evil.port, "alice");
    command.current_dir(&stage.arena.down).args(["--retries", "none", "--timeout", "2"]);
    command
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

fn number(events: &[Value], field: &str) -> u64 {
    of(events, "summary")[0][field].as_u64().expect("a number")
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        names.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort_unstable();
    names
}

fn spawn(site: &Site, port: u16, more: &[&str]) -> Child {
    let mut client = site.cli(port, "alice");
    client.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    client.spawn().expect("it starts")
}

/// A server that has 100 files in `/t1` and answers nothing before so many were asked for.
fn reluctant(hand: &mut Hand, waiting: &Mutex<Vec<(u64, String)>>) -> io::Result<Option<Then>> {
    match hand.op.as_str() {
        "stat" if hand.depth() == 1 => hand.ok(json!({"entry": entry("t1", "dir", 0)})).map(Some),
        "stat" => hand.error("not_found", "nothing there").map(Some),
        "mkdir" => hand.ok(json!({})).map(Some),
        "list" => {
            let entries: Vec<_> = (0..100).map(|n| entry(&format!("ok{n}"), "file", 3)).collect();
            hand.list(&entries).map(Some)
        }
        "put" => Ok(Some(Then::Go)),
        "get" | "put_end" => {
            let mut waiting = waiting.lock().expect("whole");
            let root = hand.request["root"].as_str().unwrap_or_default().to_owned();
            waiting.push((hand.id, root));
            if waiting.len() < AHEAD {
                return Ok(Some(Then::Go));
            }
            let (id, root) = waiting.remove(0);
            if hand.op == "put_end" {
                let stored = json!({"size": 3, "mtime": 0, "etag": "0".repeat(32), "root": root});
                hand.reply(id, "ok", stored)?;
                return Ok(Some(Then::Go));
            }
            send(hand, id, b"abc", b"abc")?;
            Ok(Some(Then::Go))
        }
        _ => Ok(None),
    }
}

/// A small file, with the root of another perhaps.
fn send(hand: &mut Hand, id: u64, data: &[u8], root_of: &[u8]) -> io::Result<()> {
    begin(hand, id, data)?;
    hand.chunk_as(tree::value(data.len() as u64, 0, data).0, data)?;
    hand.reply(id, "ok", json!({"root": blake3::hash(root_of).to_hex().as_str()}))
}

fn begin(hand: &mut Hand, id: u64, data: &[u8]) -> io::Result<()> {
    let prefix = Tree::new().prefix().to_string();
    let begin = json!({"size": data.len(), "mtime": 1, "etag": "0".repeat(32), "prefix": prefix});
    hand.reply(id, "begin", begin)
}

/// What goes up to such a server.
fn mine(stage: &Stage) {
    fs::create_dir(stage.arena.down.join("t1")).expect("made");
    for number in 0..100 {
        fs::write(stage.arena.down.join(format!("t1/ok{number}")), "abc").expect("written");
    }
}

#[test]
fn many_are_under_way_before_the_first_is_answered() {
    // The last of them are never answered, so that the client gives up after a while; what counts is that it did not do so before.
    for (command, whole) in [("get -r t1", true), ("put -r t1", false)] {
        let waiting = Mutex::new(Vec::new());
        let stage = Stage::answering(move |hand| reluctant(hand, &waiting));
        if !whole {
            mine(&stage);
        }
        let mut client = impatient(&stage);
        client.args(["-j", "-c", command]);
        let ran = run(client, "").expect(3);
        let events = Events::documented().read(&ran.out);
        assert_eq!(of(&events, "done").len(), 100 - AHEAD + 1, "{command}: {ran:?}");
        if whole {
            assert_eq!(names(&stage.arena.down.join("t1")).len(), 100 - AHEAD + 1);
        }
    }
}

#[test]
fn files_of_new_folders_follow_while_those_before_are_under_way() {
    let waiting = Mutex::new(Vec::new());
    let stage = Stage::answering(move |hand| reluctant(hand, &waiting));
    for number in 0..80 {
        let folder = stage.arena.down.join(format!("t1/d{}", number / 8));
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join(format!("f{number}")), "abc").expect("written");
    }
    let mut client = impatient(&stage);
    client.args(["-j", "-c", "put -r t1"]);
    let ran = run(client, "").expect(3);
    let events = Events::documented().read(&ran.out);
    assert_eq!(of(&events, "done").len(), 80 - AHEAD + 1, "{ran:?}");
}

/// A server that breaks off at the first request in `/t1`, has made that directory by then, and says `conflict` to so many of the files that are sent again.
fn contested(hand: &mut Hand, left: &Mutex<(bool, usize)>) -> io::Result<Option<Then>> {
    let mut left = left.lock().expect("whole");
    match hand.op.as_str() {
        "list" => hand.list(&[]).map(Some),
        "mkdir" | "put_end" if hand.depth() != 1 && !std::mem::replace(&mut left.0, true) => {
            Ok(Some(Then::End))
        }
        "mkdir" => hand.error("exists", "it is there").map(Some),
        "put_end" if left.1 > 0 => {
            left.1 -= 1;
            hand.error("conflict", "another session is uploading to the same path").map(Some)
        }
        "put_end" => {
            let root = hand.request["root"].clone();
            hand.ok(json!({"size": 3, "mtime": 0, "etag": "0".repeat(32), "root": root})).map(Some)
        }
        _ => reluctant(hand, &Mutex::default()),
    }
}

#[test]
fn what_is_sent_again_and_meets_its_former_self_is_tried_again_and_at_last_told() {
    for (has_folder, conflicts, retries, failed) in
        [(true, 50, "5", 0), (true, usize::MAX, "1", 51), (false, usize::MAX, "1", 50)]
    {
        let all = 50 + u64::from(has_folder);
        let left = Mutex::new((false, conflicts));
        let stage = Stage::answering(move |hand| contested(hand, &left));
        fs::create_dir(stage.arena.down.join("t1")).expect("made");
        for number in 0..50 {
            fs::write(stage.arena.down.join(format!("t1/f{number}")), "abc").expect("written");
        }
        if has_folder {
            fs::create_dir(stage.arena.down.join("t1/d")).expect("made");
            fs::write(stage.arena.down.join("t1/d/last"), "abc").expect("written");
        }
        let mut client = stage.site.cli(stage.evil.port, "alice");
        client.current_dir(&stage.arena.down).args(["--retries", retries, "-j", "-c", "put -r t1"]);
        let ran = run(client, "").expect(if failed > 0 { 7 } else { 0 });
        let events = Events::documented().read(&ran.out);
        let counts = (number(&events, "verified"), number(&events, "failed"), of(&events, "failed").len());
        assert_eq!(counts, (all - failed, failed, usize::try_from(failed).expect("few")), "{ran:?}");
        assert_eq!(number(&events, "files"), all, "{ran:?}");
    }
}

#[test]
fn a_tree_of_folders_is_whole_however_often_the_connection_is_lost() {
    let (site, daemon) = site("none");
    for number in 0..60 {
        // More beside each other than are asked for at once, and some in others.
        let folder = site.path(&format!("work/tree/d{}/e{}", number % 40, number % 11));
        plant(&folder, 1 + number % 5);
    }
    fs::create_dir(site.path("work/tree/empty")).expect("made");
    let here = sample::tree(&site.path("work/tree"));
    let wire = Proxy::new(daemon.port);
    let cuts = [40_000, 60_000, 60_000];
    wire.restart(cuts[0], u64::MAX);
    let (ran, events) = std::thread::scope(|scope| {
        scope.spawn(|| {
            for (cut, next) in cuts.iter().zip(cuts[1..].iter().chain([&u64::MAX])) {
                eventually("it is cut", || wire.total() > *cut);
                wire.restart(*next, u64::MAX);
            }
        });
        json(&site, wire.port, "put -r tree")
    });
    ran.clone().expect(0);
    assert_eq!(of(&events, "reconnecting").len(), cuts.len(), "{ran:?}");
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    for event in of(&events, "done") {
        *done.entry(event["file"].as_str().expect("text")).or_default() += 1;
    }
    assert!(done.len() == here.len() && done.values().all(|times| *times == 1), "{done:?}");
    assert_eq!((number(&events, "files"), number(&events, "failed")), (here.len() as u64, 0), "{ran:?}");
    let there = site.home_of("alice").join("tree");
    assert!(sample::tree(&there) == here && names(&there) == names(&site.path("work/tree")));
}

#[test]
fn after_a_lost_connection_none_is_missing_and_none_is_counted_twice() {
    let (site, daemon) = site("none");
    plant(&site.path("work/tree"), FILES);
    let wire = Proxy::new(daemon.port);
    let here = sample::tree(&site.path("work/tree"));
    for (command, there) in
        [("put -r tree", site.home_of("alice").join("tree")), ("get -r -o back tree", site.path("work/back"))]
    {
        // Enough for the login, the listings and some of the files.
        wire.restart(120_000, u64::MAX);
        let (ran, events) = std::thread::scope(|scope| {
            scope.spawn(|| {
                eventually("it is cut", || wire.total() > 120_000);
                wire.restart(u64::MAX, u64::MAX);
            });
            json(&site, wire.port, command)
        });
        ran.clone().expect(0);
        assert_eq!(of(&events, "reconnecting").len(), 1, "{command}: {ran:?}");
        let mut done: BTreeMap<&str, u64> = BTreeMap::new();
        for event in of(&events, "done") {
            *done.entry(event["file"].as_str().expect("text")).or_default() += 1;
        }
        assert!(done.len() as u64 == FILES && done.values().all(|times| *times == 1), "{command}: {done:?}");
        assert_eq!((number(&events, "verified"), number(&events, "failed")), (FILES, 0), "{command}");
        assert!(sample::tree(&there) == here, "{command}");
    }
}

#[test]
fn one_that_is_refused_is_named_and_the_others_go_on() {
    let (site, daemon) = site("none");
    plant(&site.path("work/tree"), FILES);
    let home = site.home_of("alice");
    fs::create_dir_all(home.join("tree/f100")).expect("made");
    let (ran, events) = json(&site, daemon.port, "put -r tree");
    ran.expect(7);
    assert_eq!((number(&events, "verified"), number(&events, "failed")), (FILES - 1, 1));
    assert_eq!(of(&events, "failed")[0]["file"], "tree/f100");

    fs::remove_dir(home.join("tree/f100")).expect("empty");
    // What has a second name is not read.
    fs::hard_link(home.join("tree/f099"), home.join("tree/f100")).expect("made");
    let (ran, events) = json(&site, daemon.port, "get -r -o back tree");
    assert_ne!(ran.code, 0);
    let failed: Vec<_> = of(&events, "failed").iter().map(|event| event["file"].to_string()).collect();
    assert_eq!(failed, ["\"tree/f099\"", "\"tree/f100\""]);
    assert_eq!(number(&events, "verified"), FILES - 2);
    assert_eq!(names(&site.path("work/back")).len() as u64, FILES - 2);
}

#[test]
fn the_one_that_does_not_fit_is_named_and_nothing_after_it_is_tried() {
    let (site, daemon) = site("100K");
    plant(&site.path("work/tree"), FILES);
    let (ran, events) = json(&site, daemon.port, "put -r tree");
    ran.expect(8);
    let error = of(&events, "error")[0];
    assert_eq!(error["refusal"], "quota_exceeded", "{error}");
    let message = error["message"].as_str().expect("text");
    let (verified, failed) = (number(&events, "verified"), number(&events, "failed"));
    // 113 full ones fit; an empty one always does.
    let first = format!("tree/f{:03}: ", (0..FILES).filter(|number| number % 9 != 4).nth(113).expect("many"));
    assert!(message.starts_with(&first) && message.contains("does not fit"), "{message} {first}");
    assert_eq!(failed, 1);
    assert_eq!(verified, names(&site.home_of("alice").join("tree")).len() as u64);
    assert_eq!(of(&events, "done").len() as u64, verified);
}

#[test]
fn what_vanishes_or_grows_meanwhile_is_told_or_sent_as_it_is_then() {
    let (site, daemon) = site("none");
    let tree = site.path("work/tree");
    plant(&tree, FILES);
    let wire = Proxy::new(daemon.port);
    wire.restart(u64::MAX, 60_000);
    let client = spawn(&site, wire.port, &["-c", "put -r tree"]);
    eventually("some are under way", || wire.total() > 60_000);
    std::thread::sleep(Duration::from_millis(100));
    fs::remove_file(tree.join("f297")).expect("there");
    sample::file(&tree.join("f298"), 1, CHUNK as u64 + 5);
    sample::file(&tree.join("f299"), 2, 5);
    wire.restart(u64::MAX, u64::MAX);
    let ran: Ran = client.wait_with_output().expect("ours").into();
    assert!(ran.code == 6 && ran.err.contains("  failed  tree/f297   "), "{ran:?}");
    assert!(ran.err.contains("299 verified, 1 failed"), "{ran:?}");
    assert!(sample::tree(&site.home_of("alice").join("tree")) == sample::tree(&tree));
}

#[test]
fn ctrl_c_stops_at_once_and_leaves_whole_files_and_nothing_else() {
    let (site, daemon) = site("none");
    let (tree, home) = (site.path("work/tree"), site.home_of("alice"));
    plant(&tree, FILES);
    let wire = Proxy::new(daemon.port);
    for (command, target) in
        [("put -r tree", home.join("tree")), ("get -r -o back tree", site.path("work/back"))]
    {
        wire.restart(u64::MAX, 100_000);
        let client = spawn(&site, wire.port, &["-c", command]);
        eventually("some are under way", || wire.total() > 100_000);
        kill_process(Pid::from_child(&client), Signal::INT).expect("it runs");
        let began = Instant::now();
        let ran: Ran = client.wait_with_output().expect("ours").into();
        // Nothing goes through the wire any more: it is not waited for.
        assert!(began.elapsed() < Duration::from_secs(10), "{command}: {:?}", began.elapsed());
        assert!(ran.code == 130 && ran.err.contains("Stopped at "), "{command}: {ran:?}");
        wire.restart(u64::MAX, u64::MAX);
        let whole = sample::tree(&tree);
        for (path, hash) in sample::tree(&target) {
            assert_eq!(whole.get(&path), Some(&hash), "{command}: {}", path.display());
        }
        let ran = site.script(daemon.port, "alice", command).expect(0);
        assert!(ran.err.contains("verified"), "{ran:?}");
        assert!(sample::tree(&target) == whole, "{command}");
        assert_eq!(fs::read_dir(site.path("var/users/alice/parts")).expect("there").count(), 0);
    }
}

#[test]
fn how_far_it_was_is_told_where_nothing_is_drawn() {
    let (site, daemon) = site("none");
    plant(&site.path("work/tree"), FILES);
    let client = spawn(&site, daemon.port, &["-j", "-c", "limit 60K; put -r tree"]);
    let target = site.home_of("alice").join("tree");
    eventually("some are done", || fs::read_dir(&target).map_or(0, Iterator::count) > 50);
    kill_process(Pid::from_child(&client), Signal::INT).expect("it runs");
    let ran: Ran = client.wait_with_output().expect("ours").into();
    assert!(ran.code == 130 && ran.out.contains("Stopped at "), "{ran:?}");
    assert!(!ran.out.contains("Stopped at 0%") && !ran.out.contains("Stopped at 100%"), "{ran:?}");
}

#[test]
fn what_comes_slowly_has_its_name_soon_whatever_ends_the_client() {
    let (site, daemon) = site("none");
    let tree = site.home_of("alice").join("tree");
    fs::create_dir_all(&tree).expect("made");
    (0..40).for_each(|number| sample::file(&tree.join(format!("f{number}")), number, 20_000));
    let back = site.path("work/back");
    let mut client = spawn(&site, daemon.port, &["-l", "20K", "-c", "get -r -o back tree"]);
    eventually("the first have names", || back.is_dir() && names(&back).len() > 2);
    assert!(client.try_wait().expect("ours").is_none(), "far fewer than are named together");
    client.kill().expect("it runs");
    client.wait().expect("ours");
    let whole = sample::tree(&tree);
    assert!(sample::tree(&back).iter().all(|(path, hash)| whole.get(path) == Some(hash)));
}

#[test]
fn ctrl_c_does_not_wait_for_a_limit() {
    let (site, daemon) = site("none");
    let tree = site.path("work/tree");
    fs::create_dir_all(&tree).expect("made");
    (0..3).for_each(|number| sample::file(&tree.join(format!("f{number}")), number, 200_000));
    sample::file(&site.path("work/large"), 5, 3 * CHUNK as u64);
    for command in ["put -r tree", "put large"] {
        let client = spawn(&site, daemon.port, &["-l", "2K", "-c", command]);
        std::thread::sleep(Duration::from_secs(3));
        kill_process(Pid::from_child(&client), Signal::INT).expect("it runs");
        let began = Instant::now();
        let ran: Ran = client.wait_with_output().expect("ours").into();
        assert!(
            ran.code == 130 && began.elapsed() < Duration::from_secs(10),
            "{:?} {ran:?}",
            began.elapsed()
        );
    }
}

#[test]
fn a_name_as_long_as_any_comes_back() {
    let (site, daemon) = site("none");
    let name = "n".repeat(255);
    fs::create_dir(site.path("work/tree")).expect("made");
    fs::write(site.path("work/tree").join(&name), "text").expect("written");
    site.script(daemon.port, "alice", "put -r tree; get -r -o back tree").expect(0);
    assert_eq!(names(&site.path("work/back")), [name]);
}

#[test]
fn patterns_bring_many_at_once_and_what_differs_is_replaced_in_one_step() {
    let (site, daemon) = site("none");
    let work = site.work();
    for number in 0..90 {
        fs::write(work.join(format!("{number}.txt")), format!("text {number}")).expect("written");
    }
    let put = site.script(daemon.port, "alice", "put *.txt").expect(0);
    assert!(put.err.contains("90 verified"), "{put:?}");
    fs::write(work.join("7.txt"), "another").expect("written");
    fs::remove_file(work.join("8.txt")).expect("there");
    std::os::unix::fs::symlink("9.txt", work.join("8.txt")).expect("made");
    fs::write(work.join("10.txt.part"), "mine").expect("written");
    fs::remove_file(work.join("10.txt")).expect("there");
    let get = site.script(daemon.port, "alice", "get *.txt").expect(7);
    assert!(get.err.contains("2 verified, 87 already here, 1 failed"), "{get:?}");
    assert!(get.err.contains("10.txt.part: not the part of a download"), "{get:?}");
    assert_eq!(fs::read(work.join("7.txt")).expect("there"), b"text 7");
    assert!(fs::symlink_metadata(work.join("8.txt")).expect("there").is_file(), "the link is replaced");
    assert_eq!(fs::read(work.join("9.txt")).expect("there"), b"text 9");
    assert_eq!(names(&work).len(), 90, "{:?}", names(&work));
    // Fetched alone or with others, it has the same mode, and the time that it has there.
    site.script(daemon.port, "alice", "get -o alone 7.txt").expect(0);
    let facts = |path: &Path| fs::metadata(path).expect("there");
    let (alone, of_many) = (facts(&work.join("alone")), facts(&work.join("7.txt")));
    assert_eq!((alone.mode(), alone.mtime()), (of_many.mode(), of_many.mtime()));
    assert_eq!(of_many.mtime(), facts(&site.home_of("alice").join("7.txt")).mtime());
    fs::remove_file(work.join("alone")).expect("there");
    let again = site.script(daemon.port, "alice", "put *.txt md5; get *.txt md5").expect(7);
    assert_eq!(again.out.matches("md5 ").count(), 89 + 89, "{again:?}");
}

#[test]
fn one_whose_answer_is_not_understood_is_not_forgotten() {
    for command in ["get -r t1", "put -r t1"] {
        let asked = AtomicU64::new(0);
        let stage = Stage::answering(move |hand| {
            if !matches!(hand.op.as_str(), "get" | "put_end") {
                return reluctant(hand, &Mutex::default());
            }
            let is_nonsense = asked.fetch_add(1, Ordering::Relaxed) == 20;
            if hand.op == "get" && !is_nonsense {
                send(hand, hand.id, b"abc", b"abc")?;
                return Ok(Some(Then::Go));
            }
            if hand.op == "get" {
                begin(hand, hand.id, b"abc")?;
                hand.chunk_as(tree::value(3, 0, b"abc").0, b"abc")?;
            }
            let root = hand.request["root"].clone();
            let stored = json!({"size": 3, "mtime": 0, "etag": "0".repeat(32), "root": root});
            hand.ok(if is_nonsense { json!({}) } else { stored }).map(Some)
        });
        if command.starts_with("put") {
            mine(&stage);
        }
        let mut client = stage.site.cli(stage.evil.port, "alice");
        client.current_dir(&stage.arena.down).args(["--retries", "1", "-j", "-c", command]);
        let ran = run(client, "").expect(0);
        let events = Events::documented().read(&ran.out);
        assert_eq!((of(&events, "reconnecting").len(), number(&events, "verified")), (1, 100), "{command}");
    }
}

/// What a server does to one of many that is asked for.
type Lie = fn(&mut Hand, &[u64]) -> io::Result<()>;

#[test]
fn a_server_that_mixes_files_up_is_not_believed() {
    let down: [(&str, Lie); 7] = [
        ("another order", |hand, ids| send(hand, ids[1], b"abc", b"abc")),
        ("one twice", |hand, ids| {
            send(hand, ids[0], b"abc", b"abc")?;
            send(hand, ids[0], b"abc", b"abc")
        }),
        ("one that nobody asked for", |hand, _| send(hand, 4711, b"abc", b"abc")),
        ("the end of another", |hand, ids| {
            send(hand, ids[0], b"abc", b"abc")?;
            hand.reply(ids[2], "ok", json!({"root": blake3::hash(b"abc").to_hex().as_str()}))
        }),
        ("two chunks", |hand, ids| {
            begin(hand, ids[0], b"abc")?;
            hand.chunk_as(tree::value(3, 0, b"abc").0, b"abc")?;
            hand.chunk_as(tree::value(3, 0, b"abc").0, b"abc")
        }),
        ("no chunk", |hand, ids| {
            begin(hand, ids[0], b"abc")?;
            hand.reply(ids[0], "ok", json!({"root": blake3::hash(b"abc").to_hex().as_str()}))
        }),
        ("a chunk of another", |hand, ids| ids.iter().try_for_each(|id| send(hand, *id, b"xyz", b"abc"))),
    ];
    for (what, lie) in down {
        let asked = Mutex::new(Vec::new());
        let stage = Stage::answering(move |hand| {
            if hand.op != "get" {
                return reluctant(hand, &Mutex::default());
            }
            let mut asked = asked.lock().expect("whole");
            asked.push(hand.id);
            if asked.len() >= AHEAD {
                lie(hand, &asked)?;
                asked.clear();
            }
            Ok(Some(Then::Go))
        });
        let mut client = impatient(&stage);
        client.args(["-c", "get -r t1"]);
        let ran = run(client, "");
        let told = ran.err.contains("does not keep to the protocol") || what == "a chunk of another";
        assert!(ran.code == 3 && told, "{what}: {ran:?}");
        for (name, hash) in sample::tree(&stage.arena.down.join("t1")) {
            assert_eq!(hash, blake3::hash(b"abc"), "{what}: {}", name.display());
        }
    }
    let up: [(&str, Lie); 4] = [
        ("another order", |hand, ids| hand.reply(ids[1], "ok", json!({}))),
        ("one twice", |hand, ids| {
            (0..2).try_for_each(|_| {
                let root = blake3::hash(b"abc").to_hex();
                let stored = json!({"size": 3, "mtime": 0, "etag": "0".repeat(32), "root": root.as_str()});
                hand.reply(ids[0], "ok", stored)
            })
        }),
        ("one that nobody asked for", |hand, _| hand.reply(4711, "ok", json!({}))),
        ("a chunk", |hand, _| hand.chunk_as([1; 32], b"abc")),
    ];
    for (what, lie) in up {
        let asked = Mutex::new(Vec::new());
        let stage = Stage::answering(move |hand| {
            if hand.op != "put_end" {
                return reluctant(hand, &Mutex::default());
            }
            let mut asked = asked.lock().expect("whole");
            asked.push(hand.id);
            if asked.len() == AHEAD {
                lie(hand, &asked)?;
            }
            Ok(Some(Then::Go))
        });
        mine(&stage);
        let mut client = impatient(&stage);
        client.args(["-c", "put -o t9 -r t1"]);
        let ran = run(client, "").expect(3);
        assert!(ran.err.contains("does not keep to the protocol"), "{what}: {ran:?}");
    }
}
