//! The service: its unit, what it tells systemd, its signals, and the installer.

use ftp_tests::binaries::{binary, root};
use ftp_tests::site::{Daemon, Ran, Site, eventually, run};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PROGRAMS: [&str; 3] = ["ftp-daemon", "ftp-cli", "ftp-admin"];
/// Where man and the shells look for what the installer gives them.
const DOCUMENTS: [&str; 6] = [
    "man/man8/ftp-admin.8",
    "man/man8/ftp-daemon.8",
    "man/man5/ftp-daemon.ron.5",
    "bash-completion/completions/ftp-admin",
    "zsh/site-functions/_ftp-admin",
    "fish/vendor_completions.d/ftp-admin.fish",
];

fn shipped_unit() -> PathBuf {
    root().join("etc/systemd/ftp-daemon.service")
}

/// The overall exposure that `systemd-analyze` finds in a unit.
fn exposure(unit: &Path) -> f64 {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager"]).arg(unit);
    let ran = run(analyze, "");
    let line = ran.out.lines().find(|line| line.contains("Overall exposure level"));
    let line = line.unwrap_or_else(|| panic!("no score in {ran:?}"));
    let score = line.split_whitespace().find_map(|word| word.parse().ok());
    score.unwrap_or_else(|| panic!("no number in {line:?}"))
}

#[test]
fn the_unit_is_well_confined() {
    let score = exposure(&shipped_unit());
    assert!(score <= 2.0, "{score}");
    // What is measured is the sandbox: without it the score is far off.
    let folder = tempfile::tempdir().expect("a folder");
    let bare = folder.path().join("ftp-daemon.service");
    fs::write(&bare, "[Service]\nExecStart=/bin/true\n").expect("written");
    assert!(exposure(&bare) > 9.0);
}

/// They are in no group of older systemds, and what its filter bars looks as if the kernel had it not.
#[test]
fn the_unit_lets_the_daemon_raise_its_walls() {
    let unit = fs::read_to_string(shipped_unit()).expect("shipped");
    let allowed = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let allowed: Vec<_> =
        allowed.filter(|calls| !calls.starts_with('~')).flat_map(str::split_whitespace).collect();
    for call in ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"] {
        assert!(allowed.contains(&call), "{call}");
    }
}

/// What bars the setting of SUID bits answers `openat2` with ENOSYS, by which every path below a home is opened.
#[test]
fn nothing_in_the_unit_bars_openat2() {
    let unit = fs::read_to_string(shipped_unit()).expect("shipped");
    let set = unit.lines().filter_map(|line| line.split_once('='));
    let barring: Vec<_> = set.filter(|(key, _)| ["RestrictSUIDSGID", "DynamicUser"].contains(key)).collect();
    assert!(barring.is_empty(), "{barring:?}");
}

#[test]
fn systemd_has_nothing_to_say_about_the_unit() {
    let text = fs::read_to_string(shipped_unit()).expect("shipped");
    // It looks whether the program is there.
    let program = binary("ftp-daemon").display().to_string();
    let text = text.replace("/usr/local/bin/ftp-daemon", &program);
    assert!(text.contains(&format!("ExecStart={program} -c /etc/ftp-daemon/ftp-daemon.ron\n")), "{text}");
    let folder = tempfile::tempdir().expect("a folder");
    let verify = |text: &str| {
        let unit = folder.path().join("ftp-daemon.service");
        fs::write(&unit, text).expect("written");
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&unit);
        let ran = run(verify, "");
        format!("{}{}", ran.out, ran.err)
    };
    assert_eq!(verify(&text), "");
    assert!(verify(&text.replace("ProtectHome=", "ProtectHouse=")).contains("ProtectHouse"));
}

#[test]
fn the_unit_leaves_time_to_drain() {
    let unit = fs::read_to_string(shipped_unit()).expect("shipped");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("a line");
    let config = fs::read_to_string(root().join("etc/ftp-daemon.ron")).expect("shipped");
    let drain = config.lines().find_map(|line| line.trim().strip_prefix("drain_seconds:")).expect("a line");
    let (stop, drain): (u64, u64) =
        (stop.parse().expect("seconds"), drain.trim().trim_end_matches(',').parse().expect("seconds"));
    // Closing takes three seconds more.
    assert!(stop > drain + 3, "{stop} {drain}");
}

/// A socket such as systemd gives a service, and a daemon that has it.
fn notified(site: &Site, more: &[(&str, &str)]) -> (UnixDatagram, Daemon) {
    let path = site.path("notify");
    let socket = UnixDatagram::bind(&path).expect("bound");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let mut command = Command::new(binary("ftp-daemon"));
    command.arg("-c").arg(site.config()).env("NOTIFY_SOCKET", &path).envs(more.iter().copied());
    (socket, Daemon::spawn(command))
}

