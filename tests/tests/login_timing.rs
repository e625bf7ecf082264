//! Logins that are refused read and take the same, whether or not there is such a user. Alone in its program: other tests would be in the times.

use ftp_tests::site::Site;
use ftp_tests::wire::Wire;
use std::time::{Duration, Instant};

#[test]
fn a_wrong_password_and_an_unknown_user_read_and_take_the_same() {
    // Each refusal comes over a fresh daemon, so that none is slowed down.
    let site = Site::new();
    site.user("alice", "1M");
    let ca = site.path("certs/ca.pem");
    let mut seen: Vec<(String, Vec<Duration>)> = Vec::new();
    for (user, password) in [("alice", "wrong"), ("nobody", "wrong"), ("no such name at all!", "x")] {
        let mut times = Vec::new();
        let mut text = String::new();
        for _ in 0..3 {
            let daemon = site.start();
            let mut wire = Wire::open(daemon.port, &ca).expect("open");
            let start = Instant::now();
            let answer = wire.login(user, password).expect("an answer");
            times.push(start.elapsed());
            text = answer["error"].to_string();
            assert_eq!(answer["error"]["code"], "login_refused");
        }
        seen.push((text, times));
    }
    let least: Vec<_> = seen.iter().map(|(_, times)| *times.iter().min().expect("three")).collect();
    for (text, _) in &seen {
        assert_eq!(text, &seen[0].0, "they read the same");
    }
    // Answers come on a grid of 250 ms, so that what is left is noise; without the check of a password there would be none to wait for.
    let (shortest, longest) = (least.iter().min().expect("some"), least.iter().max().expect("some"));
    assert!(*longest - *shortest < Duration::from_millis(150), "{least:?}");
}
