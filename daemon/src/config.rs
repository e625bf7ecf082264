//! `ftp-daemon.ron`: read raw, then checked; to hold a [`Config`] is to know that it makes sense.

use ftp_core::Limits;
use ftp_core::vfs::Durability;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The checked configuration. All paths are absolute or relative to the working directory as given; those in the file are relative to the file's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub private_key: PathBuf,
    /// Holds `users.ron`, `users/<name>/{home,parts,last_login}`, `log/`, `run/`.
    pub data: PathBuf,
    /// The bounds.
    pub limits: Limits,
    /// What an `ok` has to survive.
    pub durability: Durability,
    /// What to log.
    pub log: LogConfig,
}

/// What is logged where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The least severe that goes to stderr.
    pub level: Level,
    /// The folder of `login.log` and `operate.log`.
    pub folder: PathBuf,
}

/// How much goes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Only what the operator must act on.
    Error,
    /// And what looks odd.
    Warning,
    /// And what happens.
    #[default]
    Info,
    /// And each step.
    Debug,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// What is wrong, in which line, and what to do, as a sentence.
    pub fn load(_file: &Path) -> Result<Self, ConfigFault> {
        unimplemented!()
    }

    /// The user file.
    #[must_use]
    pub fn user_file(&self) -> PathBuf {
        self.data.join("users.ron")
    }

    /// The folder of all users' folders.
    #[must_use]
    pub fn users(&self) -> PathBuf {
        self.data.join("users")
    }

    /// The folder of what only a running daemon has.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.data.join("run")
    }
}

/// What is wrong with a config.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigFault(pub String);
