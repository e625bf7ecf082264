//! Turns, jobs and deadlines of a real reactor with real sockets.

use super::super::link::{Link, Over};
use super::*;

/// The poll is edge-triggered: no event comes for bytes that a spent budget left behind, and the client sends nothing more.
#[test]
fn a_spent_budget_does_not_strand_bytes() {
    let daemon = Daemon::start(PLAIN);
    let mut peer = daemon.login("ada");
    let data = pattern(16 * CHUNK);
    // It also widens the kernel's window, so that a burst arrives as a whole.
    peer.put("/first", &data);
    let (id, size) = peer.begin_get("/first");
    assert_eq!(peer.finish_get(id, size), blake3_of(&data));

    let mut pings = Vec::new();
    let ids: Vec<u64> = (0..20_000).map(|_| peer.add(&mut pings, json!({"op": "ping"}))).collect();
    assert!(pings.len() > 2 * BUDGET, "{}", pings.len());
    burst(&daemon, &mut peer, &pings);
    ids.into_iter().for_each(|id| assert!(peer.reply(id)["ok"].is_object()));

    // Large requests that need no worker: a job that comes home would give the connection another turn.
    let mut requests = Vec::new();
    let padding = "x".repeat(40_000);
    let ids: Vec<u64> =
        (0..60).map(|_| peer.add(&mut requests, json!({"op": "info", "unknown": padding}))).collect();
    assert!(requests.len() > 2 * BUDGET, "{}", requests.len());
    burst(&daemon, &mut peer, &requests);
    ids.into_iter().for_each(|id| assert_eq!(peer.reply(id)["ok"]["user"], "ada"));

    let id = peer.begin_put("/second", data.len());
    let (mut frames, root) = Peer::chunks(&data);
    peer.add(&mut frames, json!({"id": id, "op": "put_end", "root": root}));
    burst(&daemon, &mut peer, &frames);
    let stored = peer.reply(id);
    assert_eq!(stored["ok"]["root"], root, "{stored}");
}

fn blake3_of(data: &[u8]) -> String {
    Peer::chunks(data).1
}

#[test]
fn a_slow_reader_holds_little_and_nobody_up() {
    let daemon = Daemon::start(PLAIN);
    let mut slow = daemon.login("ada");
    daemon.big_file("ada");
    rustix::net::sockopt::set_socket_recv_buffer_size(&slow.socket, 64 * 1024).expect("set");
    let id = slow.ask(json!({"op": "get", "path": "/big"}));
    // What is read for it comes to a stop.
    let (mut before, mut since) = (0, Instant::now());
    let stopped = within(PATIENCE, || {
        let now = daemon.read.load(Ordering::Relaxed);
        if now != before {
            (before, since) = (now, Instant::now());
        }
        before > 0 && since.elapsed() > Duration::from_millis(700)
    });
    // The kernel's buffers are in this too.
    assert!(stopped && before < BIG / 2, "{before} bytes were read for a client that takes none");
    let mut other = daemon.login("bob");
    let data = pattern(5 * CHUNK + 1);
    other.put("/mine", &data);
    let (mine, size) = other.begin_get("/mine");
    assert_eq!(other.finish_get(mine, size), blake3_of(&data));
    let begin = slow.reply(id);
    assert_eq!(begin["begin"]["size"], BIG, "{begin}");
    slow.finish_get(id, BIG);
    assert_eq!(daemon.read.load(Ordering::Relaxed), BIG + size);
    assert!(slow.is_served());
}

/// Whatever a connection waits for, the poll waits too.
#[test]
fn who_waits_turns_nothing() {
    let daemon = Daemon::start(PLAIN);
    let mut peers = vec![Peer::new(&daemon), daemon.connect(), daemon.login("ada")];
    let hello = peers[0].pump.outgoing().to_vec();
    peers[0].socket.write_all(&hello[..hello.len() / 2]).expect("sent");
    daemon.big_file("ada");
    // A download that nobody takes, and more requests behind it than are read.
    let mut stuck = daemon.login("ada");
    stuck.begin_get("/big");
    let mut requests = Vec::new();
    (0..80).for_each(|_| _ = stuck.add(&mut requests, json!({"op": "stat", "path": "/"})));
    stuck.send(&requests);
    // An upload in the middle of a chunk.
    let mut half = daemon.login("bob");
    let data = pattern(2 * CHUNK);
    half.begin_put("/half", data.len());
    half.send(&Peer::chunks(&data).0[..CHUNK + 1000]);
    // One that is cut while it downloads, and one that is closed for its fault and does not close.
    let mut cut = daemon.login("ada");
    cut.begin_get("/big");
    drop(cut);
    let mut faulty = daemon.connect();
    faulty.send(b"GET / HTTP/1.1");
    faulty.ends_with("bad_request");
    peers.extend([stuck, half, faulty]);
    let settled = within(PATIENCE, || {
        let before = daemon.rounds.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(500));
        daemon.rounds.load(Ordering::Relaxed) - before < 10
    });
    assert!(settled, "the reactor turns for nothing");
    // Also those that are about to be cooled down, or closed, have been by now.
    thread::sleep(Duration::from_millis(2500));
    let before = daemon.rounds.load(Ordering::Relaxed);
    thread::sleep(Duration::from_secs(1));
    let turned = daemon.rounds.load(Ordering::Relaxed) - before;
    assert!(turned < 10, "{turned} rounds in a second in which nothing happens");
}

