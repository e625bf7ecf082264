//! The first screens, as a person sees them: who the server is, and who you are.

use ftp_tests::binaries::binary;
use ftp_tests::sheet::{Sheet, at_each_size};
use ftp_tests::site::{Daemon, Site};
use std::fs;
use std::net::TcpListener;
use std::process::Command;

/// Somebody's own terminal: nothing is known of any server.
fn client(site: &Site, port: u16, home: &str) -> Command {
    let home = site.path(home);
    fs::create_dir_all(&home).expect("made");
    let mut command = Command::new(binary("ftp-cli"));
    command.current_dir(site.work()).env("HOME", home);
    for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    command.args(["-s", "127.0.0.1", "-P", &port.to_string()]);
    command
}

/// A daemon with alice, who has used 2.1 GiB.
fn place() -> (Site, Daemon) {
    let site = Site::new();
    site.user("alice", "5G");
    let first = site.start();
    // The home is made at the first login, and counted at the first one after a start.
    site.script(first.port, "alice", "pwd").expect(0);
    drop(first);
    let old = fs::File::create(site.home_of("alice").join("old.tar")).expect("made");
    old.set_len(2200 << 20).expect("sparse");
    let daemon = site.start();
    (site, daemon)
}

fn home_of((rows, columns): (u16, u16)) -> String {
    format!("home-{columns}x{rows}")
}

/// What follows the fingerprint; the CA has this machine's name.
fn certificate((_, columns): (u16, u16)) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let ca: String = format!("ftp-daemon local CA ({host})").chars().take(41).collect();
    let ca = if ca.len() > 40 { format!("{}...", &ca[..40]) } else { ca };
    let (issuer, name) = (format!("signed by '{ca}', valid to {{date}},"), "name 'localhost'");
    if columns > 80 {
        format!("     {issuer} {name}")
    } else if 4 + issuer.len() + 4 + 1 + name.len() <= 80 {
        format!("\n    {issuer} {name}")
    } else {
        format!("\n    {issuer}\n    {name}")
    }
}

