//! Which ends of a real connection are an offence, and which a misfortune.

use super::*;

/// Whether somebody of the same address may log in.
fn is_let_in(daemon: &Daemon) -> bool {
    let mut peer = daemon.connect();
    let id = peer.ask(login("ada"));
    let reply = peer.reply(id);
    let busy = reply["error"]["code"] == "busy";
    assert!(busy || reply["ok"].is_object(), "{reply}");
    !busy
}

/// Until the daemon has closed it.
fn drain(socket: &mut std::net::TcpStream) {
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let _reset = socket.read_to_end(&mut Vec::new());
}

#[test]
fn two_that_do_not_speak_tls_have_nobody_wait_and_twenty_do() {
    let daemon = Daemon::start(PLAIN);
    let probe = || {
        let mut socket = std::net::TcpStream::connect(daemon.address).expect("a connection");
        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        drain(&mut socket);
    };
    (0..2).for_each(|_| probe());
    assert!(is_let_in(&daemon), "what looks when the certificate ends");
    (0..20).for_each(|_| probe());
    assert!(!is_let_in(&daemon));
}

/// That is what a client does that does not know us, and what a probe does.
#[test]
fn three_that_do_not_trust_us_and_three_that_only_look_have_nobody_wait() {
    let daemon = Daemon::start(PLAIN);
    for _ in 0..3 {
        let mut peer = Peer::new(&daemon);
        let (_, of_another) = tls_configs();
        let name = ServerName::try_from("localhost").expect("good");
        peer.pump = Pump::client(of_another, name).expect("good");
        peer.pump.advance(&mut |_| 0).expect("a hello");
        peer.flush();
        let refused = loop {
            let n = peer.socket.read(peer.pump.room()).expect("an answer");
            assert!(n > 0, "closed");
            peer.pump.filled(n);
            if let Err(fault) = peer.pump.advance(&mut |_| 0) {
                break fault;
            }
        };
        assert!(refused.to_string().contains("certificate"), "{refused}");
        assert!(!peer.pump.outgoing().is_empty(), "there is an alert to send");
        peer.flush();
        drain(&mut peer.socket);
    }
    for _ in 0..3 {
        let socket = std::net::TcpStream::connect(daemon.address).expect("a connection");
        socket.shutdown(std::net::Shutdown::Write).expect("shut");
        drain(&mut { socket });
    }
    assert!(is_let_in(&daemon));
}
