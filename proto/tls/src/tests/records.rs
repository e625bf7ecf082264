//! A client that does TLS by hand once it has the keys: it cuts records as no library would, and sends what no library sends.

use super::*;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA384, KeyType, Prk};
use rustls::KeyLog;
use std::sync::Mutex;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
/// `close_notify`, as an alert's two bytes.
const CLOSE_NOTIFY: &[u8] = &[1, 0];
/// A KeyUpdate that asks for one in return.
const KEY_UPDATE: &[u8] = &[24, 0, 0, 1, 1];
/// However much is sent, no more than this may wait for a peer that does not read.
const WAITING: usize = 4096;

/// A record in plain text.
fn plain(kind: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).expect("short").to_be_bytes();
    [&[kind, 3, 3, high, low], payload].concat()
}

/// Keeps what the client's records are protected with.
#[derive(Debug, Default)]
struct Secrets(Mutex<Vec<u8>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label == "CLIENT_TRAFFIC_SECRET_0" {
            *self.0.lock().expect("whole") = secret.to_vec();
        }
    }
}

struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label of RFC 8446, section 7.1, without a context.
fn expand(secret: &[u8], label: &str, len: usize) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let (len_bytes, label_len) =
        (u16::try_from(len).expect("short").to_be_bytes(), u8::try_from(label.len()).expect("short"));
    let info = [&len_bytes[..], &[label_len], label.as_bytes(), &[0]];
    let mut out = vec![0; len];
    let prk = Prk::new_less_safe(HKDF_SHA384, secret);
    prk.expand(&info, Len(len)).and_then(|okm| okm.fill(&mut out)).expect("short enough");
    out
}

/// A server, and the client's end of its connection as keys.
struct Wire {
    server: Pump,
    secret: Vec<u8>,
    sequence: u64,
    got: Vec<u8>,
}

impl Wire {
    fn new() -> Self {
        let pki = pki();
        let mut provider = (*provider()).clone();
        provider.cipher_suites.retain(|suite| suite.suite() == CipherSuite::TLS13_AES_256_GCM_SHA384);
        let mut config = ClientConfig::clone(&client_config(&pki, provider, &[b"test/1"]));
        let secrets = Arc::new(Secrets::default());
        config.key_log = Arc::clone(&secrets) as Arc<dyn KeyLog>;
        let name = ServerName::try_from("localhost").expect("good");
        let mut client = Pump::client(Arc::new(config), name).expect("good");
        let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
        shake(&mut client, &mut server).expect("a handshake");
        let secret = secrets.0.lock().expect("whole").clone();
        assert_eq!(secret.len(), 48, "of SHA-384");
        Self { server, secret, sequence: 0, got: Vec::new() }
    }

    /// A record of these keys, as large as one wants; `padding` zeros follow its type.
    fn seal(&mut self, kind: u8, payload: &[u8], padding: usize) -> Vec<u8> {
        let key = UnboundKey::new(&AES_256_GCM, &expand(&self.secret, "key", 32)).expect("a key");
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&expand(&self.secret, "iv", 12));
        for (byte, number) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= number;
        }
        self.sequence += 1;
        let mut inner = [payload, &[kind], &vec![0; padding]].concat();
        let [high, low] = u16::try_from(inner.len() + 16).expect("it fits").to_be_bytes();
        let header = [DATA, 3, 3, high, low];
        LessSafeKey::new(key)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut inner)
            .expect("sealed");
        if payload == KEY_UPDATE {
            (self.secret, self.sequence) = (expand(&self.secret, "traffic upd", 48), 0);
        }
        [&header[..], &inner].concat()
    }

    /// Gives the server bytes, some at a time.
    fn feed(&mut self, bytes: &[u8]) -> Result<(), TlsFault> {
        feed(&mut self.server, bytes, usize::MAX, &mut self.got)
    }

    fn send(&mut self, kind: u8, payload: &[u8]) -> Result<(), TlsFault> {
        let record = self.seal(kind, payload, 0);
        self.feed(&record)
    }

    /// Sends one thing again and again; says how many were taken before the server had enough.
    fn flood(&mut self, kind: u8, payload: &[u8], most: usize) -> usize {
        (0..most).find(|_| self.send(kind, payload).is_err()).unwrap_or(most)
    }
}

/// Moves bytes into a server at most `cut` at a time; fails, rather than turns for ever, when it takes no more.
fn feed(server: &mut Pump, mut bytes: &[u8], cut: usize, got: &mut Vec<u8>) -> Result<(), TlsFault> {
    while !bytes.is_empty() {
        let n = bytes.len().min(cut).min(server.room().len());
        assert!(n > 0, "there is room");
        server.room()[..n].copy_from_slice(&bytes[..n]);
        server.filled(n);
        bytes = &bytes[n..];
        server.advance(&mut |plain| {
            got.extend_from_slice(plain);
            plain.len()
        })?;
        assert!(server.outgoing().len() < 16 * WAITING);
    }
    Ok(())
}

