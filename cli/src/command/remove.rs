//! `rm`: files, what a pattern finds, and with `-r` whole directories. What is more than was named is counted first, where somebody can be asked.

use super::files::explain;
use super::removals::{Answer, Removal, remove_all};
use super::{BARE, Command, Group, Line, Next, Shell};
use crate::client::{ENTRIES, NAMES};
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::{glob, show};
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Printable, VirtualPath};

pub(super) const RM: Command = Command {
    name: "rm",
    group: Group::Files,
    usage: "rm [-f] [-r] FILE|PATTERN...",
    what: "remove files",
    options: &[
        ("-f", "do not ask, and do not mind what is not there"),
        ("-r", "directories too, with all that is in them"),
    ],
    more: "What a pattern finds, or a directory has in it, is counted, and removed if you say y; a script \
           is not asked.",
    examples: &["rm report.pdf", "rm old-*.log"],
    run: rm,
    ..BARE
};

/// What is to be removed.
#[derive(Default)]
struct Doomed {
    files: Vec<(VirtualPath, u64)>,
    /// Those above before those below.
    dirs: Vec<VirtualPath>,
    /// Directories that a pattern found and that stay.
    spared: u64,
    /// Bytes of all the names.
    names: usize,
}

impl Doomed {
    /// Counts an entry; gives back a directory that is to be looked into.
    fn add(&mut self, path: VirtualPath, entry: &Entry) -> Result<Option<VirtualPath>, Failure> {
        self.names += entry.name_len();
        if self.files.len() + self.dirs.len() >= ENTRIES || self.names > NAMES {
            let what = format!("over {ENTRIES} entries, or {} of names", show::size(NAMES as u64));
            return Err(Failure::new(Cause::Failed, what).hint("remove the directories in it one by one"));
        }
        if entry.kind == Kind::Dir {
            self.dirs.push(path.clone());
            return Ok(Some(path));
        }
        self.files.push((path, if entry.kind == Kind::File { entry.size } else { 0 }));
        Ok(None)
    }

    fn add_tree(&mut self, shell: &mut Shell<'_>, path: VirtualPath, entry: &Entry) -> Result<(), Failure> {
        let mut open: Vec<_> = self.add(path, entry)?.into_iter().collect();
        while let Some(dir) = open.pop() {
            let entries = match shell.session.client()?.list(&dir) {
                // Somebody else removes it as well.
                Err(failure) if failure.code() == Some(Code::NotFound) => continue,
                entries => entries?,
            };
            for entry in entries {
                let Some(name) = &entry.name else { continue };
                let inner = dir.join(name.as_str());
                let inner = inner.map_err(|fault| Failure::new(Cause::NotPermitted, fault.to_string()))?;
                open.extend(self.add(inner, &entry)?);
            }
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, (_, size)| sum.saturating_add(*size))
    }

    /// As `12 files in 3 directories, 3.1 GiB`.
    fn counted(&self) -> String {
        let files = show::count(self.files.len() as u64, "file");
        let dirs = match self.dirs.len() {
            0 => String::new(),
            1 => " in 1 directory".to_owned(),
            dirs => format!(" in {dirs} directories"),
        };
        format!("{files}{dirs}, {}", show::size(self.bytes()))
    }
}

