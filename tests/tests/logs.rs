//! The logs of what users do: on a disk that is full, and moved away.

use ftp_tests::accounts;
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
    assert!(first.contains(" note=\"lines could not be written\" count=3 why=\"No space left"), "{text}");
    assert!(!text.contains("path=/c"), "{text}");
}
