//! `ftp-daemon`: from the command line to a serving reactor, and to an orderly end.

use crate::config::Config;
use crate::control;
use crate::descriptors;
use crate::logging::Logs;
use crate::manual::{DAEMON, PLACES};
use crate::reactor::{Bound, Host, Reactor};
use crate::sandbox::{Reach, Wall, confine};
use crate::tls::{self, ServerTls};
use ftp_core::Limits;
use ftp_core::account::user_file::Users;
use ftp_core::machine::Machine;
use ftp_core::session::{Session, Setup, Shared};
use ftp_core::vfs::{Durability, Jail, Storage};
use ftp_manual::help;
use ftp_proto::Printable;
use rustix::fs::FlockOperation;
use rustix::process::{Resource, Rlimit};
use sd_notify::NotifyState;
use slog::{info, warn};
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What the greeting and `--version` say.
const SOFTWARE: &str = concat!("ftp-daemon/", env!("CARGO_PKG_VERSION"));

/// What gives the daemon its disk, from the machine's.
pub type OnDisk<'a> = &'a dyn Fn(Jail) -> Arc<dyn Storage>;

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    main_on(&|jail| Arc::new(jail))
}

/// The program on another disk than the machine's, or on that one behind something.
#[must_use]
pub fn main_on(storage: OnDisk<'_>) -> ExitCode {
    match run(std::env::args().skip(1).collect(), storage) {
        Ok(code) => code,
        Err(what) => {
            say(&format!("ftp-daemon: {what}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to stderr; when nobody reads it, there is nothing to do about it.
fn say(line: &str) {
    let _unread = writeln!(io::stderr().lock(), "{line}");
}

fn run(args: Vec<String>, storage: OnDisk<'_>) -> Result<ExitCode, String> {
    let given = match ftp_manual::options(DAEMON.options()).parse(&args) {
        Ok(given) if given.free.is_empty() => given,
        Ok(given) => return Ok(usage(&format!("what is '{}'?", given.free[0]))),
        Err(fault) => return Ok(usage(&fault.to_string())),
    };
    if given.opt_present("help") || given.opt_present("version") {
        let text = if given.opt_present("help") { help::program(&DAEMON) } else { format!("{SOFTWARE}\n") };
        let _unread = io::stdout().lock().write_all(text.as_bytes());
        return Ok(ExitCode::SUCCESS);
    }
    let file = config_file(given.opt_str("config"))?;
    let config = Config::load(&file).map_err(|fault| fault.to_string())?;
    if given.opt_present("check") {
        check(&config)?;
        say(&sandbox(wall(&config, Reach::outer)?));
        // What a reload reads has to be within reach.
        check(&config)?;
        if !config.data.exists() {
            let data = config.data.display().to_string();
            say(&format!(
                "the data folder {} is not there: the daemon makes it, without accounts",
                Printable(&data)
            ));
        }
        say("everything is sound");
        return Ok(ExitCode::SUCCESS);
    }
    serve(&config, storage)
}

fn usage(what: &str) -> ExitCode {
    say(&format!("ftp-daemon: {what}\nTry 'ftp-daemon --help'."));
    ExitCode::from(2)
}

fn config_file(given: Option<String>) -> Result<PathBuf, String> {
    match given {
        Some(file) => Ok(file.into()),
        None => PLACES.iter().map(PathBuf::from).find(|file| file.exists()).ok_or_else(|| {
            format!("there is no config: neither {}; name one with -c FILE", PLACES.join(" nor "))
        }),
    }
}

fn check(config: &Config) -> Result<(ServerTls, Users), String> {
    let tls = tls::load(&config.certificate, &config.private_key, &config.data, SystemTime::now())
        .map_err(|fault| fault.to_string())?;
    let users = Users::load(&config.user_file()).map_err(|fault| fault.to_string())?;
    Ok((tls, users))
}

fn serve(config: &Config, storage: OnDisk<'_>) -> Result<ExitCode, String> {
    // No file of ours is for others, and no image of our memory, which holds passwords, is written.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let _best_effort =
        rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    descriptors::provide(&config.limits)?;
    let (tls, users) = check(config)?;
    prepare(config)?;
    let _lock = lock(&config.run().join("lock"))?;
    let storage = storage(Jail::new(config.users()));
    if config.durability == Durability::Full {
        // What a daemon before us left is counted and shown from now on, and has to stay.
        storage.sync().map_err(|error| {
            format!("{}: what is there cannot be made durable: {error}", config.users().display())
        })?;
    }
    let bound = Bound::new(&config.listen).map_err(|error| error.to_string())?;
    // From here on every thread is behind the one wall, and those that serve behind the other as well.
    let outer = wall(config, Reach::outer)?;
    let (logs, guards) =
        Logs::open(&config.log).map_err(|error| format!("a log cannot be opened: {error}"))?;
    let no_thread = |error: io::Error| format!("a thread cannot be started: {error}");
    control::start(config, outer, users.clone(), &bound.mailbox(), &logs).map_err(no_thread)?;
    let wall = wall(config, Reach::inner)?;
    for address in bound.addresses().map_err(|error| error.to_string())? {
        say(&format!("listening on {address}"));
    }
    let host = Server::new(config, users, storage);
    let mut reactor = Reactor::new(bound, tls.config.clone(), config.limits.clone(), host, logs.clone())
        .map_err(no_thread)?;
    say(&format!("fingerprint {}", tls.fingerprint));
    if tls.ends_soon(SystemTime::now()) {
        warn!(logs.daemon, "the certificate ends in less than 30 days: make a new one, then SIGHUP");
    }
    match wall {
        Some(Wall::Missing(_)) => warn!(logs.daemon, "{}", sandbox(wall)),
        _ => info!(logs.daemon, "{}", sandbox(wall)),
    }
    info!(logs.daemon, "ready"; "software" => SOFTWARE);
    control::notify(&[NotifyState::Ready]);
    let most = watchdog(&mut reactor);
    let ended = reactor.run(most);
    info!(logs.daemon, "ended");
    drop((logs, guards));
    ended.map(|()| ExitCode::SUCCESS).map_err(|error| format!("the poll failed: {error}"))
}

/// Raises a wall, unless the config is against it.
fn wall(config: &Config, reach: impl Fn(&Config) -> Reach) -> Result<Option<Wall>, String> {
    let raised = config.sandbox.then(|| confine(&reach(config))).transpose();
    raised.map_err(|fault| fault.to_string())
}

fn sandbox(wall: Option<Wall>) -> String {
    wall.map_or_else(|| "no sandbox, as the config says".to_owned(), |wall| wall.to_string())
}

/// Has the loop tell systemd that it turns, if systemd wants to know. Returns the longest that one round may wait.
fn watchdog(reactor: &mut Reactor<Server>) -> Duration {
    let Some(limit) = sd_notify::watchdog_enabled() else { return Duration::from_secs(3600) };
    let every = limit / 3;
    let mut last = Instant::now();
    reactor.on_round(move |now| {
        if now.saturating_duration_since(last) >= every {
            last = now;
            control::notify(&[NotifyState::Watchdog]);
        }
    });
    every
}

/// Makes the folders of the data, if they are missing, for nobody else.
fn prepare(config: &Config) -> Result<(), String> {
    for folder in [config.data.clone(), config.users(), config.run(), config.log.folder.clone()] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| format!("{}: the folder cannot be made: {error}", folder.display()))?;
    }
    Ok(())
}

/// Two daemons on one set of data would each keep a ledger of their own.
fn lock(path: &Path) -> Result<File, String> {
    let open = File::options().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = open.map_err(|error| format!("{}: {error}", path.display()))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(format!(
            "another ftp-daemon serves this data folder ({} is locked): stop it first",
            path.display()
        )),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Makes sessions.
struct Server {
    shared: Rc<Shared>,
}

impl Server {
    fn new(config: &Config, users: Users, storage: Arc<dyn Storage>) -> Self {
        let shared = Shared::new(Setup {
            limits: config.limits.clone(),
            durability: config.durability,
            storage,
            users,
            software: SOFTWARE.to_owned(),
            now: Instant::now(),
        });
        Self { shared }
    }
}

impl Host for Server {
    fn guests(&self) -> usize {
        self.shared.guests()
    }

    fn owes(&self, now: Instant, address: IpAddr) -> bool {
        self.shared.owed(now, address).is_some()
    }

    fn machine(&mut self, peer: SocketAddr, now: Instant) -> Box<dyn Machine> {
        Box::new(Session::new(&self.shared, peer, now))
    }

    fn reload(&mut self, limits: Option<Limits>, users: Option<Users>) {
        self.shared.reload(limits, users);
    }
}
