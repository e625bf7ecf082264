//! `users.ron`: who may log in, with what password and quota.
//!
//! The daemon reads it; only the administration tool writes it, under a lock, as a whole new file that takes the place of the old one. Beside a
//! running daemon both always see one whole version.

use crate::account::password::PasswordHash;
use ftp_proto::UserName;
use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The largest file that is read.
const FILE: u64 = 4 * 1024 * 1024;
/// The most accounts.
const USERS: usize = 10_000;
const HEADER: &str =
    "// The accounts of ftp-daemon. Written by ftp-admin; the daemon notices changes by itself.\n";

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

/// What is wrong with the user file: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UserFileFault(pub String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    version: u32,
    users: BTreeMap<String, RawUser>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUser {
    id: u64,
    password: String,
    quota: Option<u64>,
}

impl Users {
    /// Reads and checks the file. A missing file is an empty set.
    ///
    /// # Errors
    /// What is wrong, where, and what to do, as a sentence.
    pub fn load(file: &Path) -> Result<Self, UserFileFault> {
        let fault = |what: String| UserFileFault(format!("{}: {what}", file.display()));
        let mut open = match rustix::fs::open(
            file,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
        ) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::NOENT) => return Ok(Self::default()),
            Err(rustix::io::Errno::LOOP) => {
                return Err(fault("it is a symbolic link; put the file itself there".into()));
            }
            Err(error) => return Err(fault(format!("cannot be read: {error}"))),
        };
        let facts = open.metadata().map_err(|error| fault(error.to_string()))?;
        check_facts(&facts).map_err(fault)?;
        let mut text = String::new();
        (&mut open)
            .take(FILE + 1)
            .read_to_string(&mut text)
            .map_err(|error| fault(format!("cannot be read: {error}")))?;
        if text.len() as u64 > FILE {
            return Err(fault("is larger than 4 MiB".into()));
        }
        Self::parse(&text).map_err(fault)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let raw: RawFile = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str(text)
            .map_err(|error| format!("line {}: {}", error.span.start.line, error.code))?;
        if raw.version != 1 {
            return Err(format!("its version is {}, and this program knows version 1", raw.version));
        }
        if raw.users.len() > USERS {
            return Err(format!("it has more than {USERS} accounts"));
        }
        let mut users = BTreeMap::new();
        for (name, raw) in raw.users {
            let checked = UserName::new(&name).map_err(|fault| format!("user {name:?}: {fault}"))?;
            let password = PasswordHash::parse(&raw.password)
                .map_err(|fault| format!("user {name:?}: the password is {fault}; set a new one with ftp-admin setup {name} --password"))?;
            users.insert(checked, User { id: raw.id, password, quota: raw.quota });
        }
        Ok(Self { users })
    }

    fn to_text(&self) -> Result<String, String> {
        let raw = |user: &User| RawUser {
            id: user.id,
            password: user.password.as_str().to_owned(),
            quota: user.quota,
        };
        let users = self.users.iter().map(|(name, user)| (name.to_string(), raw(user))).collect();
        let pretty = ron::ser::PrettyConfig::new();
        let body = ron::ser::to_string_pretty(&RawFile { version: 1, users }, pretty)
            .map_err(|error| error.to_string())?;
        Ok(format!("{HEADER}{body}\n"))
    }

    /// Changes the file: reads it under a lock, lets `change` work on the accounts, and puts the result in its place, durably. Without `Ok` of
    /// `change` nothing is written.
    ///
    /// # Errors
    /// What is wrong with the file or the disk, or the error of `change`.
    pub fn edit<T, E: From<UserFileFault>>(
        file: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let fault = |what: &str, error: &dyn std::fmt::Display| {
            UserFileFault(format!("{}: {what}: {error}", file.display()))
        };
        let folder =
            file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let owner = std::fs::metadata(folder).map_err(|error| fault("its folder cannot be used", &error))?;
        let lock = create(&sibling(file, ".lock"), OFlags::empty())
            .map_err(|error| fault("cannot be locked", &error))?;
        keep_owner(&lock, &owner).map_err(|error| fault("cannot be locked", &error))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)
            .map_err(|error| fault("cannot be locked", &error))?;
        let mut users = Self::load(file)?;
        let result = change(&mut users)?;
        let text = users.to_text().map_err(|error| fault("cannot be written", &error))?;
        let new = sibling(file, ".new");
        let written = create(&new, OFlags::TRUNC).and_then(|mut open| {
            keep_owner(&open, &owner)?;
            open.write_all(text.as_bytes())?;
            open.sync_all()?;
            std::fs::rename(&new, file)?;
            File::open(folder)?.sync_all()
        });
        written.map_err(|error| fault("cannot be written", &error))?;
        Ok(result)
    }
}

