//! Where results are printed and questions asked. Results go to stdout; everything else to stderr. With `-j`, everything goes to stdout, as JSON.

use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::interrupt::Interrupt;
use ftp_proto::Blotted;
use ftp_proto::message::Secret;
use rustix::termios::tcgetwinsize;
use rustyline::error::ReadlineError;
use rustyline::history::History;
use rustyline::{Behavior, DefaultEditor, Editor, Helper};
use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// What a person said at a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// This.
    Line(T),
    /// Enter alone.
    Nothing,
    /// `q`: back.
    Back,
    /// `exit`, or the end of input: leave.
    Exit,
}

/// How much is said, and in which form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Voice {
    /// Only results and errors.
    pub quiet: bool,
    /// One JSON object per line instead of text.
    pub json: bool,
}

/// The terminal, or what stands in for it.
pub struct Console {
    interrupt: Interrupt,
    voice: Voice,
    interactive: bool,
}

impl Console {
    /// `interactive` only where a person can answer: a terminal, unless `--no-input` says otherwise.
    #[must_use]
    pub fn new(interrupt: Interrupt, voice: Voice, input: bool) -> Self {
        let interactive = input && io::stdin().is_terminal() && io::stderr().is_terminal();
        Self { interrupt, voice, interactive }
    }

    /// Everything is said in JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.voice.json
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

    /// Prints a result: the text, or the event.
    ///
    /// # Errors
    /// Nobody reads it any more; that is no news for anybody, so the failure has no text.
    pub fn result(&self, event: &Event<'_>, text: impl FnOnce() -> String) -> Result<(), Failure> {
        write(&if self.voice.json { event.line() } else { clean(&text()) })
    }

    /// Says what was done, unless `--quiet`: the text goes to stderr. As an event it is a result like any other.
    ///
    /// # Errors
    /// As [`Console::result`].
    pub fn tell(&self, event: &Event<'_>, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.voice.json {
            return write(&event.line());
        }
        if !self.voice.quiet {
            self.say(&text());
        }
        Ok(())
    }

    /// Prints lines that are text in any case, such as help and the version.
    ///
    /// # Errors
    /// As [`Console::result`].
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        write(&clean(text))
    }

    /// Says something for a person, unless `--quiet`.
    pub fn note(&self, line: &str) {
        if !self.voice.quiet {
            self.complain(line);
        }
    }

    /// Begins a line for a person; a note ends it.
    pub fn begin(&self, text: &str) {
        if !self.voice.quiet && !self.voice.json {
            let _ = io::stderr().lock().write_all(clean(text).as_bytes());
        }
    }

    /// Columns of the terminal.
    #[must_use]
    pub fn columns(&self) -> usize {
        tcgetwinsize(rustix::stdio::stderr()).map_or(80, |size| usize::from(size.ws_col))
    }

    /// Says something for a person, in any case.
    pub fn complain(&self, line: &str) {
        if self.voice.json {
            // When stdout is closed the next result says so.
            let _ = write(&Event::Note { message: line }.line());
        } else {
            self.say(line);
        }
    }

    fn say(&self, line: &str) {
        // When stderr is closed there is nowhere to say so.
        let _ = writeln!(io::stderr().lock(), "{}", clean(line));
    }

    /// Shows a failure: what happened, then what to do.
    pub fn show(&self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        if self.voice.json {
            let _ = write(&Event::Error { error: failure.into() }.line());
            return;
        }
        match &failure.hint {
            Some(hint) => self.say(&format!("{}\n  {hint}", failure.message)),
            None => self.say(&failure.message),
        }
    }

    /// Asks for a line. Ctrl-C clears it and asks again.
    ///
    /// # Errors
    /// The terminal fails.
    pub fn ask(&self, question: &str) -> Result<Said<String>, Failure> {
        let mut editor = DefaultEditor::with_config(settings().build()).map_err(|error| broken(&error))?;
        let Some(line) = self.line(&mut editor, question)? else { return Ok(Said::Exit) };
        Ok(match line.trim() {
            "" => Said::Nothing,
            "q" => Said::Back,
            "exit" => Said::Exit,
            text => Said::Line(text.to_owned()),
        })
    }

    /// Reads a line with an editor; none at Ctrl-D. Ctrl-C clears the line and asks again.
    ///
    /// # Errors
    /// The terminal fails.
    pub fn line<H: Helper, I: History>(
        &self,
        editor: &mut Editor<H, I>,
        prompt: &str,
    ) -> Result<Option<String>, Failure> {
        let prompt = clean(prompt);
        if is_dumb() {
            return self.plain_line(&prompt);
        }
        loop {
            match self.interrupt.while_edited(|| editor.readline(&prompt)) {
                Ok(line) => return Ok(Some(line)),
                Err(ReadlineError::Interrupted) => self.interrupt.typed(),
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    /// The same where the terminal cannot be edited on.
    fn plain_line(&self, prompt: &str) -> Result<Option<String>, Failure> {
        let mut line = String::new();
        let read = self.interrupt.while_asked(prompt, || {
            let _ = io::stderr().lock().write_all(prompt.as_bytes());
            io::stdin().lock().read_line(&mut line)
        });
        match read {
            Ok(0) => {
                self.complain("");
                Ok(None)
            }
            Ok(_) => Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned())),
            Err(error) => Err(broken(&error)),
        }
    }

    /// Asks for a password on the terminal, without showing it. Ctrl-C asks again.
    ///
    /// # Errors
    /// There is no terminal.
    pub fn ask_password(&self, question: &str) -> Result<Said<Secret>, Failure> {
        loop {
            match self.interrupt.while_hidden(|| rpassword::prompt_password(clean(question))) {
                Ok(text) => {
                    return Ok(match text.as_str() {
                        "" => Said::Nothing,
                        "q" => Said::Back,
                        "exit" => Said::Exit,
                        _ => Said::Line(Secret::new(text)),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    // Ctrl-D is not echoed: what comes next would begin on the question's line.
                    self.complain("");
                    return Ok(Said::Exit);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.complain(""),
                Err(error) => {
                    let what = format!("there is no terminal to ask for the password on ({error})");
                    return Err(Failure::usage(what).hint("use --password-file FILE"));
                }
            }
        }
    }
}

/// How lines are edited: on the terminal, wherever stdout leads.
#[must_use]
pub fn settings() -> rustyline::config::Builder {
    rustyline::Config::builder().behavior(Behavior::PreferTerm)
}

/// The terminal can do nothing but show text.
#[must_use]
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Writes a line to stdout.
fn write(line: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(Cause::Failed, "").fatal(),
        _ => Failure::new(Cause::Failed, format!("cannot write to stdout: {error}")).fatal(),
    })
}

/// Lines as they may be shown. What is foreign in them was escaped where it was put in; this is for what was forgotten.
pub(crate) fn clean(text: &str) -> String {
    text.split('\n').map(|line| Blotted(line).to_string()).collect::<Vec<_>>().join("\n")
}

pub(crate) fn broken(error: &impl Display) -> Failure {
    Failure::new(Cause::Failed, format!("the terminal fails: {error}")).fatal()
}
