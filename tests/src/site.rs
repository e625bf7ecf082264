//! One daemon with its folder, certificates and users, and clients for it.

use crate::binaries::binary;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a program may take to do what it does at once.
const SOON: Duration = Duration::from_secs(20);

/// A folder with everything for one daemon.
pub struct Site {
    folder: tempfile::TempDir,
}

/// A running daemon; it is killed when this is dropped.
pub struct Daemon {
    child: Child,
    /// Where it listens.
    pub port: u16,
    log: Arc<Mutex<String>>,
}

/// What a program said and how it ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Insists on an exit code.
    ///
    /// # Panics
    /// It is another one.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// A place with certificates and a config that listens on a free port.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config("")
    }

    /// The same with more in the config, such as `limits: (idle_seconds: 10),`.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn with_config(more: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::DirBuilder::new().mode(0o700).create(site.path("var")).expect("made");
        fs::create_dir(site.path("home")).expect("made");
        fs::create_dir(site.path("work")).expect("made");
        site.write_config(more);
        site.admin(
            &[
                "cert",
                "--out",
                site.path("certs").to_str().expect("UTF-8"),
                "--name",
                "localhost",
                "--ip",
                "127.0.0.1",
            ],
            "",
        )
        .expect(0);
        site
    }

    /// Writes the config anew.
    ///
    /// # Panics
    /// The disk fails.
    pub fn write_config(&self, more: &str) {
        let text = format!(
            "(\n listen: [\"127.0.0.1:0\"],\n certificate: \"certs/server.pem\",\n private_key: \"certs/server.key\",\n data: \"var\",\n {more}\n)\n"
        );
        fs::write(self.config(), text).expect("written");
    }

    /// A path in the place.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The config.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("ftp-daemon.ron")
    }

    /// The folder in which clients run.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// A user's home on the server's disk.
    #[must_use]
    pub fn home_of(&self, user: &str) -> PathBuf {
        self.path("var/users").join(user).join("home")
    }

    /// Runs `ftp-admin` with `stdin`.
    ///
    /// # Panics
    /// It cannot be run.
    pub fn admin(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = Command::new(binary("ftp-admin"));
        command.arg("-c").arg(self.config()).args(arguments);
        run(command, stdin)
    }

    /// Makes a user with a password of one's own and a file with it.
    ///
    /// # Panics
    /// It is refused.
    pub fn user(&self, name: &str, quota: &str) {
        let password = format!("password of {name}\n");
        fs::write(self.path(&format!("{name}.pw")), &password).expect("written");
        fs::set_permissions(self.path(&format!("{name}.pw")), fs::Permissions::from_mode(0o600))
            .expect("chmod");
        let _ran =
            self.admin(&["create", name, "--quota", quota, "--password-file", "-"], &password).expect(0);
    }

    /// Starts the daemon and waits until it listens.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn start(&self) -> Daemon {
        let mut command = Command::new(binary("ftp-daemon"));
        command.arg("-c").arg(self.config());
        Daemon::spawn(command)
    }

    /// A client's command line for `user`, to be added to.
    #[must_use]
    pub fn cli(&self, port: u16, user: &str) -> Command {
        let mut command = Command::new(binary("ftp-cli"));
        command.current_dir(self.work()).env("HOME", self.path("home"));
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "NETRC", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.args(["-s", "127.0.0.1", "-P", &port.to_string(), "-u", user, "--ca"]);
        command.arg(self.path("certs/ca.pem")).arg("--password-file").arg(self.path(&format!("{user}.pw")));
        command
    }

    /// Runs commands as `user`.
    ///
    /// # Panics
    /// The client cannot be run.
    pub fn script(&self, port: u16, user: &str, commands: &str) -> Ran {
        let mut command = self.cli(port, user);
        command.args(["-c", commands]);
        run(command, "")
    }
}

/// Runs a program to its end.
///
/// # Panics
/// It cannot be run.
#[must_use]
pub fn run(mut command: Command, stdin: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // A program that does not read has closed the pipe.
    let _closed = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    child.wait_with_output().expect("it ends").into()
}

impl Daemon {
    /// Starts a daemon's command and waits until it listens.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let mut port = None;
        let mut line = String::new();
        while port.is_none() && lines.read_line(&mut line).expect("readable") > 0 {
            port =
                line.strip_prefix("listening on 127.0.0.1:").map(|text| text.trim().parse().expect("a port"));
            log.lock().expect("whole").push_str(&std::mem::take(&mut line));
        }
        let Some(port) = port else {
            panic!("the daemon does not listen: {}", log.lock().expect("whole"));
        };
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
                kept.lock().expect("whole").push_str(&std::mem::take(&mut line));
            }
        });
        Self { child, port, log }
    }

    /// What it wrote to stderr so far.
    ///
    /// # Panics
    /// Never, unless a reader panicked.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().expect("whole").clone()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// It is gone.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Waits until it ends; gives its exit code, -1 if it was killed.
    ///
    /// # Panics
    /// It does not.
    pub fn wait(&mut self) -> i32 {
        let end = Instant::now() + SOON * 3;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("ours") {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the daemon does not end: {}", self.log());
    }

    /// Waits for something in its log.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait_for(&self, text: &str) {
        eventually(&format!("the daemon's log has {text:?}"), || self.log().contains(text));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

/// Waits until something holds.
///
/// # Panics
/// It does not within 20 s.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The first bytes of a file.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn head(path: &Path, len: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).expect("there").take(len).read_to_end(&mut bytes).expect("readable");
    bytes
}

/// A flag that other threads look at.
#[derive(Clone, Default)]
pub struct Flag(Arc<AtomicBool>);

/// See [`Flag::raised_at_the_end`].
pub struct RaisedAtTheEnd<'a>(&'a Flag);

impl Drop for RaisedAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.raise();
    }
}

impl Flag {
    /// Raises it.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Raises it in the end, also that of a test which fails: whoever waits for it is waited for.
    #[must_use]
    pub fn raised_at_the_end(&self) -> RaisedAtTheEnd<'_> {
        RaisedAtTheEnd(self)
    }

    /// Whether it is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
