//! A thousand malformed frames, names and orders on a live port: after each the daemon still serves.

use ftp_proto::tree;
use ftp_tests::sample;
use ftp_tests::site::Site;
use ftp_tests::wire::{Wire, frame};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;

struct Attack<'a> {
    port: u16,
    ca: &'a Path,
    token: String,
    keeper: Wire,
    count: u32,
}

impl Attack<'_> {
    fn guest(&self) -> Wire {
        Wire::open(self.port, self.ca).expect("the daemon serves")
    }

    fn user(&self) -> Wire {
        let mut wire = self.guest();
        let answer =
            wire.ask(json!({"op": "login", "user": "alice", "token": self.token})).expect("an answer");
        assert!(answer.get("ok").is_some(), "{answer}");
        wire
    }

    /// The daemon still serves, to those who were there and to new ones.
    fn alive(&mut self) {
        self.count += 1;
        let answer = self.keeper.ask(json!({"op": "stat", "path": "/keep"})).expect("the daemon serves");
        assert_eq!(answer["ok"]["entry"]["size"], 5, "{answer}");
    }

    /// Bytes that end the connection, after one word about it at most.
    fn fatal(&mut self, mut wire: Wire, bytes: &[u8], what: &str) {
        let _gone = wire.raw(bytes);
        let end = wire.until_closed();
        assert!(end.contains("closed") || end.contains("cut"), "{what}: {end}");
        self.alive();
    }

    /// A request that is refused, and the connection goes on.
    fn refused(&mut self, wire: &mut Wire, request: Value, codes: &[&str]) {
        let shown = request.to_string();
        let answer = wire.ask(request).unwrap_or_else(|end| panic!("{shown}: {end}"));
        let code = answer["error"]["code"].as_str().unwrap_or("ok");
        assert!(codes.contains(&code), "{shown}: {answer}");
        assert!(
            answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{shown}: {answer}"
        );
        self.alive();
    }
}

