//! The command line: what may be said and what it means.

use super::failure::Failure;
use super::new_password::{Source, Wanted};
use super::size::parse_quota;
use crate::cert::{CertRequest, DAYS};
use crate::config::Config;
use crate::manual::{ADMIN, PLACES};
use ftp_core::account::ron_text::nearest;
use ftp_manual::{Opt, help};
use ftp_proto::Printable;
use getopts::{Fail, Matches, Options, ParsingStyle};
use std::path::PathBuf;

/// What is asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// Help or the version.
    Print(String),
    Create(ConfigFile, Create),
    Remove(ConfigFile, Remove),
    Setup(ConfigFile, Setup),
    View(ConfigFile, View),
    Check(ConfigFile),
    Scrub(ConfigFile, Scrub),
    Cert(CertRequest),
    Fingerprint(ConfigFile, Option<PathBuf>),
}

/// `create`.
#[derive(Debug, Default)]
pub(super) struct Create {
    /// Asked for without it.
    pub(super) user: Option<String>,
    /// The same.
    pub(super) quota: Option<Option<u64>>,
    pub(super) password: Wanted,
}

/// `rm`.
#[derive(Debug, Default)]
pub(super) struct Remove {
    pub(super) user: String,
    /// The files too.
    pub(super) purge: bool,
    /// Without asking.
    pub(super) yes: bool,
}

/// `setup`. What is none stays.
#[derive(Debug, Default)]
pub(super) struct Setup {
    /// Asked for without it.
    pub(super) user: Option<String>,
    pub(super) quota: Option<Option<u64>>,
    pub(super) password: Option<Wanted>,
    /// `--weak`, which also holds for what is asked.
    pub(super) weak: bool,
    /// Without asking.
    pub(super) yes: bool,
}

/// `view`.
#[derive(Debug, Default)]
pub(super) struct View {
    /// All without it.
    pub(super) user: Option<String>,
    pub(super) form: Form,
}

/// `scrub`.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    /// All without it.
    pub(super) user: Option<String>,
}

/// How accounts are shown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people, or with tabs when nobody looks.
    #[default]
    Table,
    Json,
    /// Nothing but the names.
    Names,
}

/// The config that was named, or the first of [`PLACES`] that is there.
#[derive(Debug, Default, Clone)]
pub(super) struct ConfigFile(pub(super) Option<PathBuf>);

impl ConfigFile {
    pub(super) fn find(&self) -> Result<PathBuf, Failure> {
        if let Some(file) = &self.0 {
            return Ok(file.clone());
        }
        PLACES.iter().map(PathBuf::from).find(|file| file.exists()).ok_or_else(|| {
            let tried = PLACES.join(" and ");
            Failure::failed(format!("found no config (tried {tried}); name one with -c FILE"))
        })
    }

    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.find()?)?)
    }
}

/// What people try, and what it is called here.
const OTHER_NAMES: [(&str, &str); 14] = [
    ("add", "create"),
    ("new", "create"),
    ("useradd", "create"),
    ("delete", "rm"),
    ("del", "rm"),
    ("remove", "rm"),
    ("userdel", "rm"),
    ("passwd", "setup"),
    ("edit", "setup"),
    ("usermod", "setup"),
    ("show", "view"),
    ("ls", "view"),
    ("verify", "scrub"),
    ("fsck", "scrub"),
];

