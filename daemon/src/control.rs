//! The threads that watch for signals and for changes of the user file, and tell the reactor what they found - read and checked, so that it never waits.

use crate::config::Config;
use crate::descriptors;
use crate::logging::Logs;
use crate::reactor::{Mailbox, Message};
use crate::sandbox::{Wall, is_refused};
use crate::tls;
use ftp_core::account::user_file::Users;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use slog::{error, info, warn};
use std::fmt::Display;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

/// How often the user file is looked at: a changed or removed user is out within a second.
const LOOK: Duration = Duration::from_millis(300);

/// Starts the threads, behind the wall that stands. They end with the process.
///
/// # Errors
/// The system gives no thread or signal handler.
pub fn start(
    config: &Config,
    wall: Option<Wall>,
    users: Users,
    mailbox: &Mailbox,
    logs: &Arc<Logs>,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (config_for_signals, mail, log) = (config.clone(), mailbox.clone(), Arc::clone(logs));
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in &mut signals {
            let goes_on = if signal == SIGHUP {
                reload(&config_for_signals, wall, &mail, &log)
            } else {
                terminate(&mail, &log)
            };
            if !goes_on {
                return;
            }
        }
    })?;
    let (config, mail, log) = (config.clone(), mailbox.clone(), Arc::clone(logs));
    thread::Builder::new()
        .name("accounts".into())
        .spawn(move || watch(&config.user_file(), wall, users, &mail, &log))?;
    Ok(())
}

fn terminate(mailbox: &Mailbox, logs: &Logs) -> bool {
    info!(logs.daemon, "ending: transfers may finish");
    notify(&[NotifyState::Stopping]);
    mailbox.send(Message::Terminate)
}

/// Tells systemd, if it listens.
pub fn notify(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    let _nobody = sd_notify::notify(states);
}

/// What is wrong, and what the wall may have to do with it if the kernel refused something.
fn why(fault: &dyn Display, wall: Option<Wall>, is_refused: bool) -> String {
    format!("{fault}{}", wall.filter(|_| is_refused).map_or("", Wall::hint))
}

/// Reads everything anew; what is bad keeps the old.
fn reload(old: &Config, wall: Option<Wall>, mailbox: &Mailbox, logs: &Logs) -> bool {
    for error in logs.reopen() {
        let why = why(&error, wall, error.kind() == io::ErrorKind::PermissionDenied);
        warn!(logs.daemon, "a log cannot be opened anew; lines go on into the file that was open: see to the folder, then restart the daemon"; "why" => why);
    }
    let mut tls = None;
    let mut limits = None;
    match Config::load(&old.file) {
        Err(fault) => {
            let why = why(&fault, wall, is_refused(&[&old.file]));
            error!(logs.daemon, "the config is bad; the old one stays"; "why" => why);
        }
        Ok(new) => {
            if (&new.listen, &new.data, new.durability, new.sandbox, &new.log)
                != (&old.listen, &old.data, old.durability, old.sandbox, &old.log)
            {
                warn!(logs.daemon, "changes of listen, data, durability, sandbox and log need a restart");
            }
            match tls::load(&new.certificate, &new.private_key, &new.data, SystemTime::now()) {
                Err(fault) => {
                    let why = why(&fault, wall, is_refused(&[&new.certificate, &new.private_key]));
                    error!(logs.daemon, "the certificate is bad; the old one stays"; "why" => why);
                }
                Ok(new) => tls = Some(new.config),
            }
            match descriptors::provide(&new.limits) {
                Err(why) => error!(logs.daemon, "the limits are bad; the old ones stay"; "why" => why),
                Ok(()) => limits = Some(new.limits),
            }
        }
    }
    let users = match Users::load(&old.user_file()) {
        Err(fault) => {
            let why = why(&fault, wall, is_refused(&[&old.user_file()]));
            error!(logs.daemon, "the user file is bad; the old one stays"; "why" => why);
            None
        }
        Ok(users) => Some(users),
    };
    info!(logs.daemon, "reloaded"; "limits" => limits.is_some(), "certificate" => tls.is_some(), "users" => users.is_some());
    mailbox.send(Message::Reload { limits, users, tls })
}

/// Looks at the user file again and again.
fn watch(file: &Path, wall: Option<Wall>, mut known: Users, mailbox: &Mailbox, logs: &Logs) {
    let (mut seen, mut there) = (None, false);
    loop {
        let now = version(file);
        // An editor may have moved the old file away and not have written the new one yet: only the second look believes it.
        let is_away = std::mem::replace(&mut there, now.is_some()) && now.is_none();
        if Some(now) != seen && !is_away {
            let loaded = Users::load(file).map_err(|fault| why(&fault, wall, is_refused(&[file])));
            // What changes while it is read is read again.
            if version(file) == now {
                seen = Some(now);
                if !take(loaded, &mut known, mailbox, logs) {
                    return;
                }
            }
        }
        thread::sleep(LOOK);
    }
}

/// Tells the reactor of accounts that are others than the known ones. False when it is gone.
fn take(loaded: Result<Users, String>, known: &mut Users, mailbox: &Mailbox, logs: &Logs) -> bool {
    match loaded {
        Err(why) => {
            error!(logs.daemon, "the user file is bad; the old one stays"; "why" => why);
            true
        }
        Ok(users) if users != *known => {
            info!(logs.daemon, "accounts changed"; "users" => users.users.len());
            known.clone_from(&users);
            mailbox.send(Message::Reload { limits: None, users: Some(users), tls: None })
        }
        Ok(_) => true,
    }
}

/// What changes whenever the file does; none if it is not there.
fn version(file: &Path) -> Option<(u64, u64, i64, i64, i64, i64)> {
    let facts = std::fs::symlink_metadata(file).ok()?;
    let (changed, nanos) = (facts.ctime(), facts.ctime_nsec());
    Some((facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec(), changed, nanos))
}
