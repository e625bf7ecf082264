//! Requests and their answers, one by one: logins, transfers, deadlines, and what breaks the protocol.

use super::*;

#[test]
fn only_login_ping_and_abort_are_taken_before_a_login() {
    let world = World::new(None);
    for op in ftp_proto::message::OPS {
        let mut peer = world.connect();
        let digest = "0".repeat(64);
        peer.ask(json!({"id": 7, "op": op, "path": "/x", "from": "/x", "to": "/y", "size": 1, "root": digest, "target": 1}));
        let reply = peer.reply(7);
        match *op {
            "ping" | "abort" => assert!(reply["ok"].is_object(), "{reply}"),
            // Without a user it is no login, and without a put there is nothing to end.
            "login" | "put_end" => assert_eq!(reply["error"]["code"], "bad_request"),
            _ => assert_eq!(reply["error"]["code"], "not_logged_in", "{op}"),
        }
        assert!(!world.folder.path().join("ada").exists(), "{op} touched a disk");
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_answered_alike() {
    let mut answers = Vec::new();
    for name in ["ada", "nobody", "../x", ""] {
        let world = World::new(None);
        let mut peer = world.connect();
        peer.ask(json!({"id": 1, "op": "login", "user": name, "password": "wrong"}));
        assert!(
            peer.got
                .iter()
                .all(|frame| !matches!(frame, Frame::Message(json) if json.starts_with(b"{\"re\""))),
            "not at once"
        );
        peer.pass(Duration::from_millis(260));
        answers.push(peer.reply(1).to_string());
        assert!(matches!(
            peer.notes.last(),
            Some(Audit::Login { event: LoginEvent::Refused { .. }, .. }) | Some(Audit::State { .. })
        ));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn guessing_is_slowed_down() {
    let world = World::new(None);
    let mut peer = world.connect();
    let mut codes = Vec::new();
    for id in 1..=5 {
        peer.ask(json!({"id": id, "op": "login", "user": "ada", "password": "wrong"}));
        peer.pass(Duration::from_millis(300));
        codes.push(peer.code(id));
    }
    assert_eq!(codes[..2], ["login_refused", "login_refused"]);
    assert_eq!(codes[4], "busy");
    peer.ask(json!({"id": 9, "op": "login", "user": "ada", "password": "secret"}));
    let reply = peer.reply(9);
    assert!(
        reply["error"]["retry_seconds"].as_u64().is_some_and(|seconds| seconds > 0),
        "even the right one: {reply}"
    );
}

#[test]
fn a_token_is_as_good_as_the_password_until_that_changes() {
    let world = World::new(None);
    let mut first = world.connect();
    first.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    let token = first.reply(1)["ok"]["token"].clone();
    let try_it = |user: &str| {
        let mut peer = world.connect();
        peer.ask(json!({"id": 1, "op": "login", "user": user, "token": token}));
        peer.pass(Duration::from_millis(300));
        peer.reply(1)
    };
    assert!(try_it("ada")["ok"].is_object());
    assert_eq!(try_it("bob")["error"]["code"], "login_refused", "another user's token");
    let ada = UserName::new("ada").expect("good");
    let now_is = |user| world.shared.reload(None, Some(Users { users: [(ada.clone(), user)].into() }));
    now_is(User { quota: Some(5), ..world.shared.user(&ada).expect("there") });
    first.tell(Event::AccountsChanged);
    first.ask(json!({"id": 2, "op": "put", "path": "/f", "size": 6}));
    assert_eq!(first.code(2), "quota_exceeded", "another quota holds at once, and ends nothing");
    assert!(try_it("ada")["ok"].is_object());
    now_is(user(1, Some(5)));
    first.tell(Event::AccountsChanged);
    assert!(first.closed);
    assert_eq!(first.code(0), "not_logged_in");
    assert_eq!(try_it("ada")["error"]["code"], "login_refused", "the account was changed");
}

#[test]
fn what_was_put_is_got_again_and_the_ledger_is_exact() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    for (id, len) in [(10, 0), (11, 1), (12, CHUNK), (13, CHUNK + 1), (14, 9 * CHUNK - 5)] {
        let content = file(len);
        let stored = peer.put(id, "/f", &content);
        assert_eq!(stored["ok"]["root"], root(&content), "{stored}");
        assert_eq!(world.used("ada"), len as u64);
        assert_eq!(world.on_disk("ada"), len as u64);
        peer.ask(json!({"id": id + 100, "op": "get", "path": "/f", "md5": true}));
        let begin = peer.reply(id + 100);
        assert_eq!(begin["begin"]["size"], len);
        let mut got = Vec::new();
        while let Some(Frame::Chunk(_)) = peer.got.first() {
            if let Frame::Chunk(chunk) = peer.got.remove(0) {
                assert_eq!(chunk.value(), tree::value(len as u64, got.len() as u64, chunk.data()));
                got.extend_from_slice(chunk.data());
            }
        }
        assert_eq!(got, content);
        let end = peer.reply(id + 100);
        assert_eq!(end["ok"]["root"], root(&content));
        assert_eq!(end["ok"]["md5"].as_str().map(str::len), Some(32));
    }
}

#[test]
fn a_cut_upload_goes_on_where_it_was() {
    let world = World::new(Some(100 * CHUNK as u64));
    let content = file(7 * CHUNK + 77);
    let size = content.len() as u64;
    let mut peer = world.login("ada");
    peer.ask(json!({"id": 5, "op": "put", "path": "/f", "size": size}));
    assert_eq!(peer.reply(5)["begin"]["offset"], 0);
    assert_eq!(world.used("ada"), size, "reserved before the first byte");
    for index in 0..3 {
        peer.chunk(size, (index * CHUNK) as u64, &content[index * CHUNK..(index + 1) * CHUNK]);
    }
    let mut other = world.login("ada");
    assert_eq!(other.put(6, "/f", &content)["error"]["code"], "conflict");
    peer.tell(Event::Lost(CH));
    assert!(!peer.session.has_job() && !peer.session.is_busy(), "nothing is left behind");
    assert_eq!(world.used("ada"), 3 * CHUNK as u64, "what is on the disk counts, and no more");
    assert_eq!(world.on_disk("ada"), 3 * CHUNK as u64);
    other.ask(json!({"id": 8, "op": "put", "path": "/f", "size": size}));
    assert_eq!(other.reply(8)["begin"]["offset"], 3 * CHUNK);
    other.ask(json!({"id": 9, "op": "abort", "target": 8}));
    assert_eq!(other.code(8), "aborted");
    assert!(other.reply(9)["ok"].is_object());
    assert!(other.put(10, "/f", &content)["ok"].is_object());
    assert_eq!(world.used("ada"), size);
}

#[test]
fn what_does_not_fit_is_refused_before_a_byte_is_sent() {
    let world = World::new(Some(1000));
    let mut peer = world.login("ada");
    assert!(peer.put(5, "/a", &file(600))["ok"].is_object());
    peer.ask(json!({"id": 6, "op": "put", "path": "/b", "size": 401}));
    let reply = peer.reply(6);
    assert_eq!(reply["error"]["code"], "quota_exceeded");
    assert_eq!(reply["error"]["left"], 400);
    assert_eq!(
        peer.put(7, "/a", &file(401))["error"]["code"],
        "quota_exceeded",
        "old and new must fit until the new is in place"
    );
    assert!(peer.put(8, "/b", &file(400))["ok"].is_object());
    assert_eq!((world.used("ada"), world.on_disk("ada")), (1000, 1000));
}

#[test]
fn a_bad_chunk_fails_the_put_and_the_rest_is_swallowed() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    let content = file(5 * CHUNK);
    let size = content.len() as u64;
    peer.ask(json!({"id": 5, "op": "put", "path": "/f", "size": size}));
    peer.reply(5);
    peer.chunk(size, 0, &content[..CHUNK]);
    let mut bad = sealed(size, CHUNK as u64, &content[CHUNK..2 * CHUNK]);
    bad.data_mut()[9] ^= 1;
    peer.send(bad.frame());
    assert_eq!(peer.code(5), "digest_mismatch");
    for index in 2..5 {
        peer.chunk(size, (index * CHUNK) as u64, &content[index * CHUNK..(index + 1) * CHUNK]);
    }
    peer.ask(json!({"id": 5, "op": "put_end", "root": root(&content)}));
    peer.ask(json!({"id": 6, "op": "stat", "path": "/f"}));
    assert_eq!(peer.code(6), "not_found");
    assert_eq!(world.used("ada"), CHUNK as u64, "the good chunk is kept");
}

#[test]
fn a_ping_overtakes_what_waits_and_an_abort_takes_it_out() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "mkdir", "path": "/a"}));
    peer.ask(json!({"id": 3, "op": "mkdir", "path": "/b"}));
    peer.ask(json!({"id": 4, "op": "ping"}));
    peer.ask(json!({"id": 5, "op": "abort", "target": 3}));
    assert!(peer.reply(4)["ok"].is_object());
    assert_eq!(peer.code(3), "aborted");
    assert!(peer.reply(5)["ok"].is_object());
    peer.release();
    assert!(peer.reply(2)["ok"].is_object());
    assert!(!world.folder.path().join("ada/home/b").exists());
}

