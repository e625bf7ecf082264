//! The bounds of the daemon, in one place. A config may lower or raise them within reason; the protocol's own are in `ftp_proto::limits`.

use std::net::IpAddr;
use std::time::Duration;

/// From the connection to the end of the TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// From the end of the TLS handshake to a login.
pub const LOGIN: Duration = Duration::from_secs(15);
/// How long nothing may move in a transfer.
pub const STALLED: Duration = Duration::from_secs(60);
/// How long an unused token lasts.
pub const TOKEN: Duration = Duration::from_secs(15 * 60);
/// Failed logins are answered on a grid of this width, so that their time says nothing.
pub const LOGIN_GRID: Duration = Duration::from_millis(250);
/// How long a login may wait for the account's home to be read through.
pub const SURVEY: Duration = Duration::from_secs(30);

/// Password checks that may wait for a worker.
pub const LOGIN_QUEUE: usize = 32;
/// Connections of an address that owes: enough to be told so, and to go on with a token.
pub const CONNECTIONS_IN_DEBT: usize = 8;
/// Password checks of one source that may be under way.
pub const LOGINS_PER_SOURCE: usize = 16;
/// The most tokens at once.
pub const TOKENS: usize = 65_536;
/// Sources whose failures are remembered.
pub const SOURCES: usize = 65_536;
/// Chunks in one job, and the most that wait for the next: what an upload holds is twice this, times the chunk.
pub const BATCH: usize = 4;
/// Bytes of an upload that are left to the system before the disk is told to begin with them.
pub const WRITE_BACK: u64 = 8 * 1024 * 1024;
/// Requests that are carried out in one job, when they follow each other and each is a matter of one job.
pub const TOGETHER: usize = 128;
/// Such a job reads no further file when it has read so many bytes.
pub const TOGETHER_BYTES: usize = 256 * 1024;
/// Bytes hashed in one job while a part is checked again.
pub const REHASH_SLICE: u64 = 64 * 1024 * 1024;
/// Kept values merged in one job: those of 16 GiB.
pub const PROOF_SLICE: u64 = 65_536;
/// The most bytes of requests that wait in one session.
pub const REQUEST_BYTES: usize = 1024 * 1024;
/// A session takes no further request while this many bytes of replies wait.
pub const REPLY_BYTES: usize = 256 * 1024;
/// Memory that one password check may use; a user file that asks for more is refused.
pub const SCRYPT_BYTES: u64 = 256 * 1024 * 1024;
/// Password checks at once, however many cores there are: 2 GiB at the usual cost, which is 128 MiB each.
pub const LOGIN_THREADS: usize = 16;

const _: () = assert!(BATCH * ftp_proto::limits::CHUNK <= 1024 * 1024, "a job is short");
const _: () = assert!(TOGETHER <= ftp_proto::limits::PIPELINE, "no more can wait");
const _: () = assert!(REQUEST_BYTES >= ftp_proto::limits::MESSAGE, "the largest request can wait");
const _: () = assert!(REPLY_BYTES >= ftp_proto::limits::MESSAGE, "the largest reply can wait");
const _: () = assert!(LOGINS_PER_SOURCE <= LOGIN_QUEUE, "one source cannot fill more than the queue");

/// When connections are turned away at random, as sshd's `MaxStartups` has it.
///
/// Whoever fills the table with connections that do not log in turns away himself as well, and others still have a chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guests {
    /// As many that are not logged in are let be.
    pub start: usize,
    /// Of those that come then, so many in a hundred are turned away.
    pub percent: u8,
    /// Of those that come when there are so many, all are; between the two it rises evenly.
    pub full: usize,
}

impl Guests {
    /// What goes with so many connections: from half of them on.
    #[must_use]
    pub fn of(connections: usize) -> Self {
        Self { start: connections.div_ceil(2), percent: 30, full: connections }
    }

    /// Whether one more is turned away while there are `guests`; `roll` is any number, each as likely, and only asked for when it matters.
    #[must_use]
    pub fn turn_away(self, guests: usize, roll: impl FnOnce() -> u32) -> bool {
        if guests < self.start || guests >= self.full {
            return guests >= self.full;
        }
        let (over, width) = ((guests - self.start) as u128, (self.full - self.start) as u128);
        let percent = u128::from(self.percent.min(100));
        // Of 100 * width.
        let chance = percent * width + (100 - percent) * over;
        u128::from(roll()) * 100 * width < chance << u32::BITS
    }
}

/// Bounds that the config sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address at once.
    pub connections_per_address: usize,
    /// A session that asks for nothing for so long is closed.
    pub idle: Duration,
    /// How long transfers may go on after SIGTERM.
    pub drain: Duration,
    /// Files, directories and unfinished uploads of one user.
    pub entries: u64,
    /// Addresses that owe nothing, whatever comes from them: many people may be behind one.
    pub penalty_exempt: Vec<IpAddr>,
    /// Connections of those who are not logged in.
    pub guests: Guests,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_address: 1024,
            idle: Duration::from_secs(300),
            drain: Duration::from_secs(30),
            entries: 1_000_000,
            penalty_exempt: Vec::new(),
            // One address alone cannot have so many.
            guests: Guests::of(2048),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of many rolls at even distances, those that turn somebody away.
    fn share(guests: Guests, there: usize) -> f64 {
        const ROLLS: u32 = 10_000;
        let turned = (0..ROLLS).filter(|n| guests.turn_away(there, || n * (u32::MAX / ROLLS)));
        turned.count() as f64 / f64::from(ROLLS)
    }

    #[test]
    fn nobody_is_turned_away_before_the_start_and_nobody_let_in_when_it_is_full() {
        for guests in [
            Guests { start: 10, percent: 30, full: 100 },
            Guests { start: 1, percent: 1, full: 1 },
            Guests { start: 5, percent: 100, full: 7 },
        ] {
            for there in (0..guests.start).chain(guests.full..guests.full + 3) {
                let is_full = there >= guests.full;
                let no_roll = || panic!("chance has no say at {there}");
                assert_eq!(guests.turn_away(there, no_roll), is_full, "{guests:?} {there}");
            }
        }
    }

    #[test]
    fn in_between_the_chance_rises_evenly_from_the_percentage_to_all() {
        let guests = Guests { start: 10, percent: 30, full: 100 };
        for (there, chance) in [(10, 0.3), (55, 0.65), (99, 0.3 + 0.7 * 89.0 / 90.0)] {
            let share = share(guests, there);
            assert!((share - chance).abs() < 0.001, "{share} at {there}");
        }
        let shares: Vec<_> = (10..=100).map(|there| share(guests, there)).collect();
        assert!(shares.windows(2).all(|pair| pair[0] < pair[1]), "{shares:?}");
        // At 100 % the start is the end.
        assert!(Guests { percent: 100, ..guests }.turn_away(10, || u32::MAX));
    }
}
