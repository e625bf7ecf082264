//! `mirror`: one end becomes like the other, and nothing is removed that should not be.

use ftp_tests::sample;
use ftp_tests::screen::Screen;
use ftp_tests::site::{Daemon, Ran, Site};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

struct Scene {
    site: Site,
    daemon: Daemon,
    here: PathBuf,
    there: PathBuf,
}

impl Scene {
    /// The same tree at both ends.
    fn new() -> Self {
        let site = Site::new();
        site.user("alice", "none");
        let daemon = site.start();
        site.script(daemon.port, "alice", "pwd").expect(0);
        let (here, there) = (site.path("work/tree"), site.home_of("alice").join("tree"));
        for top in [&here, &there] {
            fill(top, &["a", "b", "sub/c", "sub/deep/d", "old/e", "old/older/f"]);
        }
        Self { site, daemon, here, there }
    }

    fn run(&self, command: &str, code: i32) -> Ran {
        self.site.script(self.daemon.port, "alice", command).expect(code)
    }

    fn assert_same(&self, what: &str) {
        assert_eq!(sample::tree(&self.here), sample::tree(&self.there), "{what}");
    }
}

fn fill(top: &Path, names: &[&str]) {
    for name in names {
        let path = top.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, name).expect("written");
    }
}

/// Changes a tree: one file more, one less, one other of the same size; one folder less.
fn change(top: &Path) {
    fill(top, &["new/n"]);
    fs::remove_file(top.join("sub/c")).expect("there");
    fs::write(top.join("b"), "B").expect("written");
    fs::remove_dir_all(top.join("old")).expect("there");
}

#[test]
fn each_end_becomes_like_the_other_and_a_dry_run_changes_nothing() {
    for way in ["put", "get"] {
        let scene = Scene::new();
        let (source, target) =
            if way == "put" { (&scene.here, &scene.there) } else { (&scene.there, &scene.here) };
        change(source);
        let before = (sample::tree(source), sample::tree(target));
        let dry = scene.run(&format!("mirror --dry-run --delete {way} tree"), 0);
        let mut lines: Vec<_> = dry.out.lines().collect();
        lines.sort_unstable();
        let moved = format!("would {way}      tree/new/n  5 B");
        // What goes is named where it is.
        let place = if way == "put" { "/tree" } else { "./tree" };
        let gone = ["old/", "old/e", "old/older/", "old/older/f", "sub/c"];
        let mut wanted: Vec<_> = gone.iter().map(|name| format!("would remove   {place}/{name}")).collect();
        wanted.extend([moved, "would replace  tree/b  1 B".to_owned()]);
        wanted.sort_unstable();
        assert_eq!(lines, wanted);
        assert!(
            dry.err.contains("2 to be moved, 2 already") && dry.err.contains("5 to be removed"),
            "{dry:?}"
        );
        assert_eq!((sample::tree(source), sample::tree(target)), before, "a dry run");
        assert!(!target.join("new").exists(), "a dry run");

        // Without --delete nothing goes.
        scene.run(&format!("mirror {way} tree"), 0);
        assert!(target.join("old/older/f").exists() && target.join("new/n").exists());
        assert_eq!(fs::read(target.join("b")).expect("there"), b"B");
        let done = scene.run(&format!("mirror --delete {way} tree"), 0);
        assert!(done.err.contains("4 already") && done.err.contains("5 removed"), "{done:?}");
        scene.assert_same(way);
        assert!(!target.join("old").exists());
        let idle = scene.run(&format!("mirror --delete {way} tree"), 0);
        assert!(idle.err.contains("4 already") && !idle.err.contains("removed"), "{idle:?}");
    }
}

#[test]
fn another_name_is_that_of_the_tree_itself() {
    let scene = Scene::new();
    scene.run("mirror put tree /copies/one; mirror get /copies/one two", 0);
    assert_eq!(sample::tree(&scene.site.home_of("alice").join("copies/one")), sample::tree(&scene.here));
    assert_eq!(sample::tree(&scene.site.path("work/two")), sample::tree(&scene.here));
    for wrong in ["mirror", "mirror tree", "mirror get", "mirror get a b c"] {
        scene.run(wrong, 2);
    }
    scene.run("mirror get nothing", 6);
    scene.run("mirror --delete put nothing", 6);
}

