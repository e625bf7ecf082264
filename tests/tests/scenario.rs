//! The user's own scenario at a terminal, read from the screen.

use ftp_tests::binaries::binary;
use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::screen::Screen;
use ftp_tests::site::{Site, eventually};
use rustix::process::Signal;
use std::process::Command;
use std::time::{Duration, Instant};

fn cli(site: &Site, port: u16) -> Command {
    let mut command = Command::new(binary("ftp-cli"));
    command.current_dir(site.work()).env("HOME", site.path("home"));
    command.args(["-s", "127.0.0.1", "-P", &port.to_string(), "--config"]).arg(site.path("cli.ron"));
    command
}

#[test]
fn a_person_creates_users_logs_in_and_moves_a_pdf() {
    let site = Site::new();
    std::fs::write(site.path("cli.ron"), "(download: \"down/{user}\", upload: \"upload/{user}\")")
        .expect("written");
    std::fs::create_dir_all(site.path("work/upload/test")).expect("made");
    let pdf = site.path("work/upload/test/report.pdf");
    sample::file(&pdf, 1, 3_000_000);
    let md5 = Command::new("md5sum").arg(&pdf).output().expect("coreutils");
    let md5 = String::from_utf8_lossy(&md5.stdout)[..32].to_owned();

    // The administrator, who types the password at a terminal of their own.
    let mut admin = Command::new(binary("ftp-admin"));
    admin.arg("-c").arg(site.config()).args(["create", "test", "--quota", "10M"]);
    let mut screen = Screen::start(&admin);
    screen.wait("assword");
    screen.keys("123\n");
    screen.wait("12 characters");
    drop(screen);
    admin.arg("--weak");
    let mut screen = Screen::start(&admin);
    screen.wait("assword");
    screen.keys("123\n");
    screen.wait("gain");
    screen.keys("123\n");
    screen.wait("Created test");
    let (code, text) = screen.end();
    assert!(code == 0 && !text.contains("123\r"), "a password is not shown: {text}");
    site.user("other", "none");
    let daemon = site.start();
    let fingerprint = site.admin(&["fingerprint"], "").expect(0).out.trim().to_owned();

    let mut screen = Screen::start(&cli(&site, daemon.port));
    screen.wait("new to you");
    screen.wait(&fingerprint);
    screen.type_and_wait("perhaps", "Please type yes");
    screen.wait("fingerprint): ");
    screen.type_and_wait("yes", "login: ");
    screen.type_and_wait("q", "login (Ctrl-D leaves): ");
    screen.type_and_wait("test", "password: ");
    screen.type_and_wait("q", "login (Ctrl-D leaves): ");
    screen.type_and_wait("test", "password: ");
    screen.type_and_wait("wrong", "not");
    screen.type_and_wait("test", "password: ");
    let login = screen.type_and_wait("123", "test@127.0.0.1:/> ");
    assert!(
        login.contains("Welcome, test.") && login.contains("of 10.0 MiB used") && !login.contains("123"),
        "{login}"
    );

    let help = screen.type_and_wait("help", ":/> ");
    for command in
        ["help", "info", "ls", "pwd", "cd", "get", "put", "md5", "mkdir", "rmdir", "rm", "exit", "q"]
    {
        assert!(help.split_whitespace().any(|word| word == command), "{command} in {help}");
    }
    let info = screen.type_and_wait("info", ":/> ");
    for part in ["TLSv1.3", "X25519MLKEM768", fingerprint.as_str(), "10.0 MiB", "test"] {
        assert!(info.contains(part), "{part} in {info}");
    }
    assert!(screen.type_and_wait("pwd", ":/> ").contains("\n/\r"));
    let refused = screen.type_and_wait("mkdir a/b/c", ":/> ");
    assert!(refused.contains("/a/b/c: there is no directory /a/b"), "{refused}");
    screen.type_and_wait("mkdir docs", ":/> ");
    screen.type_and_wait("cd docs", ":/docs> ");
    assert!(screen.type_and_wait("pwd", ":/docs> ").contains("\n/docs\r"));
    let put = screen.type_and_wait("put report.pdf md5", ":/docs> ");
    assert!(put.contains("100%") && put.contains("verified") && put.contains(&md5), "{put}");
    let ls = screen.type_and_wait("ls", ":/docs> ");
    assert!(ls.contains("report.pdf") && ls.contains("2.8 MiB") && ls.contains("1 file"), "{ls}");
    let get = screen.type_and_wait("get report.pdf", ":/docs> ");
    assert!(get.contains("[=") && get.contains("verified") && !get.contains(&md5), "{get}");
    assert_eq!(sample::hash(&site.path("work/down/test/report.pdf")), sample::hash(&pdf));
    let again = screen.type_and_wait("get report.pdf md5", ":/docs> ");
    assert!(again.contains("identical") && again.contains(&md5), "{again}");
    let again = screen.type_and_wait("put report.pdf", ":/docs> ");
    assert!(again.contains("identical"), "{again}");
    assert!(screen.type_and_wait("md5 report.pdf", ":/docs> ").contains(&md5));
    // Another file of that name is not replaced unasked.
    sample::file(&pdf, 2, 1000);
    let asked = screen.type_and_wait("put report.pdf", "[y/N/all/none] ");
    assert!(asked.contains("differs"), "{asked}");
    assert!(screen.type_and_wait("n", ":/docs> ").contains("left as it is"));
    sample::file(&pdf, 3, 9_000_000);
    screen.type_and_wait("put report.pdf", "[y/N/all/none] ");
    let full = screen.type_and_wait("y", ":/docs> ");
    assert!(full.contains("does not fit") && full.contains("Nothing was sent"), "{full}");
    assert!(screen.type_and_wait("ls", ":/docs> ").contains("2.8 MiB"), "the old file is still there");
    screen.type_and_wait("cd /", ":/> ");
    assert!(screen.type_and_wait("rmdir docs", ":/> ").contains("not empty"));
    assert!(
        screen.type_and_wait("rm docs/repotr.pdf", ":/> ").contains("report.pdf"),
        "a slip is understood"
    );
    assert!(screen.type_and_wait("rm docs/report.pdf", ":/> ").contains("removed"));
    screen.type_and_wait("rmdir docs", ":/> ");
    assert!(screen.type_and_wait("ls", ":/> ").contains("0 files"));
    assert!(screen.type_and_wait("gte x", ":/> ").contains("gte: no such command. Did you mean get?"));
    screen.type_and_wait("q", "leaves): ");
    screen.type_and_wait("other", "password: ");
    screen.type_and_wait("password of other", "other@127.0.0.1:/> ");
    assert!(screen.type_and_wait("info", ":/> ").contains("no quota"));
    screen.keys("exit\n");
    let (code, text) = screen.end();
    assert_eq!(code, 0, "{text}");

    // exit works at the login prompt and at the password prompt too, and the server is known now.
    for keys in ["exit\n", "test\nexit\n", "\x04"] {
        let mut screen = Screen::start(&cli(&site, daemon.port));
        screen.wait("login: ");
        for line in keys.split_inclusive('\n') {
            screen.keys(line);
            std::thread::sleep(Duration::from_millis(300));
        }
        let (code, text) = screen.end();
        assert!(code == 0 && !text.contains("new to you"), "{text}");
    }
    let log = std::fs::read_to_string(site.path("var/log/operate.log")).expect("a log");
    for op in ["op=mkdir", "op=put", "op=get", "op=rmdir", "op=rm"] {
        assert!(log.contains(op), "{op} in {log}");
    }
}

