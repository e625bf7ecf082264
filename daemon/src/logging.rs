//! Where lines go: what the operator should see to stderr, logins to `login.log`, what users do to files to `operate.log`.
//!
//! A line is `key=value`, one per event, with everything foreign escaped. The threads that log only put a record into a bounded queue; when that is full the
//! record is dropped and counted, for a slow disk must not hold the reactor. So is a line that a full disk does not take.

mod file;
mod line;
#[cfg(test)]
mod tests;

use crate::config::{Level, LogConfig};
use file::{Lines, Next};
use ftp_core::audit::{Audit, LoginEvent, Operate};
use ftp_proto::Printable;
use line::LineDrain;
use slog::{Drain as _, KV, Logger, OwnedKV, Record, Serializer, debug, error, info, o, warn};
use slog_async::{Async, OverflowStrategy};
use slog_term::{PlainSyncDecorator, TermDecorator};
use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Records that may wait for a slow disk.
const QUEUE: usize = 4096;
/// Lines about broken connections in one second; more are only counted.
const NOISE: u64 = 20;

/// All logs.
pub struct Logs {
    /// The daemon's own.
    pub daemon: Logger,
    login: Logger,
    operate: Logger,
    /// The files by name, and where the threads that write them find their next one.
    files: Vec<(PathBuf, Next<File>)>,
    noise: Noise,
}

/// Bounds what a flood of bad connections can write.
#[derive(Default)]
struct Noise {
    second: AtomicU64,
    lines: AtomicU64,
}

impl Noise {
    fn allows(&self) -> bool {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
        if self.second.swap(now, Ordering::Relaxed) != now {
            self.lines.store(0, Ordering::Relaxed);
        }
        self.lines.fetch_add(1, Ordering::Relaxed) < NOISE
    }
}

/// Keeps the writing threads; when it is dropped, what waits has been written.
pub struct Guards(#[expect(dead_code, reason = "held for its drop")] Vec<slog_async::AsyncGuard>);

impl Logs {
    /// Opens the files, 0600, and starts the writing threads.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub fn open(config: &LogConfig) -> io::Result<(Arc<Self>, Guards)> {
        let level = match config.level {
            Level::Error => slog::Level::Error,
            Level::Warning => slog::Level::Warning,
            Level::Info => slog::Level::Info,
            Level::Debug => slog::Level::Debug,
        };
        let mut guards = Vec::new();
        let stderr = LineDrain::daemon(TermDecorator::new().stderr().build()).filter_level(level);
        let daemon = logger(stderr, &mut guards);
        let mut files = Vec::new();
        let mut file = |name: &'static str| -> io::Result<Logger> {
            let path = config.folder.join(name);
            let (file, next, stderr) = (file::open(&path)?, Next::default(), daemon.clone());
            let lines = Lines::new(file, Arc::clone(&next), move |lost, error: &io::Error| {
                error!(stderr, "lines of a log cannot be written and are lost"; "log" => name, "lost" => lost, "why" => error.to_string());
            });
            files.push((path, next));
            Ok(logger(LineDrain::audit(PlainSyncDecorator::new(lines)), &mut guards))
        };
        let (login, operate) = (file("login.log")?, file("operate.log")?);
        // The files' threads, which end first, may have something to say yet.
        guards.rotate_left(1);
        let logs = Self { daemon, login, operate, files, noise: Noise::default() };
        Ok((Arc::new(logs), Guards(guards)))
    }

    /// Opens the files again, for they may have been moved away. Returns why some cannot be: those go on where they are.
    #[must_use]
    pub fn reopen(&self) -> Vec<io::Error> {
        let reopen =
            |(path, next): &(PathBuf, Next<File>)| file::open(path).map(|file| file::replace(next, file));
        self.files.iter().filter_map(|file| reopen(file).err()).collect()
    }

    /// Writes a note of a session to where it belongs.
    pub fn audit(&self, audit: Audit) {
        match audit {
            Audit::Login { peer, user, event } => self.login(peer, &user, event),
            Audit::Operate(operation) => info!(self.operate.new(OwnedKV(Operation(operation))), ""),
            Audit::Charged { peer, offence, slowed: true } => {
                info!(self.login, ""; "event" => "slowed", "ip" => peer.ip().to_string(), "port" => peer.port(), "why" => offence.word());
            }
            Audit::Charged { peer, offence, slowed: false } => {
                debug!(self.daemon, "penalty"; "offence" => offence.word(), "peer" => peer.to_string());
            }
            Audit::State { peer, from, to } => {
                debug!(self.daemon, "session"; "from" => from, "to" => to, "peer" => peer.to_string());
            }
            Audit::Failed { peer, user, what } => {
                let user = user.as_ref().map_or("-", |user| user.as_str()).to_owned();
                error!(self.daemon, "a request failed at our side"; "what" => what, "user" => user, "peer" => peer.to_string());
            }
        }
    }

    fn login(&self, peer: SocketAddr, user: &str, event: LoginEvent) {
        let (ip, port) = (peer.ip().to_string(), peer.port());
        let user = Printable(user).to_string();
        match event {
            LoginEvent::Accepted { by, took } => {
                info!(self.login, ""; "event" => "login", "ip" => ip, "port" => port, "by" => by, "took" => %Seconds(took), "user" => user);
            }
            LoginEvent::Refused { why, code } => {
                info!(self.login, ""; "event" => "refused", "ip" => ip, "port" => port, "why" => why, "code" => word(code), "user" => user);
            }
            LoginEvent::Ended { why, after, received, sent } => {
                info!(self.login, ""; "event" => "logout", "ip" => ip, "port" => port, "why" => why, "after" => %Seconds(after),
                    "received" => received, "sent" => sent, "user" => user);
            }
        }
    }

    /// A connection broke, or was not one of ours.
    pub fn lost(&self, peer: SocketAddr, why: &str) {
        if self.noise.allows() {
            info!(self.daemon, "connection lost"; "why" => Printable(why).to_string(), "peer" => peer.to_string());
        }
    }

    /// A connection was over the bounds.
    pub fn turned_away(&self, peer: SocketAddr) {
        if self.noise.allows() {
            warn!(self.daemon, "connection turned away: too many"; "peer" => peer.to_string());
        }
    }

    /// A connection could not be accepted.
    pub fn accept_failed(&self, error: &io::Error) {
        if self.noise.allows() {
            warn!(self.daemon, "cannot accept connections for a moment"; "error" => error.to_string());
        }
    }
}

