use super::*;
use rustix::fs::{CWD, FileType, Mode};
use std::sync::mpsc;

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
