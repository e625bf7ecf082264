//! A terminal to type at and a screen to read: a pty with a program behind it.

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// The terminal.
pub struct Screen {
    keys: File,
    shown: Arc<Mutex<Vec<u8>>>,
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

    /// The same, so many columns wide. `setsid` gives it the terminal as the controlling one.
    ///
    /// # Panics
    /// There is no terminal, or the program cannot be started.
    #[must_use]
    pub fn start_at(program: &Command, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("ours");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let mode = rustix::fs::Mode::empty();
        let slave = rustix::fs::open(OsStr::from_bytes(name.as_bytes()), OFlags::RDWR | OFlags::NOCTTY, mode)
            .expect("its end");
        let size = Winsize { ws_row: 30, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a size");
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        command.env("TERM", "xterm");
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("a descriptor"));
        let child =
            command.stdin(end(&slave)).stdout(end(&slave)).stderr(end(&slave)).spawn().expect("it starts");
        drop((command, slave));
        let keys = File::from(master.as_fd().try_clone_to_owned().expect("a descriptor"));
        let mut output = File::from(master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // EIO: the program is gone.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                kept.lock().expect("whole").extend_from_slice(&buffer[..n]);
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
        plain(&self.shown.lock().expect("whole"))
    }

    /// Waits for a text after the last one waited for, and gives what came up to it.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let all = self.text();
            if let Some(found) = all[self.seen..].find(text) {
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
