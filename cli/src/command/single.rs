//! One file, alone or of many: compared with what is there, asked about, moved, told.

use super::Shell;
use super::retry::keep_trying;
use crate::client::Client;
use crate::event::{Event, Op};
use crate::failure::{Cause, Failure, shown};
use crate::progress::{Progress, Subject};
use crate::show;
use crate::transfer::{self, Found, LocalSum, Opened, Place, Report};
use ftp_proto::message::{Entry, Kept, Kind};
use ftp_proto::{Code, Md5Sum, Printable, VirtualPath};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What came of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It moved; so many bytes of it did now.
    Moved(u64),
    /// It was there, and identical.
    Identical,
    /// What is there is kept.
    Kept,
    /// It would have been moved.
    Planned,
}

/// How files are to be moved.
#[derive(Debug, Clone, Default)]
pub(super) struct How {
    /// MD5 is compared too.
    pub(super) md5: bool,
    /// Nothing is done; it is said what would be.
    pub(super) dry_run: bool,
    /// The command, as it is typed to go on.
    pub(super) typed: String,
}

/// One file to move; `local` is a [`Place`] to download to, or a [`Path`] to upload from.
pub(super) struct Task<'a, L: ?Sized> {
    pub(super) remote: &'a VirtualPath,
    pub(super) local: &'a L,
    /// What it is called on the screen; already printable.
    pub(super) label: &'a str,
    pub(super) how: &'a How,
}

/// What is known of a file that has the name already.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// Both have to be hashed.
    Nothing,
    /// Both have these hashes.
    Same(LocalSum),
    /// They differ.
    Different,
}

/// Downloads one file, unless it is here already.
pub(super) fn get_one(
    shell: &mut Shell<'_>,
    task: &Task<'_, Place>,
    entry: &Entry,
    known: Known,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    begin(progress, task, Op::Get, &task.local.path(), entry.size);
    let found = task.local.look()?;
    match consider_get(shell, task, entry, found, known, progress)? {
        Some(outcome) => Ok(outcome),
        None => move_get(shell, task, entry, progress),
    }
}

/// What is to be done with a file that could be downloaded, where `found` has its name: nothing more, or, where it is none, it moves.
pub(super) fn consider_get(
    shell: &mut Shell<'_>,
    task: &Task<'_, Place>,
    entry: &Entry,
    found: Option<Found>,
    known: Known,
    progress: &mut Progress<'_>,
) -> Result<Option<Outcome>, Failure> {
    if let Some(found) = found {
        let path = task.local.path();
        if let Found::Folder | Found::Special = found {
            let what = if found == Found::Folder { "a folder" } else { "something that is no file" };
            let what = format!("{what} {} is in the way", shown(&path));
            return Err(Failure::new(Cause::NotPermitted, what)
                .hint("remove or move it, or get -o under another name"));
        }
        let same_size = found == Found::File(entry.size);
        let known = match known {
            Known::Nothing if same_size => {
                let local = task.local.open()?;
                compare(shell, task, local, Kept::Use, progress)?
            }
            Known::Nothing => Known::Different,
            known => known,
        };
        if let Known::Same(sum) = known {
            return identical(shell, task, Op::Get, &path, &sum, progress).map(Some);
        }
        let there = || {
            let here = fs::symlink_metadata(&path).ok();
            let here = here.map(|facts| (facts.len(), facts.mtime()));
            (format!("{} is here", task.label), both(Some((entry.size, entry.mtime)), here))
        };
        if let Some(outcome) = keep(shell, task, there, entry.size, progress)? {
            return Ok(Some(outcome));
        }
    }
    if task.how.dry_run {
        let (remote, label, replaces) = (task.remote, task.label, found.is_some());
        return planned(shell, Op::Get, remote, label, entry.size, replaces, progress).map(Some);
    }
    Ok(None)
}

/// Downloads one file, whatever has its name.
pub(super) fn move_get(
    shell: &mut Shell<'_>,
    task: &Task<'_, Place>,
    entry: &Entry,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    let interrupt = shell.session.interrupt();
    let result = keep_trying(shell, progress, |shell, progress| {
        let client = shell.session.client()?;
        transfer::get(client, task.remote, task.local, task.how.md5, &interrupt, progress)
    });
    finish(shell, task, Op::Get, &task.local.path(), result, entry.size, progress)
}

