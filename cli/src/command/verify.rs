//! `verify` and `du`: both ends are compared, or one is measured, and nothing moves.

use super::files::explain;
use super::retry::{ask, keep_trying};
use super::single::{How, seconds};
use super::transfers::typed;
use super::tree::{self, Trail};
use super::{BARE, Command, Group, Line, Next, Shell, expanded};
use crate::event::{Event, Likeness, Op, Summary};
use crate::failure::{Cause, Failure, shown};
use crate::progress::{Count, Progress, Subject};
use crate::show;
use crate::transfer::Opened;
use ftp_proto::message::{Entry, Kept, Kind};
use ftp_proto::{Name, Printable, Root, VirtualPath};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(super) const VERIFY: Command = Command {
    name: "verify",
    group: Group::Check,
    menu: "verify FILE",
    usage: "verify [-r] FILE [LOCAL]",
    what: "compare a file at the server with the one here, without moving it",
    options: &[("-r", "whole directories, and what is missing on either end")],
    more: "Both ends hash it with BLAKE3. Without LOCAL it is the name in the folder of downloads, or else of uploads.\n\
           It ends with 9 if anything differs, and with 6 if something is missing.",
    examples: &["verify disk.iso", "verify -r photos"],
    changes: false,
    run: verify,
    ..BARE
};
pub(super) const DU: Command = Command {
    name: "du",
    group: Group::Files,
    usage: "du [PATH]",
    what: "how much is in a directory at the server, with all that is below it",
    changes: false,
    run: du,
    ..BARE
};

/// What was found so far.
struct Found {
    began: Instant,
    files: u64,
    bytes: u64,
    same: u64,
    differs: u64,
    missing: u64,
    skipped: u64,
    failed: u64,
    first: Option<Failure>,
    /// Each is named, and not only those that differ.
    single: bool,
}

fn verify(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let given = line.options(|options| {
        options.optflag("r", "", "");
    })?;
    let (word, wanted) = match given.free.as_slice() {
        [word] => (word.as_str(), None),
        [word, local] => (word.as_str(), Some(local.as_str())),
        [] => return Err(line.wrong("a name is missing")),
        [_, _, more, ..] => return Err(line.wrong(format!("'{}' is one word too many", Printable(more)))),
    };
    let remote = shell.remote(word)?;
    let entry = ask(shell, word, |shell| shell.session.client()?.stat(&remote));
    let entry = entry.map_err(|failure| explain(shell, failure, &remote, word))?;
    let name = remote.names().last().map_or("home", Name::as_str).to_owned();
    let local = local(shell, wanted, &name);
    let label = Printable(&name).to_string();
    let single = entry.kind != Kind::Dir;
    if !single && !given.opt_present("r") {
        let what = format!("{}: is a directory", Printable(word));
        return Err(Failure::new(Cause::NotPermitted, what).hint("verify -r compares directories"));
    }
    let mut found = Found {
        began: Instant::now(),
        files: 0,
        bytes: 0,
        same: 0,
        differs: 0,
        missing: 0,
        skipped: 0,
        failed: 0,
        first: None,
        single,
    };
    let how = How { typed: typed(line), ..How::default() };
    if single {
        let mut progress = Progress::one(shell.console, shell.manner.progress);
        let pair = Pair { label, remote, local, entry: &entry };
        let done = found.pairs(shell, &[pair], &mut progress);
        progress.clear();
        done?;
    } else {
        let mut count = Count::new(shell.console, shell.manner.progress);
        tree::count_there(shell, &remote, &mut count)?;
        let (files, bytes) = count.end();
        let mut progress = Progress::many(shell.console, shell.manner.progress, files, bytes);
        let done = found.tree(shell, &remote, &local, &label, &mut progress);
        if done.as_ref().is_err_and(|failure| failure.cause == Cause::Interrupted) {
            progress.leave("^C");
        }
        progress.clear();
        done?;
    }
    found.end(shell, &how)
}