/// Where assertions are compiled in; see [`Observed`].
#[cfg(debug_assertions)]
#[test]
fn a_job_that_panics_takes_nobody_with_it() {
    let daemon = Daemon::start(PLAIN);
    let mut peer = daemon.login("ada");
    let threads = thread::available_parallelism().map_or(2, usize::from) * 2;
    for _ in 0..threads + 8 {
        let id = peer.ask(json!({"op": "mkdir", "path": "/panic"}));
        let reply = peer.reply(id);
        assert_eq!(reply["error"]["code"], "unavailable", "{reply}");
    }
    assert!(peer.is_served());
    assert!(daemon.login("bob").is_served());
}

#[test]
fn a_full_login_lane_says_when_to_come_again() {
    let daemon = Daemon::start(How { spread: true, log_n: 14, ..PLAIN });
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let mut peers: Vec<Peer> = (0..LOGIN_QUEUE + threads + 8).map(|_| daemon.connect()).collect();
    daemon.hold();
    let ids: Vec<u64> = peers.iter_mut().map(|peer| peer.ask(login("ada"))).collect();
    daemon.gate.open();
    let mut refused = Vec::new();
    let mut admitted = 0;
    for (mut peer, id) in peers.into_iter().zip(ids) {
        let reply = peer.reply(id);
        if reply["ok"].is_object() {
            admitted += 1;
        } else {
            assert_eq!(reply["error"]["code"], "busy", "{reply}");
            assert!(reply["error"]["retry_seconds"].as_u64() > Some(0), "{reply}");
            refused.push(peer);
        }
    }
    assert!(admitted >= LOGIN_QUEUE && !refused.is_empty(), "{admitted} and {}", refused.len());
    let mut again = refused.remove(0);
    let id = again.ask(login("ada"));
    assert!(again.reply(id)["ok"].is_object());
}

#[test]
fn a_handshake_has_its_time_and_no_more() {
    let daemon = Daemon::start(How { speed: 20, ..PLAIN });
    let began = Instant::now();
    let mut peer = Peer::new(&daemon);
    let hello = peer.pump.outgoing().to_vec();
    peer.socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
    let mut answer = [0; 100];
    for byte in hello {
        // A byte now and then does not extend it.
        if peer.socket.write_all(&[byte]).is_err() {
            break;
        }
        match peer.socket.read(&mut answer) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Ok(0) | Err(_) => break,
            Ok(n) => panic!("{n} bytes for half a hello"),
        }
        assert!(began.elapsed() < PATIENCE, "it is still open");
    }
    assert!(began.elapsed() >= ftp_core::limits::HANDSHAKE / 20, "closed after {:?}", began.elapsed());
    assert!(daemon.connect().pump.facts().is_some(), "others come in");
}

#[test]
fn a_login_has_its_time_and_no_more() {
    let daemon = Daemon::start(How { speed: 20, ..PLAIN });
    let began = Instant::now();
    let mut peer = daemon.connect();
    loop {
        // To ask for something else does not extend it.
        let id = peer.ask(json!({"op": "ping"}));
        let reply = peer.message();
        if reply["re"] == 0 {
            assert_eq!(reply["error"]["code"], "timeout", "{reply}");
            assert!(peer.frame().is_none(), "something came after the end");
            break;
        }
        assert_eq!(reply["re"], id);
        assert!(began.elapsed() < PATIENCE, "it is still open");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= ftp_core::limits::LOGIN / 20, "closed after {:?}", began.elapsed());
}

#[test]
fn a_drain_lets_a_transfer_finish_and_nobody_in() {
    let daemon = Daemon::start(PLAIN);
    let (mut busy, mut idle, mut guest) = (daemon.login("ada"), daemon.login("bob"), daemon.connect());
    daemon.big_file("ada");
    let (id, size) = busy.begin_get("/big");
    assert!(daemon.mailbox.send(Message::Terminate));
    idle.ends_with("shutting_down");
    guest.ends_with("shutting_down");
    let refused = std::net::TcpStream::connect(daemon.address).map(drop).map_err(|error| error.kind());
    assert_eq!(refused, Err(io::ErrorKind::ConnectionRefused));
    assert!(!daemon.thread.as_ref().expect("there").is_finished());
    busy.finish_get(id, size);
    busy.ends_with("shutting_down");
    drop((busy, idle, guest));
    assert!(daemon.ends_in_time(), "nothing is left, and still it runs");
}

#[test]
fn a_second_stop_waits_for_nobody() {
    let daemon = Daemon::start(PLAIN);
    let mut busy = daemon.login("ada");
    daemon.big_file("ada");
    busy.begin_get("/big");
    assert!(daemon.mailbox.send(Message::Terminate));
    thread::sleep(Duration::from_millis(300));
    assert!(!daemon.thread.as_ref().expect("there").is_finished(), "the transfer was not waited for");
    assert!(daemon.mailbox.send(Message::Terminate));
    assert!(daemon.ends_in_time(), "it waits for a client that does not read");
}

#[test]
fn a_reset_is_a_failure_only_before_the_end() {
    let (server, _) = tls_configs();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    for ending in [false, true] {
        let peer = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
        let (socket, _) = listener.accept().expect("a connection");
        socket.set_nonblocking(true).expect("set");
        let mut link = Link::new(TcpStream::from_std(socket), &server).expect("a link");
        if ending {
            link.close(Instant::now());
            link.finish(false).expect("said");
        }
        rustix::net::sockopt::set_socket_linger(&peer, Some(Duration::ZERO)).expect("set");
        drop(peer);
        let mut over = None;
        within(PATIENCE, || {
            link.on_event(true, true);
            over = link.read().err();
            over.is_some()
        });
        let as_it_should =
            if ending { matches!(over, Some(Over::Closed)) } else { matches!(over, Some(Over::Failed(_))) };
        assert!(as_it_should, "ending: {ending}, {over:?}");
    }
}
