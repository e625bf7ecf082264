//! `ftp-daemon`.

use super::{CONFIG_FILE, HELP, VERSION};
use ftp_manual::{Block, Group, Opt, Program, Section};

/// Its command line.
pub const PROGRAM: Program = Program {
    name: "ftp-daemon",
    section: 8,
    what: "serve files to many users, encrypted and verified",
    synopsis: &["[-c FILE]", "[-c FILE] --check"],
    about: &[
        Block::Text(
            "`ftp-daemon` serves each user's files over TLS 1.3, in a protocol of its own: clients are those of ftp-cli(1). Who is let in, \
             and how much each may store, is set with ftp-admin(8) and taken over by a running daemon within a second; the rest is in \
             ftp-daemon.ron(5). It stays in the foreground, as systemd wants it, says on stderr where it listens and which fingerprint \
             its certificate has, and logs there.",
        ),
        Block::Text(
            "Where the kernel has Landlock, it keeps itself to its own files; see the key `sandbox` in ftp-daemon.ron(5).",
        ),
    ],
    groups: &[Group {
        title: "Options",
        options: &[
            CONFIG_FILE,
            Opt::flag("check", "read and check everything, change nothing, say whether the set-up is sound"),
            HELP,
            VERSION,
        ],
    }],
    exit: &[("0", "ended as told, or sound"), ("1", "cannot go on, or not sound"), ("2", "not understood")],
    notes: &["SIGTERM ends: transfers may finish. SIGHUP reads limits, users and certificate again."],
    sections: &[
        Section {
            title: "SIGNALS",
            blocks: &[
                Block::Item(
                    "`SIGTERM`, `SIGINT`",
                    "No connection is taken any more. Transfers may finish within `drain_seconds`; then it ends.",
                ),
                Block::Item(
                    "`SIGHUP`",
                    "Limits, users and the certificate are read again, and the logs opened anew, as logrotate(8) needs it. What is bad \
                     leaves the old in force, and the log says why.",
                ),
            ],
        },
        Section {
            title: "FILES",
            blocks: &[
                Block::Item("`etc/ftp-daemon.ron`", "The config, if it is below the current folder."),
                Block::Item("`/etc/ftp-daemon/ftp-daemon.ron`", "The config otherwise."),
                Block::Item("`users.ron`", "In the data folder: the accounts, written by ftp-admin(8)."),
                Block::Item(
                    "`users/NAME/home`, `users/NAME/parts`",
                    "In the data folder: what a user has, and what was not sent to its end. Both have to be on one file system.",
                ),
                Block::Item(
                    "`log/login.log`, `log/operate.log`",
                    "In the data folder: who came, and what was changed.",
                ),
            ],
        },
    ],
    see_also: &["ftp-cli(1)", "ftp-daemon.ron(5)", "ftp-admin(8)"],
    ..Program::NONE
};
