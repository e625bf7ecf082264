#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests race, wait and make sockets")]
use super::*;
use crate::transfer::part_id;
use ftp_proto::limits::{MESSAGE, PAGE_ENTRIES};
use ftp_proto::sidecar::Sidecar;
use rustix::fs::{CWD, FileType, Mode, RenameFlags, Timespec, Timestamps};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};
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

#[test]
fn no_text_leads_above_the_root() {
    let ground = Ground::new();
    for text in ["/..", "/../outside/file", "/a/../../outside/file", "/./../outside", "/a/b/../../../outside"]
    {
        assert!(VirtualPath::new(text).is_err(), "{text}");
    }
    for op in [Home::mkdir, Home::rmdir] {
        assert_eq!(code(op(&ground.home, &VirtualPath::root())), Some(Code::NameRefused));
    }
    assert_eq!(code(ground.home.rm(&VirtualPath::root())), Some(Code::NameRefused));
    assert_eq!(code(ground.home.open_read(&VirtualPath::root())), Some(Code::NameRefused));
    assert_eq!(code(ground.home.expect_target(&VirtualPath::root())), Some(Code::IsADirectory));
    let root = ground.home.stat(&VirtualPath::root()).expect("there");
    assert_eq!((root.name, root.kind, root.etag), (None, Kind::Dir, None));
    assert!(ground.reopen().stat(&path("/outside")).is_err());
}

/// What no request may do with a name that is a link, or a device, a FIFO, a socket.
fn assert_untouchable(ground: &Ground, name: &str) {
    let home = &ground.home;
    let at = path(name);
    let stat = home.stat(&at).expect("it can be looked at");
    assert_eq!((stat.kind, stat.size, stat.etag), (Kind::Other, 0, None), "{name}");
    assert_eq!(code(home.open_read(&at)), Some(Code::NameRefused), "{name}");
    assert_eq!(code(home.list(&at)), Some(Code::NotADirectory), "{name}");
    assert_eq!(code(home.mkdir(&at)), Some(Code::Exists), "{name}");
    assert_eq!(code(home.rmdir(&at)), Some(Code::NotADirectory), "{name}");
    assert_eq!(code(home.rm(&at)), Some(Code::NameRefused), "{name}");
    assert_eq!(code(home.rename(&at, &path("/elsewhere"), true)), Some(Code::NameRefused), "{name}");
    assert_eq!(code(home.rename(&path("/mine"), &at, true)), Some(Code::Exists), "{name}");
    assert_eq!(code(home.expect_target(&at)), Some(Code::NameRefused), "{name}");
    assert_eq!(code(ground.publish(name)), Some(Code::NameRefused), "{name}");
}

/// What no request may do through a name that is not a directory.
fn assert_impassable(ground: &Ground, name: &str) {
    let home = &ground.home;
    let at = path(name);
    let codes = [
        code(home.stat(&at)),
        code(home.open_read(&at)),
        code(home.list(&at)),
        code(home.mkdir(&at)),
        code(home.rmdir(&at)),
        code(home.rm(&at)),
        code(home.rename(&at, &path("/elsewhere"), true)),
        code(home.rename(&path("/mine"), &at, true)),
        code(home.expect_target(&at)),
        code(ground.publish(name)),
    ];
    for (index, code) in codes.iter().enumerate() {
        assert!(matches!(code, Some(Code::NameRefused | Code::NotADirectory)), "{name} {index}: {code:?}");
    }
}

