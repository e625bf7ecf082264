//! A folder of this side goes to the server.

use super::super::retry::keep_trying;
use super::super::single::{How, Known, begin, consider_put, put_one};
use super::super::{Shell, files};
use super::local::{Left, Listing, list};
use super::tally::OTHER_KIND;
use super::uploads::{Desk, Dir, Made, Upload, Uploads};
use super::{BESIDE, LEAST, Tally, Trail, find, list_there, together, together_len};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::Opened;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Name, Printable, VirtualPath};
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
    let desk = &mut Desk { shell, tally, progress };
    if !how.dry_run
        && let Err(failure) =
            keep_trying(desk.shell, desk.progress, |shell, _| files::mkdir_all(shell, remote))
    {
        return desk.tally.fail(desk.shell, failure, label);
    }
    let mut walk =
        Walk { top: source.path, remote, label, trail: Trail::default(), uploads: Uploads::new(how) };
    let done = walk.go(source.listing, desk);
    end(done, &mut walk.uploads, desk)
}

/// Waits for what is in flight, or stops it where something has failed.
fn end(
    done: Result<(), Failure>,
    uploads: &mut Uploads<'_>,
    desk: &mut Desk<'_, '_, '_>,
) -> Result<(), Failure> {
    let done = done.and_then(|()| uploads.finish(desk));
    done.inspect_err(|_| uploads.stop(desk))
}

/// A walk through a folder here, and through what it becomes at the server.
struct Walk<'a> {
    top: &'a Path,
    remote: &'a VirtualPath,
    label: &'a str,
    trail: Trail,
    uploads: Uploads<'a>,
}

impl Walk<'_> {
    fn go(&mut self, mut known: Option<Listing>, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        loop {
            let dirs = self.visit(known.take(), desk)?;
            self.trail.enter(dirs);
            if desk.shell.session.interrupt().is_set() {
                return Err(Failure::interrupted());
            }
            if !self.trail.next() {
                return Ok(());
            }
        }
    }

    /// Uploads the files in one folder. Gives the folders in it.
    fn visit(&mut self, known: Option<Listing>, desk: &mut Desk<'_, '_, '_>) -> Result<Vec<Name>, Failure> {
        let folder = self.trail.local(self.top);
        let listed = self.trail.there(self.remote).and_then(|dir| {
            let listed = known.map_or_else(|| list(&folder, dir.names().len()), Ok);
            let listing = listed.inspect_err(|_| self.uploads.forget(&dir))?;
            Ok((dir, listing))
        });
        let (dir, listing) = match listed {
            Ok(listed) => listed,
            Err(failure) => return self.fail(failure, desk),
        };
        let there = match self.enter(&dir, desk)? {
            Ok(there) => there,
            Err(failure) => return self.fail(failure, desk),
        };
        for (name, left) in &listing.left {
            let label = self.trail.label(self.label, name);
            match left {
                Left::Skipped(why) => desk.tally.skip(desk.shell, desk.progress, &label, why)?,
                Left::Impossible(_) | Left::Unknown(_) => {
                    desk.tally.fail(desk.shell, left.failure(), &label)?
                }
            }
        }
        if !self.uploads.how.dry_run {
            let first = &listing.dirs[..listing.dirs.len().min(BESIDE)];
            make(&self.trail, first, self.remote, self.label, &mut self.uploads, desk)?;
        }
        self.upload(&folder, &dir, &listing.files, &there, desk)?;
        Ok(listing.dirs)
    }

    /// What is in a directory at the server, which is made if it is missing.
    fn enter(
        &mut self,
        dir: &VirtualPath,
        desk: &mut Desk<'_, '_, '_>,
    ) -> Result<Result<Vec<Entry>, Failure>, Failure> {
        let dry_run = self.uploads.how.dry_run;
        if let Some(above) = self.trail.above().filter(|_| !dry_run) {
            if !self.uploads.makes(dir) {
                let next: Vec<_> = self.trail.beside().take(BESIDE).cloned().collect();
                make(&above, &next, self.remote, self.label, &mut self.uploads, desk)?;
            }
            match self.uploads.made(dir, desk)? {
                Made::New => return Ok(Ok(Vec::new())),
                Made::Failed(failure) => return Ok(Err(failure)),
                Made::There => {}
            }
        }
        self.uploads.finish(desk)?;
        Ok(match list_there(desk.shell, desk.progress, dir) {
            Err(failure) if dry_run && failure.code() == Some(Code::NotFound) => Ok(Vec::new()),
            listed => listed,
        })
    }

    fn upload(
        &mut self,
        folder: &Path,
        dir: &VirtualPath,
        mut rest: &[(Name, u64)],
        there: &[Entry],
        desk: &mut Desk<'_, '_, '_>,
    ) -> Result<(), Failure> {
        let above = dir.byte_len() + 1;
        while !rest.is_empty() {
            let sizes = rest.iter().map(|(name, size)| (*size, above + name.as_str().len()));
            // Where nothing is there is nothing to compare, and few are enough to be sent.
            let len = if there.is_empty() { rest.len().min(LEAST) } else { together_len(sizes) };
            let (names, more) = rest.split_at(len);
            rest = more;
            let mut files = Vec::with_capacity(names.len());
            for (name, size) in names {
                let label = self.trail.label(self.label, name.as_str());
                match dir.join(name.as_str()) {
                    Ok(remote) => {
                        let (there, local) = (find(there, name), folder.join(name.as_str()));
                        files.push(File { there, upload: Upload { label, remote, local, size: *size } });
                    }
                    Err(fault) => {
                        let failure = Failure::new(Cause::NotPermitted, fault.to_string());
                        desk.tally.count(desk.shell, Err(failure), &label, *size, desk.progress)?;
                    }
                }
            }
            consider(files, &mut self.uploads, desk)?;
        }
        Ok(())
    }

    /// The folder is left out.
    fn fail(&self, failure: Failure, desk: &mut Desk<'_, '_, '_>) -> Result<Vec<Name>, Failure> {
        desk.tally.fail(desk.shell, failure, &self.trail.label(self.label, ""))?;
        Ok(Vec::new())
    }
}