fn create(path: &Path, flags: OFlags) -> std::io::Result<File> {
    let flags = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(CWD, path, flags, Mode::RUSR | Mode::WUSR)?))
}

/// When root works on the service's folder, the files stay the service's.
fn keep_owner(file: &File, folder: &std::fs::Metadata) -> std::io::Result<()> {
    let facts = file.metadata()?;
    if (facts.uid(), facts.gid()) != (folder.uid(), folder.gid()) && rustix::process::geteuid().is_root() {
        std::os::unix::fs::fchown(file.as_fd(), Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}

fn sibling(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn check_facts(facts: &std::fs::Metadata) -> Result<(), String> {
    if !facts.is_file() {
        return Err("it is not a regular file".into());
    }
    if facts.mode() & 0o077 != 0 {
        let mode = facts.mode() & 0o7777;
        return Err(format!("others may read or write it (mode {mode:04o}); it holds passwords: chmod 600"));
    }
    let us = rustix::process::geteuid().as_raw();
    if facts.uid() != us && facts.uid() != 0 && us != 0 {
        return Err("it belongs to another user".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::password::Cost;
    use ftp_proto::message::Secret;
    use std::os::unix::fs::PermissionsExt as _;

    fn user(id: u64) -> User {
        let password = PasswordHash::new(&Secret::new("x".into()), Cost { log_n: 10 }).expect("a hash");
        User { id, password, quota: Some(id * 1000).filter(|quota| *quota > 0) }
    }

    fn name(text: &str) -> UserName {
        UserName::new(text).expect("good")
    }

    fn add(file: &Path, who: &str, id: u64) {
        let added: Result<(), UserFileFault> = Users::edit(file, |users| {
            users.users.insert(name(who), user(id));
            Ok(())
        });
        added.expect("written");
    }

    #[test]
    fn what_is_written_is_read_and_only_for_the_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        assert_eq!(Users::load(&file).expect("missing is empty"), Users::default());
        add(&file, "ada", 0);
        add(&file, "bob", 7);
        let users = Users::load(&file).expect("good");
        assert_eq!(users.users.keys().map(UserName::as_str).collect::<Vec<_>>(), ["ada", "bob"]);
        assert_eq!((users.users[&name("ada")].quota, users.users[&name("bob")].quota), (None, Some(7000)));
        assert_eq!(std::fs::metadata(&file).expect("there").mode() & 0o777, 0o600);
        let refused: Result<(), UserFileFault> = Users::edit(&file, |users| {
            users.users.clear();
            Err(UserFileFault("no".into()))
        });
        assert!(
            refused.is_err() && Users::load(&file).expect("good") == users,
            "a refused change changes nothing"
        );
    }

    #[test]
    fn many_editors_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        std::thread::scope(|scope| {
            for i in 0..8 {
                let file = &file;
                scope.spawn(move || (0..4).for_each(|k| add(file, &format!("u{i}.{k}"), i)));
            }
        });
        assert_eq!(Users::load(&file).expect("good").users.len(), 32);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        add(&file, "ada", 1);
        for mode in [0o640, 0o604, 0o620, 0o666] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("ours");
            assert!(Users::load(&file).expect_err("refused").0.contains("chmod 600"), "{mode:o}");
        }
        let link = folder.path().join("link.ron");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        assert!(Users::load(&link).expect_err("refused").0.contains("symbolic link"));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_and_never_panics() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        add(&file, "ada", 1);
        let text = std::fs::read_to_string(&file).expect("there");
        let end = text.rfind(')').expect("the last bracket");
        for cut in HEADER.len()..=end {
            assert!(Users::parse(&text[..cut]).is_err(), "cut at {cut}");
        }
        let line = text.lines().position(|line| line.contains("quota")).expect("there") + 1;
        let error = Users::parse(&text.replace("quota", "qouta")).expect_err("unknown");
        assert!(error.contains(&format!("line {line}")), "names the line: {error}");
        assert!(Users::parse(&text.replace("\"ada\"", "\"../x\"")).is_err());
        assert!(Users::parse(&"[".repeat(100_000)).is_err());
    }
}
