//! Who may ask what: every request in every state.

use super::*;
use crate::limits::HANDSHAKE;
use ftp_proto::message::OPS;

/// A request of each kind that would be done, if the one who asks may.
fn request(op: &str) -> Value {
    let request = match op {
        "login" => json!({"user": "ada", "password": "secret"}),
        "abort" => json!({"target": 77}),
        "stat" | "get" | "sum" | "rm" => json!({"path": "/file"}),
        "list" => json!({"path": "/"}),
        "mkdir" => json!({"path": "/made"}),
        "rmdir" => json!({"path": "/dir"}),
        "rename" => json!({"from": "/file", "to": "/moved"}),
        "put" => json!({"path": "/up", "size": 300_000}),
        "put_end" => json!({"root": root(b"")}),
        _ => json!({}),
    };
    let mut request = request;
    request["op"] = op.into();
    request
}

/// What somebody who is not logged in is answered.
fn to_a_guest(op: &str) -> &str {
    match op {
        "login" | "ping" | "abort" => "ok",
        "put_end" => "bad_request",
        _ => "not_logged_in",
    }
}

/// What a user is answered.
fn to_a_user(op: &str) -> &str {
    match op {
        "login" | "put_end" => "bad_request",
        "get" | "put" => "begin",
        _ => "ok",
    }
}

/// A world in which the user has a file and a directory, or has never been.
fn world(furnished: bool) -> World {
    let world = World::new(None);
    if furnished {
        let mut peer = world.login("ada");
        peer.put(5, "/file", b"hers");
        peer.ask(json!({"id": 6, "op": "mkdir", "path": "/dir"}));
        peer.tell(Event::Lost(CH));
    }
    world
}

fn names(world: &World) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(world.folder.path().join("ada/home")) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// How somebody becomes a guest.
type Enter = fn(&World) -> Peer;
/// How a session comes to its end.
type ComeTo = fn(&World, &mut Peer);

impl Peer {
    /// The word of the answer to a request, without the chunks; none if there is none yet.
    pub(super) fn word(&mut self, re: u64) -> Option<String> {
        let mut words = self.got.iter().filter_map(|frame| match frame {
            Frame::Message(json) => serde_json::from_slice::<Value>(json).ok(),
            Frame::Chunk(_) => None,
        });
        let reply = words.find(|reply| reply["re"] == re)?;
        let code = reply["error"]["code"].as_str();
        let other = ["ok", "begin", "page"].into_iter().find(|word| reply.get(word).is_some());
        code.or(other).map(|word| if word == "page" { "ok" } else { word }.to_owned())
    }

    pub(super) fn try_word(&mut self, mut request: Value) -> Option<String> {
        self.got.clear();
        request["id"] = 50.into();
        self.ask(request);
        self.word(50)
    }
}

#[test]
fn every_request_is_answered_to_a_guest_as_the_table_says_and_touches_nothing() {
    for op in OPS {
        let ways: [(&str, Enter); 4] = [
            ("new", World::connect),
            ("refused", |world| {
                let mut peer = world.connect();
                peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "wrong"}));
                peer.pass(Duration::from_millis(300));
                assert_eq!(peer.code(1), "login_refused");
                peer
            }),
            ("logged out", |world| {
                let mut peer = world.login("ada");
                peer.ask(json!({"id": 2, "op": "logout"}));
                assert!(peer.reply(2)["ok"].is_object());
                peer
            }),
            ("not let in with a token that ended", |world| {
                let mut peer = world.connect();
                peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
                let token = peer.reply(1)["ok"]["token"].clone();
                peer.ask(json!({"id": 2, "op": "logout"}));
                peer.ask(json!({"id": 3, "op": "login", "user": "ada", "token": token}));
                peer.pass(Duration::from_millis(300));
                peer.reply(2);
                assert_eq!(peer.code(3), "login_refused");
                peer
            }),
        ];
        for (state, enter) in ways {
            let world = world(state == "logged out");
            let mut peer = enter(&world);
            let before = names(&world);
            let word = peer.try_word(request(op));
            assert_eq!(word.as_deref(), Some(to_a_guest(op)), "{op} of a guest who is {state}");
            assert_eq!(names(&world), before, "{op} of a guest who is {state}");
        }
    }
}

