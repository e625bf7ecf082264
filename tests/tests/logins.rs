//! Logins: guessing is slowed down, and a storm of them holds nobody up.

use ftp_core::limits::HANDSHAKE;
use ftp_tests::site::{Site, eventually};
use ftp_tests::wire::Wire;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The deadline of a login.
const LOGIN: Duration = Duration::from_secs(15);

/// So many logins at once, for what is owed is paid off with time; each has to be refused.
fn refused_at_once(count: usize, port: u16, ca: &Path, login: &Value) {
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let mut wire = Wire::open(port, ca).expect("open");
                let answer = wire.ask(login.clone()).expect("an answer");
                assert!(answer.get("error").is_some(), "{answer}");
            });
        }
    });
}

#[test]
fn five_wrong_ones_slow_the_source_down() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    let ca = site.path("certs/ca.pem");
    let wrong = json!({"op": "login", "user": "alice", "password": "wrong"});
    refused_at_once(5, daemon.port, &ca, &wrong);
    let mut wire = Wire::open(daemon.port, &ca).expect("open");
    let answer = wire.login("alice", "password of alice").expect("an answer");
    assert_eq!(answer["error"]["code"], "busy", "{answer}");
    assert!(answer["error"]["retry_seconds"].as_u64().is_some_and(|seconds| seconds >= 5), "{answer}");
    eventually("each of them is in the log", || {
        let log = std::fs::read_to_string(site.path("var/log/login.log")).expect("a log");
        let refused =
            log.lines().filter(|line| line.contains("event=refused") && line.contains("user=alice"));
        let slowed =
            log.lines().filter(|line| line.contains("event=slowed") && line.contains("why=wrong_login"));
        refused.filter(|line| line.contains("ip=127.0.0.1")).count() >= 4 && slowed.count() == 1
    });
}

/// Who is asked for a password takes longer than a handshake may.
#[test]
fn who_types_slowly_is_a_guest_meanwhile() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    let mut wire = Wire::open(daemon.port, &site.path("certs/ca.pem")).expect("open");
    std::thread::sleep(HANDSHAKE + Duration::from_secs(1));
    let answer = wire.login("alice", "password of alice").expect("an answer");
    assert!(answer.get("ok").is_some(), "{answer}");
}

#[test]
fn tokens_of_an_earlier_daemon_are_no_guesses() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    let ca = site.path("certs/ca.pem");
    let old = json!({"op": "login", "user": "alice", "token": "00".repeat(32)});
    refused_at_once(8, daemon.port, &ca, &old);
    let mut wire = Wire::open(daemon.port, &ca).expect("open");
    let answer = wire.login("alice", "password of alice").expect("an answer");
    assert!(answer.get("ok").is_some(), "{answer}");
}

#[test]
fn two_hundred_logins_at_once_are_all_answered_and_hold_nobody_up() {
    let site = Site::new();
    site.user("alice", "1G");
    site.user("bob", "1G");
    let daemon = site.start();
    let ca = site.path("certs/ca.pem");
    ftp_tests::sample::file(&site.path("work/big.bin"), 1, 1 << 30);
    let mut pinger = Wire::open(daemon.port, &ca).expect("open");
    pinger.login("bob", "password of bob").expect("an answer");
    let mut transfer = site.cli(daemon.port, "alice");
    transfer
        .args(["-c", "put big.bin"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut transfer = transfer.spawn().expect("it starts");
    eventually("the transfer runs", || {
        std::fs::read_dir(site.path("var/users/alice/parts")).is_ok_and(|parts| parts.count() > 0)
    });
    let outcomes = Mutex::new(Vec::new());
    let mut pings = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let mut wire = Wire::open(daemon.port, &ca).expect("open");
                let start = Instant::now();
                let answer = wire.login("bob", "password of bob").expect("an answer within the deadline");
                let code = answer["error"]["code"].as_str().unwrap_or("ok").to_owned();
                outcomes.lock().expect("whole").push((code, start.elapsed()));
            });
        }
        while outcomes.lock().expect("whole").len() < 200 {
            let start = Instant::now();
            pinger.ask(json!({"op": "ping"})).expect("an answer");
            pings.push(start.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let outcomes = outcomes.into_inner().expect("whole");
    let count = |code: &str| outcomes.iter().filter(|(seen, _)| seen == code).count();
    println!(
        "logins: {} ok, {} busy; {} pings, the longest {:?}",
        count("ok"),
        count("busy"),
        pings.len(),
        pings.iter().max()
    );
    assert_eq!(count("ok") + count("busy"), 200, "{outcomes:?}");
    assert!(count("ok") > 0 && count("busy") > 0);
    // The grid and the network come on top of the deadline.
    assert!(outcomes.iter().all(|(_, took)| *took < LOGIN + Duration::from_secs(3)), "{outcomes:?}");
    assert_eq!(transfer.wait().expect("ours").code(), Some(0), "the transfer ended well meanwhile");
}

#[test]
fn a_client_that_has_to_wait_is_told_for_how_long() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    let ca = site.path("certs/ca.pem");
    std::thread::scope(|scope| {
        for _ in 0..7 {
            scope.spawn(|| {
                Wire::open(daemon.port, &ca).expect("open").login("alice", "wrong").expect("an answer")
            });
        }
    });
    let start = Instant::now();
    let ran = site.script(daemon.port, "alice", "pwd").expect(1);
    assert!(ran.err.contains("try again in") && start.elapsed() < Duration::from_secs(12), "{ran:?}");
}
