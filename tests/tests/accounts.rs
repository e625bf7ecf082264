//! Changes of the accounts beside a running daemon: who is removed is out at once, a bad file changes nothing, and an administrator who is killed
//! leaves the old file or the new one. `REMOVALS` and `ADMIN_KILLS` say how often.

use ftp_tests::accounts::{self, Accounts, PASSWORD, replace, spelled};
use ftp_tests::binaries::binary;
use ftp_tests::sample;
use ftp_tests::site::{Site, eventually};
use ftp_tests::wire::Wire;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is promised to an administrator who removes somebody.
const OUT: Duration = Duration::from_secs(1);
/// That many daemons have their users removed at once.
const DAEMONS: u64 = 4;

fn login(site: &Site, port: u16, user: &str) -> Wire {
    let mut wire = Wire::open(port, &site.path("certs/ca.pem")).expect("open");
    let answer = wire.login(user, PASSWORD).expect("an answer");
    assert!(answer["ok"]["token"].is_string(), "{user}: {answer}");
    wire
}

fn is_alive(wire: &mut Wire) -> bool {
    wire.ask(json!({"op": "ping"})).is_ok_and(|answer| answer.get("ok").is_some())
}

#[test]
fn whoever_is_removed_or_changed_is_out_within_a_second_and_nobody_else() {
    let count = sample::count("REMOVALS", 100);
    // Each daemon has some of them: what takes the time is to wait.
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let share = count.div_ceil(DAEMONS).max(1);
        let daemons = (0..count).step_by(usize::try_from(share).expect("few"));
        let daemons: Vec<_> =
            daemons.map(|first| scope.spawn(move || removals(first..(first + share).min(count)))).collect();
        daemons.into_iter().flat_map(|daemon| daemon.join().expect("all are out")).collect()
    });
    times.sort();
    let late = times.iter().filter(|time| **time > OUT).count();
    println!("trials: {}", times.len());
    println!("{count} removals: the median is {:?}, the longest {:?}", times[times.len() / 2], times.last());
    // A machine that is busy with something else may be late now and then.
    assert!(
        late <= times.len() / 25 && times.last().is_some_and(|last| *last < 5 * OUT),
        "{late} late: {times:?}"
    );
}

/// Removes or changes users of a daemon, one after the other; gives how long each was in still.
fn removals(numbers: Range<u64>) -> Vec<Duration> {
    let site = Site::new();
    let names: Vec<String> = numbers.clone().map(|number| format!("user{number}")).collect();
    let everybody = names.iter().map(String::as_str).chain(["bystander"]);
    let mut accounts = accounts::of(everybody.clone());
    site.set_accounts(&accounts);
    let daemon = site.start();
    let mut wires: Vec<Wire> = everybody.map(|name| login(&site, daemon.port, name)).collect();
    let mut bystander = wires.pop().expect("one more than are removed");
    let mut times = Vec::new();
    for ((number, mut wire), name) in numbers.zip(wires).zip(&names) {
        if number % 3 == 0 {
            let begin =
                wire.send(json!({"op": "put", "path": "/f", "size": 1_000_000})).and_then(|_| wire.message());
            assert!(begin.expect("an answer").get("begin").is_some());
        }
        std::thread::sleep(Duration::from_millis(sample::number(number, 300)));
        match number % 4 {
            0 | 1 => drop(accounts.remove(name)),
            // Another account of the same name.
            _ => accounts.get_mut(name).expect("there").0 += 1_000_000,
        }
        let start = Instant::now();
        site.set_accounts(&accounts);
        let end = wire.until_closed();
        times.push(start.elapsed());
        assert!(end.contains("not_logged_in") && end.contains("closed"), "{name}: {end}");
        // Who is gone would cost the tests' address a wait.
        if number % 4 >= 2 {
            let mut again = Wire::open(daemon.port, &site.path("certs/ca.pem")).expect("open");
            assert!(
                again.login(name, PASSWORD).expect("an answer").get("ok").is_some(),
                "{name} is another now"
            );
        }
        assert!(is_alive(&mut bystander), "nobody else is out");
    }
    times
}

