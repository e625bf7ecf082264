//! Whole directories: counted first, then one file after the other. What fails is named at the end; the rest goes on.

use super::transfers::{Outcome, Task, get_one, put_one};
use super::{Shell, files};
use crate::client::{ENTRIES, NAMES};
use crate::failure::{Cause, Failure, shown};
use crate::progress::Progress;
use crate::show;
use crate::transfer::{Folder, is_hidden_part};
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Name, Printable, VirtualPath};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

/// How deep a tree may be; the server's paths have a bound of their own.
const DEPTH: usize = ftp_proto::limits::DEPTH;

/// What came of a tree.
#[derive(Default)]
struct Sums {
    verified: u64,
    identical: u64,
    kept: u64,
    moved: u64,
    failed: Vec<Failure>,
    skipped: u64,
}

impl Sums {
    /// Counts one file; an error when there is no point in going on.
    fn count(&mut self, result: Result<Outcome, Failure>, label: &str) -> Result<(), Failure> {
        match result {
            Ok(Outcome::Moved(bytes)) => {
                self.verified += 1;
                self.moved += bytes;
            }
            Ok(Outcome::Identical) => self.identical += 1,
            Ok(Outcome::Kept) => self.kept += 1,
            Err(failure) => {
                let failure = failure.about(Printable(label));
                if failure.fatal
                    || matches!(failure.cause, Cause::Interrupted | Cause::Full | Cause::Connection)
                {
                    return Err(failure);
                }
                self.failed.push(failure);
            }
        }
        Ok(())
    }

    /// Says how it went; the first failure is the failure of the whole.
    fn tell(self, shell: &Shell<'_>, files: u64, bytes: u64, began: Instant) -> Result<(), Failure> {
        let took = began.elapsed();
        let mut line = format!(
            "{}, {} in {} ({}): {} verified",
            show::count(files, "file"),
            show::size(bytes),
            show::clock(took),
            show::rate(self.moved, took),
            self.verified
        );
        for (number, what) in [
            (self.identical, "already there"),
            (self.kept, "left as they are"),
            (self.skipped, "skipped"),
            (self.failed.len() as u64, "failed"),
        ] {
            if number > 0 {
                line = format!("{line}, {number} {what}");
            }
        }
        shell.console.note(&line);
        for failure in &self.failed {
            shell.console.complain(&format!("  failed  {failure}"));
        }
        match self.failed.into_iter().next() {
            Some(first) => {
                let what = "not everything arrived; the same command again does the rest";
                Err(Failure { hint: None, ..Failure::new(first.cause, what) })
            }
            None => Ok(()),
        }
    }
}

/// Something in a directory at the server that was listed. There may be many, so what they have in common is there once.
struct Remote {
    dir: Rc<VirtualPath>,
    name: Name,
    /// Without the name.
    entry: Entry,
}

impl Remote {
    fn path(&self) -> Result<VirtualPath, Failure> {
        // A name has neither '/' nor control characters, and is neither '.' nor '..'; but the path may be too long with it.
        self.dir.join(self.name.as_str()).map_err(|fault| {
            Failure::new(Cause::NotPermitted, format!("{}: {fault}", Printable(self.name.as_str())))
        })
    }
}

/// What a tree has had in its listings so far: a server must not have it grow for ever.
#[derive(Default)]
struct Listed {
    entries: usize,
    names: usize,
}

impl Listed {
    fn add(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        self.entries += entries.len();
        self.names += entries.iter().map(Entry::name_len).sum::<usize>();
        if self.entries <= ENTRIES && self.names <= NAMES {
            return Ok(());
        }
        let what = format!("over {ENTRIES} entries, or {} of names", show::size(NAMES as u64));
        Err(Failure::new(Cause::Failed, what).hint("get the directories in it one by one"))
    }
}

/// Downloads a directory.
pub(super) fn get(
    shell: &mut Shell<'_>,
    remote: &VirtualPath,
    folder: &Folder,
    md5: bool,
) -> Result<(), Failure> {
    let mut sums = Sums::default();
    let files = look_through(shell, remote, folder, &mut sums)?;
    let bytes = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.entry.size));
    let count = files.len() as u64;
    shell.console.note(&format!("{}, {}", show::count(count, "file"), show::size(bytes)));
    let mut progress = Progress::new(shell.console, shell.manner.progress, Some(bytes));
    let began = Instant::now();
    for (number, file) in files.iter().enumerate() {
        let path = file.path()?;
        let label = format!("{}/{count} {}", number + 1, file.name);
        let result = folder.below(below(remote, &file.dir)).and_then(|folder| {
            let place = folder.place(file.name.as_str());
            let task = Task { remote: &path, local: &place, label: &label, md5 };
            get_one(shell, &task, &file.entry, &mut progress)
        });
        sums.count(result, &path.to_string())?;
    }
    progress.close();
    sums.tell(shell, count, bytes, began)
}