#[test]
fn the_first_contact_and_the_login() {
    let (site, daemon) = place();
    let fingerprint = site.admin(&["fingerprint"], "").expect(0).out.trim().to_owned();
    at_each_size(|size| {
        let command = client(&site, daemon.port, &home_of(size));
        let mut sheet = Sheet::start("first-contact", &command, size);
        sheet.shows(&format!(
            "\
Connecting to 127.0.0.1:{} ... TLS 1.3, {{n}} ms
This server is new to you. Its certificate:
    {fingerprint}{}
Compare it with `ftp-admin fingerprint` on the server.
Trust it from now on? (yes / no / paste the fingerprint):",
            daemon.port,
            certificate(size)
        ));
        sheet.types(
            "\n",
            "\
Trust it from now on? (yes / no / paste the fingerprint):
Please type yes, no, or the fingerprint.
Trust it from now on? (yes / no / paste the fingerprint):",
        );
        sheet.types(
            "yes\n",
            "\
Trust it from now on? (yes / no / paste the fingerprint): yes
Saved in ~/.local/share/ftp-cli/known_hosts.

login:",
        );
        sheet.types("alice\n", "login: alice\npassword:");
        sheet.types(
            "password of alice\n",
            "\
password:
Welcome, alice.  2.1 GiB of 5.0 GiB used [########------------]   type help
alice@127.0.0.1:/>",
        );
        sheet.types(
            "q\n",
            "\
alice@127.0.0.1:/> q
Logged out. 0 files, 0 B this session.
login (Ctrl-D leaves):",
        );
        sheet.types("alice\n", "login (Ctrl-D leaves): alice\npassword:");
        sheet.types(
            "a wrong one\n",
            "\
password:
the user and the password do not go together
login (Ctrl-D leaves):",
        );
        sheet.screen.keys("\x04");
        sheet.ends(0, "login (Ctrl-D leaves):");

        // It is known now.
        let mut sheet = Sheet::start("second-contact", &command, size);
        sheet.shows(&format!("Connecting to 127.0.0.1:{} ... TLS 1.3, {{n}} ms\nlogin:", daemon.port));
        sheet.screen.keys("exit\n");
        sheet.ends(0, "login: exit");
    });
}

#[test]
fn who_does_not_trust_a_server_leaves_and_nothing_is_known_of_it() {
    let (site, daemon) = place();
    let question = "Trust it from now on? (yes / no / paste the fingerprint):";
    let other = format!("SHA256:{}", "A".repeat(43));
    at_each_size(|size| {
        let command = client(&site, daemon.port, &home_of(size));
        for (keys, code, drawing) in [
            ("no\n", 5, format!("{question} no\nftp-cli: the server is not trusted; nothing was sent")),
            ("exit\n", 0, format!("{question} exit")),
            ("q\n", 0, format!("{question} q")),
            ("\x04", 0, question.to_owned()),
        ] {
            let mut sheet = Sheet::start("not-trusted", &command, size);
            sheet.screen.wait("fingerprint): ");
            sheet.skip();
            sheet.screen.keys(keys);
            sheet.ends(code, &drawing);
        }
        let mut sheet = Sheet::start("not-trusted-twice", &command, size);
        sheet.screen.wait("fingerprint): ");
        sheet.skip();
        sheet.types("maybe\x03", &format!("{question} maybe\n{question}"));
        sheet.screen.keys("\x03");
        sheet.ends(130, question);
        let mut sheet = Sheet::start("another-fingerprint", &command, size);
        sheet.screen.wait("fingerprint): ");
        sheet.screen.keys(&format!("{other}\n"));
        sheet.screen.wait("That is another fingerprint: this is not the server you mean.");
        assert_eq!(sheet.screen.end().0, 5);
        assert!(!site.path(&home_of(size)).join(".local/share/ftp-cli").exists());
    });
}

#[test]
fn a_certificate_that_changed() {
    let (site, daemon) = place();
    let was = site.admin(&["fingerprint"], "").expect(0).out.trim().to_owned();
    drop(daemon);
    // A daemon that is killed may have taken its last lines with it.
    let logins = || {
        let log = fs::read_to_string(site.path("var/log/login.log")).unwrap_or_default();
        log.matches("event=login").count()
    };
    let before = logins();
    let certs = site.path("certs");
    let certs = certs.to_str().expect("UTF-8");
    let renew = ["cert", "--out", certs, "--name", "localhost", "--ip", "127.0.0.1", "--force"];
    let homes = [(24, 80), (50, 200)].map(home_of);
    let known = |port: u16| {
        for home in &homes {
            let folder = site.path(home).join(".local/share/ftp-cli");
            fs::create_dir_all(&folder).expect("made");
            let line = format!("# mine\n\n127.0.0.1:{port} {was} 2026-11-02\n");
            fs::write(folder.join("known_hosts"), line).expect("written");
        }
    };
    site.admin(&renew, "").expect(0);
    let now = site.admin(&["fingerprint"], "").expect(0).out.trim().to_owned();
    assert_ne!(was, now);
    let daemon = site.start();
    let port = daemon.port;
    known(port);
    at_each_size(|size| {
        let command = client(&site, port, &home_of(size));
        Sheet::start("changed-certificate", &command, size).ends(
            5,
            &format!(
                "\
Connecting to 127.0.0.1:{port} ...
ftp-cli: the server's identity has CHANGED: not connecting, nothing was sent.
  known   {was}
          since 2026-11-02 (known_hosts line 3)
  now     {now}
  Either the administrator renewed the certificate, or someone is in between.
  Ask the administrator; if it is right:  ftp-cli --forget 127.0.0.1:{port}"
            ),
        );
        // The way out, as it is shown.
        let mut forget = client(&site, port, &home_of(size));
        forget.arg("--forget").arg(format!("127.0.0.1:{port}"));
        Sheet::start("forget", &forget, size).ends(0, &format!("127.0.0.1:{port}: forgotten"));
        let mut sheet = Sheet::start("met-again", &command, size);
        sheet.screen.wait("This server is new to you.");
    });
    assert_eq!(logins(), before, "nobody has said who they are");
}

#[test]
fn what_is_waited_for_is_said_before_anybody_answers() {
    let site = Site::new();
    // Accepts, as the kernel does, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("bound").port();
    at_each_size(|size| {
        let command = client(&site, port, &home_of(size));
        let mut sheet = Sheet::start("connecting", &command, size);
        sheet.shows(&format!("Connecting to 127.0.0.1:{port} ..."));
        sheet.screen.keys("\x03");
        sheet.ends(130, &format!("Connecting to 127.0.0.1:{port} ... ^C\nftp-cli: stopped"));
    });
    drop(silent);
    at_each_size(|size| {
        Sheet::start("refused", &client(&site, port, &home_of(size)), size).ends(
            3,
            &format!(
                "\
Connecting to 127.0.0.1:{port} ...
ftp-cli: cannot connect to 127.0.0.1:{port}: Connection refused (os error 111)
  nothing listens there: is the daemon running, and is the port right?"
            ),
        );
    });
}
