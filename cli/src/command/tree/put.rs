//! A folder of this side goes to the server.

use super::super::retry::keep_trying;
use super::super::single::{How, Known, Task, begin, consider_put, put_one};
use super::super::{Shell, files};
use super::local::{Left, Listing, list};
use super::{Tally, Trail, find, list_there, together, together_len, uploads};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::Opened;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, VirtualPath};
use std::path::{Path, PathBuf};

/// A folder here, and what is in it, if it was listed just now.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) listing: Option<Listing>,
}

/// Uploads a folder. `label` is the name of the tree.
pub(crate) fn put(
    shell: &mut Shell<'_>,
    Source { path: top, listing: mut known }: Source<'_>,
    remote: &VirtualPath,
    label: &str,
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let mut trail = Trail::default();
    if !how.dry_run
        && let Err(failure) = keep_trying(shell, progress, |shell, _| files::mkdir_all(shell, remote))
    {
        return tally.fail(shell, failure, label);
    }
    loop {
        let folder = trail.local(top);
        let entered = trail.there(remote).and_then(|dir| {
            let listing = known.take().map_or_else(|| list(&folder, dir.names().len()), Ok)?;
            let there = enter(shell, &dir, trail.here().is_empty(), how, progress)?;
            Ok((listing, there, dir))
        });
        match entered {
            Err(failure) => tally.fail(shell, failure, &trail.label(label, ""))?,
            Ok((listing, there, dir)) => {
                for (name, left) in &listing.left {
                    let label = trail.label(label, name);
                    match left {
                        Left::Skipped(why) => tally.skip(shell, progress, &label, why)?,
                        Left::Failed(_) => tally.fail(shell, left.failure(), &label)?,
                    }
                }
                let above = dir.byte_len() + 1;
                let mut rest = listing.files.as_slice();
                while !rest.is_empty() {
                    let (names, more) = rest.split_at(together_len(
                        rest.iter().map(|(name, size)| (*size, above + name.as_str().len())),
                    ));
                    rest = more;
                    let mut files = Vec::with_capacity(names.len());
                    for (name, size) in names {
                        let label = trail.label(label, name.as_str());
                        match dir.join(name.as_str()) {
                            Ok(remote) => {
                                let there = find(&there, name);
                                let local = folder.join(name.as_str());
                                files.push(File { label, remote, local, there, size: *size });
                            }
                            Err(fault) => {
                                let failure = Failure::new(Cause::NotPermitted, fault.to_string());
                                tally.count(shell, Err(failure), &label, *size, progress)?;
                            }
                        }
                    }
                    some(shell, &files, how, tally, progress)?;
                }
                trail.enter(listing.dirs);
            }
        }
        if shell.session.interrupt().is_set() {
            return Err(Failure::interrupted());
        }
        if !trail.next() {
            return Ok(());
        }
    }
}

/// What is in a directory at the server, which is made if it is missing.
fn enter(
    shell: &mut Shell<'_>,
    dir: &VirtualPath,
    is_top: bool,
    how: &How,
    progress: &mut Progress<'_>,
) -> Result<Vec<Entry>, Failure> {
    if !how.dry_run && !is_top {
        let made = keep_trying(shell, progress, |shell, _| shell.session.client()?.mkdir(dir));
        match made {
            Ok(()) => return Ok(Vec::new()),
            Err(failure) if failure.code() == Some(Code::Exists) => {}
            Err(failure) => return Err(failure),
        }
    }
    match list_there(shell, progress, dir) {
        Err(failure) if how.dry_run && failure.code() == Some(Code::NotFound) => Ok(Vec::new()),
        listed => listed,
    }
}

/// One file of a folder.
pub(crate) struct File<'a> {
    pub(crate) label: String,
    pub(crate) remote: VirtualPath,
    pub(crate) local: PathBuf,
    /// What has its name at the server.
    pub(crate) there: Option<&'a Entry>,
    pub(crate) size: u64,
}

/// Uploads some files.
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
            return tally.count(shell, Err(failure), &file.label, file.size, progress);
        }
        (Err(failure), _) => return Err(failure),
    };
    let mut small = Vec::new();
    for (file, known) in files.iter().zip(known) {
        let task = Task { remote: &file.remote, local: file.local.as_path(), label: &file.label, how };
        let is_small = file.size <= CHUNK as u64;
        // What is asked about, and what goes by itself, comes after what was before it.
        if !is_small || (file.there.is_some() && shell.replace.asks()) {
            uploads::send(shell, &std::mem::take(&mut small), how, tally, progress)?;
        }
        let result = if is_small {
            if file.there.is_some() {
                begin(progress, &task, Op::Put, &file.local, file.size);
            }
            consider_put(shell, &task, file.size, file.there, known, progress)
        } else {
            put_one(shell, &task, file.there, known, progress).map(Some)
        };
        match result.transpose() {
            None => small.push(file),
            Some(result) => tally.count(shell, result, &file.label, file.size, progress)?,
        }
    }
    uploads::send(shell, &small, how, tally, progress)
}

/// Hashes those that are there with the same size, many at once.
fn compare(
    shell: &mut Shell<'_>,
    files: &[File<'_>],
    how: &How,
    progress: &mut Progress<'_>,
) -> Result<Vec<Known>, Failure> {
    let is_alike =
        |file: &File<'_>| file.there.is_some_and(|entry| entry.kind == Kind::File && entry.size == file.size);
    let alike = (0..files.len()).filter(|at| !how.md5 && is_alike(&files[*at]));
    let alike: Vec<_> = alike.collect();
    let path = |at: usize| &files[at].remote;
    together(shell, files.len(), &alike, progress, path, |at| Opened::open(&files[at].local).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::Name;

    #[test]
    fn what_cannot_be_sent_is_left_with_its_reason() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path();
        std::fs::create_dir(folder.join("d")).expect("made");
        for name in ["b", "a", "c.part", "x.part", "x.part.cv"] {
            std::fs::write(folder.join(name), "12345").expect("written");
        }
        std::os::unix::fs::symlink("a", folder.join("link")).expect("made");
        let Listing { files, dirs, left } = list(folder, 0).expect("listed");
        let names: Vec<_> = files.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        assert_eq!(names, [("a", 5), ("b", 5), ("c.part", 5)]);
        assert_eq!(dirs.iter().map(Name::as_str).collect::<Vec<_>>(), ["d"]);
        let left: Vec<_> = left.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(left, ["link", "x.part", "x.part.cv"]);
        assert_eq!(list(folder, 63).expect("listed").left[0].1, Left::Failed("too deep".to_owned()));
    }
}
