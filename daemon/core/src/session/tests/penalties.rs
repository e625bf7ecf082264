//! What each kind of connection costs its source.

use super::*;
use crate::account::penalties::Offence::{self, NoLogin, Nonsense, TooSlow, WrongLogin};
use crate::limits::{HANDSHAKE, LOGIN};

/// A connection from its accept to its end.
type Life = fn(&World) -> Peer;

fn wrong_login(world: &World) -> Peer {
    let mut peer = world.connect();
    peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "wrong"}));
    peer
}

fn logged_out(world: &World) -> Peer {
    let mut peer = world.login("ada");
    peer.ask(json!({"id": 2, "op": "logout"}));
    assert!(peer.reply(2)["ok"].is_object());
    peer
}

fn ending(mut peer: Peer, event: Event) -> Peer {
    peer.tell(event);
    peer
}

fn saying(mut peer: Peer, bytes: &[u8]) -> Peer {
    peer.send(bytes);
    assert!(peer.closed);
    peer
}

fn waiting(mut peer: Peer, time: Duration) -> Peer {
    peer.pass(time);
    assert!(peer.closed);
    peer
}

const GARBAGE: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Every way in which a connection ends, and what it is charged for.
const LIVES: [(&str, Life, Option<Offence>); 18] = [
    (
        "looked whether somebody listens",
        |world| ending(world.accept_from(HERE), Event::Lost(CH)),
        Some(NoLogin),
    ),
    ("left after the handshake", |world| ending(world.connect(), Event::PeerClosed(CH)), Some(NoLogin)),
    ("was cut after the handshake", |world| ending(world.connect(), Event::Lost(CH)), Some(NoLogin)),
    (
        "asked for what guests may and left",
        |world| {
            let mut peer = world.connect();
            peer.ask(json!({"id": 1, "op": "ping"}));
            ending(peer, Event::PeerClosed(CH))
        },
        Some(NoLogin),
    ),
    (
        "had only an old token",
        |world| {
            let mut peer = world.connect();
            peer.ask(json!({"id": 1, "op": "login", "user": "ada", "token": "old"}));
            peer.pass(Duration::from_millis(300));
            ending(peer, Event::PeerClosed(CH))
        },
        Some(NoLogin),
    ),
    ("speaks something else", |world| saying(world.connect(), GARBAGE), Some(Nonsense)),
    ("speaks something else after its logout", |world| saying(logged_out(world), GARBAGE), Some(Nonsense)),
    ("took too long for the handshake", |world| waiting(world.accept_from(HERE), HANDSHAKE), Some(TooSlow)),
    ("took too long to log in", |world| waiting(world.connect(), LOGIN), Some(NoLogin)),
    ("was wrong and left", |world| ending(wrong_login(world), Event::PeerClosed(CH)), Some(WrongLogin)),
    (
        "was wrong, said so, and left",
        |world| {
            let mut peer = wrong_login(world);
            peer.pass(Duration::from_millis(300));
            ending(peer, Event::PeerClosed(CH))
        },
        Some(WrongLogin),
    ),
    ("was wrong and thought too long", |world| waiting(wrong_login(world), LOGIN), Some(WrongLogin)),
    (
        "left while its password was checked",
        |world| {
            let mut peer = world.connect();
            peer.hold = true;
            peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
            peer.tell(Event::Lost(CH));
            peer.release();
            peer
        },
        None,
    ),
    ("logged in and left", |world| ending(world.login("ada"), Event::PeerClosed(CH)), None),
    ("logged in and was cut", |world| ending(world.login("ada"), Event::Lost(CH)), None),
    ("logged out and left", |world| ending(logged_out(world), Event::PeerClosed(CH)), None),
    ("logged out and was forgotten", |world| waiting(logged_out(world), LOGIN), None),
    ("was sent away at the end", |world| ending(world.connect(), Event::Drain), None),
];

