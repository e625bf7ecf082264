//! Where results are printed and questions asked. Results go to stdout; everything else to stderr.

use crate::failure::{Cause, Failure};
use crate::interrupt::Interrupt;
use ftp_proto::Blotted;
use ftp_proto::message::Secret;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::io::{self, IsTerminal as _, Write as _};

/// What a person said at a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// This.
    Line(T),
    /// `q`, or nothing at all: back.
    Back,
    /// `exit`, or the end of input: leave.
    Exit,
}

/// The terminal, or what stands in for it.
pub struct Console {
    interrupt: Interrupt,
    quiet: bool,
    interactive: bool,
}

impl Console {
    /// `interactive` only where a person can answer: a terminal, unless `--no-input` says otherwise.
    #[must_use]
    pub fn new(interrupt: Interrupt, quiet: bool, input: bool) -> Self {
        let interactive = input && io::stdin().is_terminal() && io::stderr().is_terminal();
        Self { interrupt, quiet, interactive }
    }

    /// Somebody can be asked.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Results are read by a person.
    #[must_use]
    pub fn is_screen(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Prints a line of a result.
    ///
    /// # Errors
    /// Nobody reads it any more; that is no news for anybody, so the failure has no text.
    pub fn print(&self, line: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(clean(line).as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Cause::Failed, "").fatal(),
            _ => Failure::new(Cause::Failed, format!("cannot write to stdout: {error}")).fatal(),
        })
    }

    /// Says something that is not a result, unless `--quiet`.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            self.complain(line);
        }
    }

    /// Says what went wrong.
    pub fn complain(&self, line: &str) {
        // When stderr is closed there is nowhere to say so.
        let _ = writeln!(io::stderr().lock(), "{}", clean(line));
    }

    /// Shows a failure: what happened, then what to do.
    pub fn show(&self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        self.complain(&failure.message);
        if let Some(hint) = &failure.hint {
            self.complain(&format!("  {hint}"));
        }
    }

    /// Asks for a line. Ctrl-C clears it and asks again.
    ///
    /// # Errors
    /// The terminal fails.
    pub fn ask(&self, question: &str) -> Result<Said<String>, Failure> {
        let mut editor = DefaultEditor::new().map_err(|error| broken(&error))?;
        loop {
            match editor.readline(&clean(question)) {
                Ok(line) => {
                    return Ok(match line.trim() {
                        "q" | "" => Said::Back,
                        "exit" => Said::Exit,
                        text => Said::Line(text.to_owned()),
                    });
                }
                Err(ReadlineError::Interrupted) => self.interrupt.clear(),
                Err(ReadlineError::Eof) => return Ok(Said::Exit),
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    /// Asks for a password on the terminal, without showing it.
    ///
    /// # Errors
    /// There is no terminal.
    pub fn ask_password(&self, question: &str) -> Result<Said<Secret>, Failure> {
        match self.interrupt.while_hidden(|| rpassword::prompt_password(clean(question))) {
            Ok(text) => Ok(match text.as_str() {
                "" | "q" => Said::Back,
                "exit" => Said::Exit,
                _ => Said::Line(Secret::new(text)),
            }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                // Ctrl-D is not echoed: what comes next would begin on the question's line.
                self.complain("");
                Ok(Said::Exit)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Failure::interrupted().fatal()),
            Err(error) => {
                Err(Failure::usage(format!("there is no terminal to ask for the password on ({error})"))
                    .hint("use --password-file"))
            }
        }
    }
}

/// Lines as they may be shown. What is foreign in them was escaped where it was put in; this is for what was forgotten.
pub(crate) fn clean(text: &str) -> String {
    text.split('\n').map(|line| Blotted(line).to_string()).collect::<Vec<_>>().join("\n")
}

fn broken(error: &ReadlineError) -> Failure {
    Failure::new(Cause::Failed, format!("the terminal fails: {error}")).fatal()
}