#[test]
fn an_abort_of_what_is_over_does_nothing_to_the_upload_under_way() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    let whole = file(2 * CHUNK);
    peer.ask(json!({"id": 2, "op": "put", "path": "/f", "size": whole.len()}));
    assert!(peer.reply(2)["begin"].is_object());
    peer.hold = true;
    // The first is being written, the second waits.
    for at in [0, CHUNK] {
        peer.chunk(whole.len() as u64, at as u64, &whole[at..at + CHUNK]);
    }
    peer.ask(json!({"id": 3, "op": "abort", "target": 1}));
    assert!(peer.reply(3)["ok"].is_object());
    peer.ask(json!({"id": 2, "op": "put_end", "root": root(&whole)}));
    peer.ask(json!({"id": 4, "op": "abort", "target": 77}));
    assert!(peer.reply(4)["ok"].is_object());
    peer.release();
    assert!(peer.reply(2)["ok"].is_object());
    assert_eq!((world.used("ada"), world.on_disk("ada")), (whole.len() as u64, whole.len() as u64));
}

#[test]
fn a_session_outlives_its_connection_until_its_job_is_home() {
    let world = World::new(Some(1000));
    let mut peer = world.login("ada");
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "put", "path": "/a", "size": 700}));
    peer.tell(Event::Lost(CH));
    assert!(peer.session.has_job());
    assert_eq!(world.used("ada"), 700, "the room is held while the job may write");
    peer.release();
    assert!(!peer.session.has_job() && !peer.session.is_busy());
    assert_eq!(world.used("ada"), 0);
}

