//! A folder of this side goes to the server.

use super::super::retry::keep_trying;
use super::super::single::{How, Known, begin, consider_put, put_one};
use super::super::{Shell, files};
use super::local::{Left, Listing, list};
use super::uploads::{Upload, Uploads};
use super::{LEAST, Tally, Trail, find, list_there, together, together_len};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::Opened;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, VirtualPath};
use std::path::Path;

/// A folder here, and what is in it, if it was listed just now.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) listing: Option<Listing>,
}

/// Uploads a folder. `label` is the name of the tree.
pub(crate) fn put(
    shell: &mut Shell<'_>,
    source: Source<'_>,
    remote: &VirtualPath,
    label: &str,
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let mut uploads = Uploads::new(how);
    let done = walk(shell, source, remote, label, &mut uploads, tally, progress);
    end(done, shell, &mut uploads, tally, progress)
}

/// Waits for what is in flight, or stops it where something has failed.
fn end(
    done: Result<(), Failure>,
    shell: &mut Shell<'_>,
    uploads: &mut Uploads<'_>,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let done = done.and_then(|()| uploads.finish(shell, tally, progress));
    done.inspect_err(|_| uploads.stop(shell, tally, progress))
}

fn walk(
    shell: &mut Shell<'_>,
    Source { path: top, listing: mut known }: Source<'_>,
    remote: &VirtualPath,
    label: &str,
    uploads: &mut Uploads<'_>,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let how = uploads.how;
    let mut trail = Trail::default();
    if !how.dry_run
        && let Err(failure) = keep_trying(shell, progress, |shell, _| files::mkdir_all(shell, remote))
    {
        return tally.fail(shell, failure, label);
    }
    loop {
        let folder = trail.local(top);
        let listed = trail.there(remote).and_then(|dir| {
            let listing = known.take().map_or_else(|| list(&folder, dir.names().len()), Ok)?;
            Ok((listing, dir))
        });
        let entered = match listed {
            Err(failure) => Err(failure),
            Ok((listing, dir)) => {
                let made = uploads.made(&dir, shell, tally, progress)?;
                if !matches!(made, Some(Ok(()))) {
                    uploads.finish(shell, tally, progress)?;
                }
                enter(shell, &dir, made, how, progress).map(|there| (listing, there, dir))
            }
        };
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
                for name in &listing.dirs {
                    if !how.dry_run
                        && let Ok(path) = dir.join(name.as_str())
                    {
                        let label = trail.label(label, name.as_str());
                        uploads.mkdir(path, label, shell, tally, progress)?;
                    }
                }
                let above = dir.byte_len() + 1;
                let mut rest = listing.files.as_slice();
                while !rest.is_empty() {
                    // Where nothing is there is nothing to compare.
                    let sizes = rest.iter().map(|(name, size)| (*size, above + name.as_str().len()));
                    let len = if there.is_empty() { rest.len().min(LEAST) } else { together_len(sizes) };
                    let (names, more) = rest.split_at(len);
                    rest = more;
                    let mut files = Vec::with_capacity(names.len());
                    for (name, size) in names {
                        let label = trail.label(label, name.as_str());
                        match dir.join(name.as_str()) {
                            Ok(remote) => {
                                let there = find(&there, name);
                                let local = folder.join(name.as_str());
                                files.push(File {
                                    there,
                                    upload: Upload { label, remote, local, size: *size },
                                });
                            }
                            Err(fault) => {
                                let failure = Failure::new(Cause::NotPermitted, fault.to_string());
                                tally.count(shell, Err(failure), &label, *size, progress)?;
                            }
                        }
                    }
                    consider(shell, files, uploads, tally, progress)?;
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

/// What is in a directory at the server, by what came of making it.
fn enter(
    shell: &mut Shell<'_>,
    dir: &VirtualPath,
    made: Option<Result<(), Failure>>,
    how: &How,
    progress: &mut Progress<'_>,
) -> Result<Vec<Entry>, Failure> {
    match made {
        Some(Ok(())) => return Ok(Vec::new()),
        Some(Err(failure)) if failure.code() != Some(Code::Exists) => return Err(failure),
        Some(Err(_)) | None => {}
    }
    match list_there(shell, progress, dir) {
        Err(failure) if how.dry_run && failure.code() == Some(Code::NotFound) => Ok(Vec::new()),
        listed => listed,
    }
}

/// One file, and what has its name at the server.
pub(crate) struct File<'a> {
    pub(crate) upload: Upload,
    pub(crate) there: Option<&'a Entry>,
}

/// Uploads some files.
pub(crate) fn some(
    shell: &mut Shell<'_>,
    files: Vec<File<'_>>,
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let mut uploads = Uploads::new(how);
    let done = consider(shell, files, &mut uploads, tally, progress);
    end(done, shell, &mut uploads, tally, progress)
}

/// Uploads the large ones of some files, and has the small ones follow.
fn consider(
    shell: &mut Shell<'_>,
    files: Vec<File<'_>>,
    uploads: &mut Uploads<'_>,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let how = uploads.how;
    let alike = alike(&files, how);
    if !alike.is_empty() {
        uploads.finish(shell, tally, progress)?;
    }
    let known = match (compare(shell, &files, &alike, progress), files.as_slice()) {
        (Ok(known), _) => known,
        (Err(failure), [File { upload, .. }, ..]) if failure.cause != Cause::Interrupted => {
            return tally.count(shell, Err(failure), &upload.label, upload.size, progress);
        }
        (Err(failure), _) => return Err(failure),
    };
    for (File { upload, there }, known) in files.into_iter().zip(known) {
        let task = upload.task(how);
        let is_small = upload.size <= CHUNK as u64;
        let is_compared = |entry: &Entry| matches!(known, Known::Nothing) && entry.size == upload.size;
        // What is asked about, compared by itself, or goes by itself, comes after what was before it.
        if !is_small || there.is_some_and(|entry| shell.replace.asks() || is_compared(entry)) {
            uploads.finish(shell, tally, progress)?;
        }
        let result = if is_small {
            if there.is_some() {
                begin(progress, &task, Op::Put, &upload.local, upload.size);
            }
            consider_put(shell, &task, upload.size, there, known, progress)
        } else {
            put_one(shell, &task, there, known, progress).map(Some)
        };
        match result.transpose() {
            None => uploads.add(upload, shell, tally, progress)?,
            Some(result) => tally.count(shell, result, &upload.label, upload.size, progress)?,
        }
    }
    Ok(())
}

/// The places of those that are there with the same size.
fn alike(files: &[File<'_>], how: &How) -> Vec<usize> {
    let is_alike = |File { upload, there }: &File<'_>| {
        there.is_some_and(|entry| entry.kind == Kind::File && entry.size == upload.size)
    };
    (0..files.len()).filter(|at| !how.md5 && is_alike(&files[*at])).collect()
}

/// Hashes those at the places `alike` on both sides, many at once.
fn compare(
    shell: &mut Shell<'_>,
    files: &[File<'_>],
    alike: &[usize],
    progress: &mut Progress<'_>,
) -> Result<Vec<Known>, Failure> {
    let path = |at: usize| &files[at].upload.remote;
    together(shell, files.len(), alike, progress, path, |at| Opened::open(&files[at].upload.local).ok())
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
