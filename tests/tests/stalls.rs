//! A disk that stalls for some users, who have more under way than the daemon has threads for one, and others beside them.

use ftp_tests::faulty::{Effect, Op, Rule, Which};
use ftp_tests::ground::{Ground, scratch};
use ftp_tests::sample;
use ftp_tests::site::{Site, eventually};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

/// How long each write of the uploads takes.
const STALL: Duration = Duration::from_secs(6);
/// How long anything may take for others.
const QUICK: Duration = Duration::from_secs(2);
const STALLED: [&str; 2] = ["alice", "carol"];

#[test]
fn uploads_that_stall_hold_up_nobody_else() {
    let (site, data) = (Site::new(), scratch());
    let ground = Ground::new(&site, "stalls", &data.path().join("var"));
    ground.reset(&["alice", "carol", "bob", "dave"].map(|user| (user, None)));
    let (daemon, mut control) = ground.start_faulty();
    let mut bob = ground.login(&daemon, "bob");
    let mine = sample::bytes(1, 300_000);
    assert!(bob.put("/mine", &mine).expect("an answer").answer.get("ok").is_some());
    // Twice as many for each as one user may have under way.
    let of_one = thread::available_parallelism().map_or(2, usize::from).max(2) * 2;
    let mut watching = ground.login(&daemon, "alice");
    let uploads: Vec<_> = STALLED
        .iter()
        .flat_map(|user| (0..2 * of_one).map(move |number| (*user, number)))
        .map(|(user, number)| {
            let mut wire = ground.login(&daemon, user);
            // By then the login is noted.
            wire.list("/").expect("an answer");
            (wire, number)
        })
        .collect();
    let milliseconds = u64::try_from(STALL.as_millis()).expect("short");
    control.arm(&[Rule::every(Which::Only(Op::Write), Effect::Delay(milliseconds))]);
    let mut times = Vec::new();
    thread::scope(|scope| {
        let uploads: Vec<_> = uploads
            .into_iter()
            .map(|(mut wire, number)| scope.spawn(move || wire.put(&format!("/f{number}"), b"something")))
            .collect();
        // The second user's stall only if the first one's do not hold every thread.
        eventually("writes stall", || control.count()[0] >= of_one as u64);
        thread::sleep(Duration::from_millis(500));
        control.arm(&[]);
        let start = Instant::now();
        while start.elapsed() < STALL / 3 {
            let start = Instant::now();
            let (_, names) = bob.list("/").expect("an answer");
            let put = bob.put("/more", &mine).expect("an answer");
            let (_, bytes) = bob.get("/mine").expect("an answer");
            assert!(names.contains("mine") && put.answer.get("ok").is_some() && bytes == mine);
            times.push(start.elapsed());
            thread::sleep(Duration::from_millis(10));
        }
        // Who logs in is noted and served, for the first time as well.
        let start = Instant::now();
        let (_, names) = ground.login(&daemon, "dave").list("/").expect("an answer");
        assert!(names.is_empty());
        times.push(start.elapsed());
        // What is done to names does not wait for the same user's uploads.
        let start = Instant::now();
        assert!(watching.ask(json!({"op": "mkdir", "path": "/new"})).expect("an answer").get("ok").is_some());
        times.push(start.elapsed());
        for upload in uploads {
            let put = upload.join().expect("it ends").expect("an answer");
            assert!(put.answer.get("ok").is_some(), "{}", put.answer);
        }
    });
    times.sort();
    let (count, last) = (times.len(), times[times.len() - 1]);
    println!(
        "{count} times a list, a put and a get: the median is {:.1?}, the longest {last:.1?}",
        times[count / 2]
    );
    assert!(count > 10 && last < QUICK, "{times:?}");
}
