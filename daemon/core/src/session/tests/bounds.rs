//! Bounds are the server's: what a client says of them in passing widens none.

use super::*;
use crate::limits::REPLY_BYTES;
use crate::vfs::Home;
use ftp_proto::limits::{CHUNK_PAYLOAD, MESSAGE, MESSAGE_GUEST, PIPELINE};

/// Everything a client could wish for.
const WISHES: &[(&str, u64)] = &[
    ("pipeline", 1 << 30),
    ("chunk", 1 << 30),
    ("protocol", 99),
    ("idle_seconds", 1 << 40),
    ("token_seconds", 1 << 40),
    ("quota", 1 << 50),
    ("entries_limit", 1 << 50),
    ("message", 1 << 30),
    ("connections", 1 << 30),
    ("threads", 257),
    ("ln", 31),
];

fn wishing(mut request: Value) -> Value {
    WISHES.iter().for_each(|(wish, number)| request[*wish] = (*number).into());
    request
}

fn greedy(world: &World) -> (Peer, Value) {
    let mut peer = world.connect();
    peer.ask(wishing(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"})));
    let reply = peer.reply(1);
    assert!(reply["ok"].is_object(), "{reply}");
    (peer, reply)
}

/// What is counted is what there is, in bytes and in entries.
fn assert_exact(world: &World, entries: u64) {
    let name = UserName::new("ada").expect("good");
    let tenant = world.shared.tenant(&name, &world.shared.user(&name).expect("there")).expect("open");
    let home = Home::open(&*world.shared.storage(), &name, Durability::Fast).expect("a home");
    let survey = home.survey().expect("counted");
    let parts = survey.parts.len() as u64;
    let account = tenant.ledger().account();
    assert_eq!((account.entries, survey.entries + parts), (entries, entries), "{survey:?}");
    assert_eq!(account.used, world.on_disk("ada"));
}

/// A message of so many bytes.
fn message(bytes: usize) -> Vec<u8> {
    let text = format!("{{\"id\":7,\"op\":\"ping\",\"x\":\"{}\"}}", "y".repeat(bytes - 27));
    assert_eq!(text.len(), bytes);
    let len = u32::try_from(bytes).expect("short").to_be_bytes();
    [&len[..], &[1], text.as_bytes()].concat()
}

#[test]
fn what_a_client_wishes_for_in_passing_widens_no_bound() {
    let world = World::new(Some(1000));
    let plain = world.login("ada");
    let (mut peer, reply) = greedy(&world);
    let account = &reply["ok"]["account"];
    assert_eq!((&account["quota"], &account["entries_limit"]), (&json!(1000), &json!(1_000_000)));
    assert_eq!(reply["ok"]["token_seconds"], 900);
    assert_eq!(peer.session.deadline(), plain.session.deadline(), "as long as everybody's");
    peer.ask(wishing(json!({"id": 2, "op": "put", "path": "/f", "size": 1001})));
    assert_eq!(peer.code(2), "quota_exceeded");
    peer.send(&message(MESSAGE));
    assert!(peer.reply(7)["ok"].is_object());
    peer.send(&message(MESSAGE + 1));
    assert!(peer.closed, "one byte more than a message has");

    let (mut peer, _) = greedy(&world);
    peer.ask(wishing(json!({"id": 2, "op": "put", "path": "/f", "size": 900})));
    assert!(peer.reply(2)["begin"].is_object());
    let len = u32::try_from(CHUNK_PAYLOAD + 1).expect("it fits").to_be_bytes();
    peer.send(&[&len[..], &[2]].concat());
    assert!(peer.closed, "one byte more than a chunk has");

    let (mut was_user, _) = greedy(&world);
    was_user.ask(json!({"id": 2, "op": "logout"}));
    for mut guest in [world.connect(), was_user] {
        guest.ask(wishing(json!({"id": 3, "op": "ping"})));
        guest.send(&message(MESSAGE_GUEST));
        assert!(!guest.closed);
        guest.send(&message(MESSAGE_GUEST + 1));
        assert!(guest.closed, "one byte more than a guest's message has");
    }
}

#[test]
fn no_more_requests_wait_than_the_greeting_says() {
    let world = World::new(None);
    for (mut peer, most) in [(greedy(&world).0, PIPELINE), (world.connect(), 4)] {
        let guest = most == 4;
        peer.hold = true;
        if guest {
            peer.ask(wishing(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"})));
        } else {
            peer.ask(json!({"id": 1, "op": "stat", "path": "/"}));
        }
        let mut waiting = 1;
        while peer.session.wants_input(CH) {
            waiting += 1;
            assert!(waiting <= 2 * PIPELINE, "it ends");
            peer.ask(wishing(json!({"id": waiting, "op": "stat", "path": "/"})));
        }
        assert_eq!(waiting, most + usize::from(guest), "the one that is carried out, and those that wait");
        let mut more = Vec::new();
        put_message(&mut more, &json!({"id": 999, "op": "stat", "path": "/"}));
        assert_eq!(peer.session.on_bytes(peer.now, CH, &more), 0, "TCP holds the rest back");
    }
}

#[test]
fn answers_that_nobody_reads_hold_back_the_requests_that_wait() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    let name = |n: usize| format!("{n:0200}");
    (0..100).for_each(|n| drop(std::fs::write(world.folder.path().join("ada/home").join(name(n)), "")));
    (peer.hold, peer.reads) = (true, false);
    let requests = PIPELINE as u64 - 1;
    (2..2 + requests).for_each(|id| peer.ask(json!({"id": id, "op": "list", "path": "/"})));
    peer.release();
    let waiting = peer.session.fx.outbox.message_bytes();
    assert!((REPLY_BYTES..REPLY_BYTES + MESSAGE).contains(&waiting), "{waiting} bytes wait");
    // When they are read, the others come.
    peer.reads = true;
    peer.settle();
    for id in 2..2 + requests {
        assert_eq!(peer.reply(id)["page"]["entries"].as_array().map(Vec::len), Some(100), "{id}");
        assert_eq!(peer.reply(id)["ok"]["entries"], 100, "{id}");
    }
}

#[test]
fn an_upload_that_ends_without_a_byte_leaves_nothing_that_is_not_counted() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    for id in 2..40u64 {
        peer.ask(json!({"id": id, "op": "put", "path": format!("/{id}"), "size": 5}));
        assert!(peer.reply(id)["begin"].is_object());
        match id % 3 {
            // Ended by its client, by a chunk that is damaged, and by an end that comes early.
            0 => peer.ask(json!({"id": 100 + id, "op": "abort", "target": id})),
            1 => {
                let mut damaged = sealed(5, 0, b"12345").frame().to_vec();
                *damaged.last_mut().expect("a byte") ^= 1;
                peer.send(&damaged);
                peer.ask(json!({"id": id, "op": "put_end", "root": root(b"12345")}));
            }
            _ => peer.ask(json!({"id": id, "op": "put_end", "root": root(b"12345")})),
        }
        assert!(peer.reply(id)["error"].is_object());
        peer.got.clear();
        let left = std::fs::read_dir(world.folder.path().join("ada/parts")).expect("a folder").count();
        assert_eq!(left, 0, "after {id}");
    }
    assert_exact(&world, 0);
    peer.ask(json!({"id": 50, "op": "put", "path": "/f", "size": CHUNK + 5}));
    peer.chunk(CHUNK as u64 + 5, 0, &file(CHUNK));
    peer.tell(Event::Lost(CH));
    assert_exact(&world, 1);
}

#[test]
fn a_client_that_never_lets_the_daemon_wait_is_served_for_ever() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    peer.hold = true;
    let path = format!("/{}", "a".repeat(200)).repeat(20);
    let mut answered = 0;
    for id in 2..1000u64 {
        assert!(peer.session.wants_input(CH), "after {answered} answers");
        peer.ask(json!({"id": id, "op": "rmdir", "path": path}));
        // Two more always wait.
        if id > 4 {
            let job = peer.held.take().expect("one is carried out");
            peer.tell(Event::Done(job.run()));
            answered += 1;
        }
    }
    assert!(answered * path.len() > 3 * crate::limits::REQUEST_BYTES);
}

#[test]
fn a_directory_that_is_there_exists_also_where_no_entry_is_left() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    peer.ask(json!({"id": 1, "op": "mkdir", "path": "/d"}));
    assert!(peer.reply(1)["ok"].is_object());
    world.shared.reload(Some(Limits { entries: 1, ..Limits::default() }), None);
    peer.tell(Event::AccountsChanged);
    for (id, path, code) in
        [(2, "/d", "exists"), (3, "/e", "too_many_files"), (4, "/e/f", "too_many_files"), (5, "/d", "exists")]
    {
        peer.ask(json!({"id": id, "op": "mkdir", "path": path}));
        assert_eq!(peer.code(id), code, "{path}");
    }
    peer.ask(json!({"id": 6, "op": "rmdir", "path": "/d"}));
    assert!(peer.reply(6)["ok"].is_object());
    peer.ask(json!({"id": 7, "op": "mkdir", "path": "/e"}));
    assert!(peer.reply(7)["ok"].is_object(), "nothing was counted for those that were refused");
    peer.ask(json!({"id": 8, "op": "info"}));
    assert_eq!(peer.reply(8)["ok"]["account"]["entries"], 1);
}
