//! Ctrl-C as a flag that the blocking code looks at.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The flag that SIGINT sets.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    pressed: Arc<AtomicBool>,
    /// The terminal as it was before its echo was switched off.
    terminal: Arc<Mutex<Option<Termios>>>,
}

impl Interrupt {
    /// A flag that SIGINT sets from now on. A second SIGINT before the first was dealt with ends the program with 130, and so does one while a
    /// password is typed.
    ///
    /// # Errors
    /// The system gives no thread or no handler.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        let mut signals = Signals::new([SIGINT])?;
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for _signal in signals.forever() {
                handler.press();
            }
        })?;
        Ok(interrupt)
    }

    fn press(&self) {
        let terminal = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = &*terminal {
            // If the terminal is gone there is nothing to restore.
            let _gone = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
            std::process::exit(130);
        }
        if self.pressed.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    }

    /// Runs `ask`, which switches the terminal's echo off; Ctrl-C meanwhile switches it on again and leaves.
    pub fn while_hidden<T>(&self, ask: impl FnOnce() -> T) -> T {
        let set = |value| *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) = value;
        set(tcgetattr(rustix::stdio::stdin()).ok());
        let answer = ask();
        set(None);
        answer
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
