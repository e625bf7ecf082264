//! This side: its folders, its shell, and how much of the network the client takes.

use super::listing::{OPTIONS, Row, Rows, Style};
use super::{BARE, Command, Group, Line, Next, Shell, Side};
use crate::event::Event;
use crate::failure::{Cause, Failure, shown};
use crate::{glob, limit, show};
use ftp_proto::Printable;
use ftp_proto::message::Kind;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

pub(super) const LPWD: Command = Command {
    name: "lpwd",
    group: Group::Local,
    usage: "lpwd",
    what: "the folders on this side",
    side: Side::Words(&[]),
    changes: false,
    run: lpwd,
    ..BARE
};
pub(super) const LCD: Command = Command {
    name: "lcd",
    group: Group::Local,
    usage: "lcd [FOLDER|-]",
    what: "change the folder on this side, for downloads and uploads",
    more: "Without a folder to your home; with - to where you were before.",
    examples: &["lcd ~/Downloads", "lcd -"],
    side: Side::FoldersHere,
    changes: false,
    run: lcd,
    ..BARE
};
pub(super) const LLS: Command = Command {
    name: "lls",
    group: Group::Local,
    usage: "lls [-1ahlrtS] [PATH|PATTERN]",
    what: "what is in the folder that uploads come from",
    options: OPTIONS,
    examples: &["lls -lt", "lls *.pdf"],
    side: Side::Here,
    changes: false,
    run: lls,
    ..BARE
};
pub(super) const SHELL: Command = Command {
    name: "!",
    group: Group::Local,
    menu: "!cmd",
    usage: "!COMMAND",
    what: "let your shell do something, in the folder that uploads come from",
    more: "Everything to the end of the line goes to $SHELL as it is. With -j its output goes to stderr.",
    examples: &["!df -h .", "!tar czf day.tgz day; ls -l day.tgz"],
    side: Side::Here,
    changes: false,
    run: shell_out,
    ..BARE
};
pub(super) const LIMIT: Command = Command {
    name: "limit",
    group: Group::Transfer,
    usage: "limit [RATE|off]",
    what: "how many bytes a second may move, in both directions together",
    more: "RATE is as 2M or 500K, in powers of 1024. Without one the limit of now is shown.",
    examples: &["limit 2M", "limit off"],
    side: Side::Words(&["off"]),
    changes: false,
    run: limited,
    ..BARE
};

fn lpwd(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    line.none()?;
    folders(shell)
}

