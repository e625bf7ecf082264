//! What lies in the folder for downloads and was not put there by us: links, second names, parts of somebody else. A server must not reach anything by them.

use ftp_tests::evil::entry;
use ftp_tests::process::watch;
use ftp_tests::site::Flag;
use ftp_tests::stage::{DEADLINE, Stage, sound};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, renameat_with};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

/// How long a folder is swapped for a link and back.
const RACE: Duration = Duration::from_secs(6);

/// A name that looks like that of a part is a name like any other, unless it came with what a part has beside it.
#[test]
fn a_file_that_only_looks_like_a_part_is_kept() {
    let stage = Stage::new();
    for name in ["g0.part", "g1.part", "g23.part"] {
        fs::write(stage.arena.down.join(name), "the user's own").expect("written");
    }
    // Honest, with a wrong value, and not there after all.
    let _sound = stage.run("get g0; get g1; get g23");
    for name in ["g0.part", "g1.part", "g23.part"] {
        let kept = fs::read_to_string(stage.arena.down.join(name)).expect("still there");
        assert_eq!(kept, "the user's own", "{name}");
    }
}

/// Links that somebody put in the folder for downloads: what they lead to is not written to, and nothing is made where they lead.
#[test]
fn links_in_the_folder_for_downloads_lead_nowhere() {
    let mut stage = Stage::new();
    let (down, canary) = (stage.arena.down.clone(), stage.arena.canary.clone());
    let leads = [canary.join("file"), canary.join("new"), canary.clone(), canary.join("sub")];
    // g0 and g28 are honest.
    for lead in &leads {
        for name in ["g0", "g0.part", "g0.part.cv"] {
            symlink(lead, down.join(name)).expect("made");
            let _sound = stage.run("get g0; get g0 md5");
            for entry in fs::read_dir(&down).expect("there") {
                fs::remove_file(entry.expect("an entry").path()).expect("a file or a link");
            }
        }
    }
    // A second name of a file that is not ours to write to.
    for name in ["g0.part", "g0.part.cv"] {
        fs::hard_link(canary.join("other"), down.join(name)).expect("made");
        stage.arena.remember();
        let _sound = stage.run("get g0; get g0 md5");
        fs::remove_file(down.join(name)).expect("still there");
        let _whole = fs::remove_file(down.join("g0"));
        stage.arena.remember();
    }
    // Folders of a tree.
    for lead in &leads {
        for link in ["t0", "t0/ok-d", "t0/ok-a", "t0/ok-a.part", "t0/ok-d/ok-b", "t0/ok-d/ok-b.part"] {
            let link = down.join(link);
            fs::create_dir_all(link.parent().expect("a folder")).expect("made");
            symlink(lead, &link).expect("made");
            let _sound = stage.run("get -r t0; get -r t0");
            let _gone = fs::remove_file(&link);
            let _gone = fs::remove_dir_all(down.join("t0"));
        }
    }
    // Without links it arrives.
    let watched = stage.run("get -r t0");
    assert_eq!(watched.ran.code, 0, "{:?}", watched.ran);
}

/// Somebody relies on a FIFO, a socket or a device: it is not replaced as a file would be. Who is root and gets something to /dev/null would miss that.
#[test]
fn what_is_neither_file_nor_folder_nor_link_stays() {
    let stage = Stage::new();
    let down = &stage.arena.down;
    fs::create_dir(down.join("t0")).expect("made");
    let pipe = |name: &str| {
        rustix::fs::mknodat(CWD, down.join(name), FileType::Fifo, Mode::RWXU, 0).expect("made");
    };
    let _socket = UnixListener::bind(down.join("s")).expect("made");
    ["pipe", "t0/ok-a"].into_iter().for_each(pipe);
    for commands in ["get -f -o pipe g0", "get -f -o s g0", "get -f -r t0"] {
        let watched = stage.run(commands);
        assert_ne!(watched.ran.code, 0, "{commands}");
        let told = format!("{}{}", watched.ran.out, watched.ran.err);
        assert!(told.contains("something that is no file"), "{told}");
    }
    let kind = |name: &str| fs::symlink_metadata(down.join(name)).expect("there").file_type();
    assert!(kind("pipe").is_fifo() && kind("s").is_socket() && kind("t0/ok-a").is_fifo());
    assert!(kind("t0/ok-d/ok-b").is_file(), "the rest of the tree arrives");
}

/// What the user names is the user's: a link there is followed.
#[test]
fn a_link_that_the_user_names_is_followed() {
    let stage = Stage::new();
    let down = &stage.arena.down;
    fs::create_dir(down.join("real")).expect("made");
    symlink("real", down.join("named")).expect("made");
    let watched = stage.run("get -o named g0; get -r -o named/ t0; lcd named; get g28");
    assert_eq!(watched.ran.code, 0, "{:?}", watched.ran);
    for name in ["g0", "t0/ok-a", "t0/ok-d/ok-b", "g28"] {
        assert!(down.join("real").join(name).is_file(), "{name}");
    }
}

/// Somebody swaps a folder of the tree for a link, again and again, while the tree comes in.
#[test]
fn a_folder_that_turns_into_a_link_leads_nowhere() {
    let stage = Stage::answering(|hand| match hand.op.as_str() {
        "stat" => hand.ok(json!({"entry": entry(hand.leaf(), "dir", 0)})).map(Some),
        "list" if hand.depth() == 1 => hand.list(&[entry("ok-d", "dir", 0)]).map(Some),
        "list" => {
            let files: Vec<_> = (0..400).map(|n| entry(&format!("ok-{n}"), "file", 0)).collect();
            hand.list(&files).map(Some)
        }
        "get" => {
            let prefix = ftp_proto::Tree::new().prefix().to_string();
            let begin = json!({"size": 0, "mtime": 1, "etag": "0".repeat(32), "prefix": prefix});
            hand.reply(hand.id, "begin", begin)?;
            hand.ok(json!({"root": blake3::hash(b"").to_hex().as_str()})).map(Some)
        }
        _ => Ok(None),
    });
    let tree = stage.arena.down.join("tree");
    let (folder, link) = (tree.join("ok-d"), tree.join("aside"));
    fs::create_dir_all(&folder).expect("made");
    symlink(stage.arena.canary.join("sub"), &link).expect("made");
    let over = Flag::default();
    let mut swaps = 0_u64;
    let end = Instant::now() + RACE;
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut swaps = 0;
            while !over.is_raised() {
                renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).expect("swapped");
                swaps += 1;
            }
            swaps
        });
        while Instant::now() < end {
            let mut client = stage.client();
            client.args(["-k", "-c", "get -r tree"]);
            sound(&watch(client, DEADLINE), "a tree that changes");
        }
        over.raise();
        swaps = swapper.join().expect("it ends");
    });
    println!("{swaps} swaps");
    stage.arena.untouched("a tree that changes");
    assert!(swaps > 1000, "{swaps} swaps are no race");
}
