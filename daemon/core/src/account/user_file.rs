//! `users.ron`: who may log in, with what password and quota.
//!
//! Here is what the daemon needs, reading. Writing is in [`Users::edit`] and only the administration tool does it; how a record is spelled is in
//! `record`.

mod edit;
mod record;

use crate::account::password::PasswordHash;
use ftp_proto::{Printable, UserName};
use rustix::fs::{FileType, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest user file, in bytes.
pub const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The most accounts.
pub const USERS: usize = 10_000;

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

impl User {
    /// Whether whoever was let in as `self` may stay as `now`: the account and the password are the same. Another quota ends nothing.
    #[must_use]
    pub fn stays(&self, now: &Self) -> bool {
        self.id == now.id && self.password == now.password
    }
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
    /// The file must be a regular one that only its owner may read or write, and the owner root or us (or, when we are root, the owner of its
    /// folder: the daemon's user). At most [`FILE_BYTES`] and [`USERS`].
    ///
    /// # Errors
    /// What is wrong, where, and what to do, as a sentence.
    pub fn load(file: &Path) -> Result<Self, UserFileFault> {
        let fault = |what: String| UserFileFault::new(file, &what);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let handle = match rustix::fs::open(file, flags, Mode::empty()) {
            Ok(handle) => File::from(handle),
            Err(rustix::io::Errno::NOENT) => return Ok(Self::default()),
            Err(rustix::io::Errno::LOOP) => {
                return Err(fault("it is a symbolic link; put the file itself there".into()));
            }
            Err(error) => return Err(fault(format!("it cannot be opened: {}", io::Error::from(error)))),
        };
        check_mode_and_owner(file, &handle).map_err(fault)?;
        let mut text = String::new();
        handle
            .take(FILE_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(|error| fault(format!("it cannot be read: {error}")))?;
        if text.len() as u64 > FILE_BYTES {
            return Err(fault(format!("it is larger than {FILE_BYTES} bytes; that is no user file")));
        }
        Self::parse(file, &text)
    }

    /// Reads and checks a text that came from `file`, which is only named in what is told.
    ///
    /// # Errors
    /// As [`Users::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, UserFileFault> {
        record::parse(file, text)
    }
}

fn check_mode_and_owner(file: &Path, handle: &File) -> Result<(), String> {
    let stat = rustix::fs::fstat(handle)
        .map_err(|error| format!("it cannot be looked at: {}", io::Error::from(error)))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err("it is not a regular file; move what is there away".into());
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "its mode is {mode:04o}, so others can read the password hashes; run chmod 600 on it"
        ));
    }
    let us = rustix::process::geteuid().as_raw();
    let trusted =
        stat.st_uid == 0 || stat.st_uid == us || (us == 0 && Some(stat.st_uid) == owner_of_folder(file));
    if trusted {
        Ok(())
    } else {
        Err(format!("it belongs to user id {}, not to root or to user id {us}; run chown on it", stat.st_uid))
    }
}

fn owner_of_folder(file: &Path) -> Option<u32> {
    rustix::fs::stat(folder_of(file)).ok().map(|stat| stat.st_uid)
}

/// The folder that holds a file.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// What is wrong with the user file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UserFileFault(pub String);

impl UserFileFault {
    fn new(file: &Path, what: &str) -> Self {
        let name = file.display().to_string();
        Self(format!("{}: {what}", Printable(&name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::password::Cost;
    use ftp_proto::message::Secret;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    pub(super) fn user(id: u64, quota: Option<u64>) -> User {
        let password = PasswordHash::new(&Secret::new("x".into()), Cost { log_n: 10 }).expect("a hash");
        User { id, password, quota }
    }

    pub(super) fn name(text: &str) -> UserName {
        UserName::new(text).expect("a name")
    }

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        std::fs::write(&file, text).expect("written");
        set_mode(&file, 0o600);
        (folder, file)
    }

    fn set_mode(file: &Path, mode: u32) {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("chmod");
    }

    fn fault(file: &Path) -> String {
        Users::load(file).expect_err("it is refused").0
    }

    #[test]
    fn a_missing_file_has_no_users_and_an_empty_one_is_damaged() {
        let (_folder, file) = written("");
        assert!(Users::load(&file.with_file_name("other.ron")).expect("no users").users.is_empty());
        assert!(Users::load(&file).is_err());
        std::fs::write(&file, "(version: 1, users: {})").expect("written");
        assert!(Users::load(&file).expect("no users").users.is_empty());
    }

    #[test]
    fn a_file_that_others_may_read_or_write_is_refused() {
        let (_folder, file) = written("(version: 1, users: {})");
        for mode in 0..0o1000 {
            set_mode(&file, mode | 0o600);
            assert_eq!(Users::load(&file).is_ok(), mode & 0o077 == 0, "{mode:o}");
        }
        set_mode(&file, 0o640);
        assert!(fault(&file).contains("chmod 600"), "{}", fault(&file));
    }

    #[test]
    fn the_file_is_roots_or_the_daemons() {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED: only root can give a file away");
            return;
        }
        let (folder, file) = written("(version: 1, users: {})");
        for (files, folders, good) in
            [(0, 0, true), (4711, 4711, true), (0, 4711, true), (4711, 0, false), (4711, 4712, false)]
        {
            std::os::unix::fs::chown(&file, Some(files), None).expect("root may");
            std::os::unix::fs::chown(folder.path(), Some(folders), None).expect("root may");
            assert_eq!(Users::load(&file).is_ok(), good, "the file of {files} in a folder of {folders}");
        }
        assert!(fault(&file).contains("belongs to user id 4711"));
    }

    #[test]
    fn only_a_regular_file_is_read() {
        let (folder, file) = written("(version: 1, users: {})");
        let link = folder.path().join("link");
        symlink(&file, &link).expect("a link");
        assert!(fault(&link).contains("symbolic link"));
        assert!(fault(folder.path()).contains("not a regular file"));
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("a fifo");
        assert!(fault(&fifo).contains("not a regular file"), "it does not wait for a writer");
    }

    #[test]
    fn a_file_too_large_is_refused() {
        let (_folder, file) = written("(version: 1, users: {})");
        let handle = File::options().append(true).open(&file).expect("open");
        let padding = " ".repeat(usize::try_from(FILE_BYTES).expect("fits"));
        io::Write::write_all(&mut &handle, padding.as_bytes()).expect("written");
        assert!(fault(&file).contains("larger than"));
    }
}