#[test]
fn links_are_not_followed_wherever_they_stand_and_wherever_they_lead() {
    let ground = Ground::new();
    ground.mkdir("real/dir");
    ground.mkdir("a/b");
    for name in ["mine", "real/file", "real/dir/file"] {
        ground.write(name, "inside");
    }
    let outside = ground.outside();
    let targets: Vec<PathBuf> = vec![
        outside.clone(),
        outside.join("file"),
        "../../outside".into(),
        "../../../../outside".into(),
        "real".into(),
        "../../real".into(),
        "real/file".into(),
        ground.at("real"),
        "..".into(),
        ".".into(),
        "/".into(),
        "/proc/self/root".into(),
        "/proc/self/cwd".into(),
        "nowhere".into(),
        "link".into(),
    ];
    for target in targets {
        for place in ["link", "a/link", "a/b/link"] {
            symlink(&target, ground.at(place)).expect("a link");
            let before = (snapshot(&outside), snapshot(&ground.at("")));
            assert_untouchable(&ground, &format!("/{place}"));
            for below in ["file", "dir", "dir/file", "new", "outside/file", "ada/home/mine", "dir/new"] {
                assert_impassable(&ground, &format!("/{place}/{below}"));
            }
            assert!(
                before == (snapshot(&outside), snapshot(&ground.at(""))),
                "{place} -> {} changed something",
                target.display()
            );
            fs::remove_file(ground.at(place)).expect("removed");
        }
    }
    // The same requests do work where no link is in the way.
    assert_eq!(ground.read("/real/dir/file").expect("there"), "inside");
    assert_eq!(ground.publish("/real/dir/file").expect("replaced"), Some(6));
}

/// Runs `work` and fails, rather than hangs, if it blocks.
fn within_seconds(work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        work();
        done.send(()).expect("heard");
    });
    match ended.recv_timeout(Duration::from_secs(20)) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => worker.join().expect("it holds"),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a request blocks"),
    }
}

#[test]
fn fifos_sockets_and_devices_can_be_listed_and_nothing_else() {
    let ground = Ground::new();
    ground.write("mine", "inside");
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(CWD, ground.at("fifo"), FileType::Fifo, mode, 0).expect("a FIFO");
    let _socket = std::os::unix::net::UnixListener::bind(ground.at("socket")).expect("a socket");
    let mut others = vec!["fifo", "socket"];
    let null = rustix::fs::makedev(1, 3);
    match rustix::fs::mknodat(CWD, ground.at("null"), FileType::CharacterDevice, mode, null) {
        Ok(()) => others.push("null"),
        Err(error) => println!("without a device: {error}"),
    }
    within_seconds(move || {
        for other in &others {
            assert_untouchable(&ground, &format!("/{other}"));
            assert_impassable(&ground, &format!("/{other}/below"));
        }
        assert_eq!(names(&ground.home, "/").len(), others.len() + 1);
        assert_eq!(ground.reopen().survey().expect("counted").files, 1);
    });
}

#[test]
fn a_file_with_another_name_somewhere_is_left_alone() {
    let ground = Ground::new();
    ground.write("mine", "inside");
    fs::hard_link(ground.outside().join("file"), ground.at("theirs")).expect("linked");
    let theirs = path("/theirs");
    assert_eq!(code(ground.home.open_read(&theirs)), Some(Code::NameRefused));
    assert_eq!(code(ground.home.rm(&theirs)), Some(Code::NameRefused));
    assert_eq!(code(ground.home.rename(&theirs, &path("/x"), true)), Some(Code::NameRefused));
    assert_eq!(code(ground.home.rename(&path("/mine"), &theirs, true)), Some(Code::Exists));
    assert_eq!(code(ground.home.expect_target(&theirs)), Some(Code::NameRefused));
    assert_eq!(code(ground.publish("/theirs")), Some(Code::NameRefused));
    assert_eq!(fs::read(ground.outside().join("file")).expect("there"), b"secret");
    fs::remove_file(ground.outside().join("file")).expect("removed");
    assert_eq!(ground.read("/theirs").expect("the only name now"), "secret");
}

#[test]
fn another_file_system_is_not_entered() {
    let ground = Ground::new();
    ground.mkdir("disk");
    ground.write("mine", "inside");
    let Some(_mounted) = Tmpfs::mount(&ground.at("disk"), 1 << 20) else { return };
    ground.write("disk/file", "secret");
    ground.mkdir("disk/dir");
    for name in ["/disk/file", "/disk/dir", "/disk/dir/x"] {
        assert_eq!(code(ground.read(name)), Some(Code::NameRefused), "{name}");
        assert_eq!(code(ground.home.stat(&path(name))), Some(Code::NameRefused), "{name}");
        assert_eq!(code(ground.publish(name)), Some(Code::NameRefused), "{name}");
    }
    assert_eq!(code(ground.home.list(&path("/disk"))), Some(Code::NameRefused));
    let survey = ground.home.survey().expect("counted");
    assert_eq!((survey.files, survey.entries, survey.bytes), (1, 2, 6), "what nobody can reach is nobody's");
}