#[test]
fn ctrl_c_stops_a_transfer_and_keeps_the_session_and_the_part() {
    let site = Site::new();
    std::fs::write(site.path("cli.ron"), "()").expect("written");
    site.user("alice", "none");
    let daemon = site.start();
    let big = site.home_of("alice").join("big.bin");
    site.script(daemon.port, "alice", "pwd").expect(0);
    sample::file(&big, 4, 600 << 20);
    let mut command = site.cli(daemon.port, "alice");
    command.arg("--config").arg(site.path("cli.ron"));
    let mut screen = Screen::start(&command);
    screen.wait(":/> ");
    screen.keys("get big.bin\n");
    screen.wait("/600 MiB");
    screen.keys("\x03");
    let stopped = screen.wait(":/> ");
    assert!(stopped.contains("Stopped at") && stopped.contains("goes on from there"), "{stopped}");
    let part = site.path("work/big.bin.part");
    let had = std::fs::metadata(&part).expect("kept").len();
    assert!(had > 0 && !site.path("work/big.bin").exists());
    assert!(screen.type_and_wait("pwd", ":/> ").contains("\n/\r"));
    let resumed = screen.type_and_wait("get big.bin", ":/> ");
    assert!(resumed.contains("resuming.") && resumed.contains("verified"), "{resumed}");
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
    assert_eq!(sample::hash(&site.path("work/big.bin")), sample::hash(&big));
    assert!(!part.exists() && !site.path("work/big.bin.part.cv").exists());
}

#[test]
fn an_upload_over_a_dead_wire_says_that_it_is_stalled() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let wire = Proxy::new(daemon.port);
    wire.restart(u64::MAX, 8 << 20);
    sample::file(&site.path("work/big.bin"), 4, 64 << 20);
    let mut screen = at_the_prompt(&site, wire.port);
    screen.keys("put big.bin\n");
    screen.wait("stalled ");
    screen.keys("\x03");
    let stopped = screen.wait(":/> ");
    assert!(stopped.contains("Stopped at"), "{stopped}");
    screen.keys("exit\n");
    screen.end();
}