fn rm(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let given = line.options(|options| {
        options.optflag("f", "", "").optflag("r", "", "");
    })?;
    if given.free.is_empty() {
        return Err(line.wrong("a name is missing"));
    }
    let (force, recursive) = (given.opt_present("f"), given.opt_present("r"));
    if !recursive && given.free.iter().all(|word| word.pattern().is_none()) {
        for word in &given.free {
            one(shell, word, force)?;
        }
        return Ok(Next::Stay);
    }
    let mut doomed = Doomed::default();
    for word in &given.free {
        let found = match glob::there(shell.session, word) {
            Err(failure) if failure.cause == Cause::NotFound && force => continue,
            found => found?,
        };
        for found in found {
            let path = shell.remote(&found.name)?;
            if path.is_root() {
                let what = "/ itself is not removed, and so nothing is";
                return Err(Failure::new(Cause::NotPermitted, what).hint("rm -r /* removes what is in it"));
            }
            let entry = match found.entry {
                Some(entry) => entry,
                None => match shell.session.client()?.stat(&path) {
                    Err(failure) if failure.code() == Some(Code::NotFound) && force => continue,
                    entry => entry.map_err(|failure| explain(shell, failure, &path, word))?,
                },
            };
            match entry.kind {
                Kind::Dir if recursive => doomed.add_tree(shell, path, &entry)?,
                Kind::Dir if word.pattern().is_some() => doomed.spared += 1,
                Kind::Dir => return Err(is_a_directory(word)),
                Kind::File | Kind::Other => {
                    doomed.add(path, &entry)?;
                }
            }
        }
    }
    if doomed.spared > 0 {
        let what =
            if doomed.spared == 1 { "1 directory".into() } else { format!("{} directories", doomed.spared) };
        shell.console.note(&format!("{what} left: rmdir, or rm -r"));
    }
    if doomed.files.is_empty() && doomed.dirs.is_empty() {
        return Ok(Next::Stay);
    }
    let many = if doomed.files.len() + doomed.dirs.len() == 1 { "it" } else { "them" };
    if !force && !shell.agree(&format!("{}. Remove {many}? [y/N] ", doomed.counted()))? {
        shell.console.note("nothing was removed");
        return Ok(Next::Stay);
    }
    all(shell, &doomed)?;
    Ok(Next::Stay)
}

/// Removes a file that was named.
fn one(shell: &mut Shell<'_>, word: &str, force: bool) -> Result<(), Failure> {
    let path = shell.remote(word)?;
    let bytes = match shell.session.client()?.rm(&path) {
        Err(failure) if failure.code() == Some(Code::NotFound) && force => return Ok(()),
        Err(failure) if failure.code() == Some(Code::IsADirectory) => return Err(is_a_directory(word)),
        removed => removed.map_err(|failure| explain(shell, failure, &path, word))?,
    };
    shell.console.tell(&Event::Removed { path: &path.to_string(), bytes }, || {
        format!("{}: removed, {} freed", Printable(word), show::size(bytes))
    })
}

/// Removes what was counted, and says how much that was.
fn all(shell: &mut Shell<'_>, doomed: &Doomed) -> Result<(), Failure> {
    let mut gone = Gone::default();
    let removed = gone.remove(shell, doomed);
    if !shell.console.is_json() {
        let dirs =
            if gone.dirs == 0 { String::new() } else { format!(" and {}", show::count_dirs(gone.dirs)) };
        let files = show::count(gone.files, "file");
        shell.console.note(&format!("{files}{dirs} removed, {} freed", show::size(gone.freed)));
    }
    removed
}

/// What is removed so far.
#[derive(Default)]
struct Gone {
    files: u64,
    dirs: u64,
    freed: u64,
}

impl Gone {
    /// Removes one after the other, up to the first that fails. What is gone meanwhile is no failure.
    fn remove(&mut self, shell: &mut Shell<'_>, doomed: &Doomed) -> Result<(), Failure> {
        let files = doomed.files.iter().map(|(path, _)| Removal { path, is_dir: false });
        // A directory is empty when those below it are gone.
        let dirs = doomed.dirs.iter().rev().map(|path| Removal { path, is_dir: true });
        let removals = files.chain(dirs).map(|removal| (removal, removal));
        remove_all(shell, removals, &mut |shell, removal, answer| self.add(shell, removal, answer))
    }

    fn add(&mut self, shell: &Shell<'_>, removal: Removal<'_>, answer: Answer) -> Result<(), Failure> {
        let bytes = match answer {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(failure) => return Err(removal.failed(failure)),
        };
        *(if removal.is_dir { &mut self.dirs } else { &mut self.files }) += 1;
        self.freed = self.freed.saturating_add(bytes);
        if shell.console.is_json() {
            shell.console.result(&Event::Removed { path: &removal.path.to_string(), bytes }, String::new)?;
        }
        Ok(())
    }
}

fn is_a_directory(word: &str) -> Failure {
    let what = format!("{}: is a directory", Printable(word));
    Failure::new(Cause::NotPermitted, what)
        .hint("rmdir removes an empty one, rm -r one with all that is in it")
}