#[test]
fn another_quota_holds_within_a_second_and_ends_no_session() {
    let site = Site::new();
    let mut accounts = accounts::of(["alice"]);
    site.set_accounts(&accounts);
    let daemon = site.start();
    let (mut session, mut upload) = (login(&site, daemon.port, "alice"), login(&site, daemon.port, "alice"));
    upload.send(json!({"op": "put", "path": "/f", "size": 1_000_000})).expect("open");
    assert!(upload.message().expect("an answer").get("begin").is_some());
    for quota in [Some(5_000_000), Some(1000), None, Some(2_000_000)] {
        accounts.get_mut("alice").expect("there").1 = quota;
        site.set_accounts(&accounts);
        let now = |session: &mut Wire| session.ask(json!({"op": "info"})).expect("an answer")["ok"].clone();
        eventually("the quota is another", || now(&mut session)["account"]["quota"] == json!(quota));
        assert!(is_alive(&mut upload), "an upload that had its room goes on");
    }
    let full = session.ask(json!({"op": "put", "path": "/g", "size": 1_000_001})).expect("an answer");
    assert_eq!(full["error"]["code"], "quota_exceeded", "what the upload has set aside counts: {full}");
}

/// Everything that can be in the place of a good file.
fn bad_files(good: &str) -> Vec<String> {
    let cut = |seed| {
        let at = usize::try_from(sample::number(seed, good.trim_end().len() as u64)).expect("small");
        good[..at].to_owned()
    };
    let mut files: Vec<String> = (0..20).map(cut).collect();
    files.extend([
        String::new(),
        "garbage".to_owned(),
        "\0".repeat(4096),
        good.replace("version: 1", "version: 2"),
        good.replace("quota: None", "quota: Nobody"),
        good.replace("\"alice\"", "\"../alice\""),
        good.replace("\"bob\"", "\"alice\""),
        good.replace("ln=10", "ln=63"),
        format!("{good}{good}"),
        format!("{good}{}", " ".repeat(4 * 1024 * 1024)),
    ]);
    files
}

#[test]
fn a_bad_user_file_changes_nothing_and_is_told_once() {
    let site = Site::new();
    let accounts = accounts::of(["alice", "bob"]);
    site.set_accounts(&accounts);
    let daemon = site.start();
    let mut session = login(&site, daemon.port, "alice");
    let told = || daemon.log().matches("the user file is bad; the old one stays").count();
    let mut most = 0;
    for bad in bad_files(&spelled(&accounts)) {
        replace(&site.user_file(), &bad);
        most += 1;
        eventually("it is told", || told() == most);
    }
    for (what, make) in [
        (
            "others may read it",
            (|site| {
                fs::set_permissions(site.user_file(), fs::Permissions::from_mode(0o644)).expect("ours");
            }) as fn(&Site),
        ),
        ("it is a folder", |site| {
            fs::remove_file(site.user_file()).expect("there");
            fs::create_dir(site.user_file()).expect("made");
        }),
        ("it is a link", |site| {
            fs::remove_dir(site.user_file()).expect("there");
            fs::write(site.path("elsewhere"), "(version: 1, users: {})").expect("written");
            symlink(site.path("elsewhere"), site.user_file()).expect("a link");
        }),
    ] {
        make(&site);
        most += 1;
        eventually(what, || told() >= most);
    }
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(told(), most, "each is told once: {}", daemon.log());
    assert!(is_alive(&mut session));
    assert!(is_alive(&mut login(&site, daemon.port, "bob")), "the old accounts hold");
    fs::remove_file(site.user_file()).expect("a link");
    site.set_accounts(&accounts::of(["carl"]));
    assert!(session.until_closed().contains("not_logged_in"), "a good file is taken");
    assert!(is_alive(&mut login(&site, daemon.port, "carl")));
}

