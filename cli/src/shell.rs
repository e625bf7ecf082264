//! From the command line to the last command: the login prompt, the prompt, and scripts.

mod complete;
mod contact;

use crate::args::{self, Plan, Run};
use crate::client::Client;
use crate::command::{Next, Shell};
use crate::config;
use crate::console::{self, Console, Said, Voice, broken};
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::interrupt::Interrupt;
use crate::progress;
use crate::session::Session;
use crate::show;
use crate::trust::{self, forget};
use crate::words::{self, Word};
use complete::Completer;
use ftp_proto::Printable;
use ftp_proto::message::{LoggedIn, Secret};
use rustyline::CompletionType;
use rustyline::Editor;
use rustyline::history::FileHistory;
use std::fs::DirBuilder;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Lines of history that are kept.
const HISTORY: usize = 1000;

/// What is asked first.
const LOGIN: &str = "login: ";
/// What is asked when somebody has come back to it.
const LOGIN_OR_LEAVE: &str = "login (Ctrl-D leaves): ";

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(failure) => {
            if !failure.message.is_empty() {
                let json = std::env::args_os().skip(1).any(|word| word == "-j" || word == "--json");
                let console = Console::new(Interrupt::default(), Voice { quiet: false, json }, false);
                console.show(&failure.clone().about("ftp-cli"));
            }
            ExitCode::from(failure.cause.exit_code())
        }
    }
}

