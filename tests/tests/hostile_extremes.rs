//! The client against the worst of each kind: numbers at the ends of their range, listings and streams without end, other users.

use ftp_tests::arena::Seen;
use ftp_tests::evil::{ESCAPES, Hand, Then, content, entry};
use ftp_tests::process::watch;
use ftp_tests::screen::Screen;
use ftp_tests::stage::{DEADLINE, Stage, sound};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::time::Duration;

/// The most memory that a client may have had, whatever a listing has, in KiB.
const MEMORY: u64 = 256 * 1024;

/// Pages until the client has enough.
fn pages(hand: &mut Hand, entries: impl Fn(u64) -> Vec<Value>) -> io::Result<Option<Then>> {
    for page in 0.. {
        hand.page(&entries(page))?;
    }
    Ok(Some(Then::End))
}

#[test]
fn a_listing_without_end_is_left() {
    let stage = Stage::answering(|hand| match (hand.op.as_str(), hand.path.as_str()) {
        ("list", "/empty") => pages(hand, |_| Vec::new()),
        ("list", "/short") => {
            pages(hand, |page| (0..700).map(|n| entry(&format!("{}", page * 700 + n), "file", 1)).collect())
        }
        ("list", "/long") => pages(hand, |page| {
            let name = |n| format!("{:0>255}", page * 170 + n);
            (0..170).map(|n| entry(&name(n), "file", 1)).collect()
        }),
        _ => Ok(None),
    });
    for path in ["empty", "short", "long"] {
        let watched = stage.run(&format!("ls {path}"));
        println!("{path}: {:?}, {} KiB", watched.took, watched.peak);
        assert_eq!(watched.ran.code, 3, "{path}: {:?}", watched.ran);
        assert!(watched.ran.err.contains("does not keep to the protocol"), "{path}: {:?}", watched.ran.err);
        assert!(watched.ran.out.is_empty(), "what is not whole is not shown");
        assert!(watched.peak < MEMORY, "{path}: {} KiB", watched.peak);
    }
}

#[test]
fn a_listing_with_a_name_twice_or_none_is_refused() {
    let stage = Stage::answering(|hand| match (hand.op.as_str(), hand.leaf()) {
        ("list", "twice") => {
            let entries = ["a", "b", "c", "a"].map(|name| entry(name, "file", 1));
            hand.list(&entries).map(Some)
        }
        ("list", "none") => {
            hand.list(&[json!({"name": null, "kind": "file", "size": 1, "mtime": 1})]).map(Some)
        }
        ("stat", leaf) => hand.ok(json!({"entry": entry(leaf, "dir", 0)})).map(Some),
        _ => Ok(None),
    });
    for name in ["twice", "none"] {
        for verb in ["ls", "get -r"] {
            let ran = stage.run(&format!("{verb} {name}")).ran;
            assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{verb} {name}: {ran:?}");
        }
        assert!(!stage.arena.down.join(name).exists(), "nothing arrived");
    }
}

/// Each directory has many more: what is still to be looked at would grow for ever.
#[test]
fn a_tree_without_end_is_left() {
    let stage = Stage::answering(|hand| match hand.op.as_str() {
        "stat" => hand.ok(json!({"entry": entry(hand.leaf(), "dir", 0)})).map(Some),
        "list" => {
            let width = if hand.path.starts_with("/short") { 5 } else { 60 };
            for page in 0..250 {
                let name = |n| format!("ok-{:0>width$}", page * 100 + n);
                hand.page(&(0..100).map(|n| entry(&name(n), "dir", 0)).collect::<Vec<_>>())?;
            }
            hand.ok(json!({"entries": 25_000})).map(Some)
        }
        _ => Ok(None),
    });
    for name in ["short", "long"] {
        let watched = stage.run(&format!("get -r {name}"));
        println!("{name}: {:?}, {} KiB", watched.took, watched.peak);
        assert_eq!(watched.ran.code, 1, "{name}: {:?}", watched.ran);
        assert!(watched.ran.err.contains("entries"), "{name}: {:?}", watched.ran.err);
        assert!(watched.peak < MEMORY, "{name}: {} KiB", watched.peak);
    }
}

