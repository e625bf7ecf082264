//! The command line as data: the parser, the help, the man page and the completions for shells come from here; what is said about the commands of the prompt is
//! with the commands.

use crate::command::{COMMANDS, Group as Commands};
use ftp_manual::{Block, Example, Group, Kind, Opt, Program, Section, roff};

/// `ftp-cli`.
pub const PROGRAM: Program = Program {
    name: "ftp-cli",
    section: 1,
    what: "secure file transfer",
    synopsis: &[
        "[-s HOST] [-P PORT] [-u USER]",
        "-s HOST -u USER -c 'COMMAND; ...'",
        "-s HOST -u USER -b FILE",
    ],
    about: &[
        Block::Text(
            "`ftp-cli` gets files from an ftp-daemon and puts files there, over TLS 1.3. Without `-c` and `-b` it asks who you are and shows a prompt; `help` lists the commands. A transfer that was cut off goes on where it stopped when the same command is given again, and each file is verified with BLAKE3 before it is in place.",
        ),
        Block::Text(
            "A script stops at the first error, unless the command begins with `-` or `--keep-going` is given. Results go to stdout, everything else to stderr. Nothing is asked without a terminal.",
        ),
    ],
    examples: &[
        Example { line: "ftp-cli -s files.example.org", what: "log in and work at a prompt" },
        Example { line: "ftp-cli -s HOST -u USER -c 'get big.iso'", what: "run commands, then leave" },
        Example { line: "ftp-cli -s HOST -u USER -b nightly.ftp", what: "run the commands of a file" },
    ],
    groups: &[CONNECTION, SCRIPTS, TRANSFERS, OUTPUT],
    exit: &[
        ("0", "done"),
        ("1", "failed"),
        ("2", "not understood"),
        ("3", "no connection or connection lost"),
        ("4", "login refused"),
        ("5", "server not trusted"),
        ("6", "not found"),
        ("7", "not permitted"),
        ("8", "quota or disk full"),
        ("9", "verification failed"),
        ("130", "interrupted"),
    ],
    notes: &["More exit codes may be added: take any but 0 as a failure."],
    sections: &[
        Section {
            title: "FILES",
            blocks: &[
                Block::Item(
                    "`~/.config/ftp-cli/ftp-cli.ron`",
                    "The folders of downloads and uploads. A file `etc/ftp-cli.ron` below the current folder comes first.",
                ),
                Block::Item(
                    "`~/.local/share/ftp-cli/known_hosts`",
                    "The servers that were trusted at the first contact.",
                ),
                Block::Item(
                    "`~/.local/state/ftp-cli/history`",
                    "The lines that were typed at the prompt; never a password. A line that begins with a blank is not kept.",
                ),
                Block::Item(
                    "`~/.netrc`",
                    "Names and passwords for machines: `machine HOST login USER password PASSWORD`, or `default`. It is used without `--password-file`, and refused if others can read it.",
                ),
                Block::Item(
                    "`NAME.part`, `NAME.part.cv`",
                    "A download that is not finished, and its hashes. `parts` lists them.",
                ),
            ],
        },
        Section {
            title: "ENVIRONMENT",
            blocks: &[
                Block::Item("`NETRC`", "A file to be used for `~/.netrc`."),
                Block::Item("`NO_COLOR`", "If it is not empty, nothing is in colour."),
                Block::Item("`SHELL`", "What runs the command after `!`."),
                Block::Item("`TERM`", "If it is `dumb`, there is no progress bar, no colour and no editing."),
                Block::Item(
                    "`XDG_CONFIG_HOME`, `XDG_DATA_HOME`, `XDG_STATE_HOME`",
                    "Where the files above are, if not below `~/.config`, `~/.local/share` and `~/.local/state`.",
                ),
            ],
        },
    ],
    see_also: &["ftp-daemon(8)", "ftp-admin(8)"],
    ..Program::NONE
};