fn start() -> Result<ExitCode, Failure> {
    let arguments: Result<Vec<_>, _> =
        std::env::args_os().skip(1).map(|argument| argument.into_string()).collect();
    let arguments = arguments.map_err(|_| Failure::usage("the arguments are not UTF-8"))?;
    let interrupt = Interrupt::install()
        .map_err(|error| Failure::new(Cause::Failed, format!("cannot catch Ctrl-C: {error}")))?;
    progress::answer_signals()
        .map_err(|error| Failure::new(Cause::Failed, format!("cannot catch SIGUSR1: {error}")))?;
    match args::read(&arguments, io::stdin().is_terminal())? {
        Plan::Print(text) => {
            Console::new(interrupt, Voice::default(), false).print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Plan::Forget { address, known_hosts } => {
            let console = Console::new(interrupt, Voice::default(), false);
            if forget(&known_hosts, &address)? {
                console.note(&format!("{}: forgotten", Printable(&address)));
                return Ok(ExitCode::SUCCESS);
            }
            let what = format!("{} is not known", Printable(&address));
            Err(Failure::new(Cause::NotFound, what))
        }
        Plan::Run(run) => {
            let console = Console::new(interrupt.clone(), run.voice, !run.no_input);
            if let Some(warning) = &run.warning {
                console.note(warning);
            }
            let front = Front { run, console, interrupt };
            if front.run.script.is_some() { front.script() } else { front.prompts() }
        }
    }
}

/// What the whole run shares.
struct Front {
    run: Box<Run>,
    console: Console,
    interrupt: Interrupt,
}

impl Front {
    /// None if the person left where they were asked about the server.
    fn connect(&self, announced: bool) -> Result<Option<Client>, Failure> {
        contact::connect(&self.console, &self.run.server, &self.interrupt, announced)
    }

    fn session(&self, client: Client, logged_in: LoggedIn, password: Secret) -> Result<Session, Failure> {
        Session::begin(client, logged_in, password, &self.run.server, &self.interrupt, &self.run.config)
    }

    /// Runs the commands and leaves.
    fn script(mut self) -> Result<ExitCode, Failure> {
        let lines = self.run.script.take().unwrap_or_default();
        let user = self.run.user.clone().unwrap_or_default();
        let password = match self.run.password.take() {
            Some(password) => password,
            None if self.console.is_interactive() => {
                match self.console.ask_password(&format!("password of {}: ", Printable(&user)))? {
                    Said::Line(password) => password,
                    Said::Nothing | Said::Back | Said::Exit => {
                        return Err(Failure::new(Cause::Login, "no password was given"));
                    }
                }
            }
            None => {
                return Err(Failure::usage("the password is missing, and nobody can be asked")
                    .hint("use --password-file FILE"));
            }
        };
        let mut client = self.connect(false)?.ok_or_else(trust::refused)?;
        let logged_in = client.login(&user, &password)?;
        let mut session = self.session(client, logged_in, password)?;
        if self.console.is_json() {
            self.welcome(&session)?;
        }
        let mut shell = Shell::new(&self.console, &mut session, self.run.manner);
        let mut first: Option<Cause> = None;
        'lines: for line in &lines {
            for command in words::split(line)? {
                match run_tolerant(&mut shell, command) {
                    Ok(Next::Stay) => {}
                    Ok(Next::Back | Next::Leave) => break 'lines,
                    Err(failure) => {
                        self.console.show(&failure);
                        first.get_or_insert(failure.cause);
                        let over = failure.message.is_empty()
                            || failure.cause == Cause::Interrupted
                            || shell.session.is_over();
                        if over || !self.run.keep_going {
                            break 'lines;
                        }
                    }
                }
            }
        }
        let _client = session.end();
        Ok(first.map_or(ExitCode::SUCCESS, |cause| ExitCode::from(cause.exit_code())))
    }

    /// The login prompt, again and again.
    fn prompts(mut self) -> Result<ExitCode, Failure> {
        if !self.console.is_interactive() {
            return Err(Failure::usage("there is nothing to do and nobody to ask")
                .hint("use -c or -b with -u and --password-file"));
        }
        let Some(client) = self.connect(true)? else { return Ok(ExitCode::SUCCESS) };
        let mut client = Some(client);
        let mut question = LOGIN;
        loop {
            let user = match self.run.user.take() {
                Some(user) => user,
                None => match self.console.ask(question)? {
                    Said::Line(user) => user,
                    Said::Nothing => continue,
                    Said::Back => {
                        question = LOGIN_OR_LEAVE;
                        continue;
                    }
                    Said::Exit => return Ok(ExitCode::SUCCESS),
                },
            };
            let password = match self.run.password.take() {
                Some(password) => password,
                None => match self.console.ask_password("password: ")? {
                    Said::Line(password) => password,
                    Said::Nothing | Said::Back => {
                        question = LOGIN_OR_LEAVE;
                        continue;
                    }
                    Said::Exit => return Ok(ExitCode::SUCCESS),
                },
            };
            // The daemon does not wait long for a login: while somebody types, the connection may have been closed.
            let mut open = match client.take().map(|mut open| (!open.is_gone()).then_some(open)) {
                Some(Some(open)) => open,
                Some(None) | None => match self.connect(false)? {
                    Some(open) => open,
                    None => return Ok(ExitCode::SUCCESS),
                },
            };
            self.interrupt.clear();
            match open.login(&user, &password) {
                Ok(logged_in) => match self.work(self.session(open, logged_in, password)?)? {
                    (Next::Leave, _) => return Ok(ExitCode::SUCCESS),
                    (_, back) => (client, question) = (back, LOGIN_OR_LEAVE),
                },
                Err(failure) => {
                    self.console.show(&failure);
                    client = (!open.is_broken()).then_some(open);
                }
            }
        }
    }

    fn welcome(&self, session: &Session) -> Result<(), Failure> {
        let (user, server) = (session.user.as_str(), session.address());
        self.console.tell(&Event::Login { user, server: &server, account: (&session.account).into() }, || {
            format!("Welcome, {user}.  {}   type help", crate::command::used(&session.account))
        })
    }

    /// The prompt of one session.
    fn work(&self, mut session: Session) -> Result<(Next, Option<Client>), Failure> {
        self.welcome(&session)?;
        let settings = console::settings()
            .completion_type(CompletionType::List)
            .max_history_size(HISTORY)
            .and_then(|settings| settings.history_ignore_dups(true))
            .map(|settings| settings.history_ignore_space(true).build());
        let mut editor: Editor<Completer<'_>, FileHistory> =
            settings.and_then(Editor::with_config).map_err(|error| broken(&error))?;
        let history = history_file();
        if let Some(file) = &history {
            // The first time there is none.
            let _none = editor.load_history(file);
        }
        let host = session.host().to_owned();
        let shell = Shell::new(&self.console, &mut session, self.run.manner);
        editor.set_helper(Some(Completer::new(shell, has_colour())));
        let next = loop {
            let Some(shell) = editor.helper_mut().map(Completer::shell) else { break Next::Leave };
            let prompt = format!(
                "{}@{}:{}> ",
                shell.session.user,
                Printable(&host),
                Printable(&shell.session.cwd.to_string())
            );
            let Some(line) = self.console.line(&mut editor, &prompt)? else { break Next::Leave };
            // A history that cannot be written is no reason to stop.
            let kept = editor.add_history_entry(&line);
            if let (Some(file), Ok(true)) = (&history, kept) {
                let _kept = editor.append_history(file);
            }
            let Some(shell) = editor.helper_mut().map(Completer::shell) else { break Next::Leave };
            match self.line(shell, &line)? {
                Next::Stay => {}
                next => break next,
            }
        };
        drop(editor);
        let (files, bytes) = session.moved;
        let client = session.end();
        self.console.note(&format!(
            "Logged out. {}, {} this session.",
            show::count(files, "file"),
            show::size(bytes)
        ));
        Ok((next, client))
    }

    /// The commands of one line; a failure ends the line and not the session.
    fn line(&self, shell: &mut Shell<'_>, line: &str) -> Result<Next, Failure> {
        let commands = match words::split(line) {
            Ok(commands) => commands,
            Err(failure) => {
                self.console.show(&failure);
                return Ok(Next::Stay);
            }
        };
        // Ctrl-C that came before this line is not meant for it.
        self.interrupt.clear();
        for command in commands {
            match shell.run(&command) {
                Ok(Next::Stay) => {}
                Ok(next) => return Ok(next),
                Err(failure) if failure.message.is_empty() => return Err(failure),
                Err(failure) => {
                    self.console.show(&failure);
                    return Ok(if shell.session.is_over() { Next::Back } else { Next::Stay });
                }
            }
        }
        Ok(Next::Stay)
    }
}

/// A command that begins with `-` may fail.
fn run_tolerant(shell: &mut Shell<'_>, mut words: Vec<Word>) -> Result<Next, Failure> {
    let name = words.first().map(|name| name.strip_prefix('-').map(str::to_owned));
    let Some(Some(name)) = name else { return shell.run(&words) };
    if name.is_empty() {
        words.remove(0);
    } else {
        words[0] = Word::plain(name);
    }
    match shell.run(&words) {
        Err(failure) if !failure.fatal && failure.cause != Cause::Interrupted => {
            shell.console.note(&format!("{failure} (ignored)"));
            Ok(Next::Stay)
        }
        result => result,
    }
}

/// Whether grey text can be told from other text, and is wanted.
fn has_colour() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !plain && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Lines that were typed, and never a password; nobody else may read them.
fn history_file() -> Option<PathBuf> {
    let file = config::home(".local/state", "XDG_STATE_HOME", "ftp-cli/history")?;
    DirBuilder::new().recursive(true).mode(0o700).create(file.parent()?).ok()?;
    Some(file)
}
