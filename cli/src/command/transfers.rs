//! `get` and `put`.

use super::files::explain;
use super::{BARE, Command, Given, Group, Line, Next, Shell, Side, expanded, tree};
use crate::failure::{Cause, Failure, shown};
use crate::progress::Progress;
use crate::show;
use crate::transfer::{self, Folder, Found, Opened, Place, Report};
use crate::words::Word;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Md5Sum, Name, Printable, VirtualPath};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) const GET: Command = Command {
    name: "get",
    group: Group::Transfer,
    menu: "get FILE [md5]",
    usage: "get [-r] [-o LOCAL] FILE... [md5]",
    what: "download; the same command again goes on where it stopped",
    options: &[("-r", "directories too"), ("-o LOCAL", "another name or folder on this side")],
    more: "Every file is verified with BLAKE3; md5 as the last word checks MD5 on both ends too and prints it.\n\
           A file whose name is md5 is written ./md5.",
    examples: &["get report.pdf md5", "get -r photos"],
    changes: false,
    run: get,
    ..BARE
};
pub(super) const PUT: Command = Command {
    name: "put",
    group: Group::Transfer,
    menu: "put FILE [md5]",
    usage: "put [-r] [-o REMOTE] FILE... [md5]",
    what: "upload; the same command again goes on where it stopped",
    options: &[("-r", "folders too"), ("-o REMOTE", "another name or directory at the server")],
    more: "Every file is verified with BLAKE3; md5 as the last word checks MD5 on both ends too and prints it.",
    examples: &["put report.pdf md5", "put -r photos"],
    side: Side::Here,
    run: put,
    ..BARE
};

/// Pauses before a lost connection is made anew, in seconds; the last one repeats.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 15];

/// What came of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It moved; so many bytes of it did now.
    Moved(u64),
    /// It was there, and identical.
    Identical,
    /// The user wants to keep what is there.
    Kept,
}

/// One file to move; `local` is a [`Place`] to download to, or a [`Path`] to upload from.
pub(super) struct Task<'a, L: ?Sized> {
    pub(super) remote: &'a VirtualPath,
    pub(super) local: &'a L,
    /// What it is called on the screen.
    pub(super) label: &'a str,
    pub(super) md5: bool,
}

/// The words of `get` and `put`: options, names, and whether the last word is `md5`.
struct Words {
    matches: Given,
    names: Vec<Word>,
    md5: bool,
}

fn words(line: &Line<'_>) -> Result<Words, Failure> {
    let matches = line.options(|options| {
        options.optflag("r", "", "").optopt("o", "", "", "");
    })?;
    let mut names = matches.free.clone();
    let md5 = names.len() > 1 && names.last().is_some_and(|last| last.as_str() == "md5");
    if md5 {
        names.pop();
    }
    if names.is_empty() {
        return Err(line.wrong("a name is missing"));
    }
    if matches.opt_present("o") && names.len() > 1 {
        return Err(line.wrong("-o goes with one name"));
    }
    Ok(Words { matches, names, md5 })
}

fn get(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let words = words(line)?;
    for word in &words.names {
        let remote = shell.remote(word)?;
        let entry = shell.session.client()?.stat(&remote);
        let entry = entry.map_err(|failure| explain(shell, failure, &remote, word))?;
        let leaf = remote.names().last().map_or("home", Name::as_str);
        let wanted = words.matches.opt_str("o");
        let (folder, name) = local_place(&shell.session.download, wanted.as_deref(), leaf)?;
        match entry.kind {
            Kind::File => {
                let place = Folder::open(&folder)?.place(name);
                let mut progress = Progress::new(shell.console, shell.manner.progress, None);
                let task = Task { remote: &remote, local: &place, label: leaf, md5: words.md5 };
                get_one(shell, &task, &entry, &mut progress)
                    .map_err(|failure| failure.about(Printable(word)))?;
            }
            Kind::Dir if words.matches.opt_present("r") => {
                let folder = Folder::make(&folder)?.inner(&name)?;
                tree::get(shell, &remote, &folder, words.md5)?;
            }
            Kind::Dir => {
                let what = format!("{}: is a directory", Printable(word));
                return Err(Failure::new(Cause::NotPermitted, what).hint("get -r takes directories"));
            }
            Kind::Other => {
                let what = format!("{}: neither file nor directory", Printable(word));
                return Err(Failure::new(Cause::NotPermitted, what));
            }
        }
    }
    Ok(Next::Stay)
}

/// The folder that the user names for a download, and the name in it.
fn local_place(folder: &Path, wanted: Option<&str>, leaf: &str) -> Result<(PathBuf, OsString), Failure> {
    let Some(wanted) = wanted else { return Ok((folder.to_owned(), leaf.into())) };
    let place = folder.join(expanded(wanted));
    if place.is_dir() {
        return Ok((place, leaf.into()));
    }
    match (place.parent(), place.file_name()) {
        (Some(parent), Some(name)) => Ok((parent.to_owned(), name.to_owned())),
        _ => Err(Failure::new(Cause::NotPermitted, format!("{}: not a name", shown(&place)))),
    }
}

