//! The kernel's wall around the daemon: what a jail that leaks still cannot do, and that all the daemon itself has to do goes on.

use ftp_tests::accounts;
use ftp_tests::binaries::{binary, example};
use ftp_tests::landlock::has_landlock;
use ftp_tests::site::{Daemon, Site, eventually, run};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

/// Starts a daemon whose jail leaks, has somebody log in, and says how each attempt ended.
fn leaks(config: &str) -> (Site, BTreeMap<String, String>) {
    let site = Site::with_config(config);
    site.user("alice", "1M");
    let foreign = site.path("foreign");
    fs::create_dir(&foreign).expect("made");
    fs::write(foreign.join("secret"), "xyzzy").expect("written");
    fs::write(foreign.join("victim"), "alive").expect("written");
    let mut command = Command::new(example("leaky_daemon"));
    command.arg("-c").arg(site.config()).env("FTPD_LEAK", &foreign);
    let daemon = Daemon::spawn(command);
    let _served = site.script(daemon.port, "alice", "put ../ftp-daemon.ron; ls").expect(0);
    daemon.wait_for("leak: that was all");
    let log = daemon.log();
    let told = log.lines().filter_map(|line| line.strip_prefix("leak: ")?.split_once(": "));
    let told = told.map(|(what, how)| (what.to_owned(), how.to_owned())).collect();
    (site, told)
}

#[test]
fn a_jail_that_leaks_meets_a_wall() {
    if !has_landlock() {
        return;
    }
    let (site, told) = leaks("");
    for (what, how) in &told {
        let expected = if what == "write below users" { "done" } else { "PermissionDenied" };
        assert_eq!(how, expected, "{what}");
    }
    assert_eq!(told.len(), 12, "{told:?}");
    assert!(!site.path("foreign/planted").exists() && site.path("foreign/victim").exists());

    // Without the wall all of it succeeds: that is what it keeps off.
    let (site, told) = leaks("sandbox: false,");
    for (what, how) in &told {
        let expected = if what == "connect" { "ConnectionRefused" } else { "done" };
        assert_eq!(how, expected, "{what}");
    }
    assert!(site.path("foreign/planted").exists() && !site.path("foreign/victim").exists());
}

/// The threads of a daemon by whether they gave up new privileges, as whoever raises a wall has to.
fn threads(daemon: &Daemon) -> BTreeMap<String, bool> {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("it runs");
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.expect("a thread").path().join("status")).expect("there");
            let field = |name: &str| {
                status.lines().find_map(|line| line.strip_prefix(name)).expect("a field").trim().to_owned()
            };
            (field("Name:"), field("NoNewPrivs:") == "1")
        })
        .collect()
}

#[test]
fn no_thread_is_outside() {
    if !has_landlock() {
        return;
    }
    let (inside, outside) = (Site::new(), Site::with_config("sandbox: false,"));
    let (walled, free) = (inside.start(), outside.start());
    walled.wait_for("landlock ABI");
    free.wait_for("no sandbox, as the config says");
    let found = threads(&walled);
    assert!(found.len() >= 8 && found.values().all(|inside| *inside), "{found:?}");
    for name in ["ftp-daemon", "signals", "accounts", "login-0", "disk-0"] {
        assert!(found.contains_key(name), "{name}: {found:?}");
    }
    // Where the tests themselves run without new privileges, this has nothing to tell.
    if fs::read_to_string("/proc/self/status").expect("there").contains("NoNewPrivs:\t0") {
        let found = threads(&free);
        assert!(found.values().all(|inside| !inside), "{found:?}");
    }
}

