//! Somebody on the same machine swaps a directory of the home for a link that leads out, again and again, while a client's request runs.
//!
//! Each call that takes a path is tried, and beside it what a careful program would do with ordinary calls: look whether it is a link, then
//! act. That has to be caught outside, by the same watch, or the watch would prove nothing. `RACE_TRIES` says how often each call is tried.

use super::*;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Tries of each call where nothing else is said.
const TRIES: u64 = 100_000;
/// How often ordinary calls have to be caught before they are believed to be unsafe, and in how many times as many tries.
const CAUGHT: u64 = 3;
const PATIENCE: u64 = 50;
/// The files of the same name, inside and outside, differ in length.
const INSIDE: &str = "inside";
const SECRET: &str = "the secret";

/// One of the calls that take a path; the path is below a directory that is swapped.
struct Call {
    name: &'static str,
    /// By the jail. True if the answer tells something of the outside.
    jailed: fn(&Arena, &str) -> Result<bool, Fault>,
    /// The same by ordinary calls on a path that was just looked at.
    naive: fn(&Arena, &Path) -> io::Result<bool>,
}

/// A home, a folder outside that looks like one of its directories, and an attacker at work.
///
/// ```text
/// home/d  <── swapped ──> home/link ──> outside
///  └ file, hollow/, in/{file, hollow/}    └ file, hollow/, outsider, in/{file, hollow/, outsider}
/// home/own, home/keep/
/// ```
struct Arena {
    ground: Ground,
    /// `d` and `d/in`, whatever leads to them at the moment.
    inside: [OwnedFd; 2],
    outside: [OwnedFd; 2],
}

/// What changes when anything is done to a directory or to its file.
type Mark = [(u64, Time, Time); 4];

impl Arena {
    fn new() -> Self {
        let ground = Ground::new();
        ground.mkdir("d/in");
        ground.mkdir("keep");
        fs::create_dir(ground.outside().join("in")).expect("made");
        symlink(ground.outside(), ground.at("link")).expect("a link");
        let open = |path: PathBuf| {
            rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).expect("a directory")
        };
        let inside = [open(ground.at("d")), open(ground.at("d/in"))];
        let outside = [open(ground.outside()), open(ground.outside().join("in"))];
        for folder in [ground.outside(), ground.outside().join("in")] {
            fs::write(folder.join("outsider"), SECRET).expect("written");
        }
        let arena = Self { ground, inside, outside };
        arena.restore();
        std::thread::sleep(TICK);
        arena
    }

    /// Undoes what a call did, on either side.
    fn restore(&self) {
        for (folders, text) in [(&self.inside, INSIDE), (&self.outside, SECRET)] {
            for folder in folders {
                let _not_there = rustix::fs::unlinkat(folder, "new", AtFlags::empty());
                let _not_there = rustix::fs::unlinkat(folder, "made", AtFlags::REMOVEDIR);
                let _there = rustix::fs::mkdirat(folder, "hollow", Mode::RWXU);
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
                let as_it_was = rustix::fs::statat(folder, "file", AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| stat.st_size == i64::try_from(text.len()).expect("short"));
                if !as_it_was {
                    let file = rustix::fs::openat(folder, "file", flags, Mode::RUSR | Mode::WUSR);
                    rustix::io::write(file.expect("made"), text.as_bytes()).expect("written");
                }
            }
        }
        if !self.ground.at("own").exists() {
            self.ground.write("own", INSIDE);
        }
        let _not_there = fs::remove_file(self.ground.at("keep/got"));
    }

    /// How the outside is.
    fn mark(&self) -> Mark {
        let of = |stat: rustix::fs::Stat| {
            let time = |seconds, nanos| (seconds, nanos);
            let changed = time(stat.st_ctime, stat.st_ctime_nsec);
            (stat.st_ino, time(stat.st_mtime, stat.st_mtime_nsec), changed)
        };
        let [above, below] = &self.outside;
        let folder = |fd| rustix::fs::fstat(fd).map_or((0, (0, 0), (0, 0)), of);
        let file =
            |fd| rustix::fs::statat(fd, "file", AtFlags::SYMLINK_NOFOLLOW).map_or((0, (0, 0), (0, 0)), of);
        [folder(above), folder(below), file(above), file(below)]
    }

    /// The directory of a try: that which is swapped, or one below it.
    fn folder(turn: u64) -> &'static str {
        ["d", "d/in"][usize::from(turn % 2 == 1)]
    }

    /// Looks, as a careful program would, that no link is on the way.
    fn looked_at(&self, folder: &str) -> io::Result<PathBuf> {
        let mut path = self.ground.at("");
        for name in folder.split('/') {
            path.push(name);
            if !fs::symlink_metadata(&path)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(path)
    }
}

