//! The limit of open files: what connections need of it.

use crate::reactor::EACH;
use ftp_core::Limits;
use ftp_core::limits::TOGETHER;
use rustix::process::{Resource, Rlimit};

/// Descriptors that a connection may need: the socket, a part and its sidecar; and those of its user's home.
const DESCRIPTORS: u64 = 6;
/// Descriptors of the process itself.
const OWN_DESCRIPTORS: u64 = 64;
/// Small files that the jobs of one account may have open at once. That several have all of theirs is as rare as several disks that stall.
const SMALL_FILES: u64 = (EACH * TOGETHER) as u64;

/// Raises the limit of open files to what this many connections need, as far as the system lets us.
///
/// # Errors
/// It stays below what they need at least.
pub fn provide(limits: &Limits) -> Result<(), String> {
    let want = limits.connections as u64 * DESCRIPTORS + OWN_DESCRIPTORS + SMALL_FILES;
    let now = rustix::process::getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < want) {
        let current = now.maximum.map_or(want, |maximum| maximum.min(want).max(now.current.unwrap_or(0)));
        let _best_effort = rustix::process::setrlimit(
            Resource::Nofile,
            Rlimit { current: Some(current), maximum: now.maximum },
        );
    }
    let least = limits.connections as u64 + OWN_DESCRIPTORS;
    match rustix::process::getrlimit(Resource::Nofile).current {
        Some(current) if current < least => Err(format!(
            "the limit of open files is {current}, too low for {} connections: raise LimitNOFILE (ulimit -n) to {want}, or lower limits.connections",
            limits.connections
        )),
        _ => Ok(()),
    }
}