/// Lists the whole tree and makes its folders on this side; gives the files.
fn look_through(
    shell: &mut Shell<'_>,
    remote: &VirtualPath,
    folder: &Folder,
    sums: &mut Sums,
) -> Result<Vec<Remote>, Failure> {
    let (mut files, mut dirs, mut listed) = (Vec::new(), Vec::new(), Listed::default());
    let mut next = Some(remote.clone());
    while let Some(dir) = next {
        let entries = shell.session.client()?.list(&dir)?;
        listed.add(&entries)?;
        let dir = Rc::new(dir);
        for mut entry in entries {
            let Some(name) = entry.name.take() else { continue };
            let found = Remote { dir: Rc::clone(&dir), name, entry };
            match found.entry.kind {
                Kind::File => files.push(found),
                Kind::Dir => dirs.push(found),
                Kind::Other => {
                    sums.skipped += 1;
                    let path = found.path()?.to_string();
                    let what = format!("skipped: {} is neither file nor directory", Printable(&path));
                    shell.console.note(&what);
                }
            }
        }
        if shell.session.interrupt().is_set() {
            return Err(Failure::interrupted());
        }
        next = match dirs.pop() {
            Some(dir) => {
                folder.below(below(remote, &dir.dir))?.inner(dir.name.as_str().as_ref())?;
                Some(dir.path()?)
            }
            None => None,
        };
    }
    Ok(files)
}

/// The names that lead from a directory to one in it.
fn below<'a>(top: &VirtualPath, dir: &'a VirtualPath) -> &'a [Name] {
    &dir.names()[top.names().len()..]
}

struct LocalFile {
    path: PathBuf,
    remote: VirtualPath,
    size: u64,
}

/// Uploads a folder.
pub(super) fn put(
    shell: &mut Shell<'_>,
    local: &Path,
    remote: &VirtualPath,
    md5: bool,
) -> Result<(), Failure> {
    let mut sums = Sums::default();
    let mut found: Vec<LocalFile> = Vec::new();
    let mut dirs = vec![remote.clone()];
    walk(shell, local, remote, &mut dirs, &mut found, &mut sums)?;
    let bytes = found.iter().map(|file| file.size).sum();
    let count = found.len() as u64;
    shell.console.note(&format!("{}, {}", show::count(count, "file"), show::size(bytes)));
    let began = Instant::now();
    // Of what the server lists, only what is replaced matters.
    let wanted: HashSet<_> = found.iter().map(|file| &file.remote).collect();
    let mut there = HashMap::new();
    files::mkdir_all(shell, remote)?;
    for dir in &dirs {
        if shell.session.client()?.find(dir)?.is_none() {
            shell.session.client()?.mkdir(dir)?;
            continue;
        }
        for entry in shell.session.client()?.list(dir)? {
            if let Some(name) = &entry.name
                && let Ok(path) = dir.join(name.as_str())
                && wanted.contains(&path)
            {
                there.insert(path, entry);
            }
        }
    }
    let mut progress = Progress::new(shell.console, shell.manner.progress, Some(bytes));
    for (number, file) in found.iter().enumerate() {
        let name = file.remote.names().last().map_or("", Name::as_str);
        let label = format!("{}/{count} {name}", number + 1);
        let task = Task { remote: &file.remote, local: file.path.as_path(), label: &label, md5 };
        let result = put_one(shell, &task, there.get(&file.remote), &mut progress);
        sums.count(result, &file.remote.to_string())?;
    }
    progress.close();
    sums.tell(shell, count, bytes, began)
}

/// Finds the files and folders below `folder`. Symbolic links are not followed.
fn walk(
    shell: &Shell<'_>,
    folder: &Path,
    remote: &VirtualPath,
    dirs: &mut Vec<VirtualPath>,
    found: &mut Vec<LocalFile>,
    sums: &mut Sums,
) -> Result<(), Failure> {
    let failed = |error| Failure::local(folder, "list it", &error);
    let mut entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let facts = entry.metadata().map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if facts.is_file() && is_hidden_part(&name) && fs::exists(part_sidecar(&path)).unwrap_or(false) {
            sums.skipped += 1;
            shell.console.note(&format!("skipped: {} is an unfinished download", shown(&path)));
            continue;
        }
        let inner = match entry.file_name().to_str().map(Name::new) {
            Some(Ok(name)) => remote.join(name.as_str()),
            _ => {
                let what = format!("{}: the server cannot have this name", shown(&path));
                sums.failed.push(Failure::new(Cause::NotPermitted, what));
                continue;
            }
        };
        let inner =
            inner.map_err(|fault| Failure::new(Cause::NotPermitted, format!("{}: {fault}", shown(&path))))?;
        if facts.is_dir() {
            if inner.names().len() >= DEPTH {
                let what = format!("{}: too deep", shown(&path));
                return Err(Failure::new(Cause::NotPermitted, what));
            }
            dirs.push(inner.clone());
            walk(shell, &path, &inner, dirs, found, sums)?;
        } else if facts.is_file() {
            found.push(LocalFile { path, remote: inner, size: facts.len() });
        } else {
            sums.skipped += 1;
            let what = if facts.is_symlink() { "a symbolic link" } else { "neither file nor folder" };
            shell.console.note(&format!("skipped: {} is {what}", shown(&path)));
        }
    }
    Ok(())
}

/// The sidecar of a part, or the part of a sidecar.
fn part_sidecar(path: &Path) -> PathBuf {
    let text = path.as_os_str().to_string_lossy();
    match text.strip_suffix(".cv") {
        Some(part) => PathBuf::from(part),
        None => PathBuf::from(format!("{text}.cv")),
    }
}
