//! From a host and a port to a trusted TLS connection that carries frames.

mod link;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::limit::{Bucket, Limit};
use crate::link::Link;
use crate::steps::{Steps, millis};
use crate::trust::{self, Ask, Fingerprint, Trust, Verdict};
use ftp_proto::limits::{ALPN, CHUNK, MESSAGE};
use ftp_proto::{Deframer, Frame, Printable};
use ftp_tls::{ENCRYPT, Facts, Pump, TlsFault};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// Frames that wait to be looked at before the socket is left alone.
const FRAMES: usize = 4;
/// How often whoever waits is told so, and Ctrl-C is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Before each try to connect to a server that closes connections at once.
const KNOCKS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];
/// So many bytes have to move, or a frame has to be whole, for the other end to have got on: a byte now and then is as good as silence.
const PROGRESS: usize = 1024;
/// What the kernel may take in ahead of a client that is limited: at least and at most.
const AHEAD: (usize, usize) = (16 * 1024, 4 * 1024 * 1024);

/// Where to connect and whom to trust.
#[derive(Debug, Clone)]
pub struct Server {
    /// A name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whom to trust.
    pub trust: Trust,
    /// How long nothing may come.
    pub timeout: Duration,
    /// How fast bytes may move.
    pub limit: Limit,
    /// Where it is said what happens.
    pub steps: Steps,
}

impl Server {
    /// Without a limit, and without a word on what happens.
    #[must_use]
    pub fn new(host: &str, port: u16, trust: Trust, timeout: Duration) -> Self {
        Self { host: host.to_owned(), port, trust, timeout, limit: Limit::default(), steps: Steps::Silent }
    }

    /// As `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// An open TLS connection with the socket below it.
pub struct Connection {
    socket: TcpStream,
    pump: Pump,
    deframer: Deframer,
    frames: VecDeque<Frame>,
    fingerprint: Fingerprint,
    timeout: Duration,
    /// Something came from the other end.
    heard: bool,
    /// When the other end last got on.
    moved: Instant,
    /// Bytes that moved since.
    crept: usize,
    /// Why nothing will come any more.
    ended: Option<Failure>,
    bucket: Bucket,
    interrupt: Interrupt,
    /// The last read took all that there was room for: there may be more.
    more: bool,
    /// More is sent at once after what is sent now.
    follows: bool,
}

impl Connection {
    /// Connects, does the handshake and checks the server. Nothing secret is sent before that.
    ///
    /// # Errors
    /// [`Cause::Connection`](crate::failure::Cause::Connection) or [`Cause::Identity`](crate::failure::Cause::Identity), with what to do.
    pub fn open(server: &Server, interrupt: &Interrupt, ask: Ask<'_>) -> Result<Self, Failure> {
        let verdict = server.trust.verdict(&server.address())?;
        match verdict {
            Verdict::Ca(roots) => Self::knock(server, trust::with_ca(roots)?, interrupt),
            Verdict::Pinned(pin) => {
                let connection = Self::knock(server, trust::with_pin(Some(pin.clone()))?, interrupt);
                connection.map_err(|failure| server.trust.explain(&server.address(), &pin, failure))
            }
            Verdict::New => {
                // While the user thinks, the daemon would close a connection that does not log in.
                let seen = Self::knock(server, trust::with_pin(None)?, interrupt)?;
                let fingerprint = seen.fingerprint.clone();
                let description = seen.pump.peer_certificates().map(trust::describe).unwrap_or_default();
                drop(seen);
                server.trust.meet(&server.address(), &fingerprint, description, ask)?;
                Self::knock(server, trust::with_pin(Some(fingerprint))?, interrupt)
            }
        }
    }

    /// A server that is full turns connections away by chance: that is worth some more tries.
    fn knock(
        server: &Server,
        mut config: rustls::ClientConfig,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        for pause in KNOCKS {
            std::thread::sleep(pause);
            if interrupt.is_set() {
                return Err(Failure::interrupted().fatal());
            }
            if let Some(connection) = Self::handshake(server, config.clone(), interrupt)? {
                return Ok(connection);
            }
        }
        Err(Failure::lost(format!("{} closes connections at once", server.address()))
            .hint("it may have too many at the moment: try again later; or something else listens there: check the port"))
    }