#[test]
fn a_thousand_malformed_things_leave_the_daemon_serving() {
    let site = Site::with_config(
        "limits: (connections: 5000, connections_per_address: 5000, penalty_exempt: [\"127.0.0.1\"]),",
    );
    site.user("alice", "10M");
    let daemon = site.start();
    let ca = site.path("certs/ca.pem");
    let mut keeper = Wire::open(daemon.port, &ca).expect("open");
    let answer = keeper.login("alice", "password of alice").expect("an answer");
    let token = answer["ok"]["token"].as_str().expect("a token").to_owned();
    std::fs::write(site.home_of("alice").join("keep"), "hello").expect("written");
    std::fs::create_dir(site.home_of("alice").join("dir")).expect("made");
    std::os::unix::fs::symlink("/etc", site.home_of("alice").join("link")).expect("made");
    let mut attack = Attack { port: daemon.port, ca: &ca, token, keeper, count: 0 };

    // Frames.
    for round in 0..480 {
        let seed = 10_000 + round;
        let len = usize::try_from(1 + sample::number(seed, 300)).expect("short");
        let noise = sample::bytes(seed, len);
        let mut bytes = match round % 6 {
            0 => frame(0, &noise),
            1 => frame(3 + u8::try_from(round % 250).expect("small"), &noise),
            2 => frame(1, &noise),
            3 => frame(1, b""),
            4 => [&u32::MAX.to_be_bytes()[..], &[1], &noise].concat(),
            _ => frame(2, &noise),
        };
        bytes.extend(frame(1, br#"{"id":1,"op":"ping"}"#));
        let wire = if round % 2 == 0 { attack.guest() } else { attack.user() };
        attack.fatal(wire, &bytes, &format!("frame {round}"));
    }
    // Messages that are JSON and no requests.
    for text in [
        "[]",
        "7",
        "null",
        "\"x\"",
        "{}",
        r#"{"op":"ping"}"#,
        r#"{"id":0,"op":"ping"}"#,
        r#"{"id":-1,"op":"ping"}"#,
        r#"{"id":1.5,"op":"ping"}"#,
        r#"{"id":9007199254740993,"op":"ping"}"#,
        r#"{"id":"1","op":"ping"}"#,
        r#"{"id":1,"op":["ping"]}"#,
        "{\"id\":1,\"op\":\"ping\"",
        "{\"id\":1,,}",
        "\u{feff}{}",
    ] {
        for logged_in in [false, true] {
            let wire = if logged_in { attack.user() } else { attack.guest() };
            attack.fatal(wire, &frame(1, text.as_bytes()), text);
        }
    }
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let wire = attack.guest();
    attack.fatal(wire, &frame(1, deep.as_bytes()), "deep nesting");
    let wire = attack.guest();
    let large = format!(r#"{{"id":1,"op":"ping","x":"{}"}}"#, "y".repeat(5000));
    attack.fatal(wire, &frame(1, large.as_bytes()), "a guest's message over its bound");
    // Requests out of place before login.
    let mut wire = attack.guest();
    for op in ["info", "parts", "logout"] {
        attack.refused(&mut wire, json!({"op": op}), &["not_logged_in"]);
    }
    for op in ["stat", "list", "mkdir", "rmdir", "rm", "sum", "get"] {
        attack.refused(&mut wire, json!({"op": op, "path": "/"}), &["not_logged_in"]);
    }
    // Requests that are understood and make no sense.
    let mut wire = attack.user();
    for round in 0..60 {
        attack.refused(&mut wire, json!({"op": format!("op{round}")}), &["unsupported"]);
    }
    for op in ["stat", "list", "mkdir", "rmdir", "rm", "sum", "get", "put"] {
        for path in [json!(null), json!(7), json!([]), json!({}), json!(true), json!(["/x"])] {
            attack.refused(&mut wire, json!({"op": op, "path": path, "size": 1}), &["bad_request"]);
        }
    }
    // Names and paths.
    let long_name = "n".repeat(256);
    let long_path = format!("/{}", "a/".repeat(2100));
    let too_deep = format!("/{}", "d/".repeat(65));
    let names = [
        "",
        "x",
        "relative/path",
        "/..",
        "/../etc/passwd",
        "/dir/../../x",
        "/a\0b",
        "/a\nb",
        "/\u{1b}[2J",
        "/\u{7f}",
        "/\u{85}",
        "/\u{9b}31m",
        long_name.as_str(),
        long_path.as_str(),
        too_deep.as_str(),
        "/../../../../../../etc",
        "..",
        ".",
        "~",
        "C:\\x",
    ];
    let long_leaf = format!("/{long_name}");
    for path in names.into_iter().chain([long_leaf.as_str()]) {
        for op in ["stat", "list", "mkdir", "rmdir", "rm", "sum", "get", "put"] {
            attack.refused(&mut wire, json!({"op": op, "path": path, "size": 300_000}), &["name_refused"]);
        }
        attack.refused(&mut wire, json!({"op": "rename", "from": path, "to": "/ok"}), &["name_refused"]);
        attack.refused(&mut wire, json!({"op": "rename", "from": "/keep", "to": path}), &["name_refused"]);
    }
    for path in ["/link", "/link/passwd", "/link/../link/hosts", "/dir/../link/x"] {
        let not_followed = ["name_refused", "not_a_directory", "not_found", "exists"];
        for op in ["list", "rmdir", "rm", "sum", "get", "mkdir"] {
            attack.refused(&mut wire, json!({"op": op, "path": path}), &not_followed);
        }
        attack.refused(&mut wire, json!({"op": "put", "path": path, "size": 300_000}), &not_followed);
    }
    assert!(Path::new("/etc/passwd").exists() && site.home_of("alice").join("link").is_symlink());
    // Numbers.
    for size in [json!(-1), json!(1.5), json!("9"), json!(u64::MAX), json!(null)] {
        attack.refused(
            &mut wire,
            json!({"op": "put", "path": "/n", "size": size}),
            &["bad_request", "quota_exceeded"],
        );
    }
    for size in [10_485_761_u64, 1 << 40, 1 << 53] {
        attack.refused(
            &mut wire,
            json!({"op": "put", "path": "/n", "size": size}),
            &["quota_exceeded", "bad_request"],
        );
    }
    for offset in [json!(1), json!(-1), json!(262_144), json!(1_u64 << 52), json!("0")] {
        let codes = ["bad_request", "changed"];
        attack.refused(&mut wire, json!({"op": "get", "path": "/keep", "offset": offset}), &codes);
        let etag = "00000000000000000000000000000000";
        attack.refused(
            &mut wire,
            json!({"op": "get", "path": "/keep", "offset": offset, "etag": etag}),
            &codes,
        );
    }
    for part in ["", "zz", "../../x", "00", "/"] {
        attack.refused(&mut wire, json!({"op": "parts_rm", "part": part}), &["bad_request", "not_found"]);
    }
    // Orders that are out of order.
    for target in [0_u64, 77, 1 << 52] {
        let _aborted = wire.ask(json!({"op": "abort", "target": target})).expect("an answer");
        attack.alive();
    }
    let root = tree::Tree::new().root().to_string();
    let alone = attack.user();
    let stray = json!({"id": 99, "op": "put_end", "root": root}).to_string();
    attack.fatal_or_refused(alone, &frame(1, stray.as_bytes()));
    for round in 0..40 {
        let mut wire = attack.user();
        let id =
            wire.send(json!({"op": "put", "path": format!("/p{round}"), "size": 600_000})).expect("open");
        let begin = wire.message().expect("a begin");
        assert!(begin.get("begin").is_some(), "{begin}");
        let data = sample::bytes(round, 262_144);
        let good = tree::value(600_000, 0, &data);
        let bytes = match round % 4 {
            // A value that is wrong, then the end.
            0 => [frame(2, &[&[0; 32][..], &data].concat()), end_of(id, &root)].concat(),
            // A chunk that is too short.
            1 => [frame(2, &[&good.0[..], &data[..1000]].concat()), end_of(id, &root)].concat(),
            // The end comes too early.
            2 => [frame(2, &[&good.0[..], &data].concat()), end_of(id, &root)].concat(),
            // Another request in between.
            _ => frame(1, json!({"id": 500, "op": "info"}).to_string().as_bytes()),
        };
        wire.raw(&bytes).expect("open");
        if round % 4 == 3 {
            let _end = wire.until_closed();
        } else {
            let answer = wire.message().expect("an answer");
            let code = answer["error"]["code"].as_str().unwrap_or("none");
            assert!(["digest_mismatch", "bad_request"].contains(&code), "{answer}");
            assert!(wire.ask(json!({"op": "info"})).is_ok(), "the session goes on");
        }
        assert!(!site.home_of("alice").join(format!("p{round}")).exists(), "nothing is in place");
        attack.alive();
        let mut tidy = attack.user();
        tidy.ask(json!({"op": "parts_rm"})).expect("an answer");
    }
    // What is not TLS at all.
    for round in 0..100 {
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", daemon.port)).expect("open");
        let noise = sample::bytes(90_000 + round, 200);
        let _gone =
            socket.write_all(if round % 2 == 0 { b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" } else { &noise });
        drop(socket);
        attack.alive();
    }
    println!("trials: {}", attack.count);
    assert!(attack.count >= 1000, "{} are too few", attack.count);
    let names: Vec<_> = std::fs::read_dir(site.home_of("alice"))
        .expect("there")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

fn end_of(id: u64, root: &str) -> Vec<u8> {
    frame(1, json!({"id": id, "op": "put_end", "root": root}).to_string().as_bytes())
}

impl Attack<'_> {
    fn fatal_or_refused(&mut self, mut wire: Wire, bytes: &[u8]) {
        let _gone = wire.raw(bytes);
        let answer = wire.message();
        assert!(answer.as_ref().map_or(true, |answer| answer.get("error").is_some()), "{answer:?}");
        self.alive();
    }
}
