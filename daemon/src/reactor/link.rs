//! One socket and its TLS: the only place where records meet a socket.

use ftp_proto::message::TlsFacts;
use ftp_tls::{Pump, Spares, TlsFault};
use mio::net::TcpStream;
use rustls::ServerConfig;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a closed connection may take to send and receive its last bytes.
const LINGER: Duration = Duration::from_secs(2);

/// A socket with its TLS.
pub(super) struct Link {
    socket: TcpStream,
    pump: Pump,
    readable: bool,
    writable: bool,
    end: End,
}

/// How far the end of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It has not.
    Open,
    /// `close_notify` follows what is pending; by then it is over.
    Closing(Instant),
    /// All was sent and our half is shut; the rest of the peer's is read and dropped, so that it is not answered with a reset that cuts the tail.
    Lingering(Instant),
}

/// Why a link is over.
#[derive(Debug)]
pub(super) enum Over {
    /// As it should.
    Closed,
    /// The peer said that it sends no more.
    PeerClosed,
    /// It broke.
    Failed(String),
}

impl Link {
    /// A socket that was just accepted.
    pub(super) fn new(socket: TcpStream, config: &Arc<ServerConfig>) -> Result<Self, TlsFault> {
        // Replies are small and wanted at once; chunks are large.
        let _best_effort = socket.set_nodelay(true);
        let pump = Pump::server(Arc::clone(config))?;
        Ok(Self { socket, pump, readable: true, writable: true, end: End::Open })
    }

    /// For the poll.
    pub(super) fn source(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// What the poll said.
    pub(super) fn on_event(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Reads once, if there may be something and there is room. Says how many bytes came; 0 when none can come now.
    pub(super) fn read(&mut self) -> Result<usize, Over> {
        if !self.readable {
            return Ok(0);
        }
        if matches!(self.end, End::Lingering(_)) {
            return self.drop_input();
        }
        let room = self.pump.room();
        if room.is_empty() {
            return Ok(0);
        }
        match self.socket.read(room) {
            Ok(0) => Err(self
                .pump
                .end()
                .map_or_else(|fault| Over::Failed(fault.to_string()), |()| Over::PeerClosed)),
            Ok(n) => {
                self.pump.filled(n);
                Ok(n)
            }
            Err(error) => self.blocked(error, true),
        }
    }

    fn drop_input(&mut self) -> Result<usize, Over> {
        let mut bytes = [0; 4096];
        match self.socket.read(&mut bytes) {
            Ok(0) => Err(Over::Closed),
            Ok(n) => Ok(n),
            Err(error) => self.blocked(error, true),
        }
    }

    /// Writes once, if the socket may take something. Says how many bytes went.
    pub(super) fn write(&mut self) -> Result<usize, Over> {
        if !self.writable || self.pump.outgoing().is_empty() {
            return Ok(0);
        }
        match self.socket.write(self.pump.outgoing()) {
            Ok(n) => {
                self.pump.sent(n);
                Ok(n)
            }
            Err(error) => self.blocked(error, false),
        }
    }

    fn blocked(&mut self, error: io::Error, reading: bool) -> Result<usize, Over> {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                let side = if reading { &mut self.readable } else { &mut self.writable };
                *side = false;
                Ok(0)
            }
            // It counts as progress, so that it is tried again.
            io::ErrorKind::Interrupted => Ok(1),
            // Who has heard the last word, or does not wait for it, may go as it likes.
            _ if self.end != End::Open => Err(Over::Closed),
            _ => Err(Over::Failed(error.to_string())),
        }
    }

    /// Lets TLS go on; plaintext goes to `take`. After a fault the alert for the peer is sent and the link closes.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        take: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<(), TlsFault> {
        if self.end != End::Open {
            return Ok(());
        }
        let advanced = self.pump.advance(take);
        if advanced.is_err() {
            self.end = End::Closing(now + LINGER);
        }
        advanced
    }

    /// Encrypts from the front of `plain`; says how much.
    pub(super) fn encrypt(&mut self, plain: &[u8]) -> Result<usize, Over> {
        self.pump.encrypt(plain).map_err(|fault| Over::Failed(fault.to_string()))
    }

    /// Begins the end: what is pending is still sent.
    pub(super) fn close(&mut self, now: Instant) {
        if self.end == End::Open {
            self.end = End::Closing(now + LINGER);
        }
    }

    /// Goes on with the end, when nothing more is pending; says when it is over.
    pub(super) fn finish(&mut self, is_pending: bool) -> Result<(), Over> {
        if let End::Closing(until) = self.end
            && !is_pending
        {
            self.pump.close();
            self.write()?;
            if self.pump.outgoing().is_empty() {
                let _gone = self.socket.shutdown(Shutdown::Write);
                self.end = End::Lingering(until);
                self.readable = true;
            }
        }
        Ok(())
    }

    /// The link is not ending.
    pub(super) fn is_open(&self) -> bool {
        self.end == End::Open
    }

    /// When its end has to be over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.end {
            End::Open => None,
            End::Closing(until) | End::Lingering(until) => Some(until),
        }
    }

    /// Plaintext is held that was not taken.
    pub(super) fn holds_input(&self) -> bool {
        self.pump.holds_input()
    }

    /// The handshake is not done.
    pub(super) fn is_handshaking(&self) -> bool {
        self.pump.is_handshaking()
    }

    /// The peer sent `close_notify`, and all before it was taken.
    pub(super) fn is_closed_by_peer(&self) -> bool {
        self.pump.is_closed_by_peer()
    }

    /// What was agreed on.
    pub(super) fn facts(&self) -> TlsFacts {
        let facts = self.pump.facts();
        facts.map_or_else(TlsFacts::default, |facts| TlsFacts {
            version: facts.version,
            suite: facts.suite,
            group: facts.group,
        })
    }

    /// Gives it memory for a turn.
    pub(super) fn lend(&mut self, spares: &mut Spares) {
        self.pump.lend(spares);
    }

    /// Takes back what it does not need between turns.
    pub(super) fn give_back(&mut self, spares: &mut Spares) {
        self.pump.give_back(spares);
    }
}
