//! What idle sessions cost the daemon: logs in many times by session token, then reads the daemon's PSS, and its processor time while nothing happens.
//!
//! `idle_sessions PORT CA USER PASSWORD_FILE COUNT DAEMON_PID`, with a daemon that nobody has used and that allows COUNT + 1 connections.

use ftp_tests::crowd::{Crowd, address, allow_many};
use ftp_tests::process::Process;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// By then the clocks of the logins have run out as well, and nothing is left to look at.
const SETTLED: Duration = Duration::from_secs(16);
/// How long it is watched.
const WATCH: Duration = Duration::from_secs(10);

/// Proportional memory of a process, in KiB.
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
    allow_many();
    let empty = pss(pid);
    let crowd = Crowd::new(port.parse().expect("a port"), Path::new(ca));
    let count: u64 = count.parse().expect("a number");
    let password = std::fs::read_to_string(password).expect("readable");
    let mut first = crowd.enter(address(0)).expect("greeted");
    let answer = first.login(user, password.trim_end()).expect("an answer");
    let token = answer["ok"]["token"].as_str().expect("logged in").to_owned();
    let mut sessions = Vec::new();
    for n in 0..count {
        let mut session = crowd.enter(address(1 + n)).expect("greeted");
        session.send(1, json!({"op": "login", "user": user, "token": token})).expect("sent");
        let answer = session.message().expect("an answer");
        assert!(answer.get("ok").is_some(), "{answer}");
        session.send(2, json!({"op": "stat", "path": "/"})).expect("sent");
        session.message().expect("an answer");
        session.rest();
        sessions.push(session);
    }
    std::thread::sleep(SETTLED);
    let full = pss(pid);
    let process = Process(pid.parse().expect("a number"));
    let began = process.busy();
    std::thread::sleep(WATCH);
    let busy = process.busy() - began;
    println!(
        "{count} sessions: {empty} KiB before, {full} KiB after, {:.1} KiB each; {:.2} % of a processor while idle",
        (full as f64 - empty as f64) / count as f64,
        100.0 * busy.as_secs_f64() / WATCH.as_secs_f64()
    );
}
