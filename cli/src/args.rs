//! The command line.

use crate::command::Manner;
use crate::config::{self, Config};
use crate::connect::Server;
use crate::console::Voice;
use crate::failure::{Failure, shown};
use crate::limit::{self, Limit};
use crate::manual::PROGRAM;
use crate::netrc;
use crate::progress::When;
use crate::steps::Steps;
use crate::trust::{Fingerprint, Trust};
use ftp_manual::help;
use ftp_proto::Printable;
use ftp_proto::limits::{DEFAULT_PORT, PASSWORD};
use ftp_proto::message::Secret;
use getopts::Matches;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long nothing may come from a server, in seconds. A daemon that hashes or syncs is asked after 10 s whether it is there, and answers at once.
const TIMEOUT: u64 = 30;
/// The largest file of commands, in bytes.
const BATCH: u64 = 1024 * 1024;

/// What is to be done.
pub enum Plan {
    /// Help or the version.
    Print(String),
    /// Forget a server.
    Forget {
        /// As `host:port`.
        address: String,
        /// Where it is remembered.
        known_hosts: PathBuf,
    },
    /// Connect.
    Run(Box<Run>),
}

/// Everything about a run.
pub struct Run {
    /// Where to connect.
    pub server: Server,
    /// Who, if that was said.
    pub user: Option<String>,
    /// The password, if it was in a file.
    pub password: Option<Secret>,
    /// What is to be said at once.
    pub warning: Option<String>,
    /// The commands; none for a prompt.
    pub script: Option<Vec<String>>,
    /// Go on after an error.
    pub keep_going: bool,
    /// Ask nothing.
    pub no_input: bool,
    /// How much is said, and in which form.
    pub voice: Voice,
    /// How transfers are done.
    pub manner: Manner,
    /// The folders.
    pub config: Config,
}

