//! What came of several files.

use super::super::Shell;
use super::super::single::{How, Outcome, seconds};
use super::ends_all;
use crate::event::{Event, Op, Summary};
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::show;
use ftp_proto::Code;
use std::time::Instant;

/// Things that are left out, of which each is named; more are counted.
const NAMED: u64 = 10;
/// Failures that are named at the end; more are counted.
const FAILURES: usize = 200;

/// What is done about a file where a directory should be, or the reverse.
pub(super) const OTHER_KIND: &str =
    "a file does not take the place of a directory, nor a directory that of a file: remove or move it first";

/// What came of them so far.
pub(crate) struct Tally {
    op: Op,
    began: Instant,
    files: u64,
    bytes: u64,
    verified: u64,
    identical: u64,
    kept: u64,
    planned: u64,
    moved: u64,
    skipped: u64,
    failed: u64,
    failures: Vec<(String, Failure)>,
    /// Those that ended all, and are told by themselves.
    last: u64,
    first: Option<Failure>,
    /// Removed at the end that is made like the other.
    pub(super) removed: u64,
    /// All was moved, and what fails now is a removal.
    pub(super) removes: bool,
}

impl Tally {
    pub(crate) fn new(op: Op) -> Self {
        Self {
            op,
            began: Instant::now(),
            files: 0,
            bytes: 0,
            verified: 0,
            identical: 0,
            kept: 0,
            planned: 0,
            moved: 0,
            skipped: 0,
            failed: 0,
            failures: Vec::new(),
            last: 0,
            first: None,
            removed: 0,
            removes: false,
        }
    }

    /// Everything was listed, and everything was done.
    pub(crate) fn is_whole(&self) -> bool {
        self.failed == 0
    }

    /// Counts one file; an error when there is no point in going on.
    pub(crate) fn count(
        &mut self,
        shell: &Shell<'_>,
        result: Result<Outcome, Failure>,
        label: &str,
        size: u64,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        match result {
            Ok(Outcome::Moved(bytes)) => {
                self.verified += 1;
                self.moved += bytes;
            }
            Ok(Outcome::Identical) => self.identical += 1,
            Ok(Outcome::Kept) => self.kept += 1,
            Ok(Outcome::Planned) => self.planned += 1,
            Err(failure) => {
                self.fail(shell, failure, label)?;
                progress.file_was_there(size);
            }
        }
        Ok(())
    }

    /// Something was not done; an error when there is no point in going on.
    pub(crate) fn fail(&mut self, shell: &Shell<'_>, failure: Failure, label: &str) -> Result<(), Failure> {
        if ends_all(&failure) {
            self.failed += u64::from(failure.cause != Cause::Interrupted);
            self.last += u64::from(failure.cause != Cause::Interrupted);
            return Err(if failure.cause == Cause::Interrupted { failure } else { failure.about(label) });
        }
        self.failed += 1;
        let failure = match failure.code() {
            Some(Code::IsADirectory | Code::NotADirectory) if failure.hint.is_none() => {
                failure.hint(OTHER_KIND)
            }
            _ => failure,
        };
        self.first.get_or_insert_with(|| failure.clone());
        if shell.console.is_json() {
            let event = Event::Failed { file: label, error: (&failure).into() };
            shell.console.tell(&event, String::new)?;
        }
        if self.failures.len() < FAILURES {
            self.failures.push((label.to_owned(), failure));
        }
        Ok(())
    }

    /// Something is left out, and said so.
    pub(crate) fn skip(
        &mut self,
        shell: &Shell<'_>,
        progress: &mut Progress<'_>,
        label: &str,
        why: &str,
    ) -> Result<(), Failure> {
        self.skipped += 1;
        if shell.console.is_json() {
            return shell.console.tell(&Event::Skipped { file: label, why }, String::new);
        }
        if self.skipped <= NAMED {
            progress.note_above(&format!("skipped: {label} is {why}"));
        }
        Ok(())
    }

    /// Says how it went; the first failure is the failure of the whole.
    pub(crate) fn tell(self, shell: &Shell<'_>, how: &How) -> Result<(), Failure> {
        let took = self.began.elapsed();
        let summary = Summary {
            op: self.op,
            files: self.files,
            bytes: self.bytes,
            moved: self.moved,
            seconds: seconds(took),
            verified: self.verified,
            identical: self.identical,
            kept: self.kept,
            skipped: self.skipped,
            failed: self.failed,
            planned: self.planned,
            removed: self.removed,
            differs: 0,
            missing: 0,
        };
        shell.console.tell(&Event::Summary(summary), || self.line(how))?;
        if !shell.console.is_json() {
            for (label, failure) in &self.failures {
                let told = failure.message.split_once(": ").filter(|(about, _)| about == label);
                let what = told.map_or(failure.message.as_str(), |(_, what)| what);
                shell.console.complain(&format!("  failed  {label}   {what}"));
            }
            let more = self.failed.saturating_sub(self.failures.len() as u64 + self.last);
            if more > 0 {
                shell.console.complain(&format!("  failed  and {more} more"));
            }
        }
        let Some(first) = self.first else { return Ok(()) };
        let what = match (how.dry_run, self.removes) {
            (true, _) => "not everything could be looked at",
            (false, false) => "not everything arrived; the same command tries the rest again",
            (false, true) => "not everything could be removed; the same command tries the rest again",
        };
        Err(Failure { hint: first.hint, ..Failure::new(first.cause, what) })
    }

    fn line(&self, how: &How) -> String {
        let there = if self.op == Op::Put { "already there" } else { "already here" };
        let counts = [
            (self.verified, "verified"),
            (self.planned, "to be moved"),
            (self.identical, there),
            (self.kept, "left as they are"),
            (self.removed, if how.dry_run { "to be removed" } else { "removed" }),
            (self.skipped, "skipped"),
            (self.failed, "failed"),
        ];
        let counts = counts.iter().filter(|(number, _)| *number > 0);
        let counts: Vec<_> = counts.map(|(number, what)| format!("{number} {what}")).collect();
        let what = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
        let took = self.began.elapsed();
        let (files, bytes) = (show::count(self.files, "file"), show::size(self.bytes));
        if how.dry_run {
            return format!("{files}, {bytes}: {what}; nothing was done");
        }
        let rate =
            if self.moved == 0 { String::new() } else { format!(" ({})", show::rate(self.moved, took)) };
        format!("{files}, {bytes} in {}{rate}: {what}", show::clock(took))
    }
}

/// How far several files came, and how it goes on.
pub(crate) fn stopped(how: &How, tally: &Tally, progress: &mut Progress<'_>) -> Failure {
    let (percent, files) = progress.standing();
    let (done, all) = files.unwrap_or_default();
    progress.leave("^C");
    let at = match tally.removed {
        0 => format!("at {percent}% ({done} of {all} files)"),
        // All was moved by then.
        removed => format!("after {removed} were removed"),
    };
    let text = format!("Stopped {at}. `{}` goes on from there.", how.typed);
    Failure { message: text, ..Failure::interrupted() }
}
