//! TLS 1.3 records without a socket, over the unbuffered API of rustls: bytes in, bytes out, encrypted from where the plaintext lies.
//! Used by the daemon's reactor and by the client.
//!
//! ```text
//!  socket ──▶ room/filled ──▶ advance ──▶ take(plaintext)
//!  socket ◀── outgoing/sent ◀─────────── encrypt(plaintext)
//! ```
//!
//! Plaintext that is not taken is held, and then no more is read: that is how back-pressure reaches the peer. Not here: sockets, certificates, policy -
//! but for one rule, that a client must offer the server's application protocol.

mod buffer;
mod gate;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
pub use buffer::Spares;
use buffer::{Buffer, SPARE};
use gate::{Gate, Verdict};
use rustls::client::UnbufferedClientConnection;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{CipherSuite, ClientConfig, ServerConfig};
use std::sync::Arc;

/// The most plaintext that one call encrypts, in bytes; and the ciphertext beyond which none is encrypted.
pub const ENCRYPT: usize = 64 * 1024;
/// Bytes of ciphertext that are read at once while much comes.
const READ: usize = 128 * 1024;
/// The same at first, and again after [`Pump::shrink`], for who has no [`Spares`]: most connections only ever say a few words.
const READ_AT_FIRST: usize = 2 * RECORD;
/// Room that is always there for one more record.
const RECORD: usize = 5 + 16 * 1024 + 256;
/// A record's header, inner type and tag, generously.
const OVERHEAD: usize = 64;

const _: () = assert!(READ_AT_FIRST >= 2 * RECORD, "a part of a record never keeps a whole one out");
const _: () = assert!(READ >= READ_AT_FIRST, "it grows");
const _: () = assert!(SPARE >= READ, "what is lent does not grow");
const _: () = assert!(
    SPARE >= 2 * ENCRYPT + (ENCRYPT / (16 * 1024) + 1) * 2 * OVERHEAD,
    "nor does it for what is sent"
);

/// The one provider of cryptography that everything here uses. AES-128-GCM comes first: it is strong enough, and takes a fifth less time than AES-256-GCM.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    Arc::new(provider)
}

/// The fingerprint of a certificate: `SHA256:` and the hash of its DER in base64 without padding, as OpenSSH writes those of keys.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest))
}

/// One TLS connection without a socket.
pub struct Pump {
    side: Side,
    /// What the first bytes of a client have to pass.
    gate: Option<Gate>,
    incoming: Buffer,
    /// How large `incoming` is made.
    read: usize,
    flow: Flow,
    /// The handshake has come so far that data may be sent.
    may_send: bool,
    closed: bool,
    /// There was a fault: what comes after it is not looked at.
    failed: bool,
}

enum Side {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// Where what comes out of the record layer goes.
#[derive(Default)]
struct Flow {
    outgoing: Buffer,
    /// Plaintext that was not taken.
    held: Buffer,
    peer_closed: bool,
}

/// What the two ends agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// As `TLSv1.3`.
    pub version: String,
    /// As `TLS13_AES_128_GCM_SHA256`.
    pub suite: String,
    /// As `X25519MLKEM768`.
    pub group: String,
}

/// The connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The peer breaks TLS, is not trusted, or sent an alert. An alert for the peer may be in [`Pump::outgoing`]: send it, then close.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// What came is not TLS, or a client that does not speak our application protocol. An alert may be in [`Pump::outgoing`].
    #[error("{0}")]
    Refused(&'static str),
    /// The stream ended without `close_notify`.
    #[error("the connection was cut")]
    Cut,
}

/// Where a step of the record layer led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There may be more.
    More,
    /// Nothing more without new input.
    Blocked,
    /// As before, and what was to be written is.
    Ready,
}

/// What to write when that is possible.
#[derive(Clone, Copy)]
enum Write<'a> {
    Nothing,
    Plaintext(&'a [u8]),
    CloseNotify,
}