fn lcd(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let session = &mut *shell.session;
    let now = (session.download.clone(), session.upload.clone());
    (session.download, session.upload) = match line.at_most_one()? {
        Some("-") => session.left.clone(),
        word => {
            let folder = match word {
                Some(word) => session.upload.join(expanded(word)),
                None => home().ok_or_else(|| line.wrong("HOME is not set: a folder is missing"))?,
            };
            let facts = fs::metadata(&folder).map_err(|error| Failure::local(&folder, "go there", &error))?;
            if !facts.is_dir() {
                return Err(Failure::new(Cause::NotPermitted, format!("{}: not a folder", shown(&folder))));
            }
            (folder.clone(), folder)
        }
    };
    session.left = now;
    if shell.console.is_json() { folders(shell) } else { Ok(Next::Stay) }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// A path in which `~/` at the front is the home, as people type it.
pub(crate) fn expanded(word: &str) -> PathBuf {
    let (first, below) = word.split_once('/').unwrap_or((word, ""));
    match home() {
        Some(home) if first == "~" => home.join(below),
        _ => PathBuf::from(word),
    }
}

fn folders(shell: &Shell<'_>) -> Result<Next, Failure> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (download, upload) = (absolute(&shell.session.download), absolute(&shell.session.upload));
    let event = Event::Folders { download: &download.to_string_lossy(), upload: &upload.to_string_lossy() };
    shell.console.result(&event, || {
        format!("downloads go to    {}\nuploads come from  {}", shown(&download), shown(&upload))
    })?;
    Ok(Next::Stay)
}

fn lls(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let given = line.options(Style::options)?;
    let base = shell.session.upload.clone();
    let mut rows = Rows::default();
    let chosen = match given.free.as_slice() {
        [pattern] if pattern.pattern().is_some() => {
            for found in glob::here(&base, pattern)? {
                rows.push(row(&base.join(&found.name), &found.name));
            }
            true
        }
        words @ ([] | [_]) => {
            let folder = words.first().map_or_else(|| base.clone(), |word| base.join(expanded(word)));
            let failed = |error| Failure::local(&folder, "list it", &error);
            if fs::metadata(&folder).map_err(failed)?.is_dir() {
                for entry in fs::read_dir(&folder).map_err(failed)? {
                    let entry = entry.map_err(failed)?;
                    rows.push(row(&entry.path(), &entry.file_name().to_string_lossy()));
                }
                false
            } else {
                rows.push(row(&folder, words.first().map_or("", |word| word.as_str())));
                true
            }
        }
        [_, more, ..] => return Err(line.wrong(format!("'{}' is one word too many", Printable(more)))),
    };
    Style::of(&given).show(shell, rows, chosen, |row| Event::LocalEntry {
        name: row.name,
        kind: row.kind,
        size: row.size,
        mtime: row.mtime,
    })?;
    Ok(Next::Stay)
}

fn row<'a>(path: &Path, name: &'a str) -> Row<'a> {
    // One that is gone meanwhile, or a link to nothing, is something else.
    let (kind, size, mtime) = match fs::metadata(path) {
        Ok(facts) if facts.is_dir() => (Kind::Dir, 0, facts.mtime()),
        Ok(facts) if facts.is_file() => (Kind::File, facts.len(), facts.mtime()),
        Ok(facts) => (Kind::Other, 0, facts.mtime()),
        Err(_) => (Kind::Other, 0, 0),
    };
    Row { name, kind, size, mtime }
}

/// Runs a command of the user's shell. The terminal is the command's until it ends: Ctrl-C and Ctrl-\ are not for us, and whatever it did to the terminal is
/// undone.
fn shell_out(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let command = line.words.first().map_or("", |word| word.as_str());
    let program = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut process = process::Command::new(program.unwrap_or_else(|| "/bin/sh".into()));
    process.current_dir(&shell.session.upload);
    if !command.is_empty() {
        process.arg("-c").arg(command);
    } else if !shell.console.is_interactive() {
        return Err(line.wrong("a command is missing"));
    }
    let failed = |error: io::Error| Failure::new(Cause::Failed, format!("the shell cannot be run: {error}"));
    if shell.console.is_json() {
        let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
        process.stdout(Stdio::from(stderr));
    }
    let terminal = tcgetattr(rustix::stdio::stdin()).ok();
    let status = shell.session.interrupt().lend(|| process.status()).map_err(failed)?;
    if let Some(terminal) = terminal {
        // If the terminal is gone there is nothing to restore.
        let _gone = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, &terminal);
    }
    let shown = Printable(command);
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(Next::Stay),
        (Some(code), _) => Err(Failure::new(Cause::Failed, format!("!{shown}: exit code {code}"))),
        // In a script Ctrl-C ends what it was pressed for, and the script.
        (None, Some(signal_hook::consts::SIGINT)) => Err(Failure::interrupted()),
        (None, signal) => {
            let signal = signal.map_or_else(String::new, |signal| format!(" by signal {signal}"));
            Err(Failure::new(Cause::Failed, format!("!{shown}: ended{signal}")))
        }
    }
}

fn limited(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    if let Some(text) = line.at_most_one()? {
        shell.session.limit().set(limit::parse(text).map_err(|what| line.wrong(what))?);
        if !shell.console.is_json() {
            return Ok(Next::Stay);
        }
    }
    let rate = shell.session.limit().get();
    shell.console.result(&Event::Limit { rate }, || {
        rate.map_or_else(|| "no limit".to_owned(), |rate| format!("at most {}/s", show::size(rate)))
    })?;
    Ok(Next::Stay)
}