/// Uploads one file, unless it is there already.
pub(super) fn put_one(
    shell: &mut Shell<'_>,
    task: &Task<'_, Path>,
    there: Option<&Entry>,
    known: Known,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    let size = fs::metadata(task.local).map_or(0, |facts| facts.len());
    begin(progress, task, Op::Put, task.local, size);
    match consider_put(shell, task, size, there, known, progress)? {
        Some(outcome) => Ok(outcome),
        None => move_put(shell, task, size, progress),
    }
}

/// What is to be done with a file that could be uploaded: nothing more, or, where it is none, it moves.
pub(super) fn consider_put(
    shell: &mut Shell<'_>,
    task: &Task<'_, Path>,
    size: u64,
    there: Option<&Entry>,
    known: Known,
    progress: &mut Progress<'_>,
) -> Result<Option<Outcome>, Failure> {
    let there = there.filter(|entry| entry.kind != Kind::Dir);
    if let Some(entry) = there {
        let same_size = entry.kind == Kind::File && entry.size == size;
        let known = match known {
            Known::Nothing if same_size => {
                let local = Opened::open(task.local)?;
                compare(shell, task, local, Kept::Check, progress)?
            }
            Known::Nothing => Known::Different,
            known => known,
        };
        if let Known::Same(sum) = known {
            return identical(shell, task, Op::Put, task.local, &sum, progress).map(Some);
        }
        let name = if progress.is_batch() { task.label.to_owned() } else { as_seen(shell, task.remote) };
        let there = || {
            let here = fs::metadata(task.local).ok();
            let here = here.map(|facts| (facts.len(), facts.mtime()));
            (format!("{name} is on the server"), both(Some((entry.size, entry.mtime)), here))
        };
        if let Some(outcome) = keep(shell, task, there, size, progress)? {
            return Ok(Some(outcome));
        }
    }
    if task.how.dry_run {
        let (remote, label, replaces) = (task.remote, task.label, there.is_some());
        return planned(shell, Op::Put, remote, label, size, replaces, progress).map(Some);
    }
    Ok(None)
}

/// Uploads one file, whatever has its name.
pub(super) fn move_put(
    shell: &mut Shell<'_>,
    task: &Task<'_, Path>,
    size: u64,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    let interrupt = shell.session.interrupt();
    let result = keep_trying(shell, progress, |shell, progress| {
        let client = shell.session.client()?;
        transfer::put(client, task.local, task.remote, task.how.md5, &interrupt, progress)
    });
    let result = result.map_err(|failure| no_room(failure, size, shell));
    finish(shell, task, Op::Put, task.local, result, size, progress)
}

/// The file is the one that is under way.
pub(super) fn begin<L: ?Sized>(
    progress: &mut Progress<'_>,
    task: &Task<'_, L>,
    op: Op,
    local: &Path,
    size: u64,
) {
    // Of a path the last name is what a short line has room for.
    let name = task.label.rsplit('/').next().unwrap_or_default();
    progress.file(Subject {
        label: if progress.is_batch() { name } else { task.label }.to_owned(),
        op: Some(op),
        remote: task.remote.to_string(),
        local: local.to_string_lossy().into_owned(),
        size,
    });
}

/// A path at the server as it would be typed.
fn as_seen(shell: &Shell<'_>, path: &VirtualPath) -> String {
    match path.split_last() {
        Ok((folder, leaf)) if folder == shell.session.cwd.names() => Printable(leaf.as_str()).to_string(),
        _ => Printable(&path.to_string()).to_string(),
    }
}

fn both(there: Option<(u64, i64)>, here: Option<(u64, i64)>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let facts = |facts: Option<(u64, i64)>| {
        facts.map_or_else(
            || "something else".to_owned(),
            |(size, mtime)| format!("{}, {}", show::short_size(size), show::day(mtime, now)),
        )
    };
    format!("there {}; here {}", facts(there), facts(here))
}

