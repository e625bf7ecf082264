//! From a host and a port to a trusted TLS connection.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::trust::{Ask, Fingerprint, Trust};
use std::time::Duration;

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
}

/// An open TLS connection with the socket below it.
pub struct Connection {}

impl Connection {
    /// Connects, does the handshake and checks the server. Nothing secret is sent before that.
    ///
    /// # Errors
    /// [`Cause::Connection`](crate::failure::Cause::Connection) or [`Cause::Identity`](crate::failure::Cause::Identity), with what to do.
    pub fn open(_server: &Server, _interrupt: &Interrupt, _ask: Ask<'_>) -> Result<Self, Failure> {
        unimplemented!()
    }

    /// The server's certificate's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        unimplemented!()
    }
}