fn put(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let words = words(line)?;
    for word in &words.names {
        let local = shell.session.upload.join(expanded(word));
        let facts = fs::metadata(&local).map_err(|error| Failure::local(&local, "read it", &error))?;
        let leaf = leaf(&local)?;
        let remote = remote_place(shell, words.matches.opt_str("o").as_deref(), &leaf)?;
        if facts.is_dir() {
            if !words.matches.opt_present("r") {
                let what = format!("{}: is a folder", shown(&local));
                return Err(Failure::new(Cause::NotPermitted, what).hint("put -r takes folders"));
            }
            tree::put(shell, &local, &remote, words.md5)?;
        } else {
            let task = Task { remote: &remote, local: local.as_path(), label: leaf.as_str(), md5: words.md5 };
            let mut progress = Progress::new(shell.console, shell.manner.progress, None);
            let there = shell.session.client()?.find(&remote)?;
            put_one(shell, &task, there.as_ref(), &mut progress)
                .map_err(|failure| failure.about(Printable(word)))?;
        }
    }
    Ok(Next::Stay)
}

/// The last name of a local path, if the server can have it.
fn leaf(local: &Path) -> Result<Name, Failure> {
    let absolute = std::path::absolute(local).unwrap_or_else(|_| local.to_owned());
    let text = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Name::new(&text).map_err(|fault| {
        Failure::new(Cause::NotPermitted, format!("{}: {fault}", shown(local)))
            .hint("-o gives it another name")
    })
}

fn remote_place(shell: &mut Shell<'_>, wanted: Option<&str>, leaf: &Name) -> Result<VirtualPath, Failure> {
    let Some(wanted) = wanted else { return shell.remote(leaf.as_str()) };
    let place = shell.remote(wanted)?;
    let is_dir =
        place.is_root() || shell.session.client()?.find(&place)?.is_some_and(|entry| entry.kind == Kind::Dir);
    if is_dir { shell.remote(&format!("{place}/{leaf}")) } else { Ok(place) }
}

/// Downloads one file, unless it is here already.
pub(super) fn get_one(
    shell: &mut Shell<'_>,
    task: &Task<'_, Place>,
    entry: &Entry,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    progress.file(&Printable(task.label).to_string());
    if let Some(found) = task.local.look()? {
        if found == Found::Folder {
            let what = format!("a folder {} is in the way", shown(&task.local.path()));
            return Err(Failure::new(Cause::NotPermitted, what).hint("-o gives the file another name"));
        }
        let here = format!("{} is here", shown(&task.local.path()));
        let alike = if found == Found::File(entry.size) { Some(task.local.open()?) } else { None };
        if let Some(outcome) = settle(shell, task, alike, entry, progress, &here)? {
            progress.file_done(entry.size);
            return Ok(outcome);
        }
    }
    let interrupt = shell.session.interrupt();
    let result = keep_trying(shell, progress, |shell, progress| {
        transfer::get(shell.session.client()?, task.remote, task.local, task.md5, &interrupt, progress)
    });
    finish(shell, task, &shown(&task.local.path()), result, entry.size, progress)
}

/// Uploads one file, unless it is there already.
pub(super) fn put_one(
    shell: &mut Shell<'_>,
    task: &Task<'_, Path>,
    there: Option<&Entry>,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    progress.file(&Printable(task.label).to_string());
    let size = fs::metadata(task.local).map_or(0, |facts| facts.len());
    if let Some(entry) = there {
        let there = format!("{} is on the server", Printable(&task.remote.to_string()));
        let same_size = entry.kind == Kind::File && entry.size == size;
        let alike = if same_size { Some(Opened::open(task.local)?) } else { None };
        if let Some(outcome) = settle(shell, task, alike, entry, progress, &there)? {
            progress.file_done(size);
            return Ok(outcome);
        }
    }
    let interrupt = shell.session.interrupt();
    let result = keep_trying(shell, progress, |shell, progress| {
        transfer::put(shell.session.client()?, task.local, task.remote, task.md5, &interrupt, progress)
    });
    let result = result.map_err(|failure| no_room(failure, size, shell));
    let to = Printable(&task.remote.to_string()).to_string();
    finish(shell, task, &to, result, size, progress)
}

