//! Many downloads at once, and how long the pings of another session take meanwhile; then the same while somebody uploads to a disk that stalls.
//!
//! `fairness COUNT MIB`: so many downloads of a file of so many MiB, from a daemon of its own, with the data in memory. Nobody checks hashes but the daemon.

use ftp_tests::faulty::{Effect, Op, Rule, Which};
use ftp_tests::ground::{Ground, scratch};
use ftp_tests::sample;
use ftp_tests::site::{Flag, Site};
use ftp_tests::wire::Wire;
use serde_json::json;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// How long each write of the upload waits.
const STALL: u64 = 5000;
/// Between two pings.
const PAUSE: Duration = Duration::from_millis(2);

fn main() {
    let arguments: Vec<usize> =
        std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    let [count, mib] = arguments[..] else { panic!("fairness COUNT MIB") };
    let (site, data) = (Site::new(), scratch());
    let ground = Ground::new(&site, "fairness", &data.path().join("var"));
    ground.reset(&[("reader", None), ("pinger", None), ("writer", None)]);
    let (daemon, mut control) = ground.start_faulty();
    drop(ground.login(&daemon, "reader"));
    let size = mib << 20;
    sample::file(&ground.folder_of("reader").join("home/file"), 1, size as u64);
    let mut readers: Vec<_> = (0..count).map(|_| ground.login(&daemon, "reader")).collect();
    let (mut pinger, mut writer) = (ground.login(&daemon, "pinger"), ground.login(&daemon, "writer"));
    run("alone", &mut readers, &mut pinger, size);
    thread::scope(|scope| {
        control.arm(&[Rule::every(Which::Only(Op::Write), Effect::Delay(STALL))]);
        let upload = scope.spawn(move || writer.put("/stalls", &sample::bytes(2, 8 << 20)));
        thread::sleep(Duration::from_millis(500));
        run("beside an upload that stalls", &mut readers, &mut pinger, size);
        control.arm(&[]);
        let put = upload.join().expect("it ends").expect("an answer");
        assert!(put.answer.get("ok").is_some(), "{}", put.answer);
    });
}

fn run(name: &str, readers: &mut [Wire], pinger: &mut Wire, size: usize) {
    let count = readers.len();
    let start = Barrier::new(count + 1);
    let done = Flag::default();
    let mut pings = Vec::new();
    let mut times = Vec::new();
    thread::scope(|scope| {
        let downloads: Vec<_> = readers
            .iter_mut()
            .map(|wire| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    let mut got = 0;
                    let answer = wire.get_to("/file", &mut |data| got += data.len()).expect("an answer");
                    assert!(got == size && answer.get("ok").is_some(), "{got} bytes, then {answer}");
                    began.elapsed()
                })
            })
            .collect();
        let pinging = scope.spawn(|| {
            while !done.is_raised() {
                let began = Instant::now();
                pinger.ask(json!({"op": "ping"})).expect("an answer");
                pings.push(began.elapsed());
                thread::sleep(PAUSE);
            }
        });
        start.wait();
        times = downloads.into_iter().map(|download| download.join().expect("it ends")).collect();
        done.raise();
        pinging.join().expect("it ends");
    });
    times.sort();
    pings.sort();
    let (first, last) = (times[0].as_secs_f64(), times[count - 1].as_secs_f64());
    println!(
        "{name}: {:.0} MB/s in all, fastest {first:.2} s, slowest {last:.2} s ({:.2}); {} pings: median {:?}, 99 % {:?}, longest {:?}",
        (count * size) as f64 / last / 1e6,
        first / last,
        pings.len(),
        pings[pings.len() / 2],
        pings[pings.len() * 99 / 100],
        pings[pings.len() - 1]
    );
}
