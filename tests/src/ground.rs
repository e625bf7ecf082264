//! Data for a daemon in any folder, and daemons on it: the shipped one, or the one whose disk fails when told to.

use crate::accounts::{PASSWORD, replace, spelled};
use crate::binaries::{binary, example};
use crate::faulty::{Control, SOCKET};
use crate::site::{Daemon, Site};
use crate::wire::Wire;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder in memory, if there is one, for what is written a thousand times.
///
/// # Panics
/// There is no room.
#[must_use]
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// The data, and the config that names it.
pub struct Ground {
    data: PathBuf,
    config: PathBuf,
    socket: PathBuf,
    ca: PathBuf,
}

impl Ground {
    /// Data in `data`, served with the certificate of `site`. The config and the logs are of that name in `site`.
    ///
    /// # Panics
    /// The disk fails.
    #[must_use]
    pub fn new(site: &Site, name: &str, data: &Path) -> Self {
        let config = site.path(&format!("{name}.ron"));
        let text = format!(
            "(\n listen: [\"127.0.0.1:0\"],\n certificate: \"certs/server.pem\",\n private_key: \"certs/server.key\",\n data: {data:?},\n log: (folder: \"log-{name}\"),\n limits: (drain_seconds: 5),\n)\n"
        );
        fs::write(&config, text).expect("written");
        let socket = site.path(&format!("{name}.socket"));
        Self { data: data.to_owned(), config, socket, ca: site.path("certs/ca.pem") }
    }

    /// Removes everything, and leaves these accounts and quotas.
    ///
    /// # Panics
    /// The disk fails.
    pub fn reset(&self, users: &[(&str, Option<u64>)]) {
        for name in ["users", "run"] {
            // At first there is nothing.
            let _none = fs::remove_dir_all(self.data.join(name));
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data).expect("made");
        let accounts = (1..).zip(users).map(|(id, (name, quota))| ((*name).to_owned(), (id, *quota)));
        replace(&self.data.join("users.ron"), &spelled(&accounts.collect()));
    }

    /// The shipped daemon on it.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(&self) -> Daemon {
        let mut command = Command::new(binary("ftp-daemon"));
        command.arg("-c").arg(&self.config);
        Daemon::spawn(command)
    }

    /// The daemon on a disk that fails when told to. It is told nothing yet.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start_faulty(&self) -> (Daemon, Control) {
        // Of the last one.
        let _none = fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).expect("bound");
        let mut command = Command::new(example("faulty_daemon"));
        // Panics are among the things that are asked for.
        command.arg("-c").arg(&self.config).env(SOCKET, &self.socket).env("RUST_BACKTRACE", "0");
        let daemon = Daemon::spawn(command);
        (daemon, Control::accept(&listener))
    }

    /// A new session of a user.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn login(&self, daemon: &Daemon, user: &str) -> Wire {
        self.try_login(daemon, user).expect("logged in")
    }

    /// A new session of a user.
    ///
    /// # Errors
    /// It is refused, or the daemon is gone.
    pub fn try_login(&self, daemon: &Daemon, user: &str) -> Result<Wire, String> {
        self.try_login_at(daemon.port, user)
    }

    /// The same at a port that leads to the daemon.
    ///
    /// # Errors
    /// It is refused, or nobody is there.
    pub fn try_login_at(&self, port: u16, user: &str) -> Result<Wire, String> {
        let mut wire = Wire::open(port, &self.ca)?;
        let answer = wire.login(user, PASSWORD)?;
        if answer.get("ok").is_some() { Ok(wire) } else { Err(answer.to_string()) }
    }

    /// A new connection.
    ///
    /// # Errors
    /// The daemon does not take it.
    pub fn connect(&self, daemon: &Daemon) -> Result<Wire, String> {
        Wire::open(daemon.port, &self.ca)
    }

    /// The folder of a user.
    #[must_use]
    pub fn folder_of(&self, user: &str) -> PathBuf {
        self.data.join("users").join(user)
    }
}
