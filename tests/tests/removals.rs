//! Trees are removed without a wait for each name, and what is said of that is so.

use ftp_tests::evil::{Hand, Then, entry};
use ftp_tests::json::Events;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Ran, Site, eventually, run};
use ftp_tests::stage::Stage;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Files of a tree here, in directories of ten.
const FILES: u64 = 400;
/// So many have to be under way at once.
const AHEAD: usize = 40;

fn plant(top: &Path) {
    for number in 0..FILES {
        let folder = top.join(format!("d{}/e{:02}", number / 100, number / 10));
        fs::create_dir_all(&folder).expect("made");
        sample::file(&folder.join(format!("f{number:03}")), number, 100);
    }
}

/// A tree of 45 directories at the server, and as much as it holds.
fn site() -> (Site, Daemon) {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    plant(&site.path("work/tree"));
    site.script(daemon.port, "alice", "put -r tree").expect(0);
    (site, daemon)
}

fn removed(ran: &Ran) -> Vec<String> {
    let events = Events::documented().read(&ran.out);
    let events = events.iter().filter(|event| event["event"] == "removed");
    events.map(|event| event["path"].as_str().expect("a path").to_owned()).collect()
}

fn used(site: &Site, port: u16) -> Value {
    let mut client = site.cli(port, "alice");
    client.args(["-j", "-c", "quota"]);
    let events = Events::documented().read(&run(client, "").expect(0).out);
    events.iter().find(|event| event["event"] == "quota").expect("an answer")["used"].clone()
}

#[test]
fn a_tree_goes_whole_and_each_name_is_told_once() {
    let (site, daemon) = site();
    let ran = site.script(daemon.port, "alice", "rm -rf tree").expect(0);
    assert!(ran.err.contains("400 files and 45 directories removed, 39.0 KiB freed"), "{ran:?}");
    assert_eq!(fs::read_dir(site.home_of("alice")).expect("a home").count(), 0);
    assert_eq!(used(&site, daemon.port), 0);
    site.script(daemon.port, "alice", "put -r tree").expect(0);
    let mut client = site.cli(daemon.port, "alice");
    client.args(["-j", "-c", "rm -rf tree"]);
    let mut paths = removed(&run(client, "").expect(0));
    assert_eq!(paths.len(), 445);
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 445);
}

#[test]
fn the_first_that_fails_is_named_and_what_went_by_then_is_told() {
    let (site, daemon) = site();
    let home = site.home_of("alice");
    // A name that no client could have given it, so that one directory does not become empty.
    fs::write(home.join("tree/d1/e15/a\tb"), "").expect("written");
    let mut client = site.cli(daemon.port, "alice");
    client.args(["-j", "-c", "rm -rf tree"]);
    let ran = run(client, "").expect(7);
    assert!(ran.out.contains("/tree/d1/e15 is not empty"), "{ran:?}");
    let gone = removed(&ran);
    assert!(gone.iter().all(|path| fs::symlink_metadata(home.join(&path[1..])).is_err()), "{gone:?}");
    assert!(gone.len() >= 400 && !gone.contains(&"/tree/d1/e15".to_owned()), "{}", gone.len());
    let left = walk(&home.join("tree"));
    assert_eq!(gone.len() + left, 446, "the one that cannot be listed is left as well");
}

/// How many names are there, with that of the top.
fn walk(top: &Path) -> usize {
    let inner = fs::read_dir(top).into_iter().flatten();
    1 + inner.map(|entry| walk(&entry.expect("an entry").path())).sum::<usize>()
}

/// A server that has 100 files in `/t1` and answers no removal before so many were asked for.
fn reluctant(hand: &mut Hand, waiting: &Mutex<Vec<(u64, String)>>) -> io::Result<Option<Then>> {
    match hand.op.as_str() {
        "stat" => hand.ok(json!({"entry": entry("t1", "dir", 0)})).map(Some),
        "list" => {
            let entries: Vec<_> = (0..100).map(|n| entry(&format!("ok{n}"), "file", 3)).collect();
            hand.list(&entries).map(Some)
        }
        "rm" => {
            let mut waiting = waiting.lock().expect("whole");
            waiting.push((hand.id, hand.path.clone()));
            if waiting.len() >= AHEAD {
                let (id, _) = waiting.remove(0);
                hand.reply(id, "ok", json!({"bytes": 3}))?;
            }
            Ok(Some(Then::Go))
        }
        "rmdir" => Ok(Some(Then::Go)),
        "mkdir" => hand.ok(json!({})).map(Some),
        _ => Ok(None),
    }
}