/// Swaps two names for as long as it lives.
struct Swapper {
    stop: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapper {
    fn start(one: PathBuf, other: PathBuf) -> Self {
        let (stop, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&swaps));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).expect("swapped");
                let swaps = count.fetch_add(1, Ordering::Relaxed);
                // As they were they stay a little longer, and not always as long: a request has to begin there.
                (0..if swaps % 2 == 1 { swaps * 7919 % 1024 } else { 0 })
                    .for_each(|_| std::hint::spin_loop());
            }
        });
        Self { stop, swaps, thread: Some(thread) }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn tries() -> u64 {
    std::env::var("RACE_TRIES").map_or(TRIES, |text| text.parse().expect("RACE_TRIES is a number"))
}

fn race(call: &Call) {
    let arena = Arena::new();
    let swapper = Swapper::start(arena.ground.at("d"), arena.ground.at("link"));
    let (before, whole) = (arena.mark(), snapshot(&arena.ground.outside()));
    let (mut done, mut refused) = (0_u64, 0_u64);
    for turn in 0..tries() {
        let folder = Arena::folder(turn);
        match (call.jailed)(&arena, &format!("/{folder}")) {
            Ok(told) => {
                assert!(!told, "{} tells of the outside", call.name);
                done += 1;
                arena.restore();
            }
            Err(fault) => {
                let code = fault.refusal().code;
                assert!(
                    matches!(code, Code::NameRefused | Code::NotADirectory),
                    "{}: {code:?} {fault}",
                    call.name
                );
                refused += 1;
            }
        }
        assert_eq!(arena.mark(), before, "{} reaches the outside, at try {turn}", call.name);
    }
    assert!(snapshot(&arena.ground.outside()) == whole, "{}: nothing outside was changed", call.name);
    assert!(done > 0 && refused > 0, "{}: both sides were met: {done}, {refused}", call.name);

    let (mut escapes, mut turn) = (0, 0);
    while escapes < CAUGHT && turn < PATIENCE * tries() {
        let before = arena.mark();
        let told = arena.looked_at(Arena::folder(turn)).and_then(|path| (call.naive)(&arena, &path));
        escapes += u64::from(told.as_ref().is_ok_and(|told| *told) || arena.mark() != before);
        if told.is_ok() {
            arena.restore();
        }
        turn += 1;
    }
    let swaps = swapper.swaps.load(Ordering::Relaxed);
    println!("trials: {}", tries());
    println!("{}: {done} inside, {refused} refused, 0 outside, {swaps} swaps", call.name);
    println!("{} by ordinary calls: {escapes} outside in {turn} tries", call.name);
    assert!(escapes >= CAUGHT, "ordinary calls are caught: {escapes} in {turn} tries of {}", call.name);
}

#[test]
fn reading_is_never_led_outside() {
    race(&Call {
        name: "open_read",
        jailed: |arena, folder| Ok(arena.ground.read(&format!("{folder}/file"))? != INSIDE),
        naive: |_, folder| Ok(fs::read_to_string(folder.join("file"))? == SECRET),
    });
}

