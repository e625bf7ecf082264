//! `ftp-daemon.ron`: read raw, then checked; to hold a [`Config`] is to know that it makes sense.

use ftp_core::Limits;
use ftp_core::account::ron_text;
use ftp_core::limits::Guests;
use ftp_core::vfs::Durability;
use ftp_proto::Printable;
use rustix::fs::{Mode, OFlags};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The checked configuration. All paths are absolute or relative to the working directory as given; those in the file are relative to the file's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub private_key: PathBuf,
    /// Holds `users.ron`, `users/<name>/{home,parts,last_login}`, `log/`, `run/`.
    pub data: PathBuf,
    /// The bounds.
    pub limits: Limits,
    /// What an `ok` has to survive.
    pub durability: Durability,
    /// Whether the kernel should keep the daemon to its own files.
    pub sandbox: bool,
    /// What to log.
    pub log: LogConfig,
}

/// What is logged where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The least severe that goes to stderr.
    pub level: Level,
    /// The folder of `login.log` and `operate.log`.
    pub folder: PathBuf,
}

/// How much goes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Only what the operator must act on.
    Error,
    /// And what looks odd.
    Warning,
    /// And what happens.
    #[default]
    Info,
    /// And each step.
    Debug,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// What is wrong, in which line, and what to do, as a sentence.
    pub fn load(file: &Path) -> Result<Self, ConfigFault> {
        Self::parse(file, &read(file)?)
    }

    /// Reads and checks a text that came from `file`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigFault> {
        let raw: Raw = ron_text::parse(file, text).map_err(ConfigFault)?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let data = folder.join(raw.data.0);
        Ok(Self {
            file: file.to_owned(),
            listen: raw.listen,
            certificate: folder.join(raw.certificate.0),
            private_key: folder.join(raw.private_key.0),
            limits: raw.limits.into(),
            durability: raw.durability,
            sandbox: raw.sandbox,
            log: LogConfig {
                level: raw.log.level,
                folder: raw.log.folder.map_or_else(|| data.join("log"), |path| folder.join(path.0)),
            },
            data,
        })
    }

    /// The user file.
    #[must_use]
    pub fn user_file(&self) -> PathBuf {
        self.data.join("users.ron")
    }

    /// The folder of all users' folders.
    #[must_use]
    pub fn users(&self) -> PathBuf {
        self.data.join("users")
    }

    /// The folder of what only a running daemon has.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.data.join("run")
    }
}

fn read(file: &Path) -> Result<String, ConfigFault> {
    let name = file.display().to_string();
    let fault = |what: std::fmt::Arguments<'_>| ConfigFault(format!("{}: {what}", Printable(&name)));
    // A FIFO would have us wait for its other end.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = rustix::fs::open(file, flags, Mode::empty()).map(File::from).map_err(|error| {
        fault(format_args!("the config cannot be opened: {}", std::io::Error::from(error)))
    })?;
    if !opened.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(fault(format_args!("the config is not a regular file")));
    }
    let mut text = String::new();
    opened
        .take(FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| fault(format_args!("the config cannot be read: {error}")))?;
    if text.len() as u64 > FILE_BYTES {
        return Err(fault(format_args!("it is larger than {FILE_BYTES} bytes; that is no config")));
    }
    Ok(text)
}

/// The largest config, in bytes.
const FILE_BYTES: u64 = 1024 * 1024;

/// The file as it is spelled. Each value is checked while it is read, so that what is wrong with it is told with its line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "config")]
struct Raw {
    #[serde(default = "default_listen", deserialize_with = "addresses")]
    listen: Vec<SocketAddr>,
    certificate: RawPath,
    private_key: RawPath,
    data: RawPath,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    durability: Durability,
    #[serde(default = "yes")]
    sandbox: bool,
    #[serde(default)]
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename = "limits")]
struct RawLimits {
    #[serde(deserialize_with = "connections")]
    connections: usize,
    #[serde(deserialize_with = "connections_per_address")]
    connections_per_address: usize,
    #[serde(deserialize_with = "idle_seconds")]
    idle_seconds: u64,
    #[serde(deserialize_with = "drain_seconds")]
    drain_seconds: u64,
    #[serde(deserialize_with = "entries_per_user")]
    entries_per_user: u64,
    #[serde(deserialize_with = "penalty_exempt")]
    penalty_exempt: Vec<IpAddr>,
    #[serde(deserialize_with = "guests")]
    guests: Option<RawGuests>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "guests")]