/// Has directories of these names made in the one that `at` leads to.
fn make(
    at: &Trail,
    names: &[Name],
    top: &VirtualPath,
    label: &str,
    uploads: &mut Uploads<'_>,
    desk: &mut Desk<'_, '_, '_>,
) -> Result<(), Failure> {
    // What has no path fails when its turn comes.
    let Ok(above) = at.there(top) else { return Ok(()) };
    for name in names {
        if let Ok(path) = above.join(name.as_str()) {
            uploads.mkdir(Dir { path, label: at.label(label, name.as_str()) }, desk)?;
        }
    }
    Ok(())
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
    let (mut uploads, desk) = (Uploads::new(how), &mut Desk { shell, tally, progress });
    let done = consider(files, &mut uploads, desk);
    end(done, &mut uploads, desk)
}

/// Uploads the large ones of some files, and has the small ones follow.
fn consider(
    files: Vec<File<'_>>,
    uploads: &mut Uploads<'_>,
    desk: &mut Desk<'_, '_, '_>,
) -> Result<(), Failure> {
    let how = uploads.how;
    let alike = alike(&files, how);
    if !alike.is_empty() {
        uploads.finish(desk)?;
    }
    let known = match compare(desk.shell, &files, &alike, desk.progress) {
        Ok(known) => known,
        Err(failure) if failure.cause == Cause::Interrupted => return Err(failure),
        Err(failure) => {
            return files.iter().try_for_each(|File { upload, .. }| {
                let (result, label) = (Err(failure.clone()), &upload.label);
                desk.tally.count(desk.shell, result, label, upload.size, desk.progress)
            });
        }
    };
    for (File { upload, there }, known) in files.into_iter().zip(known) {
        let task = upload.task(how);
        let is_small = upload.size <= CHUNK as u64;
        let is_compared = |entry: &Entry| matches!(known, Known::Nothing) && entry.size == upload.size;
        // What is asked about, compared by itself, or goes by itself, comes after what was before it.
        if !is_small || there.is_some_and(|entry| desk.shell.replace.asks() || is_compared(entry)) {
            uploads.finish(desk)?;
        }
        let Desk { shell, tally, progress } = &mut *desk;
        let result = if how.dry_run && there.is_some_and(|entry| entry.kind == Kind::Dir) {
            let what = format!("{} is a directory", Printable(&upload.remote.to_string()));
            Err(Failure::new(Cause::NotPermitted, what).hint(OTHER_KIND))
        } else if is_small {
            if there.is_some() {
                begin(progress, &task, Op::Put, &upload.local, upload.size);
            }
            consider_put(shell, &task, upload.size, there, known, progress)
        } else {
            put_one(shell, &task, there, known, progress).map(Some)
        };
        match result.transpose() {
            None => uploads.add(upload, desk)?,
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
        assert_eq!(list(folder, 63).expect("listed").left[0].1, Left::Impossible("too deep".to_owned()));
    }
}
