//! scrypt password hashes as PHC strings (RFC 7914; the PHC string format).

use crate::fault::{During as _, Fault};
use crate::limits::SCRYPT_BYTES;
use ftp_proto::message::Secret;
use scrypt::password_hash::phc;
use scrypt::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};
use scrypt::{Params, Scrypt};
use std::io;

/// Bytes of a fresh salt.
const SALT: usize = 16;

/// A scrypt PHC string that was checked: `$scrypt$ln=17,r=8,p=1$salt$hash` within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// Checks a PHC string.
    ///
    /// # Errors
    /// Not scrypt, damaged, or out of the bounds for memory and time.
    pub fn parse(text: &str) -> Result<Self, NotAPasswordHash> {
        let hash = phc::PasswordHash::new(text).map_err(|_| NotAPasswordHash)?;
        let params = Params::try_from(&hash).map_err(|_| NotAPasswordHash)?;
        let memory = (128 * u64::from(params.r())) << params.log_n().min(32);
        let lengths =
            hash.salt.is_some_and(|salt| salt.len() >= 8) && hash.hash.is_some_and(|hash| hash.len() >= 16);
        let scrypt = hash.algorithm.as_str() == "scrypt" && hash.version.is_none();
        let bounded = (10..=20).contains(&params.log_n())
            && params.r() <= 32
            && params.p() <= 4
            && memory <= SCRYPT_BYTES;
        if scrypt && lengths && bounded { Ok(Self(text.into())) } else { Err(NotAPasswordHash) }
    }

    /// Hashes a password with a fresh salt. Blocks for the time that the cost says.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(password: &Secret, cost: Cost) -> Result<Self, Fault> {
        let salt = random()?;
        let params = Params::new(cost.log_n, 8, 1).map_err(io::Error::other).during("hash a password")?;
        let hash = Scrypt::new()
            .hash_password_customized(password.expose().as_bytes(), &salt, None, None, params)
            .map_err(|error| io::Error::other(error.to_string()))
            .during("hash a password")?;
        Ok(Self(hash.to_string().into()))
    }

    /// A hash that nothing matches and that costs what `self` costs to check.
    #[must_use]
    pub fn decoy(&self) -> Self {
        // The hash is all zeros, in 32 bytes as ours are: no password is known that gives it.
        let head = self.0.rsplit_once('$').map_or("", |(head, _)| head);
        Self(format!("{head}${}", "A".repeat(43)).into())
    }

    /// Whether `password` is the one. Blocks for the time that the parameters say; the comparison takes the same time wherever it differs.
    #[must_use]
    pub fn matches(&self, password: &Secret) -> bool {
        phc::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Scrypt::new().verify_password(password.expose().as_bytes(), &hash).is_ok())
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The memory that a check takes is below what is recommended today.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let hash = phc::PasswordHash::new(&self.0).ok();
        hash.and_then(|hash| Params::try_from(&hash).ok()).is_none_or(|params| params.log_n() < 15)
    }
}

fn random() -> Result<[u8; SALT], Fault> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(io::Error::other).during("get randomness for a salt")?;
    Ok(salt)
}

/// What a hash costs: scrypt with N = 2^`log_n`, r = 8, p = 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// 10 to 17.
    pub log_n: u8,
}

impl Default for Cost {
    /// 2^17: the least that OWASP's password storage cheat sheet asks for.
    fn default() -> Self {
        Self { log_n: 17 }
    }
}

/// The text is not a scrypt PHC string within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scrypt PHC string within bounds ($scrypt$ln=17,r=8,p=1$...)")]
pub struct NotAPasswordHash;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn the_password_matches_and_nothing_else_does() {
        let hash = PasswordHash::new(&secret("right"), Cost { log_n: 10 }).expect("a hash");
        assert_eq!(PasswordHash::parse(hash.as_str()), Ok(hash.clone()));
        assert!(hash.matches(&secret("right")));
        for wrong in ["", "Right", "right ", "wrong"] {
            assert!(!hash.matches(&secret(wrong)), "{wrong}");
        }
        let again = PasswordHash::new(&secret("right"), Cost { log_n: 10 }).expect("a hash");
        assert_ne!(hash, again, "each has its own salt");
    }

    /// The test vector of passlib's documentation.
    #[test]
    fn a_hash_of_another_program_is_understood() {
        let text = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
        assert!(PasswordHash::parse(text).expect("good").matches(&secret("password")));
    }

    #[test]
    fn a_decoy_costs_the_same_and_matches_nothing() {
        let hash = PasswordHash::new(&secret("right"), Cost { log_n: 11 }).expect("a hash");
        let decoy = hash.decoy();
        assert!(PasswordHash::parse(decoy.as_str()).is_ok());
        assert_eq!(decoy.as_str().split('$').nth(2), Some("ln=11,r=8,p=1"));
        assert!(!decoy.matches(&secret("right")) && !decoy.matches(&secret("")));
    }

    #[test]
    fn what_is_damaged_or_out_of_bounds_is_refused() {
        let salt = "aM15713r3Xsvxbi31lqr1Q";
        let hash = "nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
        for bad in [
            String::new(),
            "secret".into(),
            format!("$argon2id$ln=16,r=8,p=1${salt}${hash}"),
            format!("$scrypt$ln=9,r=8,p=1${salt}${hash}"),
            format!("$scrypt$ln=20,r=8,p=1${salt}${hash}"),
            format!("$scrypt$ln=60,r=8,p=1${salt}${hash}"),
            format!("$scrypt$ln=16,r=8,p=1${salt}"),
            format!("$scrypt$ln=16,r=8,p=1$${hash}"),
            format!("$scrypt$ln=16,r=8,p=1${salt}$AAAA"),
        ] {
            assert_eq!(PasswordHash::parse(&bad), Err(NotAPasswordHash), "{bad}");
        }
    }
}
