//! The folders on this side.

use super::{Command, Line, Next, Shell};
use crate::failure::{Cause, Failure, shown};
use std::fs;

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
    let absolute = |path| std::path::absolute(path).map_or_else(|_| shown(path), |path| shown(&path));
    shell.console.print(&format!("downloads go to    {}", absolute(&shell.session.download)))?;
    shell.console.print(&format!("uploads come from  {}", absolute(&shell.session.upload)))?;
    Ok(Next::Stay)
}

fn lcd(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let Some(word) = line.at_most_one()? else { return Err(line.wrong("a folder is missing")) };
    let folder = shell.session.upload.join(word);
    if !folder.is_dir() {
        return Err(Failure::new(Cause::NotFound, format!("{}: no such folder", shown(&folder))));
    }
    shell.session.download.clone_from(&folder);
    shell.session.upload = folder;
    Ok(Next::Stay)
}

fn lls(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    line.none()?;
    let folder = &shell.session.upload;
    let failed = |error| Failure::local(folder, "list it", &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let end = if path.is_dir() { "/" } else { "" };
        names.push(format!("{}{end}", shown(path.file_name().unwrap_or_default().as_ref())));
    }
    names.sort();
    names.iter().try_for_each(|name| shell.console.print(name))?;
    Ok(Next::Stay)
}
