//! The command lines and the configuration, as data: the parsers, the help, the man pages, the completions and the shipped
//! `etc/ftp-daemon.ron` come from here.

mod admin;
mod config;
mod daemon;

pub use admin::PROGRAM as ADMIN;
pub use config::CONFIG;
pub use daemon::PROGRAM as DAEMON;

use ftp_manual::{Kind, Opt};

/// Where a config is looked for when none is named.
pub(crate) const PLACES: [&str; 2] = ["etc/ftp-daemon.ron", "/etc/ftp-daemon/ftp-daemon.ron"];

const CONFIG_FILE: Opt = Opt::value(
    "config",
    "FILE",
    Kind::File,
    "the daemon's config; without it etc/ftp-daemon.ron, else /etc/ftp-daemon/ftp-daemon.ron",
)
.short('c');
const HELP: Opt = Opt::flag("help", "this text").short('h');
const VERSION: Opt = Opt::flag("version", "the version").short('V');