/// Hashes both. Whether the server reads its file for it is said by `kept`; one that a disk has damaged is not the same.
fn compare<L: ?Sized>(
    shell: &mut Shell<'_>,
    task: &Task<'_, L>,
    local: Opened,
    kept: Kept,
    progress: &mut Progress<'_>,
) -> Result<Known, Failure> {
    let interrupt = shell.session.interrupt();
    let here = local.sum(task.how.md5, &interrupt, progress)?;
    let there = keep_trying(shell, progress, |shell, progress| {
        match shell.session.client()?.sum_watched(task.remote, task.how.md5, kept, progress) {
            Err(failure) if failure.code() == Some(Code::Damaged) => Ok(None),
            sum => sum.map(Some),
        }
    })?;
    let Some(there) = there else { return Ok(Known::Different) };
    let same = here.root == there.root && here.md5 == there.md5.filter(|_| task.how.md5);
    Ok(if same { Known::Same(here) } else { Known::Different })
}

fn identical<L: ?Sized>(
    shell: &mut Shell<'_>,
    task: &Task<'_, L>,
    op: Op,
    local: &Path,
    sum: &LocalSum,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    let side = if op == Op::Put { "on the server" } else { "here" };
    let event = Event::Done {
        op,
        file: &task.remote.to_string(),
        local: &local.to_string_lossy(),
        bytes: sum.size,
        moved: 0,
        seconds: 0.0,
        blake3: sum.root,
        md5: sum.md5,
        verified: true,
    };
    if !progress.is_batch() {
        progress.clear();
    }
    if !progress.is_batch() || shell.console.is_json() {
        shell.console.tell(&event, || {
            format!("{}: already {side} and identical (BLAKE3); nothing to do.", task.label)
        })?;
    }
    if let Some(md5) = sum.md5 {
        told_md5(shell, task, md5, progress)?;
    }
    progress.file_was_there(sum.size);
    Ok(Outcome::Identical)
}

/// Whether what is there is kept; none if it is to be replaced. `there` says for the question what it is, and how both look.
fn keep<L: ?Sized>(
    shell: &mut Shell<'_>,
    task: &Task<'_, L>,
    there: impl FnOnce() -> (String, String),
    size: u64,
    progress: &mut Progress<'_>,
) -> Result<Option<Outcome>, Failure> {
    progress.clear();
    let what = || {
        let (what, both) = there();
        format!("{what} already and differs ({both}).")
    };
    if task.how.dry_run || shell.replace.decide(shell.console, what)? {
        return Ok(None);
    }
    let remote = task.remote.to_string();
    let event = Event::Skipped { file: &remote, why: "differs, and is kept" };
    if !progress.is_batch() || shell.console.is_json() {
        shell.console.tell(&event, || format!("{}: left as it is", task.label))?;
    }
    progress.file_was_there(size);
    Ok(Some(Outcome::Kept))
}

/// Says that a file would be downloaded to a folder that is not there yet.
pub(super) fn planned_get(
    shell: &Shell<'_>,
    remote: &VirtualPath,
    label: &str,
    bytes: u64,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    planned(shell, Op::Get, remote, label, bytes, false, progress)
}

fn planned(
    shell: &Shell<'_>,
    op: Op,
    remote: &VirtualPath,
    label: &str,
    bytes: u64,
    replaces: bool,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    progress.clear();
    let event = Event::Planned { op, file: &remote.to_string(), bytes, replaces };
    let verb = match op {
        _ if replaces => "replace",
        Op::Put => "put",
        Op::Get | Op::Verify => "get",
    };
    shell.console.result(&event, || format!("would {verb:<8} {label}  {}", show::size(bytes)))?;
    progress.file_was_there(bytes);
    Ok(Outcome::Planned)
}

/// Says in numbers that a file does not fit, and what to do.
pub(super) fn no_room(failure: Failure, size: u64, shell: &mut Shell<'_>) -> Failure {
    let left =
        failure.refusal.as_ref().filter(|refusal| refusal.code == Code::QuotaExceeded).and_then(|it| it.left);
    let Some(left) = left else { return failure };
    // It may be another than at the login.
    if let Ok(account) = shell.session.client().and_then(Client::account) {
        shell.session.account = account;
    }
    let quota = shell.session.account.quota;
    let of = quota.map_or_else(String::new, |quota| format!("{} ", show::size(quota)));
    let message = if show::size(size) == show::size(left) {
        format!("{size} bytes do not fit: {left} bytes of your {of}quota are left. Nothing was sent.")
    } else {
        let (size, left) = (show::size(size), show::size(left));
        format!("{size} does not fit: {left} of your {of}quota is left. Nothing was sent.")
    };
    let wanted = quota
        .map_or_else(|| "SIZE".to_owned(), |quota| enough(quota.saturating_sub(left).saturating_add(size)));
    let user = &shell.session.user;
    Failure { message, ..failure }.hint(format!(
        "Make room with rm, or ask the administrator:  ftp-admin setup {user} --quota {wanted}"
    ))
}

