//! What `-j` prints: one JSON object on a line of stdout for everything that happens. `cli/JSON.md` describes each of them.

use crate::failure::Failure;
use ftp_proto::message::{Account, Kind};
use ftp_proto::printable::is_printable;
use ftp_proto::{Etag, Md5Sum, Root};
use serde::Serialize;
use std::fmt::Write as _;

/// Something that happened, or one line of a result. Sizes are in bytes, dates in seconds since 1970 (UTC).
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A session begins.
    Login {
        /// Who.
        user: &'a str,
        /// As `host:port`.
        server: &'a str,
        /// What is used, and what may be.
        #[serde(flatten)]
        account: Space,
    },
    /// `info`.
    Info(Box<Information<'a>>),
    /// `quota`.
    Quota {
        /// What is used, and what may be.
        #[serde(flatten)]
        account: Space,
    },
    /// `pwd`, and `cd` when it is done.
    Directory {
        /// At the server.
        path: &'a str,
    },
    /// One line of `ls`.
    Entry {
        /// Without the directory.
        name: &'a str,
        /// `file`, `dir` or `other`.
        kind: Kind,
        /// Of a file.
        size: u64,
        /// When it was written.
        mtime: i64,
    },
    /// The end of `ls`.
    Total {
        /// How many are files.
        files: u64,
        /// How many are directories.
        dirs: u64,
        /// Of the files.
        bytes: u64,
    },
    /// A directory was made.
    Made {
        /// At the server.
        path: &'a str,
    },
    /// A file or a directory was removed.
    Removed {
        /// At the server.
        path: &'a str,
        /// What became free.
        bytes: u64,
    },
    /// `mv`.
    Renamed {
        /// Before.
        from: &'a str,
        /// Now.
        to: &'a str,
    },
    /// `sum` and `md5`.
    Sum {
        /// At the server.
        path: &'a str,
        /// As `b3sum` prints it.
        blake3: Root,
        /// As `md5sum` prints it, if it was asked for.
        md5: Option<Md5Sum>,
    },
    /// An unfinished upload.
    Part {
        /// What `parts rm` takes.
        id: Etag,
        /// What it is to become.
        path: &'a str,
        /// What is there.
        have: u64,
        /// The whole.
        size: u64,
        /// When it last grew.
        mtime: i64,
    },
    /// An unfinished download.
    LocalPart {
        /// On this side.
        local: &'a str,
        /// At the server; none if the part does not say.
        path: Option<&'a str>,
        /// What is there.
        have: u64,
        /// The whole; none if the part does not say.
        size: Option<u64>,
        /// When it last grew.
        mtime: i64,
    },
    /// Unfinished transfers were removed.
    PartsRemoved {
        /// How many.
        parts: u64,
        /// What became free.
        bytes: u64,
    },
    /// `lpwd` and `lcd`.
    Folders {
        /// Where downloads go.
        download: &'a str,
        /// Where uploads come from.
        upload: &'a str,
    },
    /// `limit`.
    Limit {
        /// Bytes per second; none without a limit.
        rate: Option<u64>,
    },
    /// One line of `lls`.
    LocalEntry {
        /// Without the folder.
        name: &'a str,
        /// `file`, `dir` or `other`.
        kind: Kind,
        /// Of a file.
        size: u64,
        /// When it was written.
        mtime: i64,
    },
    /// One line of `help`.
    Help {
        /// Its name.
        command: &'a str,
        /// What it takes.
        usage: &'a str,
        /// What it does.
        what: &'a str,
    },
    /// A transfer begins.
    Start {
        /// Which way.
        op: Op,
        /// At the server.
        file: &'a str,
        /// On this side.
        local: &'a str,
        /// The whole.
        bytes: u64,
        /// What was there already.
        resumed_from: u64,
    },
    /// A transfer goes on.
    Progress {
        /// At the server; none for several files together.
        file: Option<&'a str>,
        /// With what was there already.
        bytes_done: u64,
        /// The whole.
        bytes_total: u64,
        /// Bytes per second of now.
        rate: Option<u64>,
        /// Seconds to go.
        eta_s: Option<u64>,
    },
    /// A file is in place.
    Done {
        /// Which way.
        op: Op,
        /// At the server.
        file: &'a str,
        /// On this side.
        local: &'a str,
        /// The whole.
        bytes: u64,
        /// What moved now; 0 for one that was there already.
        moved: u64,
        /// How long that took.
        seconds: f64,
        /// The hash that both ends have.
        blake3: Root,
        /// If it was asked for.
        md5: Option<Md5Sum>,
        /// Both ends have the same hashes.
        verified: bool,
    },
    /// A file would be moved: `--dry-run`.
    Planned {
        /// Which way.
        op: Op,
        /// At the server.
        file: &'a str,
        /// The whole.
        bytes: u64,
        /// Another file has its name.
        replaces: bool,
    },
    /// `mirror --delete` removed what the source does not have, or would.
    Removal {
        /// Below the tree's top, with its name in front; a directory has a `/` at its end.
        file: &'a str,
        /// Where.
        at: Side,
        /// Of a file.
        bytes: u64,
        /// Nothing was done: `--dry-run`.
        planned: bool,
    },
    /// `verify`: both ends of one file.
    Verified {
        /// At the server.
        file: &'a str,
        /// On this side.
        local: &'a str,
        /// What came of it.
        result: Likeness,
        /// Of the one at the server, if that was hashed.
        blake3: Option<Root>,
    },
    /// `du`.
    TreeSize {
        /// At the server.
        path: &'a str,
        /// How many are files.
        files: u64,
        /// How many are directories.
        dirs: u64,
        /// Of the files.
        bytes: u64,
    },
    /// A file, folder or link was left out.
    Skipped {
        /// Where it is.
        file: &'a str,
        /// Why.
        why: &'a str,
    },
    /// One of several files was not transferred; the others go on.
    Failed {
        /// At the server.
        file: &'a str,
        /// What went wrong.
        #[serde(flatten)]
        error: Trouble<'a>,
    },
    /// The end of a transfer of several files.
    Summary(Summary),
    /// The connection was lost.
    Reconnecting {
        /// Seconds to wait.
        in_s: u64,
        /// Which attempt this is.
        attempt: u32,
        /// How many there are at most; none without limit.
        of: Option<u32>,
        /// What happened.
        message: &'a str,
    },
    /// A command failed; `-k` and a leading `-` let the next ones run.
    Error {
        /// What went wrong.
        #[serde(flatten)]
        error: Trouble<'a>,
    },
    /// A step of the protocol, with `--verbose`.
    Step {
        /// What was asked or answered.
        message: &'a str,
    },
    /// Something for a person to read.
    Note {
        /// What.
        message: &'a str,
    },
}

