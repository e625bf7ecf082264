//! What is done again when the connection was lost, and when it is not.

use super::Shell;
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::progress::{Count, Progress};
use ftp_proto::{Code, Printable};
use std::time::{Duration, Instant};

/// Pauses before a lost connection is made anew, in seconds; the last one repeats.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 15];

/// Where it is shown that a connection was lost.
pub(super) trait Patient {
    /// In so many seconds it is made anew; told every second. False when nobody saw that.
    fn lost(&mut self, seconds: u64, attempt: u32, of: Option<u32>) -> bool;
    /// Now it is made anew.
    fn again(&mut self);
    /// Something came of the last attempt.
    fn take_news(&mut self) -> bool;
    /// What it is about.
    fn about(&self) -> String;
}

impl Patient for Progress<'_> {
    fn lost(&mut self, seconds: u64, attempt: u32, of: Option<u32>) -> bool {
        Progress::lost(self, seconds, attempt, of);
        self.is_bar()
    }

    fn again(&mut self) {
        Progress::again(self);
    }

    fn take_news(&mut self) -> bool {
        Progress::take_news(self)
    }

    fn about(&self) -> String {
        self.subject().label.clone()
    }
}

impl Patient for Count<'_> {
    fn lost(&mut self, seconds: u64, attempt: u32, of: Option<u32>) -> bool {
        Count::lost(self, seconds, attempt, of)
    }

    fn again(&mut self) {}

    fn take_news(&mut self) -> bool {
        Count::take_news(self)
    }

    fn about(&self) -> String {
        "counting".to_owned()
    }
}

/// A question of which nothing is shown; this is what it is about.
struct Question<'a>(&'a str);

impl Patient for Question<'_> {
    fn lost(&mut self, _: u64, _: u32, _: Option<u32>) -> bool {
        false
    }

    fn again(&mut self) {}

    fn take_news(&mut self) -> bool {
        false
    }

    fn about(&self) -> String {
        Printable(self.0).to_string()
    }
}

/// Asks what a transfer has to know before it can begin, and again when the connection was lost. `about` is what it is
/// about, in the user's words where there are any.
pub(super) fn ask<T>(
    shell: &mut Shell<'_>,
    about: &str,
    mut question: impl FnMut(&mut Shell<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    keep_trying(shell, &mut Question(about), |shell, _| question(shell))
}

/// What another attempt may mend, if a connection was lost: the session that was lost may not have ended at the server yet.
pub(super) fn is_worth_another_try(failure: &Failure) -> bool {
    failure.cause == Cause::Connection || matches!(failure.code(), Some(Code::Conflict | Code::Busy))
}

/// Does work, and does it again when the connection was lost. An attempt that brought something new is the last one that counts: a transfer that gets on
/// ends in the end, and one that does not is given up.
pub(super) fn keep_trying<T, P: Patient>(
    shell: &mut Shell<'_>,
    shown: &mut P,
    mut work: impl FnMut(&mut Shell<'_>, &mut P) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (mut attempt, mut was_lost) = (0, false);
    loop {
        let failure = match work(shell, shown) {
            Err(failure)
                if is_worth_another_try(&failure) && (was_lost || failure.cause == Cause::Connection) =>
            {
                failure
            }
            result => return result,
        };
        // Who stops a transfer on a dead wire gives up the connection as well.
        if shell.session.interrupt().is_set() {
            return Err(Failure::interrupted());
        }
        was_lost = true;
        if shown.take_news() {
            attempt = 0;
        }
        let of = shell.manner.retries;
        if of.is_some_and(|of| attempt >= of) {
            return Err(failure);
        }
        let pause = PAUSES[usize::try_from(attempt).unwrap_or(usize::MAX).min(PAUSES.len() - 1)];
        attempt = attempt.saturating_add(1);
        wait(shell, shown, pause, attempt, &failure)?;
        shown.again();
    }
}

fn wait(
    shell: &mut Shell<'_>,
    shown: &mut impl Patient,
    pause: u64,
    attempt: u32,
    failure: &Failure,
) -> Result<(), Failure> {
    let of = shell.manner.retries;
    let seen = shown.lost(pause, attempt, of);
    let limit = of.map_or_else(String::new, |of| format!(" of {of}"));
    let about = shown.about();
    let line = format!("{about}: connection lost ({failure}); again in {pause}s ({attempt}{limit})");
    if shell.console.is_json() {
        let message = failure.message.as_str();
        shell.console.tell(&Event::Reconnecting { in_s: pause, attempt, of, message }, String::new)?;
    } else if !seen {
        shell.console.note(&line);
    }
    let end = Instant::now() + Duration::from_secs(pause);
    let mut said = pause;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        if shell.session.interrupt().is_set() {
            return Err(Failure::interrupted());
        }
        let seconds = left.as_millis().div_ceil(1000);
        let seconds = u64::try_from(seconds).unwrap_or(pause);
        if seconds < said {
            said = seconds;
            shown.lost(seconds, attempt, of);
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}
