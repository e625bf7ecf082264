//! What a user holds, counted beside a running daemon: nothing is made, opened for writing or tidied up.
//!
//! It counts as `ftp_core::vfs::Home::survey` does, whose home cannot be used here: to open it tidies up what sessions may be working on.

use super::failure::Failure;
use super::size::show;
use crate::config::Config;
use ftp_proto::UserName;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::CString;
use std::os::fd::OwnedFd;

/// The sums of one user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Bytes of the files and of the unfinished uploads, as far as they are there.
    pub(super) bytes: u64,
    /// Files.
    pub(super) files: u64,
    /// Unfinished uploads.
    pub(super) parts: u64,
}

impl Usage {
    /// Counts; zeros if there is no folder.
    pub(super) fn of(config: &Config, user: &UserName) -> Result<Self, Failure> {
        let what = || Failure::during(format!("count what {user} has"));
        count(config, user).map_err(|error| match error {
            Errno::XDEV => Failure::failed(format!(
                "cannot count what {user} has: a part of it is a mount of its own; ftp-admin check says which"
            )),
            error => what()(error.into()),
        })
    }
}

impl std::fmt::Display for Usage {
    /// As `318 files (2.1 GiB)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.files == 1 { "" } else { "s" };
        write!(f, "{} file{plural} ({})", self.files, show(self.bytes))
    }
}

fn count(config: &Config, user: &UserName) -> Result<Usage, Errno> {
    let mut usage = Usage::default();
    let Some(users) = found(rustix::fs::open(config.users(), DIRECTORY, Mode::empty()))? else {
        return Ok(usage);
    };
    let below = |above: &OwnedFd, name: &str| found(open(above, name));
    let Some(folder) = below(&users, user.as_str())? else { return Ok(usage) };
    if let Some(home) = below(&folder, "home")? {
        count_home(home, &mut usage)?;
    }
    if let Some(parts) = below(&folder, "parts")? {
        let mut dir = Dir::read_from(&parts)?;
        while let Some((name, kind, size)) = next(&mut dir, &parts)? {
            if kind == FileType::RegularFile && name.to_bytes().ends_with(b".part") {
                usage.parts += 1;
                usage.bytes = usage.bytes.saturating_add(size);
            }
        }
    }
    Ok(usage)
}

/// Goes down before it goes on, so that it holds one folder open for each level.
fn count_home(home: OwnedFd, usage: &mut Usage) -> Result<(), Errno> {
    let mut levels = vec![(Dir::read_from(&home)?, home)];
    while let Some((dir, folder)) = levels.last_mut() {
        let Some((name, kind, size)) = next(dir, folder)? else {
            levels.pop();
            continue;
        };
        match kind {
            FileType::RegularFile => {
                usage.files += 1;
                usage.bytes = usage.bytes.saturating_add(size);
            }
            FileType::Directory => match open(folder, &*name) {
                Ok(below) => levels.push((Dir::read_from(&below)?, below)),
                // It is gone by now, or another file system is mounted there, which no client can reach.
                Err(Errno::NOENT | Errno::XDEV) => {}
                Err(error) => return Err(error),
            },
            _ => {}
        }
        if levels.len() > LEVELS {
            return Err(Errno::LOOP);
        }
    }
    Ok(())
}

/// Far deeper than any client makes them.
const LEVELS: usize = 2 * ftp_proto::limits::DEPTH;

/// The next entry that is still there: its name, what it is, and its size.
fn next(dir: &mut Dir, folder: &OwnedFd) -> Result<Option<(CString, FileType, u64)>, Errno> {
    while let Some(entry) = dir.read() {
        let name = entry?.file_name().to_owned();
        if &*name == c"." || &*name == c".." {
            continue;
        }
        if let Some(stat) = found(rustix::fs::statat(folder, &*name, AtFlags::SYMLINK_NOFOLLOW))? {
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            return Ok(Some((name, FileType::from_raw_mode(stat.st_mode), size)));
        }
    }
    Ok(None)
}

fn open(above: &OwnedFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = DIRECTORY | OFlags::NOFOLLOW;
    rustix::fs::openat2(above, name, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_XDEV)
}

/// What a running daemon took away in between is not there.
fn found<T>(result: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
