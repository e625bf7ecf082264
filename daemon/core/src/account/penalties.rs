//! Sources that fail to log in are slowed down, as sshd's PerSourcePenalties do.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What each source owes. Pure: it is given the time.
#[derive(Debug, Default)]
pub struct Penalties {}

impl Penalties {
    /// How long a source still has to wait, if it has to.
    #[must_use]
    pub fn owed(&self, _now: Instant, _source: IpAddr) -> Option<Duration> {
        unimplemented!()
    }

    /// A login of this source failed.
    pub fn failed(&mut self, _now: Instant, _source: IpAddr) {
        unimplemented!()
    }
}
