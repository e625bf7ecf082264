//! `users.ron`: who may log in, with what password and quota.

use crate::account::password::PasswordHash;
use ftp_proto::UserName;
use std::collections::BTreeMap;
use std::path::Path;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Made once, when the account is created: another account of the same name is another account.
    pub id: u64,
    /// The password.
    pub password: PasswordHash,
    /// The most bytes; none means no limit.
    pub quota: Option<u64>,
}

/// All accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    /// By name.
    pub users: BTreeMap<UserName, User>,
}

impl Users {
    /// Reads and checks the file. A missing file is an empty set.
    ///
    /// # Errors
    /// What is wrong, where, and what to do, as a sentence.
    pub fn load(_file: &Path) -> Result<Self, UserFileFault> {
        unimplemented!()
    }
}

/// What is wrong with the user file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UserFileFault(pub String);
