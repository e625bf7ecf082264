//! Many small files come here: what is asked for them, and a disk that does not take all of them.

use ftp_tests::evil::{Then, entry};
use ftp_tests::json::Events;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Ran, Site, run};
use ftp_tests::stage::Stage;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Files of the tree.
const FILES: u64 = 400;
/// The one that is larger than the others.
const LARGE: &str = "f150";

fn site() -> (Site, Daemon) {
    let site = Site::new();
    site.user("alice", "none");
    let tree = site.home_of("alice").join("tree");
    fs::create_dir_all(&tree).expect("made");
    for number in 0..FILES {
        let path = tree.join(format!("f{number:03}"));
        let len = if path.ends_with(LARGE) { 100_000 } else { 900 };
        sample::file(&path, number, if number % 9 == 4 { 0 } else { len });
    }
    let daemon = site.start();
    (site, daemon)
}

/// Downloads the tree below what a shell does first.
fn get(site: &Site, daemon: &Daemon, shell: &[&str], first: &str) -> (Ran, Vec<Value>) {
    let client = site.cli(daemon.port, "alice");
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["bash", "-c", first, "bash"]);
    command.arg(client.get_program()).args(client.get_args()).args(["-j", "-c", "get -r -o back/tree tree"]);
    command.current_dir(site.work());
    command.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = run(command, "");
    let events = Events::documented().read(&ran.out);
    (ran, events)
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

fn number(events: &[Value], field: &str) -> u64 {
    of(events, "summary")[0][field].as_u64().expect("a number")
}

/// What is here is whole, and is what was told to be done.
fn check(site: &Site, events: &[Value], here: &Path) -> u64 {
    let (whole, here) = (sample::tree(&site.home_of("alice").join("tree")), sample::tree(here));
    for (path, hash) in &here {
        assert_eq!(whole.get(path), Some(hash), "{}", path.display());
    }
    let mut done: Vec<_> =
        of(events, "done").iter().map(|event| event["file"].as_str().expect("text").to_owned()).collect();
    done.sort_unstable();
    let names: Vec<_> = here.keys().map(|path| format!("/tree/{}", path.display())).collect();
    assert_eq!(done, names);
    assert_eq!(number(events, "verified"), here.len() as u64);
    here.len() as u64
}

#[test]
fn one_that_cannot_be_written_is_named_and_the_others_go_on() {
    let (site, daemon) = site();
    fs::create_dir(site.path("work/back")).expect("made");
    let (ran, events) = get(&site, &daemon, &["env"], "trap '' XFSZ; ulimit -f 50; exec \"$@\"");
    let failed = of(&events, "failed");
    assert!(failed.len() == 1 && failed[0]["file"] == format!("tree/{LARGE}"), "{failed:?} {ran:?}");
    let told = failed[0].to_string();
    assert!(told.contains(&format!("back/tree/{LARGE}: cannot write it")), "{told}");
    assert_eq!(check(&site, &events, &site.path("work/back/tree")), FILES - 1);
    assert_eq!(number(&events, "failed"), 1);
}

#[test]
fn a_full_disk_ends_it_with_the_first_that_does_not_fit_and_keeps_what_was_whole() {
    let (site, daemon) = site();
    for folder in ["back", "kept"] {
        fs::create_dir(site.path("work").join(folder)).expect("made");
    }
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    // 64 pages, of which folders take none; what is there is gone with the mount.
    let first =
        "mount -t tmpfs -o size=256k none back || exit 77; \"$@\"; code=$?; cp -a back/tree kept; exit $code";
    let (ran, events) = get(&site, &daemon, &unshare, first);
    if ran.code == 77 || ran.err.starts_with("unshare:") {
        println!("no mount can be made here: {}", ran.err);
        return;
    }
    let ran = ran.expect(8);
    let here = check(&site, &events, &site.path("work/kept/tree"));
    assert!((64..FILES - 100).contains(&here), "{here}: {ran:?}");
    assert_eq!((number(&events, "failed"), of(&events, "failed").len()), (1, 0));
    let missing = (0..FILES).map(|number| format!("f{number:03}"));
    let first = missing.clone().find(|name| !site.path("work/kept/tree").join(name).exists()).expect("one");
    let error = of(&events, "error")[0];
    let message = error["message"].as_str().expect("text");
    assert!(message.contains(&format!("tree/{first}: cannot write it")), "{first}: {error}");
    // With room, the rest comes.
    fs::remove_dir(site.path("work/back")).expect("empty");
    fs::rename(site.path("work/kept"), site.path("work/back")).expect("renamed");
    let (ran, events) = get(&site, &daemon, &["env"], "exec \"$@\"");
    ran.expect(0);
    assert_eq!((number(&events, "verified"), number(&events, "identical")), (FILES - here, here));
    assert!(sample::tree(&site.path("work/back/tree")) == sample::tree(&site.home_of("alice").join("tree")));
}

