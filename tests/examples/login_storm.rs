//! A storm of logins, and how long another session's pings take meanwhile.
//!
//! `login_storm PORT CA USER PASSWORD_FILE COUNT SECONDS`: with COUNT 0 it only pings for so long.

use ftp_tests::site::Flag;
use ftp_tests::wire::Wire;
use serde_json::json;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, ca, user, password, count, seconds] = arguments.as_slice() else {
        panic!("login_storm PORT CA USER PASSWORD_FILE COUNT SECONDS");
    };
    let (port, ca) = (port.parse().expect("a port"), Path::new(ca));
    let count: usize = count.parse().expect("a number");
    let end = Instant::now() + Duration::from_secs(seconds.parse().expect("a number"));
    let password = std::fs::read_to_string(password).expect("readable").trim_end().to_owned();
    let mut pinger = Wire::open(port, ca).expect("open");
    pinger.login(user, &password).expect("an answer");
    let outcomes = Mutex::new(Vec::new());
    let done = Flag::default();
    let mut pings = Vec::new();
    std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            std::thread::scope(|storm| {
                for _ in 0..count {
                    storm.spawn(|| {
                        let mut wire = Wire::open(port, ca).expect("open");
                        let start = Instant::now();
                        let answer = wire.login(user, &password);
                        let code = answer.map_or_else(
                            |end| end,
                            |answer| answer["error"]["code"].as_str().unwrap_or("ok").to_owned(),
                        );
                        outcomes.lock().expect("whole").push((code, start.elapsed()));
                    });
                }
            });
            done.raise();
        });
        while !done.is_raised() || Instant::now() < end {
            let start = Instant::now();
            pinger.ask(json!({"op": "ping"})).expect("an answer");
            pings.push(start.elapsed());
            std::thread::sleep(Duration::from_millis(10));
        }
        storm.join().expect("it ends");
    });
    pings.sort();
    let outcomes = outcomes.into_inner().expect("whole");
    let number = |wanted: &str| outcomes.iter().filter(|(code, _)| code == wanted).count();
    println!(
        "logins {} ok {} busy {} other, slowest {:?}; pings {}, median {:?}, 99 % {:?}, longest {:?}",
        number("ok"),
        number("busy"),
        outcomes.len() - number("ok") - number("busy"),
        outcomes.iter().map(|(_, took)| *took).max().unwrap_or_default(),
        pings.len(),
        pings[pings.len() / 2],
        pings[pings.len() * 99 / 100],
        pings[pings.len() - 1],
    );
}
