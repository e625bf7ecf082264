//! A directory of the server comes here.

use super::super::Shell;
use super::super::single::{How, Known, Task, begin, consider_get, get_one, planned_get};
use super::downloads;
use super::{Ahead, Listed, Tally, Trail, ends_all, together, together_len};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::{Count, Progress};
use crate::transfer::{Folder, Found, Place};
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Name, VirtualPath};
use std::sync::Arc;

/// A directory at the server.
pub(crate) struct Top<'a> {
    pub(crate) path: &'a VirtualPath,
    /// What is in it, if that was listed just now.
    pub(crate) entries: Option<Vec<Entry>>,
}

/// Counts the files below a directory at the server. What cannot be listed counts for nothing: it is said when its turn comes. Gives what is in it, if no directory is.
pub(crate) fn count(
    shell: &mut Shell<'_>,
    top: &VirtualPath,
    count: &mut Count<'_>,
) -> Result<Option<Vec<Entry>>, Failure> {
    let (mut trail, mut ahead, mut listed) = (Trail::default(), Ahead::new(), Listed::default());
    loop {
        count.tick();
        match ahead.list(shell, count, &trail, top) {
            Err(failure) if ends_all(&failure) || trail.here().is_empty() => return Err(failure),
            Err(_) => {}
            Ok((_, entries)) => {
                listed.add(&entries)?;
                for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
                    count.add(entry.size);
                }
                if trail.here().is_empty() && !entries.iter().any(|entry| entry.kind == Kind::Dir) {
                    return Ok(Some(entries));
                }
                trail.enter(dirs(entries));
            }
        }
        if !trail.next() {
            return Ok(None);
        }
    }
}

fn dirs(entries: Vec<Entry>) -> Vec<Name> {
    let dirs = entries.into_iter().filter(|entry| entry.kind == Kind::Dir);
    dirs.filter_map(|entry| entry.name).collect()
}

/// Downloads a directory into a folder; none where that is not there and nothing is to be made. `label` is the name of the tree.
pub(crate) fn get(
    shell: &mut Shell<'_>,
    mut top: Top<'_>,
    folder: Option<&Folder>,
    label: &str,
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let (mut trail, mut ahead, mut listed) = (Trail::default(), Ahead::new(), Listed::default());
    loop {
        let entries = match top.entries.take() {
            Some(entries) => Ok((top.path.clone(), entries)),
            None => ahead.list(shell, progress, &trail, top.path),
        };
        let entered =
            entries.and_then(|(dir, entries)| Ok((dir, entries, enter(folder, trail.here(), how)?)));
        match entered {
            Err(failure) => tally.fail(shell, failure, &trail.label(label, ""))?,
            Ok((dir, entries, folder)) => {
                listed.add(&entries)?;
                for entry in entries.iter().filter(|entry| entry.kind == Kind::Other) {
                    let label = trail.label(label, entry.name.as_ref().map_or("", Name::as_str));
                    tally.skip(shell, progress, &label, "neither file nor directory")?;
                }
                let all: Vec<_> = entries.iter().filter(|entry| entry.kind == Kind::File).collect();
                let is_empty = !all.is_empty() && folder.as_ref().is_some_and(|folder| folder.is_empty());
                let above = dir.byte_len() + 1;
                let mut rest = all.as_slice();
                while !rest.is_empty() {
                    let (entries, more) = rest.split_at(together_len(
                        rest.iter().map(|entry| (entry.size, above + entry.name_len())),
                    ));
                    rest = more;
                    let mut files = Vec::with_capacity(entries.len());
                    for entry in entries {
                        let name = entry.name.as_ref().map_or("", Name::as_str);
                        let label = trail.label(label, name);
                        let place = folder.as_ref().map(|folder| folder.one_of_many(name));
                        let file = path(&dir, name).and_then(|remote| {
                            if is_empty {
                                return Ok(File::alone(entry, label.clone(), remote, place));
                            }
                            File::new(entry, label.clone(), remote, place)
                        });
                        match file {
                            Ok(file) => files.push(file),
                            Err(failure) => {
                                tally.count(shell, Err(failure), &label, entry.size, progress)?;
                            }
                        }
                    }
                    some(shell, &files, how, tally, progress)?;
                }
                if let Some(folder) = folder.filter(|_| !how.dry_run && !all.is_empty()) {
                    folder.sync()?;
                }
                trail.enter(dirs(entries));
            }
        }
        if !trail.next() {
            return Ok(());
        }
    }
}

