//! Where no person is: nothing is asked, nothing drives a terminal, and who stops listening is not shouted at.

use ftp_tests::binaries::binary;
use ftp_tests::process::watch;
use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Site, run};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

fn place() -> (Site, Daemon) {
    let site = Site::with_config("limits: (penalty_exempt: [\"127.0.0.1\"]),");
    site.user("alice", "10M");
    let daemon = site.start();
    fs::write(site.path("cli.ron"), "()").expect("written");
    (site, daemon)
}

/// A client's command line, as a shell has it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("'{}'", word.to_str().expect("UTF-8"))).collect::<Vec<_>>().join(" ")
}

#[test]
fn off_a_terminal_nothing_drives_one() {
    let (site, daemon) = place();
    sample::file(&site.work().join("large"), 1, 3_000_000);
    sample::file(&site.work().join("larger"), 2, 30_000_000);
    let names = ["a\u{202e}b", "tab\there", "bell\u{7}", "wide 日本語", "new\nline"];
    fs::create_dir(site.work().join("tree")).expect("made");
    for (seed, name) in names.iter().enumerate() {
        sample::file(&site.work().join("tree").join(name), seed as u64, 1000);
    }
    std::os::unix::fs::symlink("nowhere", site.work().join("tree/link")).expect("made");
    let commands = "help; help get; info; quota; pwd; lpwd; lls; mkdir d; cd d; put large; put large md5; ls; ls -l; ls -1; \
        get -o back large; get -o back large; sum large; md5 large; mv large l; rm l; cd; rmdir d; put -r tree; get -r -o down tree; \
        parts; put larger; gte x; ls --bad; get nothing; rm tree; rmdir tree; put nothing; cd nothing; -rm nothing; \
        'bad\u{1b}[2J' x; get 'x\u{202e}y'; mkdir '\u{1b}]0;title\u{7}'; lcd nowhere; pwd 'x";
    let commands = commands.split(';').map(str::trim).collect::<Vec<_>>().join("\n");
    fs::write(site.work().join("all"), commands).expect("written");
    let wire = Proxy::new(daemon.port);
    let clean = |port: u16, arguments: &[&str], more: &[&str]| {
        let mut command = site.cli(port, "alice");
        command.args(arguments).args(more);
        for (name, value) in [("TERM", "xterm"), ("COLUMNS", "80"), ("CLICOLOR_FORCE", "1")] {
            command.env(name, value);
        }
        let watched = watch(command, Duration::from_secs(120));
        let text = String::from_utf8(watched.wrote).expect("UTF-8");
        // U+FFFD stands for what nobody had escaped.
        let bad =
            text.lines().find(|line| line.chars().any(|c| c.is_control() || "\u{202e}\u{fffd}".contains(c)));
        assert!(bad.is_none(), "{more:?}: {bad:?}");
        (watched.ran.code, text)
    };
    for more in [&["--progress=always"][..], &["--progress=always", "-j"], &["-q"], &[]] {
        let (code, text) = clean(daemon.port, &["-k", "-b", "all"], more);
        assert!(code > 0 && text.len() > 500, "{code}: {text}");
        site.script(daemon.port, "alice", "-rm d/l; -rm d/large; -rmdir d").expect(0);
        fs::remove_dir_all(site.home_of("alice").join("tree")).ok();
        fs::remove_dir_all(site.work().join("down")).ok();
        fs::remove_file(site.work().join("back")).ok();
        if more.contains(&"-q") {
            continue;
        }
        // A lost connection is said too.
        wire.restart(1_000_000, u64::MAX);
        let (code, text) = clean(wire.port, &["--retries", "1", "-c", "put large"], more);
        assert!(code == 3 && text.contains("connection"), "{code}: {text}");
    }
}

