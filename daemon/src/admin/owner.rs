//! Whether the daemon's user gets at what is below its data folder. What was put there by hand, or restored from a backup, is often somebody else's.

use super::folders::shown;
use super::walk::{Part, TOO_DEEP, walk};
use crate::config::Config;
use ftp_proto::UserName;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// A user of this machine: the daemon's, for the data folder is its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Whose that is.
    pub(super) fn of(stat: &Stat) -> Self {
        Self { user: stat.st_uid, group: stat.st_gid }
    }

    /// A folder that nobody else gets into has to be the daemon's, and it has to be able to work in it.
    pub(super) fn owns(self, path: &Path, stat: &Stat) -> Result<(), String> {
        if self.is_root() {
            return Ok(());
        }
        let path = shown(path);
        let mode = stat.st_mode & 0o777;
        if stat.st_uid == self.user && mode & 0o700 != 0o700 {
            return Err(format!(
                "{path} has mode {mode:03o}, so the daemon cannot work in it; run chmod 700 on it"
            ));
        }
        if stat.st_uid == self.user {
            return Ok(());
        }
        let advice = self.advice(&path);
        Err(format!("{path} belongs to uid {}, so the daemon does not get in; {advice}", stat.st_uid))
    }

    /// At the first login everything in the home is counted, so that a directory that cannot be listed keeps its user out.
    pub(super) fn gets_into_all(self, config: &Config, user: &UserName) -> Result<(), String> {
        let home = config.users().join(user.as_str()).join("home");
        let (mut first, mut more) = (None, 0);
        let walked = walk(config, user, Part::Home, &mut |found| {
            if found.kind() != FileType::Directory || self.lists(found.stat) {
                return true;
            }
            match first {
                None => first = Some(home.join(found.path())),
                Some(_) => more += 1,
            }
            false
        });
        match walked {
            Ok(()) => {}
            Err(Errno::LOOP) => return Err(format!("{}: {TOO_DEEP}", shown(&home))),
            Err(error) => return Err(format!("{}: {}", shown(&home), io::Error::from(error))),
        }
        let Some(first) = first else { return Ok(()) };
        let more = if more == 0 { String::new() } else { format!(", nor can {more} more") };
        Err(format!(
            "{} cannot be listed by the daemon{more}, so nobody can log in as {user}; {}",
            shown(&first),
            self.advice(&shown(&home))
        ))
    }

    /// Listing takes the right to read and to look into.
    fn lists(self, dir: &Stat) -> bool {
        let bits = if dir.st_uid == self.user {
            0o500
        } else if dir.st_gid == self.group {
            0o050
        } else {
            0o005
        };
        self.is_root() || dir.st_mode & bits == bits
    }

    fn is_root(self) -> bool {
        self.user == 0
    }

    fn advice(self, path: &str) -> String {
        format!("run chown -R {}:{} and chmod -R u+rwX on {path}", self.user, self.group)
    }
}