#[test]
fn each_end_of_a_connection_is_charged_for_what_it_is_and_once() {
    for (what, life, expected) in LIVES {
        let world = World::new(None);
        let mut peer = life(&world);
        // The connection is found gone, perhaps a second time.
        peer.tell(Event::Lost(CH));
        let charged = peer.notes.iter().filter_map(|note| match note {
            Audit::Charged { offence, .. } => Some(*offence),
            _ => None,
        });
        assert_eq!(charged.collect::<Vec<_>>(), Vec::from_iter(expected), "who {what}");
    }
}

#[test]
fn who_owes_is_told_how_long_and_others_are_not() {
    let world = World::new(None);
    (0..2).for_each(|_| drop(saying(world.connect(), GARBAGE)));
    let mut peer = world.connect();
    peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    let reply = peer.reply(1);
    assert_eq!(reply["error"]["code"], "busy", "{reply}");
    assert_eq!(reply["error"]["retry_seconds"], 21, "{reply}");
    let mut other = world.connect_from(Ipv4Addr::new(127, 0, 0, 2));
    other.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    assert!(other.reply(1)["ok"].is_object());
}

#[test]
fn an_address_that_is_exempt_owes_nothing_from_the_reload_on_that_says_so() {
    let world = World::new(None);
    (0..2).for_each(|_| drop(saying(world.connect(), GARBAGE)));
    assert!(world.shared.owed(world.now, HERE.into()).is_some());
    let limits = Limits { penalty_exempt: vec![HERE.into()], ..Limits::default() };
    world.shared.reload(Some(limits), None);
    let mapped = HERE.to_ipv6_mapped();
    for address in [HERE.into(), mapped.into()] {
        assert_eq!(world.shared.owed(world.now, address), None);
    }
    (0..100).for_each(|_| drop(saying(world.connect(), GARBAGE)));
    (0..2).for_each(|_| drop(saying(world.connect_from(Ipv4Addr::new(127, 0, 0, 2)), GARBAGE)));
    assert!(world.shared.owed(world.now, Ipv4Addr::new(127, 0, 0, 2).into()).is_some(), "others do");
    world.shared.reload(Some(Limits::default()), None);
    assert_eq!(
        world.shared.owed(world.now, HERE.into()),
        Some(Duration::from_secs(20)),
        "what came meanwhile was not written down"
    );
}

#[test]
fn a_connection_is_counted_as_a_guest_while_nobody_is_logged_in() {
    let world = World::new(None);
    let guests = || world.shared.guests();
    assert_eq!(guests(), 0);
    let mut peer = world.accept_from(HERE);
    assert_eq!(guests(), 1, "before the handshake");
    peer.tell(Event::Opened(CH, TlsFacts::default()));
    assert_eq!(guests(), 1, "after it");
    peer.hold = true;
    peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    assert_eq!(guests(), 1, "while the password is checked");
    peer.release();
    assert_eq!(guests(), 0, "logged in");
    let other = world.connect();
    assert_eq!(guests(), 1, "another");
    peer.ask(json!({"id": 2, "op": "logout"}));
    assert_eq!(guests(), 2, "logged out");
    peer.tell(Event::PeerClosed(CH));
    assert_eq!(guests(), 1, "closed");
    drop(other);
    assert_eq!(guests(), 0, "dropped");
    for (what, life, _) in LIVES {
        let _kept = life(&world);
        world.shared.reload(Some(Limits { penalty_exempt: vec![HERE.into()], ..Limits::default() }), None);
        assert_eq!(guests(), 0, "who {what}");
    }
}

/// Somebody else at the address cannot keep a client from going on.
#[test]
fn a_token_is_taken_from_an_address_that_owes() {
    let world = World::new(None);
    let mut peer = world.connect();
    peer.ask(json!({"id": 1, "op": "login", "user": "ada", "password": "secret"}));
    let token = peer.reply(1)["ok"]["token"].clone();
    (0..2).for_each(|_| drop(saying(world.connect(), GARBAGE)));
    let mut again = world.connect();
    again.ask(json!({"id": 1, "op": "login", "user": "ada", "token": token}));
    assert!(again.reply(1)["ok"].is_object());
    let mut other = world.connect();
    other.ask(json!({"id": 1, "op": "login", "user": "ada", "token": "another"}));
    assert_eq!(other.reply(1)["error"]["code"], "busy");
}
