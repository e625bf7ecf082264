//! `ftp-admin`.

use super::{CONFIG_FILE, HELP, VERSION};
use ftp_manual::{Argument, Block, Example, Group, Kind, Opt, Program, Section, Verb};

/// Its command line.
pub const PROGRAM: Program = Program {
    name: "ftp-admin",
    section: 8,
    what: "manage the accounts and the certificate of ftp-daemon",
    synopsis: &["[-c FILE] VERB [OPTIONS]", "VERB --help"],
    about: &[
        Block::Text(
            "`ftp-admin` works on the files of ftp-daemon(8), whether that runs or not; a running daemon notices a changed account within a second.",
        ),
        Block::Text(
            "At a terminal, what `create` and `setup` are not told is asked for. At every prompt, also for a password, `q` or `exit` leaves, and so do \
             Ctrl-D and Ctrl-C; nothing has been changed then. Without a terminal nothing is asked, and the error names the option that is missing.",
        ),
    ],
    examples: &[
        Example { line: "ftp-admin create alice --quota 5G", what: "asks for the password" },
        Example { line: "ftp-admin view", what: "who has what" },
        Example { line: "ftp-admin setup alice", what: "shows the values, asks one by one" },
        Example { line: "ftp-admin rm alice", what: "the account goes, the files stay" },
        Example { line: "ftp-admin check", what: "is this set-up sound?" },
        Example { line: "ftp-admin scrub", what: "are all files what was uploaded?" },
    ],
    groups: &[Group { title: "Options", options: &[CONFIG_FILE, HELP, VERSION] }],
    verbs: &[CREATE, RM, SETUP, VIEW, CERT, FINGERPRINT, CHECK, SCRUB, HELP_VERB],
    exit: &[
        ("0", "done"),
        ("1", "failed, there already, or left at a prompt"),
        ("2", "not understood"),
        ("6", "no such user"),
        ("130", "interrupted with Ctrl-C at a prompt"),
    ],
    notes: &["A running daemon notices changes within a second."],
    sections: &[Section {
        title: "FILES",
        blocks: &[
            Block::Item(
                "`etc/ftp-daemon.ron`",
                "The config, if it is below the current folder; see ftp-daemon.ron(5).",
            ),
            Block::Item("`/etc/ftp-daemon/ftp-daemon.ron`", "The config otherwise."),
            Block::Item(
                "`users.ron`",
                "In the data folder: the accounts. It is replaced in one step, under a lock, so that two administrators lose nothing.",
            ),
        ],
    }],
    see_also: &["ftp-cli(1)", "ftp-daemon.ron(5)", "ftp-daemon(8)"],
};

const USER: Kind = Kind::Listed("view --names");

const QUOTA: Opt = Opt::value(
    "quota",
    "SIZE|none",
    Kind::OneOf(&["none"]),
    "the most bytes, like 5G, 500M or none (K, M, G, T are powers of 1024)",
);
const PASSWORD_FILE: Opt = Opt::value(
    "password-file",
    "FILE|-",
    Kind::File,
    "take the password from the first line of a file; - is stdin",
);
const GENERATE: Opt = Opt::flag("generate", "make a password, and print it alone on stdout, once");
const WEAK: Opt = Opt::flag("weak", "take a password of fewer than 12 characters too");
const YES: Opt = Opt::flag("yes", "do not ask");

const CREATE: Verb = Verb {
    name: "create",
    what: "a new account with its folder",
    about: &[Block::Text(
        "At a terminal the user, the quota and the password are asked for if they are not given; with a password from --generate or \
         --password-file, the quota is none unless --quota says otherwise. An empty password has one made, as --generate does.",
    )],
    arguments: &[Argument { name: "USER", kind: Kind::Free, needed: false }],
    options: &[QUOTA, GENERATE, PASSWORD_FILE, WEAK],
    examples: &[
        Example { line: "ftp-admin create alice --quota 5G", what: "asks for the password" },
        Example { line: "ftp-admin create bob --generate >bob.pw", what: "no quota, nothing is asked" },
    ],
    ..Verb::NONE
};

