//! Small requests that are carried out together: each has its own answer, in order, as if it were alone.

use super::*;
use crate::job::{Lane, Outcome};

/// All of an eager put.
fn put(id: u64, path: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = message(json!({"id": id, "op": "put", "path": path, "size": data.len(), "eager": true}));
    if !data.is_empty() {
        bytes.extend_from_slice(sealed(data.len() as u64, 0, data).frame());
    }
    bytes.extend(message(json!({"id": id, "op": "put_end", "root": root(data)})));
    bytes
}

fn message(message: Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_message(&mut bytes, &message);
    bytes
}

/// A session whose job is held while more comes, so that all of that goes together.
fn busy(world: &World) -> Peer {
    let mut peer = world.login("ada");
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "list", "path": "/"}));
    peer
}

/// The first job comes home, and the next is held.
fn next_job(peer: &mut Peer) -> &Job {
    let job = peer.held.take().expect("a job is held");
    peer.tell(Event::Done(job.run()));
    peer.held.as_ref().expect("another job")
}

fn count(job: &Job) -> usize {
    if let Job::Several(jobs) = job { jobs.len() } else { 1 }
}

fn taken(peer: &mut Peer) -> Vec<(u64, String)> {
    let frames = std::mem::take(&mut peer.got);
    let replies = frames.into_iter().filter_map(|frame| match frame {
        Frame::Message(json) => Some(serde_json::from_slice::<Value>(&json).expect("json")),
        Frame::Chunk(_) => None,
    });
    let word = |reply: &Value| {
        let code = reply["error"]["code"].as_str().map(str::to_owned);
        code.unwrap_or_else(|| if reply.get("begin").is_some() { "begin" } else { "ok" }.to_owned())
    };
    replies.map(|reply| (reply["re"].as_u64().unwrap_or(0), word(&reply))).collect()
}

fn words(of: &[(u64, &str)]) -> Vec<(u64, String)> {
    of.iter().map(|(id, word)| (*id, (*word).to_owned())).collect()
}

#[test]
fn what_touches_bytes_goes_with_files_and_what_does_not_with_names() {
    let world = World::new(None);
    let puts = [put(3, "/a", b"a"), put(4, "/b", b"b")].concat();
    let names = [3, 4].map(|id| message(json!({"id": id, "op": "mkdir", "path": format!("/{id}")}))).concat();
    let mixed = [message(json!({"id": 3, "op": "mkdir", "path": "/d"})), put(4, "/d/a", b"a")].concat();
    for (requests, lane) in [(puts, Lane::Files), (names, Lane::Names), (mixed, Lane::Files)] {
        let mut peer = busy(&world);
        peer.send(&requests);
        let job = next_job(&mut peer);
        assert_eq!((count(job), job.lane()), (2, lane));
        let job = peer.held.take().expect("held");
        peer.tell(Event::Done(job.run()));
    }
}

#[test]
fn what_waits_goes_together_and_each_is_answered_in_order() {
    let world = World::new(None);
    let mut peer = busy(&world);
    let mut bytes = message(json!({"id": 10, "op": "mkdir", "path": "/d"}));
    bytes.extend(put(11, "/d/a", b"a"));
    bytes.extend(put(12, "/none/b", b"b"));
    bytes.extend(put(13, "/d/c", b"c"));
    bytes.extend(put(14, "/d/c/x", b"under a file that is to come before it"));
    bytes.extend(put(15, "/d", b"over a directory"));
    bytes.extend(put(16, "/", b"over the root"));
    bytes.extend(message(json!({"id": 17, "op": "put", "path": "/d/e", "size": 5, "eager": true})));
    bytes.extend_from_slice(sealed(5, 0, b"wrong").frame());
    bytes.extend(message(json!({"id": 17, "op": "put_end", "root": root(b"right")})));
    bytes.extend(put(18, "/d/f", b""));
    bytes.extend(message(json!({"id": 19, "op": "rename", "from": "/d/a", "to": "/d/g"})));
    bytes.extend(message(json!({"id": 20, "op": "rm", "path": "/d/c"})));
    bytes.extend(put(21, "/d/h", b"hh"));
    peer.send(&bytes);
    assert_eq!(count(next_job(&mut peer)), 12);
    peer.got.clear();
    peer.release();
    let want = [
        (10, "ok"),
        (11, "ok"),
        (12, "not_found"),
        (13, "ok"),
        (14, "not_a_directory"),
        (15, "is_a_directory"),
        (16, "is_a_directory"),
        (17, "digest_mismatch"),
        (18, "ok"),
        (19, "ok"),
        (20, "ok"),
        (21, "ok"),
    ];
    assert_eq!(taken(&mut peer), words(&want));
    assert_eq!((world.used("ada"), world.on_disk("ada")), (3, 3));
    let ops = peer.notes.iter().filter(|note| matches!(note, Audit::Operate(_))).count();
    assert_eq!(ops, want.len(), "each has its line");
}