/// A client at its prompt, logged in as `alice`.
fn at_the_prompt(site: &Site, port: u16) -> Screen {
    std::fs::write(site.path("cli.ron"), "()").expect("written");
    let mut command = site.cli(port, "alice");
    command.arg("--config").arg(site.path("cli.ron"));
    let mut screen = Screen::start(&command);
    screen.wait(":/> ");
    screen
}

#[test]
fn q_and_exit_are_understood_where_a_file_might_be_replaced() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    for (name, seed) in [("a", 1), ("b", 2)] {
        sample::file(&site.path("work").join(name), seed, 1000);
    }
    site.script(daemon.port, "alice", "put a").expect(0);
    let mut screen = at_the_prompt(&site, daemon.port);
    let asked = screen.type_and_wait("put -o a b", "[y/N/all/none] ");
    assert!(asked.contains("a is on the server already"), "what would be replaced is named: {asked}");
    assert!(screen.type_and_wait("q", "leaves): ").contains("Logged out"));
    screen.type_and_wait("alice", "password: ");
    screen.type_and_wait("password of alice", ":/> ");
    screen.type_and_wait("put -o a b", "[y/N/all/none] ");
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
    assert_eq!(sample::hash(&site.home_of("alice").join("a")), sample::hash(&site.path("work/a")));
}

#[test]
fn a_removed_account_ends_at_the_login_prompt_and_locks_out_nobody_else() {
    let site = Site::new();
    site.user("alice", "none");
    site.user("bob", "none");
    let daemon = site.start();
    let tree = site.path("work/tree");
    std::fs::create_dir(&tree).expect("made");
    let fill = |seed| ["a", "b", "c"].map(|name| sample::file(&tree.join(name), seed, 1000));
    fill(1);
    site.script(daemon.port, "alice", "put -r tree").expect(0);
    fill(2);
    let mut screen = at_the_prompt(&site, daemon.port);
    screen.type_and_wait("put -r tree; ls", "[y/N/all/none] ");
    site.admin(&["rm", "alice", "--yes"], "").expect(0);
    // The first is that of the script.
    eventually("the session has ended", || login_log(&site).matches("event=logout").count() == 2);
    let over = screen.type_and_wait("all", "leaves): ");
    assert!(over.contains("has another password now, or is gone"), "{over}");
    let refused = login_log(&site).lines().filter(|line| line.contains("why=unknown_user")).count();
    assert_eq!(refused, 1, "the password is sent once more, and not for each file: {}", login_log(&site));
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
    site.script(daemon.port, "bob", "ls").expect(0);
}

fn login_log(site: &Site) -> String {
    std::fs::read_to_string(site.path("var/log/login.log")).expect("a log")
}

#[test]
fn nobody_waits_for_a_daemon_that_does_not_answer() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    sample::file(&site.path("work/big.bin"), 4, 600 << 20);
    let mut screen = at_the_prompt(&site, daemon.port);
    screen.keys("put big.bin\n");
    screen.wait("/600 MiB");
    daemon.signal(Signal::STOP);
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(1500));
    screen.keys("\x03");
    assert!(screen.wait(":/> ").contains("Stopped at"));
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}, where a network may be silent for 60 s",
        began.elapsed()
    );
    daemon.signal(Signal::CONT);

    let mut screen = at_the_prompt(&site, daemon.port);
    daemon.signal(Signal::STOP);
    let began = Instant::now();
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    daemon.signal(Signal::CONT);
}

/// The columns of a text without escapes.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{2e80}' { 2 } else { usize::from(!c.is_control()) }).sum()
}

#[test]
fn the_bar_never_leaves_its_line_whatever_the_width_and_the_name() {
    let site = Site::new();
    std::fs::write(site.path("cli.ron"), "()").expect("written");
    site.user("alice", "none");
    let daemon = site.start();
    let name = format!("{}.bin", "資料庫備份".repeat(5));
    sample::file(&site.path("work").join(&name), 4, 300 << 20);
    for width in [80, 50, 20] {
        let mut command = site.cli(daemon.port, "alice");
        command.arg("--config").arg(site.path("cli.ron"));
        let mut screen = Screen::start_at(&command, width);
        screen.wait("> ");
        screen.keys(&format!("put -o {width} {name}\n"));
        let shown = screen.wait("verified");
        screen.keys("exit\n");
        assert_eq!(screen.end().0, 0);
        let bars: Vec<_> = shown.split(['\r', '\n']).filter(|line| line.contains('%')).collect();
        assert!(bars.len() > 2, "{shown:?}");
        for bar in bars {
            assert!(columns(bar) < usize::from(width), "{width} columns: {bar:?}");
        }
    }
}
