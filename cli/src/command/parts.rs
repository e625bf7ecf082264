//! `parts`: transfers that are not finished, at the server and on this side.

use super::{BARE, Command, Group, Line, Next, Shell, Side};
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::show;
use crate::transfer::{Unfinished, unfinished};
use ftp_proto::message::PartEntry;
use ftp_proto::{Etag, Printable};
use std::time::SystemTime;

pub(super) const PARTS: Command = Command {
    name: "parts",
    group: Group::Transfer,
    usage: "parts [clean | rm ID|all]",
    what: "unfinished transfers: uploads at the server, downloads on this side",
    more: "get or put of the same file goes on with a part. Those at the server count against the quota \
           and are dropped after a week. clean removes all of both sides, after asking; rm removes those \
           at the server.",
    examples: &["parts", "parts clean"],
    side: Side::Words(&["clean", "rm"]),
    changes: false,
    run: parts,
    ..BARE
};

fn parts(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let words: Vec<_> = line.words.iter().map(|word| word.as_str()).collect();
    match words.as_slice() {
        [] => list(shell),
        ["clean"] => clean(shell),
        ["rm", which] => {
            let part: Option<Etag> = match *which {
                "all" => None,
                id => Some(id.parse().map_err(|_| line.wrong("an ID is the 32 digits that parts shows"))?),
            };
            let removed = shell.session.client()?.parts_rm(part)?;
            removed_some(shell, removed.parts, removed.bytes)
        }
        _ => Err(line.wrong("that is not understood")),
    }
}

fn list(shell: &mut Shell<'_>) -> Result<Next, Failure> {
    let there = shell.session.client()?.parts()?;
    let here = unfinished(&shell.session.download)?;
    if !there.is_empty() && !shell.console.is_json() {
        shell.console.print("Uploads, at the server:")?;
    }
    for part in &there {
        let PartEntry { id, path, have, size, mtime } = part;
        let path = path.to_string();
        let event = Event::Part { id: *id, path: &path, have: *have, size: *size, mtime: *mtime };
        shell.console.result(&event, || {
            format!(
                "{}  {}\n      put goes on with it; or: parts rm {id}",
                line_of(*have, Some(*size), *mtime),
                Printable(&path)
            )
        })?;
    }
    if !here.is_empty() && !shell.console.is_json() {
        shell.console.print("Downloads, here:")?;
    }
    for part in &here {
        let Unfinished { name, path, have, size, mtime } = part;
        let event =
            Event::LocalPart { local: name, path: path.as_deref(), have: *have, size: *size, mtime: *mtime };
        shell.console.result(&event, || {
            let of = path.as_deref().map_or_else(String::new, |path| format!("  of {}", Printable(path)));
            format!("{}  {}{of}", line_of(*have, *size, *mtime), Printable(name))
        })?;
    }
    if there.is_empty() && here.is_empty() && !shell.console.is_json() {
        shell.console.note("no unfinished transfers");
    }
    Ok(Next::Stay)
}

/// As ` 61%  427.0 MiB of 700.0 MiB  2 h old`.
fn line_of(have: u64, size: Option<u64>, mtime: i64) -> String {
    let percent = match size {
        Some(0) => "100%".to_owned(),
        Some(size) => format!("{}%", u128::from(have) * 100 / u128::from(size)),
        None => "?".to_owned(),
    };
    let size = size.map_or_else(|| "?".to_owned(), show::size);
    format!("{percent:>5}  {:>10} of {size:>10}  {:>9}", show::size(have), age(mtime))
}

fn age(mtime: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seconds = now.saturating_sub(u64::try_from(mtime).unwrap_or(0));
    match seconds {
        0..60 => format!("{seconds} s old"),
        60..3600 => format!("{} min old", seconds / 60),
        3600..86_400 => format!("{} h old", seconds / 3600),
        _ => format!("{} d old", seconds / 86_400),
    }
}

fn clean(shell: &mut Shell<'_>) -> Result<Next, Failure> {
    let there = shell.session.client()?.parts()?;
    let here = unfinished(&shell.session.download)?;
    if there.is_empty() && here.is_empty() {
        return removed_some(shell, 0, 0);
    }
    let bytes = there.iter().map(|part| part.have).chain(here.iter().map(|part| part.have));
    let bytes = bytes.fold(0, u64::saturating_add);
    let counts = [(there.len(), "unfinished upload"), (here.len(), "unfinished download")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.map(|(count, what)| show::count(count as u64, what)).collect();
    let question = format!("{}, {}. Remove them? [y/N] ", counts.join(" and "), show::size(bytes));
    if !shell.agree(&question)? {
        shell.console.note("nothing was removed");
        return Ok(Next::Stay);
    }
    let (mut parts, mut freed) = (0, 0_u64);
    if !there.is_empty() {
        let removed = shell.session.client()?.parts_rm(None)?;
        (parts, freed) = (removed.parts, removed.bytes);
    }
    let mut failed = None;
    for part in &here {
        match part.remove(&shell.session.download) {
            Ok(true) => (parts, freed) = (parts + 1, freed.saturating_add(part.have)),
            Ok(false) => {
                shell.console.note(&format!("{}: is being downloaded, and stays", Printable(&part.name)))
            }
            Err(failure) => failed = Some(failure),
        }
    }
    let next = removed_some(shell, parts, freed)?;
    failed.map_or(Ok(next), |failure: Failure| Err(Failure { cause: Cause::NotPermitted, ..failure }))
}

fn removed_some(shell: &Shell<'_>, parts: u64, bytes: u64) -> Result<Next, Failure> {
    shell.console.tell(&Event::PartsRemoved { parts, bytes }, || {
        format!("{} removed, {} freed", show::count(parts, "part"), show::size(bytes))
    })?;
    Ok(Next::Stay)
}