fn told(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let n = socket.recv(&mut bytes).expect("the daemon tells in time");
    String::from_utf8(bytes[..n].to_vec()).expect("text")
}

#[test]
fn systemd_is_told_when_it_serves_and_when_it_ends() {
    let site = Site::new();
    site.user("alice", "none");
    let (socket, mut daemon) = notified(&site, &[]);
    assert_eq!(told(&socket).trim(), "READY=1");
    let _served = site.script(daemon.port, "alice", "pwd").expect(0);
    daemon.signal(Signal::TERM);
    assert_eq!(told(&socket).trim(), "STOPPING=1");
    assert_eq!(daemon.wait(), 0, "{}", daemon.log());
}

#[test]
fn the_watchdog_is_told_that_the_loop_turns() {
    let site = Site::new();
    let (socket, _daemon) = notified(&site, &[("WATCHDOG_USEC", "600000")]);
    assert_eq!(told(&socket).trim(), "READY=1");
    for _ in 0..3 {
        assert_eq!(told(&socket).trim(), "WATCHDOG=1");
    }
}

#[test]
fn sigint_ends_it_as_sigterm_does() {
    let site = Site::new();
    let mut daemon = site.start();
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait(), 0, "{}", daemon.log());
}

#[test]
fn a_bad_config_keeps_the_old_one_and_says_so() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    site.write_config("limits: (conections: 1),");
    daemon.signal(Signal::HUP);
    daemon.wait_for("the config is bad; the old one stays");
    daemon.wait_for("connections");
    let _served = site.script(daemon.port, "alice", "pwd").expect(0);

    // One connection of one address: that is in force when a second one of the same client is turned away.
    site.write_config("limits: (connections: 1),");
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded limits=true certificate=true users=true");
    let _first = std::net::TcpStream::connect(("127.0.0.1", daemon.port)).expect("there");
    let _second = std::net::TcpStream::connect(("127.0.0.1", daemon.port)).expect("there");
    daemon.wait_for("connection turned away");
}

#[test]
fn limits_that_the_open_files_do_not_allow_are_refused_at_a_reload_as_at_the_start() {
    let site = Site::with_config("limits: (connections: 100),");
    let few_files = || {
        let mut command = Command::new("bash");
        command.args(["-c", "ulimit -n 300 && exec \"$0\" -c \"$1\""]).arg(binary("ftp-daemon"));
        command.arg(site.config());
        command
    };
    let daemon = Daemon::spawn(few_files());
    site.write_config("limits: (connections: 2048),");
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded limits=false certificate=true users=true");
    let why = "the limit of open files is 300, too low for 2048 connections: raise LimitNOFILE";
    let log = daemon.log();
    assert!(log.contains("the limits are bad; the old ones stay") && log.contains(why), "{log}");
    drop(daemon);
    assert!(run(few_files(), "").expect(1).err.contains(why));
}

#[test]
fn a_bad_certificate_keeps_the_old_one_and_a_good_one_is_taken() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let login = || site.script(daemon.port, "alice", "pwd");
    let _before = login().expect(0);
    let (ca, key) = (site.path("certs/ca.pem"), site.path("certs/server.key"));
    let good = fs::read(&key).expect("there");
    fs::write(&key, "no key\n").expect("written");
    daemon.signal(Signal::HUP);
    daemon.wait_for("the certificate is bad; the old one stays");
    let _still = login().expect(0);

    // Another CA: clients that have it get in only once the daemon has the certificate that it signed.
    fs::write(&key, good).expect("written");
    let certs = site.path("certs");
    let certs = certs.to_str().expect("UTF-8");
    let old_ca = fs::read(&ca).expect("there");
    let made = site.admin(
        &["cert", "--out", certs, "--name", "localhost", "--ip", "127.0.0.1", "--force", "--new-ca"],
        "",
    );
    let _made = made.expect(0);
    let _not_yet = login().expect(5);
    daemon.signal(Signal::HUP);
    eventually("the new certificate is served", || login().code == 0);
    fs::write(&ca, old_ca).expect("written");
    let _no_more = login().expect(5);
}

