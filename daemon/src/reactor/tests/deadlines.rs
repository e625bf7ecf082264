//! A connection's time runs from the moment it was accepted, whatever comes or does not come. With a clock that only moves when told.

use super::*;
use ftp_core::limits::HANDSHAKE;
use mio::Waker;

/// A connection as it is when it was accepted, its client's end, and what it needs to turn.
struct Accepted {
    conn: Conn,
    client: std::net::TcpStream,
    at: Instant,
    spares: Spares,
    workers: Workers,
    logs: Arc<Logs>,
    _kept: (tempfile::TempDir, Guards, Poll),
}

impl Accepted {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = LogConfig { level: Level::Error, folder: folder.path().to_owned() };
        let (logs, guards) = Logs::open(&log).expect("logs");
        let poll = Poll::new().expect("a poll");
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).expect("a waker"));
        let workers = Workers::start(2, &mpsc::channel().0, &waker).expect("threads");
        let mut host =
            Sessions::new(PLAIN, Limits::default(), folder.path().to_owned(), Arc::new(AtomicU64::new(0)));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("open");
        let (socket, peer) = listener.accept().expect("accepted");
        socket.set_nonblocking(true).expect("a socket");
        let (server, _) = tls_configs();
        let link = Link::new(TcpStream::from_std(socket), &server).expect("sound");
        let at = host.started;
        let id = Slots::<()>::default().insert(|_| ()).expect("free");
        let conn = Conn::new(id, peer, host.machine(peer, at), link);
        Self { conn, client, at, spares: Spares::default(), workers, logs, _kept: (folder, guards, poll) }
    }

    /// A turn at this time after the accept, with what its timer does first when that has come.
    fn turn(&mut self, after: Duration) -> Turn {
        let now = self.at + after;
        if self.conn.deadline().is_some_and(|at| at <= now) {
            self.conn.on_time(now, &self.workers, &self.logs);
        }
        self.conn.turn(now, BUDGET, &mut self.spares, &self.workers, &self.logs)
    }

    /// Bytes that the kernel holds for it.
    fn unread(&mut self) -> u64 {
        let link = self.conn.link().expect("it is open");
        rustix::io::ioctl_fionread(link.source()).expect("a socket")
    }

    fn is_closed(&mut self) -> bool {
        self.conn.link().is_none_or(|link| !link.is_open())
    }
}

#[test]
fn the_time_for_the_handshake_runs_before_a_byte_has_come() {
    let mut accepted = Accepted::new();
    assert_eq!(accepted.conn.deadline(), Some(accepted.at + HANDSHAKE), "when it was just accepted");
    accepted.turn(Duration::ZERO);
    assert_eq!(accepted.conn.deadline(), Some(accepted.at + HANDSHAKE), "after a turn without a byte");
    accepted.turn(HANDSHAKE - Duration::from_millis(1));
    assert!(!accepted.is_closed());
    accepted.turn(HANDSHAKE);
    assert!(accepted.is_closed(), "it has said nothing in all the time it had");
}

#[test]
fn bytes_do_not_extend_the_time_for_the_handshake() {
    let mut accepted = Accepted::new();
    let (_, client) = tls_configs();
    let name = ServerName::try_from("localhost").expect("good");
    let mut pump = Pump::client(client, name).expect("good");
    pump.advance(&mut |_| 0).expect("a hello");
    // A byte a second, the first of them late.
    let hello = pump.outgoing().to_vec();
    for (second, byte) in (5..).zip(&hello[..5]) {
        accepted.client.write_all(&[*byte]).expect("sent");
        let after = Duration::from_secs(second);
        // The kernel hands it over when it likes.
        assert!(within(PATIENCE, || accepted.unread() == 1), "byte {second} does not come");
        if let Some(link) = accepted.conn.link() {
            link.on_event(true, true);
        }
        accepted.turn(after);
        assert_eq!(accepted.unread(), 0, "byte {second} was not read");
        assert_eq!(accepted.conn.deadline(), Some(accepted.at + HANDSHAKE), "after byte {second}");
    }
    accepted.turn(HANDSHAKE);
    assert!(accepted.is_closed());
}

/// The loop enters it with its timers at once: no event would bring it back.
#[test]
fn who_says_nothing_is_closed_in_time() {
    let daemon = Daemon::start(How { speed: 20, ..PLAIN });
    let began = Instant::now();
    let mut silent = std::net::TcpStream::connect(daemon.address).expect("a connection");
    silent.set_read_timeout(Some(PATIENCE)).expect("set");
    let read = silent.read(&mut [0; 100]);
    assert!(matches!(read, Ok(0)), "it is still open, or was told something: {read:?}");
    assert!(began.elapsed() >= HANDSHAKE / 20, "closed after {:?}", began.elapsed());
}
