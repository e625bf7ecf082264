//! Looking at and changing what is at the server.

use super::listing::{OPTIONS, Row, Rows, Style};
use super::{BARE, Command, Group, Line, Next, Shell, Side, nearest};
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::glob;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Name, Printable, VirtualPath};

pub(super) const LS: Command = Command {
    name: "ls",
    group: Group::Files,
    usage: "ls [-1ahlrtS] [PATH|PATTERN]",
    what: "what is in a directory",
    options: OPTIONS,
    more: "In columns on a screen, elsewhere one name per line. Directories end in /.",
    examples: &["ls -lt", "ls docs/*.pdf"],
    changes: false,
    run: ls,
    ..BARE
};
pub(super) const PWD: Command = Command {
    name: "pwd",
    group: Group::Files,
    usage: "pwd",
    what: "the current directory at the server",
    side: Side::Words(&[]),
    changes: false,
    run: pwd,
    ..BARE
};
pub(super) const CD: Command = Command {
    name: "cd",
    group: Group::Files,
    usage: "cd [PATH|-]",
    what: "change the directory at the server",
    more: "Without a path to the home, which is /; with - to where you were before.",
    examples: &["cd docs/2026", "cd -"],
    side: Side::DirsThere,
    changes: false,
    run: cd,
    ..BARE
};
pub(super) const MKDIR: Command = Command {
    name: "mkdir",
    group: Group::Files,
    usage: "mkdir [-p] DIR...",
    what: "make directories",
    options: &[("-p", "those above too; one that is there is no error")],
    examples: &["mkdir docs", "mkdir -p docs/2026/11"],
    side: Side::DirsThere,
    run: mkdir,
    ..BARE
};
pub(super) const RMDIR: Command = Command {
    name: "rmdir",
    group: Group::Files,
    usage: "rmdir DIR...",
    what: "remove empty directories",
    more: "rm -r removes a directory with all that is in it.",
    examples: &["rmdir docs", "rmdir old-*"],
    side: Side::DirsThere,
    run: rmdir,
    ..BARE
};
pub(super) const MV: Command = Command {
    name: "mv",
    group: Group::Files,
    usage: "mv [-f] FROM... TO",
    what: "rename, or move to another directory",
    options: &[("-f", "replace a file that is there")],
    examples: &["mv report.pdf report-old.pdf", "mv *.pdf docs"],
    run: mv,
    ..BARE
};

fn ls(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let given = line.options(Style::options)?;
    let style = Style::of(&given);
    let word = match given.free.as_slice() {
        [] => ".",
        [pattern] if pattern.pattern().is_some() => {
            let found = glob::there(shell.session, pattern)?;
            let rows =
                found.iter().filter_map(|found| Some(row(&found.name, found.entry.as_ref()?))).collect();
            style.show(shell, rows, true, event)?;
            return Ok(Next::Stay);
        }
        [one] => one.as_str(),
        [_, more, ..] => return Err(line.wrong(format!("'{}' is one word too many", Printable(more)))),
    };
    let path = shell.remote(word)?;
    let (mut rows, mut has_all_names) = (Rows::default(), true);
    let listed = shell.session.client()?.list_each(&path, &mut |entry| match &entry.name {
        Some(name) => rows.push(row(name.as_str(), &entry)),
        None => has_all_names = false,
    });
    let chosen = match listed {
        Err(failure) if failure.code() == Some(Code::NotADirectory) => {
            let entry = shell.session.client()?.stat(&path)?;
            rows.push(row(entry.name.as_ref().map_or("?", Name::as_str), &entry));
            true
        }
        result => result.map(|_| false).map_err(|failure| explain(shell, failure, &path, word))?,
    };
    if !has_all_names {
        return Err(shell.session.client()?.unnamed());
    }
    if rows.has_twins() {
        return Err(shell.session.client()?.twins());
    }
    if !chosen {
        shell.seen.keep(&path, rows.names());
    }
    style.show(shell, rows, chosen, event)?;
    Ok(Next::Stay)
}

fn event(row: Row<'_>) -> Event<'_> {
    Event::Entry { name: row.name, kind: row.kind, size: row.size, mtime: row.mtime }
}

fn row<'a>(name: &'a str, entry: &Entry) -> Row<'a> {
    Row { name, kind: entry.kind, size: entry.size, mtime: entry.mtime }
}

fn pwd(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    line.none()?;
    told_directory(shell)
}

fn told_directory(shell: &Shell<'_>) -> Result<Next, Failure> {
    let cwd = shell.session.cwd.to_string();
    shell.console.result(&Event::Directory { path: &cwd }, || Printable(&cwd).to_string())?;
    Ok(Next::Stay)
}

fn cd(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let path = match line.at_most_one()? {
        None => VirtualPath::root(),
        Some("-") => shell.session.previous.clone(),
        Some(word) => {
            let path = shell.remote(word)?;
            let entry = shell.session.client()?.stat(&path);
            let entry = entry.map_err(|failure| explain(shell, failure, &path, word))?;
            if entry.kind != Kind::Dir {
                let what = format!("{}: not a directory", Printable(word));
                return Err(Failure::new(Cause::NotPermitted, what));
            }
            path
        }
    };
    shell.session.previous = std::mem::replace(&mut shell.session.cwd, path);
    if shell.console.is_json() { told_directory(shell) } else { Ok(Next::Stay) }
}