struct RawGuests {
    start: usize,
    percent: u8,
    full: usize,
}

impl Default for RawLimits {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            idle_seconds: limits.idle.as_secs(),
            drain_seconds: limits.drain.as_secs(),
            entries_per_user: limits.entries,
            penalty_exempt: limits.penalty_exempt,
            guests: None,
        }
    }
}

impl From<RawLimits> for Limits {
    fn from(raw: RawLimits) -> Self {
        Self {
            connections: raw.connections,
            connections_per_address: raw.connections_per_address,
            idle: Duration::from_secs(raw.idle_seconds),
            drain: Duration::from_secs(raw.drain_seconds),
            entries: raw.entries_per_user,
            penalty_exempt: raw.penalty_exempt,
            guests: raw.guests.map_or_else(
                || Guests::of(raw.connections),
                |RawGuests { start, percent, full }| Guests { start, percent, full },
            ),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename = "log")]
struct RawLog {
    level: Level,
    folder: Option<RawPath>,
}

/// A path that says something.
struct RawPath(PathBuf);

impl<'de> Deserialize<'de> for RawPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() || text.contains('\0') {
            return Err(D::Error::custom("this path is empty; name a file or folder"));
        }
        Ok(Self(text.into()))
    }
}

fn yes() -> bool {
    true
}

fn default_listen() -> Vec<SocketAddr> {
    vec![SocketAddr::from(([127, 0, 0, 1], ftp_proto::limits::DEFAULT_PORT))]
}

fn addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SocketAddr>, D::Error> {
    let mut addresses = Vec::new();
    let mut seen = BTreeSet::new();
    for text in Vec::<String>::deserialize(from)? {
        let address: SocketAddr = text.parse().map_err(|_| {
            let hint = "write the IP address and the port, as in \"127.0.0.1:9999\", \"0.0.0.0:9999\" or \"[::]:9999\"";
            D::Error::custom(format_args!("`listen` has `{text}`: {hint}; names are not looked up"))
        })?;
        if address.port() != 0 && !seen.insert(address) {
            return Err(D::Error::custom(format_args!("`listen` has `{address}` twice")));
        }
        addresses.push(address);
    }
    match addresses.len() {
        0 => {
            Err(D::Error::custom("`listen` is empty: name at least one address, as in [\"127.0.0.1:9999\"]"))
        }
        1..=LISTENERS => Ok(addresses),
        _ => Err(D::Error::custom(format_args!("`listen` has over {LISTENERS} addresses"))),
    }
}

/// The most addresses to listen on.
const LISTENERS: usize = 64;

fn connections<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    within(from, "connections", 1..=100_000)
}

fn connections_per_address<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    within(from, "connections_per_address", 1..=100_000)
}

fn idle_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(from, "idle_seconds", 10..=86_400)
}

fn drain_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(from, "drain_seconds", 0..=3_600)
}

fn entries_per_user<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(from, "entries_per_user", 1..=1_000_000_000)
}

fn penalty_exempt<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpAddr>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let parse = |text: &String| {
        let address = text.parse::<IpAddr>().map(|address| address.to_canonical());
        address.map_err(|_| {
            D::Error::custom(format_args!(
                "`penalty_exempt` has `{text}`: write an IP address, as in \"192.0.2.7\""
            ))
        })
    };
    texts.iter().map(parse).collect()
}