#[test]
fn a_directory_without_others_in_it_is_listed_once() {
    for (is_flat, lists) in [(true, 1), (false, 4)] {
        for command in ["get -r t1", "mirror get t1"] {
            let listed = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&listed);
            let stage = Stage::answering(move |hand| match hand.op.as_str() {
                "stat" => hand.ok(json!({"entry": entry("t1", "dir", 0)})).map(Some),
                "list" => {
                    counter.fetch_add(1, Ordering::Relaxed);
                    let mut entries = vec![entry("a", "file", 3), entry("b", "file", 3)];
                    if !is_flat && hand.depth() == 1 {
                        entries.push(entry("sub", "dir", 0));
                    }
                    hand.list(&entries).map(Some)
                }
                "get" => hand.error("not_found", "gone by now").map(Some),
                _ => Ok(None),
            });
            let mut client = stage.site.cli(stage.evil.port, "alice");
            client.current_dir(&stage.arena.down).args(["-c", command]);
            let ran = run(client, "").expect(6);
            let files = if is_flat { "2 files" } else { "4 files" };
            assert!(ran.err.contains(files), "{command}: {ran:?}");
            assert_eq!(listed.load(Ordering::Relaxed), lists, "{command}: {ran:?}");
        }
    }
}

/// A server that answers none of them before it was asked for all.
#[test]
fn directories_beside_each_other_are_listed_together() {
    const DIRS: usize = 20;
    for (command, rounds) in [("get -r t1", 2), ("du t1", 1), ("get -r t1; verify -r t1", 4)] {
        let (asked, inner) = (Mutex::new(Vec::new()), Arc::new(Mutex::new(Vec::new())));
        let found = Arc::clone(&inner);
        let stage = Stage::answering(move |hand| match (hand.op.as_str(), hand.depth()) {
            ("stat", _) => hand.ok(json!({"entry": entry("t1", "dir", 0)})).map(Some),
            ("list", 1) => {
                let dirs: Vec<_> = (0..DIRS).map(|n| entry(&format!("d{n}"), "dir", 0)).collect();
                hand.list(&dirs).map(Some)
            }
            ("list", 2) => {
                let mut asked = asked.lock().expect("whole");
                asked.push((hand.id, hand.leaf().replace('d', "in")));
                if asked.len() == DIRS {
                    for (id, name) in asked.drain(..) {
                        hand.reply(id, "page", json!({"entries": [entry(&name, "dir", 0)]}))?;
                        hand.reply(id, "ok", json!({"entries": 1}))?;
                    }
                }
                Ok(Some(Then::Go))
            }
            ("list", _) => {
                found.lock().expect("whole").push(hand.path.clone());
                hand.list(&[]).map(Some)
            }
            // Nobody waits so long for an answer.
            ("ping", _) => Ok(Some(Then::End)),
            _ => Ok(None),
        });
        let mut client = stage.client();
        client.args(["-c", command]);
        let ran = run(client, "").expect(0);
        let mut inner = inner.lock().expect("whole").clone();
        inner.sort_unstable();
        let mut want: Vec<_> = (0..rounds * DIRS).map(|n| format!("/t1/d{0}/in{0}", n % DIRS)).collect();
        want.sort_unstable();
        assert_eq!(inner, want, "{command}: {ran:?}");
    }
}
