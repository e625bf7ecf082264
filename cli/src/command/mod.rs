//! What can be typed at the prompt or stand in a script. One module per kind of command.

mod account;
pub(crate) use account::used;
mod files;
mod help;
mod local;
mod replace;
mod transfers;
mod tree;

use crate::console::Console;
use crate::failure::{Cause, Failure};
use crate::progress::When;
use crate::session::Session;
use crate::words::Word;
use ftp_proto::{Printable, VirtualPath};
use getopts::{Matches, Options};
use replace::Replace;

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
    /// Names of the directory that was listed last, for completion.
    pub listed: Vec<String>,
    /// What is done with a file that is there already and differs.
    replace: Replace,
}

/// A command: its names, one line on what it takes, one on what it does, and more for `help COMMAND`.
struct Command {
    name: &'static str,
    usage: &'static str,
    what: &'static str,
    more: &'static str,
    run: fn(&mut Shell<'_>, &Line<'_>) -> Result<Next, Failure>,
}

const COMMANDS: &[Command] = &[
    help::HELP,
    account::INFO,
    files::LS,
    files::PWD,
    files::CD,
    transfers::GET,
    transfers::PUT,
    account::MD5,
    files::MKDIR,
    files::RMDIR,
    files::RM,
    files::MV,
    account::SUM,
    account::QUOTA,
    account::PARTS,
    local::LPWD,
    local::LCD,
    local::LLS,
    help::Q,
    help::EXIT,
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
        Self { console, session, manner, listed: Vec::new(), replace }
    }

    /// Does one command.
    ///
    /// # Errors
    /// What went wrong; the session can go on unless the failure is fatal.
    pub fn run(&mut self, words: &[Word]) -> Result<Next, Failure> {
        let Some((name, rest)) = words.split_first() else { return Ok(Next::Stay) };
        let command = find(name)?;
        self.session.interrupt().clear();
        self.replace = Replace::new(self.console.is_interactive());
        let done = (command.run)(self, &Line { command, words: rest });
        if let Replace::Left(next) = self.replace { Ok(next) } else { done }
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
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours);
    let wanted = other.unwrap_or(name);
    COMMANDS.iter().find(|command| command.name == wanted).ok_or_else(|| {
        let failure = Failure::usage(format!("{}: no such command", Printable(name)));
        match nearest(name, names()) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
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
        }
        for (other, ours) in OTHER_NAMES {
            assert_eq!(find(other).expect("found").name, ours);
        }
        let hint = |name| find(name).err().and_then(|failure| failure.hint).expect("a hint");
        assert_eq!(hint("gte"), "did you mean get?");
        assert_eq!(hint("xyzzy"), "help lists all commands");
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
