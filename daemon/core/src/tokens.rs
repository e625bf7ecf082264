//! Tokens: what a client shows instead of its password when it comes back.

use crate::account::user_file::User;
use crate::fault::{During as _, Fault};
use crate::limits::{TOKEN, TOKENS};
use ftp_proto::UserName;
use ftp_proto::message::Secret;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Instant;

/// The tokens that hold now. Only their hashes are kept, so that what leaks from memory or a log opens nothing.
#[derive(Debug, Default)]
pub struct Tokens {
    grants: HashMap<[u8; 32], Grant>,
}

#[derive(Debug)]
struct Grant {
    name: UserName,
    /// The account as it was: a token does not outlive another password.
    user: User,
    expires: Instant,
}

impl Tokens {
    /// Makes a token for an account.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn grant(&mut self, now: Instant, name: &UserName, user: &User) -> Result<Secret, Fault> {
        if self.grants.len() >= TOKENS {
            self.grants.retain(|_, grant| grant.expires > now);
        }
        if self.grants.len() >= TOKENS {
            let first = self.grants.iter().min_by_key(|(_, grant)| grant.expires).map(|(key, _)| *key);
            first.map(|key| self.grants.remove(&key));
        }
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other).during("get randomness for a token")?;
        let mut text = String::with_capacity(64);
        bytes.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a string takes any text"));
        let grant = Grant { name: name.clone(), user: user.clone(), expires: now + TOKEN };
        self.grants.insert(key(&text), grant);
        Ok(Secret::new(text))
    }

    /// Whether `token` was made for this account with the password that it has now; if so, it lasts anew.
    pub fn accept(&mut self, now: Instant, token: &Secret, name: &UserName, user: &User) -> bool {
        let Some(grant) = self.grants.get_mut(&key(token.expose())) else { return false };
        let holds = grant.expires > now && grant.name == *name && grant.user.stays(user);
        if holds {
            grant.expires = now + TOKEN;
        }
        holds
    }

    /// Ends a token.
    pub fn revoke(&mut self, token: &Secret) {
        self.grants.remove(&key(token.expose()));
    }
}

/// A hash as the key: a look-up tells nothing about how much of a guess was right.
fn key(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}