#[test]
fn a_worker_that_panics_ends_the_request_and_not_the_session() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    peer.hold = true;
    peer.ask(json!({"id": 2, "op": "stat", "path": "/"}));
    peer.held = None;
    peer.hold = false;
    peer.tell(Event::Done(crate::job::Outcome::Panicked));
    assert_eq!(peer.code(2), "unavailable");
    peer.ask(json!({"id": 3, "op": "stat", "path": "/"}));
    assert!(peer.reply(3)["ok"].is_object());
}

#[test]
fn deadlines_are_absolute_before_a_login_and_follow_use_after_it() {
    let world = World::new(None);
    let mut guest = world.connect();
    for _ in 0..14 {
        guest.pass(Duration::from_secs(1));
        guest.ask(json!({"id": 2, "op": "ping"}));
    }
    assert!(!guest.closed);
    guest.pass(Duration::from_secs(2));
    assert!(guest.closed, "pings do not keep a guest");
    let mut peer = world.login("ada");
    for _ in 0..3 {
        peer.pass(Duration::from_secs(299));
        peer.ask(json!({"id": 2, "op": "ping"}));
    }
    assert!(!peer.closed);
    peer.pass(Duration::from_secs(301));
    assert!(peer.closed, "quiet for too long");
    let mut stalled = world.login("ada");
    stalled.ask(json!({"id": 2, "op": "put", "path": "/f", "size": 5}));
    stalled.pass(Duration::from_secs(61));
    assert!(stalled.closed, "nothing moved in a transfer");
    assert_eq!(world.used("ada"), 0);
}

