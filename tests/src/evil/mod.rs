//! A server that a client trusts and should not have: it greets, lets everybody in, and then misbehaves in every way there is a case for.
//!
//! The path that a client asks for decides what it gets. The first letter of its first name says which table, the digits after it which case and
//! with what: `ls l17`, `get g17`, `get -r t17`, `put -o p17 FILE`. So a run can be repeated, and a failure names its case.

mod downloads;
mod hand;
mod listings;
mod resumed;
mod trees;
mod uploads;
mod words;

pub use downloads::content;
pub use hand::Hand;
pub use words::ESCAPES;

use crate::site::{Flag, Site};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long the server waits for a client that says nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next request.
    Go,
    /// It is over.
    End,
}

/// One way to misbehave: what it is called, and what is done.
pub(crate) type Case = (&'static str, fn(&mut Hand) -> io::Result<Then>);

/// Answers a request that no table has a case for; without one, or where it answers `None`, the request is `unsupported`.
pub type Custom = dyn Fn(&mut Hand) -> io::Result<Option<Then>> + Send + Sync;

/// The server.
pub struct Evil {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    tls: Arc<ServerConfig>,
    custom: Option<Box<Custom>>,
    closed: Flag,
    /// How often each case was played.
    played: Mutex<BTreeMap<&'static str, u64>>,
    /// How often each path was asked for.
    visits: Mutex<HashMap<String, u64>>,
}

impl Evil {
    /// Listens, with the certificate of a site.
    ///
    /// # Panics
    /// There is no port, or no certificate.
    #[must_use]
    pub fn start(site: &Site) -> Self {
        Self::with(site, None)
    }

    /// The same with an answer of one's own.
    ///
    /// # Panics
    /// As [`Evil::start`].
    #[must_use]
    pub fn answering(
        site: &Site,
        custom: impl Fn(&mut Hand) -> io::Result<Option<Then>> + Send + Sync + 'static,
    ) -> Self {
        Self::with(site, Some(Box::new(custom)))
    }

    fn with(site: &Site, custom: Option<Box<Custom>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            tls: Arc::new(tls(site)),
            custom,
            closed: Flag::default(),
            played: Mutex::default(),
            visits: Mutex::default(),
        });
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if server.closed.is_raised() {
                    return;
                }
                let server = Arc::clone(&server);
                // A client that goes away while it is answered is what many cases are about.
                std::thread::spawn(move || drop(serve(&server, socket)));
            }
        });
        Self { port, shared }
    }

    /// How often each case was played.
    ///
    /// # Panics
    /// A connection's thread panicked.
    #[must_use]
    pub fn played(&self) -> BTreeMap<&'static str, u64> {
        self.shared.played.lock().expect("whole").clone()
    }

    /// The names of all cases.
    pub fn cases() -> impl Iterator<Item = &'static str> {
        TABLES.iter().flat_map(|(_, cases)| cases.iter().map(|(name, _)| *name))
    }
}

impl Drop for Evil {
    fn drop(&mut self) {
        self.shared.closed.raise();
        // The listening thread looks at the flag when somebody comes.
        let _come = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn tls(site: &Site) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(site.path("certs/server.pem")).expect("there");
    let chain = chain.collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(site.path("certs/server.key")).expect("a key");
    let mut config = ServerConfig::builder_with_provider(ftp_tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has it")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they go together");
    config.alpn_protocols = vec![ftp_proto::limits::ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config
}

const TABLES: [(char, &[Case]); 6] = [
    ('l', listings::CASES),
    ('g', downloads::CASES),
    ('r', resumed::CASES),
    ('t', trees::CASES),
    ('p', uploads::CASES),
    ('w', words::CASES),
];

fn serve(shared: &Shared, socket: TcpStream) -> io::Result<()> {
    let mut hand = Hand::new(&shared.tls, socket, PATIENCE)?;
    hand.say(&json!({"hello": {"software": "evil/0", "protocol": 1, "chunk": 262_144, "pipeline": 256, "idle_seconds": 300}}))?;
    let mut puts = HashMap::new();
    while let Some(request) = hand.next()? {
        hand.take(request);
        if hand.op == "put" {
            puts.insert(hand.id, hand.path.clone());
        } else if hand.op == "put_end" {
            hand.path = puts.remove(&hand.id).unwrap_or_default();
        }
        if answer(shared, &mut hand)? == Then::End {
            return Ok(());
        }
    }
    hand.close()
}

fn answer(shared: &Shared, hand: &mut Hand) -> io::Result<Then> {
    if let Some(custom) = &shared.custom
        && let Some(then) = custom(hand)?
    {
        return Ok(then);
    }
    match hand.op.as_str() {
        "login" => {
            let user = hand.request["user"].clone();
            return hand.ok(json!({"user": user, "token": "t", "token_seconds": 900, "account": account()}));
        }
        "logout" | "ping" | "abort" => return hand.ok(json!({})),
        "info" | "parts" if hand.path.is_empty() => return words::without_a_path(hand),
        _ => {}
    }
    let Some(((name, play), n)) = case(&hand.path) else {
        return hand.error("unsupported", "no case for that");
    };
    hand.n = n;
    let mut visits = shared.visits.lock().expect("whole");
    let visit = visits.entry(format!("{} {}", hand.op, hand.path)).or_default();
    hand.visit = *visit;
    *visit += 1;
    drop(visits);
    *shared.played.lock().expect("whole").entry(name).or_default() += 1;
    play(hand)
}

/// The case of a path, and what varies within it.
fn case(path: &str) -> Option<(Case, u64)> {
    let mut first = path.trim_start_matches('/').split('/').next().unwrap_or_default().chars();
    let letter = first.next()?;
    let n: u64 = first.take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
    let (_, cases) = TABLES.iter().find(|(table, _)| *table == letter)?;
    Some((hand::pick(cases, n), n / cases.len() as u64))
}

/// What the case of a path is called.
#[must_use]
pub fn case_of(path: &str) -> Option<&'static str> {
    case(path).map(|((name, _), _)| name)
}

pub(crate) fn account() -> Value {
    json!({"used": 5, "quota": 1_000_000, "entries": 3, "entries_limit": 100})
}

/// An entry as an honest daemon has it.
#[must_use]
pub fn entry(name: &str, kind: &str, size: u64) -> Value {
    json!({"name": name, "kind": kind, "size": size, "mtime": 1_700_000_000})
}

/// Numbers that a size, an offset or a count cannot be, or that break whoever adds them up.
pub(crate) fn wild_number(n: u64) -> Value {
    let wild = [
        json!((1_u64 << 53) - 1),
        json!(1_u64 << 53),
        json!((1_u64 << 53) + 1),
        json!(1_u64 << 62),
        json!(1_u64 << 63),
        json!(u64::MAX),
        json!(u64::MAX - 262_143),
        json!(-1),
        json!(i64::MIN),
        json!(1.5),
        json!(1e300),
        json!("9"),
        json!(null),
        json!([1]),
    ];
    hand::pick(&wild, n)
}
