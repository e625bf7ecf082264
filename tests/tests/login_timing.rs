//! Logins that are refused read and take the same, whether or not there is such a user. Alone in its program: other tests would be in the times.

use ftp_tests::site::Site;
use ftp_tests::wire::Wire;
use std::time::{Duration, Instant};

/// What the shortest times may differ by; answers come on a grid of 250 ms.
const NOISE: Duration = Duration::from_millis(150);
/// Noise only ever adds: a difference that is real is there in the shortest of however many.
const ROUNDS: usize = 10;

#[test]
fn a_wrong_password_and_an_unknown_user_read_and_take_the_same() {
    let site = Site::new();
    site.user("alice", "1M");
    let ca = site.path("certs/ca.pem");
    let mut least = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let mut texts = Vec::new();
        let logins = [("alice", "wrong"), ("nobody", "wrong"), ("no such name at all!", "x")];
        for ((user, password), least) in logins.into_iter().zip(&mut least) {
            // Each refusal comes from a fresh daemon, so that none is slowed down.
            let daemon = site.start();
            let mut wire = Wire::open(daemon.port, &ca).expect("open");
            let start = Instant::now();
            let answer = wire.login(user, password).expect("an answer");
            *least = start.elapsed().min(*least);
            assert_eq!(answer["error"]["code"], "login_refused");
            texts.push(answer["error"].to_string());
        }
        assert!(texts.iter().all(|text| *text == texts[0]), "they read the same: {texts:?}");
        if spread(&least) < NOISE {
            return;
        }
    }
    panic!("wrong password, unknown user, no user name: {least:?}");
}

fn spread(times: &[Duration]) -> Duration {
    let (shortest, longest) = (times.iter().min().expect("some"), times.iter().max().expect("some"));
    *longest - *shortest
}