#[test]
fn a_drain_lets_a_transfer_finish_and_takes_nothing_new() {
    let world = World::new(None);
    let mut idle = world.login("ada");
    idle.tell(Event::Drain);
    assert!(idle.closed);
    let mut peer = world.login("ada");
    let content = file(2 * CHUNK);
    peer.ask(json!({"id": 2, "op": "put", "path": "/f", "size": content.len()}));
    peer.reply(2);
    peer.tell(Event::Drain);
    assert!(!peer.closed && peer.session.is_busy());
    peer.chunk(content.len() as u64, 0, &content[..CHUNK]);
    peer.chunk(content.len() as u64, CHUNK as u64, &content[CHUNK..]);
    peer.ask(json!({"id": 2, "op": "put_end", "root": root(&content)}));
    assert!(peer.reply(2)["ok"].is_object());
    assert_eq!(peer.code(0), "shutting_down");
    assert!(peer.closed);
}

/// A deadline that has passed and stays makes the reactor ask again at once, until the job is home.
#[test]
fn a_login_that_is_checked_too_late_is_refused_once() {
    for lost in [false, true] {
        let world = World::new(None);
        let mut guest = world.connect();
        guest.hold = true;
        guest.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
        if lost {
            guest.tell(Event::Lost(CH));
        }
        guest.now += Duration::from_secs(16);
        (0..3).for_each(|_| guest.tell(Event::Timeout));
        assert_eq!(guest.session.deadline(), None, "lost: {lost}");
        if !lost {
            assert_eq!(guest.code(1), "busy");
        }
        guest.release();
        assert!(!guest.session.has_job() && !guest.session.is_busy());
        let refused = |note: &&Audit| matches!(note, Audit::Login { event: LoginEvent::Refused { .. }, .. });
        assert_eq!(guest.notes.iter().filter(refused).count(), usize::from(!lost), "lost: {lost}");
    }
}

#[test]
fn a_second_survey_waits_for_the_first() {
    let world = World::new(None);
    let mut first = world.connect();
    first.ask(json!({"id": 1, "op": "ping"}));
    first.hold = true;
    first.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    let outcome = first.held.take().expect("the password check").run();
    first.tell(Event::Done(outcome));
    assert!(matches!(first.held, Some(Job::Survey { .. })));
    let mut second = world.connect();
    second.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    second.pass(Duration::from_millis(100));
    assert!(second.got.len() == 1, "only the greeting: it waits");
    first.release();
    first.reply(1);
    first.reply(1);
    second.pass(Duration::from_millis(50));
    assert!(second.reply(1)["ok"].is_object());
}

#[test]
fn breaking_the_protocol_ends_the_connection_with_one_error() {
    let world = World::new(None);
    let mut frames: Vec<Vec<u8>> =
        vec![b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0, 0, 0, 0, 1], vec![0, 0, 0, 40, 2]];
    for text in ["[]", "{", r#"{"id":0,"op":"ping"}"#] {
        let len = u32::try_from(text.len()).expect("short").to_be_bytes();
        frames.push([&len[..], &[1], text.as_bytes()].concat());
    }
    for frame in frames {
        let mut peer = world.login("ada");
        peer.send(&frame);
        let told = peer.reply(0);
        assert_eq!(told["error"]["code"], "bad_request", "{frame:?}");
        assert!(!told.to_string().contains("GET"), "nothing of what came is sent back: {told}");
        assert!(peer.closed && peer.got.is_empty());
    }
}

