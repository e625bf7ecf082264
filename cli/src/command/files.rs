//! Looking at and changing what is at the server.

use super::{Command, Line, Next, Shell, nearest};
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::show;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Name, Printable, VirtualPath};

pub(super) const LS: Command = Command {
    name: "ls",
    usage: "ls [-l|-1] [PATH]",
    what: "what is in a directory",
    more: "On a screen with sizes and dates (UTC), elsewhere one name per line; -l and -1 choose.",
    run: ls,
};
pub(super) const PWD: Command =
    Command { name: "pwd", usage: "pwd", what: "the current directory at the server", more: "", run: pwd };
pub(super) const CD: Command = Command {
    name: "cd",
    usage: "cd [PATH|-]",
    what: "change the directory at the server",
    more: "Without a path to the home, which is /; with - to where you were before.",
    run: cd,
};
pub(super) const MKDIR: Command = Command {
    name: "mkdir",
    usage: "mkdir [-p] DIR...",
    what: "make directories",
    more: "-p makes those above too, and does not mind one that is there.",
    run: mkdir,
};
pub(super) const RMDIR: Command =
    Command { name: "rmdir", usage: "rmdir DIR...", what: "remove empty directories", more: "", run: rmdir };
pub(super) const RM: Command =
    Command { name: "rm", usage: "rm FILE...", what: "remove files", more: "", run: rm };
pub(super) const MV: Command = Command {
    name: "mv",
    usage: "mv [-f] FROM TO",
    what: "rename, or move to another directory",
    more: "A file that is there is replaced only with -f.",
    run: mv,
};

fn ls(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let matches = line.options(|options| {
        options.optflag("l", "", "").optflag("1", "", "");
    })?;
    let word = match matches.free.as_slice() {
        [] => ".",
        [one] => one.as_str(),
        [_, more, ..] => return Err(line.wrong(format!("'{}' is one word too many", Printable(more)))),
    };
    let path = shell.remote(word)?;
    let long = !matches.opt_present("1") && (matches.opt_present("l") || shell.console.is_screen());
    let entries = match shell.session.client()?.list(&path) {
        Err(failure) if failure.code() == Some(Code::NotADirectory) => {
            vec![shell.session.client()?.stat(&path)?]
        }
        result => result.map_err(|failure| explain(shell, failure, &path, word))?,
    };
    if path == shell.session.cwd {
        shell.listed =
            entries.iter().filter_map(|entry| Some(shown_name(entry.name.as_ref()?, entry))).collect();
    }
    for entry in &entries {
        let name = entry.name.as_ref().map_or("?", Name::as_str);
        let event = Event::Entry { name, kind: entry.kind, size: entry.size, mtime: entry.mtime };
        shell.console.result(&event, || {
            let name = Printable(name).to_string() + if entry.kind == Kind::Dir { "/" } else { "" };
            if !long {
                return name;
            }
            let size = if entry.kind == Kind::File { show::size(entry.size) } else { "-".into() };
            format!("{size:>10}  {}  {name}", show::minute(entry.mtime))
        })?;
    }
    if long || shell.console.is_json() {
        total(shell, &entries)?;
    }
    Ok(Next::Stay)
}

fn total(shell: &Shell<'_>, entries: &[Entry]) -> Result<(), Failure> {
    let of = |kind| entries.iter().filter(move |entry| entry.kind == kind);
    let (files, dirs) = (of(Kind::File).count() as u64, of(Kind::Dir).count() as u64);
    let bytes = of(Kind::File).map(|file| file.size).fold(0, u64::saturating_add);
    shell.console.tell(&Event::Total { files, dirs, bytes }, || {
        let dirs = if dirs == 1 { "1 directory".into() } else { format!("{dirs} directories") };
        format!("{}, {}, {dirs}", show::count(files, "file"), show::size(bytes))
    })
}

fn shown_name(name: &Name, entry: &Entry) -> String {
    if entry.kind == Kind::Dir { format!("{name}/") } else { name.to_string() }
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
    shell.listed.clear();
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
        let path = shell.remote(word)?;
        let removed = shell.session.client()?.rmdir(&path);
        removed.map_err(|failure| explain(shell, failure, &path, word))?;
        done(shell, &Event::Removed { path: &path.to_string(), bytes: 0 })?;
    }
    Ok(Next::Stay)
}

fn rm(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    for word in line.at_least_one()? {
        let path = shell.remote(word)?;
        let removed = shell.session.client()?.rm(&path);
        let bytes = removed.map_err(|failure| explain(shell, failure, &path, word))?;
        shell.console.tell(&Event::Removed { path: &path.to_string(), bytes }, || {
            format!("{}: removed, {} freed", Printable(word), show::size(bytes))
        })?;
    }
    Ok(Next::Stay)
}

fn mv(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let matches = line.options(|options| {
        options.optflag("f", "", "");
    })?;
    let [from_word, to_word] = matches.free.as_slice() else {
        return Err(line.wrong("it takes two names"));
    };
    let from = shell.remote(from_word)?;
    let mut to = shell.remote(to_word)?;
    let is_dir = shell.session.client()?.find(&to)?.is_some_and(|entry| entry.kind == Kind::Dir);
    if is_dir && let Some(name) = from.names().last() {
        to = to.join(name.as_str()).map_err(|fault| Failure::new(Cause::NotPermitted, fault.to_string()))?;
    }
    let moved = shell.session.client()?.rename(&from, &to, matches.opt_present("f"));
    moved.map_err(|failure| match failure.code() {
        Some(Code::NotFound) => explain(shell, failure, &from, from_word),
        _ => failure.about(Printable(to_word)),
    })?;
    done(shell, &Event::Renamed { from: &from.to_string(), to: &to.to_string() })?;
    Ok(Next::Stay)
}

/// What a person need not be told: the prompt is back.
fn done(shell: &Shell<'_>, event: &Event<'_>) -> Result<(), Failure> {
    if shell.console.is_json() { shell.console.result(event, String::new) } else { Ok(()) }
}

/// Names what a failure is about and, when nothing of that name is there, what was probably meant.
pub(super) fn explain(shell: &mut Shell<'_>, failure: Failure, path: &VirtualPath, word: &str) -> Failure {
    let failure = failure.about(Printable(word));
    if failure.code() != Some(Code::NotFound) || failure.hint.is_some() {
        return failure;
    }
    let near = near(shell, path);
    match near {
        Some(near) => failure.hint(format!("near it: {}", Printable(&near))),
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
