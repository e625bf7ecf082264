//! User files whose passwords are quick to check.

use ftp_core::account::password::{Cost, PasswordHash};
use ftp_proto::message::Secret;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The password of an account that [`write()`] or [`Site::user`](crate::site::Site::user) makes.
#[must_use]
pub fn password(name: &str) -> String {
    format!("password of {name}")
}

/// Writes a user file with these accounts and quotas; a check of a password takes some milliseconds.
///
/// # Panics
/// The disk fails.
pub fn write(file: &Path, accounts: &[(&str, Option<u64>)]) {
    let mut text = "(version: 1, users: {\n".to_owned();
    for (number, (name, quota)) in accounts.iter().enumerate() {
        let hash = PasswordHash::new(&Secret::new(password(name)), Cost { log_n: 10 }).expect("random bytes");
        let (id, hash) = (number + 1, hash.as_str());
        writeln!(text, " {name:?}: (id: {id}, password: {hash:?}, quota: {quota:?}),").expect("a string");
    }
    text.push_str("})\n");
    fs::write(file, text).expect("written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("chmod");
}
