//! What idle sessions cost the daemon: logs in many times and reads the daemon's PSS before and after.
//!
//! `idle_sessions PORT CA USER PASSWORD_FILE COUNT DAEMON_PID`

use ftp_tests::wire::Wire;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

fn pss(pid: &str) -> u64 {
    let rollup =
        std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the daemon runs, and is ours");
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, ca, user, password, count, pid] = arguments.as_slice() else {
        panic!("idle_sessions PORT CA USER PASSWORD_FILE COUNT DAEMON_PID");
    };
    let port = port.parse().expect("a port");
    let count: u64 = count.parse().expect("a number");
    let password = std::fs::read_to_string(password).expect("readable");
    let mut first = Wire::open(port, Path::new(ca)).expect("open");
    let answer = first.login(user, password.trim_end()).expect("an answer");
    let token = answer["ok"]["token"].as_str().expect("logged in").to_owned();
    std::thread::sleep(Duration::from_secs(2));
    let before = pss(pid);
    let mut sessions = Vec::new();
    for _ in 0..count {
        let mut wire = Wire::open(port, Path::new(ca)).expect("open");
        let answer = wire.ask(json!({"op": "login", "user": user, "token": token})).expect("an answer");
        assert!(answer.get("ok").is_some(), "{answer}");
        wire.ask(json!({"op": "stat", "path": "/"})).expect("an answer");
        sessions.push(wire);
    }
    std::thread::sleep(Duration::from_secs(2));
    let after = pss(pid);
    println!(
        "{count} sessions: {before} KiB before, {after} KiB after, {} KiB each",
        (after - before) / count
    );
}
