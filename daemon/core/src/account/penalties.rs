//! Sources that fail to log in, or whose connections lead nowhere, are slowed down, as sshd's `PerSourcePenalties` do.

use crate::limits::SOURCES;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What a source is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// A name and a password that do not go together: 5 s, as sshd's `authfail`.
    WrongLogin,
    /// A connection that ends, and nobody tried to log in: 1 s, as `noauth`. So what looks every second whether somebody listens owes nothing for long,
    /// be it by another protocol, and so does a person who thinks about a password for longer than the daemon waits.
    NoLogin,
    /// The time for the handshake has passed, which no person is asked for anything in: 10 s, as `grace-exceeded`.
    TooSlow,
    /// It breaks our protocol, behind a handshake that only a client of it can do, before anybody is logged in: 10 s. Sshd has nothing like it.
    Nonsense,
}

impl Offence {
    /// As it stands in a log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WrongLogin => "wrong_login",
            Self::NoLogin => "no_login",
            Self::TooSlow => "too_slow",
            Self::Nonsense => "nonsense",
        }
    }

    fn cost(self) -> Duration {
        Duration::from_secs(match self {
            Self::WrongLogin => 5,
            Self::NoLogin => 1,
            Self::TooSlow | Self::Nonsense => 10,
        })
    }
}

/// Less than this is owed but not enforced, as sshd's `min:15s`.
const ENFORCED_FROM: Duration = Duration::from_secs(15);
/// No source owes more, as sshd's `max:10m`.
const MOST: Duration = Duration::from_secs(600);

/// What each source owes. Pure: it is given the time.
///
/// An offence adds its cost to what its source owes; time pays it off. From 15 s on the source has to wait until all of it is paid. So the fourth
/// wrong login within five seconds is the first that slows a source down, and the fifth does so within ten. A source is an IPv4 address or an
/// IPv6 /64. At most [`SOURCES`] are remembered; beyond that the one that owes least is forgotten.
#[derive(Debug, Default)]
pub struct Penalties {
    debts: HashMap<Source, Debt>,
    /// The same debts in the order in which they will be paid, to find the least.
    by_end: BTreeSet<(Instant, Source)>,
}

#[derive(Debug, Clone, Copy)]
struct Debt {
    /// When it will be paid.
    end: Instant,
    /// Once it has been 15 s it is enforced to its end.
    enforced: bool,
}

/// Who is held to account as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Source {
    V4(u32),
    /// The /64: what one customer commonly has.
    V6(u64),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

impl Penalties {
    /// How long a source still has to wait, if it has to.
    #[must_use]
    pub fn owed(&self, now: Instant, source: IpAddr) -> Option<Duration> {
        let debt = self.debts.get(&source.into()).filter(|debt| debt.enforced)?;
        Some(debt.end.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// This source did something that costs. Says whether it has to wait from now on, and had not to before.
    pub fn charge(&mut self, now: Instant, source: IpAddr, offence: Offence) -> bool {
        self.forget_paid(now);
        let source = source.into();
        let before = self.debts.remove(&source);
        if let Some(debt) = before {
            self.by_end.remove(&(debt.end, source));
        } else if self.debts.len() >= SOURCES {
            self.forget_least();
        }
        let end = before.map_or(now, |debt| debt.end.max(now)) + offence.cost();
        let end = end.min(now + MOST);
        let was_enforced = before.is_some_and(|debt| debt.enforced);
        let enforced = was_enforced || end.saturating_duration_since(now) >= ENFORCED_FROM;
        self.debts.insert(source, Debt { end, enforced });
        self.by_end.insert((end, source));
        enforced && !was_enforced
    }

    fn forget_paid(&mut self, now: Instant) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            self.forget_least();
        }
    }