#[test]
fn what_a_reload_reads_may_be_replaced_by_then() {
    let site = Site::new();
    site.set_accounts(&accounts::of(["alice"]));
    // The certificate is where a link leads, out of all other folders, and it is the folder of that which gets the new one.
    let (live, archive) = (site.path("live"), tempfile::tempdir().expect("a folder"));
    fs::create_dir(&live).expect("made");
    let place = |number: u32| {
        for (name, link) in [("server.pem", "cert"), ("server.key", "key")] {
            let file = archive.path().join(format!("{link}{number}"));
            fs::copy(site.path("certs").join(name), &file).expect("copied");
            let new = live.join(format!("{link}.new"));
            symlink(file, &new).expect("linked");
            fs::rename(new, live.join(link)).expect("replaced");
        }
    };
    place(1);
    let config = |more: &str| {
        let text = fs::read_to_string(site.config()).expect("there");
        let text = text.replace("certs/server.pem", "live/cert").replace("certs/server.key", "live/key");
        let new = site.path("new.ron");
        fs::write(&new, text.replace("data: \"var\",", &format!("data: \"var\", {more}"))).expect("written");
        fs::rename(new, site.config()).expect("replaced");
    };
    config("");
    let daemon = site.start();
    let _served = site.script(daemon.port, "alice", "pwd").expect(0);

    // All at once: config, certificate, accounts, logs.
    place(2);
    config("limits: (idle_seconds: 77),");
    site.set_accounts(&accounts::of(["alice", "bob"]));
    let log = site.path("var/log/login.log");
    fs::rename(&log, site.path("var/log/login.log.1")).expect("rotated");
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded limits=true certificate=true users=true");
    assert!(!daemon.log().contains("bad"), "{}", daemon.log());
    let work = "put ../ftp-daemon.ron; mkdir d; mv ftp-daemon.ron d/x; mv d/x y; get y; rm y; rmdir d";
    let _served = site.script(daemon.port, "bob", work).expect(0);
    eventually("the new log has the login", || {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("user=bob"))
    });

    // Without a signal, as ftp-admin does it.
    site.set_accounts(&accounts::of(["bob", "carol"]));
    eventually("carol is known", || site.script(daemon.port, "carol", "pwd").code == 0);
}

#[test]
fn a_certificate_out_of_reach_is_told_with_what_to_do() {
    if !has_landlock() {
        return;
    }
    let site = Site::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    for name in ["server.pem", "server.key"] {
        fs::copy(site.path("certs").join(name), elsewhere.path().join(name)).expect("copied");
    }
    let daemon = site.start();
    let text = fs::read_to_string(site.config()).expect("there");
    let moved = text.replace("\"certs/", &format!("\"{}/", elsewhere.path().display()));
    fs::write(site.config(), moved).expect("written");
    daemon.signal(Signal::HUP);
    daemon.wait_for("the certificate is bad; the old one stays");
    daemon.wait_for(REPLACED);
    drop(daemon);
    let _restarted = site.start();
}

/// What is said when the wall is in the way.
const REPLACED: &str = "the sandbox was put up at the start for the folders that were there then: if one of them was replaced, or another is meant now, restart the daemon (systemctl restart ftp-daemon)";

#[test]
fn a_folder_that_was_replaced_is_told_with_what_to_do() {
    if !has_landlock() {
        return;
    }
    // Without the wall a new folder is as good as the old one.
    for (more, in_force) in [("", true), ("sandbox: false,", false)] {
        let (site, elsewhere) = (Site::with_config(more), tempfile::tempdir().expect("a folder"));
        let certs = elsewhere.path().join("certs");
        fs::rename(site.path("certs"), &certs).expect("moved");
        let text = fs::read_to_string(site.config()).expect("there");
        let moved = text.replace("\"certs/", &format!("\"{}/", certs.display()));
        fs::write(site.config(), moved).expect("written");
        let daemon = site.start();
        let old = elsewhere.path().join("certs.old");
        fs::rename(&certs, &old).expect("moved");
        fs::create_dir(&certs).expect("made");
        for name in ["server.pem", "server.key"] {
            fs::copy(old.join(name), certs.join(name)).expect("copied");
        }
        daemon.signal(Signal::HUP);
        daemon.wait_for("reloaded");
        let log = daemon.log();
        let line = log.lines().find(|line| line.contains("the certificate is bad; the old one stays"));
        assert_eq!(line.is_some_and(|line| line.contains(REPLACED)), in_force, "{log}");
        assert_eq!(log.contains("Permission denied"), in_force, "{log}");
    }
    // What is bad by itself is not blamed on the wall.
    let site = Site::new();
    let daemon = site.start();
    fs::write(site.path("certs/server.pem"), "none\n").expect("written");
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded");
    assert!(daemon.log().contains("the certificate is bad") && !daemon.log().contains(REPLACED));
}

#[test]
fn the_check_says_what_would_be_in_force() {
    let check = |site: &Site| {
        let mut command = Command::new(binary("ftp-daemon"));
        command.arg("-c").arg(site.config()).arg("--check");
        run(command, "").expect(0).err
    };
    let site = Site::new();
    site.set_accounts(&accounts::of(["alice"]));
    let told = check(&site);
    assert!(told.contains("landlock ABI ") || told.contains("no landlock ("), "{told}");
    site.write_config("sandbox: false,");
    assert!(check(&site).contains("no sandbox, as the config says"));
}