/// Swaps two names for as long as it lives.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapper {
    fn start(one: PathBuf, other: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).expect("swapped");
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn race_swap_of_a_directory_and_a_link_never_lets_a_byte_out() {
    let ground = Ground::new();
    ground.mkdir("d/dir");
    ground.write("d/file", "inside");
    ground.write("d/dir/file", "inside");
    symlink(ground.outside(), ground.at("link")).expect("a link");
    let before = snapshot(&ground.outside());
    let swapper = Swapper::start(ground.at("d"), ground.at("link"));

    let (mut inside, mut refused) = (0, 0);
    for _ in 0..20_000 {
        for name in ["/d/file", "/d/dir/file"] {
            match ground.read(name) {
                Ok(text) => {
                    assert_eq!(text, "inside");
                    inside += 1;
                }
                Err(fault) => {
                    let code = fault.refusal().code;
                    assert!(matches!(code, Code::NameRefused | Code::NotADirectory), "{fault}");
                    refused += 1;
                }
            }
        }
    }
    assert!(inside > 0 && refused > 0, "both sides of the swap were met: {inside} and {refused}");
    let (mut made, mut refused) = (0, 0);
    for turn in 0..3_000 {
        let deep = ["/d", "/d/dir"][turn % 2];
        let results = [
            ground.publish(&format!("{deep}/up")).is_ok(),
            ground.home.mkdir(&path(&format!("{deep}/made"))).is_ok(),
            ground.home.rename(&path(&format!("{deep}/up")), &path(&format!("{deep}/up2")), true).is_ok(),
            ground.home.rm(&path(&format!("{deep}/up2"))).is_ok(),
            ground.home.rmdir(&path(&format!("{deep}/made"))).is_ok(),
        ];
        made += results.iter().filter(|done| **done).count();
        refused += results.iter().filter(|done| !**done).count();
    }
    assert!(made > 0 && refused > 0, "both sides of the swap were met: {made} and {refused}");
    assert!(snapshot(&ground.outside()) == before, "nothing outside was changed");

    // The same race against plain calls is lost: what was held above is no accident.
    let mut out = (false, false);
    for turn in 0..2_000_000 {
        out.0 |= fs::read(ground.at("d/file")).is_ok_and(|bytes| bytes == b"secret");
        out.1 |= fs::write(ground.at(&format!("d/naive{}", turn % 7)), "out").is_ok()
            && ground.outside().join(format!("naive{}", turn % 7)).exists();
        if out == (true, true) {
            break;
        }
    }
    assert_eq!(out, (true, true), "plain calls read and write outside");
    drop(swapper);
}

#[test]
fn only_an_empty_directory_can_be_removed() {
    let ground = Ground::new();
    let home = &ground.home;
    home.mkdir(&path("/d")).expect("made");
    assert_eq!(code(home.mkdir(&path("/d"))), Some(Code::Exists));
    assert_eq!(code(home.mkdir(&path("/x/y"))), Some(Code::NotFound));
    ground.write("d/file", "abc");
    assert_eq!(code(home.mkdir(&path("/d/file"))), Some(Code::Exists));
    assert_eq!(code(home.mkdir(&path("/d/file/x"))), Some(Code::NotADirectory));
    assert_eq!(code(home.rmdir(&path("/d"))), Some(Code::NotEmpty));
    assert_eq!(code(home.rmdir(&path("/d/file"))), Some(Code::NotADirectory));
    assert_eq!(code(home.rm(&path("/d"))), Some(Code::IsADirectory));
    assert_eq!(code(home.rm(&path("/d/none"))), Some(Code::NotFound));
    assert_eq!(home.rm(&path("/d/file")).expect("removed"), 3);
    home.rmdir(&path("/d")).expect("empty now");
    assert_eq!(code(home.rmdir(&path("/d"))), Some(Code::NotFound));
    assert_eq!(names(home, "/"), [""; 0]);
}

