//! Sources that fail to log in are slowed down, as sshd's `PerSourcePenalties` does it.
//!
//! Each failure adds to what a source owes; the debt runs off with time. It is enforced once it is large enough that nobody who mistyped twice meets it.

use crate::limits::SOURCES;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// What one failure adds.
const FAILURE: Duration = Duration::from_secs(5);
/// Below this, nothing is enforced.
const ENFORCED: Duration = Duration::from_secs(15);
/// The most a source can owe.
const MOST: Duration = Duration::from_secs(600);

const _: () = assert!(ENFORCED.as_secs() >= 2 * FAILURE.as_secs() && MOST.as_secs() > ENFORCED.as_secs());

/// What each source owes. Pure: it is given the time.
#[derive(Debug, Default)]
pub struct Penalties {
    /// When the debt has run off, and whether it is being enforced.
    debts: HashMap<IpAddr, Debt>,
}

#[derive(Debug, Clone, Copy)]
struct Debt {
    until: Instant,
    enforced: bool,
}

impl Penalties {
    /// How long a source still has to wait, if it has to.
    #[must_use]
    pub fn owed(&self, now: Instant, source: IpAddr) -> Option<Duration> {
        let debt = self.debts.get(&block(source))?;
        debt.until.checked_duration_since(now).filter(|owed| debt.enforced && !owed.is_zero())
    }

    /// A login of this source failed.
    pub fn failed(&mut self, now: Instant, source: IpAddr) {
        if self.debts.len() >= SOURCES {
            self.debts.retain(|_, debt| debt.until > now);
        }
        if self.debts.len() >= SOURCES {
            let least = self.debts.iter().min_by_key(|(_, debt)| debt.until).map(|(source, _)| *source);
            least.map(|source| self.debts.remove(&source));
        }
        let debt = self.debts.entry(block(source)).or_insert(Debt { until: now, enforced: false });
        if debt.until <= now {
            *debt = Debt { until: now, enforced: false };
        }
        debt.until = (debt.until + FAILURE).min(now + MOST);
        debt.enforced |= debt.until.saturating_duration_since(now) >= ENFORCED - Duration::from_secs(1);
    }
}

/// Who counts as one source: an IPv4 address, or the /64 of an IPv6 address.
fn block(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn three_quick_failures_have_to_be_waited_out() {
        let (mut penalties, now, source) = (Penalties::default(), Instant::now(), ip("192.0.2.1"));
        penalties.failed(now, source);
        penalties.failed(now, source);
        assert_eq!(penalties.owed(now, source), None, "two typos");
        penalties.failed(now, source);
        assert_eq!(penalties.owed(now, source), Some(Duration::from_secs(15)));
        assert_eq!(penalties.owed(now + Duration::from_secs(14), source), Some(Duration::from_secs(1)));
        assert_eq!(penalties.owed(now + Duration::from_secs(15), source), None);
        assert_eq!(penalties.owed(now, ip("192.0.2.2")), None, "another source");
    }

    #[test]
    fn slow_failures_are_forgiven_and_many_are_bounded() {
        let (mut penalties, mut now, source) = (Penalties::default(), Instant::now(), ip("192.0.2.1"));
        for _ in 0..20 {
            penalties.failed(now, source);
            now += Duration::from_secs(6);
            assert_eq!(penalties.owed(now, source), None);
        }
        (0..1000).for_each(|_| penalties.failed(now, source));
        assert_eq!(penalties.owed(now, source), Some(MOST));
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_the_table_is_bounded() {
        let (mut penalties, now) = (Penalties::default(), Instant::now());
        (0..3).for_each(|i| penalties.failed(now, ip(&format!("2001:db8:1:2::{i}"))));
        assert!(penalties.owed(now, ip("2001:db8:1:2:ffff::1")).is_some());
        assert!(penalties.owed(now, ip("2001:db8:1:3::1")).is_none());
        (0..SOURCES + 100).for_each(|i| {
            penalties.failed(now, IpAddr::from(u32::try_from(i).expect("small").to_be_bytes()));
        });
        assert!(penalties.debts.len() <= SOURCES);
    }
}