/// Reads the arguments after the program's name.
pub(super) fn parse(arguments: &[String]) -> Result<Command, Failure> {
    let mut options = ftp_manual::options(ADMIN.options());
    options.parsing_style(ParsingStyle::StopAtFirstFree);
    let matches = read(&options, arguments, ADMIN.options())?;
    if matches.opt_present("V") {
        return Ok(Command::Print(concat!("ftp-admin ", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    if matches.opt_present("h") {
        return Ok(help());
    }
    let Some((word, rest)) = matches.free.split_first() else {
        return Err(Failure::usage("no command is given"));
    };
    let config = ConfigFile(matches.opt_str("c").map(PathBuf::from));
    let verb = verb(word)?;
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    match verb.0.name {
        "create" => create(config, &verb, &matches),
        "rm" => remove(config, &verb, &matches),
        "setup" => setup(config, &verb, &matches),
        "view" => view(config, &verb, &matches),
        "cert" => cert(&verb, &matches),
        "fingerprint" => Ok(Command::Fingerprint(config, argument(&matches).map(PathBuf::from))),
        "check" => Ok(Command::Check(config)),
        "scrub" => Ok(Command::Scrub(config, Scrub { user: argument(&matches) })),
        _ => Ok(match argument(&matches) {
            Some(about) => self::verb(&about)?.help(),
            None => help(),
        }),
    }
}

fn help() -> Command {
    Command::Print(help::program(&ADMIN).trim_end().to_owned())
}

/// The verb of that name.
fn verb(word: &str) -> Result<Verb, Failure> {
    ADMIN.verb(word).map(Verb).ok_or_else(|| {
        let same = OTHER_NAMES.iter().find(|(other, _)| *other == word).map(|(_, ours)| *ours);
        let what = format!("no such command '{}'.", Printable(word));
        match same.or_else(|| nearest(word, ADMIN.verbs.iter().map(|verb| verb.name))) {
            Some(near) => Failure::Hinted(format!("{what} Did you mean {near}?")),
            None => {
                let all: Vec<&str> = ADMIN.verbs.iter().map(|verb| verb.name).collect();
                Failure::Hinted(format!("{what} There are: {}.", all.join(", ")))
            }
        }
    })
}

fn create(config: ConfigFile, verb: &Verb, matches: &Matches) -> Result<Command, Failure> {
    let weak = matches.opt_present("weak");
    let password = Wanted { source: source(verb, matches)?.unwrap_or(Source::Person), weak };
    Ok(Command::Create(config, Create { user: argument(matches), quota: quota(matches)?, password }))
}

fn remove(config: ConfigFile, verb: &Verb, matches: &Matches) -> Result<Command, Failure> {
    let (purge, yes) = (matches.opt_present("purge"), matches.opt_present("yes"));
    Ok(Command::Remove(config, Remove { user: verb.one(matches)?, purge, yes }))
}

fn setup(config: ConfigFile, verb: &Verb, matches: &Matches) -> Result<Command, Failure> {
    let weak = matches.opt_present("weak");
    let asked = matches.opt_present("password").then_some(Source::Person);
    let password = source(verb, matches)?.or(asked).map(|source| Wanted { source, weak });
    let (quota, yes) = (quota(matches)?, matches.opt_present("yes"));
    Ok(Command::Setup(config, Setup { user: argument(matches), quota, password, weak, yes }))
}

fn view(config: ConfigFile, verb: &Verb, matches: &Matches) -> Result<Command, Failure> {
    let user = argument(matches);
    let form = match (matches.opt_present("json"), matches.opt_present("names")) {
        (true, true) => return Err(verb.wrong("--json and --names do not go together")),
        (true, false) => Form::Json,
        (false, true) => Form::Names,
        (false, false) => Form::Table,
    };
    Ok(Command::View(config, View { user, form }))
}

fn cert(verb: &Verb, matches: &Matches) -> Result<Command, Failure> {
    let ip = |text: &String| {
        text.parse().map_err(|_| {
            verb.wrong(&format!("'{}' is no IP address; a name goes to --name", Printable(text)))
        })
    };
    let days = match matches.opt_str("days").map(|text| text.parse()) {
        None => DAYS,
        Some(Ok(days @ 1..=3650)) => days,
        Some(_) => return Err(verb.wrong("--days is a number from 1 to 3650")),
    };
    let (force, new_ca) = (matches.opt_present("force"), matches.opt_present("new-ca"));
    if new_ca && !force {
        return Err(verb.wrong("--new-ca makes every ca.pem that clients have useless; say --force too"));
    }
    Ok(Command::Cert(CertRequest {
        out: matches.opt_str("out").unwrap_or_else(|| "certs".into()).into(),
        names: matches.opt_strs("name"),
        ips: matches.opt_strs("ip").iter().map(ip).collect::<Result<_, _>>()?,
        days,
        force,
        new_ca,
    }))
}

/// Where a password comes from, if that is said.
fn source(verb: &Verb, matches: &Matches) -> Result<Option<Source>, Failure> {
    match (matches.opt_str("password-file"), matches.opt_present("generate")) {
        (Some(_), true) => Err(verb.wrong("--generate and --password-file do not go together")),
        (Some(file), false) => Ok(Some(Source::File(file))),
        (None, generate) => Ok(generate.then_some(Source::Chance)),
    }
}

fn quota(matches: &Matches) -> Result<Option<Option<u64>>, Failure> {
    matches.opt_str("quota").map(|text| parse_quota(&text)).transpose().map_err(Failure::Usage)
}

/// The one word that is no option; there is no second one.
fn argument(matches: &Matches) -> Option<String> {
    matches.free.first().cloned()
}

/// One verb of the table.
struct Verb(&'static ftp_manual::Verb);

impl Verb {
    /// None when the help is wanted.
    fn read(&self, rest: &[String]) -> Result<Option<Matches>, Failure> {
        let matches = read(&ftp_manual::options(self.0.options()), rest, self.0.options())?;
        if matches.opt_present("h") {
            return Ok(None);
        }
        match matches.free.get(self.0.arguments.len()) {
            None => Ok(Some(matches)),
            Some(more) => Err(self.wrong(&format!("'{}' is one argument too many", Printable(more)))),
        }
    }

    fn help(&self) -> Command {
        Command::Print(help::verb(&ADMIN, self.0).trim_end().to_owned())
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::Hinted(format!("{what}\nUsage: ftp-admin {}", self.0.usage()))
    }

    fn one(&self, matches: &Matches) -> Result<String, Failure> {
        argument(matches).ok_or_else(|| self.wrong("the user is missing"))
    }
}

fn read(
    options: &Options,
    arguments: &[String],
    known: impl Iterator<Item = &'static Opt>,
) -> Result<Matches, Failure> {
    options.parse(arguments).map_err(|fail| match fail {
        Fail::UnrecognizedOption(name) => {
            let what = format!("no such option '{}'.", Printable(&name));
            match nearest(&name, known.map(|option| option.long)) {
                Some(near) => Failure::Hinted(format!("{what} Did you mean --{near}?")),
                None => Failure::usage(what),
            }
        }
        Fail::ArgumentMissing(name) => Failure::usage(format!("--{name} needs a value")),
        Fail::OptionDuplicated(name) => Failure::usage(format!("--{name} is given twice")),
        other => Failure::usage(Printable(&other.to_string()).to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn told(line: &str) -> String {
        let arguments: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        match parse(&arguments) {
            Err(Failure::Usage(text) | Failure::Hinted(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn parsed(line: &str) -> Command {
        let arguments: Vec<_> = line.split(' ').map(str::to_owned).collect();
        parse(&arguments).expect("it is understood")
    }

    #[test]
    fn a_misspelt_verb_or_option_is_told_the_right_one() {
        assert_eq!(told("crate x"), "no such command 'crate'. Did you mean create?");
        assert_eq!(told("delete x"), "no such command 'delete'. Did you mean rm?");
        assert!(told("explode").contains("There are: create, rm"));
        assert_eq!(told("create x --qouta 5G"), "no such option 'qouta'. Did you mean --quota?");
        assert_eq!(told("rm x --quota 5G"), "no such option 'quota'.");
        assert_eq!(told("create x --quota"), "--quota needs a value");
        assert!(told("create x --quota lots").contains("for example 5G"));
    }

    #[test]
    fn a_user_is_needed_and_one_is_enough() {
        assert!(told("rm").contains("the user is missing\nUsage: ftp-admin rm USER"));
        for line in ["create", "setup"] {
            assert!(matches!(parsed(line), Command::Create(..) | Command::Setup(..)), "{line} asks");
        }
        for line in ["create a b", "view a b", "setup a b"] {
            assert!(told(line).contains("'b' is one argument too many"), "{line}");
        }
        assert!(told("").contains("no command"));
    }

    #[test]
    fn what_is_said_is_what_is_meant() {
        let Command::Create(config, order) =
            parsed("-c x.ron create alice --quota 5G --password-file - --weak")
        else {
            panic!("create")
        };
        assert_eq!(config.0.as_deref(), Some(Path::new("x.ron")));
        assert_eq!((order.user.as_deref(), order.quota), (Some("alice"), Some(Some(5 << 30))));
        assert!(order.password.weak && order.password.source == Source::File("-".to_owned()));
        let Command::Setup(_, order) = parsed("setup alice --quota none") else { panic!("setup") };
        assert_eq!((order.quota, order.password.is_some()), (Some(None), false));
        let Command::Setup(_, order) = parsed("setup alice --password") else { panic!("setup") };
        assert!(
            order.quota.is_none() && order.password.is_some_and(|wanted| wanted.source == Source::Person)
        );
        let Command::View(_, order) = parsed("list --json") else { panic!("view") };
        assert!(order.user.is_none() && order.form == Form::Json);
    }

    #[test]
    fn help_is_an_answer_and_not_an_error() {
        for line in ["--help", "-h", "help", "help create", "create --help", "rm -h", "check --help", "-V"] {
            assert!(matches!(parsed(line), Command::Print(_)), "{line}");
        }
        let Command::Print(text) = parsed("setup --help") else { panic!("help") };
        assert!(text.contains("--quota SIZE") && text.contains("--password-file FILE"), "{text}");
        let Command::Print(all) = parsed("help") else { panic!("help") };
        assert!(all.contains("create [USER]") && all.contains("-c, --config FILE"), "{all}");
    }
}