/// The file or folder here that is meant.
fn local(shell: &Shell<'_>, wanted: Option<&str>, name: &str) -> PathBuf {
    let (down, up) = (&shell.session.download, &shell.session.upload);
    let place = |folder: &PathBuf| folder.join(wanted.map_or_else(|| PathBuf::from(name), expanded));
    let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    [place(down), place(up)].into_iter().find(is_there).unwrap_or_else(|| place(down))
}

/// One file, at both ends.
struct Pair<'a> {
    label: String,
    remote: VirtualPath,
    local: PathBuf,
    entry: &'a Entry,
}

impl Found {
    /// Compares two trees, directory by directory.
    fn tree(
        &mut self,
        shell: &mut Shell<'_>,
        top: &VirtualPath,
        folder: &Path,
        label: &str,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let (mut trail, mut ahead) = (Trail::default(), tree::Ahead::new());
        loop {
            let listed = ahead.list(shell, progress, &trail, top);
            let listed = listed.map(|(dir, there)| (there, tree::list_here(&trail.local(folder), 0), dir));
            match listed {
                Err(failure) => self.fail(shell, failure, &trail.label(label, ""), progress)?,
                Ok((_, Err(failure), _)) if failure.cause != Cause::NotFound => {
                    self.fail(shell, failure, &trail.label(label, ""), progress)?;
                }
                Ok((there, here, dir)) => {
                    let here = here.unwrap_or_default();
                    let local = trail.local(folder);
                    self.one_side(shell, &there, &here, &trail, label, progress)?;
                    let mut pairs = Vec::new();
                    for entry in &there {
                        let Some(name) = &entry.name else { continue };
                        let label = trail.label(label, name.as_str());
                        match (entry.kind, dir.join(name.as_str())) {
                            (Kind::File, Ok(remote)) => {
                                let local = local.join(name.as_str());
                                pairs.push(Pair { label, remote, local, entry });
                            }
                            (Kind::Dir, _) => {}
                            (Kind::Other | Kind::File, _) => {
                                self.skipped += 1;
                                let why = "neither file nor directory";
                                self.skip(shell, &label, why, progress)?;
                            }
                        }
                    }
                    for pairs in pairs.chunks(64) {
                        self.pairs(shell, pairs, progress)?;
                    }
                    let dirs = there.into_iter().filter(|entry| entry.kind == Kind::Dir);
                    trail.enter(dirs.filter_map(|entry| entry.name).collect());
                }
            }
            if !trail.next() {
                return Ok(());
            }
        }
    }

    /// What is here in a folder and not at the server.
    fn one_side(
        &mut self,
        shell: &mut Shell<'_>,
        there: &[Entry],
        here: &tree::Listing,
        trail: &Trail,
        label: &str,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        for (name, _) in here.files.iter().filter(|(name, _)| tree::find(there, name).is_none()) {
            self.missing_there(shell, &trail.label(label, name.as_str()), progress)?;
        }
        for name in here.dirs.iter().filter(|name| tree::find(there, name).is_none()) {
            self.missing_there(shell, &trail.label(label, &format!("{name}/")), progress)?;
        }
        for (name, left) in &here.left {
            let label = trail.label(label, name);
            match left {
                tree::Left::Skipped(why) => {
                    self.skipped += 1;
                    self.skip(shell, &label, why, progress)?;
                }
                tree::Left::Impossible(_) | tree::Left::Unknown(_) => {
                    self.fail(shell, left.failure(), &label, progress)?
                }
            }
        }
        Ok(())
    }

    fn missing_there(
        &mut self,
        shell: &Shell<'_>,
        label: &str,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.missing += 1;
        progress.clear();
        let event =
            Event::Verified { file: label, local: label, result: Likeness::MissingThere, blake3: None };
        shell.console.result(&event, || format!("missing at the server  {label}"))
    }

