//! What the source does not have is removed from the target. Nothing is removed unless the source of that very directory was listed whole, just now; links,
//! special files and parts stay where they are.

use super::super::Shell;
use super::super::removals::{Answer, Removal, remove_all};
use super::super::single::How;
use super::local::{Left, Listing, list};
use super::{Tally, Trail, find, list_there};
use crate::event::{Event, Side};
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::show;
use crate::transfer::{Folder, is_hidden_part};
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Name, VirtualPath};
use std::path::Path;

/// Which end is made like the other.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    /// The folder, like the directory.
    Here {
        /// What is removed from.
        folder: &'a Path,
        /// What is listed.
        source: &'a VirtualPath,
    },
    /// The directory, like the folder.
    There {
        /// What is removed from.
        dir: &'a VirtualPath,
        /// What is listed.
        source: &'a Path,
    },
}

/// What is done with what the source does not have. What stays is told in the first pass, whether or not there is another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Count,
    Say,
    Remove,
}

/// What is to go at the server.
struct Doomed {
    path: VirtualPath,
    label: String,
    /// Of a file.
    size: Option<u64>,
}

impl Doomed {
    fn removal(&self) -> Removal<'_> {
        Removal { path: &self.path, is_dir: self.size.is_none() }
    }
}

#[derive(Default)]
struct Sums {
    files: u64,
    dirs: u64,
    bytes: u64,
}

/// Removes from `target` what the source does not have; a person is asked once, with the numbers. What goes is named by its path at that end.
pub(crate) fn prune(
    shell: &mut Shell<'_>,
    target: Target<'_>,
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let label = match target {
        Target::Here { folder, .. } => folder.to_string_lossy().into_owned(),
        Target::There { dir, .. } => dir.to_string(),
    };
    tally.removes = true;
    let mut pass = Pass { target, label: &label, act: Act::Count, sums: Sums::default() };
    if how.dry_run {
        pass.act = Act::Say;
        pass.walk(shell, tally, progress)?;
        tally.removed = pass.sums.files + pass.sums.dirs;
        return Ok(());
    }
    pass.walk(shell, tally, progress)?;
    let Sums { files, dirs, bytes } = pass.sums;
    if files + dirs == 0 {
        return Ok(());
    }
    progress.clear();
    let dirs = if dirs == 0 { String::new() } else { format!(" and {}", show::count_dirs(dirs)) };
    let (side, source) = match target {
        Target::Here { .. } => ("here", "the server"),
        Target::There { .. } => ("at the server", "this side"),
    };
    let what = format!("{}, {}{dirs} {side}", show::count(files, "file"), show::size(bytes));
    if !shell.replace.confirm(shell.console, &format!("Remove {what}, which {source} does not have?"))? {
        shell.console.note("nothing was removed");
        return Ok(());
    }
    (pass.act, pass.sums) = (Act::Remove, Sums::default());
    let walked = pass.walk(shell, tally, progress);
    tally.removed = pass.sums.files + pass.sums.dirs;
    walked
}

struct Pass<'a> {
    target: Target<'a>,
    label: &'a str,
    act: Act,
    sums: Sums,
}

