//! The files that are written from the tables of the programs: where they are, and what is in them.

use ftp_cli::manual::{self, PROGRAM as CLI};
use ftp_daemon::manual::{ADMIN, CONFIG, DAEMON};
use ftp_manual::{Program, complete, roff, ron};

/// Every such file, relative to the top, with its text.
#[must_use]
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("cli/man/ftp-cli.1", manual::page()),
        ("cli/completions/ftp-cli.bash", complete::bash(&CLI)),
        ("cli/completions/ftp-cli.zsh", complete::zsh(&CLI)),
        ("cli/completions/ftp-cli.fish", complete::fish(&CLI)),
        ("daemon/man/ftp-admin.8", roff::program(&ADMIN, &[])),
        ("daemon/man/ftp-daemon.8", roff::program(&DAEMON, &[])),
        ("daemon/man/ftp-daemon.ron.5", roff::config(&CONFIG)),
        ("etc/ftp-daemon.ron", ron::file(&CONFIG)),
        ("daemon/completions/ftp-admin.bash", complete::bash(&ADMIN)),
        ("daemon/completions/ftp-admin.zsh", complete::zsh(&ADMIN)),
        ("daemon/completions/ftp-admin.fish", complete::fish(&ADMIN)),
        ("daemon/completions/ftp-daemon.bash", complete::bash(&DAEMON)),
        ("daemon/completions/ftp-daemon.zsh", complete::zsh(&DAEMON)),
        ("daemon/completions/ftp-daemon.fish", complete::fish(&DAEMON)),
    ]
}

/// The programs that have a table.
pub const PROGRAMS: [Program; 3] = [ADMIN, CLI, DAEMON];