    /// None if it was closed before a byte came.
    fn handshake(
        server: &Server,
        config: rustls::ClientConfig,
        interrupt: &Interrupt,
    ) -> Result<Option<Self>, Failure> {
        let name = ServerName::try_from(server.host.clone()).map_err(|_| {
            Failure::usage(format!("'{}' is neither a host name nor an address", Printable(&server.host)))
        })?;
        let began = Instant::now();
        server.steps.say(|| format!("connecting to {}", Printable(&server.address())));
        let socket = dial(server)?;
        server.steps.say(|| {
            let peer = socket.peer_addr().map_or_else(|_| "?".to_owned(), |peer| peer.to_string());
            format!("connected to {peer} after {}", millis(began.elapsed()))
        });
        let broken = |error: io::Error| Failure::lost(format!("{}: {error}", server.address()));
        socket.set_nodelay(true).and_then(|()| socket.set_nonblocking(true)).map_err(broken)?;
        let pump = Pump::client(config.into(), name).map_err(|fault| Failure::lost(fault.to_string()))?;
        let mut deframer = Deframer::new();
        deframer.set_message_max(MESSAGE);
        deframer.allow_chunks(true);
        let mut connection = Self {
            socket,
            pump,
            deframer,
            frames: VecDeque::new(),
            fingerprint: Fingerprint::default(),
            timeout: server.timeout,
            heard: false,
            moved: Instant::now(),
            crept: 0,
            ended: None,
            bucket: Bucket::new(&server.limit),
            interrupt: interrupt.clone(),
            more: false,
            follows: false,
        };
        // The client speaks first.
        connection.take_in()?;
        while connection.pump.is_handshaking() {
            let turned = connection.turn(TICK).and_then(|()| connection.check_end());
            if turned.is_err() && !connection.heard {
                return Ok(None);
            }
            turned?;
            connection.check_time()?;
            if interrupt.is_set() {
                return Err(Failure::interrupted().fatal());
            }
        }
        // Our last word of it: whoever is asked for a password now takes longer than a server waits for that.
        connection.flush()?;
        while !connection.pump.outgoing().is_empty() && connection.ended.is_none() {
            connection.turn(TICK)?;
            connection.check_time()?;
            if interrupt.is_set() {
                return Err(Failure::interrupted().fatal());
            }
        }
        if connection.pump.alpn() != Some(ALPN) {
            return Err(Failure::lost(format!("{} is a TLS server, but not ftp-daemon", server.address()))
                .hint("check the port"));
        }
        let certificates = connection.pump.peer_certificates().unwrap_or_default();
        connection.fingerprint = certificates.first().map(Fingerprint::of).unwrap_or_default();
        server.steps.say(|| {
            let facts = connection.facts();
            let facts = facts.map(|facts| format!("{} {} {}", facts.version, facts.suite, facts.group));
            let (facts, took) = (facts.unwrap_or_default(), millis(began.elapsed()));
            format!("{facts} after {took}; certificate {}", connection.fingerprint)
        });
        Ok(Some(connection))
    }

    /// The server's certificate's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// What TLS agreed on.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        self.pump.facts()
    }

    /// Bytes moved; `whole` if a frame is complete with them.
    fn got_on(&mut self, bytes: usize, whole: bool) {
        self.crept += bytes;
        if whole || self.crept >= PROGRESS {
            self.begin_wait();
        }
    }

