//! Changing the file beside a running daemon: one writer at a time, and a reader finds the old file or the new.

use super::{FILE_BYTES, USERS, UserFileFault, Users, folder_of, record};
use rustix::fs::{AtFlags, FlockOperation, Gid, Mode, OFlags, Uid};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

impl Users {
    /// Changes the accounts under an exclusive lock (on `<file>.lock`) and puts the new file in place of the old one durably and at once. When
    /// `change` fails or changes nothing, nothing is written.
    ///
    /// The new file has mode 0600 from its first byte. When we are root it belongs to the owner of its folder, so that the daemon can read it.
    ///
    /// # Errors
    /// That of `change`, or what is wrong with the file or its folder.
    pub fn edit<T, E: From<UserFileFault>>(
        file: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let fault = |(what, error): (&str, io::Error)| UserFileFault::new(file, &format!("{what}: {error}"));
        let place = Place::lock(file).map_err(fault)?;
        let before = Self::load(file)?;
        let mut users = before.clone();
        let told = change(&mut users)?;
        if users != before {
            let text = users.to_text(file)?;
            place.replace(text.as_bytes()).map_err(fault)?;
        }
        Ok(told)
    }

    /// Spells the accounts for `file`, as [`Users::parse`] reads them.
    ///
    /// # Errors
    /// They are more than a daemon takes.
    pub fn to_text(&self, file: &Path) -> Result<String, UserFileFault> {
        let text = record::to_text(self)
            .map_err(|error| UserFileFault::new(file, &format!("it cannot be written: {error}")))?;
        if self.users.len() > USERS || text.len() as u64 > FILE_BYTES {
            return Err(UserFileFault::new(
                file,
                &format!("it is full: a daemon takes {USERS} accounts; nothing was changed"),
            ));
        }
        Ok(text)
    }
}

/// The folder of the user file, held open, with the lock on the file.
struct Place {
    folder: OwnedFd,
    name: OsString,
    /// Who should own new files, if not us.
    owner: Option<(Uid, Gid)>,
    _lock: File,
}

impl Place {
    fn lock(file: &Path) -> Result<Self, (&'static str, io::Error)> {
        let name = file
            .file_name()
            .ok_or_else(|| ("not the name of a file", io::ErrorKind::InvalidInput.into()))?
            .to_owned();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder_of(file), flags, Mode::empty())
            .map_err(during("its folder cannot be opened"))?;
        let stat = rustix::fs::fstat(&folder).map_err(during("its folder cannot be looked at"))?;
        let we_are_root = rustix::process::geteuid().is_root();
        let owner = (we_are_root && stat.st_uid != 0)
            .then(|| (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid)));
        let lock = create(&folder, &suffixed(&name, ".lock"), OFlags::empty(), owner)
            .map_err(during("its lock cannot be made"))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(during("it cannot be locked"))?;
        Ok(Self { folder, name, owner, _lock: lock })
    }

    fn replace(&self, bytes: &[u8]) -> Result<(), (&'static str, io::Error)> {
        let new = suffixed(&self.name, ".new");
        // What an earlier run left when it was killed; only the holder of the lock may be here.
        match rustix::fs::unlinkat(&self.folder, &new, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(during("a leftover of an earlier change cannot be removed")(error)),
        }
        let mut file = create(&self.folder, &new, OFlags::EXCL, self.owner)
            .map_err(during("the new file cannot be made"))?;
        let placed = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| ("the new file cannot be written, and the old one stays", error))
            .and_then(|()| {
                rustix::fs::renameat(&self.folder, &new, &self.folder, &self.name)
                    .map_err(during("the new file cannot be put in place"))
            });
        if placed.is_err() {
            // Half of a file helps nobody, and takes room on a full disk.
            let _stays = rustix::fs::unlinkat(&self.folder, &new, AtFlags::empty());
        }
        placed?;
        rustix::fs::fsync(&self.folder)
            .map_err(during("the new file is in place but may not survive a power cut"))
    }
}

fn create(
    folder: &OwnedFd,
    name: &OsStr,
    flags: OFlags,
    owner: Option<(Uid, Gid)>,
) -> rustix::io::Result<File> {
    let flags = flags | OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    if let Some((user, group)) = owner {
        rustix::fs::fchown(&file, Some(user), Some(group))?;
    }
    Ok(file.into())
}

