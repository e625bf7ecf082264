//! Where passwords must not be: in logs, in files, on command lines, in environments, in what is said, in an image of the memory.
//! `CANARIES` says how many are tried.

use ftp_tests::binaries::binary;
use ftp_tests::sample;
use ftp_tests::site::{Flag, Site, run};
use ftp_tests::wire::{Wire, frame};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

const USUAL: u64 = 1000;
/// In front of every password here: whatever has it has one of them.
const MARK: &str = "canary-7f3a";

fn canary(number: u64) -> String {
    format!("{MARK}-{number:06}-{:016x}", sample::number(number, u64::MAX))
}

/// All files below a folder, but for those that a test itself put there with passwords in them.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_none_or(|end| end != "pw") {
            found.push(path);
        }
    }
    found
}

fn has_mark(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|part| part == MARK.as_bytes())
}

/// Looks at the command lines and environments of all processes until told to stop; gives those that have a password.
fn watch(over: &Flag) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut looked_at = 0_u64;
    while !over.is_raised() {
        for entry in fs::read_dir("/proc").expect("proc").filter_map(Result::ok) {
            for what in ["cmdline", "environ"] {
                let bytes = fs::read(entry.path().join(what)).unwrap_or_default();
                looked_at += u64::from(!bytes.is_empty());
                if has_mark(&bytes) {
                    seen.insert(format!("{what}: {}", String::from_utf8_lossy(&bytes)));
                }
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(looked_at > 100, "something was looked at");
    seen
}

fn password_file(site: &Site, user: &str, password: &str) {
    let file = site.path(&format!("{user}.pw"));
    fs::write(&file, format!("{password}\n")).expect("written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("ours");
}

#[test]
fn a_password_is_nowhere_but_in_its_hash() {
    let count = sample::count("CANARIES", USUAL);
    let site = Site::with_config("log: (level: debug),");
    let (over, said) = (Flag::default(), Mutex::new(String::new()));
    let say = |text: &str| said.lock().expect("whole").push_str(text);
    let seen = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&over));
        // The programs, with passwords from stdin and from files: right, wrong, refused.
        for (number, user) in ["alice", "bob"].iter().enumerate() {
            let password = canary(number as u64);
            password_file(&site, user, &password);
            let made =
                site.admin(&["create", user, "--password-file", "-"], &format!("{password}\n")).expect(0);
            say(&format!("{made:?}"));
        }
        let file = site.path("bob.pw");
        let file = file.to_str().expect("UTF-8");
        for line in [
            &["create", "alice", "--password-file", file][..],
            &["setup", "bob", "--password-file", file, "--yes"],
            &["setup", "nobody", "--password-file", file],
            &["create", "carl", "--password-file", "-"],
        ] {
            say(&format!("{:?}", site.admin(line, &format!("{MARK}\0{MARK}\n"))));
        }
        let daemon = site.start();
        say(&format!("{:?}", site.script(daemon.port, "alice", "info; parts; help").expect(0)));
        password_file(&site, "alice", &canary(77));
        say(&format!("{:?}", site.script(daemon.port, "alice", "info")));

        // The wire: as a password, as a token, in requests that are wrong in every way.
        let ca = site.path("certs/ca.pem");
        let mut wire = Wire::open(daemon.port, &ca).expect("open");
        for number in 0..count {
            let secret = canary(1000 + number);
            let request = match number % 8 {
                0 => json!({"op": "login", "user": "alice", "password": secret}),
                1 => json!({"op": "login", "user": "alice", "token": secret}),
                2 => json!({"op": "login", "user": 7, "password": secret}),
                3 => json!({"op": "login", "password": secret}),
                4 => json!({"op": "login", "user": "alice", "password": [secret]}),
                5 => json!({"op": "stat", "path": "/", "password": secret}),
                6 => json!({"op": "fly", "password": secret}),
                _ => json!({"op": "login", "user": "bob", "password": secret, "token": secret}),
            };
            match wire.ask(request) {
                Ok(answer) => say(&answer.to_string()),
                Err(end) => {
                    say(&end);
                    wire = Wire::open(daemon.port, &ca).expect("open");
                }
            }
            if number % 50 == 0 {
                let torn = format!(r#"{{"id":9,"op":"login","user":"alice","password":"{secret}"#);
                wire.raw(&frame(1, torn.as_bytes())).expect("open");
                say(&wire.until_closed());
                wire = Wire::open(daemon.port, &ca).expect("open");
            }
        }
        // The guests' time runs out too.
        drop(wire);
        say(&daemon.log());
        daemon.signal(rustix::process::Signal::HUP);
        daemon.wait_for("reloaded");
        say(&daemon.log());
        drop(daemon);
        over.raise();
        watcher.join().expect("it looked")
    });
    assert!(seen.is_empty(), "{seen:?}");
    let said = said.into_inner().expect("whole");
    let (refused, where_) = (said.matches("login_refused").count(), said.find(MARK));
    assert!(where_.is_none(), "{}", &said[where_.unwrap_or(0).saturating_sub(300)..]);
    assert!(refused > 0 && said.contains("session"), "the debug log is among what was looked at");
    let all = files(&site.path(""));
    assert!(all.iter().any(|file| file.ends_with("log/login.log")), "{all:?}");
    for file in all {
        let bytes = fs::read(&file).expect("readable");
        assert!(!has_mark(&bytes), "{}: {}", file.display(), String::from_utf8_lossy(&bytes));
    }
    println!("trials: {count}");
}

#[test]
fn no_option_takes_a_password() {
    let site = Site::new();
    for line in [["create", "alice", "--password=canary"], ["create", "alice", "--password-file="]] {
        let ran = site.admin(&line, "");
        assert_ne!(ran.code, 0, "{line:?}: {ran:?}");
    }
    let ran = site.admin(&["setup", "alice", "--password", "canary"], "");
    assert_eq!(ran.code, 2, "a word behind --password is not a password: {ran:?}");
    for option in ["-p", "--password", "--pass", "-w", "--token"] {
        let mut command = Command::new(binary("ftp-cli"));
        command.args(["-s", "127.0.0.1", "-u", "alice", option, "canary", "-c", "pwd"]);
        assert_eq!(run(command, "").code, 2, "{option}");
    }
}

#[test]
fn no_image_of_the_daemons_memory_is_written() {
    let site = Site::new();
    let daemon = site.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).expect("there");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    // The hard limit too; what takes dumps through a pipe, as systemd's does, goes by it as well.
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}
