//! What can be typed at the prompt or stand in a script. One module per kind of command.

mod account;
pub(crate) use account::used;
mod files;
mod help;
mod listing;
mod local;
pub(crate) use local::expanded;
mod mirror;
mod parts;
mod removals;
mod remove;
mod replace;
mod retry;
mod seen;
mod single;
mod transfers;
mod tree;
mod verify;

use crate::console::{Console, Said};
use crate::failure::{Cause, Failure};
use crate::progress::When;
use crate::session::Session;
use crate::words::Word;
use ftp_proto::{Printable, VirtualPath};
use getopts::{Matches, Options};
use replace::Replace;
use seen::Seen;

/// What to do after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next command.
    Stay,
    /// Log out, to the login prompt.
    Back,
    /// Log out and leave.
    Leave,
}

/// How transfers are to be done.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// When progress is shown.
    pub progress: When,
    /// How often a lost connection is made anew; none means without limit.
    pub retries: Option<u32>,
}

/// What a command works on.
pub struct Shell<'a> {
    /// Where results and questions go.
    pub console: &'a Console,
    /// Who is logged in.
    pub session: &'a mut Session,
    /// How transfers are to be done.
    pub manner: Manner,
    /// What was listed lately.
    pub(crate) seen: Seen,
    /// What is done with a file that is there already and differs.
    replace: Replace,
}

/// A command, with all that is said about it anywhere.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Where it stands in the overview.
    pub group: Group,
    /// How it stands there; nothing if by its name alone.
    pub menu: &'static str,
    /// What it takes.
    pub usage: &'static str,
    /// What it does, in a phrase.
    pub what: &'static str,
    /// Its options, as they are written, and what each does.
    pub options: &'static [(&'static str, &'static str)],
    /// More about it, in lines.
    pub more: &'static str,
    /// How it is used.
    pub examples: &'static [&'static str],
    /// What its words name.
    side: Side,
    /// What is at the server may be different after it.
    changes: bool,
    run: fn(&mut Shell<'_>, &Line<'_>) -> Result<Next, Failure>,
}

/// What a constant begins with: a command that takes names at the server.
const BARE: Command = Command {
    name: "",
    group: Group::Session,
    menu: "",
    usage: "",
    what: "",
    options: &[],
    more: "",
    examples: &[],
    side: Side::There,
    changes: true,
    run: |_, _| Ok(Next::Stay),
};

/// Commands that stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// At the server.
    Files,
    /// Between the two.
    Transfer,
    /// Whether all is well.
    Check,
    /// On this side.
    Local,
    /// The session and the client itself.
    Session,
}

impl Group {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Files, Self::Transfer, Self::Check, Self::Local, Self::Session];

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Files => "Files",
            Self::Transfer => "Transfer",
            Self::Check => "Check",
            Self::Local => "Local",
            Self::Session => "Session",
        }
    }
}

/// What the words of a command are completed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What is at the server.
    There,
    /// Directories at the server.
    DirsThere,
    /// What is on this side.
    Here,
    /// Folders on this side.
    FoldersHere,
    /// Commands.
    Commands,
    /// One of these, as the first word.
    Words(&'static [&'static str]),
}

/// All commands, in the order of the overview.
pub const COMMANDS: &[Command] = &[
    files::LS,
    files::CD,
    files::PWD,
    files::MKDIR,
    files::RMDIR,
    remove::RM,
    files::MV,
    transfers::GET,
    transfers::PUT,
    mirror::MIRROR,
    parts::PARTS,
    local::LIMIT,
    verify::VERIFY,
    verify::DU,
    account::MD5,
    account::SUM,
    account::INFO,
    account::QUOTA,
    local::LLS,
    local::LCD,
    local::LPWD,
    local::SHELL,
    help::Q,
    help::EXIT,
    help::HELP,
];

