use super::*;
use ftp_proto::limits::CHUNK_PAYLOAD;

#[test]
fn eager_puts_come_back_to_back() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    let mut bytes = Vec::new();
    for id in 10..74u64 {
        let content = file(usize::try_from(id).expect("small") - 10);
        let size = content.len() as u64;
        put_message(
            &mut bytes,
            &json!({"id": id, "op": "put", "path": format!("/f{id}"), "size": size, "eager": true}),
        );
        if size > 0 {
            bytes.extend_from_slice(sealed(size, 0, &content).frame());
        }
        // Every eighth lies about its root.
        let root = if id % 8 == 0 { "0".repeat(64) } else { root(&content) };
        put_message(&mut bytes, &json!({"id": id, "op": "put_end", "root": root}));
    }
    peer.send(&bytes);
    for id in 10..74u64 {
        let reply = peer.reply(id);
        assert_eq!(reply["ok"].is_object(), id % 8 != 0, "{reply}");
    }
    let want: u64 = (10..74).filter(|id| id % 8 != 0).map(|id| id - 10).sum();
    assert_eq!((world.used("ada"), world.on_disk("ada")), (want, want));
}

/// All of an eager put, whatever is wrong with it.
fn eager(request: &Value, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_message(&mut bytes, request);
    bytes.extend_from_slice(sealed(data.len() as u64, 0, data).frame());
    put_message(&mut bytes, &json!({"id": request["id"], "op": "put_end", "root": root(data)}));
    bytes
}

#[test]
fn an_eager_put_that_is_refused_as_it_is_read_is_swallowed_to_its_end() {
    let world = World::new(None);
    let mut peer = world.login("ada");
    for (id, path, size, code) in [
        (10, json!("/../x"), json!(4), "name_refused"),
        (12, json!("x"), json!(4), "name_refused"),
        (14, json!("/a\0"), json!(4), "name_refused"),
        (16, json!(7), json!(4), "bad_request"),
        (18, json!("/x"), json!(-4), "bad_request"),
        (20, json!("/x"), json!("4"), "bad_request"),
    ] {
        let put = json!({"id": id, "op": "put", "path": path, "size": size, "eager": true});
        peer.send(&eager(&put, b"hers"));
        peer.ask(json!({"id": id + 1, "op": "stat", "path": "/"}));
        assert_eq!(peer.code(id), code, "{put}");
        assert!(peer.reply(id + 1)["ok"].is_object(), "the session goes on");
    }
    // It may be given up by an abort as well, and holds one chunk's place only.
    peer.ask(json!({"id": 30, "op": "put", "path": "/..", "size": 4, "eager": true}));
    assert_eq!(peer.code(30), "name_refused");
    peer.ask(json!({"id": 31, "op": "abort", "target": 30}));
    assert!(peer.reply(31)["ok"].is_object());
    peer.send(&eager(&json!({"id": 32, "op": "put", "path": "/f", "size": 4, "eager": true}), b"hers"));
    assert!(peer.reply(32)["ok"].is_object());
    peer.send(
        &[&eager(&json!({"id": 33, "op": "put", "path": "/..", "size": 4, "eager": true}), b"hers")[..]]
            .concat(),
    );
    assert_eq!(peer.code(33), "name_refused");
    assert_eq!((world.used("ada"), world.on_disk("ada")), (4, 4));
}

/// The first bytes of a chunk frame, after which room is made for the whole of it.
fn head_of_a_chunk() -> Vec<u8> {
    let len = u32::try_from(CHUNK_PAYLOAD).expect("it fits");
    [&len.to_be_bytes()[..], &[2]].concat()
}

#[test]
fn a_guest_cannot_have_a_chunk_kept() {
    for entering in [false, true] {
        let world = World::new(None);
        let mut guest = world.connect();
        if entering {
            guest.hold = true;
            guest.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
        }
        guest.ask(json!({"id": 2, "op": "put", "path": "/f", "size": 4, "eager": true}));
        guest.send(&head_of_a_chunk());
        assert!(guest.closed, "entering: {entering}");
        assert!(!world.folder.path().join("ada").exists());
    }
}