/// Which way a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// From the server.
    Get,
    /// To the server.
    Put,
    /// Neither: both are compared.
    Verify,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// That of the daemon.
    Server,
    /// This one.
    Local,
}

/// What `verify` finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// Both are the same.
    Same,
    /// They are not.
    Differs,
    /// On this side there is none.
    MissingHere,
    /// At the server there is none.
    MissingThere,
}

/// What an account uses.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Space {
    used: u64,
    quota: Option<u64>,
    left: Option<u64>,
    entries: u64,
    entries_limit: u64,
}

impl From<&Account> for Space {
    fn from(account: &Account) -> Self {
        Self {
            used: account.used,
            quota: account.quota,
            left: account.quota.map(|quota| quota.saturating_sub(account.used)),
            entries: account.entries,
            entries_limit: account.entries_limit,
        }
    }
}

/// All of `info`.
#[derive(Debug, Clone, Serialize)]
pub struct Information<'a> {
    /// Who.
    pub user: &'a str,
    /// As `host:port`.
    pub server: &'a str,
    /// The daemon's name and version.
    pub software: &'a str,
    /// How long it has been running, in seconds.
    pub uptime_s: u64,
    /// The version of TLS.
    pub tls: &'a str,
    /// The cipher suite.
    pub suite: &'a str,
    /// The key exchange.
    pub group: &'a str,
    /// Of the server's certificate.
    pub fingerprint: &'a str,
    /// This end's address, as the server sees it.
    pub peer: &'a str,
    /// How long an answer takes, in milliseconds.
    pub round_trip_ms: f64,
    /// The current directory at the server.
    pub directory: &'a str,
    /// Files that moved in this session.
    pub files_moved: u64,
    /// Bytes of them.
    pub bytes_moved: u64,
    /// What is used, and what may be.
    #[serde(flatten)]
    pub account: Space,
}

/// What came of several files.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Summary {
    /// Which way.
    pub op: Op,
    /// How many there were.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes that moved.
    pub moved: u64,
    /// How long it took.
    pub seconds: f64,
    /// Moved, or compared, and the same on both ends.
    pub verified: u64,
    /// There already, and the same.
    pub identical: u64,
    /// There already, differing, and left as they are.
    pub kept: u64,
    /// Neither file nor folder, or of a name that the other end cannot have.
    pub skipped: u64,
    /// Not done.
    pub failed: u64,
    /// To be moved, were it not for `--dry-run`.
    pub planned: u64,
    /// Files and directories that `mirror --delete` removed, or would.
    pub removed: u64,
    /// `verify`: not the same on both ends.
    pub differs: u64,
    /// `verify`: there is none on one end.
    pub missing: u64,
}

/// What went wrong, for a program.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Trouble<'a> {
    /// The exit code that it leads to.
    code: u8,
    /// The kind, in a word.
    what: &'static str,
    /// The word of the server, if it was the server that refused.
    refusal: Option<ftp_proto::Code>,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Failure> for Trouble<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            code: failure.cause.exit_code(),
            what: failure.cause.word(),
            refusal: failure.code(),
            message: &failure.message,
            hint: failure.hint.as_deref(),
        }
    }
}

impl Event<'_> {
    /// One line, in which nothing drives a terminal: such characters are escaped, and come back when the line is parsed.
    #[must_use]
    pub fn line(&self) -> String {
        // Strings and numbers always become JSON.
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut line = String::with_capacity(json.len());
        for c in json.chars() {
            let mut buffer = [0; 2];
            if is_printable(c.encode_utf8(&mut [0; 4])) {
                line.push(c);
                continue;
            }
            for unit in c.encode_utf16(&mut buffer) {
                // Writing to a string never fails.
                let _ = write!(line, "\\u{unit:04x}");
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_drives_no_terminal_and_gives_the_name_back() {
        let name = "a\x1b[2J\u{202e}\u{9b}\n\u{e0001}\"日";
        let line = Event::Directory { path: name }.line();
        assert!(is_printable(&line), "{line}");
        let back: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(back, serde_json::json!({"event": "directory", "path": name}));
    }

    #[test]
    fn a_failure_has_its_code_and_the_word_for_it() {
        let failure = Failure::usage("no").hint("yes");
        let line = Event::Error { error: (&failure).into() }.line();
        assert_eq!(
            line,
            r#"{"event":"error","code":2,"what":"usage","refusal":null,"message":"no","hint":"yes"}"#
        );
    }
}
