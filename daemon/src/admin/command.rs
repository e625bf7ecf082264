//! The command line: what may be said and what it means.

use super::failure::Failure;
use super::new_password::Wanted;
use super::size::parse_quota;
use crate::cert::{CertRequest, DAYS};
use crate::config::Config;
use ftp_core::account::ron_text::nearest;
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
    Cert(CertRequest),
    Fingerprint(ConfigFile, Option<PathBuf>),
}

/// `create`.
#[derive(Debug, Default)]
pub(super) struct Create {
    pub(super) user: String,
    pub(super) quota: Option<u64>,
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
    pub(super) user: String,
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
    pub(super) json: bool,
}

/// The config that was named, or the first of [`PLACES`] that is there.
#[derive(Debug, Default, Clone)]
pub(super) struct ConfigFile(pub(super) Option<PathBuf>);

const PLACES: [&str; 2] = ["etc/ftp-daemon.ron", "/etc/ftp-daemon/ftp-daemon.ron"];

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

const VERBS: [&str; 8] = ["create", "rm", "setup", "view", "cert", "fingerprint", "check", "help"];

/// What people try, and what it is called here.
const OTHER_NAMES: [(&str, &str); 12] = [
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
];

const HELP: &str = "\
Manages the accounts and the certificate of ftp-daemon.

  ftp-admin create alice --quota 5G     a new account; asks for the password
  ftp-admin view                        who has what: used, quota, left, files, last login
  ftp-admin setup alice --quota none    another quota; --password for another password
  ftp-admin setup alice                 shows the values and asks one by one
  ftp-admin rm alice                    the account goes, the files stay (--purge: they go too)
  ftp-admin cert --name HOST            a certificate, and the CA that signs it
  ftp-admin fingerprint                 what clients compare at their first visit
  ftp-admin check                       is this set-up sound?

Usage: ftp-admin [-c FILE] VERB [OPTIONS]      'ftp-admin VERB --help' has the options of one.

  -c, --config FILE   the daemon's config; without it etc/ftp-daemon.ron or /etc/ftp-daemon/ftp-daemon.ron
  -h, --help          this text
  -V, --version       the version

Exit codes: 0 done, 1 failed or there already, 2 not understood, 6 no such user. A running daemon notices changes within a second.";

