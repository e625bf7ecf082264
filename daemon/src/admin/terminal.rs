//! The real console: stdin, stdout, stderr, and /dev/tty for secrets. Whoever ends us at a question gets the terminal back as it was.

use super::console::Console;
use super::failure::Failure;
use ftp_proto::message::Secret;
use rustix::fs::{Mode, OFlags};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// The longest answer that is read, in bytes.
const ANSWER: u64 = 4096;
/// Where nobody says how wide the terminal is.
const COLUMNS: usize = 80;

pub(super) struct Terminal {
    is_interactive: bool,
    columns: Option<usize>,
    asked: Asked,
    /// Whether signals are seen to.
    is_watched: bool,
}

/// What somebody is being asked, if anything. It is held while the terminal's settings change.
#[derive(Default, Clone)]
struct Asked(Arc<Mutex<Question>>);

#[derive(Default)]
enum Question {
    #[default]
    None,
    /// What is typed is shown.
    Open,
    /// It is not, and these are the settings before.
    Hidden(File, Termios),
}

impl Asked {
    fn lock(&self) -> MutexGuard<'_, Question> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The question is answered: the terminal is as it was.
    fn over(&self) {
        std::mem::take(&mut *self.lock()).restore();
    }
}

impl Question {
    fn restore(self) {
        if let Self::Hidden(tty, before) = self {
            // When the terminal is gone there is nothing to give back.
            let _gone = tcsetattr(&tty, OptionalActions::Now, &before);
        }
    }
}

impl Terminal {
    pub(super) fn new() -> Self {
        let stdout = io::stdout();
        let columns = stdout.is_terminal().then(|| {
            let columns = tcgetwinsize(&stdout).map_or(0, |size| usize::from(size.ws_col));
            if columns == 0 { COLUMNS } else { columns }
        });
        let is_interactive = io::stdin().is_terminal();
        Self { is_interactive, columns, asked: Asked::default(), is_watched: false }
    }

    /// From the first question on, a signal that ends us gives the terminal back first. Nothing is changed before the last question is answered.
    fn watch(&mut self) -> Result<(), Failure> {
        if self.is_watched {
            return Ok(());
        }
        let mut signals =
            Signals::new([SIGINT, SIGQUIT, SIGTERM]).map_err(Failure::during("watch for Ctrl-C"))?;
        let asked = self.asked.clone();
        let watch = move || {
            let Some(signal) = signals.forever().next() else { return };
            // Held to the end, so that nobody hides anything any more.
            let mut question = asked.lock();
            let was = std::mem::take(&mut *question);
            let is_asked = !matches!(was, Question::None);
            was.restore();
            if is_asked {
                let _unread = io::stderr().write_all(b"\nftp-admin: interrupted; nothing was changed\n");
            }
            std::process::exit(128 + signal);
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(watch)
            .map_err(Failure::during("watch for Ctrl-C"))?;
        self.is_watched = true;
        Ok(())
    }

    fn hide(&self) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let tty = File::from(rustix::fs::open("/dev/tty", flags, Mode::empty())?);
        let before = tcgetattr(&tty)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::ECHONL);
        let mut question = self.asked.lock();
        *question = Question::Hidden(tty.try_clone()?, before);
        tcsetattr(&tty, OptionalActions::Now, &hidden)?;
        Ok(tty)
    }
}

impl Console for Terminal {
    fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    fn columns(&self) -> Option<usize> {
        self.columns
    }

    fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        self.watch()?;
        *self.asked.lock() = Question::Open;
        let mut stderr = io::stderr().lock();
        // If stderr is gone the answer may still come.
        let _unread = stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush());
        drop(stderr);
        let mut line = String::new();
        let read = io::stdin().lock().take(ANSWER).read_line(&mut line);
        self.asked.over();
        let read = read.map_err(Failure::during("read the answer"))?;
        if !line.ends_with('\n') {
            self.note("");
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok((read > 0).then_some(line))
    }

    fn ask_secret(&mut self, question: &str) -> Result<Option<Secret>, Failure> {
        self.watch()?;
        let answer = self.hide().and_then(|mut tty| {
            tty.write_all(question.as_bytes())?;
            hidden_line(&mut tty)
        });
        self.asked.over();
        match answer {
            Ok(Some(line)) => {
                let text = std::str::from_utf8(&line);
                let text = text.map_err(|_| Failure::failed("the password is not UTF-8 text"))?;
                Ok(Some(Secret::new(text.to_owned())))
            }
            Ok(None) => {
                self.note("");
                Ok(None)
            }
            Err(error) => {
                let what =
                    format!("there is no terminal to ask for a password on ({error}); use --password-file");
                Err(Failure::failed(what))
            }
        }
    }

    fn secret_from_stdin(&mut self, limit: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        // As large as it can get, so that no copy is left behind by growing.
        let mut line = Zeroizing::new(Vec::with_capacity(limit));
        let most = u64::try_from(limit).unwrap_or(u64::MAX);
        let read = io::stdin().lock().take(most).read_until(b'\n', &mut line);
        read.map_err(Failure::during("read the password from stdin"))?;
        Ok(line)
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::during("write to stdout")(error),
        })
    }

    fn note(&mut self, text: &str) {
        // When stderr is closed there is nowhere to say so.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// A line without its end; none at the end of the input. The terminal gives a line at a time, and at Ctrl-D what it has of one.
fn hidden_line(tty: &mut File) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut buffer = Zeroizing::new([0; 4096]);
    let mut len = 0;
    while len < buffer.len() {
        match tty.read(&mut buffer[len..]) {
            Ok(0) if len == 0 => return Ok(None),
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if buffer[len - 1] == b'\n' {
            len -= 1;
            break;
        }
    }
    Ok(Some(Zeroizing::new(buffer[..len].to_vec())))
}
