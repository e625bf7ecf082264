//! Each exit code, by every kind of cause that leads to it; the last line of stderr says what to do, or what happened.

use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Ran, Site, eventually, run};
use ftp_tests::stage::Stage;
use serde_json::json;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn place() -> (Site, Daemon) {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    fs::write(site.work().join("small"), "small").expect("written");
    (site, daemon)
}

/// Runs commands, which end with this code.
fn ends(site: &Site, port: u16, code: i32, commands: &str) -> Ran {
    let ran = site.script(port, "alice", commands);
    assert_eq!(ran.code, code, "{commands}: {ran:?}");
    if code != 0 {
        assert!(!ran.err.trim().is_empty(), "{commands} says why");
    }
    ran
}

/// The same with more arguments, and without anything that [`Site::cli`] says.
fn bare(site: &Site, arguments: &[&str]) -> Ran {
    let mut command = Command::new(ftp_tests::binaries::binary("ftp-cli"));
    command.current_dir(site.work()).env("HOME", site.path("home")).args(arguments);
    for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    run(command, "")
}

#[test]
fn code_0_is_for_what_was_done_and_for_what_may_fail() {
    let (site, daemon) = place();
    for commands in
        ["", "pwd", "put small; ls; get -o again small", "-rm nothing; -get nothing", "pwd; exit", "q"]
    {
        ends(&site, daemon.port, 0, commands);
    }
    // What is there already and the same is done.
    ends(&site, daemon.port, 0, "put small; put small");
    for option in ["--help", "--version"] {
        assert_eq!(bare(&site, &[option]).code, 0);
    }
}

#[test]
fn code_1_is_for_whatever_has_no_code_of_its_own() {
    let (site, daemon) = place();
    let mut command = site.cli(daemon.port, "alice");
    command.args(["-c", "help"]).stdin(Stdio::null()).stderr(Stdio::piped());
    command.stdout(File::options().write(true).open("/dev/full").expect("there"));
    let ran = Ran::from(command.output().expect("it runs")).expect(1);
    assert_eq!(ran.err.lines().next(), Some("cannot write to stdout: No space left on device (os error 28)"));
}