impl Pump {
    /// A server's end. A client that offers none of the config's application protocols is refused with `no_application_protocol`.
    ///
    /// # Errors
    /// The config cannot be used.
    pub fn server(config: Arc<ServerConfig>) -> Result<Self, TlsFault> {
        let gate = config.alpn_protocols.first().map(|_| Gate::new(config.alpn_protocols.clone()));
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self::new(Side::Server(Box::new(connection)), gate))
    }

    /// A client's end.
    ///
    /// # Errors
    /// The config cannot be used.
    pub fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, TlsFault> {
        let connection = UnbufferedClientConnection::new(config, name)?;
        Ok(Self::new(Side::Client(Box::new(connection)), None))
    }

    fn new(side: Side, gate: Option<Gate>) -> Self {
        Self {
            side,
            gate,
            incoming: Buffer::default(),
            read: READ_AT_FIRST,
            flow: Flow::default(),
            may_send: false,
            closed: false,
            failed: false,
        }
    }

    /// Where the next bytes from the socket go. Empty while plaintext is held: do not read the socket now.
    pub fn room(&mut self) -> &mut [u8] {
        if self.flow.held.is_empty() { self.incoming.room(self.read, RECORD) } else { &mut [] }
    }

    /// `n` bytes were put into [`Pump::room`].
    pub fn filled(&mut self, n: usize) {
        self.incoming.filled_by(n);
        if self.incoming.is_full() {
            self.read = READ;
        }
    }

    /// Goes on with what has come in: the handshake, then plaintext to `take`, which says how many bytes it took. When it takes fewer than it was
    /// offered, the rest is held and offered again at the next call.
    ///
    /// # Errors
    /// See [`TlsFault`]; after one, every further call fails.
    pub fn advance(&mut self, take: &mut dyn FnMut(&[u8]) -> usize) -> Result<(), TlsFault> {
        if self.failed {
            return Err(TlsFault::Refused("a connection that has failed before"));
        }
        let advanced = self.go_on(take);
        if advanced.is_err() {
            (self.closed, self.failed) = (true, true);
        }
        advanced
    }

    fn go_on(&mut self, take: &mut dyn FnMut(&[u8]) -> usize) -> Result<(), TlsFault> {
        match self.gate.as_mut().map(|gate| gate.look(self.incoming.filled())) {
            Some(Verdict::Wait) => return Ok(()),
            Some(Verdict::Refuse(alert, why)) => {
                self.flow.outgoing.extend(&alert);
                return Err(TlsFault::Refused(why));
            }
            Some(Verdict::Pass) => self.gate = None,
            None => {}
        }
        loop {
            if !self.flow.held.is_empty() {
                let taken = take(self.flow.held.filled());
                self.flow.held.discard(taken);
                if !self.flow.held.is_empty() {
                    return Ok(());
                }
            }
            match self.step(take, Write::Nothing) {
                Ok(Step::More) => {}
                Ok(Step::Blocked | Step::Ready) => return Ok(()),
                Err(fault) => {
                    // What the record layer still has is the alert that says why. It must not be asked for more than that: it would look for the
                    // messages behind the bad one, and panics when it does not find them.
                    self.incoming.discard(self.incoming.filled().len());
                    while self.common().wants_write()
                        && matches!(self.step(&mut |_| 0, Write::Nothing), Ok(Step::More))
                    {
                    }
                    return Err(fault);
                }
            }
        }
    }

    fn step(&mut self, take: &mut dyn FnMut(&[u8]) -> usize, write: Write<'_>) -> Result<Step, TlsFault> {
        let incoming = self.incoming.filled_mut();
        let (discard, step) = match &mut self.side {
            Side::Server(connection) => {
                self.flow.handle(connection.process_tls_records(incoming), take, write)
            }
            Side::Client(connection) => {
                self.flow.handle(connection.process_tls_records(incoming), take, write)
            }
        };
        self.incoming.discard(discard);
        if matches!(step, Ok(Step::Ready)) {
            self.may_send = true;
        }
        step
    }

    /// The socket has no more bytes (`read` gave 0).
    ///
    /// # Errors
    /// [`TlsFault::Cut`] if no `close_notify` came before.
    pub fn end(&mut self) -> Result<(), TlsFault> {
        if self.flow.peer_closed { Ok(()) } else { Err(TlsFault::Cut) }
    }

    /// Ciphertext for the socket.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        self.flow.outgoing.filled()
    }

    /// The first `n` bytes of [`Pump::outgoing`] were sent.
    pub fn sent(&mut self, n: usize) {
        self.flow.outgoing.discard(n);
    }

    /// Encrypts from the front of `plain` and says how much it took: at most [`ENCRYPT`], nothing before the handshake allows it, after
    /// [`Pump::close`], or while there are [`ENCRYPT`] bytes of [`Pump::outgoing`]. A server's handshake may allow it before it is done.
    ///
    /// # Errors
    /// See [`TlsFault`].
    pub fn encrypt(&mut self, plain: &[u8]) -> Result<usize, TlsFault> {
        if !self.may_send || self.closed || plain.is_empty() || self.outgoing().len() >= ENCRYPT {
            return Ok(0);
        }
        let plain = &plain[..plain.len().min(ENCRYPT)];
        self.write(Write::Plaintext(plain))?;
        Ok(plain.len())
    }

    /// Queues `close_notify`, if the handshake allows it; nothing can be encrypted after it.
    pub fn close(&mut self) {
        if !self.closed && self.may_send {
            // A connection that cannot write it any more is closed as it is.
            let _broken = self.write(Write::CloseNotify);
        }
        self.closed = true;
    }

    /// Plaintext that comes up on the way is held.
    fn write(&mut self, write: Write<'_>) -> Result<(), TlsFault> {
        loop {
            match self.step(&mut |_| 0, write)? {
                Step::More => {}
                Step::Ready => return Ok(()),
                Step::Blocked => return Err(TlsFault::Refused("a connection that cannot write")),
            }
        }
    }

    /// The handshake is not done.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// The peer sent `close_notify` and all its plaintext was taken.
    #[must_use]
    pub fn is_closed_by_peer(&self) -> bool {
        self.flow.peer_closed && self.flow.held.is_empty()
    }

    /// Plaintext waits that nobody has taken.
    #[must_use]
    pub fn holds_input(&self) -> bool {
        !self.flow.held.is_empty()
    }

    /// What was agreed on, when the handshake is done.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        let common = self.common();
        let version = common.protocol_version()?;
        let suite = common.negotiated_cipher_suite()?.suite();
        let group = common.negotiated_key_exchange_group()?.name();
        let version = match version {
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        };
        Some(Facts { version, suite: format!("{suite:?}"), group: format!("{group:?}") })
    }

    /// What the record layers of both ends have in common.
    fn common(&self) -> &rustls::CommonState {
        match &self.side {
            Side::Server(connection) => connection,
            Side::Client(connection) => connection,
        }
    }

    /// The application protocol that was agreed on.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        match &self.side {
            Side::Server(connection) => connection.alpn_protocol(),
            Side::Client(connection) => connection.alpn_protocol(),
        }
    }

    /// The peer's certificates, its own first.
    #[must_use]
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        match &self.side {
            Side::Server(connection) => connection.peer_certificates(),
            Side::Client(connection) => connection.peer_certificates(),
        }
    }

    /// Gives it memory for its buffers, for as long as it is at work.
    pub fn lend(&mut self, spares: &mut Spares) {
        self.incoming.lend(spares);
        self.flow.outgoing.lend(spares);
    }

    /// Takes back what memory it does not need while it waits.
    pub fn give_back(&mut self, spares: &mut Spares) {
        self.incoming.give_back(spares);
        self.flow.outgoing.give_back(spares);
        self.flow.held.shrink();
    }

    /// Lets go of buffers that hold nothing: the connection is going to be idle.
    pub fn shrink(&mut self) {
        self.incoming.shrink();
        self.read = READ_AT_FIRST;
        self.flow.outgoing.shrink();
        self.flow.held.shrink();
    }
}

