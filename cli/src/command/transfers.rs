//! `get` and `put`.

use super::files::explain;
use super::replace::Replace;
use super::retry::{ask, keep_trying};
use super::single::{How, Known, Task, get_one, put_one};
use super::tree::{self, Tally};
use super::{BARE, Command, Given, Group, Line, Next, Shell, Side, expanded};
use crate::event::Op;
use crate::failure::{Cause, Failure, shown};
use crate::glob;
use crate::progress::{Count, Progress};
use crate::show;
use crate::transfer::Folder;
use crate::words::{Word, quote};
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Name, Printable, VirtualPath};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const GET: Command = Command {
    name: "get",
    group: Group::Transfer,
    menu: "get FILE [md5]",
    usage: "get [-r] [-f|-n] [-o LOCAL] FILE... [md5]",
    what: "download; the same command again goes on where it stopped",
    options: &[
        ("-r", "directories too"),
        ("-f", "replace files that are here and differ"),
        ("-n", "keep them"),
        ("-o LOCAL", "another name; with a / at its end, a folder to put it in"),
    ],
    more: "Every file is verified with BLAKE3; md5 as the last word checks MD5 on both ends too and prints it.\n\
           Files that are here and differ are asked about without -f and -n; scripts replace them.\n\
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
    usage: "put [-r] [-f|-n] [-o REMOTE] FILE... [md5]",
    what: "upload; the same command again goes on where it stopped",
    options: &[
        ("-r", "folders too"),
        ("-f", "replace files that are there and differ"),
        ("-n", "keep them"),
        ("-o REMOTE", "another name; with a / at its end, a directory to put it in"),
    ],
    more: "Every file is verified with BLAKE3; md5 as the last word checks MD5 on both ends too and prints it.\n\
           Files that are there and differ are asked about without -f and -n; scripts replace them.",
    examples: &["put report.pdf md5", "put -r photos"],
    side: Side::Here,
    run: put,
    ..BARE
};

/// The words of `get` and `put`: options, names, and whether the last word is `md5`.
struct Words {
    given: Given,
    names: Vec<Word>,
    how: How,
}