#[test]
fn a_rename_replaces_only_a_file_and_only_if_asked() {
    let ground = Ground::new();
    ground.write("a", "aaa");
    ground.write("b", "bbbbb");
    ground.mkdir("d");
    ground.mkdir("e/below");
    let rename = |from: &str, to: &str, replace| ground.home.rename(&path(from), &path(to), replace);
    let before = snapshot(&ground.at(""));
    let refused = [
        ("/a", "/b", false, Code::Exists),
        ("/a", "/d", true, Code::Exists),
        ("/d", "/b", true, Code::Exists),
        ("/e", "/d", true, Code::Exists),
        ("/e", "/e/below/x", true, Code::NameRefused),
        ("/e", "/e/below", true, Code::NameRefused),
        ("/none", "/x", true, Code::NotFound),
        ("/none", "/none", true, Code::NotFound),
        ("/a", "/none/x", true, Code::NotFound),
        ("/a", "/b/x", true, Code::NotADirectory),
        ("/b/x", "/a", true, Code::NotADirectory),
        ("/", "/x", true, Code::NameRefused),
        ("/a", "/", true, Code::NameRefused),
    ];
    for (from, to, replace, want) in refused {
        assert_eq!(code(rename(from, to, replace)), Some(want), "{from} {to} {replace}");
    }
    assert_eq!(rename("/a", "/a", true).expect("nothing to do").replaced, None);
    assert!(snapshot(&ground.at("")) == before, "a refused rename changes nothing");
    assert_eq!(rename("/a", "/b", true).expect("replaced").replaced, Some(5));
    assert_eq!(ground.read("/b").expect("there"), "aaa");
    assert_eq!(rename("/b", "/e/below/c", false).expect("free").replaced, None);
    assert_eq!(rename("/e", "/d/e", false).expect("free").replaced, None);
    assert_eq!(ground.read("/d/e/below/c").expect("there"), "aaa");
}

#[test]
fn no_rename_makes_a_path_too_deep_to_name() {
    let ground = Ground::new();
    // Below /deep are 60 levels of directories; a file in the last has 62 names.
    ground.mkdir(&format!("deep{}", "/d".repeat(60)));
    ground.mkdir("x/y/z");
    let moved = |to: &str| code(ground.home.rename(&path("/deep"), &path(to), false));
    assert_eq!(moved("/x/y/z/deep"), Some(Code::NameRefused));
    assert_eq!(moved("/x/y/deep"), None);
    let bottom = format!("/x/y/deep{}", "/d".repeat(60));
    ground.publish(&format!("{bottom}/file")).expect("the deepest file");
    assert_eq!(names(&ground.home, &bottom), ["file"]);
}

#[test]
fn a_published_file_takes_the_place_of_another_in_one_step() {
    let ground = Ground::new();
    ground.mkdir("d");
    assert_eq!(ground.publish("/file").expect("new"), None);
    ground.write("file", "longer");
    let (old, _) = ground.home.open_read(&path("/file")).expect("there");
    assert_eq!(ground.publish("/file").expect("replaced"), Some(6));
    assert_eq!(ground.read("/file").expect("there"), "new");
    let mut bytes = [0; 6];
    old.read_exact_at(&mut bytes, 0).expect("a reader keeps its version");
    assert_eq!(&bytes, b"longer");
    assert_eq!(code(ground.publish("/d")), Some(Code::IsADirectory));
    assert_eq!(code(ground.publish("/none/file")), Some(Code::NotFound));
    assert_eq!(code(ground.publish("/file/x")), Some(Code::NotADirectory));
    assert!(ground.part("new").exists(), "what could not be put in place is still there");
}

#[test]
fn an_etag_names_one_version() {
    let ground = Ground::new();
    ground.write("file", "one");
    let same_time = |seconds| {
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let file = File::open(ground.at("file")).expect("there");
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::futimens(&file, &times).expect("set");
    };
    same_time(1_000_000_000);
    let mut seen = vec![ground.etag("/file")];
    assert_eq!(ground.etag("/file"), seen[0], "looking does not change it");
    ground.read("/file").expect("there");
    assert_eq!(ground.etag("/file"), seen[0], "reading does not change it");
    let mut next = |what: &str, change: &dyn Fn()| {
        std::thread::sleep(TICK);
        change();
        let etag = ground.etag("/file");
        assert!(!seen.contains(&etag), "{what}");
        seen.push(etag);
    };
    next("changed in place, with the same size and the old time set again", &|| {
        ground.write("file", "two");
        same_time(1_000_000_000);
    });
    next("another time", &|| same_time(1_000_000_001));
    next("longer", &|| {
        ground.write("file", "four");
        same_time(1_000_000_001);
    });
    next("replaced by a file like it", &|| {
        ground.write("copy", "four");
        fs::rename(ground.at("copy"), ground.at("file")).expect("renamed");
        same_time(1_000_000_001);
    });
}

