//! Goes through what a user has, beside a running daemon: nothing is made, opened for writing or tidied up.

use crate::config::Config;
use ftp_proto::UserName;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// What of a user's folder is gone through.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// The files.
    Home,
    /// Unfinished uploads.
    Parts,
}

/// Opens one; none if it is not there.
fn open(config: &Config, user: &UserName, part: Part) -> Result<Option<OwnedFd>, Errno> {
    let Some(users) = there(rustix::fs::open(config.users(), DIRECTORY, Mode::empty()))? else {
        return Ok(None);
    };
    let Some(folder) = there(below(&users, user.as_str()))? else { return Ok(None) };
    let name = match part {
        Part::Home => "home",
        Part::Parts => "parts",
    };
    there(below(&folder, name))
}

/// An entry that is met.
pub(super) struct Found<'a> {
    /// The names of the directories that lead to it.
    above: &'a [CString],
    pub(super) name: &'a CStr,
    pub(super) stat: &'a Stat,
}

impl Found<'_> {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// From what is gone through.
    pub(super) fn path(&self) -> PathBuf {
        let names = self.above.iter().map(|name| &**name).chain([self.name]);
        names.map(|name| OsStr::from_bytes(name.to_bytes())).collect()
    }
}

/// Shows `see` all that is in a part of a user's folder, if that is there; it says whether a directory is gone into. It goes down before it goes on, so that it holds one folder open for each level.
///
/// # Errors
/// Something cannot be read, or the tree is too deep, which is [`Errno::LOOP`].
pub(super) fn walk(
    config: &Config,
    user: &UserName,
    part: Part,
    see: &mut dyn FnMut(&Found<'_>) -> bool,
) -> Result<(), Errno> {
    let Some(top) = open(config, user, part)? else { return Ok(()) };
    let (mut names, mut levels) = (Vec::new(), vec![(Dir::read_from(&top)?, top)]);
    while let Some((dir, folder)) = levels.last_mut() {
        let Some((name, stat)) = next(dir, folder)? else {
            levels.pop();
            names.pop();
            continue;
        };
        let found = Found { above: &names, name: &name, stat: &stat };
        let is_dir = found.kind() == FileType::Directory;
        // Something else is mounted there, which no client can reach.
        let is_mount =
            is_dir && open_as(OFlags::PATH, folder, &*name).is_err_and(|error| error == Errno::XDEV);
        if is_mount || !see(&found) || !is_dir {
            continue;
        }
        if names.len() >= LEVELS {
            return Err(Errno::LOOP);
        }
        match below(folder, &*name) {
            Ok(below) => {
                levels.push((Dir::read_from(&below)?, below));
                names.push(name);
            }
            // It is gone by now, or was mounted in this moment.
            Err(Errno::NOENT | Errno::XDEV) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Far deeper than any client makes them: where the daemon stops counting, too.
const LEVELS: usize = 2 * ftp_proto::limits::DEPTH;
/// What [`Errno::LOOP`] means here.
pub(super) const TOO_DEEP: &str = "directories are nested more than 128 deep; move the deepest away";
const _: () = assert!(LEVELS == 128, "as the text says");

/// The next entry that is still there.
fn next(dir: &mut Dir, folder: &OwnedFd) -> Result<Option<(CString, Stat)>, Errno> {
    while let Some(entry) = dir.read() {
        let name = entry?.file_name().to_owned();
        if &*name == c"." || &*name == c".." {
            continue;
        }
        if let Some(stat) = there(rustix::fs::statat(folder, &*name, AtFlags::SYMLINK_NOFOLLOW))? {
            return Ok(Some((name, stat)));
        }
    }
    Ok(None)
}

fn below(above: &OwnedFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    open_as(OFlags::RDONLY, above, name)
}

/// Opens a directory of this file system. With `PATH` it does not have to be readable.
fn open_as(how: OFlags, above: &OwnedFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = how | DIRECTORY | OFlags::NOFOLLOW;
    rustix::fs::openat2(above, name, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_XDEV)
}

/// What a running daemon took away in between is not there.
fn there<T>(result: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