#[test]
fn what_somebody_else_removes_meanwhile_is_no_failure() {
    let gone = |hand: &mut Hand| hand.error("not_found", "no such file or directory").map(Some);
    let stage = Stage::answering(move |hand| match (hand.op.as_str(), hand.path.as_str()) {
        ("stat", _) => hand.ok(json!({"entry": entry("t1", "dir", 0)})).map(Some),
        ("list", "/t1") => {
            let dirs = [entry("d1", "dir", 0), entry("d2", "dir", 0)];
            let files = [entry("f1", "file", 3), entry("f2", "file", 3)];
            hand.list(&[dirs, files].concat()).map(Some)
        }
        ("rm", "/t1/f1") => hand.ok(json!({"bytes": 3})).map(Some),
        ("list", "/t1/d2") => hand.list(&[]).map(Some),
        ("list" | "rm", _) => gone(hand),
        ("rmdir", "/t1/d1" | "/t1/d2") => gone(hand),
        ("rmdir" | "mkdir", _) => hand.ok(json!({})).map(Some),
        _ => Ok(None),
    });
    let mut client = stage.site.cli(stage.evil.port, "alice");
    client.args(["-j", "-c", "rm -rf t1"]);
    assert_eq!(removed(&run(client, "").expect(0)), ["/t1/f1", "/t1"]);
    fs::create_dir(stage.site.path("work/t1")).expect("made");
    let mut client = stage.site.cli(stage.evil.port, "alice");
    client.args(["-c", "mirror --delete put t1"]);
    let ran = run(client, "").expect(0);
    assert!(ran.err.contains("1 removed") && !ran.err.contains("failed"), "{ran:?}");
}

#[test]
fn many_are_under_way_before_the_first_is_answered() {
    let waiting = Mutex::new(Vec::new());
    let stage = Stage::answering(move |hand| reluctant(hand, &waiting));
    let mut client = stage.site.cli(stage.evil.port, "alice");
    // The last ones are never answered, so that the client gives up; what counts is that it did not do so before.
    client.args(["--retries", "none", "--timeout", "2", "-j", "-c", "rm -rf t1"]);
    assert_eq!(removed(&run(client, "").expect(3)).len(), 100 - AHEAD + 1);
}

#[test]
fn a_mirror_does_not_wait_for_each_either() {
    let waiting = Mutex::new(Vec::new());
    let stage = Stage::answering(move |hand| reluctant(hand, &waiting));
    fs::create_dir(stage.site.path("work/t1")).expect("made");
    let mut client = stage.site.cli(stage.evil.port, "alice");
    client.args(["--retries", "none", "--timeout", "2", "-j", "-c", "mirror --delete put t1"]);
    let ran = run(client, "").expect(3);
    let events = Events::documented().read(&ran.out);
    let gone = events.iter().filter(|event| event["event"] == "removal").count();
    assert_eq!(gone, 100 - AHEAD + 1, "{ran:?}");
    let summary = events.iter().find(|event| event["event"] == "summary").expect("there is one");
    assert_eq!(summary["removed"], gone, "{ran:?}");
}

#[test]
fn ctrl_c_stops_what_is_under_way_and_what_went_is_told() {
    ctrl_c("rm -rf t1", "61 files removed, 183 B freed");
    ctrl_c("mirror --delete put t1", "Stopped after 61 were removed.");
}

fn ctrl_c(command: &str, told: &str) {
    let waiting = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&waiting);
    let stage = Stage::answering(move |hand| reluctant(hand, &waiting));
    fs::create_dir(stage.site.path("work/t1")).expect("made");
    let mut client = stage.site.cli(stage.evil.port, "alice");
    client.args(["-c", command]).stdout(Stdio::null()).stderr(Stdio::piped());
    let client = client.spawn().expect("it starts");
    eventually("the last ones are waited for", || {
        let waiting = seen.lock().expect("whole");
        waiting.len() == AHEAD - 1 && waiting.last().is_some_and(|(_, path)| path == "/t1/ok99")
    });
    kill_process(Pid::from_child(&client), Signal::INT).expect("it runs");
    let began = Instant::now();
    let ran: Ran = client.wait_with_output().expect("ours").into();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(ran.code == 130 && ran.err.contains(told), "{ran:?}");
}