/// A client that has said hello, and what it said.
fn hello(pki: &Pki) -> (Pump, Vec<u8>) {
    let mut client = client(pki, &[b"test/1"]);
    client.advance(&mut |_| 0).expect("good");
    let hello = client.outgoing().to_vec();
    client.sent(hello.len());
    assert_eq!(hello[0], HANDSHAKE);
    (client, hello)
}

#[test]
fn a_hello_in_records_of_any_size_is_understood() {
    let pki = pki();
    for size in [1, 2, 3, 4, 5, 100, 1000] {
        for cut in [1, 7, usize::MAX] {
            let (mut client, hello) = hello(&pki);
            let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
            for piece in hello[5..].chunks(size) {
                feed(&mut server, &plain(HANDSHAKE, piece), cut, &mut Vec::new()).expect("a piece");
            }
            carry(&mut server, &mut client, usize::MAX);
            shake(&mut client, &mut server).expect("a handshake");
            assert_eq!(send(&mut client, &mut server, b"hi", 1, 1), b"hi", "pieces of {size}, cut at {cut}");
        }
    }
}

#[test]
fn a_hello_without_an_end_is_refused_before_it_takes_much_memory() {
    let pki = pki();
    for (claimed, piece) in
        [([0, 255, 255], 1), ([0, 255, 255], 16_000), ([255, 255, 255], 1), ([255, 255, 255], 16_000)]
    {
        let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
        let head = [&[1][..], &claimed].concat();
        let mut sent = 0;
        let mut record = plain(HANDSHAKE, &head);
        let ended = loop {
            if server.room().is_empty() {
                break true;
            }
            sent += record.len();
            let room = server.room();
            let n = record.len().min(room.len());
            room[..n].copy_from_slice(&record[..n]);
            server.filled(n);
            if server.advance(&mut |_| panic!("plaintext")).is_err() {
                break true;
            }
            if sent > 1 << 20 {
                break false;
            }
            record = plain(HANDSHAKE, &vec![3; piece]);
        };
        assert!(ended, "{claimed:?} in pieces of {piece}: {sent} bytes taken");
        assert!(server.incoming.filled().len() <= READ && server.outgoing().len() <= 7);
    }
}

#[test]
fn an_orderly_goodbye_amid_the_handshake_ends_it() {
    let pki = pki();
    let (_, hello) = hello(&pki);
    let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
    feed(&mut server, &hello, usize::MAX, &mut Vec::new()).expect("a hello");
    let told = feed(&mut server, &plain(ALERT, CLOSE_NOTIFY), usize::MAX, &mut Vec::new());
    assert!(told.is_err() || server.is_closed_by_peer() || server.end().is_err());
    assert!(server.is_handshaking());
    // Whatever comes behind it is nothing's beginning.
    assert!(feed(&mut server, &hello, 1000, &mut Vec::new()).is_err() && server.is_handshaking());
}

#[test]
fn data_in_records_of_one_byte_arrives() {
    let mut wire = Wire::new();
    let data: Vec<u8> = (0..10_000_u32).map(|n| u8::try_from(n % 251).expect("small")).collect();
    for byte in &data {
        wire.send(DATA, &[*byte]).expect("taken");
    }
    assert_eq!(wire.got, data);
    let padded = wire.seal(DATA, b"padded", 16_000);
    wire.feed(&padded).expect("taken");
    assert!(wire.got.ends_with(b"padded") && wire.server.outgoing().len() < WAITING);
}

#[test]
fn a_flood_of_what_says_nothing_is_cut_short() {
    let flood = |kind, payload: &[u8], at_most: usize| {
        let mut wire = Wire::new();
        let taken = wire.flood(kind, payload, 10_000);
        assert!(taken <= at_most, "{taken} of {kind} {payload:?} were taken");
        assert!(wire.got.is_empty() && wire.server.outgoing().len() < WAITING, "{kind} {payload:?}");
    };
    flood(DATA, b"", 64);
    flood(HANDSHAKE, b"", 64);
    flood(HANDSHAKE, KEY_UPDATE, 64);
    // user_canceled, the only warning that TLS 1.3 has.
    flood(ALERT, &[1, 90], 8);
    // What is in a record without a type at all.
    flood(0, b"", 0);
    flood(0, &[0; 1000], 0);
    for kind in [CHANGE_CIPHER_SPEC, 24, 25, 99, 255] {
        flood(kind, b"x", 0);
    }
    // A new ClientHello, a HelloRequest, a ticket, a Finished: there is no renegotiation, and none of them is a client's.
    for message in
        [&[1, 0, 0, 1, 0][..], &[0, 0, 0, 0], &[4, 0, 0, 1, 0], &[20, 0, 0, 1, 0], &[24, 0, 0, 1, 2]]
    {
        flood(HANDSHAKE, message, 0);
    }
    flood(ALERT, &[2, 40], 0);
    flood(ALERT, &[1], 0);
}