/// What is there already is asked for before a tree is put; of a listing only what matters may be kept.
#[test]
fn what_lies_beside_a_tree_that_is_put_takes_no_memory() {
    let stage = Stage::answering(|hand| match hand.op.as_str() {
        "stat" => hand.ok(json!({"entry": entry(hand.leaf(), "dir", 0)})).map(Some),
        "mkdir" => hand.error("exists", "it is there").map(Some),
        "list" => {
            for page in 0..500 {
                let name = |n| format!("{:0>200}", page * 200 + n);
                hand.page(&(0..200).map(|n| entry(&name(n), "file", 1)).collect::<Vec<_>>())?;
            }
            hand.ok(json!({"entries": 100_000})).map(Some)
        }
        _ => Ok(None),
    });
    let up = stage.site.path("up");
    for n in 0..12 {
        fs::create_dir_all(up.join(format!("d{n}"))).expect("made");
    }
    let watched = stage.run(&format!("put -r -o there {}", up.display()));
    println!("{:?}, {} KiB", watched.took, watched.peak);
    assert_eq!(watched.ran.code, 0, "{:?}", watched.ran);
    assert!(watched.peak < MEMORY / 2, "{} KiB", watched.peak);
}

#[test]
fn a_wait_that_no_clock_can_hold_is_not_waited_for() {
    for seconds in [0, 1 << 40, u64::MAX] {
        let stage = Stage::answering(move |hand| match hand.op.as_str() {
            "login" => {
                let error =
                    json!({"code": "busy", "message": ESCAPES, "hint": ESCAPES, "retry_seconds": seconds});
                hand.reply(hand.id, "error", error)?;
                Ok(Some(Then::Go))
            }
            _ => Ok(None),
        });
        let watched = stage.run("pwd");
        assert_eq!(watched.ran.code, 1, "{seconds}: {:?}", watched.ran);
        assert!(watched.took < Duration::from_secs(15), "{seconds}: {:?}", watched.took);
    }
}

#[test]
fn sizes_that_overflow_when_they_are_added_up_are_added_up() {
    let sizes = [(1_u64 << 63, 1_u64 << 63), (u64::MAX, 1), (u64::MAX, u64::MAX), (1 << 53, 1 << 53)];
    let stage = Stage::answering(move |hand| {
        let n: usize = hand.path.chars().filter_map(|c| c.to_digit(10)).next().unwrap_or(0) as usize;
        match hand.op.as_str() {
            "stat" if hand.depth() == 1 => hand.ok(json!({"entry": entry(hand.leaf(), "dir", 0)})).map(Some),
            "list" => {
                hand.list(&[entry("ok-a", "file", sizes[n].0), entry("ok-b", "file", sizes[n].1)]).map(Some)
            }
            "get" => hand.error("unavailable", "not now").map(Some),
            _ => Ok(None),
        }
    });
    for n in 0..sizes.len() {
        for verb in ["ls -l", "get -r", "put -r -o"] {
            let end = if verb.starts_with("put") { " ../canary" } else { "" };
            let _sound = stage.run(&format!("{verb} t{n}{end}"));
        }
    }
    // With a bar, whose counting is another's.
    for n in 0..sizes.len() {
        let mut client = stage.client();
        client.args(["--progress", "always", "-c", &format!("get -r t{n}")]);
        let (code, text) = Screen::start(&client).end();
        assert!(code != 101 && code >= 0 && !text.contains("panicked"), "{n}: {code} {text}");
    }
}

/// The folders of the config take the user's name, so it must be the one that logged in.
#[test]
fn a_login_as_somebody_else_is_refused() {
    let stage = Stage::answering(|hand| match hand.op.as_str() {
        "login" => {
            let account = json!({"used": 0, "quota": null, "entries": 0, "entries_limit": 1});
            hand.ok(json!({"user": "bob", "token": "t", "token_seconds": 9, "account": account})).map(Some)
        }
        _ => Ok(None),
    });
    let config = stage.site.path("cli.ron");
    fs::write(&config, format!("(download: \"{}/{{user}}\")", stage.arena.down.display())).expect("written");
    let mut client = stage.client();
    client.arg("--config").arg(config).args(["-c", "get g0"]);
    let watched = watch(client, DEADLINE);
    sound(&watched, "a login as somebody else");
    assert_eq!(watched.ran.code, 3, "{:?}", watched.ran);
    assert!(!stage.arena.down.join("bob").exists(), "alice's client works in bob's folder");
}