/// What people try, and what it is called here.
const OTHER_NAMES: [(&str, &str); 14] = [
    ("?", "help"),
    ("dir", "ls"),
    ("ll", "ls"),
    ("list", "ls"),
    ("chdir", "cd"),
    ("download", "get"),
    ("reget", "get"),
    ("upload", "put"),
    ("reput", "put"),
    ("del", "rm"),
    ("delete", "rm"),
    ("rename", "mv"),
    ("bye", "exit"),
    ("quit", "exit"),
];

/// The names of all commands.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name)
}

/// What a name, or what people use instead of it, stands for.
pub(crate) fn known(name: &str) -> Option<&'static Command> {
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours);
    let wanted = other.unwrap_or(name);
    COMMANDS.iter().find(|command| command.name == wanted)
}

impl Command {
    /// What its next word names; `option` is the one right before it, if that takes a value.
    pub(crate) fn side(&self, option: Option<&str>) -> Side {
        match (option, self.side) {
            (Some("-o"), Side::Here) => Side::There,
            (Some("-o"), _) => Side::Here,
            (_, side) => side,
        }
    }
}

/// The words after a command's name.
struct Line<'a> {
    command: &'static Command,
    words: &'a [Word],
}

/// What the words of a line come to: options, and words that are none.
struct Given {
    matches: Matches,
    words: Vec<Word>,
    /// The words that are neither options nor belong to one.
    free: Vec<Word>,
}

/// Stands for a word by its number while options are read, so that the word keeps what was quoted in it. Nobody can type it.
const NUMBERED: char = '\0';

impl Given {
    fn parse(options: &Options, words: &[Word]) -> Result<Self, getopts::Fail> {
        let mut only_names = false;
        let stand_ins = words.iter().enumerate().map(|(number, word)| {
            let is_option = word.starts_with('-') && !only_names;
            only_names |= word.as_str() == "--";
            if is_option { word.as_str().to_owned() } else { format!("{NUMBERED}{number}") }
        });
        let matches = options.parse(stand_ins)?;
        let mut given = Self { matches, words: words.to_vec(), free: Vec::new() };
        given.free = given.matches.free.iter().map(|text| given.word(text)).collect();
        Ok(given)
    }

    fn word(&self, text: &str) -> Word {
        let number = text.strip_prefix(NUMBERED).and_then(|number| number.parse::<usize>().ok());
        number.and_then(|number| self.words.get(number).cloned()).unwrap_or_else(|| Word::plain(text))
    }

    fn opt_present(&self, name: &str) -> bool {
        self.matches.opt_present(name)
    }

    fn opt_str(&self, name: &str) -> Option<String> {
        self.matches.opt_str(name).map(|text| self.word(&text).as_str().to_owned())
    }
}

impl Line<'_> {
    fn wrong(&self, what: impl Into<String>) -> Failure {
        Failure::usage(what).about(self.command.name).hint(format!("usage: {}", self.command.usage))
    }

    /// Reads the options that `add` describes.
    fn options(&self, add: impl FnOnce(&mut Options)) -> Result<Given, Failure> {
        let mut options = Options::new();
        add(&mut options);
        Given::parse(&options, self.words)
            .map_err(|error| self.wrong(Printable(&error.to_string()).to_string()))
    }

    fn none(&self) -> Result<(), Failure> {
        match self.words {
            [] => Ok(()),
            [more, ..] => Err(self.wrong(format!("'{}' is one word too many", Printable(more)))),
        }
    }

    fn at_most_one(&self) -> Result<Option<&str>, Failure> {
        match self.words {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            [_, more, ..] => Err(self.wrong(format!("'{}' is one word too many", Printable(more)))),
        }
    }

    fn at_least_one(&self) -> Result<&[Word], Failure> {
        if self.words.is_empty() { Err(self.wrong("a name is missing")) } else { Ok(self.words) }
    }
}

