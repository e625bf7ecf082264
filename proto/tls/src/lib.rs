//! TLS 1.3 records without a socket, over the unbuffered API of rustls: bytes in, bytes out, decrypted in place, encrypted from where the
//! plaintext lies. Used by the daemon's reactor and by the client.

use rustls::{ClientConfig, ServerConfig, pki_types::CertificateDer, pki_types::ServerName};
use std::sync::Arc;

/// One TLS connection without a socket.
pub struct Pump {}

/// What the two ends agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// As `TLSv1.3`.
    pub version: String,
    /// As `TLS13_AES_256_GCM_SHA384`.
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
    /// The stream ended without `close_notify`.
    #[error("the connection was cut")]
    Cut,
}

impl Pump {
    /// A server's end.
    ///
    /// # Errors
    /// The config cannot be used.
    pub fn server(_config: Arc<ServerConfig>) -> Result<Self, TlsFault> {
        unimplemented!()
    }

    /// A client's end.
    ///
    /// # Errors
    /// The config cannot be used.
    pub fn client(_config: Arc<ClientConfig>, _name: ServerName<'static>) -> Result<Self, TlsFault> {
        unimplemented!()
    }

    /// Where the next bytes from the socket go; at least 16 KiB + a record's overhead unless plaintext is held back, then possibly empty: do not read
    /// the socket now.
    pub fn room(&mut self) -> &mut [u8] {
        unimplemented!()
    }

    /// `n` bytes were put into [`Pump::room`].
    pub fn filled(&mut self, _n: usize) {
        unimplemented!()
    }

    /// Goes on with what has come in: the handshake, then plaintext to `take`, which says how many bytes it took. When it takes fewer than it was offered,
    /// the rest is held back and offered again at the next call. Call it also after EOF was seen ([`Pump::end`]).
    ///
    /// # Errors
    /// See [`TlsFault`].
    pub fn advance(&mut self, _take: &mut dyn FnMut(&[u8]) -> usize) -> Result<(), TlsFault> {
        unimplemented!()
    }

    /// The socket has no more bytes (`read` gave 0).
    ///
    /// # Errors
    /// [`TlsFault::Cut`] if no `close_notify` came before.
    pub fn end(&mut self) -> Result<(), TlsFault> {
        unimplemented!()
    }

    /// Ciphertext for the socket.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        unimplemented!()
    }

    /// The first `n` bytes of [`Pump::outgoing`] were sent.
    pub fn sent(&mut self, _n: usize) {
        unimplemented!()
    }

    /// Encrypts from the front of `plain` and says how much it took: at most 64 KiB, nothing during the handshake or while there is more than
    /// 64 KiB in [`Pump::outgoing`].
    ///
    /// # Errors
    /// See [`TlsFault`].
    pub fn encrypt(&mut self, _plain: &[u8]) -> Result<usize, TlsFault> {
        unimplemented!()
    }

    /// Queues `close_notify`; nothing can be encrypted after it.
    pub fn close(&mut self) {
        unimplemented!()
    }

    /// The handshake is not done.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        unimplemented!()
    }

    /// The peer sent `close_notify` and all its plaintext was taken.
    #[must_use]
    pub fn is_closed_by_peer(&self) -> bool {
        unimplemented!()
    }

    /// Plaintext was decrypted or ciphertext is complete that nobody has taken.
    #[must_use]
    pub fn holds_input(&self) -> bool {
        unimplemented!()
    }

    /// What was agreed on, when the handshake is done.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        unimplemented!()
    }

    /// The application protocol that was agreed on.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        unimplemented!()
    }

    /// The peer's certificates, its own first.
    #[must_use]
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        unimplemented!()
    }

    /// Lets go of buffers that hold nothing: the connection is going to be idle.
    pub fn shrink(&mut self) {
        unimplemented!()
    }
}