/// Reads the arguments after the program's name, and the files they name. `terminal`: a person sits at stdin.
///
/// # Errors
/// [`Cause::Usage`](crate::failure::Cause::Usage), or a file cannot be read.
pub fn read(arguments: &[String], terminal: bool) -> Result<Plan, Failure> {
    let matches = ftp_manual::options(PROGRAM.options()).parse(arguments).map_err(|error| {
        Failure::usage(Printable(&error.to_string()).to_string()).hint("try ftp-cli --help")
    })?;
    if matches.opt_present("help") {
        return Ok(Plan::Print(help::program(&PROGRAM).trim_end().to_owned()));
    }
    if matches.opt_present("version") {
        return Ok(Plan::Print(concat!("ftp-cli ", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    if let Some(more) = matches.free.first() {
        let what = format!("'{}' is not understood", Printable(more));
        return Err(
            Failure::usage(what).hint("the server is named with -s, commands with -c; try ftp-cli --help")
        );
    }
    let known_hosts = config::home(".local/share", "XDG_DATA_HOME", "ftp-cli/known_hosts");
    if let Some(address) = matches.opt_str("forget") {
        let known_hosts = known_hosts.ok_or_else(no_home)?;
        let address = if address.contains(':') { address } else { format!("{address}:{DEFAULT_PORT}") };
        return Ok(Plan::Forget { address, known_hosts });
    }
    if let Some((host, port)) = matches.opt_str("server").as_deref().and_then(|server| server.split_once(':'))
        && port.parse::<u16>().is_ok()
    {
        let what = format!("-s takes a host alone: -s {} -P {port}", Printable(host));
        return Err(Failure::usage(what));
    }
    let server = Server {
        host: matches.opt_str("server").unwrap_or_else(|| "127.0.0.1".into()),
        port: number(&matches, "port")?.unwrap_or(DEFAULT_PORT),
        trust: trust(&matches, known_hosts)?,
        timeout: Duration::from_secs(number(&matches, "timeout")?.unwrap_or(TIMEOUT).clamp(1, 86_400)),
        limit: Limit::default(),
        steps: match (matches.opt_present("verbose"), matches.opt_present("json")) {
            (false, _) => Steps::Silent,
            (true, false) => Steps::Text,
            (true, true) => Steps::Json,
        },
    };
    if let Some(text) = matches.opt_str("limit") {
        let rate = limit::parse(&text).map_err(|what| Failure::usage(format!("--limit: {what}")))?;
        server.limit.set(rate);
    }
    let batch = matches
        .opt_str("batch")
        .or_else(|| (!terminal && !matches.opt_present("command")).then(|| "-".into()));
    let password_file = matches.opt_str("password-file");
    if password_file.as_deref() == Some("-") && batch.as_deref() == Some("-") {
        return Err(Failure::usage("the password and the commands cannot both come from stdin")
            .hint("give the commands with -c or -b FILE"));
    }
    let script = match (matches.opt_str("command"), batch) {
        (Some(_), Some(_)) => return Err(Failure::usage("-c and -b do not go together")),
        (Some(commands), None) => Some(commands.lines().map(str::to_owned).collect()),
        (None, Some(file)) => Some(batch_lines(&file)?),
        (None, None) => None,
    };
    let mut user = matches.opt_str("user");
    let mut warning = None;
    let mut secret = None;
    if let Some(file) = &password_file {
        (secret, warning) = (Some(password(file)?), open_to_others(file));
    } else if let Some((login, password)) = netrc::look(&server.host, user.as_deref())? {
        (user, secret) = (Some(login), Some(password));
    }
    if script.is_some() && user.is_none() {
        return Err(
            Failure::usage("a script has to say who it is").hint("use -u USER and --password-file FILE")
        );
    }
    let retries = match matches.opt_str("retries").as_deref() {
        Some("forever" | "0") => None,
        Some("none") => Some(0),
        _ => Some(number(&matches, "retries")?.unwrap_or(5)),
    };
    Ok(Plan::Run(Box::new(Run {
        server,
        user,
        password: secret,
        warning,
        script,
        keep_going: matches.opt_present("keep-going"),
        no_input: matches.opt_present("no-input"),
        voice: Voice { quiet: matches.opt_present("quiet"), json: matches.opt_present("json") },
        manner: Manner { progress: progress(&matches)?, retries },
        config: Config::load(matches.opt_str("config").map(PathBuf::from).as_deref())?,
    })))
}

fn no_home() -> Failure {
    Failure::usage("HOME is not set, so there is no place to remember servers")
        .hint("use --ca or --fingerprint")
}

fn number<T: std::str::FromStr>(matches: &Matches, name: &str) -> Result<Option<T>, Failure> {
    let wrong =
        |text: &str| Failure::usage(format!("--{name}: '{}' is not a number that can be", Printable(text)));
    matches.opt_str(name).map(|text| text.parse().map_err(|_| wrong(&text))).transpose()
}

fn progress(matches: &Matches) -> Result<When, Failure> {
    match matches.opt_str("progress").as_deref() {
        _ if matches.opt_present("quiet") => Ok(When::Never),
        None | Some("auto") => Ok(When::Auto),
        Some("always") => Ok(When::Always),
        Some("never") => Ok(When::Never),
        Some(other) => {
            Err(Failure::usage(format!("--progress is auto, always or never, not '{}'", Printable(other))))
        }
    }
}

fn trust(matches: &Matches, known_hosts: Option<PathBuf>) -> Result<Trust, Failure> {
    let accept_new = matches.opt_present("accept-new");
    match (matches.opt_str("ca"), matches.opt_str("fingerprint")) {
        (Some(_), Some(_)) => Err(Failure::usage("--ca and --fingerprint do not go together")),
        (Some(_), None) | (None, Some(_)) if accept_new => {
            Err(Failure::usage("--accept-new goes with neither --ca nor --fingerprint"))
        }
        (Some(ca), None) => Ok(Trust::Ca(ca.into())),
        (None, Some(text)) => Fingerprint::parse(&text).map(Trust::Pinned).ok_or_else(|| {
            Failure::usage("--fingerprint takes SHA256: and 43 characters")
                .hint("as ftp-admin fingerprint prints it")
        }),
        (None, None) => {
            let file = known_hosts.ok_or_else(no_home)?;
            Ok(if accept_new { Trust::AcceptNew(file) } else { Trust::Known(file) })
        }
    }
}

/// The first line of a file, or of stdin.
fn password(file: &str) -> Result<Secret, Failure> {
    // As large as it can get, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSWORD + 2));
    let most = PASSWORD as u64 + 2;
    let read = match file {
        "-" => io::stdin().lock().take(most).read_to_end(&mut bytes),
        path => File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::usage(format!("--password-file {}: {error}", shown(Path::new(file)))))?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let wrong = |what| Failure::usage(format!("--password-file {}: {what}", shown(Path::new(file))));
    match std::str::from_utf8(line) {
        Ok("") => Err(wrong("the first line is empty")),
        Ok(_) if line.len() > PASSWORD => Err(wrong("a password has at most 512 bytes")),
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(wrong("it is not UTF-8")),
    }
}

/// What to say about a file of a password that others can read too. It may have to be so, as with secrets that are mounted.
fn open_to_others(file: &str) -> Option<String> {
    let facts = (file != "-").then(|| std::fs::metadata(file).ok()).flatten()?;
    let shown = shown(Path::new(file));
    (facts.is_file() && facts.mode() & 0o077 != 0)
        .then(|| format!("others can read the password in {shown}: chmod 600 {shown}"))
}

fn batch_lines(file: &str) -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    let read = match file {
        "-" => io::stdin().lock().take(BATCH).read_to_string(&mut text),
        path => File::open(path).and_then(|file| file.take(BATCH).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::usage(format!("{}: {error}", shown(Path::new(file)))))?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Plan, Failure> {
        read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), true)
    }

    #[test]
    fn the_command_line_of_the_help_is_understood() {
        let Ok(Plan::Run(run)) = run("-s h -P 1234 -u alice --ca x.pem -c ls --retries forever -q") else {
            panic!("a run")
        };
        assert_eq!((run.server.address().as_str(), run.user.as_deref()), ("h:1234", Some("alice")));
        assert_eq!((run.manner.retries, run.manner.progress), (None, When::Never));
        assert!(matches!(run.server.trust, Trust::Ca(_)) && run.script.is_some());
        assert_eq!(run.server.timeout, Duration::from_secs(30));
        for line in ["-h", "--version", "-s h --help"] {
            assert!(
                matches!(
                    read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), true),
                    Ok(Plan::Print(_))
                ),
                "{line}"
            );
        }
    }

    #[test]
    fn a_limit_steps_and_lines_of_commands_are_understood() {
        let line = ["-s", "h", "-u", "a", "-l", "1.5M", "-v", "--retries", "0", "-c", "ls\npwd"];
        let Ok(Plan::Run(run)) = read(&line.map(String::from), true) else { panic!("a run") };
        assert_eq!((run.server.limit.get(), run.server.steps), (Some(3 << 19), Steps::Text));
        assert_eq!((run.manner.retries, run.script), (None, Some(vec!["ls".to_owned(), "pwd".to_owned()])));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in [
            "-P x",
            "-P 70000",
            "--ca a --fingerprint SHA256:b",
            "--ca a --accept-new",
            "--fingerprint nonsense",
            "-u a -c ls -b x",
            "-c ls",
            "-u a -b - --password-file -",
            "--progress sometimes",
            "host",
            "-s host:9999",
            "--retries -1",
            "--limit 2X",
            "-l 0",
            "--nonsense",
            "--password-file /nowhere/at/all",
        ] {
            let failure = run(line).err().unwrap_or_else(|| panic!("{line}"));
            assert_eq!(failure.cause, crate::failure::Cause::Usage, "{line}");
        }
    }
}
