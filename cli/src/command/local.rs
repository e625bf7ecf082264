//! The folders on this side.

use super::{Command, Line, Next, Shell};
use crate::event::Event;
use crate::failure::{Cause, Failure, shown};
use ftp_proto::Printable;
use ftp_proto::message::Kind;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

pub(super) const LPWD: Command =
    Command { name: "lpwd", usage: "lpwd", what: "the folders on this side", more: "", run: lpwd };
pub(super) const LCD: Command = Command {
    name: "lcd",
    usage: "lcd FOLDER",
    what: "change the folder on this side, for downloads and uploads",
    more: "",
    run: lcd,
};
pub(super) const LLS: Command = Command {
    name: "lls",
    usage: "lls",
    what: "what is in the folder that uploads come from",
    more: "",
    run: lls,
};

fn lpwd(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    line.none()?;
    folders(shell)
}

fn lcd(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let Some(word) = line.at_most_one()? else { return Err(line.wrong("a folder is missing")) };
    let folder = shell.session.upload.join(word);
    if !folder.is_dir() {
        return Err(Failure::new(Cause::NotFound, format!("{}: no such folder", shown(&folder))));
    }
    shell.session.download.clone_from(&folder);
    shell.session.upload = folder;
    if shell.console.is_json() { folders(shell) } else { Ok(Next::Stay) }
}

fn folders(shell: &Shell<'_>) -> Result<Next, Failure> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (download, upload) = (absolute(&shell.session.download), absolute(&shell.session.upload));
    let event = Event::Folders { download: &download.to_string_lossy(), upload: &upload.to_string_lossy() };
    shell.console.result(&event, || {
        format!("downloads go to    {}\nuploads come from  {}", shown(&download), shown(&upload))
    })?;
    Ok(Next::Stay)
}

fn lls(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    line.none()?;
    let folder = &shell.session.upload;
    let failed = |error| Failure::local(folder, "list it", &error);
    let mut entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(failed)?;
    entries.sort_by_key(DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // One that is gone meanwhile, or a link to nothing, is something else.
        let facts = fs::metadata(entry.path());
        let (kind, size, mtime) = match &facts {
            Ok(facts) if facts.is_dir() => (Kind::Dir, 0, facts.mtime()),
            Ok(facts) if facts.is_file() => (Kind::File, facts.len(), facts.mtime()),
            Ok(facts) => (Kind::Other, 0, facts.mtime()),
            Err(_) => (Kind::Other, 0, 0),
        };
        let end = if kind == Kind::Dir { "/" } else { "" };
        let event = Event::LocalEntry { name: &name, kind, size, mtime };
        shell.console.result(&event, || format!("{}{end}", Printable(&name)))?;
    }
    Ok(Next::Stay)
}