fn words(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Words, Failure> {
    let given = line.options(|options| {
        options.optflag("r", "recursive", "").optopt("o", "output", "", "");
        options.optflag("f", "force", "").optflag("n", "keep", "");
    })?;
    let mut names = given.free.clone();
    let md5 = names.len() > 1 && names.last().is_some_and(|last| last.as_str() == "md5");
    if md5 {
        names.pop();
    }
    if names.is_empty() {
        return Err(line.wrong("a name is missing"));
    }
    match (given.opt_present("force"), given.opt_present("keep")) {
        (true, true) => return Err(line.wrong("-f and -n do not go together")),
        (true, false) => shell.replace = Replace::All,
        (false, true) => shell.replace = Replace::None,
        (false, false) => {}
    }
    let how = How { md5, dry_run: false, typed: typed(line) };
    Ok(Words { given, names, how })
}

/// The command, as it is typed again.
pub(super) fn typed(line: &Line<'_>) -> String {
    let word = |word: &Word| if word.pattern().is_some() { word.as_str().to_owned() } else { quote(word) };
    let words: Vec<_> = line.words.iter().map(word).collect();
    Printable(&format!("{} {}", line.command.name, words.join(" "))).to_string().replace("\\\\", "\\")
}

/// One thing to download.
struct Wanted {
    remote: VirtualPath,
    entry: Entry,
    /// Where it goes.
    folder: PathBuf,
    name: OsString,
    /// The user names that folder, which may be a link.
    is_named: bool,
}

impl Wanted {
    /// What it is called on the screen.
    fn label(&self) -> String {
        Printable(self.remote.names().last().map_or("home", Name::as_str)).to_string()
    }

    /// The folder that a directory becomes.
    fn tree_folder(&self) -> Result<Folder, Failure> {
        if self.is_named {
            return Folder::make(&self.folder.join(&self.name));
        }
        Folder::make(&self.folder)?.inner(&self.name)
    }
}

fn get(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let words = words(shell, line)?;
    let mut wanted = Vec::new();
    for word in &words.names {
        for found in ask(shell, word.as_str(), |shell| glob::there(shell.session, word))? {
            let is_pattern = word.pattern().is_some();
            if let Some(one) = want(shell, &words, &found.name, found.entry, is_pattern)? {
                wanted.push(one);
            }
        }
    }
    if words.given.opt_present("o") && wanted.len() > 1 && !all_in_one(shell, &words) {
        return Err(line.wrong("-o goes with one name, or names a folder that is there"));
    }
    if let [one] = wanted.as_slice()
        && one.entry.kind == Kind::File
    {
        let place = Folder::open(&one.folder)?.place(one.name.clone());
        let label = one.label();
        let mut progress = Progress::one(shell.console, shell.manner.progress);
        let task = Task { remote: &one.remote, local: &place, label: &label, how: &words.how };
        let done = get_one(shell, &task, &one.entry, Known::Nothing, &mut progress);
        return done.map(|_| Next::Stay).map_err(|failure| failure.about(&label));
    }
    let mut count = Count::new(shell.console, shell.manner.progress);
    // Of several directories, none is held while others are counted.
    let mut listed = None;
    for one in &wanted {
        if one.entry.kind == Kind::Dir {
            listed = tree::count_there(shell, &one.remote, &mut count)?.filter(|_| wanted.len() == 1);
        } else {
            count.add(one.entry.size);
        }
    }
    let (files, bytes) = count.end();
    let mut progress = Progress::many(shell.console, shell.manner.progress, files, bytes);
    let mut tally = Tally::new(Op::Get);
    let files_together = |one: &Wanted, next: &Wanted| {
        one.entry.kind != Kind::Dir && next.entry.kind != Kind::Dir && one.folder == next.folder
    };
    let done = wanted.chunk_by(files_together).try_for_each(|some| match some {
        [one] if one.entry.kind == Kind::Dir => {
            let label = one.label();
            let (tally, progress) = (&mut tally, &mut progress);
            match one.tree_folder() {
                Ok(folder) => {
                    let top = tree::Top { path: &one.remote, entries: listed.take() };
                    tree::get(shell, top, Some(&folder), &label, &words.how, tally, progress)
                }
                Err(failure) => tally.fail(shell, failure, &label),
            }
        }
        files => get_files(shell, files, &words.how, &mut tally, &mut progress),
    });
    end(shell, done, &words.how, tally, progress)
}

/// Downloads files that were named, or matched a pattern, to one folder.
fn get_files(
    shell: &mut Shell<'_>,
    mut files: &[Wanted],
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let folder = files.first().map(|one| Folder::open(&one.folder)).transpose();
    let folder = folder.map(|folder| folder.map(Arc::new));
    while !files.is_empty() {
        let (some, more) = files
            .split_at(tree::together_len(files.iter().map(|one| (one.entry.size, one.remote.byte_len()))));
        files = more;
        let mut downloads = Vec::with_capacity(some.len());
        for one in some {
            let place = folder.clone().map(|folder| folder.map(|folder| folder.one_of_many(&one.name)));
            let download = place
                .and_then(|place| tree::Download::new(&one.entry, one.label(), one.remote.clone(), place));
            match download {
                Ok(download) => downloads.push(download),
                Err(failure) => {
                    tally.count(shell, Err(failure), &one.label(), one.entry.size, progress)?;
                }
            }
        }
        tree::get_some(shell, &downloads, how, tally, progress)?;
    }
    folder.ok().flatten().map_or(Ok(()), |folder| folder.sync())
}

/// What a name at the server stands for; nothing for what a pattern matches and cannot be had.
fn want(
    shell: &mut Shell<'_>,
    words: &Words,
    text: &str,
    entry: Option<Entry>,
    is_pattern: bool,
) -> Result<Option<Wanted>, Failure> {
    let remote = shell.remote(text)?;
    let entry = match entry {
        Some(entry) => entry,
        None => {
            let entry = ask(shell, text, |shell| shell.session.client()?.stat(&remote));
            entry.map_err(|failure| explain(shell, failure, &remote, text))?
        }
    };
    let left_out = match entry.kind {
        Kind::File => None,
        Kind::Dir if words.given.opt_present("r") => None,
        Kind::Dir => Some(("is a directory", "get -r takes directories")),
        Kind::Other => Some(("neither file nor directory", "")),
    };
    match left_out {
        Some((what, _)) if is_pattern => {
            shell.console.note(&format!("skipped: {} {what}", Printable(text)));
            return Ok(None);
        }
        Some((what, hint)) => {
            let failure = Failure::new(Cause::NotPermitted, format!("{}: {what}", Printable(text)));
            return Err(if hint.is_empty() { failure } else { failure.hint(hint) });
        }
        None => {}
    }
    let leaf = remote.names().last().map_or("home", Name::as_str);
    let wanted = words.given.opt_str("o");
    // A tree becomes what is named, there or not: the same command goes on with it.
    let goes_in = entry.kind == Kind::File || words.names.len() > 1 || is_pattern;
    let (folder, name) = local_place(&shell.session.download, wanted.as_deref(), leaf, goes_in)?;
    let is_named = wanted.as_deref().is_some_and(|wanted| !goes_in && !names_inside(wanted));
    Ok(Some(Wanted { remote, entry, folder, name, is_named }))
}

/// `-o` names a folder that is there.
fn all_in_one(shell: &Shell<'_>, words: &Words) -> bool {
    words.given.opt_str("o").is_some_and(|wanted| shell.session.download.join(expanded(&wanted)).is_dir())
}

/// What is meant is in what is named, and not that itself.
fn names_inside(wanted: &str) -> bool {
    matches!(wanted.rsplit('/').next(), Some("" | "." | ".."))
}

fn ends_in_slash(wanted: &str) -> bool {
    wanted.ends_with('/')
}

/// The folder that the user names for a download, and the name in it.
fn local_place(
    folder: &Path,
    wanted: Option<&str>,
    leaf: &str,
    goes_in: bool,
) -> Result<(PathBuf, OsString), Failure> {
    let Some(wanted) = wanted else { return Ok((folder.to_owned(), leaf.into())) };
    let place = folder.join(expanded(wanted));
    if (goes_in || names_inside(wanted)) && place.is_dir() || ends_in_slash(wanted) {
        return Ok((place, leaf.into()));
    }
    match (place.parent(), place.file_name()) {
        (Some(parent), Some(name)) => Ok((parent.to_owned(), name.to_owned())),
        _ => Err(Failure::new(Cause::NotPermitted, format!("{}: not a name", shown(&place)))),
    }
}

/// One thing to upload.
struct Offered {
    local: PathBuf,
    remote: VirtualPath,
    label: String,
    is_dir: bool,
    size: u64,
}

fn put(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let words = words(shell, line)?;
    let mut offered = Vec::new();
    let wanted = words.given.opt_str("o");
    let place = wanted.as_deref().map(|wanted| remote_place(shell, wanted)).transpose()?;
    for word in &words.names {
        for found in glob::here(&shell.session.upload, word)? {
            offered.extend(offer(shell, &words, &found.name, place.as_ref(), word.pattern().is_some())?);
        }
    }
    if offered.len() > 1 && place.as_ref().is_some_and(|(_, is_dir)| !is_dir) {
        return Err(line.wrong("-o goes with one name, or names a directory that is there"));
    }
    if let [one] = offered.as_slice()
        && !one.is_dir
    {
        let mut progress = Progress::one(shell.console, shell.manner.progress);
        let task =
            Task { remote: &one.remote, local: one.local.as_path(), label: &one.label, how: &words.how };
        let name = one.remote.names().last().map_or("home", Name::as_str);
        let there = ask(shell, name, |shell| shell.session.client()?.find(&one.remote))?;
        let done = put_one(shell, &task, there.as_ref(), Known::Nothing, &mut progress);
        return done.map(|_| Next::Stay).map_err(|failure| failure.about(&one.label));
    }
    let interrupt = shell.session.interrupt();
    let mut count = Count::new(shell.console, shell.manner.progress);
    // Of several folders, none is held while others are counted.
    let mut listed = None;
    for one in &offered {
        if one.is_dir {
            let flat = tree::count_here(&one.local, one.remote.names().len(), &interrupt, &mut count)?;
            listed = flat.filter(|_| offered.len() == 1);
        } else {
            count.add(one.size);
        }
    }
    let (files, bytes) = count.end();
    let account = ask(shell, "quota", |shell| shell.session.client()?.account())?;
    if let Some(left) = account.quota.map(|quota| quota.saturating_sub(account.used))
        && left < bytes
    {
        // What is there already and the same is not sent again.
        shell.console.note(&format!("{} of your quota is left: not all of it may fit", show::size(left)));
    }
    let mut progress = Progress::many(shell.console, shell.manner.progress, files, bytes);
    let mut tally = Tally::new(Op::Put);
    let files_together = |one: &Offered, next: &Offered| !one.is_dir && !next.is_dir;
    let done = offered.chunk_by(files_together).try_for_each(|some| match some {
        [one] if one.is_dir => {
            let (tally, progress) = (&mut tally, &mut progress);
            let source = tree::Source { path: &one.local, listing: listed.take() };
            tree::put(shell, source, &one.remote, &one.label, &words.how, tally, progress)
        }
        files => put_files(shell, files, &words.how, &mut tally, &mut progress),
    });
    end(shell, done, &words.how, tally, progress)
}

/// Uploads files that were named, or matched a pattern.
fn put_files(
    shell: &mut Shell<'_>,
    mut files: &[Offered],
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    while !files.is_empty() {
        // What comes to the same path as one before it has to see that one there.
        let mut paths = HashSet::new();
        let apart = files.iter().take_while(|one| paths.insert(&one.remote));
        let (some, more) =
            files.split_at(tree::together_len(apart.map(|one| (one.size, one.remote.byte_len()))));
        files = more;
        let paths: Vec<_> = some.iter().map(|one| one.remote.clone()).collect();
        let found =
            keep_trying(shell, progress, |shell, progress| shell.session.client()?.finds(&paths, progress))?;
        let mut uploads = Vec::with_capacity(some.len());
        for (one, found) in some.iter().zip(&found) {
            let (label, remote, local) = (one.label.clone(), one.remote.clone(), one.local.clone());
            match found {
                Ok(there) => {
                    let there = there.as_ref();
                    let upload = tree::Upload { label, remote, local, size: one.size };
                    uploads.push(tree::Offer { upload, there });
                }
                Err(failure) => {
                    tally.count(shell, Err(failure.clone()), &label, one.size, progress)?;
                }
            }
        }
        tree::put_some(shell, uploads, how, tally, progress)?;
    }
    Ok(())
}

/// What a name on this side stands for; nothing for what a pattern matches and cannot be sent.
fn offer(
    shell: &Shell<'_>,
    words: &Words,
    text: &str,
    place: Option<&(VirtualPath, bool)>,
    is_pattern: bool,
) -> Result<Option<Offered>, Failure> {
    let typed = if is_pattern { PathBuf::from(text) } else { expanded(text) };
    let local = shell.session.upload.join(typed);
    let facts = fs::metadata(&local).map_err(|error| Failure::local(&local, "read it", &error))?;
    if facts.is_dir() && !words.given.opt_present("r") {
        if is_pattern {
            shell.console.note(&format!("skipped: {} is a folder", Printable(text)));
            return Ok(None);
        }
        let what = format!("{}: is a folder", shown(&local));
        return Err(Failure::new(Cause::NotPermitted, what).hint("put -r takes folders"));
    }
    let leaf = leaf(&local)?;
    // A tree becomes what is named, there or not: the same command goes on with it.
    let named = words.given.opt_str("o").unwrap_or_default();
    let goes_in = !facts.is_dir() || words.names.len() > 1 || is_pattern || names_inside(&named);
    let remote = match place {
        None => shell.remote(leaf.as_str())?,
        Some((place, true)) if goes_in || place.is_root() => shell.remote(&format!("{place}/{leaf}"))?,
        Some((place, _)) if ends_in_slash(&named) => shell.remote(&format!("{place}/{leaf}"))?,
        Some((place, _)) => place.clone(),
    };
    let label = Printable(leaf.as_str()).to_string();
    Ok(Some(Offered { local, remote, label, is_dir: facts.is_dir(), size: facts.len() }))
}

/// The last name of a local path, if the server can have it.
pub(super) fn leaf(local: &Path) -> Result<Name, Failure> {
    let absolute = std::path::absolute(local).unwrap_or_else(|_| local.to_owned());
    let text = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Name::new(&text).map_err(|fault| {
        Failure::new(Cause::NotPermitted, format!("{}: {fault}", shown(local)))
            .hint("-o gives it another name")
    })
}

/// What `-o` names at the server, and whether it is a directory that is there.
fn remote_place(shell: &mut Shell<'_>, wanted: &str) -> Result<(VirtualPath, bool), Failure> {
    let place = shell.remote(wanted)?;
    let find = |shell: &mut Shell<'_>| shell.session.client()?.find(&place);
    let is_dir = place.is_root() || ask(shell, wanted, find)?.is_some_and(|entry| entry.kind == Kind::Dir);
    Ok((place, is_dir))
}

/// Says how several files went.
pub(super) fn end(
    shell: &Shell<'_>,
    done: Result<(), Failure>,
    how: &How,
    tally: Tally,
    mut progress: Progress<'_>,
) -> Result<Next, Failure> {
    match done {
        Err(failure) if failure.cause == Cause::Interrupted && !failure.fatal => {
            Err(tree::stopped(how, &tally, &mut progress))
        }
        Err(failure) => {
            progress.leave("");
            tally.tell(shell, how).ok();
            Err(failure)
        }
        Ok(()) => {
            progress.close_batch();
            tally.tell(shell, how)?;
            Ok(Next::Stay)
        }
    }
}
