//! A user's folder: made, looked for, taken away. Never through a symbolic link.

use super::failure::Failure;
use crate::config::Config;
use ftp_proto::{Printable, UserName};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Makes `users/<name>/home` and `users/<name>/parts` with mode 0700, and what is missing above. As root they go to the owner of the data
/// folder, so that the daemon can use them. Returns whether `users/<name>` was not there before.
pub(super) fn make(config: &Config, user: &UserName) -> Result<bool, Failure> {
    let is_new = !is_there(config, user);
    let what = || Failure::during(format!("make the folders of {user} below {}", shown(&config.data)));
    make_all(config, user).map_err(|error| {
        if is_new {
            unmake(config, user);
        }
        what()(error.into())
    })?;
    Ok(is_new)
}

/// Takes away what [`make`] made, as far as nothing is in it.
pub(super) fn unmake(config: &Config, user: &UserName) {
    let folder = config.users().join(user.as_str());
    for path in [folder.join("home"), folder.join("parts"), folder] {
        // What is in use, or was not made, stays as it is.
        let _stays = std::fs::remove_dir(path);
    }
}

fn make_all(config: &Config, user: &UserName) -> Result<(), Errno> {
    match rustix::fs::mkdir(&config.data, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    let data = rustix::fs::open(&config.data, DIRECTORY, Mode::empty())?;
    let stat = rustix::fs::fstat(&data)?;
    let we_are_root = rustix::process::geteuid().is_root();
    let owner =
        (we_are_root && stat.st_uid != 0).then(|| (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid)));
    let users = make_one(&data, "users", owner)?;
    let folder = make_one(&users, user.as_str(), owner)?;
    for name in ["home", "parts"] {
        make_one(&folder, name, owner)?;
    }
    rustix::fs::fsync(&folder)?;
    rustix::fs::fsync(&users)
}

/// Opens a folder, making it if it is not there; only one that we made changes hands.
fn make_one(above: &OwnedFd, name: &str, owner: Option<(Uid, Gid)>) -> Result<OwnedFd, Errno> {
    let made = match rustix::fs::mkdirat(above, name, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error),
    };
    let folder = rustix::fs::openat(above, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
    if let (true, Some((user, group))) = (made, owner) {
        rustix::fs::fchown(&folder, Some(user), Some(group))?;
    }
    Ok(folder)
}

/// Deletes `users/<name>` and all in it, if it is there. It is renamed first, so that no account of that name can get the half of it.
pub(super) fn purge(config: &Config, user: &UserName, id: u64) -> Result<(), Failure> {
    let users = config.users();
    let folder = users.join(user.as_str());
    let doomed = users.join(format!(".purge-{user}-{id:016x}"));
    let what = format!("delete {} (what is left of it is {})", shown(&folder), shown(&doomed));
    let purged = || -> io::Result<()> {
        match std::fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => std::fs::rename(&folder, &doomed)?,
            Ok(_) => return Err(io::Error::other("it is not a folder; it was left alone")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        remove_all(&doomed)
    };
    purged().map_err(Failure::during(what))
}

/// A session that the daemon has not ended yet can still put something there; it does so within a second of the account's end.
fn remove_all(folder: &Path) -> io::Result<()> {
    let last = Instant::now() + Duration::from_secs(5);
    loop {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && Instant::now() < last => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(()),
        }
    }
}

/// Whether a folder of that user is there, perhaps from an account before.
pub(super) fn is_there(config: &Config, user: &UserName) -> bool {
    let folder = config.users().join(user.as_str());
    rustix::fs::statat(rustix::fs::CWD, &folder, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// A path for people: without the detours that a config takes, if it is there.
pub(super) fn shown(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Printable(&path.display().to_string()).to_string()
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
