//! Lines at the bottom of a terminal that are painted over in place. What is written here cannot fail: when nobody looks there is nobody to tell.

use crate::console::clean;
use rustix::termios::tcgetwinsize;
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The lines, and what they are painted on.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    /// The columns that the terminal has now.
    columns: Box<dyn Fn() -> usize + Send>,
    /// The columns that each line takes that is there; the cursor is at the end of the last one.
    shown: Vec<usize>,
    /// The last of them.
    last: String,
}

impl Screen {
    /// The terminal at stderr.
    pub(super) fn stderr() -> Self {
        let columns = || tcgetwinsize(rustix::stdio::stderr()).map_or(80, |size| usize::from(size.ws_col));
        Self::new(Box::new(io::stderr()), Box::new(columns))
    }

    pub(super) fn new(out: Box<dyn Write + Send>, columns: Box<dyn Fn() -> usize + Send>) -> Self {
        Self { out, columns, shown: Vec::new(), last: String::new() }
    }

    /// Columns that a line may take: one less than there are, so that no terminal wraps it.
    pub(super) fn columns(&self) -> usize {
        // A terminal that does not know says 0.
        match (self.columns)() {
            0 => 79,
            columns => columns - 1,
        }
    }

    /// Paints lines in place of those that are there.
    pub(super) fn paint(&mut self, lines: &[String]) {
        let mut text = self.erasure();
        let columns = self.columns();
        for (number, line) in lines.iter().enumerate() {
            let line = clean(line);
            let line = cut(&line, columns);
            if number > 0 {
                text.push('\n');
            }
            text.push('\r');
            text.push_str(line);
            self.shown.push(line.width());
            if number + 1 == lines.len() {
                line.clone_into(&mut self.last);
            }
        }
        self.write(&text);
    }

    /// Takes the lines away.
    pub(super) fn clear(&mut self) {
        let text = self.erasure();
        self.write(&text);
    }

    /// Leaves the lines as they are; the cursor goes to a new one. `end` is written at the end of the last one.
    pub(super) fn leave(&mut self, end: &str) {
        if !self.shown.is_empty() {
            self.shown.clear();
            // The terminal may have said ^C there itself, or it was painted over.
            let line = if end.is_empty() { String::new() } else { format!("\r\x1b[K{}{end}", self.last) };
            self.write(&format!("{line}\n"));
        }
    }

    /// Writes a text where the lines are; they come again when they are painted the next time.
    pub(super) fn above(&mut self, text: &str) {
        let text = format!("{}{}\n", self.erasure(), clean(text));
        self.write(&text);
    }

    /// Lines are there.
    pub(super) fn is_shown(&self) -> bool {
        !self.shown.is_empty()
    }

    /// What leads to the beginning of the first line and clears from there. A terminal that has become narrower has wrapped them meanwhile.
    fn erasure(&mut self) -> String {
        if self.shown.is_empty() {
            return String::new();
        }
        let columns = self.columns() + 1;
        let rows: usize = self.shown.drain(..).map(|width| width.div_ceil(columns).max(1)).sum();
        if rows > 1 { format!("\r\x1b[{}A\x1b[J", rows - 1) } else { "\r\x1b[K".to_owned() }
    }

    fn write(&mut self, text: &str) {
        if !text.is_empty() {
            let _gone = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }
}

/// As much of a text as has so many columns.
pub(super) fn cut(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > columns
    });
    end.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Terminal {
        screen: Screen,
        wrote: Shared,
        columns: Arc<AtomicUsize>,
    }

    impl Terminal {
        fn new(columns: usize) -> Self {
            let (wrote, columns) = (Shared::default(), Arc::new(AtomicUsize::new(columns)));
            let now = Arc::clone(&columns);
            let screen = Screen::new(Box::new(wrote.clone()), Box::new(move || now.load(Ordering::Relaxed)));
            Self { screen, wrote, columns }
        }

        fn resize(&self, columns: usize) {
            self.columns.store(columns, Ordering::Relaxed);
        }

        /// The rows that a terminal shows, if none of them is wider than it.
        fn rows(&self) -> Vec<String> {
            let text = String::from_utf8(self.wrote.0.lock().expect("whole").clone()).expect("UTF-8");
            let (mut rows, mut at, mut column) = (vec![String::new()], 0_usize, 0);
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                match c {
                    '\r' => column = 0,
                    '\n' => (at, column) = (at + 1, 0),
                    '\x1b' => {
                        let code: String =
                            chars.by_ref().skip(1).take_while(|c| !c.is_alphabetic()).collect();
                        // What ends the code was taken with it: only A has a number.
                        if code.is_empty() {
                            rows.truncate(at + 1);
                            rows[at].clear();
                        } else {
                            at -= code.parse::<usize>().expect("a number");
                        }
                    }
                    c => {
                        rows.resize(rows.len().max(at + 1), String::new());
                        if column == 0 {
                            rows[at].clear();
                        }
                        rows[at].push(c);
                        column += 1;
                    }
                }
            }
            rows
        }
    }

    fn two(name: &str, n: u64) -> [String; 2] {
        [format!("{name} {n}%"), format!("total {n}%")]
    }

    #[test]
    fn lines_are_painted_over_in_place_and_texts_stay_above_them() {
        for columns in [80, 200] {
            let mut terminal = Terminal::new(columns);
            for n in 0..50 {
                terminal.screen.paint(&two("a", n));
            }
            assert_eq!(terminal.rows(), two("a", 49));
            terminal.screen.above("skipped: x");
            terminal.screen.paint(&two("b", 50));
            assert_eq!(terminal.rows(), ["skipped: x", "b 50%", "total 50%"]);
            terminal.screen.paint(&["b 51%".to_owned()]);
            assert_eq!(terminal.rows(), ["skipped: x", "b 51%"]);
            terminal.wrote.write_all(b"^C").expect("memory");
            terminal.screen.leave("^C");
            terminal.screen.above("Stopped at 51%.");
            assert_eq!(terminal.rows(), ["skipped: x", "b 51%^C", "Stopped at 51%."]);
            terminal.screen.leave("^C");
            terminal.screen.clear();
            assert_eq!(terminal.rows().len(), 3, "nothing is there to be left or taken away");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_is_at_that_moment() {
        let mut terminal = Terminal::new(200);
        let names = ["x".repeat(300), "日本語".repeat(60), "e\u{301}".repeat(250), "\x1b[2Jx".repeat(90)];
        for columns in [200, 80, 20, 1, 80, 200, 0] {
            terminal.resize(columns);
            for name in &names {
                terminal.wrote.0.lock().expect("whole").clear();
                terminal.screen.paint(&[name.clone(), name.clone()]);
                let wrote =
                    String::from_utf8(terminal.wrote.0.lock().expect("whole").clone()).expect("UTF-8");
                let lines = wrote.rsplit("\x1b[J").next().expect("one").rsplit("\x1b[K").next().expect("one");
                for line in lines.split(['\r', '\n']) {
                    assert!(line.width() <= if columns == 0 { 79 } else { columns - 1 }, "{columns}: {line}");
                    assert!(!line.contains('\x1b'), "{line:?}");
                }
                terminal.screen.leave("");
            }
        }
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_wrapped_are_taken_away_whole() {
        let mut terminal = Terminal::new(80);
        terminal.screen.paint(&["x".repeat(79), "y".repeat(79)]);
        terminal.resize(40);
        terminal.wrote.0.lock().expect("whole").clear();
        terminal.screen.clear();
        assert_eq!(*terminal.wrote.0.lock().expect("whole"), b"\r\x1b[3A\x1b[J");
    }
}
