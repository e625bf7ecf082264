//! How fast it goes, and how long it will take.

use crate::show;
use std::time::{Duration, Instant};

/// How long one sample of the rate takes.
const SAMPLE: Duration = Duration::from_millis(250);
/// Silence after which a transfer is shown as stalled.
const STALLED: Duration = Duration::from_secs(5);

/// The rate of now, smoothed, and the time to go. Counts only what moved in this run.
pub(super) struct Meter {
    began: Instant,
    last: u64,
    sampled: Instant,
    moved: Instant,
    /// Bytes that moved in all.
    pub(super) total: u64,
    /// Bytes per second, once something is known.
    rate: Option<f64>,
}

impl Meter {
    pub(super) fn new(at: u64) -> Self {
        let now = Instant::now();
        Self { began: now, last: at, sampled: now, moved: now, total: 0, rate: None }
    }

    /// Skips bytes that did not move now.
    pub(super) fn rebase(&mut self, at: u64) {
        self.last = at;
        self.moved = Instant::now();
    }

    /// A file begins at `at`, of which `resumed` bytes were there before. What moved since the last sample still counts.
    pub(super) fn file(&mut self, at: u64, resumed: u64) {
        if resumed > 0 || self.last > at {
            self.rebase(at);
        }
    }

    pub(super) fn at(&mut self, bytes: u64) {
        self.at_time(bytes, Instant::now());
    }

    fn at_time(&mut self, bytes: u64, now: Instant) {
        let gone = now.saturating_duration_since(self.sampled);
        if gone < SAMPLE {
            return;
        }
        let moved = bytes.saturating_sub(self.last);
        if moved > 0 {
            self.moved = now;
        }
        self.total += moved;
        #[expect(clippy::cast_precision_loss, reason = "a rate for the eye")]
        let rate = moved as f64 / gone.as_secs_f64();
        self.rate = Some(self.rate.map_or(rate, |old| old * 0.8 + rate * 0.2));
        (self.last, self.sampled) = (bytes.max(self.last), now);
    }

    /// Seconds in which nothing has moved, if they are many.
    pub(super) fn stalled(&self) -> Option<u64> {
        let quiet = self.moved.elapsed();
        (quiet > STALLED).then_some(quiet.as_secs())
    }

    /// Bytes per second.
    pub(super) fn rate(&self) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for the eye, not negative"
        )]
        self.rate.filter(|rate| *rate >= 1.0).map(|rate| rate as u64)
    }

    /// How long it takes at this rate until `total` is there.
    pub(super) fn left(&self, total: u64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "a time for the eye")]
        let left = total.saturating_sub(self.last) as f64 / self.rate.filter(|rate| *rate >= 1.0)?;
        Some(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX))
    }

    /// `11.2 MiB/s  0:24` in 17 columns, or how long nothing has come.
    pub(super) fn pace(&self, total: u64) -> String {
        if let Some(seconds) = self.stalled() {
            return format!(" {:<16}", format!("stalled {seconds}s"));
        }
        match (self.rate(), self.left(total)) {
            (Some(rate), Some(left)) => pace(rate, left),
            _ => format!("{:>17}", "--:--"),
        }
    }

    /// The rate over all the time, and that time: for the end.
    pub(super) fn mean(&self, moved: u64) -> String {
        let took = self.began.elapsed();
        let rate = u128::from(moved) * 1_000_000 / took.as_micros().max(1);
        pace(u64::try_from(rate).unwrap_or(u64::MAX), took)
    }
}

fn pace(rate: u64, time: Duration) -> String {
    format!("{:>11} {:>5}", format!("{}/s", show::size(rate)), show::clock(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_leaves_out_what_was_there_before() {
        let mut meter = Meter::new(90);
        meter.at_time(100, meter.sampled + Duration::from_secs(1));
        assert_eq!((meter.rate(), meter.left(200)), (Some(10), Some(Duration::from_secs(10))));
        // A file that was there already counts as dealt with, and not as moved.
        meter.rebase(5000);
        meter.at_time(5010, meter.sampled + Duration::from_secs(1));
        assert_eq!((meter.rate(), meter.total), (Some(10), 20));
    }

    #[test]
    fn the_rate_is_smooth_and_time_to_go_has_two_units() {
        let mut meter = Meter::new(0);
        let mut now = meter.sampled;
        for (second, jump) in (1..=20).zip([1, 2].into_iter().cycle()) {
            now += Duration::from_secs(1);
            meter.at_time(meter.last + (jump << 20), now);
            let rate = meter.rate().expect("known") >> 10;
            assert!(second < 3 || (1100..1900).contains(&rate), "{rate} KiB/s");
        }
        let far = |total: u64| meter.pace(meter.last + total).trim().to_owned();
        assert!(far(10 << 30).ends_with("1h 55m") || far(10 << 30).contains("h "), "{}", far(10 << 30));
        assert!(far(u64::MAX >> 1).ends_with(">1 day"), "{}", far(u64::MAX >> 1));
        assert_eq!(far(0).split_whitespace().last(), Some("0:00"));
    }

    #[test]
    fn silence_is_shown_with_its_seconds() {
        let mut meter = Meter::new(0);
        assert_eq!(meter.pace(10).trim(), "--:--");
        meter.moved -= Duration::from_secs(7);
        assert_eq!((meter.pace(10).trim(), meter.pace(10).len()), ("stalled 7s", 17));
    }
}
