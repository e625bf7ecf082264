//! Logins that are refused read and take the same, whether or not there is such a user. Alone in its program: other tests would be in the times.

use ftp_core::account::password::{Cost, PasswordHash};
use ftp_proto::message::Secret;
use ftp_tests::accounts::{self, HASH, PASSWORD};
use ftp_tests::ranks::{SURE, deviation};
use ftp_tests::site::Site;
use ftp_tests::wire::Wire;
use std::thread;
use std::time::Instant;

#[test]
fn a_wrong_password_and_an_unknown_user_read_the_same() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    let mut texts = Vec::new();
    for (user, password) in [("alice", "wrong"), ("nobody", "wrong"), ("no such name at all!", "x")] {
        let mut wire = Wire::open(daemon.port, &site.path("certs/ca.pem")).expect("open");
        let answer = wire.login(user, password).expect("an answer");
        assert_eq!(answer["error"]["code"], "login_refused");
        texts.push(answer["error"].to_string());
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

/// Guesses at names that there are, and as many at others; more of them see less of a difference.
const GUESSES: usize = 100;
/// Connections that guess at once. Their hashes are all done before the first point of the grid.
const GUESSERS: usize = 4;
/// What a hash costs here: some 15 ms, far more than the refusals are spread by.
const COST: Cost = Cost { log_n: 12 };

/// How long a wrong login takes to be refused, in milliseconds.
fn refusal(port: u16, ca: &std::path::Path, user: &str) -> f64 {
    let mut wire = Wire::open(port, ca).expect("open");
    let start = Instant::now();
    let answer = wire.login(user, "wrong").expect("an answer");
    let took = start.elapsed();
    assert_eq!(answer["error"]["code"], "login_refused", "{answer}");
    took.as_secs_f64() * 1000.0
}

#[test]
fn by_their_times_known_names_cannot_be_told_from_others() {
    let guesses = std::env::var("LOGIN_GUESSES").map_or(GUESSES, |text| text.parse().expect("a number"));
    let site = Site::with_config("limits: (penalty_exempt: [\"127.0.0.1\"]),");
    let known: Vec<String> = (0..guesses).map(|n| format!("known-{n}")).collect();
    let hash = PasswordHash::new(&Secret::new(PASSWORD.into()), COST).expect("a hash");
    let text = accounts::spelled(&accounts::of(known.iter().map(String::as_str)));
    accounts::replace(&site.user_file(), &text.replace(HASH, hash.as_str()));
    let daemon = site.start();
    let (port, ca) = (daemon.port, site.path("certs/ca.pem"));
    let times: Vec<[f64; 2]> = thread::scope(|scope| {
        let guesser = |first: usize| {
            let (known, ca) = (&known, &ca);
            scope.spawn(move || {
                let pair = |n: usize| {
                    let names = [known[n].clone(), format!("other-{n}")];
                    let mut times = [0.0; 2];
                    // The one first and the other first, in turn: whatever changes meanwhile changes both.
                    for which in if (n / GUESSERS).is_multiple_of(2) { [0, 1] } else { [1, 0] } {
                        times[which] = refusal(port, ca, &names[which]);
                    }
                    times
                };
                (first..guesses).step_by(GUESSERS).map(pair).collect::<Vec<_>>()
            })
        };
        let guessers: Vec<_> = (0..GUESSERS).map(guesser).collect();
        guessers.into_iter().flat_map(|guesser| guesser.join().expect("no panic")).collect()
    });
    let [known, other] = [0, 1].map(|which| times.iter().map(|pair| pair[which]).collect::<Vec<_>>());
    let found = deviation(&known, &other);
    println!("{:.1} ms and {:.1} ms; {found:.2} standard deviations", median(&known), median(&other));
    assert!(
        found.abs() < SURE,
        "known names take another time than others, which p < 1e-4 is sure of: {found:.2}"
    );
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