    fn forget_least(&mut self) {
        if let Some((_, source)) = self.by_end.pop_first() {
            self.debts.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Offence::{NoLogin, Nonsense, TooSlow, WrongLogin};
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn that_a_source_is_slowed_down_is_said_when_it_begins() {
        let (mut penalties, mut now) = (Penalties::default(), Instant::now());
        for begins in [false, true, false, false] {
            assert_eq!(penalties.charge(now, A, TooSlow), begins);
        }
        now += seconds(41);
        assert!(!penalties.charge(now, A, TooSlow) && penalties.charge(now, A, TooSlow), "it had paid");
    }

    #[test]
    fn five_wrong_ones_slow_the_source_down_and_no_other() {
        let (mut penalties, start) = (Penalties::default(), Instant::now());
        let mut now = start;
        for _ in 0..5 {
            penalties.charge(now, A, WrongLogin);
            now += seconds(2);
        }
        assert_eq!(penalties.owed(now, A), Some(seconds(15)));
        assert_eq!(penalties.owed(now, B), None);
    }

    #[test]
    fn two_slips_of_the_finger_cost_nothing() {
        let (mut penalties, now) = (Penalties::default(), Instant::now());
        penalties.charge(now, A, WrongLogin);
        penalties.charge(now, A, WrongLogin);
        assert_eq!(penalties.owed(now, A), None);
        penalties.charge(now, A, WrongLogin);
        assert_eq!(penalties.owed(now, A), Some(seconds(15)));
    }

    #[test]
    fn a_debt_that_is_enforced_stays_so_to_its_end() {
        let (mut penalties, now) = (Penalties::default(), Instant::now());
        for _ in 0..3 {
            penalties.charge(now, A, WrongLogin);
        }
        assert_eq!(penalties.owed(now + seconds(14), A), Some(seconds(1)));
        assert_eq!(penalties.owed(now + seconds(15), A), None);
        penalties.charge(now + seconds(16), A, WrongLogin);
        assert_eq!(penalties.owed(now + seconds(16), A), None, "a new debt begins anew");
    }

    #[test]
    fn nobody_waits_over_ten_minutes() {
        let (mut penalties, now) = (Penalties::default(), Instant::now());
        for _ in 0..1000 {
            penalties.charge(now, A, WrongLogin);
        }
        assert_eq!(penalties.owed(now, A), Some(MOST));
        assert_eq!(penalties.owed(now + MOST, A), None);
    }

    #[test]
    fn ipv6_is_counted_by_64_and_mapped_addresses_as_ipv4() {
        let (mut penalties, now) = (Penalties::default(), Instant::now());
        let v6 = |d: u16, h: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, d, 0, 0, 0, h));
        for h in 0..3 {
            penalties.charge(now, v6(1, h), WrongLogin);
        }
        assert!(penalties.owed(now, v6(1, 99)).is_some());
        assert!(penalties.owed(now, v6(2, 0)).is_none());
        let mapped = IpAddr::V6(Ipv4Addr::new(127, 0, 0, 1).to_ipv6_mapped());
        for _ in 0..3 {
            penalties.charge(now, mapped, WrongLogin);
        }
        assert!(penalties.owed(now, A).is_some());
    }

    #[test]
    fn memory_is_bounded_and_the_one_that_owes_most_is_kept() {
        let (mut penalties, now) = (Penalties::default(), Instant::now());
        for _ in 0..20 {
            penalties.charge(now, A, WrongLogin);
        }
        for n in 0..u32::try_from(2 * SOURCES).expect("fits") {
            penalties.charge(now, IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n)), WrongLogin);
        }
        assert_eq!((penalties.debts.len(), penalties.by_end.len()), (SOURCES, SOURCES));
        assert!(penalties.owed(now, A).is_some());
        penalties.charge(now + MOST, B, WrongLogin);
        assert_eq!((penalties.debts.len(), penalties.by_end.len()), (1, 1), "what is paid is forgotten");
    }

    #[test]
    fn what_only_looks_whether_somebody_listens_is_let_alone() {
        let (mut penalties, start) = (Penalties::default(), Instant::now());
        // Every second for an hour, at times late and then three times at once.
        for second in 0..3600 {
            let now = start + seconds(second);
            let times = [1, 1, 0, 0, 3][usize::try_from(second % 5).expect("small")];
            for _ in 0..times {
                penalties.charge(now, A, NoLogin);
            }
            assert_eq!(penalties.owed(now, A), None, "after {second} s");
            // Its people may slip as well.
            assert!(penalties.debts.values().all(|debt| debt.end - now < seconds(10)), "after {second} s");
        }
    }

    proptest! {
        /// The model keeps, for each source, the seconds it owes and pays them off one by one.
        #[test]
        fn it_does_what_a_clock_and_a_purse_would(
            steps in proptest::collection::vec((0_u64..30, 0_u8..4, 0_usize..4), 1..200)
        ) {
            let (mut penalties, start) = (Penalties::default(), Instant::now());
            let (mut model, mut at) = ([(0_u64, false); 4], 0_u64);
            for (wait, who, what) in steps {
                at += wait;
                for (owes, enforced) in &mut model {
                    *owes = owes.saturating_sub(wait);
                    *enforced &= *owes > 0;
                }
                let now = start + seconds(at);
                let (offence, cost) = [(WrongLogin, 5), (NoLogin, 1), (TooSlow, 10), (Nonsense, 10)][what];
                penalties.charge(now, IpAddr::V4(Ipv4Addr::new(127, 0, 1, who)), offence);
                let (owes, enforced) = &mut model[usize::from(who)];
                *owes = (*owes + cost).min(600);
                *enforced |= *owes >= 15;
                for (n, (owes, enforced)) in (0..).zip(model) {
                    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 1, n));
                    prop_assert_eq!(penalties.owed(now, source), enforced.then(|| seconds(owes)));
                }
            }
        }
    }
}