fn mkdir(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let matches = line.options(|options| {
        options.optflag("p", "", "");
    })?;
    if matches.free.is_empty() {
        return Err(line.wrong("a name is missing"));
    }
    for word in &matches.free {
        let path = shell.remote(word)?;
        let made = if matches.opt_present("p") {
            mkdir_all(shell, &path)
        } else {
            shell.session.client()?.mkdir(&path)
        };
        made.map_err(|failure| failure.about(Printable(word)))?;
        done(shell, &Event::Made { path: &path.to_string() })?;
    }
    Ok(Next::Stay)
}

/// Makes a directory and those above it, unless they are there.
pub(super) fn mkdir_all(shell: &mut Shell<'_>, path: &VirtualPath) -> Result<(), Failure> {
    let mut above = String::new();
    for name in path.names() {
        above = format!("{above}/{name}");
        let step = shell.remote(&above)?;
        match shell.session.client()?.mkdir(&step) {
            Err(failure) if failure.code() == Some(Code::Exists) => {}
            result => result?,
        }
    }
    match shell.session.client()?.stat(path)?.kind {
        Kind::Dir => Ok(()),
        Kind::File | Kind::Other => Err(Failure::new(Cause::NotPermitted, "a file of that name is there")),
    }
}

fn rmdir(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    for word in line.at_least_one()? {
        for found in glob::there(shell.session, word)? {
            if found.entry.is_some_and(|entry| entry.kind != Kind::Dir) {
                continue;
            }
            let path = shell.remote(&found.name)?;
            let removed = shell.session.client()?.rmdir(&path);
            removed.map_err(|failure| {
                let failure = explain(shell, failure, &path, &found.name);
                match failure.code() {
                    Some(Code::NotEmpty) => failure.hint("rm -r removes it with all that is in it"),
                    _ => failure,
                }
            })?;
            done(shell, &Event::Removed { path: &path.to_string(), bytes: 0 })?;
        }
    }
    Ok(Next::Stay)
}

fn mv(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let given = line.options(|options| {
        options.optflag("f", "", "");
    })?;
    let Some((to_word, from_words @ [_, ..])) = given.free.split_last() else {
        return Err(line.wrong("it takes two names"));
    };
    let mut from = Vec::new();
    for word in from_words {
        from.extend(glob::there(shell.session, word)?.into_iter().map(|found| found.name));
    }
    let target = shell.remote(to_word)?;
    let is_dir = shell.session.client()?.find(&target)?.is_some_and(|entry| entry.kind == Kind::Dir);
    if from.len() > 1 && !is_dir {
        let what =
            format!("{}: not a directory, and {} names cannot all be it", Printable(to_word), from.len());
        return Err(Failure::new(Cause::NotPermitted, what).hint("mkdir makes one"));
    }
    for from_word in from {
        let from = shell.remote(&from_word)?;
        let mut to = target.clone();
        if is_dir && let Some(name) = from.names().last() {
            to = to
                .join(name.as_str())
                .map_err(|fault| Failure::new(Cause::NotPermitted, fault.to_string()))?;
        }
        let moved = shell.session.client()?.rename(&from, &to, given.opt_present("f"));
        moved.map_err(|failure| match failure.code() {
            Some(Code::NotFound) => explain(shell, failure, &from, &from_word),
            _ => failure.about(Printable(to_word)),
        })?;
        done(shell, &Event::Renamed { from: &from.to_string(), to: &to.to_string() })?;
    }
    Ok(Next::Stay)
}

/// What a person need not be told: the prompt is back.
fn done(shell: &Shell<'_>, event: &Event<'_>) -> Result<(), Failure> {
    if shell.console.is_json() { shell.console.result(event, String::new) } else { Ok(()) }
}

/// Names what a failure is about and, when nothing of that name is there, what was probably meant.
pub(super) fn explain(shell: &mut Shell<'_>, failure: Failure, path: &VirtualPath, word: &str) -> Failure {
    let mut failure = failure.about(Printable(word));
    if failure.code() != Some(Code::NotFound) || failure.hint.is_some() {
        return failure;
    }
    let parent = path.join("..").map(|parent| parent.to_string()).unwrap_or_default();
    if let Some(name) = path.names().last()
        && failure.message.ends_with("no such file or directory")
    {
        failure.message = format!("{}: not found in {}", Printable(name.as_str()), Printable(&parent));
    }
    match near(shell, path) {
        Some(near) => failure.guess(format!("Near it: {}", Printable(&near))),
        None => failure.hint("ls shows what is there"),
    }
}

fn near(shell: &mut Shell<'_>, path: &VirtualPath) -> Option<String> {
    let name = path.names().last()?;
    let parent = path.join("..").ok()?;
    let entries = shell.session.client().ok()?.list(&parent).ok()?;
    let names: Vec<_> = entries.iter().filter_map(|entry| entry.name.as_ref().map(Name::as_str)).collect();
    nearest(name.as_str(), names.into_iter()).map(str::to_owned)
}