/// A quota in which so many bytes fit, as it is typed.
fn enough(bytes: u64) -> String {
    let (unit, letter) = if bytes >= 1 << 30 { (1 << 30, 'G') } else { (1 << 20, 'M') };
    format!("{}{letter}", bytes.div_ceil(unit))
}

/// Tells what came of a file that was to move, and counts it.
pub(super) fn finish<L: ?Sized>(
    shell: &mut Shell<'_>,
    task: &Task<'_, L>,
    op: Op,
    local: &Path,
    result: Result<Report, Failure>,
    size: u64,
    progress: &mut Progress<'_>,
) -> Result<Outcome, Failure> {
    match result {
        Ok(report) => {
            progress.file_done(size);
            shell.session.moved.0 += 1;
            shell.session.moved.1 += report.moved;
            done(shell, task, op, local, &report, progress)?;
            if let Some(md5) = report.md5 {
                told_md5(shell, task, md5, progress)?;
            }
            Ok(Outcome::Moved(report.moved))
        }
        Err(failure) if failure.cause == Cause::Interrupted => {
            progress.leave("^C");
            if progress.is_batch() { Err(failure) } else { Err(stopped(task, op, local, progress)) }
        }
        Err(failure) => {
            if !progress.is_batch() {
                progress.leave("");
            }
            Err(failure)
        }
    }
}

/// How far it came, and how it goes on.
fn stopped<L: ?Sized>(task: &Task<'_, L>, op: Op, local: &Path, progress: &mut Progress<'_>) -> Failure {
    let percent = progress.standing().0;
    let typed = &task.how.typed;
    let text = if percent == 0 && progress.is_at_start() {
        format!("Stopped before anything arrived; `{typed}` begins anew.")
    } else if op == Op::Get {
        let name = local.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        format!("Stopped at {percent}%. Kept as {}.part; `{typed}` goes on from there.", Printable(&name))
    } else {
        format!("Stopped at {percent}%. The server keeps that part; `{typed}` goes on from there.")
    };
    Failure { message: text, ..Failure::interrupted() }
}

/// Somebody asked for it: it is a result, and not only a word of comfort.
fn told_md5<L: ?Sized>(
    shell: &Shell<'_>,
    task: &Task<'_, L>,
    md5: Md5Sum,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    if shell.console.is_json() {
        return Ok(());
    }
    progress.clear();
    shell.console.print(&format!("md5 {md5}  {}", task.label))
}

fn done<L: ?Sized>(
    shell: &Shell<'_>,
    task: &Task<'_, L>,
    op: Op,
    local: &Path,
    report: &Report,
    progress: &Progress<'_>,
) -> Result<(), Failure> {
    if progress.is_batch() && !shell.console.is_json() {
        return Ok(());
    }
    let remote = task.remote.to_string();
    let event = Event::Done {
        op,
        file: &remote,
        local: &local.to_string_lossy(),
        bytes: report.size,
        moved: report.moved,
        seconds: seconds(report.took),
        blake3: report.root,
        md5: report.md5,
        verified: true,
    };
    shell.console.tell(&event, || {
        let mut how = show::short_size(report.size);
        if report.resumed > 0 {
            how = format!("{how}, {} moved", show::short_size(report.moved));
        }
        let (time, rate) = (show::clock(report.took), show::rate(report.moved, report.took));
        let how = format!("{how} in {time} ({rate}), verified");
        if progress.is_bar() {
            format!("{}: {how}\n  blake3 {}", task.label, report.root)
        } else {
            let verb = if op == Op::Put { "put" } else { "get" };
            format!("{verb} {}: {how} blake3 {}", Printable(&remote), report.root)
        }
    })
}

/// With three decimals: more would be noise.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_that_is_proposed_is_enough() {
        let sizes = [1, 1 << 20, (1 << 20) + 1, 1 << 30, (7 << 30) + 5, u64::MAX].map(enough);
        assert_eq!(sizes, ["1M", "1M", "2M", "1G", "8G", "17179869184G"]);
    }
}
