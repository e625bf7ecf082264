//! Ctrl-C, by one rule wherever somebody is: what goes on stops, or the line that is being typed is dropped and asked for again; a second Ctrl-C within two
//! seconds leaves with 130. While nothing is asked, it is a flag that the blocking code looks at.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGINT, SIGQUIT};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A second Ctrl-C within this time leaves.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the thread of the signals may take to see one.
const SETTLED: Duration = Duration::from_secs(1);
/// How long a signal may be on its way after another program that got it too has ended.
const SETTLING: Duration = Duration::from_millis(10);

/// What SIGINT does.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    pressed: Arc<AtomicBool>,
    /// Another program has the terminal.
    lent: Arc<AtomicBool>,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// SIGINTs so far.
    count: u64,
    last: Option<Instant>,
    question: Option<Question>,
}

/// What is asked while SIGINT comes from the terminal, or from elsewhere.
#[derive(Debug, Default)]
struct Question {
    /// The terminal as it was before its echo was switched off.
    terminal: Option<Termios>,
    /// What is asked again, where no editor does so.
    text: Option<String>,
}

impl State {
    /// Ctrl-C now; true if it is the second.
    fn again(&mut self) -> bool {
        self.count += 1;
        self.last.replace(Instant::now()).is_some_and(|last| last.elapsed() < AGAIN)
    }

    /// Leaves, with the terminal as it was.
    fn leave(&self, code: i32) -> ! {
        if let Some(before) = self.question.as_ref().and_then(|question| question.terminal.as_ref()) {
            // If the terminal is gone there is nothing to restore.
            let _gone = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
        if io::stderr().is_terminal() {
            let _ = io::stderr().lock().write_all(b"\n");
        }
        std::process::exit(code)
    }
}

impl Interrupt {
    /// Catches SIGINT from now on, and SIGQUIT, which leaves, without the image of a memory that has passwords in it. Besides the second within two seconds, one that comes before an earlier one was dealt with leaves too.
    ///
    /// # Errors
    /// The system gives no thread or no handler.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        let mut signals = Signals::new([SIGINT, SIGQUIT])?;
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                match signal {
                    _ if handler.lent.load(Ordering::Relaxed) => {}
                    SIGINT => handler.press(),
                    _ => handler.state().leave(131),
                }
            }
        })?;
        Ok(interrupt)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn press(&self) {
        let mut state = self.state();
        let again = state.again();
        let unheard = state.question.is_none() && self.pressed.swap(true, Ordering::Relaxed);
        if again || unheard {
            state.leave(130);
        }
        if let Some(text) = state.question.as_ref().and_then(|question| question.text.as_ref()) {
            let _ = write!(io::stderr().lock(), "\n{text}");
        }
        self.shared.1.notify_all();
    }

    /// Ctrl-C as an editor reads it, without a signal: leaves if it is the second.
    pub fn typed(&self) {
        let mut state = self.state();
        if state.again() {
            // The editor has ended its line already.
            std::process::exit(130);
        }
    }

    /// Runs `ask`, which switches the terminal's echo off and gives up a question at Ctrl-C, after raising SIGINT; comes back when that was seen.
    pub fn while_hidden<T>(&self, ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let terminal = tcgetattr(rustix::stdio::stdin()).ok();
        let before = self.begin(Question { terminal, text: None });
        let answer = ask();
        if answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            let seen = self.shared.1.wait_timeout_while(self.state(), SETTLED, |state| state.count == before);
            drop(seen);
        }
        self.state().question = None;
        answer
    }

    /// Runs `read`, which reads a line as the terminal gives it; after Ctrl-C, which drops what was typed, `text` is said again.
    pub fn while_asked<T>(&self, text: &str, read: impl FnOnce() -> T) -> T {
        self.begin(Question { terminal: None, text: Some(text.to_owned()) });
        let line = read();
        self.state().question = None;
        line
    }

    /// Runs `read`, an editor that reads Ctrl-C itself.
    pub fn while_edited<T>(&self, read: impl FnOnce() -> T) -> T {
        self.begin(Question::default());
        let line = read();
        self.state().question = None;
        line
    }

    /// SIGINTs so far.
    fn begin(&self, question: Question) -> u64 {
        let mut state = self.state();
        state.question = Some(question);
        self.clear();
        state.count
    }

    /// Runs `other`, which waits for another program that has the terminal: what is pressed meanwhile is for that one.
    pub fn lend<T>(&self, other: impl FnOnce() -> T) -> T {
        self.lent.store(true, Ordering::Relaxed);
        let result = other();
        // Both programs get a signal at once; ours may be seen after the other has ended.
        std::thread::sleep(SETTLING);
        self.lent.store(false, Ordering::Relaxed);
        result
    }

    /// Whether Ctrl-C was pressed since the last [`Interrupt::clear`].
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    /// Forgets it.
    pub fn clear(&self) {
        self.pressed.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_within_two_seconds_are_one_too_many() {
        let mut state = State::default();
        assert!(!state.again() && state.again());
        state.last = Instant::now().checked_sub(AGAIN);
        assert!(!state.again());
    }

    #[test]
    fn a_question_takes_ctrl_c_for_itself() {
        let interrupt = Interrupt::default();
        interrupt.while_edited(|| interrupt.press());
        assert!(!interrupt.is_set());
        interrupt.state().last = None;
        interrupt.press();
        assert!(interrupt.is_set());
        interrupt.while_asked("", || ());
        assert!(!interrupt.is_set(), "what is asked now was not what was to be stopped");
    }
}