/// A scratch root, and a target folder with the programs of this test.
struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new(with_programs: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (bin, release) = (folder.path().join("bin"), folder.path().join("target/release"));
        fs::create_dir_all(&bin).expect("made");
        fs::create_dir_all(&release).expect("made");
        // What the script calls; cargo is not among it, so that what is not there cannot be built.
        for tool in
            ["bash", "cat", "chmod", "chown", "dirname", "find", "id", "install", "mv", "rm", "sed", "uname"]
        {
            let path = std::env::var_os("PATH").expect("a PATH");
            let found =
                std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.exists());
            symlink(found.unwrap_or_else(|| panic!("no {tool}")), bin.join(tool)).expect("linked");
        }
        for program in PROGRAMS.iter().filter(|_| with_programs) {
            fs::copy(binary(program), release.join(program)).expect("copied");
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn install(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("bash");
        command.arg(root().join("scripts/install.sh")).args(arguments);
        command.arg("--root").arg(self.folder.path().join("root"));
        command.env("PATH", self.folder.path().join("bin"));
        command.env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        run(command, "")
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).expect("there").permissions().mode() & 0o777
    }

    /// All that an administrator or a user could lose.
    fn kept(&self) -> Vec<Vec<u8>> {
        ["ftp-daemon.ron", "certs/ca.key", "certs/ca.pem", "certs/server.key", "certs/server.pem"]
            .iter()
            .map(|name| self.path("etc/ftp-daemon").join(name))
            .chain([self.path("var/lib/ftp-daemon/users.ron")])
            .map(|file| fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
            .collect()
    }
}

#[test]
fn the_installer_puts_everything_in_place_and_never_replaces_data() {
    let scratch = Scratch::new(true);
    let _installed = scratch.install(&["--prefix", "/opt/ftp"]).expect(0);
    for program in PROGRAMS {
        assert_eq!(scratch.mode(&format!("opt/ftp/bin/{program}")), 0o755);
    }
    for document in DOCUMENTS {
        assert_eq!(scratch.mode(&format!("opt/ftp/share/{document}")), 0o644);
    }
    let unit = fs::read_to_string(scratch.path("etc/systemd/system/ftp-daemon.service")).expect("there");
    assert!(unit.contains("ExecStart=/opt/ftp/bin/ftp-daemon -c /etc/ftp-daemon/ftp-daemon.ron\n"), "{unit}");
    let config = fs::read_to_string(scratch.path("etc/ftp-daemon/ftp-daemon.ron")).expect("there");
    for line in [
        "certificate: \"/etc/ftp-daemon/certs/server.pem\"",
        "private_key: \"/etc/ftp-daemon/certs/server.key\"",
        "data: \"/var/lib/ftp-daemon\"",
        "folder: \"/var/lib/ftp-daemon/log\"",
    ] {
        assert!(config.contains(line), "{line} in {config}");
    }
    assert!(!config.contains("\"../"), "{config}");
    assert_eq!(scratch.mode("etc/ftp-daemon/certs/server.key"), 0o600);
    assert_eq!(scratch.mode("etc/ftp-daemon/certs/ca.key"), 0o600);
    assert_eq!(scratch.mode("var/lib/ftp-daemon"), 0o700);

    // As it was used: another config, an account.
    fs::write(scratch.path("etc/ftp-daemon/ftp-daemon.ron"), format!("// mine\n{config}")).expect("written");
    fs::write(scratch.path("var/lib/ftp-daemon/users.ron"), "(version: 1, users: {})").expect("written");
    fs::write(scratch.path("opt/ftp/bin/ftp-cli"), "an old version").expect("written");
    let before = scratch.kept();
    let again = scratch.install(&["--prefix=/opt/ftp"]).expect(0);
    assert_eq!(scratch.kept(), before, "{again:?}");
    assert!(fs::metadata(scratch.path("opt/ftp/bin/ftp-cli")).expect("there").len() > 1000, "it is updated");

    for expected in ["removed", "not there any more"] {
        let ran = scratch.install(&["--prefix", "/opt/ftp", "--uninstall"]).expect(0);
        assert_eq!(ran.out.contains("removed"), expected == "removed", "{ran:?}");
        assert!(ran.out.contains("kept") && ran.out.contains("/var/lib/ftp-daemon"), "{ran:?}");
        for program in PROGRAMS {
            assert!(!scratch.path(&format!("opt/ftp/bin/{program}")).exists(), "{program}");
        }
        for document in DOCUMENTS {
            assert!(!scratch.path(&format!("opt/ftp/share/{document}")).exists(), "{document}");
        }
        assert!(!scratch.path("etc/systemd/system/ftp-daemon.service").exists());
        assert_eq!(scratch.kept(), before);
    }
}

#[test]
fn the_installer_says_what_it_lacks() {
    let scratch = Scratch::new(false);
    let ran = scratch.install(&[]).expect(1);
    assert!(ran.err.contains("no cargo in PATH") && ran.err.contains("ftp-daemon is not there"), "{ran:?}");
    assert!(!scratch.path("etc").exists(), "nothing was begun");
    assert!(scratch.install(&["--prefix", "opt"]).expect(1).err.contains("begin with /"));
    assert!(scratch.install(&["--prefixx"]).expect(2).err.contains("Usage"));
}