impl Flow {
    /// Deals with what the record layer came to; the same for both ends. Says how many bytes of the input are done with.
    fn handle<D>(
        &mut self,
        status: UnbufferedStatus<'_, '_, D>,
        take: &mut dyn FnMut(&[u8]) -> usize,
        write: Write<'_>,
    ) -> (usize, Result<Step, TlsFault>) {
        let UnbufferedStatus { mut discard, state, .. } = status;
        let step = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                let mut result = Ok(Step::More);
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            discard += record.discard;
                            self.deliver(record.payload, take);
                        }
                        Err(error) => result = Err(error.into()),
                    }
                }
                result
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let mut written = data.encode(self.outgoing.space(RECORD));
                if let Err(EncodeError::InsufficientSize(more)) = written {
                    written = data.encode(self.outgoing.space(more.required_size));
                }
                self.outgoing.filled_by(written.unwrap_or(0));
                Ok(Step::More)
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                // It is queued with the rest; to the record layer that is as good as sent.
                data.done();
                Ok(Step::More)
            }
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                self.emit(&mut traffic, write).map(|()| Step::Ready)
            }
            Ok(ConnectionState::PeerClosed) => {
                self.peer_closed = true;
                Ok(Step::More)
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Ok(Step::Blocked),
            Ok(_) => Err(TlsFault::Refused("early data, which is never offered")),
            Err(error) => Err(error.into()),
        };
        (discard, step)
    }

    fn deliver(&mut self, payload: &[u8], take: &mut dyn FnMut(&[u8]) -> usize) {
        let taken = if self.held.is_empty() { take(payload) } else { 0 };
        self.held.extend(&payload[taken..]);
    }

    fn emit<D>(&mut self, traffic: &mut WriteTraffic<'_, D>, write: Write<'_>) -> Result<(), TlsFault> {
        let mut size = match write {
            Write::Nothing => return Ok(()),
            Write::Plaintext(plain) => plain.len() + (plain.len() / (16 * 1024) + 1) * OVERHEAD,
            Write::CloseNotify => OVERHEAD,
        };
        loop {
            let space = self.outgoing.space(size);
            let written = match write {
                Write::Plaintext(plain) => traffic.encrypt(plain, space),
                Write::CloseNotify | Write::Nothing => traffic.queue_close_notify(space),
            };
            match written {
                Ok(n) => {
                    self.outgoing.filled_by(n);
                    return Ok(());
                }
                Err(EncryptError::InsufficientSize(more)) => size = more.required_size,
                Err(EncryptError::EncryptExhausted) => return Err(rustls::Error::EncryptError.into()),
            }
        }
    }
}