#[test]
fn no_request_may_have_the_id_of_one_that_is_not_answered() {
    let world = World::new(None);
    let requests = [
        json!({"op": "ping"}),
        json!({"op": "abort", "target": 9}),
        json!({"op": "info"}),
        json!({"op": "stat"}),
        json!({"op": "fly"}),
        json!({"op": "put", "path": "/f", "size": 0, "eager": true}),
    ];
    // Of the one that is carried out, of one that waits, and of one that waits to be refused.
    for id in [5, 6, 7] {
        for mut request in requests.clone() {
            let mut peer = world.login("ada");
            peer.hold = true;
            peer.ask(json!({"id": 5, "op": "list", "path": "/"}));
            peer.ask(json!({"id": 6, "op": "list", "path": "/"}));
            peer.ask(json!({"id": 7, "op": "fly"}));
            request["id"] = id.into();
            peer.ask(request);
            assert_eq!(peer.code(0), "bad_request");
            peer.release();
            assert!(peer.closed && peer.got.is_empty(), "{:?}", peer.got);
        }
    }
    let mut guest = world.connect();
    guest.hold = true;
    guest.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    guest.ask(json!({"id": 1, "op": "ping"}));
    assert_eq!(guest.code(0), "bad_request");
}

/// Behind a request that waits its chunks would never be reached.
#[test]
fn what_follows_a_put_before_its_begin_does_not_bury_its_chunks() {
    let content = file(9);
    for (next, code) in [
        (json!({"id": 6, "op": "stat", "path": "/"}), "bad_request"),
        (json!({"id": 6, "op": "fly"}), "bad_request"),
        (json!({"id": 5, "op": "put_end", "root": root(&content)}), "bad_request"),
        (json!({"id": 6, "op": "put", "path": "/g", "size": 9}), "bad_request"),
    ] {
        let world = World::new(None);
        let mut peer = world.login("ada");
        peer.hold = true;
        peer.ask(json!({"id": 5, "op": "put", "path": "/f", "size": 9}));
        peer.ask(json!({"id": 7, "op": "ping"}));
        assert!(peer.reply(7)["ok"].is_object());
        peer.ask(next.clone());
        assert_eq!((peer.code(0), peer.closed), (code.to_owned(), true), "{next}");
        peer.release();
    }
    // What is refused, or given up, is in nobody's way.
    let world = World::new(Some(8));
    let mut guest = world.connect();
    guest.ask(json!({"id": 1, "op": "put", "path": "/f", "size": 9}));
    assert_eq!(guest.code(1), "not_logged_in");
    guest.ask(json!({"id": 2, "op": "login", "user": "ada", "password": "secret"}));
    assert!(guest.reply(2)["ok"].is_object());
    guest.ask(json!({"id": 3, "op": "put", "path": "/f", "size": 9}));
    assert_eq!(guest.code(3), "quota_exceeded");
    guest.ask(json!({"id": 4, "op": "put", "path": "/nowhere/f", "size": 1}));
    assert_eq!(guest.code(4), "not_found");
    guest.hold = true;
    guest.ask(json!({"id": 5, "op": "put", "path": "/f", "size": 1}));
    guest.ask(json!({"id": 6, "op": "abort", "target": 5}));
    guest.ask(json!({"id": 7, "op": "sum", "path": "/f"}));
    guest.ask(json!({"id": 8, "op": "put", "path": "/f", "size": 1}));
    guest.ask(json!({"id": 9, "op": "abort", "target": 8}));
    assert_eq!(guest.code(8), "aborted");
    assert!(guest.reply(9)["ok"].is_object());
    guest.release();
    assert_eq!(guest.code(5), "aborted");
    assert!(guest.reply(6)["ok"].is_object());
    assert_eq!(guest.code(7), "not_found");
    assert!(guest.put(10, "/f", b"12345678")["ok"].is_object());
}