fn path(dir: &VirtualPath, name: &str) -> Result<VirtualPath, Failure> {
    dir.join(name).map_err(|fault| Failure::new(Cause::NotPermitted, fault.to_string()))
}

/// The folder on this side that names lead to from the top; the last of them is made.
fn enter(top: Option<&Folder>, here: &[Name], how: &How) -> Result<Option<Arc<Folder>>, Failure> {
    let Some(top) = top else { return Ok(None) };
    let folder = match here.split_last() {
        None => top.below(&[]).map(Some),
        Some(_) if how.dry_run => match top.below(here) {
            Err(failure) if failure.cause == Cause::NotFound => Ok(None),
            folder => folder.map(Some),
        },
        Some((last, above)) => top.below(above)?.inner(last.as_str().as_ref()).map(Some),
    };
    Ok(folder?.map(Arc::new))
}

/// One file of a directory.
pub(crate) struct File<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) label: String,
    pub(crate) remote: VirtualPath,
    /// None if its folder is not there, and is not to be made.
    pub(crate) place: Option<Place>,
    /// What has its name here.
    pub(crate) found: Option<Found>,
    /// Nothing was in its folder.
    is_alone: bool,
}

impl<'a> File<'a> {
    /// Looks what has its name.
    pub(crate) fn new(
        entry: &'a Entry,
        label: String,
        remote: VirtualPath,
        place: Option<Place>,
    ) -> Result<Self, Failure> {
        let found = place.as_ref().map(Place::look).transpose()?.flatten();
        Ok(Self { entry, label, remote, place, found, is_alone: false })
    }

    /// Needs not look: nothing was in its folder. What is put there meanwhile is found when it is to be named.
    fn alone(entry: &'a Entry, label: String, remote: VirtualPath, place: Option<Place>) -> Self {
        Self { entry, label, remote, place, found: None, is_alone: true }
    }
}

/// Downloads some files, whose names in their folder are made durable together by whoever asks for it.
pub(crate) fn some(
    shell: &mut Shell<'_>,
    files: &[File<'_>],
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let known = match (compare(shell, files, how, progress), files) {
        (Ok(known), _) => known,
        (Err(failure), [file, ..]) if failure.cause != Cause::Interrupted => {
            return tally.count(shell, Err(failure), &file.label, file.entry.size, progress);
        }
        (Err(failure), _) => return Err(failure),
    };
    let mut small = Vec::new();
    for (file, known) in files.iter().zip(known) {
        let File { entry, label, remote, place, found, is_alone } = file;
        let Some(place) = place else {
            let result = planned_get(shell, remote, label, entry.size, progress);
            tally.count(shell, result, label, entry.size, progress)?;
            continue;
        };
        let task = Task { remote, local: place, label, how };
        // One of which an earlier attempt left a part goes on with it.
        let is_small = entry.size <= CHUNK as u64 && (*is_alone || !place.has_part());
        // What is asked about, and what comes by itself, comes after what was before it.
        if !is_small || (found.is_some() && shell.replace.asks()) {
            downloads::fetch(shell, &std::mem::take(&mut small), how, tally, progress)?;
        }
        let result = if is_small {
            if found.is_some() {
                begin(progress, &task, Op::Get, &place.path(), entry.size);
            }
            consider_get(shell, &task, entry, *found, known, progress)
        } else {
            get_one(shell, &task, entry, known, progress).map(Some)
        };
        match result.transpose() {
            None => small.push(file),
            Some(result) => tally.count(shell, result, label, entry.size, progress)?,
        }
    }
    downloads::fetch(shell, &small, how, tally, progress)
}

/// Hashes those that are here with the same size, many at once.
fn compare(
    shell: &mut Shell<'_>,
    files: &[File<'_>],
    how: &How,
    progress: &mut Progress<'_>,
) -> Result<Vec<Known>, Failure> {
    let is_alike = |file: &File<'_>| file.found == Some(Found::File(file.entry.size));
    let alike = (0..files.len()).filter(|at| !how.md5 && is_alike(&files[*at]));
    let alike: Vec<_> = alike.collect();
    let path = |at: usize| &files[at].remote;
    let open = |at: usize| files[at].place.as_ref().and_then(|place| place.open().ok());
    together(shell, files.len(), &alike, progress, path, open)
}