fn guests<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RawGuests>, D::Error> {
    let raw = RawGuests::deserialize(from)?;
    if raw.start == 0 || raw.start > raw.full || raw.full > 100_000 || !(1..=100).contains(&raw.percent) {
        return Err(D::Error::custom(format_args!(
            "`guests` is (start: {}, percent: {}, full: {}): start has to be 1 or more, full at least start and 100000 at most, percent 1 to 100",
            raw.start, raw.percent, raw.full
        )));
    }
    Ok(Some(raw))
}

fn within<'de, D, T>(from: D, key: &str, range: RangeInclusive<T>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    // With a sign, so that one too small is told as one too large is.
    let value = i64::deserialize(from)?;
    if let Ok(value) = T::try_from(value)
        && range.contains(&value)
    {
        return Ok(value);
    }
    Err(D::Error::custom(format_args!(
        "`{key}` is {value}, and has to be {} to {}",
        range.start(),
        range.end()
    )))
}

/// What is wrong with a config.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigFault(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: &str = "certificate: \"c.pem\", private_key: \"/k.pem\", data: \"../var\"";

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ftp-daemon.ron");
        std::fs::write(&file, text).expect("written");
        let shorter = |text: &str| text.replace(&format!("{}/", folder.path().display()), "");
        Config::load(&file).map_err(|fault| shorter(&fault.0))
    }

    fn fault(keys: &str) -> String {
        load(&format!("({PATHS},\n{keys})")).expect_err("it is wrong")
    }

    #[test]
    fn the_shipped_config_shows_each_key_with_its_default() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/ftp-daemon.ron");
        let config = Config::load(&shipped).expect("it is sound");
        let folder = shipped.parent().expect("it is in a folder");
        let (file, data) = (shipped.clone(), folder.join("../var"));
        let expected = Config {
            file,
            listen: default_listen(),
            certificate: folder.join("../certs/server.pem"),
            private_key: folder.join("../certs/server.key"),
            limits: Limits::default(),
            durability: Durability::Full,
            sandbox: true,
            log: LogConfig { level: Level::Info, folder: data.join("log") },
            data,
        };
        assert_eq!(config, expected);
        let text = std::fs::read_to_string(&shipped).expect("read");
        for key in [
            "listen:",
            "certificate:",
            "private_key:",
            "data:",
            "durability:",
            "sandbox:",
            "connections:",
            "connections_per_address:",
            "idle_seconds:",
            "drain_seconds:",
            "entries_per_user:",
            "penalty_exempt:",
            "guests:",
            "level:",
            "folder:",
        ] {
            // Where the default goes with another key, it is a comment.
            let mut lines = text.lines().map(|line| line.trim_start().trim_start_matches("// "));
            assert!(lines.any(|line| line.starts_with(key)), "{key} is shown");
        }
    }

    #[test]
    fn three_paths_are_enough_and_are_relative_to_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.ron");
        std::fs::write(&file, format!("({PATHS})")).expect("written");
        let config = Config::load(&file).expect("sound");
        assert_eq!(config.certificate, folder.path().join("c.pem"));
        assert_eq!(config.private_key, Path::new("/k.pem"));
        assert_eq!(config.data, folder.path().join("../var"));
        assert_eq!(config.log.folder, config.data.join("log"));
        assert_eq!(config.user_file(), config.data.join("users.ron"));
        assert_eq!((config.limits, config.listen), (Limits::default(), default_listen()));
    }

    #[test]
    fn each_value_can_be_set() {
        let text = format!(
            "({PATHS}, listen: [\"127.0.0.1:0\", \"[::1]:0\", \"127.0.0.1:0\"], durability: fast, sandbox: false, limits: (connections: 5, idle_seconds: 10, penalty_exempt: [\"::ffff:10.0.0.1\"], guests: (start: 3, percent: 40, full: 5)),
            log: (level: debug, folder: \"/l\"))"
        );
        let config = load(&text).expect("sound");
        assert_eq!(config.listen.len(), 3, "port 0 is another port each time");
        assert_eq!(
            (config.durability, config.sandbox, config.log.level, config.log.folder),
            (Durability::Fast, false, Level::Debug, "/l".into())
        );
        let expected = Limits {
            connections: 5,
            idle: Duration::from_secs(10),
            penalty_exempt: vec![IpAddr::from([10, 0, 0, 1])],
            guests: Guests { start: 3, percent: 40, full: 5 },
            ..Limits::default()
        };
        assert_eq!(config.limits, expected);
    }

    #[test]
    fn a_misspelt_key_is_told_with_its_line_and_the_right_one() {
        assert_eq!(fault("  listne: []"), "ftp-daemon.ron:2:3: unknown key `listne`: did you mean `listen`?");
        assert_eq!(
            fault("limits: (idle_second: 5)"),
            "ftp-daemon.ron:2:10: unknown key `idle_second`: did you mean `idle_seconds`?"
        );
        assert_eq!(fault("durability: ful"), "ftp-daemon.ron:2:13: unknown word `ful`: did you mean `full`?");
        assert_eq!(load("()").expect_err("empty"), "ftp-daemon.ron:1:2: `certificate` is missing");
    }

    #[test]
    fn a_value_out_of_range_is_told_with_its_line_and_the_range() {
        for (keys, words) in [
            ("limits: (connections: 0)", "`connections` is 0, and has to be 1 to 100000"),
            ("limits: (connections_per_address: 100001)", "`connections_per_address` is 100001"),
            ("limits: (idle_seconds: 9)", "`idle_seconds` is 9, and has to be 10 to 86400"),
            ("limits: (drain_seconds: 3601)", "`drain_seconds` is 3601"),
            ("limits: (drain_seconds: -3)", "`drain_seconds` is -3, and has to be 0 to 3600"),
            ("limits: (entries_per_user: 0)", "`entries_per_user` is 0"),
            (
                "limits: (penalty_exempt: [\"localhost\"])",
                "`penalty_exempt` has `localhost`: write an IP address",
            ),
            ("limits: (penalty_exempt: [\"10.0.0.0/8\"])", "write an IP address"),
            (
                "limits: (guests: (start: 0, percent: 30, full: 9))",
                "`guests` is (start: 0, percent: 30, full: 9)",
            ),
            ("limits: (guests: (start: 9, percent: 30, full: 8))", "full at least start"),
            ("limits: (guests: (start: 1, percent: 101, full: 8))", "percent 1 to 100"),
            ("limits: (guests: (start: 1, percent: 30, full: 100001))", "100000 at most"),
            ("limits: (guests: (start: 1, percent: 30, ful: 3))", "did you mean `full`?"),
            ("limits: (connections: -1)", ""),
            ("limits: (connections: 1e3)", ""),
            ("listen: []", "name at least one address"),
            ("listen: [\"localhost:9999\"]", "`listen` has `localhost:9999`"),
            ("listen: [\"127.0.0.1\"]", "names are not looked up"),
            ("listen: [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "twice"),
            ("log: (folder: \"\")", "this path is empty"),
        ] {
            let told = fault(keys);
            assert!(told.starts_with("ftp-daemon.ron:2:") && told.contains(words), "{keys}: {told}");
        }
    }

    #[test]
    fn what_is_no_config_is_refused() {
        assert!(
            Config::load(Path::new("/nowhere/x.ron")).expect_err("missing").0.contains("cannot be opened")
        );
        assert!(Config::load(Path::new("/")).expect_err("a folder").0.contains("not a regular file"));
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RUSR, 0)
            .expect("a FIFO");
        assert!(Config::load(&fifo).expect_err("a FIFO").0.contains("not a regular file"));
        assert!(load(&" ".repeat(1024 * 1024 + 1)).expect_err("too large").contains("larger than"));
        for text in ["", "[]", "(", "certificate: \"x\""] {
            assert!(load(text).is_err(), "{text}");
        }
    }
}