#[test]
fn nothing_is_removed_unless_the_source_was_listed_and_moved_whole() {
    // A name that the server cannot have: what is here was not moved whole.
    let scene = Scene::new();
    change(&scene.here);
    fs::write(scene.here.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").expect("written");
    let ran = scene.run("mirror --delete put tree", 7);
    assert!(ran.err.contains("so nothing is removed"), "{ran:?}");
    assert!(scene.there.join("old/e").exists() && scene.there.join("new/n").exists());

    // Something is in the way of a file.
    let scene = Scene::new();
    change(&scene.there);
    fs::remove_file(scene.here.join("a")).expect("there");
    fs::create_dir(scene.here.join("a")).expect("made");
    let ran = scene.run("mirror --delete get tree", 7);
    assert!(ran.err.contains("so nothing is removed"), "{ran:?}");
    assert!(scene.here.join("old/e").exists() && scene.here.join("new/n").exists());

    // A source that is not there.
    let scene = Scene::new();
    fs::rename(&scene.here, scene.site.path("work/gone")).expect("moved");
    scene.run("mirror --delete put tree", 6);
    assert!(scene.there.join("old/e").exists());
}

#[test]
fn what_changed_its_kind_is_told_with_what_to_do_and_a_dry_run_tells_it_too() {
    for way in ["put", "get"] {
        let scene = Scene::new();
        let source = if way == "put" { &scene.here } else { &scene.there };
        fs::remove_file(source.join("a")).expect("there");
        fill(source, &["a/inner"]);
        fs::remove_dir_all(source.join("sub")).expect("there");
        fill(source, &["sub"]);
        for option in ["--dry-run", ""] {
            let ran = scene.run(&format!("mirror {option} --delete {way} tree"), 7);
            assert!(ran.err.contains("2 failed") && ran.err.contains("remove or move it"), "{ran:?}");
        }
    }
}

#[test]
fn a_dry_run_tells_that_the_folder_cannot_be_opened() {
    let scene = Scene::new();
    fs::write(scene.site.path("work/file"), "").expect("written");
    for option in ["--dry-run", ""] {
        scene.run(&format!("mirror {option} get tree file/tree"), 7);
    }
    scene.run("mirror --dry-run get tree nowhere/tree", 0);
    assert!(!scene.site.path("work/nowhere").exists());
}

#[test]
fn what_cannot_be_removed_is_told_and_by_whom_it_can_be() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.here.join("old")).expect("there");
    // A name that no client could have given it.
    fs::write(scene.there.join("old/older/a\tb"), "").expect("written");
    let ran = scene.run("mirror --delete put tree", 7);
    for part in [
        "2 removed, 1 failed",
        "/tree/old/older is not empty",
        "not everything could be removed",
        "ask the administrator",
    ] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn links_parts_and_what_has_the_name_of_something_in_the_source_stay() {
    let scene = Scene::new();
    change(&scene.there);
    let outside = scene.site.path("work/outside");
    fill(&outside, &["kept"]);
    symlink(&outside, scene.here.join("old/link")).expect("made");
    symlink(&outside, scene.here.join("way")).expect("made");
    fill(&scene.here, &["big.iso.part", "big.iso.part.cv", "sub/x.part"]);
    let ran = scene.run("mirror --delete get tree", 0);
    assert!(ran.err.contains("removed") && ran.err.contains("2 skipped"), "{ran:?}");
    assert!(ran.err.contains("skipped: ./tree/way is a symbolic link, and stays"), "{ran:?}");
    assert!(outside.join("kept").exists(), "a link is not followed");
    for name in ["old/link", "way", "big.iso.part", "big.iso.part.cv", "sub/x.part"] {
        assert!(fs::symlink_metadata(scene.here.join(name)).is_ok(), "{name}");
    }
    assert!(!scene.here.join("old/e").exists() && !scene.here.join("old/older").exists());

    // Also where there is nothing to be removed.
    fs::create_dir(scene.here.join("a\tb")).expect("made");
    for option in ["--dry-run", ""] {
        let ran = scene.run(&format!("mirror {option} --delete get tree"), 0);
        for stays in [
            "/a\\u{9}b is nothing that the server could have, and stays",
            "/way is a symbolic link, and stays",
        ] {
            assert!(ran.err.contains(stays), "{stays}: {ran:?}");
        }
    }
    assert!(scene.here.join("a\tb").exists());

    // A link here has the name of a file there: it is not sent, and the file is not removed for that.
    let scene = Scene::new();
    fs::remove_file(scene.here.join("a")).expect("there");
    symlink("b", scene.here.join("a")).expect("made");
    scene.run("mirror --delete put tree", 0);
    assert_eq!(fs::read(scene.there.join("a")).expect("there"), b"a");
}

#[test]
fn a_person_is_asked_once_and_no_is_no() {
    let scene = Scene::new();
    change(&scene.here);
    let mut client = scene.site.cli(scene.daemon.port, "alice");
    client.env("HOME", scene.site.path("home"));
    let mut screen = Screen::start(&client);
    screen.wait(":/> ");
    let asked = screen.type_and_wait("mirror --delete put tree", "[y/N] ");
    assert!(asked.contains("Remove 3 files, 21 B and 2 directories at the server"), "{asked}");
    assert!(screen.type_and_wait("n", ":/> ").contains("nothing was removed"));
    assert!(scene.there.join("old/e").exists());
    screen.type_and_wait("mirror --delete put tree", "[y/N] ");
    assert!(screen.type_and_wait("y", ":/> ").contains("5 removed"));
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
    scene.assert_same("yes is yes");
}
