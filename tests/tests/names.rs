//! Names that could drive a terminal, turn the reading direction or be taken for others: they travel as they are, and nothing of them is shown raw.

use ftp_proto::printable::is_printable;
use ftp_tests::screen::Screen;
use ftp_tests::site::{Ran, Site, eventually};
use std::collections::BTreeSet;
use std::fs;

const NAMES: &[&str] = &[
    "plain.txt",
    "\u{202e}fdp.exe",
    "a\u{2066}b\u{2069}",
    "zero\u{200b}width",
    "\u{feff}mark",
    "tag\u{e0041}",
    "line\u{2028}end",
    "arabic\u{61c}mark",
    // The same to the eye, and two files.
    "caf\u{e9}",
    "cafe\u{301}",
    "back\\slash",
    "back\\u{202e}slash",
    "two words",
    "\"quoted\"",
    "semi;colon",
    "$(touch pwned)",
    "`touch pwned`",
    "*",
    "~",
    "...",
    "%2e%2e",
    "user=eve",
];

/// As a word of a script.
fn word(name: &str) -> String {
    format!("'{name}'")
}

/// Nothing raw was shown, on either stream.
fn assert_clean(ran: &Ran, command: &str) {
    for line in ran.out.lines().chain(ran.err.lines()) {
        // U+FFFD stands for what nobody had escaped.
        assert!(is_printable(line) && !line.contains('\u{fffd}'), "{command}: {line:?}");
    }
}

fn here(site: &Site, folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(site.work().join(folder)).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn hostile_names_travel_as_they_are_and_are_never_shown_raw() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let run = |command: &str| {
        let ran = site.script(daemon.port, "alice", command);
        assert_clean(&ran, command);
        ran
    };
    fs::create_dir(site.work().join("up")).expect("made");
    for name in NAMES {
        fs::write(site.work().join("up").join(name), format!("I am {name}")).expect("written");
    }
    run("put -r -o there up").expect(0);
    let all: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let on_disk = fs::read_dir(site.home_of("alice").join("there")).expect("there");
    let on_disk: BTreeSet<_> =
        on_disk.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    assert_eq!(on_disk, all, "byte for byte");
    let listed = run("ls -1a there").expect(0);
    assert_eq!(
        listed.out.lines().collect::<BTreeSet<_>>().len(),
        NAMES.len(),
        "no two look alike: {listed:?}"
    );
    run("ls -la there").expect(0);
    run("get -r -o down there").expect(0);
    assert_eq!(here(&site, "down"), all);
    for name in NAMES {
        let text = fs::read_to_string(site.work().join("down").join(name)).expect("there");
        assert_eq!(text, format!("I am {name}"));
    }
    let told = run("'\u{202e}gte' x; -get --\u{202e} x; lcd '\u{202e}'");
    assert!(told.code == 2 && told.err.contains(r"\u{202e}gte: no such command"), "{told:?}");
    // Every command that says a name, in one run each way: it is done, and it is refused.
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for (number, name) in NAMES.iter().enumerate() {
        let at = word(&format!("there/{name}"));
        done.extend([
            format!("md5 {at}"),
            format!("sum {at}"),
            format!("get -o {} {at} md5", word(&format!("one-{number}"))),
            format!("mv {at} {}", word(&format!("{name}-{number}"))),
            format!("put -o {} {}", word(&format!("{name}-{number}-put")), word(&format!("one-{number}"))),
            format!("mkdir {}", word(&format!("{name}-dir"))),
            format!("cd {}", word(&format!("{name}-dir"))),
            "pwd".to_owned(),
            "info".to_owned(),
            "cd".to_owned(),
            format!("rmdir {}", word(&format!("{name}-dir"))),
            format!("rm {}", word(&format!("{name}-{number}"))),
        ]);
        refused.extend([
            format!("get {at}"),
            format!("rm {at}"),
            format!("cd {at}"),
            format!("mv {at} x"),
            format!("md5 {at}"),
            format!("put {}", word(&format!("nowhere/{name}"))),
            format!("mkdir {}", word(&format!("{name}/none"))),
            format!("{} x", word(name)),
            format!("get --{name} x"),
        ]);
    }
    let batch = |commands: &[String], keep_going: &[&str]| {
        fs::write(site.work().join("batch"), commands.join("\n")).expect("written");
        let mut command = site.cli(daemon.port, "alice");
        command.args(["-b", "batch"]).args(keep_going);
        let ran = ftp_tests::site::run(command, "");
        assert_clean(&ran, "a batch");
        ran
    };
    batch(&done, &[]).expect(0);
    let told = batch(&refused, &["-k"]);
    assert_ne!(told.code, 0);
    assert!(told.err.lines().count() >= refused.len(), "each is told: {told:?}");
    for log in ["login.log", "operate.log"] {
        let mut text = String::new();
        eventually("what was done is in the log", || {
            text = fs::read_to_string(site.path("var/log").join(log)).expect("a log");
            log == "login.log" || text.matches("op=rm ").count() >= NAMES.len()
        });
        for line in text.lines() {
            assert!(is_printable(line), "{line:?}");
        }
    }
    assert!(daemon.log().lines().all(is_printable));
    assert!(!here(&site, ".").contains("pwned"));
}

#[test]
fn what_tab_shows_at_a_prompt_is_printable() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    site.script(daemon.port, "alice", "pwd").expect(0);
    for name in ["file-one", "file-two", "file\u{202e}three", "file\u{200b}four"] {
        fs::write(site.home_of("alice").join(name), "x").expect("written");
    }
    fs::write(site.path("cli.ron"), "()").expect("written");
    let mut command = site.cli(daemon.port, "alice");
    command.arg("--config").arg(site.path("cli.ron"));
    let mut screen = Screen::start(&command);
    screen.wait(":/> ");
    screen.type_and_wait("ls", ":/> ");
    // The first Tab types what they have in common, the second lists them.
    screen.keys("get \t");
    screen.wait("file-");
    screen.keys("\t");
    screen.wait("file-two");
    screen.keys("\t\t\t");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let text = screen.text();
    for line in text.lines() {
        // The bell, and what moves the cursor within a line, are the editor's.
        let line = line.replace(['\r', '\u{7}', '\u{8}'], "");
        assert!(is_printable(&line), "{line:?}");
    }
    screen.keys("\x15exit\n");
    assert_eq!(screen.end().0, 0);
}