    fn check_end(&self) -> Result<(), Failure> {
        match &self.ended {
            Some(failure) if self.frames.is_empty() => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    fn check_time(&self) -> Result<(), Failure> {
        if self.moved.elapsed() < self.timeout {
            return Ok(());
        }
        let seconds = self.timeout.as_secs();
        Err(Failure::lost(format!("nothing came from the server for {seconds} s"))
            .hint("check the network; the same command goes on where it stopped"))
    }

    /// Passes on what can be sent and takes what has come; waits for either up to `wait`.
    fn turn(&mut self, wait: Duration) -> Result<(), Failure> {
        if !self.is_held() {
            self.flush()?;
        }
        let reads = self.frames.len() < FRAMES && self.ended.is_none();
        if reads && self.pump.holds_input() {
            return self.take_in();
        }
        let writes = !self.pump.outgoing().is_empty() && !self.is_held();
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, reads);
        wanted.set(PollFlags::OUT, writes);
        if wanted.is_empty() {
            return Ok(());
        }
        if self.allowance() == 0 {
            std::thread::sleep(wait.min(self.bucket.pause()));
            return Ok(());
        }
        if reads && !writes && self.more {
            return self.fill();
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut fds = [PollFd::new(&self.socket, wanted)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(Failure::lost(io::Error::from(error).to_string())),
        }
        let events = fds[0].revents();
        if writes && events.contains(PollFlags::OUT) {
            self.flush()?;
        }
        if reads && events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            self.fill()?;
        }
        Ok(())
    }

    /// What waits is little, and goes with what is sent at once after it.
    fn is_held(&self) -> bool {
        self.follows && self.pump.outgoing().len() < ENCRYPT
    }

    fn flush(&mut self) -> Result<(), Failure> {
        while !self.pump.outgoing().is_empty() {
            let allowed = self.allowance();
            if allowed == 0 {
                break;
            }
            let outgoing = self.pump.outgoing();
            match self.socket.write(&outgoing[..outgoing.len().min(allowed)]) {
                Ok(n) => {
                    self.bucket.spend(n);
                    self.pump.sent(n);
                    self.got_on(n, false);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What the daemon said before it closed may still be there to be read.
                Err(_) if self.ended.is_none() => {
                    let unsent = self.pump.outgoing().len();
                    self.pump.sent(unsent);
                    self.fill()?;
                    if self.ended.is_none() {
                        self.ended = Some(cut());
                    }
                }
                Err(_) => return self.check_end(),
            }
        }
        Ok(())
    }

    /// How many bytes may move now.
    fn allowance(&mut self) -> usize {
        if let Some(rate) = self.bucket.changed() {
            // What the kernel takes in ahead of us would move as fast as it can, and then nothing would for long. It stays so when the limit is lifted.
            let ahead = rate.map_or(AHEAD.1, |rate| usize::try_from(rate).unwrap_or(usize::MAX));
            let _as_it_was = set_socket_recv_buffer_size(&self.socket, ahead.clamp(AHEAD.0, AHEAD.1));
        }
        self.bucket.allowance(Instant::now())
    }

    fn fill(&mut self) -> Result<(), Failure> {
        // What ends a connection is found even when nothing may move.
        let allowed = self.allowance().max(1);
        let room = self.pump.room();
        if room.is_empty() {
            return self.take_in();
        }
        let most = room.len().min(allowed);
        match self.socket.read(&mut room[..most]) {
            Ok(0) => {
                let clean = self.pump.end().is_ok();
                let closed = if clean { Failure::lost("the server closed the connection") } else { cut() };
                self.ended.get_or_insert(closed);
                Ok(())
            }
            Ok(n) => {
                self.heard = true;
                self.more = n == most;
                self.bucket.spend(n);
                self.pump.filled(n);
                self.take_in()
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                self.more = false;
                Ok(())
            }
            Err(_) => {
                self.ended.get_or_insert_with(cut);
                Ok(())
            }
        }
    }

    /// Decrypts what is there into frames, until enough of them wait.
    fn take_in(&mut self) -> Result<(), Failure> {
        let (deframer, frames) = (&mut self.deframer, &mut self.frames);
        let (mut broken, mut came, before) = (None, 0, frames.len());
        let advanced = self.pump.advance(&mut |bytes| {
            let mut taken = 0;
            while taken < bytes.len() && frames.len() < FRAMES && broken.is_none() {
                match deframer.push(&bytes[taken..]) {
                    Ok((n, frame)) => {
                        taken += n;
                        frames.extend(frame);
                    }
                    Err(fault) => broken = Some(fault),
                }
            }
            came += taken;
            taken
        });
        let whole = frames.len() > before;
        self.got_on(came, whole);
        if let Some(fault) = broken {
            return Err(Failure::protocol(&fault.to_string()));
        }
        advanced.map_err(|fault| self.end(&fault))?;
        if self.pump.is_closed_by_peer() {
            self.ended.get_or_insert_with(|| Failure::lost("the server closed the connection"));
        }
        Ok(())
    }

    /// Says why to the server, as far as that is still possible.
    fn end(&mut self, fault: &TlsFault) -> Failure {
        let _gone = self.socket.write_all(self.pump.outgoing());
        let failure = trust::failure(fault);
        self.ended.get_or_insert_with(|| failure.clone());
        failure
    }
}

impl Drop for Connection {
    /// Says goodbye, if that does not have to wait.
    fn drop(&mut self) {
        self.pump.close();
        let _gone = self.socket.write_all(self.pump.outgoing());
    }
}

fn cut() -> Failure {
    Failure::lost("the connection was cut").hint("the same command goes on where it stopped")
}

fn dial(server: &Server) -> Result<TcpStream, Failure> {
    let fail = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "nothing listens there: is the daemon running, and is the port right?"
            }
            io::ErrorKind::TimedOut => "no answer: is the host up, and does a firewall let the port through?",
            _ => "check -s and -P",
        };
        let what = format!("cannot connect to {}: {error}", Printable(&server.address()));
        Failure::lost(what).hint(hint)
    };
    let addresses = (server.host.as_str(), server.port).to_socket_addrs().map_err(fail)?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect_timeout(&address, server.timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(fail(last))
}

const _: () = assert!(FRAMES * CHUNK <= 4 * 1024 * 1024, "what waits is bounded");
