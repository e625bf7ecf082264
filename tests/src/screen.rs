//! A terminal to type at and a screen to read: a pty with a program behind it, and an emulator that shows what a person would see.

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows of a terminal whose height does not matter.
const ROWS: u16 = 30;
/// Rows that are kept when they have left the screen at its top.
const KEPT: usize = 10_000;

/// The two sizes at which a person's screens are compared, in rows and columns.
pub const SIZES: [(u16, u16); 2] = [(24, 80), (50, 200)];

/// What came from the program: as bytes, and as the terminal shows it.
struct Shown {
    bytes: Vec<u8>,
    terminal: vt100::Parser,
}

/// The terminal.
pub struct Screen {
    keys: File,
    shown: Arc<Mutex<Shown>>,
    /// What was read before is not looked at again.
    seen: usize,
    child: Child,
}

impl Screen {
    /// Starts a program at a terminal of its own, 100 columns wide.
    ///
    /// # Panics
    /// There is no terminal, or the program cannot be started.
    #[must_use]
    pub fn start(program: &Command) -> Self {
        Self::start_at(program, 100)
    }

    /// The same, so many columns wide.
    ///
    /// # Panics
    /// There is no terminal, or the program cannot be started.
    #[must_use]
    pub fn start_at(program: &Command, columns: u16) -> Self {
        Self::start_sized(program, (ROWS, columns))
    }

