#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests race, wait and make sockets")]
mod changes;
mod jail;
mod listing;
mod parts;
mod race;

use super::*;
use ftp_proto::limits::{MESSAGE, PAGE_ENTRIES};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Longer than the step of the clock that stamps files.
const TICK: Duration = Duration::from_millis(25);

/// A user's folder beside a folder that is not the user's.
struct Ground {
    dir: TempDir,
    home: Arc<Home>,
}

impl Ground {
    fn new() -> Self {
        let dir = TempDir::new().expect("a folder");
        fs::create_dir_all(dir.path().join("outside/dir")).expect("made");
        fs::write(dir.path().join("outside/file"), "secret").expect("written");
        fs::write(dir.path().join("outside/dir/file"), "secret").expect("written");
        let home = Arc::new(open(dir.path(), "ada").expect("a home"));
        Self { dir, home }
    }

    fn reopen(&self) -> Home {
        open(self.dir.path(), "ada").expect("a home")
    }

    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    /// A name of the home as everyone else sees it.
    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join("ada/home").join(name)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.dir.path().join("ada/parts").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).expect("written");
    }

    fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.at(name)).expect("made");
    }

    fn read(&self, name: &str) -> Result<String, Fault> {
        let (file, facts) = self.home.open_read(&path(name))?;
        let mut bytes = vec![0; usize::try_from(facts.size).expect("small")];
        file.read_exact_at(&mut bytes, 0).expect("read");
        Ok(String::from_utf8(bytes).expect("text"))
    }

    /// Puts a new file of three bytes in place.
    fn publish(&self, name: &str) -> Result<Option<u64>, Fault> {
        self.home.remove_part("new")?;
        let part = self.home.open_part("new", true)?.expect("made");
        part.write_all_at(b"new", 0).expect("written");
        let (replaced, synced) = self.home.publish("new", &path(name))?;
        synced.map(|()| replaced)
    }

    fn etag(&self, name: &str) -> Etag {
        self.home.stat(&path(name)).expect("there").etag.expect("a file")
    }
}

fn open(users: &Path, name: &str) -> Result<Home, Fault> {
    Home::open(&Jail::new(users.to_owned()), &UserName::new(name).expect("a good name"), Durability::Fast)
}

fn path(text: &str) -> VirtualPath {
    VirtualPath::new(text).expect("a good path")
}

fn code<T>(result: Result<T, Fault>) -> Option<Code> {
    result.err().map(|fault| fault.refusal().code)
}

/// Everything below a folder, byte for byte, links unfollowed.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let kind = fs::symlink_metadata(&path).expect("there").file_type();
        if kind.is_dir() {
            found.extend(snapshot(&path));
        }
        let what = match () {
            () if kind.is_file() => fs::read(&path).expect("readable"),
            () if kind.is_symlink() => {
                fs::read_link(&path).expect("a link").into_os_string().as_bytes().to_vec()
            }
            () => Vec::new(),
        };
        found.insert(path, what);
    }
    found
}

fn names(home: &Home, at: &str) -> Vec<String> {
    let (mut names, mut next) = (Vec::new(), Some(home.list(&path(at)).expect("a directory")));
    while let Some(lister) = next {
        let (page, more) = lister.page().expect("readable");
        assert!(page.entries.len() <= PAGE_ENTRIES);
        assert!(serde_json::to_vec(&page).expect("JSON").len() + 64 <= MESSAGE, "a page fits a message");
        names.extend(page.entries.into_iter().filter_map(|entry| entry.name).map(String::from));
        next = more;
    }
    names.sort();
    names
}

/// A file system of its own, small enough to be filled; gone when dropped.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts it over an empty folder; none, with the reason printed, where that is not allowed.
    pub(crate) fn mount(at: &Path, bytes: u64) -> Option<Self> {
        let options = format!("size={bytes},mode=0700");
        let run = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        match run {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            Ok(output) => {
                println!("skipped: cannot mount a tmpfs: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: no mount command: {error}");
                None
            }
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _gone_with_the_machine = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