impl Pass<'_> {
    /// Goes through the directories that both ends have.
    fn walk(
        &mut self,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut trail = Trail::default();
        loop {
            let both = match self.target {
                Target::Here { folder, source } => {
                    let there = list_there(shell, progress, &trail.there(source)?)?;
                    let here = list(&trail.local(folder), 0)?;
                    self.here(shell, &trail, folder, &here, Some(&there), tally, progress)?.0
                }
                Target::There { dir, source } => {
                    let here = list(&trail.local(source), 0)?;
                    let dir = trail.there(dir)?;
                    match list_there(shell, progress, &dir) {
                        // Where nothing was to be done there is nothing to be removed.
                        Err(failure) if failure.cause == Cause::NotFound => Vec::new(),
                        there => self.there(shell, &trail, &dir, &there?, Some(&here), tally, progress)?.0,
                    }
                }
            };
            trail.enter(both);
            if shell.session.interrupt().is_set() {
                return Err(Failure::interrupted());
            }
            if !trail.next() {
                return Ok(());
            }
        }
    }

    /// One folder here; without a source all of it goes. Gives the folders that both ends have, and whether something stays in this one.
    #[expect(clippy::too_many_arguments, reason = "the two ends of one step")]
    fn here(
        &mut self,
        shell: &mut Shell<'_>,
        trail: &Trail,
        top: &Path,
        here: &Listing,
        source: Option<&[Entry]>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(Vec<Name>, bool), Failure> {
        let has = |name: &Name| source.is_some_and(|source| find(source, name).is_some());
        let mut stays = !here.left.is_empty();
        for (name, left) in &here.left {
            let is_it = |entry: &Entry| entry.name.as_ref().is_some_and(|of| of.as_str() == name);
            let is_there = |source: &[Entry]| source.iter().any(is_it);
            if self.act == Act::Remove || is_hidden_part(name) || source.is_some_and(is_there) {
                continue;
            }
            let label = trail.label(self.label, name);
            let what = match left {
                Left::Skipped(what) => what,
                Left::Impossible(_) => "nothing that the server could have",
                Left::Unknown(_) => {
                    tally.fail(shell, left.failure(), &label)?;
                    continue;
                }
            };
            tally.skip(shell, progress, &label, &format!("{what}, and stays"))?;
        }
        for (name, size) in here.files.iter().filter(|(name, _)| !has(name)) {
            if is_hidden_part(name.as_str()) {
                stays = true;
                continue;
            }
            let label = trail.label(self.label, name.as_str());
            let done = self.act(shell, Side::Local, &label, *size, progress, |_| {
                Folder::open(top)?.below(trail.here())?.remove(name.as_str().as_ref(), false)
            });
            stays |= !self.add(shell, done, &label, Some(*size), tally)?;
        }
        let mut both = Vec::new();
        for name in &here.dirs {
            let is_dir = |source: &[Entry]| find(source, name).is_some_and(|entry| entry.kind == Kind::Dir);
            if source.is_some_and(is_dir) {
                both.push(name.clone());
            } else if !has(name) {
                let inner = trail.with(name);
                let listing = list(&inner.local(top), 0)?;
                if self.here(shell, &inner, top, &listing, None, tally, progress)?.1 {
                    stays = true;
                    continue;
                }
                let label = trail.label(self.label, &format!("{name}/"));
                let done = self.act(shell, Side::Local, &label, 0, progress, |_| {
                    Folder::open(top)?.below(trail.here())?.remove(name.as_str().as_ref(), true)
                });
                stays |= !self.add(shell, done, &label, None, tally)?;
            }
        }
        Ok((both, stays))
    }

    /// One directory there; without a source all of it goes. Gives the directories that both ends have, and whether something stays in this one.
    #[expect(clippy::too_many_arguments, reason = "the two ends of one step")]
    fn there(
        &mut self,
        shell: &mut Shell<'_>,
        trail: &Trail,
        dir: &VirtualPath,
        there: &[Entry],
        source: Option<&Listing>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(Vec<Name>, bool), Failure> {
        let (mut both, mut doomed, mut stays) = (Vec::new(), Vec::new(), false);
        for entry in there {
            let Some(name) = &entry.name else { continue };
            let label = trail.label(self.label, name.as_str());
            let path = dir.join(name.as_str());
            let path = path.map_err(|fault| Failure::new(Cause::NotPermitted, fault.to_string()))?;
            match entry.kind {
                Kind::Dir if source.is_some_and(|source| source.dirs.binary_search(name).is_ok()) => {
                    both.push(name.clone());
                }
                _ if source.is_some_and(|source| source.has(name)) => {}
                Kind::File if is_hidden_part(name.as_str()) => stays = true,
                Kind::File => doomed.push(Doomed { path, label, size: Some(entry.size) }),
                Kind::Dir => {
                    let inner = match list_there(shell, progress, &path) {
                        // Somebody else removed it.
                        Err(failure) if failure.code() == Some(Code::NotFound) => continue,
                        inner => inner?,
                    };
                    let inside =
                        self.there(shell, &trail.with(name), &path, &inner, None, tally, progress)?;
                    if inside.1 {
                        stays = true;
                        continue;
                    }
                    let dir = Doomed { path, label: format!("{label}/"), size: None };
                    stays |= !self.go(shell, &[dir], tally, progress)?;
                }
                Kind::Other => {
                    stays = true;
                    if self.act != Act::Remove {
                        tally.skip(shell, progress, &label, "neither file nor directory, and stays")?;
                    }
                }
            }
        }
        stays |= !self.go(shell, &doomed, tally, progress)?;
        Ok((both, stays))
    }

    fn act(
        &self,
        shell: &mut Shell<'_>,
        at: Side,
        label: &str,
        bytes: u64,
        progress: &mut Progress<'_>,
        remove: impl FnOnce(&mut Shell<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.act == Act::Remove {
            remove(shell)?;
        }
        self.say(shell, at, label, bytes, progress)
    }

    fn say(
        &self,
        shell: &Shell<'_>,
        at: Side,
        label: &str,
        bytes: u64,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let event = Event::Removal { file: label, at, bytes, planned: self.act != Act::Remove };
        match self.act {
            Act::Count => Ok(()),
            Act::Remove if !shell.console.is_json() => Ok(()),
            Act::Say | Act::Remove => {
                progress.clear();
                shell.console.result(&event, || format!("would remove   {label}"))
            }
        }
    }

    /// Has some go at the server, without a wait for each; false if one of them stays.
    fn go(
        &mut self,
        shell: &mut Shell<'_>,
        doomed: &[Doomed],
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<bool, Failure> {
        let (is_planned, mut all) = (self.act != Act::Remove, true);
        let mut take = |shell: &mut Shell<'_>, one: &Doomed, answer: Answer| {
            let done = match answer {
                // Somebody else removed it.
                Ok(None) => return Ok(()),
                Ok(Some(_)) => self.say(shell, Side::Server, &one.label, one.size.unwrap_or(0), progress),
                Err(failure) => Err(failure),
            };
            all &= self.add(shell, done, &one.label, one.size, tally)?;
            Ok(())
        };
        if is_planned {
            doomed.iter().try_for_each(|one| take(shell, one, Ok(Some(0))))?;
        } else {
            let removals = doomed.iter().map(|one| (one.removal(), one));
            remove_all(shell, removals, &mut |shell, one, answer| {
                take(shell, one, answer.map_err(|failure| one.removal().failed(failure)))
            })?;
        }
        Ok(all)
    }

    /// Counts what was done; `size` is that of a file. False if it was not.
    fn add(
        &mut self,
        shell: &Shell<'_>,
        done: Result<(), Failure>,
        label: &str,
        size: Option<u64>,
        tally: &mut Tally,
    ) -> Result<bool, Failure> {
        match (done, size) {
            (Ok(()), Some(size)) => {
                self.sums.files += 1;
                self.sums.bytes = self.sums.bytes.saturating_add(size);
            }
            (Ok(()), None) => self.sums.dirs += 1,
            (Err(failure), _) => {
                tally.fail(shell, failure, label)?;
                return Ok(false);
            }
        }
        Ok(true)
    }
}