/// A file of the name is there: identical, to be kept, or (none) to be replaced. `alike` is the one on this side, if the other is of its size.
fn settle<L: ?Sized>(
    shell: &mut Shell<'_>,
    task: &Task<'_, L>,
    alike: Option<Opened>,
    entry: &Entry,
    progress: &mut Progress<'_>,
    target: &str,
) -> Result<Option<Outcome>, Failure> {
    let label = Printable(task.label);
    if let Some(local) = alike {
        let interrupt = shell.session.interrupt();
        let here = local.sum(task.md5, &interrupt, progress)?;
        let there = shell.session.client()?.sum(task.remote, task.md5)?;
        if here.root == there.root && here.md5 == there.md5 {
            if !progress.is_tree() {
                progress.clear();
                shell.console.note(&format!("{target} already and identical (BLAKE3); nothing to do"));
            }
            if let Some(md5) = here.md5 {
                told_md5(shell, task, md5)?;
            }
            return Ok(Some(Outcome::Identical));
        }
    }
    if entry.kind == Kind::Dir {
        // The server says it in its own words.
        return Ok(None);
    }
    progress.clear();
    let what = format!(
        "{target} already and differs (at the server: {}, {} UTC).",
        show::size(entry.size),
        show::minute(entry.mtime)
    );
    if shell.replace.decide(shell.console, &what)? {
        return Ok(None);
    }
    shell.console.note(&format!("{label}: left as it is"));
    Ok(Some(Outcome::Kept))
}

/// Runs a transfer, and runs it again when the connection was lost: it goes on where it stopped.
fn keep_trying<T>(
    shell: &mut Shell<'_>,
    progress: &mut Progress<'_>,
    mut work: impl FnMut(&mut Shell<'_>, &mut Progress<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut attempt = 0;
    loop {
        let failure = match work(shell, progress) {
            Err(failure) if failure.cause == Cause::Connection => failure,
            result => return result,
        };
        if shell.manner.retries.is_some_and(|most| attempt >= most) {
            return Err(failure);
        }
        progress.close();
        let pause = PAUSES[usize::try_from(attempt).unwrap_or(usize::MAX).min(PAUSES.len() - 1)];
        attempt += 1;
        let most = shell.manner.retries.map_or_else(String::new, |most| format!(" of {most}"));
        let what = failure.message;
        shell.console.note(&format!("{what}; again in {pause} s ({attempt}{most}), Ctrl-C stops"));
        let end = Instant::now() + Duration::from_secs(pause);
        while Instant::now() < end {
            if shell.session.interrupt().is_set() {
                return Err(Failure::interrupted());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Says in numbers that a file does not fit, and what to do.
fn no_room(failure: Failure, size: u64, shell: &Shell<'_>) -> Failure {
    let left =
        failure.refusal.as_ref().filter(|refusal| refusal.code == Code::QuotaExceeded).and_then(|it| it.left);
    let Some(left) = left else { return failure };
    let quota =
        shell.session.account.quota.map_or_else(String::new, |quota| format!("{} ", show::size(quota)));
    let user = &shell.session.user;
    let message = if show::size(size) == show::size(left) {
        format!("{size} bytes do not fit: {left} bytes of your {quota}quota are left. Nothing was sent.")
    } else {
        let (size, left) = (show::size(size), show::size(left));
        format!("{size} does not fit: {left} of your {quota}quota is left. Nothing was sent.")
    };
    let hint = format!(
        "make room with rm (a file that is replaced counts until the new one is whole), or ask for more: ftp-admin setup {user} --quota SIZE"
    );
    Failure { message, ..failure }.hint(hint)
}

fn finish<L: ?Sized>(
    shell: &mut Shell<'_>,
    task: &Task<'_, L>,
    to: &str,
    result: Result<Report, Failure>,
    size: u64,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    match result {
        Ok(report) => {
            progress.file_done(size);
            shell.session.moved.0 += 1;
            shell.session.moved.1 += report.moved;
            if !progress.is_tree() {
                tell(shell, task.label, to, &report);
            }
            if let Some(md5) = report.md5 {
                progress.clear();
                told_md5(shell, task, md5)?;
            }
            Ok(Outcome::Moved(report.moved))
        }
        Err(failure) => {
            progress.close();
            if failure.cause == Cause::Interrupted {
                return Err(failure.hint("what arrived is kept; the same command goes on from there"));
            }
            Err(failure)
        }
    }
}

/// Somebody asked for it: it is a result, and not only a word of comfort.
fn told_md5<L: ?Sized>(shell: &Shell<'_>, task: &Task<'_, L>, md5: Md5Sum) -> Result<(), Failure> {
    if shell.console.is_json() {
        return Ok(());
    }
    shell.console.print(&format!("md5 {md5}  {}", Printable(task.label)))
}

fn tell(shell: &Shell<'_>, label: &str, to: &str, report: &Report) {
    let moved = if report.resumed > 0 {
        format!(", {} of them moved now", show::size(report.moved))
    } else {
        String::new()
    };
    shell.console.note(&format!(
        "{} -> {to}: {}{moved} in {} ({}), verified\n  blake3 {}",
        Printable(label),
        show::size(report.size),
        show::clock(report.took),
        show::rate(report.moved, report.took),
        report.root
    ));
}
