//! Where questions are asked and answers printed. The only part that knows a terminal.

use super::failure::Failure;
use ftp_proto::message::Secret;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use zeroize::Zeroizing;

/// A person or a script in front of us.
pub(super) trait Console {
    /// Whether somebody can answer questions.
    fn is_interactive(&self) -> bool;
    /// Whether results are read by a person: then they come as tables with bars.
    fn is_screen(&self) -> bool;
    /// Asks and waits for a line; none when there is no more input.
    fn ask(&mut self, question: &str) -> Result<Option<String>, Failure>;
    /// Asks for something that must not be seen; none when there is no more input.
    fn ask_secret(&mut self, question: &str) -> Result<Option<Secret>, Failure>;
    /// The first line of stdin, up to `limit` bytes, without asking.
    fn secret_from_stdin(&mut self, limit: usize) -> Result<Zeroizing<Vec<u8>>, Failure>;
    /// Prints a result.
    fn print(&mut self, text: &str) -> Result<(), Failure>;
    /// Prints what is not a result.
    fn note(&mut self, text: &str);
}

impl dyn Console + '_ {
    /// Asks whether to go on; anything but `y` or `yes` is no.
    pub(super) fn agrees(&mut self, question: &str) -> Result<bool, Failure> {
        let answer = self.ask(&format!("{question} [y/N] "))?;
        Ok(answer.is_some_and(|answer| matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")))
    }
}

/// The real one: stdin, stdout, stderr, and /dev/tty for secrets.
pub(super) struct Terminal {
    is_interactive: bool,
    is_screen: bool,
}

impl Terminal {
    pub(super) fn new() -> Self {
        Self { is_interactive: io::stdin().is_terminal(), is_screen: io::stdout().is_terminal() }
    }
}

impl Console for Terminal {
    fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    fn is_screen(&self) -> bool {
        self.is_screen
    }

    fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        let mut stderr = io::stderr().lock();
        // If stderr is gone the answer may still come.
        let _ = stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush());
        let mut line = String::new();
        let read = io::stdin()
            .lock()
            .take(ANSWER)
            .read_line(&mut line)
            .map_err(Failure::during("read the answer"))?;
        let ended = line.pop_if_newline();
        if read == 0 || !ended {
            let _ = stderr.write_all(b"\n");
        }
        Ok((read > 0).then_some(line))
    }

    fn ask_secret(&mut self, question: &str) -> Result<Option<Secret>, Failure> {
        match rpassword::prompt_password(question) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
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

/// The longest answer that is read, in bytes.
const ANSWER: u64 = 4096;

trait PopIfNewline {
    fn pop_if_newline(&mut self) -> bool;
}

impl PopIfNewline for String {
    /// Takes the line's end off, if it has one.
    fn pop_if_newline(&mut self) -> bool {
        let ended = self.ends_with('\n');
        self.truncate(self.trim_end_matches(['\r', '\n']).len());
        ended
    }
}
