//! `mirror`: one end is made like the other.

use super::files::explain;
use super::replace::Replace;
use super::retry::ask;
use super::single::How;
use super::transfers::{self, leaf, typed};
use super::tree::{self, Tally, Target};
use super::{BARE, Command, Given, Group, Line, Next, Shell, Side, expanded};
use crate::event::Op;
use crate::failure::{Cause, Failure, shown};
use crate::progress::{Count, Progress};
use crate::transfer::Folder;
use ftp_proto::message::Kind;
use ftp_proto::{Name, Printable};

pub(super) const MIRROR: Command = Command {
    name: "mirror",
    group: Group::Transfer,
    menu: "mirror get|put DIR",
    usage: "mirror [--delete] [--dry-run] get DIR [LOCAL] | put FOLDER [REMOTE]",
    what: "make a folder here like a directory at the server, or the reverse",
    options: &[
        ("--delete", "remove what the source does not have; a person is asked once"),
        ("-n, --dry-run", "do nothing, and say what would be done"),
    ],
    more: "Files that are missing or differ are moved, without asking; files that are the same are not moved again.\n\
           Nothing is removed unless everything was listed and moved. --delete leaves links, special files, parts and names\n\
           that the server cannot have, and says so of all but parts. A link here gives way to a file of its name.",
    examples: &["mirror get photos", "mirror --delete put site /www"],
    side: Side::Words(&["get", "put"]),
    run: mirror,
    ..BARE
};

fn mirror(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let given = line.options(|options| {
        options.optflag("", "delete", "").optflag("n", "dry-run", "");
    })?;
    let (way, names) = match given.free.split_first() {
        Some((way, names)) if matches!(way.as_str(), "get" | "put") => (way.as_str(), names),
        Some((way, _)) => return Err(line.wrong(format!("'{}' is neither get nor put", Printable(way)))),
        None => return Err(line.wrong("get or put is missing")),
    };
    let (from, to) = match names {
        [from] => (from.as_str(), None),
        [from, to] => (from.as_str(), Some(to.as_str())),
        [] => return Err(line.wrong("a name is missing")),
        [_, _, more, ..] => return Err(line.wrong(format!("'{}' is one word too many", Printable(more)))),
    };
    let how = How { md5: false, dry_run: given.opt_present("dry-run"), typed: typed(line) };
    // That is what it is for.
    shell.replace = Replace::All;
    if way == "get" { here(shell, &given, from, to, &how) } else { there(shell, &given, from, to, &how) }
}

fn here(
    shell: &mut Shell<'_>,
    given: &Given,
    from: &str,
    to: Option<&str>,
    how: &How,
) -> Result<Next, Failure> {
    let remote = shell.remote(from)?;
    let entry = ask(shell, from, |shell| shell.session.client()?.stat(&remote));
    let entry = entry.map_err(|failure| explain(shell, failure, &remote, from))?;
    if entry.kind != Kind::Dir {
        return Err(Failure::new(Cause::NotPermitted, format!("{}: not a directory", Printable(from))));
    }
    let name = remote.names().last().map_or("home", Name::as_str);
    // The folder itself, and not one in it.
    let path = shell.session.download.join(to.map_or_else(|| name.into(), expanded));
    if path.exists() && !path.is_dir() {
        return Err(Failure::new(Cause::NotPermitted, format!("{}: not a folder", shown(&path))));
    }
    let label = Printable(name).to_string();
    let mut count = Count::new(shell.console, shell.manner.progress);
    let entries = tree::count_there(shell, &remote, &mut count)?;
    let (files, bytes) = count.end();
    let folder = match to {
        _ if how.dry_run => match Folder::open(&path) {
            Err(failure) if failure.cause == Cause::NotFound => None,
            folder => Some(folder?),
        },
        Some(_) => Some(Folder::make(&path)?),
        // Below the folder of downloads a link is not followed.
        None => Some(Folder::make(&shell.session.download)?.inner(name.as_ref())?),
    };
    let mut progress = Progress::many(shell.console, shell.manner.progress, files, bytes);
    let mut tally = Tally::new(Op::Get);
    let top = tree::Top { path: &remote, entries };
    let done = tree::get(shell, top, folder.as_ref(), &label, how, &mut tally, &mut progress);
    let target = Target::Here { folder: &path, source: &remote };
    let target = (given.opt_present("delete") && folder.is_some()).then_some(target);
    end(shell, done, target, &label, how, tally, progress)
}

fn there(
    shell: &mut Shell<'_>,
    given: &Given,
    from: &str,
    to: Option<&str>,
    how: &How,
) -> Result<Next, Failure> {
    let local = shell.session.upload.join(expanded(from));
    if !local.is_dir() {
        return Err(Failure::new(Cause::NotFound, format!("{}: no such folder", shown(&local))));
    }
    let name = leaf(&local)?;
    let remote = shell.remote(to.unwrap_or(name.as_str()))?;
    let label = Printable(name.as_str()).to_string();
    let mut count = Count::new(shell.console, shell.manner.progress);
    let listing = tree::count_here(&local, remote.names().len(), &shell.session.interrupt(), &mut count)?;
    let (files, bytes) = count.end();
    let mut progress = Progress::many(shell.console, shell.manner.progress, files, bytes);
    let mut tally = Tally::new(Op::Put);
    let source = tree::Source { path: &local, listing };
    let done = tree::put(shell, source, &remote, &label, how, &mut tally, &mut progress);
    let target = given.opt_present("delete").then_some(Target::There { dir: &remote, source: &local });
    end(shell, done, target, &label, how, tally, progress)
}

fn end(
    shell: &mut Shell<'_>,
    done: Result<(), Failure>,
    target: Option<Target<'_>>,
    label: &str,
    how: &How,
    mut tally: Tally,
    mut progress: Progress<'_>,
) -> Result<Next, Failure> {
    let done = done.and_then(|()| {
        let Some(target) = target else { return Ok(()) };
        if !tally.is_whole() {
            progress.note_above("not everything could be moved, so nothing is removed");
            return Ok(());
        }
        tree::prune(shell, target, how, &mut tally, &mut progress)
            .or_else(|failure| tally.fail(shell, failure, label))
    });
    transfers::end(shell, done, how, tally, progress)
}
