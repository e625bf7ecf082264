//! The logs of what users do: on a disk that is full, and moved away.

use ftp_tests::accounts;
use ftp_tests::landlock::has_landlock;
use ftp_tests::site::{Site, eventually};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn lines_that_a_full_disk_does_not_take_are_told_at_once_and_where_they_are_missing() {
    // The wall would keep the log out of /dev/full, to which no line can be written.
    let site = Site::with_config("sandbox: false,");
    site.set_accounts(&accounts::of(["alice"]));
    let log = site.path("var/log/operate.log");
    fs::create_dir_all(site.path("var/log")).expect("made");
    symlink("/dev/full", &log).expect("linked");
    let daemon = site.start();
    let _served = site.script(daemon.port, "alice", "mkdir a; mkdir b; mkdir c").expect(0);
    daemon
        .wait_for("lines of a log cannot be written and are lost log=operate.log lost=1 why=\"No space left");

    // There is room again.
    fs::remove_file(&log).expect("there");
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded");
    let _served = site.script(daemon.port, "alice", "mkdir d").expect(0);
    let text = || fs::read_to_string(&log).unwrap_or_default();
    eventually("the log goes on", || text().contains("path=/d"));
    let text = text();
    let first = text.lines().next().expect("a line");
    // A slow writer may have had some of them still to write.
    let late = ["path=/a", "path=/b", "path=/c"].iter().filter(|path| text.contains(**path)).count();
    let note = format!(" note=\"lines could not be written\" count={} why=\"No space left", 3 - late);
    assert!(late < 3 && first.contains(&note), "{text}");
}

/// What is said when the sandbox keeps something from the daemon.
const REPLACED: &str = "the sandbox was put up at the start for the folders that were there then";

#[test]
fn a_log_whose_folder_was_replaced_is_told_and_the_old_file_goes_on() {
    if !has_landlock() {
        return;
    }
    let site = Site::new();
    site.set_accounts(&accounts::of(["alice"]));
    let daemon = site.start();
    fs::rename(site.path("var/log"), site.path("var/log.old")).expect("moved");
    fs::create_dir(site.path("var/log")).expect("made");
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded limits=true certificate=true users=true");
    let told = daemon.log();
    let told: Vec<_> = told.lines().filter(|line| line.contains("a log cannot be opened anew")).collect();
    assert_eq!(told.len(), 2, "{}", daemon.log());
    assert!(told.iter().all(|line| line.contains(REPLACED) && line.contains("restart")), "{told:?}");
    let _served = site.script(daemon.port, "alice", "mkdir d").expect(0);
    eventually("the old log goes on", || {
        fs::read_to_string(site.path("var/log.old/operate.log")).is_ok_and(|text| text.contains("path=/d"))
    });
}
