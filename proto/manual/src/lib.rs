//! A command line or a configuration described once, as data, and everything that is written from it.
//!
//! A program exports one constant [`Program`] (and one [`Config`] for its file, if it has one), made of constants only:
//!
//! ```
//! use ftp_manual::{Example, Group, Kind, Opt, Program};
//!
//! const CONFIG: Opt = Opt::value("config", "FILE", Kind::File, "the config").short('c');
//! const HELP: Opt = Opt::flag("help", "this text").short('h');
//!
//! pub const PROGRAM: Program = Program {
//!     name: "ftp-example",
//!     section: 1,
//!     what: "show how it is done",
//!     synopsis: &["[-c FILE]"],
//!     examples: &[Example { line: "ftp-example -c x.ron", what: "with another config" }],
//!     groups: &[Group { title: "Options", options: &[CONFIG, HELP] }],
//!     exit: &[("0", "done"), ("2", "not understood")],
//!     ..Program::NONE
//! };
//!
//! // The parser, the help, the man page and the completions come from it, and cannot differ.
//! let matches = ftp_manual::options(PROGRAM.options()).parse(["--config", "x.ron"]).expect("it is known");
//! assert_eq!(matches.opt_str("config").as_deref(), Some("x.ron"));
//! assert!(ftp_manual::help::program(&PROGRAM).contains("-c, --config FILE"));
//! assert!(ftp_manual::roff::program(&PROGRAM, &[]).starts_with(".\\\""));
//! assert!(ftp_manual::complete::bash(&PROGRAM).contains("--config"));
//! ```
//!
//! What is not part of the command line, such as commands at a prompt, goes into further [`Section`]s of the man page: those of
//! [`Program::sections`], and those given to [`roff::program`] by who writes the pages, if they have to be put together first.
//! A program with verbs describes each as a [`Verb`]. The pages are written by the example `manuals` of `ftp-tests`.
//!
//! All texts are ASCII without a dot at the end of what is one phrase; what is between backticks is bold in a man page.

pub mod complete;
pub mod help;
pub mod roff;
pub mod ron;

/// A program's command line.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// As it is called.
    pub name: &'static str,
    /// Of the manual: 1 or 8.
    pub section: u8,
    /// What it does, as an order and without a dot: `serve files to many users`.
    pub what: &'static str,
    /// How it is called, a line for each way, without the name.
    pub synopsis: &'static [&'static str],
    /// What it does, at length; for the man page only.
    pub about: &'static [Block<'static>],
    /// What people do with it most.
    pub examples: &'static [Example],
    /// Its own options.
    pub groups: &'static [Group],
    /// Its verbs, if the first word is one.
    pub verbs: &'static [Verb],
    /// Exit codes and what they mean.
    pub exit: &'static [(&'static str, &'static str)],
    /// What the help says at its end.
    pub notes: &'static [&'static str],
    /// More of the man page.
    pub sections: &'static [Section<'static>],
    /// Other pages, as `ftp-daemon(8)`.
    pub see_also: &'static [&'static str],
}

impl Program {
    /// Nothing; what a constant begins with.
    pub const NONE: Self = Self {
        name: "",
        section: 1,
        what: "",
        synopsis: &[],
        about: &[],
        examples: &[],
        groups: &[],
        verbs: &[],
        exit: &[],
        notes: &[],
        sections: &[],
        see_also: &[],
    };

    /// Its own options, not those of its verbs.
    pub fn options(&self) -> impl Iterator<Item = &'static Opt> {
        self.groups.iter().flat_map(|group| group.options)
    }

    /// The verb that is called so.
    #[must_use]
    pub fn verb(&self, name: &str) -> Option<&'static Verb> {
        self.verbs.iter().find(|verb| verb.name == name || verb.aliases.contains(&name))
    }
}

/// Options that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Its heading.
    pub title: &'static str,
    /// In the order of the help.
    pub options: &'static [Opt],
}

/// A word that says what is to be done, with options of its own.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// The word.
    pub name: &'static str,
    /// Other words for it.
    pub aliases: &'static [&'static str],
    /// What it does, in a phrase.
    pub what: &'static str,
    /// The same at length.
    pub about: &'static [Block<'static>],
    /// What follows it.
    pub arguments: &'static [Argument],
    /// Its options; `--help` is added.
    pub options: &'static [Opt],
    /// How it is used.
    pub examples: &'static [Example],
}

impl Verb {
    /// Nothing; what a constant begins with.
    pub const NONE: Self =
        Self { name: "", aliases: &[], what: "", about: &[], arguments: &[], options: &[], examples: &[] };

