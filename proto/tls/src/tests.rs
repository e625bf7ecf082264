//! A client and a server in memory.

mod records;

use super::*;
use proptest::prelude::*;
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

struct Pki {
    server: Arc<ServerConfig>,
    roots: Arc<RootCertStore>,
}

fn pki() -> Pki {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("good");
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("good")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("good");
    server.alpn_protocols = vec![b"test/1".to_vec()];
    Pki { server: Arc::new(server), roots: Arc::new(roots) }
}

fn client_config(pki: &Pki, provider: CryptoProvider, alpn: &[&[u8]]) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("good")
        .with_root_certificates(Arc::clone(&pki.roots))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

fn client(pki: &Pki, alpn: &[&[u8]]) -> Pump {
    let config = client_config(pki, (*provider()).clone(), alpn);
    Pump::client(config, ServerName::try_from("localhost").expect("good")).expect("good")
}

fn pair() -> (Pump, Pump) {
    let pki = pki();
    let mut ends = (client(&pki, &[b"test/1"]), Pump::server(Arc::clone(&pki.server)).expect("good"));
    shake(&mut ends.0, &mut ends.1).expect("a handshake");
    ends
}

/// Moves at most `cut` bytes from one end to the other; says whether any moved.
fn carry(from: &mut Pump, to: &mut Pump, cut: usize) -> bool {
    let n = from.outgoing().len().min(cut).min(to.room().len());
    to.room()[..n].copy_from_slice(&from.outgoing()[..n]);
    to.filled(n);
    from.sent(n);
    n > 0
}