impl<'a> Shell<'a> {
    /// Commands for `session`.
    pub fn new(console: &'a Console, session: &'a mut Session, manner: Manner) -> Self {
        let replace = Replace::new(console.is_interactive());
        Self { console, session, manner, seen: Seen::default(), replace }
    }

    /// Does one command, unless Ctrl-C was pressed and nobody has dealt with that.
    ///
    /// # Errors
    /// What went wrong; the session can go on unless the failure is fatal.
    pub fn run(&mut self, words: &[Word]) -> Result<Next, Failure> {
        let Some((name, rest)) = words.split_first() else { return Ok(Next::Stay) };
        let command = find(name)?;
        if self.session.interrupt().is_set() {
            return Err(Failure::interrupted());
        }
        self.replace = Replace::new(self.console.is_interactive());
        let done = (command.run)(self, &Line { command, words: rest });
        if command.changes {
            self.seen.clear();
        }
        if let Replace::Left(next) = self.replace { Ok(next) } else { done }
    }

    /// Asks whether something is to be done; a script is not asked and means it.
    fn agree(&mut self, question: &str) -> Result<bool, Failure> {
        if !self.console.is_interactive() {
            return Ok(true);
        }
        match self.console.ask(question)? {
            Said::Line(answer) => Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")),
            Said::Nothing => Ok(false),
            Said::Back => self.leave(Next::Back),
            Said::Exit => self.leave(Next::Leave),
        }
    }

    /// Somebody wants to go instead of answering: the rest of the command is not done.
    fn leave<T>(&mut self, next: Next) -> Result<T, Failure> {
        self.replace = Replace::Left(next);
        Err(Failure::interrupted())
    }

    /// A path at the server, as seen from the current directory.
    fn remote(&self, text: &str) -> Result<VirtualPath, Failure> {
        self.session
            .cwd
            .join(text)
            .map_err(|fault| Failure::new(Cause::NotPermitted, format!("{}: {fault}", Printable(text))))
    }
}

fn find(name: &str) -> Result<&'static Command, Failure> {
    known(name).ok_or_else(|| {
        let failure = Failure::usage(format!("{}: no such command", Printable(name)));
        match nearest(name, names()) {
            Some(near) => failure.guess(format!("Did you mean {near}?")),
            None => failure.hint("help lists all commands"),
        }
    })
}

/// What was probably meant.
fn nearest<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let by_distance = words.map(|word| (strsim::osa_distance(text, word), word));
    let longest = text.chars().count().div_ceil(2).min(3);
    by_distance
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= longest)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_and_slips_are_understood() {
        for command in COMMANDS {
            assert_eq!(find(command.name).expect("found").name, command.name);
            assert!(command.usage.starts_with(command.name), "{}", command.name);
            assert!(command.examples.len() >= 2 || command.options.is_empty(), "{}", command.name);
            for (option, what) in command.options {
                assert!(option.starts_with('-') && !what.is_empty(), "{}", command.name);
            }
        }
        for (other, ours) in OTHER_NAMES {
            assert_eq!(find(other).expect("found").name, ours);
        }
        let failure = |name| find(name).err().expect("no such command");
        assert_eq!(failure("gte").message, "gte: no such command. Did you mean get?");
        assert_eq!(failure("xyzzy").hint.as_deref(), Some("help lists all commands"));
    }

    #[test]
    fn words_keep_what_was_quoted_while_options_are_read() {
        let words = crate::words::split(r"-r * -o '*' '*' -- -x* --").expect("good").remove(0);
        let mut options = Options::new();
        options.optflag("r", "", "").optopt("o", "", "", "");
        let given = Given::parse(&options, &words).expect("good");
        let free: Vec<_> = given.free.iter().map(|word| (word.as_str(), word.pattern())).collect();
        assert_eq!(free, [("*", Some("*")), ("*", None), ("-x*", Some("-x*")), ("--", None)]);
        assert_eq!((given.opt_present("r"), given.opt_str("o").as_deref()), (true, Some("*")));
    }
}