/// Nobody pressed Ctrl-C: a script that goes on after errors goes on.
#[test]
fn a_server_that_says_aborted_has_not_interrupted_anybody() {
    let stage = Stage::answering(|hand| match hand.op.as_str() {
        "list" if hand.leaf() == "x" => hand.error("aborted", "at your wish").map(Some),
        _ => Ok(None),
    });
    let watched = stage.run("ls x; ls l0");
    assert_eq!(watched.ran.code, 1, "{:?}", watched.ran);
    assert!(watched.ran.out.contains("three"), "{:?}", watched.ran);
}

/// The same version, so it says, and of another size: what is here is never taken for that.
#[test]
fn a_part_of_one_size_never_becomes_a_file_of_another() {
    let stage = Stage::new();
    // The fourth case of its table, with each of its sizes.
    for n in 0..5 {
        let name = format!("r{}", 3 + 8 * n);
        let _sound = stage.run(&format!("get {name}; get {name}"));
        if let Some(Seen::File(hash, ..)) = stage.arena.downloads().get(name.as_ref() as &std::path::Path) {
            assert_eq!(*hash, blake3::hash(&content(&name)), "{name} is not what was to come");
        }
        let last = stage.run(&format!("get {name}"));
        assert_eq!(last.ran.code, 0, "{:?}", last.ran);
    }
}

/// Bytes come, and no frame gets on: as good as silence.
#[test]
fn a_server_that_never_gets_on_is_left() {
    let stage = Stage::answering(|hand| match (hand.op.as_str(), hand.leaf()) {
        ("list", "keys") => loop {
            hand.change_keys()?;
            std::thread::sleep(Duration::from_millis(5));
        },
        ("list", "drip") => {
            hand.raw(&60_000_u32.to_be_bytes())?;
            hand.raw(&[1])?;
            loop {
                hand.raw(b" ")?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        ("list", "silence") => hand.wait_for_end().map(Some),
        _ => Ok(None),
    });
    for name in ["silence", "keys", "drip"] {
        let mut client = stage.site.cli(stage.evil.port, "alice");
        client.current_dir(&stage.arena.down).args([
            "--retries",
            "none",
            "--timeout",
            "3",
            "-c",
            &format!("ls {name}"),
        ]);
        let watched = watch(client, Duration::from_secs(20));
        sound(&watched, name);
        assert_eq!(watched.ran.code, 3, "{name}: {:?}", watched.ran);
        println!("{name}: {:?}, {}", watched.took, watched.ran.err.trim_end());
        // Waited for once.
        assert!(watched.took < Duration::from_secs(6), "{name}: {:?}", watched.took);
    }
}

/// What Tab offers comes from the server too.
#[test]
fn names_that_are_completed_drive_no_terminal() {
    let stage = Stage::answering(|hand| match hand.op.as_str() {
        "list" => {
            let names = ["x\u{202e}one", "x\u{200b}two", "xylophone"];
            hand.list(&names.map(|name| entry(name, "file", 1))).map(Some)
        }
        _ => Ok(None),
    });
    let mut client = stage.site.cli(stage.evil.port, "alice");
    client.current_dir(&stage.arena.down);
    let mut screen = Screen::start(&client);
    screen.wait("> ");
    screen.type_and_wait("ls", "3 files");
    screen.keys("get x\t\t");
    screen.wait("get xylophone");
    screen.keys("\x15exit\n");
    let (_, text) = screen.end();
    let bad = text.lines().find(|line| line.contains(['\u{202e}', '\u{200b}']));
    assert!(bad.is_none(), "{bad:?}");
}
