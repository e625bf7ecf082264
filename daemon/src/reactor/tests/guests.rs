//! Who is turned away when many are here who do not log in. What is rolled is the same each time.

use super::*;

const GUESTS: Guests = Guests { start: 4, percent: 50, full: 8 };

/// Comes as a guest; none if the connection is closed before TLS: without a byte.
fn come(daemon: &Daemon) -> Option<Peer> {
    let mut peer = Peer::new(daemon);
    let hello = peer.pump.outgoing().to_vec();
    peer.socket.write_all(&hello).ok()?;
    peer.pump.sent(hello.len());
    let n = peer.socket.read(peer.pump.room()).ok().filter(|n| *n > 0)?;
    peer.pump.filled(n);
    peer.pump.advance(&mut |_| 0).expect("good records");
    while peer.pump.is_handshaking() {
        assert!(peer.receive(), "closed during the handshake");
    }
    assert!(peer.message()["hello"].is_object());
    Some(peer)
}

#[test]
fn guests_are_turned_away_as_it_is_rolled_and_nobody_who_is_logged_in() {
    // The chances from the fifth guest on are 50, 62.5, 75 and 87.5 %.
    for (roll, most) in [(0, 4), (u32::MAX / 100 * 55, 5), (u32::MAX / 100 * 70, 6), (u32::MAX, 8)] {
        let daemon = Daemon::start(How { guests: Some((GUESTS, roll)), ..PLAIN });
        // Who is logged in does not count.
        let mut users: Vec<Peer> =
            (0..6).map(|n| daemon.login(if n % 2 == 0 { "ada" } else { "bob" })).collect();
        let mut guests: Vec<Peer> = std::iter::from_fn(|| come(&daemon)).take(20).collect();
        assert_eq!(guests.len(), most, "at {roll}");
        (0..3).for_each(|_| assert!(come(&daemon).is_none(), "at {roll}"));
        users.iter_mut().for_each(|user| assert!(user.is_served()));
        // Who logs in makes room.
        let mut guest = guests.pop().expect("some");
        let id = guest.ask(login("ada"));
        assert!(guest.reply(id)["ok"].is_object());
        guests.push(come(&daemon).expect("there is room"));
        assert!(come(&daemon).is_none(), "at {roll}");
        // And so does who goes, once that is noticed.
        drop(guests.pop());
        assert!(within(PATIENCE, || come(&daemon).map(|peer| guests.push(peer)).is_some()), "at {roll}");
        assert!(come(&daemon).is_none(), "at {roll}");
        users.iter_mut().for_each(|user| assert!(user.is_served()));
    }
}
