//! A directory of the server comes here.

use super::super::Shell;
use super::super::single::{How, Known, Task, get_one, planned_get};
use super::{Listed, TOGETHER, Tally, Trail, ends_all, list_there, together};
use crate::failure::{Cause, Failure};
use crate::progress::{Count, Progress};
use crate::transfer::{Folder, Found, Place};
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Name, VirtualPath};

/// Counts the files below a directory at the server. What cannot be listed counts for nothing: it is said when its turn comes.
pub(crate) fn count(shell: &mut Shell<'_>, top: &VirtualPath, count: &mut Count<'_>) -> Result<(), Failure> {
    let (mut trail, mut listed) = (Trail::default(), Listed::default());
    loop {
        count.tick();
        let entries = match trail.there(top) {
            Ok(dir) => list_there(shell, count, &dir),
            Err(failure) => Err(failure),
        };
        match entries {
            Err(failure) if ends_all(&failure) || trail.here().is_empty() => return Err(failure),
            Err(_) => {}
            Ok(entries) => {
                listed.add(&entries)?;
                for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
                    count.add(entry.size);
                }
                trail.enter(dirs(entries));
            }
        }
        if !trail.next() {
            return Ok(());
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
    top: &VirtualPath,
    folder: Option<&Folder>,
    label: &str,
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let (mut trail, mut listed) = (Trail::default(), Listed::default());
    loop {
        let entered = trail.there(top).and_then(|dir| {
            let entries = list_there(shell, progress, &dir)?;
            Ok((entries, enter(folder, trail.here(), how)?, dir))
        });
        match entered {
            Err(failure) => tally.fail(shell, failure, &trail.label(label, ""))?,
            Ok((entries, folder, dir)) => {
                listed.add(&entries)?;
                for entry in entries.iter().filter(|entry| entry.kind == Kind::Other) {
                    let label = trail.label(label, entry.name.as_ref().map_or("", Name::as_str));
                    tally.skip(shell, progress, &label, "neither file nor directory")?;
                }
                let all: Vec<_> = entries.iter().filter(|entry| entry.kind == Kind::File).collect();
                for entries in all.chunks(TOGETHER) {
                    let mut files = Vec::with_capacity(entries.len());
                    for entry in entries {
                        let name = entry.name.as_ref().map_or("", Name::as_str);
                        let label = trail.label(label, name);
                        match (path(&dir, name), place(folder.as_ref(), name)) {
                            (Ok(remote), Ok(place)) => files.push(File { entry, label, remote, place }),
                            (Err(failure), _) | (_, Err(failure)) => {
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

fn place(folder: Option<&Folder>, name: &str) -> Result<Option<Place>, Failure> {
    folder.map(|folder| Ok(folder.below(&[])?.place(name).of_many())).transpose()
}

/// The folder on this side that names lead to from the top; the last of them is made.
fn enter(top: Option<&Folder>, here: &[Name], how: &How) -> Result<Option<Folder>, Failure> {
    let Some(top) = top else { return Ok(None) };
    match here.split_last() {
        None => top.below(&[]).map(Some),
        Some(_) if how.dry_run => Ok(top.below(here).ok()),
        Some((last, above)) => top.below(above)?.inner(last.as_str().as_ref()).map(Some),
    }
}

/// One file of a directory.
struct File<'a> {
    entry: &'a Entry,
    label: String,
    remote: VirtualPath,
    /// None if its folder is not there, and is not to be made.
    place: Option<Place>,
}

/// Downloads some files of one directory.
fn some(
    shell: &mut Shell<'_>,
    files: &[File<'_>],
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let known = compare(shell, files, how, progress)?;
    for (file, known) in files.iter().zip(known) {
        let result = match &file.place {
            Some(place) => {
                let task = Task { remote: &file.remote, local: place, label: &file.label, how };
                get_one(shell, &task, file.entry, known, progress)
            }
            None => planned_get(shell, &file.remote, &file.label, file.entry.size, progress),
        };
        tally.count(shell, result, &file.label, file.entry.size, progress)?;
    }
    Ok(())
}

/// Hashes those that are here with the same size, many at once.
fn compare(
    shell: &mut Shell<'_>,
    files: &[File<'_>],
    how: &How,
    progress: &mut Progress<'_>,
) -> Result<Vec<Known>, Failure> {
    let is_alike = |file: &File<'_>| {
        let found = file.place.as_ref().map(Place::look);
        matches!(found, Some(Ok(Some(Found::File(size)))) if size == file.entry.size)
    };
    let alike = (0..files.len()).filter(|at| !how.md5 && is_alike(&files[*at]));
    let alike: Vec<_> = alike.collect();
    let path = |at: usize| &files[at].remote;
    let open = |at: usize| files[at].place.as_ref().and_then(|place| place.open().ok());
    together(shell, files.len(), &alike, progress, path, open)
}