#[test]
fn plain_records_have_no_place_once_there_are_keys() {
    for record in [
        plain(CHANGE_CIPHER_SPEC, &[1]),
        plain(HANDSHAKE, KEY_UPDATE),
        plain(ALERT, CLOSE_NOTIFY),
        plain(DATA, b"hello"),
        plain(99, b"x"),
        vec![DATA, 3, 3, 255, 255],
    ] {
        let mut wire = Wire::new();
        wire.send(DATA, b"before").expect("taken");
        assert!(wire.feed(&record).is_err(), "{record:?}");
        let after = wire.seal(DATA, b"after", 0);
        let _refused = wire.feed(&after);
        assert_eq!(wire.got, b"before", "{record:?}");
        assert!(wire.server.outgoing().len() < WAITING);
    }
}

#[test]
fn change_cipher_specs_amid_the_handshake_are_few() {
    let pki = pki();
    let (_, hello) = hello(&pki);
    let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
    feed(&mut server, &hello, usize::MAX, &mut Vec::new()).expect("a hello");
    let one = plain(CHANGE_CIPHER_SPEC, &[1]);
    let taken = (0..1000).find(|_| feed(&mut server, &one, usize::MAX, &mut Vec::new()).is_err());
    assert!(taken.is_some_and(|taken| taken <= 4), "{taken:?}");
}

/// Keys may be changed as often as anything is said; a peer that never reads cannot make the answers pile up.
#[test]
fn a_thousand_key_updates_among_data_cost_no_memory() {
    let mut wire = Wire::new();
    for round in 0..1000_u32 {
        wire.send(DATA, b"x").expect("taken");
        wire.send(HANDSHAKE, KEY_UPDATE).expect("taken");
        assert!(wire.server.outgoing().len() < WAITING, "after {round}: {}", wire.server.outgoing().len());
    }
    assert_eq!(wire.got, vec![b'x'; 1000]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_records_amid_the_handshake_make_it_panic_or_talk(
        cuts in proptest::collection::vec(1..600_usize, 1..6),
        between in proptest::collection::vec((19..26_u8, proptest::collection::vec(any::<u8>(), 0..50)), 0..6),
        cut in 1..2000_usize,
    ) {
        let pki = pki();
        let (_, hello) = hello(&pki);
        let mut server = Pump::server(Arc::clone(&pki.server)).expect("good");
        let (mut rest, mut bytes) = (&hello[5..], Vec::new());
        for (turn, size) in cuts.iter().cycle().enumerate() {
            let piece;
            (piece, rest) = rest.split_at((*size).min(rest.len()));
            bytes.extend(plain(HANDSHAKE, piece));
            bytes.extend(between.get(turn).map(|(kind, payload)| plain(*kind, payload)).unwrap_or_default());
            if rest.is_empty() { break }
        }
        between.iter().for_each(|(kind, payload)| bytes.extend(plain(*kind, payload)));
        let mut got = Vec::new();
        let failed = feed(&mut server, &bytes, cut, &mut got).is_err();
        prop_assert!(got.is_empty() && server.is_handshaking());
        prop_assert!(!failed || feed(&mut server, &hello, cut, &mut got).is_err(), "a fault is for good");
    }
}

/// A step of a client that has gone mad.
#[derive(Debug, Clone)]
enum Step {
    Data(Vec<u8>),
    Update,
    Other(u8, Vec<u8>),
    Plain(u8, Vec<u8>),
    Noise(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        8 => bytes().prop_map(Step::Data),
        3 => Just(Step::Update),
        1 => (20..26_u8, bytes()).prop_map(|(kind, bytes)| Step::Other(kind, bytes)),
        1 => (20..26_u8, bytes()).prop_map(|(kind, bytes)| Step::Plain(kind, bytes)),
        1 => bytes().prop_map(Step::Noise),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// The record layer must not panic, and gives out what came before the first fault and nothing after it.
    #[test]
    fn whatever_comes_only_what_was_sealed_in_order_is_taken(
        steps in proptest::collection::vec(step(), 1..30), cut in 1..200_usize,
    ) {
        let mut wire = Wire::new();
        // Up to the first byte that has no key, what was sealed may come; all of it does, if nothing but data and updates was.
        let (mut bytes, mut sealed, mut sound, mut want) = (Vec::new(), true, true, Vec::new());
        for step in steps {
            match step {
                Step::Data(data) => {
                    bytes.extend(wire.seal(DATA, &data, 0));
                    want.extend(if sealed { data } else { Vec::new() });
                }
                Step::Update => bytes.extend(wire.seal(HANDSHAKE, KEY_UPDATE, 0)),
                Step::Other(kind, data) => {
                    sound &= kind == DATA;
                    bytes.extend(wire.seal(kind, &data, 0));
                    want.extend(if sealed && kind == DATA { data } else { Vec::new() });
                }
                Step::Plain(kind, data) => {
                    (sealed, sound) = (false, false);
                    bytes.extend(plain(kind, &data));
                }
                Step::Noise(noise) => {
                    (sealed, sound) = (sealed && noise.is_empty(), sound && noise.is_empty());
                    bytes.extend(noise);
                }
            }
        }
        let Wire { mut server, mut got, .. } = wire;
        let _fault = feed(&mut server, &bytes, cut, &mut got);
        prop_assert!(want.starts_with(&got), "other than was sealed");
        prop_assert!(!sound || got == want);
        prop_assert!(server.outgoing().len() < WAITING);
    }
}