#[test]
fn names_that_no_request_could_say_are_counted_but_not_listed() {
    let ground = Ground::new();
    let long = "é".repeat(127);
    let listed = ["plain", "two words", "…", ".hidden", "...", "back\\slash", "\u{202e}turned", &long];
    for name in listed {
        ground.write(name, "x");
    }
    let odd: [&[u8]; 7] =
        [b"new\nline", b"bell\x07", b"\x1b[2J", b"del\x7f", b"\xff\xfe", b"half\xc3", "c1\u{85}".as_bytes()];
    for name in odd {
        fs::write(ground.at("").join(OsStr::from_bytes(name)), "x").expect("written");
    }
    let mut want = listed.map(str::to_owned);
    want.sort();
    assert_eq!(names(&ground.home, "/"), want);
    let survey = ground.home.survey().expect("counted");
    assert_eq!((survey.files, survey.entries, survey.bytes), (15, 15, 15));
    for name in listed {
        assert_eq!(ground.read(&format!("/{name}")).expect("every listed name can be asked for"), "x");
    }
}

#[test]
fn a_long_listing_comes_whole_in_pages_that_fit() {
    let ground = Ground::new();
    let mut want = Vec::new();
    for index in 0..2 * PAGE_ENTRIES + 5 {
        // A quotation mark takes two bytes in JSON, so these do not fit 256 to a page.
        let name = format!("{index:03}{}", "\"".repeat(if index % 2 == 0 { 250 } else { 0 }));
        ground.write(&name, "");
        want.push(name);
    }
    want.sort();
    assert_eq!(names(&ground.home, "/"), want);
    let (page, more) = ground.home.list(&path("/")).expect("there").page().expect("read");
    assert!(page.entries.len() < PAGE_ENTRIES && more.is_some(), "the bytes bound it");
    assert_eq!(code(ground.home.list(&path("/000"))), Some(Code::NotFound));
    assert_eq!(code(ground.home.list(&path("/001"))), Some(Code::NotADirectory));
    ground.mkdir("empty");
    assert_eq!(names(&ground.home, "/empty"), [""; 0]);
}

#[test]
fn an_open_directory_stays_itself_when_another_takes_its_name() {
    let ground = Ground::new();
    ground.mkdir("d");
    ground.write("d/old", "old");
    let listing = ground.home.list(&path("/d")).expect("there");
    fs::rename(ground.at("d"), ground.at("moved")).expect("moved");
    symlink(ground.outside(), ground.at("d")).expect("a link");
    let (page, _) = listing.page().expect("read");
    assert_eq!(page.entries.len(), 1);
    assert_eq!(page.entries[0].name.as_ref().map(Name::as_str), Some("old"));
    assert_eq!(code(ground.read("/d/file")), Some(Code::NotADirectory));
    fs::remove_file(ground.at("d")).expect("removed");
    ground.mkdir("d");
    ground.write("d/new", "new");
    assert_eq!(names(&ground.home, "/d"), ["new"]);

    // The same for the home itself.
    let home = ground.dir.path().join("ada/home");
    fs::rename(&home, ground.dir.path().join("ada/away")).expect("moved");
    symlink(ground.outside(), &home).expect("a link");
    assert_eq!(names(&ground.home, "/"), ["d", "moved"]);
    assert_eq!(ground.read("/d/new").expect("there"), "new");
    assert!(open(ground.dir.path(), "ada").is_err(), "no home through a link");
    symlink(ground.dir.path().join("ada"), ground.dir.path().join("eve")).expect("a link");
    assert!(open(ground.dir.path(), "eve").is_err(), "no folder through a link");
}

