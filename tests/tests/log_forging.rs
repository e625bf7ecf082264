//! Names that try to be lines of the log, or somebody else's address in one. `FORGED_NAMES` says how many.

use ftp_proto::printable::is_printable;
use ftp_tests::binaries::root;
use ftp_tests::sample;
use ftp_tests::site::{Site, eventually, run};
use ftp_tests::wire::Wire;
use serde_json::json;
use std::fs;
use std::process::Command;

const USUAL: u64 = 10_000;

/// What names are made of.
const PIECES: &[&str] = &[
    "\n2026-11-25T10:00:00.000Z event=refused ip=203.0.113.9 port=1 why=wrong_password code=login_refused user=bob",
    " event=refused ip=203.0.113.9 port=1 why=wrong_password code=login_refused user=bob",
    "ip=203.0.113.9",
    " ip=203.0.113.9 ",
    "203.0.113.9",
    "user=",
    "user=\"bob\"",
    "\"",
    "\\",
    "\\\"",
    "\\\\\"",
    "=",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\0",
    "\u{1b}[2K\u{1b}[1G",
    "\u{202e}",
    "\u{3000}",
    "\u{a0}",
    "\u{feff}",
    "\t",
    "<HOST>",
    "%s%n",
    "$",
    "bob",
    "\u{e9}",
];

fn name(seed: u64) -> String {
    let piece =
        |n: u64| PIECES[usize::try_from(sample::number(seed * 16 + n, PIECES.len() as u64)).expect("few")];
    (0..1 + sample::number(seed * 16 + 15, 7)).map(piece).collect()
}

#[test]
fn no_name_forges_a_line_or_gives_somebody_else_the_blame() {
    let names = sample::count("FORGED_NAMES", USUAL);
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    let ca = site.path("certs/ca.pem");
    let mut sent = 0_u64;
    let mut wire = Wire::open(daemon.port, &ca).expect("open");
    while sent < names {
        let password = if sent.is_multiple_of(2) { "password" } else { "token" };
        match wire.ask(json!({"op": "login", "user": name(sent), password: "wrong"})) {
            Ok(answer) => {
                let code = answer["error"]["code"].as_str().unwrap_or("ok");
                assert!(["login_refused", "busy"].contains(&code), "{answer}");
                sent += 1;
            }
            // A guest has 15 s.
            Err(_) => wire = Wire::open(daemon.port, &ca).expect("open"),
        }
    }
    let log = site.path("var/log/login.log");
    let read = || fs::read_to_string(&log).expect("a log");
    // And one when all that is owed begins to be waited for.
    eventually("each is in the log", || read().matches('\n').count() as u64 > names);
    let text = read();
    let (slowed, refused): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains(" event=slowed "));
    assert!(matches!(slowed[..], [line] if line.ends_with(" why=wrong_login")), "{slowed:?}");
    assert_eq!(refused.len() as u64, names, "one line each, and no more");
    for line in &refused {
        assert!(is_printable(line), "{line:?}");
        let (front, _) = line.split_once(" user=").expect("the name is last");
        let mut words = front.split(' ').skip(1);
        assert!(words.next() == Some("event=refused") && words.next() == Some("ip=127.0.0.1"), "{line:?}");
        assert_eq!(words.count(), 3, "port, why and code: {line:?}");
    }

    // The shipped filter finds each of them, and the right address; what is no failure it leaves alone.
    let found = |log: &str| {
        let mut command = Command::new("python3");
        command.arg(root().join("tests/python/log_filter.py"));
        command.arg(root().join("etc/fail2ban/filter.d/ftp-daemon.conf")).arg(log);
        run(command, "").expect(0).out
    };
    let all = found(log.to_str().expect("UTF-8"));
    assert_eq!(all.lines().filter(|ip| *ip == "127.0.0.1").count() as u64, names);
    assert_eq!(all.lines().filter(|ip| *ip == "-").count(), 1);
    assert_eq!(all.lines().count() as u64, names + 1);

    let others = site.path("others.log");
    let (refused, slowed) = (refused[0], slowed[0]);
    let good = [
        slowed.to_owned(),
        "2026-11-25T10:00:00.000Z event=login ip=192.0.2.1 port=1 by=password took=0.500 user=alice".to_owned(),
        "2026-11-25T10:00:00.000Z event=logout ip=192.0.2.1 port=1 why=closed after=1.000 received=0 sent=0 user=alice".to_owned(),
        "2026-11-25T10:00:00.000Z event=refused ip=192.0.2.1 port=1 why=queue_full code=busy user=alice".to_owned(),
        format!("{refused} event=refused ip=203.0.113.9 port=1 why=wrong_password code=login_refused user=x"),
        format!("x {refused}"),
    ];
    fs::write(&others, good.join("\n") + "\n").expect("written");
    assert_eq!(found(others.to_str().expect("UTF-8")), "-\n".repeat(good.len()));
    let v6 = "2026-11-25T10:00:00.000Z event=refused ip=2001:db8::1 port=1 why=unknown_user code=login_refused user=x";
    fs::write(&others, format!("{v6}\n")).expect("written");
    assert_eq!(found(others.to_str().expect("UTF-8")), "2001:db8::1\n");
    println!("trials: {names}");
}
