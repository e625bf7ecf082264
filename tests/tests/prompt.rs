//! The prompt, as a person has it: completion, questions, and programs of this side.

use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::screen::Screen;
use ftp_tests::site::{Daemon, Site, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

/// What would take the server's timeout, of 30 s, if it were waited for.
const AT_ONCE: Duration = Duration::from_secs(15);

fn site() -> (Site, Daemon) {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let home = site.home_of("alice");
    site.script(daemon.port, "alice", "mkdir docs; mkdir empty").expect(0);
    for name in ["docs/report.pdf", "docs/new notes.txt", "md5", "docs/-dash", "docs/*.x"] {
        sample::file(&home.join(name), 1, 1024);
    }
    for name in ["my file.txt", "local.txt", "it's.txt"] {
        sample::file(&site.work().join(name), 1, 1024);
    }
    (site, daemon)
}

fn at_the_prompt(site: &Site, port: u16) -> Screen {
    // Without the grey of the history, which would show names too.
    let mut screen = Screen::start_sized(site.cli(port, "alice").env("NO_COLOR", "1"), (24, 80));
    screen.wait(":/> ");
    screen
}

/// Types a line and Tab, waits for what it becomes, and clears it, with Ctrl-U.
fn completes(screen: &mut Screen, typed: &str, line: &str) {
    screen.keys(&format!("{typed}\t"));
    screen.wait(&format!("> {line}"));
    screen.keys("\x15");
}

#[test]
fn tab_completes_each_word_with_names_of_its_side() {
    let (site, daemon) = site();
    let mut screen = at_the_prompt(&site, daemon.port);
    for (typed, line) in [
        ("mkd", "mkdir "),
        ("help mkd", "help mkdir "),
        ("cd do", "cd docs/"),
        ("get docs/re", "get docs/report.pdf "),
        ("get docs/new", "get docs/new\\ notes.txt "),
        ("get \"docs/ne", "get \"docs/new notes.txt\" "),
        ("get 'docs/ne", "get 'docs/new notes.txt' "),
        ("rm docs/*", "rm docs/\\*.x "),
        ("ls; rm docs/re", "ls; rm docs/report.pdf "),
        ("get md", "get ./md5 "),
        ("get docs/report.pdf md", "get docs/report.pdf ./md5 "),
        ("get -o lo", "get -o local.txt "),
        ("get -o local.txt docs/re", "get -o local.txt docs/report.pdf "),
        ("put my", "put my\\ file.txt "),
        ("put \"my f", "put \"my file.txt\" "),
        ("put it", "put it\\'s.txt "),
        ("put -o docs/re", "put -o docs/report.pdf "),
        ("parts cl", "parts clean "),
        ("!cat my", "!cat my\\ file.txt "),
        ("lls lo", "lls local.txt "),
    ] {
        completes(&mut screen, typed, line);
    }
    // What was completed is understood, and a name like an option is none.
    screen.type_and_wait("cd docs", ":/docs> ");
    completes(&mut screen, "get ./-", "get ./-dash ");
    screen.keys("get ./-\t\n");
    screen.wait("verified");
    screen.wait(":/docs> ");
    screen.keys("get *.\t\n");
    screen.wait("verified");
    screen.wait(":/docs> ");
    assert!(site.work().join("-dash").exists() && site.work().join("*.x").exists());
    // What was made just now is known.
    screen.type_and_wait("mkdir quite-new", ":/docs> ");
    completes(&mut screen, "rmdir qu", "rmdir quite-new/");
    screen.type_and_wait("rmdir quite-new", ":/docs> ");
    screen.keys("rmdir qu\t");
    screen.wait("rmdir qu\u{7}");
    screen.keys("\x15");
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
}

#[test]
fn tab_does_not_wait_for_a_server_that_is_slow() {
    let (site, daemon) = site();
    let wire = Proxy::new(daemon.port);
    let mut screen = at_the_prompt(&site, wire.port);
    for round in 0..3 {
        wire.restart(u64::MAX, 0);
        let began = Instant::now();
        screen.keys("get docs/re\tx");
        screen.wait("get docs/re\u{7}x");
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        screen.keys("\x15");
        if round == 1 {
            // Of another directory, while the first is still under way.
            screen.keys("get emp\ty");
            screen.wait("get emp\u{7}y");
            screen.keys("\x15");
        }
        wire.restart(u64::MAX, u64::MAX);
        if round == 2 {
            // What came late is there now.
            screen.keys("get docs/re\t");
            screen.wait("get docs/report.pdf ");
            screen.keys("\x15");
        }
        // The connection is the same, and what is late gets in nobody's way.
        assert!(screen.type_and_wait("ls docs", ":/> ").contains("report.pdf"));
        assert!(screen.type_and_wait("pwd", ":/> ").contains("\n/\r"));
        // After a change nothing that was listed before is good any more.
        screen.type_and_wait(&format!("mkdir made{round}"), ":/> ");
    }
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
    let log = fs::read_to_string(site.path("var/log/login.log")).expect("a log");
    assert_eq!(log.matches("event=login").count(), 2, "one of the site, one of the screen: {log}");
}

#[test]
fn a_pattern_is_counted_before_anything_is_removed() {
    let (site, daemon) = site();
    let home = site.home_of("alice");
    for name in ["a.log", "b.log", "c.log"] {
        sample::file(&home.join(name), 1, 1024);
    }
    let mut screen = at_the_prompt(&site, daemon.port);
    screen.type_and_wait("rm *.log", "3 files, 3.0 KiB. Remove them? [y/N] ");
    screen.type_and_wait("n", "nothing was removed");
    assert!(home.join("a.log").exists());
    screen.wait(":/> ");
    screen.type_and_wait("rm *.log", "Remove them? [y/N] ");
    screen.type_and_wait("y", "3 files removed, 3.0 KiB freed");
    assert!(!home.join("a.log").exists());
    screen.wait(":/> ");
    screen.type_and_wait("rm -r docs", "4 files in 1 directory, 4.0 KiB. Remove them? [y/N] ");
    screen.type_and_wait("exit", "Logged out");
    assert!(screen.end().0 == 0 && home.join("docs/report.pdf").exists());
}

#[test]
fn ctrl_c_reaches_the_program_that_has_the_terminal() {
    let (site, daemon) = site();
    let mut screen = at_the_prompt(&site, daemon.port);
    screen.keys("!echo r''eady; sleep 60\n");
    screen.wait("ready");
    let began = Instant::now();
    screen.keys("\x03");
    assert!(screen.wait(":/> ").contains("stopped"));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    // One that does not mind gets it as often as it is pressed, and we do not leave.
    screen.keys("!trap 'echo c''aught' INT; echo r''eady; for i in 1 2 3 4; do sleep 1; done; echo d''one\n");
    screen.wait("ready");
    screen.keys("\x03");
    screen.wait("caught");
    screen.keys("\x03");
    screen.wait("caught");
    screen.wait("done");
    screen.wait(":/> ");
    // What it does to the terminal is undone.
    screen.type_and_wait("!stty -echo -icanon", ":/> ");
    let shown = screen.type_and_wait("!stty -a", ":/> ");
    assert!(shown.contains(" echo ") && shown.contains(" icanon "), "{shown}");
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
}

#[test]
fn what_was_typed_is_kept_for_nobody_else_and_no_password_is() {
    let (site, daemon) = site();
    let mut command = site.cli(daemon.port, "alice");
    let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let at = arguments.iter().position(|argument| argument == "--password-file").expect("there");
    command = std::process::Command::new(command.get_program());
    command.args(arguments.iter().enumerate().filter(|(n, _)| *n != at && *n != at + 1).map(|(_, it)| it));
    command.current_dir(site.work()).env("HOME", site.path("home")).env_remove("XDG_STATE_HOME");
    let mut screen = Screen::start(&command);
    screen.wait("password: ");
    screen.type_and_wait("password of alice", ":/> ");
    screen.type_and_wait("ls docs", ":/> ");
    screen.type_and_wait(" pwd", ":/> ");
    screen.type_and_wait("q", "login");
    screen.keys("\x04");
    screen.end();
    let file = site.path("home/.local/state/ftp-cli/history");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
    let kept = fs::read_to_string(&file).expect("text");
    assert!(kept.contains("ls docs") && !kept.contains("password") && !kept.contains("pwd"), "{kept}");
    // It is there the next time, in grey where there is colour.
    let mut screen = Screen::start(&command);
    screen.wait("password: ");
    screen.type_and_wait("password of alice", ":/> ");
    screen.keys("ls");
    screen.wait("ls docs");
    assert!(screen.raw().windows(5).any(|bytes| bytes == b"\x1b[90m"));
    drop(screen);
    let mut screen = Screen::start(command.env("NO_COLOR", "1"));
    screen.wait("password: ");
    screen.type_and_wait("password of alice", ":/> ");
    screen.type_and_wait("ls empty", "0 files");
    assert!(!screen.raw().windows(5).any(|bytes| bytes == b"\x1b[90m"));
}

#[test]
fn help_and_listings_fit_the_screen() {
    let (site, daemon) = site();
    let mut screen = at_the_prompt(&site, daemon.port);
    let help = screen.type_and_wait("help", ":/> ");
    for group in ["Files ", "Transfer ", "Check ", "Local ", "Session "] {
        assert!(help.lines().any(|line| line.starts_with(group)), "{group} in {help}");
    }
    assert!(help.lines().count() < 24, "{help}");
    assert_eq!(screen.type_and_wait("?", ":/> ").lines().count(), help.lines().count());
    let about = screen.type_and_wait("help get", ":/> ");
    assert!(about.contains("-o LOCAL") && about.contains("For example:"), "{about}");
    let ls = screen.type_and_wait("ls", ":/> ");
    assert!(ls.contains("docs/  empty/  md5\r\n1 file, 1.0 KiB, 2 directories\r\n"), "{ls:?}");
    let long = screen.type_and_wait("ls -l docs", ":/> ");
    assert!(long.lines().any(|line| line.contains(" 1.0 KiB  20") && line.ends_with("report.pdf")), "{long}");
    screen.keys("exit\n");
    screen.end();
    let mut piped = site.cli(daemon.port, "alice");
    piped.args(["-c", "ls"]);
    assert_eq!(run(piped, "").expect(0).out, "docs/\nempty/\nmd5\n");
}