#[test]
fn what_is_asked_behind_a_login_waits_for_how_it_ends() {
    for op in OPS {
        for (password, right) in [("secret", true), ("wrong", false)] {
            let world = world(true);
            let before = names(&world);
            let mut peer = world.connect();
            peer.hold = true;
            peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": password}));
            let at_once = peer.try_word(request(op));
            let waits = !matches!(*op, "ping" | "abort");
            assert_eq!(at_once.as_deref(), (!waits).then_some("ok"), "{op} behind a login");
            assert_eq!(names(&world), before, "{op} behind a login");
            if !waits {
                continue;
            }
            peer.release();
            peer.pass(Duration::from_millis(300));
            let want = if right { to_a_user(op) } else { to_a_guest(op) };
            assert_eq!(peer.word(50).as_deref(), Some(want), "{op} behind a login, right: {right}");
            assert!(right || names(&world) == before, "{op} behind a login that was wrong");
            peer.tell(Event::Lost(CH));
        }
    }
}

#[test]
fn an_account_that_goes_while_its_password_is_checked_lets_nobody_in() {
    for op in OPS.iter().filter(|op| !matches!(**op, "ping" | "abort" | "login")) {
        let world = world(true);
        let before = names(&world);
        let mut peer = world.connect();
        peer.hold = true;
        peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
        peer.try_word(request(op));
        world.shared.reload(None, Some(Users::default()));
        peer.tell(Event::AccountsChanged);
        peer.release();
        peer.pass(Duration::from_millis(300));
        assert_eq!(peer.word(1).as_deref(), Some("login_refused"));
        assert_eq!(peer.word(50).as_deref(), Some(to_a_guest(op)), "{op}");
        assert_eq!(names(&world), before, "{op}");
    }
}

#[test]
fn an_account_that_changes_while_its_home_is_counted_lets_in_only_who_may_still_come() {
    let named = |name: &str, user| {
        let mut users = Users::default();
        users.users.insert(UserName::new(name).expect("good"), user);
        users
    };
    let world = World::new(Some(10));
    let ada = world.shared.user(&UserName::new("ada").expect("good")).expect("there");
    for (change, users, may) in [
        ("removed", Users::default(), false),
        ("another password", named("ada", user(1, Some(10))), false),
        ("another account", named("ada", User { id: 9, ..ada.clone() }), false),
        ("another quota", named("ada", User { quota: Some(77), ..ada.clone() }), true),
    ] {
        let world = World::new(None);
        world.shared.reload(None, Some(named("ada", ada.clone())));
        let mut peer = world.connect();
        peer.hold = true;
        peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
        let check = peer.held.take().expect("the password is checked");
        peer.tell(Event::Done(check.run()));
        assert!(matches!(peer.held, Some(Job::Survey { .. })), "{change}");
        world.shared.reload(None, Some(users));
        peer.tell(Event::AccountsChanged);
        peer.release();
        peer.pass(Duration::from_millis(300));
        let reply = peer.reply(1);
        if may {
            assert_eq!(reply["ok"]["account"]["quota"], 77, "{change}: {reply}");
        } else {
            assert_eq!(reply["error"]["code"], "login_refused", "{change}: {reply}");
        }
    }
}

#[test]
fn every_request_is_answered_to_a_user_as_the_table_says() {
    for op in OPS {
        let world = world(true);
        let mut peer = world.login("ada");
        assert_eq!(peer.try_word(request(op)).as_deref(), Some(to_a_user(op)), "{op} of a user");
        peer.tell(Event::Lost(CH));

        // Behind another request it waits, but for those that are answered as they are read.
        let world = self::world(true);
        let mut peer = world.login("ada");
        peer.hold = true;
        peer.ask(json!({"id": 2, "op": "stat", "path": "/"}));
        let waits = !matches!(*op, "ping" | "abort");
        assert_eq!(peer.try_word(request(op)).as_deref(), (!waits).then_some("ok"), "{op} of a busy user");
        peer.release();
        let want = if waits { to_a_user(op) } else { "ok" };
        assert_eq!(peer.word(50).as_deref(), Some(want), "{op} of a user who was busy");
        peer.tell(Event::Lost(CH));

        // Amid an upload it has no place.
        let world = self::world(true);
        let (mut peer, before) = (world.login("ada"), names(&world));
        peer.ask(json!({"id": 2, "op": "put", "path": "/up", "size": 300_000}));
        assert!(peer.reply(2)["begin"].is_object());
        let word = peer.try_word(request(op));
        assert_eq!(word.as_deref(), (!waits).then_some("ok"), "{op} amid an upload");
        assert_eq!((peer.closed, peer.word(0).as_deref()), (waits, waits.then_some("bad_request")), "{op}");
        assert_eq!(names(&world), before, "{op} amid an upload");
        peer.tell(Event::Lost(CH));
    }
}