#[test]
fn looking_is_never_led_outside() {
    race(&Call {
        name: "stat",
        jailed: |arena, folder| {
            Ok(arena.ground.home.stat(&path(&format!("{folder}/file")))?.size != INSIDE.len() as u64)
        },
        naive: |_, folder| Ok(fs::metadata(folder.join("file"))?.len() == SECRET.len() as u64),
    });
}

#[test]
fn listing_is_never_led_outside() {
    race(&Call {
        name: "list",
        jailed: |arena, folder| {
            let (page, _) = arena.ground.home.list(&path(folder))?.page()?;
            let outsider = |name: &Name| name.as_str() == "outsider";
            Ok(page
                .entries
                .iter()
                .any(|entry| entry.name.as_ref().is_some_and(outsider) || entry.size == SECRET.len() as u64))
        },
        naive: |_, folder| {
            Ok(fs::read_dir(folder)?.filter_map(Result::ok).any(|entry| entry.file_name() == "outsider"))
        },
    });
}

#[test]
fn making_a_directory_is_never_led_outside() {
    race(&Call {
        name: "mkdir",
        jailed: |arena, folder| arena.ground.home.mkdir(&path(&format!("{folder}/made"))).map(|()| false),
        naive: |_, folder| fs::create_dir(folder.join("made")).map(|()| false),
    });
}

#[test]
fn removing_a_directory_is_never_led_outside() {
    race(&Call {
        name: "rmdir",
        jailed: |arena, folder| arena.ground.home.rmdir(&path(&format!("{folder}/hollow"))).map(|()| false),
        naive: |_, folder| fs::remove_dir(folder.join("hollow")).map(|()| false),
    });
}

#[test]
fn removing_a_file_is_never_led_outside() {
    race(&Call {
        name: "rm",
        jailed: |arena, folder| {
            let bytes = arena.ground.home.rm(&path(&format!("{folder}/file")))?;
            Ok(bytes != INSIDE.len() as u64)
        },
        naive: |_, folder| fs::remove_file(folder.join("file")).map(|()| false),
    });
}

#[test]
fn renaming_is_never_led_outside_by_the_old_path() {
    race(&Call {
        name: "rename from",
        jailed: |arena, folder| {
            let from = path(&format!("{folder}/file"));
            arena.ground.home.rename(&from, &path("/keep/got"), false)?;
            Ok(arena.ground.read("/keep/got")? != INSIDE)
        },
        naive: |arena, folder| {
            fs::rename(folder.join("file"), arena.ground.at("keep/got"))?;
            Ok(fs::read_to_string(arena.ground.at("keep/got"))? == SECRET)
        },
    });
}

#[test]
fn renaming_is_never_led_outside_by_the_new_path() {
    race(&Call {
        name: "rename to",
        jailed: |arena, folder| {
            arena.ground.home.rename(&path("/own"), &path(&format!("{folder}/new")), true).map(|_| false)
        },
        naive: |arena, folder| fs::rename(arena.ground.at("own"), folder.join("new")).map(|()| false),
    });
}

#[test]
fn an_upload_is_never_put_in_place_outside() {
    race(&Call {
        name: "create and publish",
        jailed: |arena, folder| arena.ground.publish(&format!("{folder}/file")).map(|_| false),
        naive: |arena, folder| {
            fs::write(arena.ground.at("own"), "new")?;
            fs::rename(arena.ground.at("own"), folder.join("file")).map(|()| false)
        },
    });
}

#[test]
fn a_file_is_never_named_outside() {
    race(&Call {
        name: "make and name",
        jailed: |arena, folder| {
            let (home, at) = (&arena.ground.home, path(&format!("{folder}/made")));
            let (dir, leaf) = home.parent(&at)?;
            if let Some(file) = home.unnamed(&*dir, home.watch().as_deref())? {
                assert!(home.name(&*file, &*dir, leaf, &at)?, "nothing is there");
                dir.unlink(leaf).expect("there");
            }
            Ok(false)
        },
        naive: |_, folder| {
            fs::write(folder.join("made"), "")?;
            fs::remove_file(folder.join("made")).map(|()| false)
        },
    });
}
