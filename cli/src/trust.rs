//! Whether the server is the one it should be: a CA, a pinned fingerprint, or what was seen at the first contact.

use crate::failure::Failure;
use std::path::PathBuf;

/// The SHA-256 of a server's certificate (DER), shown as `SHA256:` and unpadded base64, as OpenSSH does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// How to decide.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The chain must verify with these CAs (PEM), and the name must match.
    Ca(PathBuf),
    /// The certificate must have this fingerprint.
    Pinned(Fingerprint),
    /// As `known_hosts` says; an unknown server is accepted and noted.
    AcceptNew(PathBuf),
    /// As `known_hosts` says; an unknown server is asked about with `Ask`.
    Known(PathBuf),
}

/// What is shown about a server that is new.
#[derive(Debug, Clone)]
pub struct NewServer {
    /// As `host:port`.
    pub address: String,
    /// Its certificate's fingerprint.
    pub fingerprint: Fingerprint,
    /// What the certificate says, such as `self-signed, valid to 2027-11-23, name 'ftpd.local'`; printable.
    pub description: String,
}

/// Asks the user whether to trust a new server. Answers `Ok(true)` to trust; an error when nobody can be asked.
pub type Ask<'a> = &'a mut dyn FnMut(&NewServer) -> Result<bool, Failure>;