fn shake(client: &mut Pump, server: &mut Pump) -> Result<(), TlsFault> {
    for _ in 0..20 {
        client.advance(&mut |_| 0)?;
        carry(client, server, usize::MAX);
        server.advance(&mut |_| 0)?;
        carry(server, client, usize::MAX);
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

/// Sends all of `data` in pieces of at most `cut` bytes, taking at most `bite` at a time.
fn send(from: &mut Pump, to: &mut Pump, data: &[u8], cut: usize, bite: usize) -> Vec<u8> {
    send_by(from, to, data, cut, bite, &mut |_| ())
}

/// The same, where each end has memory only while it is at work.
fn send_with(
    from: &mut Pump,
    to: &mut Pump,
    data: &[u8],
    cut: usize,
    bite: usize,
    spares: &mut Spares,
) -> Vec<u8> {
    send_by(from, to, data, cut, bite, &mut |end| {
        end.give_back(spares);
        end.lend(spares);
    })
}

fn send_by(
    from: &mut Pump,
    to: &mut Pump,
    mut data: &[u8],
    cut: usize,
    bite: usize,
    between: &mut dyn FnMut(&mut Pump),
) -> Vec<u8> {
    let mut got = Vec::new();
    let total = data.len();
    while got.len() < total {
        between(from);
        data = &data[from.encrypt(data).expect("good")..];
        between(from);
        carry(from, to, cut);
        between(to);
        to.advance(&mut |bytes| {
            let n = bytes.len().min(bite);
            got.extend_from_slice(&bytes[..n]);
            n
        })
        .expect("good");
    }
    got
}

#[test]
fn every_suite_of_tls_1_3_is_agreed_on() {
    let pki = pki();
    for suite in [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    ] {
        let mut provider = (*provider()).clone();
        provider.cipher_suites.retain(|offered| offered.suite() == suite);
        let config = client_config(&pki, provider, &[b"test/1"]);
        let mut client =
            Pump::client(config, ServerName::try_from("localhost").expect("good")).expect("good");
        let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
        shake(&mut client, &mut server).expect("a handshake");
        let facts = server.facts().expect("done");
        assert_eq!(facts.suite, format!("{suite:?}"));
        assert_eq!((facts.version.as_str(), facts.group.as_str()), ("TLSv1.3", "X25519MLKEM768"));
        assert_eq!(client.alpn(), Some(&b"test/1"[..]));
        assert_eq!(client.peer_certificates().map(<[_]>::len), Some(1));
    }
}

#[test]
fn the_quickest_suite_is_agreed_on_if_both_have_it() {
    let (client, server) = pair();
    for end in [client, server] {
        assert_eq!(end.facts().expect("done").suite, "TLS13_AES_128_GCM_SHA256");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn bytes_arrive_however_they_are_cut_and_taken(cut in 1..70_000usize, bite in 1..70_000usize, len in 0..90_000usize) {
        let (cut, bite) = (cut.max(len / 500), bite.max(len / 500));
        let (mut client, mut server) = pair();
        let data: Vec<u8> = (0..len).map(|i| u8::try_from(i * 7 % 251).expect("small")).collect();
        prop_assert_eq!(&send(&mut client, &mut server, &data, cut, bite), &data);
        prop_assert_eq!(&send(&mut server, &mut client, &data, cut, bite), &data);
        let mut spares = Spares::default();
        prop_assert_eq!(&send_with(&mut client, &mut server, &data, cut, bite, &mut spares), &data);
    }
}

#[test]
fn single_bytes_suffice() {
    let (mut client, mut server) = pair();
    assert_eq!(send(&mut client, &mut server, b"hello there", 1, 1), b"hello there");
}

#[test]
fn while_plaintext_is_held_nothing_is_read_and_output_still_flows() {
    let (mut client, mut server) = pair();
    client.encrypt(&[7; 30_000]).expect("good");
    carry(&mut client, &mut server, usize::MAX);
    server.advance(&mut |_| 0).expect("good");
    assert!(server.holds_input());
    assert!(server.room().is_empty(), "back-pressure");
    assert_eq!(server.encrypt(b"answer").expect("good"), 6);
    let mut got = Vec::new();
    carry(&mut server, &mut client, usize::MAX);
    client
        .advance(&mut |bytes| {
            got.extend_from_slice(bytes);
            bytes.len()
        })
        .expect("good");
    assert_eq!(got, b"answer");
    let mut held = 0;
    server
        .advance(&mut |bytes| {
            held += bytes.len();
            bytes.len()
        })
        .expect("good");
    assert_eq!(held, 30_000);
    assert!(!server.room().is_empty());
}

#[test]
fn what_is_encrypted_ahead_of_the_socket_is_bounded() {
    let (mut client, _server) = pair();
    while client.encrypt(&[1; 1 << 20]).expect("good") > 0 {}
    assert!(client.outgoing().len() < 2 * ENCRYPT + 1024);
}

#[test]
fn an_orderly_end_and_a_cut_are_told_apart() {
    let (mut client, mut server) = pair();
    assert!(matches!(server.end(), Err(TlsFault::Cut)));
    client.encrypt(b"last").expect("good");
    client.close();
    assert_eq!(client.encrypt(b"more").expect("nothing"), 0);
    carry(&mut client, &mut server, usize::MAX);
    let mut got = Vec::new();
    server
        .advance(&mut |bytes| {
            got.extend_from_slice(bytes);
            bytes.len()
        })
        .expect("good");
    assert_eq!(got, b"last");
    assert!(server.is_closed_by_peer() && server.end().is_ok());
}

#[test]
fn a_client_without_our_protocol_is_told_so_and_gets_nothing_else() {
    let pki = pki();
    for alpn in [&[][..], &[&b"h2"[..]][..]] {
        let (mut client, mut server) =
            (client(&pki, alpn), Pump::server(Arc::clone(&pki.server)).expect("good"));
        client.advance(&mut |_| 0).expect("good");
        let mut fault = None;
        while fault.is_none() && carry(&mut client, &mut server, 100) {
            fault = server.advance(&mut |_| 0).err();
        }
        assert!(matches!(fault, Some(TlsFault::Refused(_))), "{alpn:?}: {fault:?}");
        assert_eq!(server.outgoing(), [21, 3, 3, 0, 2, 2, 120]);
    }
}

#[test]
fn what_is_not_tls_gets_an_alert_at_most() {
    let pki = pki();
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"USER ada\r\n",
        &[0; 200],
        &[22, 3, 1, 255, 255, 1],
        &[21, 3, 3, 0, 2, 2, 40],
    ] {
        let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
        let mut fault = None;
        for byte in garbage {
            server.room()[0] = *byte;
            server.filled(1);
            fault = server.advance(&mut |_| panic!("plaintext")).err();
            if fault.is_some() {
                break;
            }
        }
        assert!(fault.is_some() || garbage.len() < 10, "{garbage:?}");
        assert!(server.outgoing().len() <= 7, "{:?}", server.outgoing());
    }
}

#[test]
fn a_damaged_record_ends_it_with_an_alert() {
    let (mut client, mut server) = pair();
    client.encrypt(b"hello").expect("good");
    let mut bytes = client.outgoing().to_vec();
    bytes[8] ^= 1;
    server.room()[..bytes.len()].copy_from_slice(&bytes);
    server.filled(bytes.len());
    assert!(matches!(server.advance(&mut |_| panic!("plaintext")), Err(TlsFault::Tls(_))));
    carry(&mut server, &mut client, usize::MAX);
    let told = client.advance(&mut |_| 0).expect_err("the alert");
    assert!(told.to_string().contains("BadRecordMac"), "{told}");
}

#[test]
fn an_idle_connection_holds_no_buffers() {
    let (mut client, mut server) = pair();
    send(&mut client, &mut server, &[3; 100_000], 5000, usize::MAX);
    server.shrink();
    client.shrink();
    assert_eq!(format!("{:?}", server.incoming), format!("{:?}", Buffer::default()));
    assert_eq!(format!("{:?}", server.flow.outgoing), format!("{:?}", Buffer::default()));
    assert_eq!(send(&mut client, &mut server, b"again", 5000, usize::MAX), b"again");
}

/// What a connection has of a buffer's memory.
fn memory(buffer: &Buffer) -> usize {
    buffer.filled().len() + buffer.free()
}

#[test]
fn what_is_lent_is_given_back_but_for_what_is_in_use() {
    let (mut client, mut server) = pair();
    let mut spares = Spares::default();
    server.give_back(&mut spares);
    for round in 0..3 {
        server.lend(&mut spares);
        assert_eq!(spares.len(), 0, "both are in use");
        client.encrypt(&[3; 30_000]).expect("good");
        carry(&mut client, &mut server, 20_000);
        let mut got = 0;
        let mut take = |bytes: &[u8]| {
            got += bytes.len();
            bytes.len()
        };
        server.advance(&mut take).expect("good");
        server.encrypt(b"answer").expect("good");
        // A part of a record waits for the rest, an answer for the socket.
        server.give_back(&mut spares);
        assert_eq!(spares.len(), 2, "round {round}");
        for buffer in [&server.incoming, &server.flow.outgoing] {
            assert!(!buffer.is_empty() && memory(buffer) == buffer.filled().len(), "{}", memory(buffer));
        }
        carry(&mut client, &mut server, usize::MAX);
        server.advance(&mut take).expect("good");
        assert_eq!(got, 30_000);
        let mut heard = Vec::new();
        carry(&mut server, &mut client, usize::MAX);
        client
            .advance(&mut |bytes| {
                heard.extend_from_slice(bytes);
                bytes.len()
            })
            .expect("good");
        assert_eq!(heard, b"answer");
        server.give_back(&mut spares);
        assert_eq!((memory(&server.incoming), memory(&server.flow.outgoing)), (0, 0));
    }
    // Who does not read keeps what waits for him where it is.
    server.lend(&mut spares);
    while server.encrypt(&[1; ENCRYPT]).expect("good") > 0 {}
    server.give_back(&mut spares);
    assert_eq!(memory(&server.flow.outgoing), SPARE, "and it has not grown");
}

#[test]
fn a_client_tells_a_server_that_it_does_not_trust() {
    let (ours, other) = (pki(), pki());
    let mut client = client(&other, &[b"test/1"]);
    let mut server = Pump::server(Arc::clone(&ours.server)).expect("good");
    let fault = shake(&mut client, &mut server).expect_err("another authority");
    assert!(matches!(fault, TlsFault::Tls(rustls::Error::InvalidCertificate(_))), "{fault}");
    carry(&mut client, &mut server, usize::MAX);
    let told = server.advance(&mut |_| 0).expect_err("an alert");
    assert!(matches!(told, TlsFault::Tls(rustls::Error::AlertReceived(_))), "{told}");
}