#[test]
fn nothing_is_ever_asked_where_nobody_can_answer() {
    let (site, daemon) = place();
    let port = daemon.port.to_string();
    let ca = site.path("certs/ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    let password = site.path("alice.pw");
    let password = password.to_str().expect("UTF-8");
    let known = ["-s", "127.0.0.1", "-P", port.as_str()];
    let cases: [(&[&str], i32, &str); 4] = [
        // The server is new.
        (
            &["-u", "alice", "--password-file", password, "-c", "pwd"],
            5,
            "use --ca, --fingerprint or --accept-new",
        ),
        // There is no password.
        (&["--ca", ca, "-u", "alice", "-c", "pwd"], 2, "--password-file"),
        // There is no user.
        (&["--ca", ca, "-c", "pwd"], 2, "-u USER"),
        // There is nothing to do.
        (&["--ca", ca, "--no-input"], 2, "-u USER"),
    ];
    // setsid: there is no terminal behind /dev/tty either.
    for (arguments, code, flag) in cases {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(binary("ftp-cli")).args(known).args(arguments);
        command.current_dir(site.work()).env("HOME", site.path("home"));
        let ran = run(command, "");
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(flag), "{flag} for {arguments:?}: {ran:?}");
    }
}

#[test]
fn no_input_asks_nothing_at_a_terminal_either() {
    let (site, daemon) = place();
    let port = daemon.port.to_string();
    sample::file(&site.work().join("a"), 1, 1000);
    site.script(daemon.port, "alice", "put a").expect(0);
    sample::file(&site.work().join("a"), 2, 1000);
    let client = |arguments: &[&str]| {
        let mut command = Command::new(binary("ftp-cli"));
        command.current_dir(site.work()).env("HOME", site.path("home"));
        command.args(["-s", "127.0.0.1", "-P", &port, "--no-input"]).args(arguments);
        ftp_tests::screen::Screen::start(&command).end()
    };
    let ca = site.path("certs/ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    let (code, text) = client(&["--ca", ca]);
    assert!(code == 2 && text.contains("-c or -b"), "{code}: {text}");
    let (code, text) = client(&["--ca", ca, "-u", "alice", "-c", "pwd"]);
    assert!(code == 2 && text.contains("--password-file"), "{code}: {text}");
    let password = site.path("alice.pw");
    let (code, text) =
        client(&["-u", "alice", "--password-file", password.to_str().expect("UTF-8"), "-c", "pwd"]);
    assert!(code == 5 && text.contains("--accept-new"), "{code}: {text}");
}

#[test]
fn who_stops_listening_hears_no_more_and_no_panic() {
    let (site, daemon) = place();
    for number in 0..300 {
        fs::write(site.work().join(format!("a-file-with-quite-a-long-name-{number}")), "x").expect("written");
    }
    sample::file(&site.work().join("large"), 1, 3_000_000);
    site.script(daemon.port, "alice", "mkdir d; put large").expect(0);
    let many = "lls;".repeat(20);
    let client = line(&site.cli(daemon.port, "alice"));
    let run = |shell: &str| {
        let mut command = Command::new("bash");
        command.current_dir(site.work()).env("HOME", site.path("home")).args(["-c", shell]);
        command.stdin(Stdio::null());
        let ran = run(command, "");
        assert!(!ran.err.contains("panick") && !ran.out.contains("panick"), "{shell}: {ran:?}");
        ran
    };
    // bash says the client's own code in PIPESTATUS.
    for (command, head) in [
        (format!("{client} -c '{many}' | head -1"), 1),
        (format!("{client} -j -c '{many}' | head -1"), 1),
        (format!("{} --help | head -1", binary("ftp-cli").display()), 1),
        (format!("{client} -k -c '{}' 2>&1 >/dev/null | head -1", "gte;".repeat(3000)), 2),
    ] {
        let ran = run(&format!("{command}; exit ${{PIPESTATUS[0]}}"));
        assert_eq!(ran.out.lines().count(), 1, "{command}: {ran:?}");
        assert_eq!(ran.err, "", "{command}");
        // Help may be through before the pipe is closed.
        assert!(ran.code == head || (command.contains("--help") && ran.code == 0), "{command}: {ran:?}");
    }
    for closed in [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"] {
        let ran =
            run(&format!("rm -f back; {client} --progress=always -c 'ls; get -o back large; info' {closed}"));
        assert_eq!(ran.code, 0, "{closed}: {ran:?}");
        assert_eq!(sample::hash(&site.work().join("back")), sample::hash(&site.work().join("large")));
        let ran = run(&format!("{client} -c 'get nothing' {closed}"));
        assert_eq!(ran.code, 6, "{closed}: {ran:?}");
    }
}