#[test]
fn what_would_be_refused_now_waits_for_those_before_it() {
    let world = World::new(Some(10));
    let mut peer = world.login("ada");
    peer.send(&put(3, "/old", b"12345678"));
    assert!(peer.reply(3)["ok"].is_object());
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "list", "path": "/"}));
    let mut bytes = message(json!({"id": 10, "op": "rm", "path": "/old"}));
    bytes.extend(put(11, "/a", b"1"));
    bytes.extend(put(12, "/b", b"12345678"));
    bytes.extend(put(13, "/a", b"2"));
    bytes.extend(put(14, "/a", b"3"));
    bytes.extend(put(15, "/c", b"1234567890"));
    peer.send(&bytes);
    // There is room for /b only when /old is gone, and /a is put again only when it is put.
    assert_eq!(count(next_job(&mut peer)), 2);
    assert_eq!(count(next_job(&mut peer)), 2);
    assert_eq!(count(next_job(&mut peer)), 1);
    peer.got.clear();
    peer.release();
    assert_eq!(taken(&mut peer), words(&[(14, "ok"), (15, "quota_exceeded")]));
    assert_eq!((world.used("ada"), world.on_disk("ada")), (9, 9));
}

#[test]
fn files_that_are_read_together_come_whole_and_a_large_one_lets_the_rest_wait() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    let large = file(6 * CHUNK + 5);
    assert!(peer.put(3, "/large", &large)["ok"].is_object());
    for (id, path, size) in [(4, "/a", 1000), (5, "/b", 0), (6, "/c", 100_000)] {
        peer.send(&put(id, path, &file(size)));
        assert!(peer.reply(id)["ok"].is_object());
    }
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "list", "path": "/"}));
    let mut bytes = Vec::new();
    for (id, path) in [(10, "/a"), (11, "/none"), (12, "/b"), (13, "/large"), (14, "/c"), (15, "/a")] {
        bytes.extend(message(json!({"id": id, "op": "get", "path": path})));
    }
    bytes.extend(message(json!({"id": 16, "op": "stat", "path": "/c"})));
    peer.send(&bytes);
    assert_eq!(count(next_job(&mut peer)), 7);
    peer.got.clear();
    peer.release();
    assert!(
        downloads(&peer) == [file(1000), file(0), large, file(100_000), file(1000)],
        "each its own bytes"
    );
    let want = [
        (10, "begin"),
        (10, "ok"),
        (11, "not_found"),
        (12, "begin"),
        (12, "ok"),
        (13, "begin"),
        (13, "ok"),
        (14, "begin"),
        (14, "ok"),
        (15, "begin"),
        (15, "ok"),
        (16, "ok"),
    ];
    assert_eq!(taken(&mut peer), words(&want));
}

#[test]
fn one_of_several_is_aborted_and_the_others_are_not() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    let large = file(6 * CHUNK);
    assert!(peer.put(3, "/large", &large)["ok"].is_object());
    peer.send(&put(4, "/a", b"a"));
    assert!(peer.reply(4)["ok"].is_object());
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "list", "path": "/"}));
    let mut bytes = Vec::new();
    for (id, path) in [(10, "/a"), (11, "/large"), (12, "/a"), (13, "/a")] {
        bytes.extend(message(json!({"id": id, "op": "get", "path": path})));
    }
    bytes.extend(message(json!({"id": 14, "op": "stat", "path": "/a"})));
    peer.send(&bytes);
    assert_eq!(count(next_job(&mut peer)), 5);
    peer.got.clear();
    // Under way, all of them; then the large one is, and two wait.
    peer.ask(json!({"id": 20, "op": "abort", "target": 10}));
    assert!(count(next_job(&mut peer)) == 1, "the next chunks of the large one");
    peer.ask(json!({"id": 21, "op": "abort", "target": 12}));
    peer.ask(json!({"id": 22, "op": "abort", "target": 11}));
    peer.ask(json!({"id": 23, "op": "abort", "target": 11}));
    peer.release();
    let want = [
        (10, "aborted"),
        (11, "begin"),
        (20, "ok"),
        (12, "aborted"),
        (21, "ok"),
        (22, "ok"),
        (11, "aborted"),
        (23, "ok"),
        (13, "begin"),
        (13, "ok"),
        (14, "ok"),
    ];
    assert_eq!(taken(&mut peer), words(&want));
    // A put whose job is under way is put; the abort is answered after it.
    peer.hold = true;
    peer.ask(json!({"id": 30, "op": "list", "path": "/"}));
    peer.send(&[put(31, "/b", b"b"), put(32, "/c", b"c")].concat());
    assert_eq!(count(next_job(&mut peer)), 2);
    peer.got.clear();
    peer.ask(json!({"id": 33, "op": "abort", "target": 32}));
    peer.release();
    assert_eq!(taken(&mut peer), words(&[(31, "ok"), (32, "ok"), (33, "ok")]));
}