    /// The same on so many rows and columns. `setsid` gives it the terminal as the controlling one. `TERM` is `xterm`, unless the command says otherwise.
    ///
    /// # Panics
    /// There is no terminal, or the program cannot be started.
    #[must_use]
    pub fn start_sized(program: &Command, size: (u16, u16)) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("ours");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let mode = rustix::fs::Mode::empty();
        let slave = rustix::fs::open(OsStr::from_bytes(name.as_bytes()), OFlags::RDWR | OFlags::NOCTTY, mode)
            .expect("its end");
        tcsetwinsize(&master, winsize(size)).expect("a size");
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(program.get_program()).args(program.get_args());
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("a descriptor"));
        let child =
            command.stdin(end(&slave)).stdout(end(&slave)).stderr(end(&slave)).spawn().expect("it starts");
        drop((command, slave));
        let keys = File::from(master.as_fd().try_clone_to_owned().expect("a descriptor"));
        let mut output = File::from(master);
        let (rows, columns) = cells(size);
        let terminal = vt100::Parser::new(rows, columns, KEPT);
        let shown = Arc::new(Mutex::new(Shown { bytes: Vec::new(), terminal }));
        let kept = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // EIO: the program is gone.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                let mut shown = kept.lock().expect("whole");
                shown.bytes.extend_from_slice(&buffer[..n]);
                shown.terminal.process(&buffer[..n]);
            }
        });
        Self { keys, shown, seen: 0, child }
    }

    /// Types; `\n` is the Enter key, `\x03` is Ctrl-C.
    ///
    /// # Panics
    /// The terminal is gone.
    pub fn keys(&mut self, text: &str) {
        self.keys.write_all(text.replace('\n', "\r").as_bytes()).expect("a terminal");
    }

    /// Everything that was shown, without the colours and movements.
    ///
    /// # Panics
    /// Never, unless a reader panicked.
    #[must_use]
    pub fn text(&self) -> String {
        plain(&self.shown.lock().expect("whole").bytes)
    }

    /// Every byte that came.
    ///
    /// # Panics
    /// As [`Screen::text`].
    #[must_use]
    pub fn raw(&self) -> Vec<u8> {
        self.shown.lock().expect("whole").bytes.clone()
    }

    /// Pulls the window to so many rows and columns; the program is told by SIGWINCH.
    ///
    /// # Panics
    /// The terminal is gone.
    pub fn resize(&self, size: (u16, u16)) {
        let mut shown = self.shown.lock().expect("whole");
        let (rows, columns) = cells(size);
        shown.terminal.set_size(rows, columns);
        // The kernel sends SIGWINCH to the group in the foreground.
        tcsetwinsize(&self.keys, winsize(size)).expect("a size");
    }

    /// The rows of the screen without the blanks at their ends, down to the last that is not empty.
    ///
    /// # Panics
    /// As [`Screen::text`].
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        seen_rows(self.shown.lock().expect("whole").terminal.screen())
    }

    /// The lines that were written: those that have left the screen at its top too, and each in one piece, though the screen may show it in several rows.
    ///
    /// # Panics
    /// As [`Screen::text`].
    #[must_use]
    pub fn paper(&self) -> Vec<String> {
        let mut screen = self.shown.lock().expect("whole").terminal.screen().clone();
        let (height, columns) = (screen.size().0.get(), screen.size().1.get());
        let mut rows = Vec::new();
        for above in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(above);
            rows.extend(screen.rows(0, columns).next().map(|row| (row, screen.row_wrapped(0))));
        }
        screen.set_scrollback(0);
        let wrapped = (0..height).map(|row| screen.row_wrapped(row));
        rows.extend(screen.rows(0, columns).zip(wrapped));
        let (mut lines, mut begun) = (Vec::new(), String::new());
        for (row, goes_on) in rows {
            begun.push_str(&row);
            if goes_on {
                let blanks = usize::from(columns).saturating_sub(row.chars().count());
                begun.push_str(&" ".repeat(blanks));
            } else {
                lines.push(std::mem::take(&mut begun).trim_end().to_owned());
            }
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// The row and the column of the cursor, from 0.
    ///
    /// # Panics
    /// As [`Screen::text`].
    #[must_use]
    pub fn cursor(&self) -> (u16, u16) {
        self.shown.lock().expect("whole").terminal.screen().cursor_position()
    }

    /// A row went on in the next one, because it was longer than the screen is wide.
    ///
    /// # Panics
    /// As [`Screen::text`].
    #[must_use]
    pub fn is_wrapped(&self) -> bool {
        let shown = self.shown.lock().expect("whole");
        let screen = shown.terminal.screen();
        (0..screen.size().0.get()).any(|row| screen.row_wrapped(row))
    }

    /// Waits until the screen looks so.
    ///
    /// # Panics
    /// It does not.
    pub fn until(&self, what: &str, mut looks: impl FnMut(&[String]) -> bool) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let rows = self.rows();
            if looks(&rows) {
                return rows;
            }
            assert!(Instant::now() < end, "no {what} on the screen:\n{}", rows.join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a text after the last one waited for, and gives what came up to it. One that ends as a prompt does, with `> `, is a new prompt, and not
    /// one that is redrawn while somebody types at it.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let all = self.text();
            let mut all_found = all[self.seen..].match_indices(text).map(|(found, _)| found);
            if let Some(found) = all_found.find(|found| !is_redrawn(&all[..self.seen + found], text)) {
                let from = self.seen;
                self.seen += found + text.len();
                return all[from..self.seen].to_owned();
            }
            assert!(Instant::now() < end, "no {text:?} on the screen:\n{}", &all[self.seen..]);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types a line and waits for a text.
    ///
    /// # Panics
    /// As [`Screen::wait`].
    pub fn type_and_wait(&mut self, line: &str, text: &str) -> String {
        self.keys(&format!("{line}\n"));
        self.wait(text)
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    /// It does not end.
    pub fn end(mut self) -> (i32, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("ours") {
                std::thread::sleep(Duration::from_millis(50));
                return (status.code().unwrap_or(-1), self.text());
            }
            assert!(Instant::now() < end, "the program does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn winsize((rows, columns): (u16, u16)) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn cells((rows, columns): (u16, u16)) -> (NonZeroU16, NonZeroU16) {
    let cells = |number| NonZeroU16::new(number).expect("a screen has cells");
    (cells(rows), cells(columns))
}

fn seen_rows(screen: &vt100::Screen) -> Vec<String> {
    let columns = screen.size().1.get();
    let mut rows: Vec<_> = screen.rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

/// A prompt that is only shown again, behind a carriage return, because somebody types at it.
fn is_redrawn(before: &str, text: &str) -> bool {
    let line = before.rfind(['\r', '\n']).map_or("", |start| &before[..=start]);
    text.ends_with("> ") && line.ends_with('\r') && !line.ends_with("\n\r")
}

/// Takes out what moves the cursor or colours.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'[').is_some() {
            while chars.next().is_some_and(|c| !c.is_ascii_alphabetic() && c != '~') {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn a_screen_is_read_as_a_person_sees_it() {
        let line = r"printf 'one\r\ntwo\r\n[=>  ] 10%%\r\033[K[==> ] 50%%'; read x; seq 1 40; stty size; read x; stty size; read x";
        let mut screen = Screen::start_sized(&shell(line), (24, 80));
        let rows = screen.until("a bar", |rows| rows.len() == 3);
        assert_eq!(rows, ["one", "two", "[==> ] 50%"]);
        assert_eq!(screen.cursor(), (2, 10));
        assert!(screen.raw().windows(4).any(|bytes| bytes == b"10%\r") && !screen.is_wrapped());
        screen.type_and_wait("", "24 80");
        assert_eq!(screen.rows().len(), 23, "the rest has left at the top: {:?}", screen.rows());
        let paper = screen.paper();
        assert_eq!((paper[0].as_str(), paper.len()), ("one", 44), "{paper:?}");
        screen.resize((50, 200));
        screen.type_and_wait("", "50 200");
        screen.keys(&"x".repeat(201));
        screen.until("a wrapped row", |rows| rows.last().is_some_and(|row| row == "x"));
        assert!(screen.is_wrapped());
        assert_eq!(screen.paper().last().map(String::len), Some(201), "one line");
        screen.keys("\n");
        assert_eq!(screen.end().0, 0);
    }
}
