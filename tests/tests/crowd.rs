//! A crowd at the door: hundreds of connections that say nothing.

use ftp_core::limits::CONNECTIONS_IN_DEBT;
use ftp_tests::accounts::{self, PASSWORD};
use ftp_tests::crowd::Crowd;
use ftp_tests::proxy::Proxy;
use ftp_tests::site::{Site, eventually};
use ftp_tests::wire::Wire;
use serde_json::json;
use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Whether the daemon has not closed it, and has said nothing.
fn is_in(mut socket: &TcpStream) -> bool {
    socket.set_nonblocking(true).expect("set");
    match socket.read(&mut [0; 100]) {
        Err(error) => error.kind() == ErrorKind::WouldBlock,
        Ok(n) => {
            assert_eq!(n, 0, "it was told something");
            false
        }
    }
}

#[test]
fn a_crowd_that_says_nothing_is_thinned_out_and_who_is_logged_in_does_not_notice() {
    let site = Site::with_config(
        "limits: (guests: (start: 20, percent: 30, full: 40), penalty_exempt: [\"127.0.0.1\"]),",
    );
    site.set_accounts(&accounts::of(["alice"]));
    let daemon = site.start();
    let mut alice = Wire::open(daemon.port, &site.path("certs/ca.pem")).expect("open");
    let answer = alice.login("alice", PASSWORD).expect("an answer");
    assert!(answer["ok"].is_object(), "{answer}");
    let crowd: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(("127.0.0.1", daemon.port)).expect("taken by the kernel"))
        .collect();
    let inside = || crowd.iter().filter(|socket| is_in(socket)).count();
    eventually("40 are in at most", || inside() <= 40);
    // The first twenty are not turned away, and after so many tries it is fuller than that: the chance of none in 280 at 30 % is nil.
    let inside = inside();
    println!("{inside} of 300 are in");
    assert!(inside > 20, "{inside}");
    let answer = alice.ask(json!({"op": "stat", "path": "/"})).expect("served");
    assert!(answer["ok"].is_object(), "{answer}");
    daemon.wait_for("connection turned away");
    drop(crowd);
    eventually("somebody gets in again", || site.script(daemon.port, "alice", "pwd").code == 0);
}

/// A crowd that has to wait for its wrong passwords cannot fill the place in the meantime.
#[test]
fn an_address_in_debt_has_few_connections() {
    let site = Site::new();
    site.set_accounts(&accounts::of(["alice"]));
    let daemon = site.start();
    let crowd = Crowd::new(daemon.port, &site.path("certs/ca.pem"));
    let there = Ipv4Addr::new(127, 0, 0, 20);
    let silent = || -> Vec<TcpStream> { (0..30).map(|_| crowd.dial(there).expect("open")).collect() };
    let before = silent();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(before.iter().filter(|socket| is_in(socket)).count(), 30, "it owes nothing yet");
    drop(before);
    // What leads nowhere costs a second each.
    eventually("it owes", || {
        let guest = crowd.enter(there).and_then(|mut guest| guest.login("alice", PASSWORD));
        guest.is_ok_and(|answer| answer["error"]["code"] == "busy")
    });
    let after = silent();
    eventually("few stay", || after.iter().filter(|socket| is_in(socket)).count() <= CONNECTIONS_IN_DEBT);
    let mut elsewhere = crowd.enter(Ipv4Addr::new(127, 0, 0, 21)).expect("open");
    assert!(elsewhere.login("alice", PASSWORD).expect("an answer")["ok"].is_object());
}

#[test]
fn a_client_that_is_turned_away_knocks_again() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    let wire = Proxy::new(daemon.port);
    // The first two are closed before a byte comes from the daemon.
    wire.cut_answer_at(0, true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            wire.cut_answer_at(u64::MAX, false);
        });
        site.script(wire.port, "alice", "pwd").expect(0);
    });
    wire.cut_answer_at(0, true);
    let ran = site.script(wire.port, "alice", "pwd").expect(3);
    assert!(ran.err.contains("closes connections at once") && ran.err.contains("too many"), "{ran:?}");
}