    /// Its options and `--help`.
    pub fn options(&self) -> impl Iterator<Item = &'static Opt> {
        self.options.iter().chain(std::iter::once(&HELP))
    }

    /// How it is called: `create [USER] [--quota SIZE]`.
    #[must_use]
    pub fn usage(&self) -> String {
        self.pieces().collect::<Vec<_>>().join(" ")
    }

    /// The parts of the usage between which a line may end.
    fn pieces(&self) -> impl Iterator<Item = String> {
        let argument = |argument: &Argument| match argument.needed {
            true => argument.name.to_owned(),
            false => format!("[{}]", argument.name),
        };
        let option = |option: &Opt| format!("[{}]{}", option.spelled(), if option.many { "..." } else { "" });
        let name = std::iter::once(self.name.to_owned());
        name.chain(self.arguments.iter().map(argument)).chain(self.options.iter().map(option))
    }
}

/// Of every verb.
const HELP: Opt = Opt::flag("help", "this text").short('h');

/// A word after a verb that is no option.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// As the usage has it: `USER`.
    pub name: &'static str,
    /// What it can be.
    pub kind: Kind,
    /// Whether it has to be there.
    pub needed: bool,
}

/// An option.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// One letter, if it has one.
    pub short: Option<char>,
    /// Without the dashes.
    pub long: &'static str,
    /// The name and kind of its value, if it takes one.
    pub value: Option<(&'static str, Kind)>,
    /// Whether it may be given more than once.
    pub many: bool,
    /// What it does, in a phrase.
    pub what: &'static str,
}

impl Opt {
    /// An option without a value.
    #[must_use]
    pub const fn flag(long: &'static str, what: &'static str) -> Self {
        Self { short: None, long, value: None, many: false, what }
    }

    /// An option with a value.
    #[must_use]
    pub const fn value(long: &'static str, name: &'static str, kind: Kind, what: &'static str) -> Self {
        Self { short: None, long, value: Some((name, kind)), many: false, what }
    }

    /// The same with a letter.
    #[must_use]
    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// The same, which may be given more than once.
    #[must_use]
    pub const fn many(mut self) -> Self {
        self.many = true;
        self
    }

    /// As it is written: `--config FILE`.
    #[must_use]
    pub fn spelled(&self) -> String {
        match self.value {
            Some((name, _)) => format!("--{} {name}", self.long),
            None => format!("--{}", self.long),
        }
    }
}

/// What a value can be; shells complete it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Free,
    /// A file that is there.
    File,
    /// A folder that is there.
    Folder,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of the lines that the program prints when it is called with these words.
    Listed(&'static str),
}

/// A line to type.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// With the program's name.
    pub line: &'static str,
    /// What comes of it.
    pub what: &'static str,
}

/// A part of a man page.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// Its heading, in capitals.
    pub title: &'a str,
    /// What it says.
    pub blocks: &'a [Block<'a>],
}

/// A piece of text.
#[derive(Debug, Clone, Copy)]
pub enum Block<'a> {
    /// A paragraph.
    Text(&'a str),
    /// A term and what it means.
    Item(&'a str, &'a str),
    /// Lines as they are.
    Code(&'a str),
}

/// A file in RON.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// As the page is called: `ftp-daemon.ron`.
    pub name: &'static str,
    /// What it is, in a phrase.
    pub what: &'static str,
    /// What its first lines say.
    pub about: &'static str,
    /// Its keys, in order.
    pub keys: &'static [Key],
    /// More of the man page.
    pub sections: &'static [Section<'static>],
    /// Other pages.
    pub see_also: &'static [&'static str],
}

/// A key of a file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it is for, and what it can be.
    pub text: &'static str,
    /// What the shipped file says.
    pub value: Value,
}

/// The value of a key in the shipped file.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// Its default.
    Default(&'static str),
    /// There is no default; this is what is shipped.
    Needed(&'static str),
    /// Without the key it is something that no value says; so it would look.
    Absent(&'static str),
    /// Keys below.
    Keys(&'static [Key]),
}

/// What getopts needs to read them.
pub fn options<'a>(from: impl IntoIterator<Item = &'a Opt>) -> getopts::Options {
    let mut options = getopts::Options::new();
    for option in from {
        let short = option.short.map(String::from).unwrap_or_default();
        match (option.value, option.many) {
            (None, false) => options.optflag(&short, option.long, option.what),
            (None, true) => options.optflagmulti(&short, option.long, option.what),
            (Some((name, _)), false) => options.optopt(&short, option.long, option.what, name),
            (Some((name, _)), true) => options.optmulti(&short, option.long, option.what, name),
        };
    }
    options
}

/// Words in lines of at most `width` characters; a word that is longer has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    fill(text.split_whitespace(), width)
}

/// Words in lines.
fn fill<T: AsRef<str>>(words: impl IntoIterator<Item = T>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        let word = word.as_ref();
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