/// The greeting waits from the beginning, and TLS would never let it go.
#[test]
fn the_end_of_a_handshake_that_takes_too_long_waits_for_no_greeting() {
    let world = world(true);
    let mut silent = Session::new(&world.shared, (Ipv4Addr::LOCALHOST, 1000).into(), world.now);
    assert!(!silent.pending(CH).is_empty());
    silent.on_event(world.now + HANDSHAKE, Event::Timeout);
    assert!(silent.pending(CH).is_empty());
    assert!(std::iter::from_fn(|| silent.poll_action()).any(|action| matches!(action, Action::Close(_))));
}

#[test]
fn nothing_is_taken_before_the_handshake_or_after_the_end() {
    let ends: [(&str, ComeTo); 6] = [
        ("lost", |_, peer| peer.tell(Event::Lost(CH))),
        ("closed", |_, peer| peer.tell(Event::PeerClosed(CH))),
        ("drained", |_, peer| peer.tell(Event::Drain)),
        ("idle too long", |_, peer| peer.pass(Duration::from_secs(301))),
        ("told nonsense", |_, peer| peer.send(b"GET / HTTP/1.1\r\n\r\n")),
        ("removed", |world, peer| {
            world.shared.reload(None, Some(Users::default()));
            peer.tell(Event::AccountsChanged);
        }),
    ];
    for op in OPS {
        let world = world(true);
        let before = names(&world);
        let address = (Ipv4Addr::LOCALHOST, 1000).into();
        let mut early = Session::new(&world.shared, address, world.now);
        let greeting = early.pending(CH).to_vec();
        let mut bytes = Vec::new();
        put_message(&mut bytes, &request(op));
        assert!(!early.wants_input(CH) && early.on_bytes(world.now, CH, &bytes) == 0, "{op} before all");
        assert!(early.poll_action().is_none() && early.pending(CH) == greeting, "{op} before all");
        for (end, come_to) in ends {
            let world = self::world(true);
            for busy in [false, true] {
                // Who is busy is not idle, and who is removed does not come back.
                if busy && matches!(end, "idle too long" | "removed") {
                    continue;
                }
                let mut peer = world.login("ada");
                if busy {
                    peer.hold = true;
                    peer.ask(json!({"id": 2, "op": "stat", "path": "/"}));
                }
                come_to(&world, &mut peer);
                let word = peer.try_word(request(op));
                // A drain lets what runs finish, and answers a ping or an abort meanwhile.
                let finishing = busy && end == "drained" && matches!(*op, "ping" | "abort");
                assert!(word.is_none() || finishing, "{op} once it is {end}, busy: {busy}: {word:?}");
                if busy {
                    peer.release();
                }
                assert_eq!(names(&world), before, "{op} once it is {end}, busy: {busy}");
            }
        }
    }
}

#[test]
fn a_text_that_is_no_users_name_is_refused_as_a_wrong_password_and_makes_no_folder() {
    let world = world(true);
    let around = |c: char| [format!("{c}"), format!("{c}ada"), format!("a{c}da"), format!("ada{c}")];
    let mut names: Vec<String> = ('\0'..='\u{a0}').flat_map(around).collect();
    names.extend(
        [
            "",
            "..",
            "ada/..",
            "../ada",
            "../../etc",
            "ada/home",
            "/ada",
            "ada..",
            "a..da",
            "%61da",
            "\u{430}da",
            "\u{ff41}da",
            "a\u{301}da",
            "\u{202e}ada",
            "\u{feff}ada",
            "ada\u{200b}",
            "ADA",
            "Ada",
            ".ada",
            "-ada",
            "ada\0.html",
            "ada\0bob",
            "con",
            "nul",
            "~ada",
            "ada@host",
            "ada:bob",
            "ada,bob",
            "*",
            "?",
            "$USER",
        ]
        .map(str::to_owned),
    );
    names.extend((1..40).map(|n| "a".repeat(n)));
    names.retain(|name| name != "ada");
    for (n, name) in (0..).zip(&names) {
        let mut peer = world.connect_from(Ipv4Addr::from_bits(0x0a00_0000 + n));
        peer.ask(json!({"id": 1, "op": "login", "user": name, "password": "secret"}));
        peer.pass(Duration::from_millis(300));
        assert_eq!(peer.code(1), "login_refused", "{name:?}");
        let noted = peer.notes.iter().any(|note| matches!(note, Audit::Login { user, .. } if user == name));
        assert!(noted, "{name:?}: {:?}", peer.notes);
    }
    let folders = std::fs::read_dir(world.folder.path()).expect("there").count();
    assert_eq!(folders, 1, "ada's, and none of {} others", names.len());
}
