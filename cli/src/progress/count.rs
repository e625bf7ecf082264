//! Counting, before many files are moved.

use super::screen::Screen;
use super::status::Running;
use super::{Mode, REDRAW, When};
use crate::console::Console;
use crate::show;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Files and bytes of a tree that are counted before it is transferred.
pub struct Count<'a> {
    console: &'a Console,
    screen: Arc<Mutex<Screen>>,
    running: Running,
    paints: bool,
    drawn: Option<Instant>,
    /// Files when news were asked for.
    seen: u64,
    /// Files so far.
    pub files: u64,
    /// Bytes so far.
    pub bytes: u64,
}

impl<'a> Count<'a> {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(console: &'a Console, when: When) -> Self {
        let screen = Arc::new(Mutex::new(Screen::stderr()));
        let running = Running::new(&screen);
        let paints = matches!(Mode::of(console, when), Mode::Bar(_));
        let mut count = Self { console, screen, running, paints, drawn: None, seen: 0, files: 0, bytes: 0 };
        count.tick();
        count
    }

    /// One more file.
    pub fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.tick();
    }

    /// The connection was lost; in so many seconds it is made anew. True if that is shown.
    pub fn lost(&mut self, seconds: u64, attempt: u32, of: Option<u32>) -> bool {
        let limit = of.map_or_else(String::new, |of| format!(" of {of}"));
        let text =
            format!("Counting ... connection lost; again in {seconds}s ({attempt}{limit}), Ctrl-C stops");
        if self.paints {
            self.screen.lock().unwrap_or_else(PoisonError::into_inner).paint(std::slice::from_ref(&text));
        }
        self.running.set(text);
        self.paints
    }

    /// More was counted since this was asked last.
    pub fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.seen, self.files) < self.files
    }

    /// Shows how many there are so far.
    pub fn tick(&mut self) {
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return;
        }
        let text = self.text();
        if self.paints {
            self.screen.lock().unwrap_or_else(PoisonError::into_inner).paint(std::slice::from_ref(&text));
        }
        self.running.set(text);
        self.drawn = Some(Instant::now());
    }

    fn text(&self) -> String {
        format!("Counting ... {}, {}", show::count(self.files, "file"), show::size(self.bytes))
    }

    /// How many there are, for somebody who says so.
    pub fn end_silently(self) -> (u64, u64) {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        (self.files, self.bytes)
    }

    /// Says how many there are.
    pub fn end(self) -> (u64, u64) {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if !self.console.is_json() {
            self.console.note(&self.text());
        }
        (self.files, self.bytes)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if screen.is_shown() {
            screen.leave("");
        }
    }
}