#[test]
fn code_2_is_for_what_is_not_understood() {
    let (site, daemon) = place();
    for commands in ["gte x", "get", "pwd 'x", "ls --nonsense"] {
        ends(&site, daemon.port, 2, commands);
    }
    for arguments in [
        &["--nonsense"][..],
        &["-c", "pwd"],
        &["-u", "alice", "--no-input", "-c", "pwd"],
        &["-u", "alice", "-c", "pwd", "--password-file", "nowhere"],
        &["--config", "nowhere"],
        &["-P", "x"],
    ] {
        let ran = bare(&site, arguments);
        assert!(ran.code == 2 && ran.err.starts_with("ftp-cli: "), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn code_3_is_for_a_connection_that_is_not_there_or_is_lost() {
    let (site, daemon) = place();
    let wire = Proxy::new(daemon.port);
    sample::file(&site.work().join("large"), 1, 900_000);
    wire.restart(500_000, u64::MAX);
    let mut command = site.cli(wire.port, "alice");
    command.args(["--retries", "none", "-c", "put large"]);
    let ran = run(command, "").expect(3);
    assert!(ran.err.contains("connection"), "{ran:?}");
    let port = daemon.port;
    drop(daemon);
    let ran = ends(&site, port, 3, "pwd");
    assert!(ran.err.contains("is the daemon running"), "{ran:?}");
    let ran =
        bare(&site, &["-s", "no-such-host.invalid", "-u", "alice", "--password-file", "small", "-c", "pwd"]);
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[test]
fn code_4_is_for_a_login_that_is_refused() {
    let (site, daemon) = place();
    fs::write(site.path("alice.pw"), "not the password\n").expect("written");
    let ran = ends(&site, daemon.port, 4, "pwd");
    assert!(ran.err.starts_with("ftp-cli: "), "{ran:?}");
}

#[test]
fn code_5_is_for_a_server_that_is_not_trusted() {
    let (site, daemon) = place();
    let port = daemon.port.to_string();
    let password = site.path("alice.pw");
    let common =
        ["-P", &port, "-u", "alice", "--password-file", password.to_str().expect("UTF-8"), "-c", "pwd"];
    let other = format!("SHA256:{}", "A".repeat(43));
    let ran = bare(&site, &common).expect(5);
    assert!(ran.err.trim_end().ends_with("use --ca, --fingerprint or --accept-new"), "{ran:?}");
    bare(&site, &[&common[..], &["--fingerprint", &other]].concat()).expect(5);
    let folder = site.path("home/.local/share/ftp-cli");
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join("known_hosts"), format!("127.0.0.1:{port} {other}\n")).expect("written");
    let ran = bare(&site, &[&common[..], &["--accept-new"]].concat()).expect(5);
    assert!(ran.err.trim_end().ends_with(&format!("ftp-cli --forget 127.0.0.1:{port}")), "{ran:?}");
}

#[test]
fn code_6_is_for_what_is_not_there() {
    let (site, daemon) = place();
    for commands in [
        "get nothing",
        "put nothing",
        "rm nothing",
        "cd nothing",
        "rmdir nothing",
        "sum nothing",
        "ls nothing",
    ] {
        let ran = ends(&site, daemon.port, 6, commands);
        assert!(ran.err.contains("nothing"), "{ran:?}");
    }
    assert_eq!(bare(&site, &["--forget", "nowhere:1"]).code, 6);
}

#[test]
fn code_7_is_for_what_may_not_be_done() {
    let (site, daemon) = place();
    ends(&site, daemon.port, 0, "mkdir d; put -o d/small small; put small");
    for commands in ["mkdir d", "rmdir d", "mkdir small/x", "mv small d/small", "mkdir 'a\u{1}'"] {
        ends(&site, daemon.port, 7, commands);
    }
    // A name that no client could have given it.
    ends(&site, daemon.port, 0, "mkdir odd");
    fs::write(site.home_of("alice").join("odd/a\tb"), "").expect("written");
    let ran = ends(&site, daemon.port, 7, "rm -rf odd");
    assert!(ran.err.contains("a name that cannot be listed"), "{ran:?}");
    // A file here where a folder should be.
    for commands in ["get -o small/x small", "get -r -o small d", "put small/x", "lcd small"] {
        let ran = ends(&site, daemon.port, 7, commands);
        assert!(!ran.err.contains("os error"), "{commands}: {ran:?}");
    }
}

#[test]
fn code_8_is_for_a_quota_that_is_full() {
    let (site, daemon) = place();
    sample::file(&site.work().join("large"), 1, 3 << 20);
    let ran = ends(&site, daemon.port, 8, "put large");
    assert!(ran.err.contains("Nothing was sent"), "{ran:?}");
}

#[test]
fn code_9_is_for_bytes_that_are_not_what_they_should_be() {
    let stage = Stage::new();
    // The hash that the server says is not that of what it sent.
    let name = (0..100)
        .map(|n| format!("g{n}"))
        .find(|name| ftp_tests::evil::case_of(name) == Some("a download: a wrong root"));
    let mut command = stage.client();
    command.args(["-c", &format!("get {}", name.expect("there is one"))]);
    run(command, "").expect(9);
}

#[test]
fn code_130_is_for_ctrl_c_even_where_errors_are_passed_over() {
    let (site, daemon) = place();
    let wire = Proxy::new(daemon.port);
    sample::file(&site.work().join("large"), 1, 900_000);
    wire.restart(u64::MAX, 300_000);
    let mut command = site.cli(wire.port, "alice");
    command.args(["-k", "-c", "-put large; mkdir never"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    eventually("the upload is under way", || wire.total() > 300_000);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let ran = Ran::from(child.wait_with_output().expect("it ends")).expect(130);
    assert!(
        ran.err.contains("the same command goes on") || ran.err.contains("goes on from there"),
        "{ran:?}"
    );
    assert!(!site.home_of("alice").join("never").exists());
}

#[test]
fn the_first_failure_names_the_code_of_a_script_that_goes_on() {
    let (site, daemon) = place();
    let mut command = site.cli(daemon.port, "alice");
    command.args(["-k", "-c", "get nothing; gte x; mkdir d; mkdir d"]);
    run(command, "").expect(6);
    assert!(site.home_of("alice").join("d").exists());
    // Without -k, nothing is done after it.
    ends(&site, daemon.port, 6, "get nothing; mkdir e");
    assert!(!site.home_of("alice").join("e").exists());
}

/// The answer to the login, or to the first command, comes just after it.
#[test]
fn ctrl_c_between_two_commands_is_not_forgotten() {
    let (now, done) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU64::new(0)));
    let (round, counter) = (Arc::clone(&now), Arc::clone(&done));
    let stage = Stage::answering(move |hand| {
        if hand.op == "login" {
            // The client may be quicker than who began it.
            eventually("it is known who this is", || round.lock().expect("whole").is_some());
        }
        // What a client that is gone had still asked for is nobody's.
        let Some((client, interrupted)) = *round.lock().expect("whole") else { return Ok(None) };
        if hand.op == interrupted {
            rustix::process::kill_process(client, rustix::process::Signal::INT)?;
            // So long the client's thread for signals may take, and so soon nobody looks whether there was one.
            std::thread::sleep(Duration::from_millis(20));
        }
        if hand.op != "mkdir" {
            return Ok(None);
        }
        counter.fetch_add(1, Ordering::Relaxed);
        hand.ok(json!({})).map(Some)
    });
    for (most, op) in [(0, "login"), (1, "mkdir")].into_iter().cycle().take(20) {
        done.store(0, Ordering::Relaxed);
        let mut command = stage.client();
        command.args(["-c", "mkdir a; mkdir b"]).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        *now.lock().expect("whole") = Some((rustix::process::Pid::from_child(&child), op));
        let code = child.wait().expect("ours").code();
        *now.lock().expect("whole") = None;
        assert_eq!((code, done.load(Ordering::Relaxed)), (Some(130), most), "at {op}");
    }
}