/// Leaves an unfinished upload as a daemon that was killed does.
fn leave(ground: &Ground, at: &str, id: Etag, have: usize, age: Duration) {
    let head = Sidecar { path: at.to_owned(), size: 1000, mtime: 5, etag: None }.encode();
    fs::write(ground.part(&format!("{id}.cv")), head).expect("written");
    fs::write(ground.part(&format!("{id}.part")), vec![1; have]).expect("written");
    let time = SystemTime::now() - age;
    for end in ["part", "cv"] {
        let file = File::options().write(true).open(ground.part(&format!("{id}.{end}"))).expect("there");
        file.set_modified(time).expect("set");
    }
}

#[test]
fn only_parts_that_can_be_gone_on_with_outlive_a_restart() {
    let day = Duration::from_secs(24 * 3600);
    let ground = Ground::new();
    let id = |at: &str| part_id(&path(at));
    for (at, age) in [("/kept", day), ("/week", day * 7 - day / 2), ("/old", day * 8)] {
        leave(&ground, at, id(at), 300, age);
    }
    leave(&ground, "/small", id("/small"), 7, Duration::ZERO);
    // The daemon was killed while a whole part, with the time that the client gave it, was made durable.
    leave(&ground, "/ready", id("/ready"), 1000, day);
    let ready = File::options().write(true).open(ground.part(&format!("{}.part", id("/ready"))));
    ready.and_then(|part| part.set_modified(SystemTime::UNIX_EPOCH)).expect("set");
    for at in ["/torn", "/bare", "/headless"] {
        leave(&ground, at, id(at), 300, day);
    }
    let torn = ground.part(&format!("{}.cv", id("/torn")));
    let mut bytes = fs::read(&torn).expect("there");
    bytes.pop();
    fs::write(&torn, bytes).expect("written");
    fs::remove_file(ground.part(&format!("{}.cv", id("/bare")))).expect("removed");
    fs::remove_file(ground.part(&format!("{}.part", id("/headless")))).expect("removed");
    leave(&ground, "/kept", id("/another"), 300, day);
    leave(&ground, "../outside", Etag([9; 16]), 300, day);
    for junk in ["junk", "x.part", "x.cv", ".part"] {
        fs::write(ground.part(junk), "x").expect("written");
    }

    let home = ground.reopen();
    let mut kept = vec![(id("/kept"), 300), (id("/week"), 300), (id("/small"), 7), (id("/ready"), 1000)];
    kept.sort_by_key(|(id, _)| id.0);
    let mut found = home.survey().expect("counted").parts;
    found.sort_by_key(|(id, _)| id.0);
    assert_eq!(found, kept);
    assert_eq!(fs::read_dir(ground.part("")).expect("there").count(), 8, "a part and a sidecar each");
    let mut listed = home.parts().expect("listed");
    listed.sort_by_key(|part| part.have);
    assert_eq!((listed[0].path.to_string().as_str(), listed[0].size, listed[0].have), ("/small", 1000, 7));
    assert_eq!(listed.len(), 4);

    let (removed, result) = home.remove_parts(&[id("/small"), id("/none"), id("/kept")]);
    assert_eq!((removed, code(result)), (vec![(id("/small"), 7)], Some(Code::NotFound)));
    let (removed, result) = home.remove_parts(&[id("/kept"), id("/week"), id("/ready")]);
    assert_eq!((removed.len(), code(result)), (3, None));
    assert_eq!(fs::read_dir(ground.part("")).expect("there").count(), 0);
}

#[test]
fn the_list_of_parts_fits_one_message_however_many_there_are() {
    let ground = Ground::new();
    for index in 0..120 {
        let at = format!("/{index:03}");
        leave(&ground, &at, part_id(&path(&at)), 1, Duration::ZERO);
    }
    assert_eq!(ground.home.parts().expect("listed").len(), 100);
    assert_eq!(ground.home.survey().expect("counted").parts.len(), 120, "all of them count");
    for index in 0..40 {
        let at = format!("/{index:03}{}", "\"".repeat(250)) + &format!("/{}", "\"".repeat(250)).repeat(14);
        leave(&ground, &at, part_id(&path(&at)), 1, Duration::ZERO);
    }
    let parts = ground.home.parts().expect("listed");
    assert!(serde_json::to_vec(&parts).expect("JSON").len() + 64 <= MESSAGE);
}
