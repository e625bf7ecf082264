//! A crowd at the door: hundreds of connections that say nothing.

use ftp_tests::accounts::{self, PASSWORD};
use ftp_tests::site::{Site, eventually};
use ftp_tests::wire::Wire;
use serde_json::json;
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;

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