/// Some editors move the old file away before they write the new one.
#[test]
fn a_file_that_is_away_for_a_moment_takes_nobody_out() {
    let site = Site::new();
    site.set_accounts(&accounts::of(["alice"]));
    let daemon = site.start();
    let mut session = login(&site, daemon.port, "alice");
    for _ in 0..15 {
        fs::rename(site.user_file(), site.path("var/users.ron~")).expect("moved");
        std::thread::sleep(Duration::from_millis(100));
        fs::rename(site.path("var/users.ron~"), site.user_file()).expect("moved");
        std::thread::sleep(Duration::from_millis(670));
    }
    assert!(is_alive(&mut session));
    fs::remove_file(site.user_file()).expect("there");
    let start = Instant::now();
    assert!(session.until_closed().contains("not_logged_in"), "away for good");
    assert!(start.elapsed() < 5 * OUT);
}

fn quotas(site: &Site) -> Value {
    let view = site.admin(&["view", "--json"], "").expect(0);
    serde_json::from_str(&view.out).expect("JSON")
}

#[test]
fn an_administrator_who_is_killed_leaves_the_old_file_or_the_new_one() {
    let kills = sample::count("ADMIN_KILLS", 300);
    let site = Site::new();
    let names: Vec<String> = (0..50).map(|number| format!("user{number}")).collect();
    let mut accounts: Accounts = accounts::of(names.iter().map(String::as_str));
    accounts.insert("changed".to_owned(), (1000, Some(1000)));
    site.set_accounts(&accounts);
    let daemon = site.start();
    let mut uploads: Vec<Wire> = names
        .iter()
        .map(|name| {
            let mut wire = login(&site, daemon.port, name);
            wire.send(json!({"op": "put", "path": "/f", "size": 1_000_000})).expect("open");
            assert!(wire.message().expect("an answer").get("begin").is_some());
            wire
        })
        .collect();
    let others = |view: &Value| -> Vec<Value> {
        view.as_array().expect("a list").iter().filter(|user| user["user"] != "changed").cloned().collect()
    };
    let quota = |view: &Value| -> u64 {
        let changed = view.as_array().expect("a list").iter().find(|user| user["user"] == "changed");
        changed.expect("there")["quota"].as_u64().expect("a number")
    };
    let before = quotas(&site);
    assert_eq!(others(&before).len(), 50);
    let (mut now, mut kept, mut changed, mut leftovers) = (quota(&before), 0, 0, BTreeSet::new());
    // How long it takes when nobody kills it.
    let start = Instant::now();
    site.admin(&["setup", "changed", "--quota", "1001", "--yes"], "").expect(0);
    now = now.max(1001);
    let takes = start.elapsed();
    for round in 0..kills {
        let want = 2000 + round;
        let mut admin = Command::new(binary("ftp-admin"));
        admin.arg("-c").arg(site.config()).args(["setup", "changed", "--quota", &want.to_string(), "--yes"]);
        let mut admin = admin
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let wait = u64::try_from(takes.as_micros()).expect("short") * 5 / 4;
        std::thread::sleep(Duration::from_micros(sample::number(round, wait)));
        // Ours until it is waited for, so that the number is nobody else's.
        kill_process(Pid::from_child(&admin), Signal::KILL).expect("ours");
        admin.wait().expect("ours");
        let view = quotas(&site);
        let is = quota(&view);
        assert!(is == now || is == want, "{is} is neither {now} nor {want}");
        if is == now {
            kept += 1
        } else {
            changed += 1
        }
        now = is;
        leftovers.extend(
            fs::read_dir(site.path("var")).expect("there").map(|entry| entry.expect("an entry").file_name()),
        );
        if round % 50 == 49 {
            assert_eq!(others(&view).len(), 50, "all others are there");
            assert!(uploads.iter_mut().all(is_alive), "nobody's upload is cut");
        }
    }
    println!("trials: {kills}");
    println!("{kills} kills: {kept} left the old file, {changed} the new one; seen: {leftovers:?}");
    assert!(kept > 0 && changed > 0, "killed before and after: {kept} {changed}");
    let last = site.admin(&["setup", "changed", "--quota", "77", "--yes"], "").expect(0);
    assert_eq!(quota(&quotas(&site)), 77, "what was left is in nobody's way: {last:?}");
    assert!(
        uploads.iter_mut().all(is_alive) && !daemon.log().contains("the user file is bad"),
        "{}",
        daemon.log()
    );
}