const CONNECTION: Group = Group {
    title: "Connection",
    options: &[
        Opt::value("server", "HOST", Kind::Free, "name or address of the server; 127.0.0.1 without it")
            .short('s'),
        Opt::value("port", "PORT", Kind::Free, "9999 without it").short('P'),
        Opt::value("user", "USER", Kind::Free, "who to log in as").short('u'),
        Opt::value(
            "password-file",
            "FILE",
            Kind::File,
            "take the password from the first line of a file; - is stdin. Without it ~/.netrc is looked into",
        ),
        Opt::value("ca", "FILE", Kind::File, "trust servers that this CA has signed"),
        Opt::value(
            "fingerprint",
            "FP",
            Kind::Free,
            "trust only the certificate with this fingerprint (SHA256:...)",
        ),
        Opt::flag("accept-new", "trust a server at the first contact without asking; never one that changed"),
        Opt::value(
            "forget",
            "HOST:PORT",
            Kind::Free,
            "forget a server that was trusted at the first contact, and leave",
        ),
        Opt::value("timeout", "SECONDS", Kind::Free, "give up when nothing comes for so long; 30 without it"),
    ],
};
const SCRIPTS: Group = Group {
    title: "Scripts",
    options: &[
        Opt::value("command", "CMDS", Kind::Free, "commands, with ';' between them").short('c'),
        Opt::value(
            "batch",
            "FILE",
            Kind::File,
            "a file of commands, one per line; - is stdin; # begins a comment",
        )
        .short('b'),
        Opt::flag("keep-going", "go on after an error; a command that begins with - may always fail")
            .short('k'),
        Opt::flag("no-input", "never ask"),
    ],
};
const TRANSFERS: Group = Group {
    title: "Transfers",
    options: &[
        Opt::value(
            "limit",
            "RATE",
            Kind::Free,
            "bytes per second, as 2M or 500K in powers of 1024, of both directions together",
        )
        .short('l'),
        Opt::value(
            "retries",
            "N",
            Kind::Free,
            "how often a lost connection is made anew: 5 without it; 'none', or 0 for no limit",
        ),
        Opt::value(
            "config",
            "FILE",
            Kind::File,
            "the folders of downloads and uploads; etc/ftp-cli.ron shows what it can say",
        ),
    ],
};
const OUTPUT: Group = Group {
    title: "Output",
    options: &[
        Opt::flag("quiet", "only results and errors").short('q'),
        Opt::flag("verbose", "each step of the protocol, on stderr").short('v'),
        Opt::flag("json", "one JSON object per line for everything that happens; cli/JSON.md describes them")
            .short('j'),
        Opt::value(
            "progress",
            "WHEN",
            Kind::OneOf(&["auto", "always", "never"]),
            "a bar where there is a terminal (auto), lines elsewhere too (always), or nothing (never)",
        ),
        Opt::flag("help", "this text").short('h'),
        Opt::flag("version", "the version").short('V'),
    ],
};

/// What is said about typing, before the commands.
const TYPING: &str = "Words are cut at white space, commands at `;`. What is in quotes stands for itself, and so does the character behind a backslash. In names at the server and on this side `*`, `?` and `[...]` stand for others, but not for a dot at the front or a `/`; that nothing matches is an error. Tab completes commands, options and the names of the right side. A line that begins with `!` is for the shell.";

/// The man page.
#[must_use]
pub fn page() -> String {
    let mut items: Vec<(String, String)> = Vec::new();
    for group in Commands::ALL {
        for command in COMMANDS.iter().filter(|command| command.group == group) {
            let mut text = format!("{}.", capital(command.what));
            for (option, what) in command.options {
                text += &format!(" `{option}`: {what}.");
            }
            for paragraph in command.more.lines() {
                text += &format!(" {paragraph}");
            }
            if !command.examples.is_empty() {
                let examples: Vec<_> = command.examples.iter().map(|line| format!("`{line}`")).collect();
                text += &format!(" For example: {}.", examples.join(", "));
            }
            items.push((format!("`{}`", command.usage), text));
        }
    }
    let mut blocks = vec![Block::Text(TYPING)];
    blocks.extend(items.iter().map(|(usage, text)| Block::Item(usage, text)));
    roff::program(&PROGRAM, &[Section { title: "COMMANDS", blocks: &blocks }])
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