fn suffixed(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}

fn during(what: &'static str) -> impl Fn(rustix::io::Errno) -> (&'static str, io::Error) {
    move |error| (what, error.into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{name, user};
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    fn add(file: &Path, who: &str) -> Result<(), UserFileFault> {
        Users::edit(file, |users| {
            users.users.insert(name(who), user(1, None));
            Ok(())
        })
    }

    #[test]
    fn a_change_is_there_for_the_next_reader_with_mode_0600_and_no_leftovers() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        add(&file, "alice").expect("added");
        std::fs::write(folder.path().join("users.ron.new"), "half of a").expect("what a killed run left");
        add(&file, "bob").expect("added");
        let users = Users::load(&file).expect("loaded");
        assert_eq!(users.users.keys().map(ftp_proto::UserName::as_str).collect::<Vec<_>>(), ["alice", "bob"]);
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).expect("list").map(|entry| entry.expect("entry")).collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        assert_eq!(
            names.iter().map(std::fs::DirEntry::file_name).collect::<Vec<_>>(),
            ["users.ron", "users.ron.lock"]
        );
        assert!(
            names.iter().all(|entry| entry.metadata().expect("stat").permissions().mode() & 0o7777 == 0o600)
        );
    }

    #[test]
    fn a_change_that_fails_or_changes_nothing_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        add(&file, "alice").expect("added");
        let inode = || std::fs::metadata(&file).expect("stat").ino();
        let before = (inode(), std::fs::read(&file).expect("read"));
        Users::edit(&file, |users| {
            users.users.clear();
            Err::<(), _>(UserFileFault("no".into()))
        })
        .expect_err("it failed");
        Users::edit(&file, |_| Ok::<_, UserFileFault>(())).expect("nothing");
        assert_eq!((inode(), std::fs::read(&file).expect("read")), before);
    }

    #[test]
    fn a_damaged_file_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        add(&file, "alice").expect("added");
        std::fs::write(&file, "(version: 1, users: {").expect("damaged");
        add(&file, "bob").expect_err("it is damaged");
        assert_eq!(std::fs::read_to_string(&file).expect("read"), "(version: 1, users: {");
    }

    #[test]
    fn writers_at_once_lose_nothing_and_readers_never_see_half() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ron");
        add(&file, "first").expect("added");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    (0..10).for_each(|n| add(file, &format!("u{writer}-{n}")).expect("added"))
                });
            }
            for _ in 0..200 {
                assert!(!Users::load(&file).expect("whole").users.is_empty());
            }
        });
        assert_eq!(Users::load(&file).expect("loaded").users.len(), 41);
    }

    #[test]
    fn no_link_in_the_place_of_a_file_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, other) = (folder.path().join("users.ron"), folder.path().join("other"));
        std::fs::write(&other, "not ours").expect("written");
        let link = |name: &str| {
            std::os::unix::fs::symlink(&other, folder.path().join(name)).expect("a link");
        };
        link("users.ron.new");
        add(&file, "alice").expect("what a killed run left is removed, whatever it is");
        std::fs::remove_file(folder.path().join("users.ron.lock")).expect("there");
        link("users.ron.lock");
        add(&file, "bob").expect_err("a lock that is elsewhere");
        std::fs::remove_file(folder.path().join("users.ron.lock")).expect("there");
        std::fs::remove_file(&file).expect("there");
        link("users.ron");
        add(&file, "bob").expect_err("a user file that is elsewhere");
        assert_eq!(std::fs::read(&other).expect("there"), b"not ours");
        assert!(std::fs::symlink_metadata(&file).expect("there").is_symlink(), "nothing was changed");
    }

    #[test]
    fn root_leaves_the_file_to_the_owner_of_the_folder() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::chown(folder.path(), Some(4711), Some(4712)).expect("chown");
        let file = folder.path().join("users.ron");
        add(&file, "alice").expect("added");
        add(&file, "bob").expect("root can still read it");
        for name in ["users.ron", "users.ron.lock"] {
            let stat = std::fs::metadata(folder.path().join(name)).expect("stat");
            assert_eq!((stat.uid(), stat.gid()), (4711, 4712), "{name}");
        }
    }
}
