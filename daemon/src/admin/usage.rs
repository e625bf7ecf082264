//! What a user holds. It counts as `ftp_core::vfs::Home::survey` does, whose home cannot be used here: to open it tidies up what sessions may be working on.

use super::failure::Failure;
use super::size::show;
use super::walk::{Part, TOO_DEEP, walk};
use crate::config::Config;
use ftp_proto::UserName;
use rustix::fs::FileType;
use rustix::io::Errno;

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
            Errno::LOOP => Failure::failed(format!("cannot count what {user} has: {TOO_DEEP}")),
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
    let mut add = |size| usage.bytes = usage.bytes.saturating_add(u64::try_from(size).unwrap_or(0));
    walk(config, user, Part::Home, &mut |found| {
        if found.kind() == FileType::RegularFile {
            usage.files += 1;
            add(found.stat.st_size);
        }
        true
    })?;
    walk(config, user, Part::Parts, &mut |found| {
        if found.kind() == FileType::RegularFile && found.name.to_bytes().ends_with(b".part") {
            usage.parts += 1;
            add(found.stat.st_size);
        }
        false
    })?;
    Ok(usage)
}
