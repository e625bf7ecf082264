//! SIGUSR1: one line on stderr about the transfer that runs, whatever `--progress` says.

use super::screen::Screen;
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// What would be said now. A signal is one of the whole process, and so is this.
static NOW: Mutex<Option<Now>> = Mutex::new(None);

struct Now {
    text: String,
    /// Where lines are painted that the text must not tear.
    screen: Arc<Mutex<Screen>>,
}

/// Answers SIGUSR1 from now on.
///
/// # Errors
/// The system gives no thread or no handler.
pub fn answer_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGUSR1])?;
    std::thread::Builder::new().name("status".into()).spawn(move || {
        for _signal in signals.forever() {
            say();
        }
    })?;
    Ok(())
}

fn say() {
    let now = NOW.lock().unwrap_or_else(PoisonError::into_inner);
    match &*now {
        Some(now) => now.screen.lock().unwrap_or_else(PoisonError::into_inner).above(&now.text),
        None => {
            let _gone = writeln!(io::stderr(), "no transfer is running");
        }
    }
}

/// A transfer runs as long as this is there.
pub(super) struct Running(Arc<Mutex<Screen>>);

impl Running {
    pub(super) fn new(screen: &Arc<Mutex<Screen>>) -> Self {
        Self(Arc::clone(screen))
    }

    /// What is said from now on.
    pub(super) fn set(&self, text: String) {
        let mut now = NOW.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Some(Now { text, screen: Arc::clone(&self.0) });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *NOW.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