/// Reads the arguments after the program's name.
pub(super) fn parse(arguments: &[String]) -> Result<Command, Failure> {
    let mut options = Options::new();
    options.optopt("c", "config", "", "FILE").optflag("h", "help", "").optflag("V", "version", "");
    options.parsing_style(ParsingStyle::StopAtFirstFree);
    let matches = read(&options, arguments, &["config", "help", "version"])?;
    if matches.opt_present("V") {
        return Ok(Command::Print(concat!("ftp-admin ", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    let Some((verb, rest)) = matches.free.split_first().filter(|_| !matches.opt_present("h")) else {
        let asked = matches.opt_present("h");
        return if asked {
            Ok(Command::Print(HELP.to_owned()))
        } else {
            Err(Failure::usage("no command is given"))
        };
    };
    let config = ConfigFile(matches.opt_str("c").map(PathBuf::from));
    match verb.as_str() {
        "create" => create(config, rest),
        "rm" => remove(config, rest),
        "setup" => setup(config, rest),
        "view" | "list" => view(config, rest),
        "check" => check(config, rest),
        "cert" => cert(rest),
        "fingerprint" => fingerprint(config, rest),
        "help" => Ok(Command::Print(HELP.to_owned())),
        other => Err(unknown_verb(other)),
    }
}

fn unknown_verb(verb: &str) -> Failure {
    let same = OTHER_NAMES.iter().find(|(other, _)| *other == verb).map(|(_, ours)| *ours);
    let hint = same
        .or_else(|| nearest(verb, VERBS))
        .map_or_else(|| format!("There are: {}.", VERBS.join(", ")), |near| format!("Did you mean {near}?"));
    Failure::usage(format!("no such command '{}'. {hint}", Printable(verb)))
}

fn create(config: ConfigFile, rest: &[String]) -> Result<Command, Failure> {
    let usage = "ftp-admin create USER [--quota SIZE|none] [--password-file FILE|-] [--weak]";
    let verb = Verb::new(usage, &[QUOTA, PASSWORD_FILE], &[WEAK]);
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    let user = verb.one(&matches)?;
    let quota = quota(&matches)?.flatten();
    let password = Wanted { file: matches.opt_str("password-file"), weak: matches.opt_present("weak") };
    Ok(Command::Create(config, Create { user, quota, password }))
}

fn remove(config: ConfigFile, rest: &[String]) -> Result<Command, Failure> {
    let verb = Verb::new("ftp-admin rm USER [--purge] [--yes]", &[], &[PURGE, YES]);
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    let user = verb.one(&matches)?;
    Ok(Command::Remove(
        config,
        Remove { user, purge: matches.opt_present("purge"), yes: matches.opt_present("yes") },
    ))
}

fn setup(config: ConfigFile, rest: &[String]) -> Result<Command, Failure> {
    let usage =
        "ftp-admin setup USER [--quota SIZE|none] [--password] [--password-file FILE|-] [--weak] [--yes]";
    let verb = Verb::new(usage, &[QUOTA, PASSWORD_FILE], &[PASSWORD, WEAK, YES]);
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    let user = verb.one(&matches)?;
    let weak = matches.opt_present("weak");
    let file = matches.opt_str("password-file");
    let password = (file.is_some() || matches.opt_present("password")).then_some(Wanted { file, weak });
    Ok(Command::Setup(
        config,
        Setup { user, quota: quota(&matches)?, password, weak, yes: matches.opt_present("yes") },
    ))
}

fn view(config: ConfigFile, rest: &[String]) -> Result<Command, Failure> {
    let verb = Verb::new("ftp-admin view [USER] [--json]", &[], &[JSON]);
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    let user = verb.at_most_one(&matches)?;
    Ok(Command::View(config, View { user, json: matches.opt_present("json") }))
}

fn check(config: ConfigFile, rest: &[String]) -> Result<Command, Failure> {
    let verb = Verb::new("ftp-admin check", &[], &[]);
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    match matches.free.first() {
        None => Ok(Command::Check(config)),
        Some(_) => Err(verb.wrong("check takes no argument")),
    }
}

fn cert(rest: &[String]) -> Result<Command, Failure> {
    let usage = "ftp-admin cert [--out DIR] [--name HOST]... [--ip IP]... [--days N] [--force] [--new-ca]";
    let verb = Verb::new(usage, &[OUT, NAME, IP, DAYS_VALID], &[FORCE, NEW_CA]);
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    if let Some(more) = matches.free.first() {
        return Err(verb.wrong(&format!("'{}' is one argument too many", Printable(more))));
    }
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

fn fingerprint(config: ConfigFile, rest: &[String]) -> Result<Command, Failure> {
    let verb = Verb::new("ftp-admin fingerprint [PEM]", &[], &[]);
    let Some(matches) = verb.read(rest)? else { return Ok(verb.help()) };
    Ok(Command::Fingerprint(config, verb.at_most_one(&matches)?.map(PathBuf::from)))
}

fn quota(matches: &Matches) -> Result<Option<Option<u64>>, Failure> {
    matches.opt_str("quota").map(|text| parse_quota(&text)).transpose().map_err(Failure::Usage)
}

/// An option: its name and what it does.
type Flag = (&'static str, &'static str);

const QUOTA: Flag = ("quota", "the most bytes, like 5G, 500M or none (K, M, G, T are powers of 1024)");
const PASSWORD_FILE: Flag = ("password-file", "take the password from the first line of a file; - is stdin");
const PASSWORD: Flag = ("password", "ask for another password");
const WEAK: Flag = ("weak", "take a password of fewer than 12 characters too");
const PURGE: Flag = ("purge", "delete the user's files as well");
const YES: Flag = ("yes", "do not ask");
const OUT: Flag = ("out", "the folder for ca.pem, ca.key, server.pem and server.key; certs without it");
const NAME: Flag = ("name", "a name of the server; may be given more than once");
const IP: Flag = ("ip", "an address of the server; may be given more than once");
const DAYS_VALID: Flag = ("days", "how long the server's certificate lasts; 397 without it");
const FORCE: Flag = ("force", "replace the server's certificate and key; the CA stays");
const NEW_CA: Flag = ("new-ca", "with --force: replace the CA too; every client needs the new ca.pem");
const JSON: Flag = ("json", "print a JSON array of objects");

/// One verb: its line of usage and its options.
struct Verb {
    usage: &'static str,
    options: Options,
    names: Vec<&'static str>,
}

impl Verb {
    fn new(usage: &'static str, with_value: &[Flag], flags: &[Flag]) -> Self {
        let mut options = Options::new();
        for (name, text) in with_value {
            match *name {
                "quota" => options.optopt("", name, text, "SIZE"),
                "out" => options.optopt("", name, text, "DIR"),
                "days" => options.optopt("", name, text, "N"),
                "name" => options.optmulti("", name, text, "HOST"),
                "ip" => options.optmulti("", name, text, "IP"),
                _ => options.optopt("", name, text, "FILE"),
            };
        }
        for (name, text) in flags {
            options.optflag("", name, text);
        }
        options.optflag("h", "help", "this text");
        let names = with_value.iter().chain(flags).map(|(name, _)| *name).collect();
        Self { usage, options, names }
    }

    /// None when the help is wanted.
    fn read(&self, rest: &[String]) -> Result<Option<Matches>, Failure> {
        let matches = read(&self.options, rest, &self.names)?;
        Ok((!matches.opt_present("h")).then_some(matches))
    }

    fn help(&self) -> Command {
        Command::Print(self.options.usage(&format!("Usage: {}", self.usage)).trim_end().to_owned())
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::Usage(format!("{what}\nUsage: {}", self.usage))
    }

    fn at_most_one(&self, matches: &Matches) -> Result<Option<String>, Failure> {
        match matches.free.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            [_, more, ..] => Err(self.wrong(&format!("'{}' is one argument too many", Printable(more)))),
        }
    }

    fn one(&self, matches: &Matches) -> Result<String, Failure> {
        self.at_most_one(matches)?.ok_or_else(|| self.wrong("the user is missing"))
    }
}

fn read(options: &Options, arguments: &[String], known: &[&str]) -> Result<Matches, Failure> {
    options.parse(arguments).map_err(|fail| match fail {
        Fail::UnrecognizedOption(name) => {
            let hint = nearest(&name, known.iter().copied())
                .map_or_else(String::new, |near| format!(" Did you mean --{near}?"));
            Failure::usage(format!("no such option '{}'.{hint}", Printable(&name)))
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
            Err(Failure::Usage(text)) => text,
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
        for line in ["create", "rm", "setup"] {
            assert!(told(line).contains("the user is missing\nUsage: ftp-admin"), "{line}");
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
        assert_eq!((order.user.as_str(), order.quota, order.password.weak), ("alice", Some(5 << 30), true));
        assert_eq!(order.password.file.as_deref(), Some("-"));
        let Command::Setup(_, order) = parsed("setup alice --quota none") else { panic!("setup") };
        assert_eq!((order.quota, order.password.is_some()), (Some(None), false));
        let Command::Setup(_, order) = parsed("setup alice --password") else { panic!("setup") };
        assert!(order.quota.is_none() && order.password.is_some_and(|wanted| wanted.file.is_none()));
        let Command::View(_, order) = parsed("list --json") else { panic!("view") };
        assert!(order.user.is_none() && order.json);
    }

    #[test]
    fn help_is_an_answer_and_not_an_error() {
        for line in ["--help", "-h", "help", "create --help", "rm -h", "check --help", "-V"] {
            assert!(matches!(parsed(line), Command::Print(_)), "{line}");
        }
        let Command::Print(text) = parsed("setup --help") else { panic!("help") };
        assert!(text.contains("--quota SIZE") && text.contains("--password-file FILE"), "{text}");
    }
}
