//! A server that is not the right one: whatever the client was told to trust, it leaves, and its password stays with it.

use ftp_tests::binaries::binary;
use ftp_tests::proxy::Proxy;
use ftp_tests::site::{Daemon, Ran, Site, run};
use std::fs;
use std::process::Command;

/// The right server and an impostor with an account of the same name and password, and a wire that leads to either.
struct Scene {
    right: Site,
    impostor: Site,
    daemon: Daemon,
    other: Daemon,
    wire: Proxy,
}

impl Scene {
    fn new() -> Self {
        let (right, impostor) = (Site::new(), Site::with_config("log: (level: debug),"));
        for site in [&right, &impostor] {
            site.user("alice", "none");
        }
        fs::write(right.path("home-config"), "()").expect("written");
        let (daemon, other) = (right.start(), impostor.start());
        let wire = Proxy::new(daemon.port);
        Self { right, impostor, daemon, other, wire }
    }

    /// Runs a command through the wire, with some way to trust.
    fn client(&self, trust: &[&str], command: &str) -> Ran {
        let mut client = Command::new(binary("ftp-cli"));
        client.current_dir(self.right.work()).env("HOME", self.right.path("home"));
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            client.env_remove(name);
        }
        client.args(["-s", "127.0.0.1", "-P", &self.wire.port.to_string(), "-u", "alice", "--password-file"]);
        client.arg(self.right.path("alice.pw")).args(trust).args(["-c", command]);
        run(client, "")
    }

    /// Nobody got as far as saying a name to the impostor.
    fn assert_nothing_was_said(&self, how: &[&str]) {
        let logins = fs::read_to_string(self.impostor.path("var/log/login.log")).unwrap_or_default();
        assert_eq!(logins, "", "{how:?}");
        assert!(!self.other.log().contains("to=entering"), "{how:?}: {}", self.other.log());
    }
}

#[test]
fn an_impostor_is_refused_by_every_way_to_trust_and_learns_nothing() {
    let scene = Scene::new();
    let ca = scene.right.path("certs/ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    let pin = scene.right.admin(&["fingerprint"], "").expect(0).out.trim().to_owned();
    // Met once: from then on it is known.
    scene.client(&["--accept-new"], "pwd").expect(0);
    let ways: [&[&str]; 5] =
        [&["--ca", ca], &["--fingerprint", &pin], &["--accept-new"], &[], &["--no-input"]];
    for way in ways {
        scene.wire.lead_to(scene.daemon.port);
        scene.client(way, "pwd").expect(0);
        scene.wire.lead_to(scene.other.port);
        for command in ["pwd", "get file", "put ../alice.pw"] {
            let ran = scene.client(way, command).expect(5);
            assert!(
                ran.out.is_empty() && ran.err.contains("certificate") | ran.err.contains("CHANGED"),
                "{ran:?}"
            );
            scene.assert_nothing_was_said(way);
        }
    }

    // Somebody who is new is not trusted unasked.
    fs::remove_dir_all(scene.right.path("home")).expect("there");
    fs::create_dir(scene.right.path("home")).expect("made");
    let ran = scene.client(&["--no-input"], "pwd").expect(5);
    assert!(ran.err.contains("nobody can be asked"), "{ran:?}");
    scene.assert_nothing_was_said(&["new"]);

    // Whoever is told to trust the impostor does talk to it: that it would be seen is no accident.
    let other = scene.impostor.path("certs/ca.pem");
    scene.client(&["--ca", other.to_str().expect("UTF-8")], "pwd").expect(0);
    let logins = fs::read_to_string(scene.impostor.path("var/log/login.log")).unwrap_or_default();
    assert!(logins.contains("event=login") && scene.other.log().contains("to=entering"), "{logins}");
}

#[test]
fn there_is_no_option_not_to_look() {
    let scene = Scene::new();
    scene.wire.lead_to(scene.other.port);
    for option in
        ["--insecure", "-k", "--no-check", "--no-verify", "--fingerprint=", "--fingerprint=any", "--ca="]
    {
        let ran = scene.client(&[option], "pwd");
        // -k is for scripts that go on after an error; it does not make anybody trusted.
        assert!([2, 5].contains(&ran.code), "{option}: {ran:?}");
        scene.assert_nothing_was_said(&[option]);
    }
}