fn logger(
    drain: impl slog::Drain<Ok = impl Send, Err = impl fmt::Debug> + Send + 'static,
    guards: &mut Vec<slog_async::AsyncGuard>,
) -> Logger {
    let (drain, guard) = Async::new(drain.ignore_res())
        .chan_size(QUEUE)
        .overflow_strategy(OverflowStrategy::DropAndReport)
        .build_with_guard();
    guards.push(guard);
    Logger::root(drain.ignore_res(), o!())
}

/// What a user did to a file, as it goes to the thread that writes: to make its text is more than a tenth of what the reactor has to do for a small file.
struct Operation(Operate);

impl KV for Operation {
    fn serialize(&self, _record: &Record<'_>, to: &mut dyn Serializer) -> slog::Result {
        let Operate { peer, user, op, path, to: new, bytes, took, root, result } = &self.0;
        // Last first, as slog itself does.
        if let Some(new) = new {
            to.emit_arguments("to", &format_args!("{}", Printable(&new.to_string())))?;
        }
        to.emit_arguments("path", &format_args!("{}", Printable(&path.to_string())))?;
        match result {
            Ok(()) => to.emit_str("result", "ok")?,
            Err(code) => to.emit_str("result", &word(*code))?,
        }
        match root {
            Some(root) => to.emit_arguments("blake3", &format_args!("{root}"))?,
            None => to.emit_str("blake3", "-")?,
        }
        to.emit_u64("rate", rate(*bytes, *took))?;
        to.emit_arguments("took", &format_args!("{}", Seconds(*took)))?;
        to.emit_u64("bytes", *bytes)?;
        to.emit_arguments("peer", &format_args!("{peer}"))?;
        to.emit_str("user", user.as_str())?;
        to.emit_str("op", op)
    }
}

fn word(code: ftp_proto::Code) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// To the millisecond.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0.as_secs_f64())
    }
}

/// Bytes in a second.
fn rate(bytes: u64, took: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000_000 / took.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}