/// The bytes of each download that was begun.
fn downloads(peer: &Peer) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for frame in &peer.got {
        match frame {
            Frame::Message(json) if json.windows(7).any(|part| part == b"\"begin\"") => {
                files.push(Vec::new())
            }
            Frame::Chunk(chunk) => files.last_mut().expect("begun").extend_from_slice(chunk.data()),
            Frame::Message(_) => {}
        }
    }
    files
}

#[test]
fn what_was_read_whole_is_not_taken_back_with_a_large_one_that_is_aborted() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    let (medium, large) = (file(100_000), file(6 * CHUNK));
    assert!(peer.put(3, "/medium", &medium)["ok"].is_object());
    assert!(peer.put(4, "/large", &large)["ok"].is_object());
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "list", "path": "/"}));
    let get = |id, path| message(json!({"id": id, "op": "get", "path": path}));
    peer.send(&[get(10, "/medium"), get(11, "/large")].concat());
    assert_eq!(count(next_job(&mut peer)), 2);
    peer.got.clear();
    peer.reads = false;
    peer.release();
    peer.ask(json!({"id": 20, "op": "abort", "target": 11}));
    peer.reads = true;
    peer.settle();
    assert!(downloads(&peer) == [medium, Vec::new()], "what has its end has its bytes");
    let want = [(10, "begin"), (10, "ok"), (11, "begin"), (11, "aborted"), (20, "ok")];
    assert_eq!(taken(&mut peer), words(&want));
}

#[test]
fn whatever_ends_a_session_leaves_the_ledger_exact() {
    for end in [Event::Lost(CH), Event::Drain, Event::DrainOver] {
        let what = format!("{end:?}");
        let world = World::new(None);
        let mut peer = busy(&world);
        peer.send(&[put(10, "/a", b"1"), put(11, "/none/b", b"2"), put(12, "/c", b"3")].concat());
        assert_eq!(count(next_job(&mut peer)), 3);
        peer.send(&put(13, "/later", b"4"));
        peer.tell(end);
        peer.release();
        assert!(!peer.session.has_job(), "{what}");
        assert_eq!((world.used("ada"), world.on_disk("ada")), (2, 2), "{what}");
    }
}

#[test]
fn a_panic_fails_all_that_were_in_the_job_and_is_made_up_for() {
    let world = World::new(None);
    let mut peer = busy(&world);
    peer.send(&[put(10, "/a", b"1"), put(11, "/b", b"2")].concat());
    assert_eq!(count(next_job(&mut peer)), 2);
    peer.got.clear();
    peer.hold = false;
    let _lost = peer.held.take();
    peer.tell(Event::Done(Outcome::Panicked));
    assert_eq!(taken(&mut peer), words(&[(10, "unavailable"), (11, "unavailable")]));
    assert_eq!((world.used("ada"), world.on_disk("ada")), (2, 0), "what nobody knows is counted");
    peer.tell(Event::Lost(CH));
    drop(peer);
    let _again = world.login("ada");
    assert_eq!(world.used("ada"), 0, "and counted anew");
}

#[test]
fn no_more_wait_together_than_unanswered_requests_are_allowed() {
    use crate::limits::TOGETHER;
    use ftp_proto::limits::PIPELINE;
    let world = World::new(None);
    let mut peer = world.login("ada");
    peer.hold = true;
    peer.send(&put(9, "/first", b""));
    let mut sent = 1;
    while peer.session.wants_input(CH) {
        assert!(sent <= PIPELINE, "it ends");
        sent += 1;
        peer.ask(json!({"id": 10 + sent, "op": "rm", "path": format!("/f{sent}")}));
    }
    assert_eq!(sent, PIPELINE);
    assert_eq!(count(next_job(&mut peer)), TOGETHER);
    assert!(peer.session.wants_input(CH), "one is answered");
    peer.ask(json!({"id": 900, "op": "stat", "path": "/"}));
    assert!(!peer.session.wants_input(CH), "one waits beside {}", PIPELINE - 1);
    peer.got.clear();
    peer.release();
    assert!(peer.session.wants_input(CH));
    let answers = taken(&mut peer);
    assert_eq!(answers.iter().filter(|(_, word)| word == "not_found").count(), PIPELINE - 1);
    assert_eq!(answers.last(), Some(&(900, "ok".to_owned())));
}