const RM: Verb = Verb {
    name: "rm",
    what: "the end of an account; its files stay",
    about: &[Block::Text(
        "The name has to be typed once more. Open sessions of the user end within a second.",
    )],
    arguments: &[Argument { name: "USER", kind: USER, needed: true }],
    options: &[Opt::flag("purge", "delete the user's files as well"), YES],
    ..Verb::NONE
};

const SETUP: Verb = Verb {
    name: "setup",
    what: "another quota or password for an account",
    about: &[Block::Text(
        "Without options it shows the values and asks one by one; Enter keeps. It says what was and what is, and asks before it sets a quota \
         below what is used; an upload that has begun goes on to its end. When the password changes, open sessions end within a second.",
    )],
    arguments: &[Argument { name: "USER", kind: USER, needed: false }],
    options: &[
        QUOTA,
        Opt::flag("password", "ask for another password"),
        GENERATE,
        PASSWORD_FILE,
        WEAK,
        Opt::flag("yes", "do not ask, not even before a quota below what is used"),
    ],
    examples: &[
        Example { line: "ftp-admin setup alice --quota none", what: "no limit any more" },
        Example { line: "ftp-admin setup alice --password", what: "asks twice" },
    ],
    ..Verb::NONE
};

const VIEW: Verb = Verb {
    name: "view",
    aliases: &["list"],
    what: "who has what: used, quota, files, last login",
    about: &[Block::Text(
        "A table at a terminal; otherwise bytes as numbers, with tabs between them, below a line of names. All times are UTC.",
    )],
    arguments: &[Argument { name: "USER", kind: USER, needed: false }],
    options: &[
        Opt::flag("json", "print a JSON array of objects"),
        Opt::flag("names", "print the names only, one on a line; nothing is counted"),
    ],
    ..Verb::NONE
};

const CERT: Verb = Verb {
    name: "cert",
    what: "a certificate, and the CA that signs it",
    options: &[
        Opt::value(
            "out",
            "DIR",
            Kind::Folder,
            "the folder for ca.pem, ca.key, server.pem and server.key; certs without it",
        ),
        Opt::value("name", "HOST", Kind::Free, "a name of the server; may be given more than once").many(),
        Opt::value("ip", "IP", Kind::Free, "an address of the server; may be given more than once").many(),
        Opt::value("days", "N", Kind::Free, "how long the server's certificate lasts; 397 without it"),
        Opt::flag("force", "replace the server's certificate and key; the CA stays"),
        Opt::flag("new-ca", "with --force: replace the CA too; every client needs the new ca.pem"),
    ],
    examples: &[Example { line: "ftp-admin cert --name files.example.org --force", what: "another name" }],
    ..Verb::NONE
};

const FINGERPRINT: Verb = Verb {
    name: "fingerprint",
    what: "what clients compare at their first visit",
    about: &[Block::Text("That of the certificate in the config, or of the one in a file.")],
    arguments: &[Argument { name: "PEM", kind: Kind::File, needed: false }],
    ..Verb::NONE
};

const CHECK: Verb = Verb {
    name: "check",
    what: "whether this set-up is sound, a line for each thing looked at",
    about: &[Block::Text(
        "It changes nothing, goes through the directories of all users, and fails if there is a problem.",
    )],
    ..Verb::NONE
};

const SCRUB: Verb = Verb {
    name: "scrub",
    what: "whether files on the disk are still what was uploaded",
    about: &[Block::Text(
        "It reads every file of more than 256 KiB of one user or of all, at the lowest priority, and compares it with the hashes that were kept of \
         its upload; the daemon may run meanwhile. What differs or cannot be read is told with its path, and the command fails; who downloads \
         such a file is told as well, until it is put there again. Smaller files have none kept, nor have those that came by other means than an upload and were \
         not downloaded since. A file that was written to by other means is another version: its hashes are made anew when it is read next.",
    )],
    arguments: &[Argument { name: "USER", kind: USER, needed: false }],
    examples: &[Example { line: "ftp-admin scrub", what: "once a month, from cron or a timer" }],
    ..Verb::NONE
};

const HELP_VERB: Verb = Verb {
    name: "help",
    what: "this text, or more about one verb",
    arguments: &[Argument { name: "VERB", kind: Kind::OneOf(VERBS), needed: false }],
    ..Verb::NONE
};

const VERBS: &[&str] = &["create", "rm", "setup", "view", "cert", "fingerprint", "check", "scrub"];
