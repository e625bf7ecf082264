//! scrypt password hashes as PHC strings.

use crate::fault::Fault;
use ftp_proto::message::Secret;

/// A scrypt PHC string that was checked: `$scrypt$ln=17,r=8,p=1$salt$hash` within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Checks a PHC string.
    ///
    /// # Errors
    /// Not scrypt, damaged, or out of the bounds for memory.
    pub fn parse(_text: &str) -> Result<Self, NotAPasswordHash> {
        unimplemented!()
    }

    /// Hashes a password with a fresh salt. Blocks for the time that the parameters say.
    ///
    /// # Errors
    /// No randomness.
    pub fn new(_password: &Secret, _cost: Cost) -> Result<Self, Fault> {
        unimplemented!()
    }

    /// A hash that nothing matches and that costs what `self` costs to check.
    #[must_use]
    pub fn decoy(&self) -> Self {
        unimplemented!()
    }

    /// Whether `password` is the one. Blocks for the time that the parameters say.
    #[must_use]
    pub fn matches(&self, _password: &Secret) -> bool {
        unimplemented!()
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a hash costs: scrypt with N = 2^`log_n`, r = 8, p = 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// 10 to 17.
    pub log_n: u8,
}

impl Default for Cost {
    /// 2^17: what OWASP's password storage page asks as the least.
    fn default() -> Self {
        Self { log_n: 17 }
    }
}

/// The text is not a scrypt PHC string within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scrypt PHC string within bounds ($scrypt$ln=17,r=8,p=1$...)")]
pub struct NotAPasswordHash;