    fn skip(
        &self,
        shell: &Shell<'_>,
        label: &str,
        why: &str,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        if shell.console.is_json() {
            return shell.console.tell(&Event::Skipped { file: label, why }, String::new);
        }
        if self.skipped <= 10 {
            progress.note_above(&format!("skipped: {label} is {why}"));
        }
        Ok(())
    }

    /// Compares some files.
    fn pairs(
        &mut self,
        shell: &mut Shell<'_>,
        pairs: &[Pair<'_>],
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let interrupt = shell.session.interrupt();
        let facts: Vec<_> = pairs.iter().map(|pair| fs::symlink_metadata(&pair.local).ok()).collect();
        // What is of another size, or not there, need not be read.
        let alike: Vec<_> = (0..pairs.len())
            .filter(|at| {
                facts[*at]
                    .as_ref()
                    .is_some_and(|facts| facts.is_file() && facts.len() == pairs[*at].entry.size)
            })
            .collect();
        let paths: Vec<_> = alike.iter().map(|at| pairs[*at].remote.clone()).collect();
        let mut here: Vec<Option<Result<Root, Failure>>> = vec![None; paths.len()];
        let sums = keep_trying(shell, progress, |shell, progress| {
            if let [at] = alike[..] {
                progress.file(subject(&pairs[at]));
            }
            shell.session.client()?.sums(&paths, Kept::Check, progress, |number, watch| {
                if here[number].is_none() {
                    let file = Opened::open(&pairs[alike[number]].local);
                    let sum = file.and_then(|file| file.sum(false, &interrupt, watch));
                    here[number] = Some(sum.map(|sum| sum.root));
                }
            })
        })?;
        let mut compared: Vec<Option<Result<Option<Root>, Failure>>> = vec![None; pairs.len()];
        for ((at, here), there) in alike.iter().zip(here).zip(sums) {
            compared[*at] = match (here, there) {
                (Some(Ok(here)), Ok(there)) => Some(Ok((here == there.root).then_some(here))),
                (Some(Err(failure)), _) | (_, Err(failure)) => Some(Err(failure)),
                (None, Ok(_)) => None,
            };
        }
        for ((pair, facts), compared) in pairs.iter().zip(facts).zip(compared) {
            progress.file(subject(pair));
            self.files += 1;
            self.bytes = self.bytes.saturating_add(pair.entry.size);
            match (facts, compared) {
                (_, Some(Err(failure))) => self.fail(shell, failure, &pair.label, progress)?,
                (None, _) => self.tell(shell, pair, Likeness::MissingHere, None, progress)?,
                (_, Some(Ok(Some(root)))) => self.tell(shell, pair, Likeness::Same, Some(root), progress)?,
                _ => self.tell(shell, pair, Likeness::Differs, None, progress)?,
            }
            progress.file_done(pair.entry.size);
        }
        Ok(())
    }

    fn tell(
        &mut self,
        shell: &Shell<'_>,
        pair: &Pair<'_>,
        result: Likeness,
        blake3: Option<Root>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let label = &pair.label;
        let text = match result {
            Likeness::Same => {
                self.same += 1;
                let root = blake3.map_or_else(String::new, |root| root.to_string());
                format!(
                    "{label}: the same here and at the server, {}\n  blake3 {root}",
                    show::size(pair.entry.size)
                )
            }
            Likeness::Differs => {
                self.differs += 1;
                format!("differs                {label}")
            }
            Likeness::MissingHere => {
                self.missing += 1;
                format!("missing here           {label}")
            }
            Likeness::MissingThere => format!("missing at the server  {label}"),
        };
        if result == Likeness::Same && !self.single && !shell.console.is_json() {
            return Ok(());
        }
        progress.clear();
        let (file, local) = (pair.remote.to_string(), pair.local.to_string_lossy());
        shell.console.result(&Event::Verified { file: &file, local: &local, result, blake3 }, || text)
    }

    fn fail(
        &mut self,
        shell: &Shell<'_>,
        failure: Failure,
        label: &str,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        if tree::ends_all(&failure) {
            return Err(failure);
        }
        self.failed += 1;
        if shell.console.is_json() {
            let event = Event::Failed { file: label, error: (&failure).into() };
            shell.console.tell(&event, String::new)?;
        } else {
            progress.note_above(&format!("failed                 {label}   {failure}"));
        }
        self.first.get_or_insert(failure);
        Ok(())
    }

    fn end(self, shell: &Shell<'_>, _how: &How) -> Result<Next, Failure> {
        if !self.single {
            let took = self.began.elapsed();
            let summary = Summary {
                op: Op::Verify,
                files: self.files,
                bytes: self.bytes,
                moved: 0,
                seconds: seconds(took),
                verified: self.same,
                identical: 0,
                kept: 0,
                skipped: self.skipped,
                failed: self.failed,
                planned: 0,
                removed: 0,
                differs: self.differs,
                missing: self.missing,
            };
            shell.console.tell(&Event::Summary(summary), || {
                let mut line = format!(
                    "{}, {} in {}: {} the same",
                    show::count(self.files, "file"),
                    show::size(self.bytes),
                    show::clock(took),
                    self.same
                );
                for (number, what) in [
                    (self.differs, "differing"),
                    (self.missing, "missing"),
                    (self.skipped, "skipped"),
                    (self.failed, "failed"),
                ] {
                    if number > 0 {
                        line = format!("{line}, {number} {what}");
                    }
                }
                line
            })?;
        }
        if self.differs > 0 {
            let hint = "get or put it again; what is to be kept is moved away first";
            return Err(Failure::new(Cause::Verification, "the two ends are not the same").hint(hint));
        }
        if let Some(first) = self.first {
            return Err(Failure::new(first.cause, "not everything could be compared"));
        }
        if self.missing > 0 {
            return Err(Failure::new(Cause::NotFound, "not everything is there on both ends"));
        }
        Ok(Next::Stay)
    }
}

fn subject(pair: &Pair<'_>) -> Subject {
    let label = pair.label.rsplit('/').next().unwrap_or_default().to_owned();
    let (remote, local) = (pair.remote.to_string(), shown(&pair.local));
    Subject { label, op: None, remote, local, size: pair.entry.size }
}

fn du(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let word = line.at_most_one()?.unwrap_or(".");
    let top = shell.remote(word)?;
    let entry = ask(shell, word, |shell| shell.session.client()?.stat(&top));
    let entry = entry.map_err(|failure| explain(shell, failure, &top, word))?;
    let mut count = Count::new(shell.console, shell.manner.progress);
    let mut dirs = 0;
    let mut failed = None;
    if entry.kind == Kind::Dir {
        let (mut trail, mut ahead) = (Trail::default(), tree::Ahead::new());
        loop {
            count.tick();
            match ahead.list(shell, &mut count, &trail, &top) {
                Err(failure) if tree::ends_all(&failure) => return Err(failure),
                Err(failure) => drop(failed.get_or_insert(failure)),
                Ok((_, entries)) => {
                    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
                        count.add(entry.size);
                    }
                    let inner = entries.into_iter().filter(|entry| entry.kind == Kind::Dir);
                    let inner: Vec<_> = inner.filter_map(|entry| entry.name).collect();
                    dirs += inner.len() as u64;
                    trail.enter(inner);
                }
            }
            if !trail.next() {
                break;
            }
        }
    } else {
        count.add(entry.size);
    }
    let (files, bytes) = count.end_silently();
    let path = top.to_string();
    shell.console.result(&Event::TreeSize { path: &path, files, dirs, bytes }, || {
        let (size, files, dirs) = (show::size(bytes), show::count(files, "file"), show::count_dirs(dirs));
        format!("{size:>10}  {files}, {dirs}  {}", Printable(&path))
    })?;
    match failed {
        Some(failure) => Err(failure),
        None => Ok(Next::Stay),
    }
}
