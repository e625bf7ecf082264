//! How fast bytes may move: a bucket of tokens that all connections of the client fill at the same rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What may move at once, as a part of a second.
const BURST: f64 = 0.1;
/// The least that is worth a call, likewise.
const STEP: f64 = 0.05;
/// The lowest limit, in bytes per second: the daemon gives up those who are slower.
pub const LEAST: u64 = 1024;

/// The limit, in bytes per second of both directions together; what it is set to holds for all clones.
#[derive(Debug, Clone, Default)]
pub struct Limit(Arc<AtomicU64>);

impl Limit {
    /// The limit; none without one.
    #[must_use]
    pub fn get(&self) -> Option<u64> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            rate => Some(rate),
        }
    }

    /// Sets it, or lifts it.
    pub fn set(&self, rate: Option<u64>) {
        self.0.store(rate.unwrap_or(0), Ordering::Relaxed);
    }
}

/// Reads `2M`, `500K`, `1.5M`, `4096` or `off`; K, M and G are powers of 1024.
///
/// # Errors
/// A sentence on what it should look like.
pub fn parse(text: &str) -> Result<Option<u64>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let wrong =
        || format!("'{}' is not a rate: write for example 2M, 500K or off", ftp_proto::Printable(text));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let thousandths = format!("{fraction:0<3}");
    if whole.len() > 9 || fraction.is_empty() || thousandths.len() > 3 {
        return Err(wrong());
    }
    let (Ok(whole), Ok(thousandths)) = (whole.parse::<u64>(), thousandths.parse::<u64>()) else {
        return Err(wrong());
    };
    let rate = whole * unit + thousandths * unit / 1000;
    if rate < LEAST {
        return Err(format!("'{text}' is too slow: the least is 1K; off lifts the limit"));
    }
    Ok(Some(rate))
}

/// What a connection may move now.
#[derive(Debug)]
pub struct Bucket {
    limit: Limit,
    rate: Option<u64>,
    bytes: f64,
    filled: Instant,
    /// The limit does not hold for now.
    hurried: bool,
}

impl Bucket {
    /// An empty one.
    #[must_use]
    pub fn new(limit: &Limit) -> Self {
        Self { limit: limit.clone(), rate: None, bytes: 0.0, filled: Instant::now(), hurried: false }
    }

    /// Takes notice of the limit of now; gives it if it is another one.
    pub fn changed(&mut self) -> Option<Option<u64>> {
        let rate = self.limit.get();
        (std::mem::replace(&mut self.rate, rate) != rate).then_some(rate)
    }

    /// Whether the limit is left aside for now: what is on its way is only to be got rid of.
    pub fn hurry(&mut self, hurried: bool) {
        (self.hurried, self.bytes) = (hurried, 0.0);
    }

    /// So many bytes may move at `now`; none as long as it is not worth a call.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn allowance(&mut self, now: Instant) -> usize {
        let Some(rate) = self.rate.filter(|_| !self.hurried) else { return usize::MAX };
        let rate = rate as f64;
        let gone = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.bytes = (self.bytes + gone * rate).min(rate * BURST);
        if self.bytes < rate * STEP { 0 } else { self.bytes as usize }
    }

    /// So many did.
    #[allow(clippy::cast_precision_loss)]
    pub fn spend(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
    }

    /// How long there will be none.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn pause(&self) -> Duration {
        let Some(rate) = self.rate.filter(|_| !self.hurried) else { return Duration::ZERO };
        Duration::from_secs_f64((STEP - self.bytes / rate as f64).clamp(0.001, STEP + BURST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, rate) in
            [("2M", 2 << 20), ("500k", 500 << 10), ("1.5M", 3 << 19), ("1G", 1 << 30), ("4096", 4096)]
        {
            assert_eq!(parse(text), Ok(Some(rate)), "{text}");
        }
        assert_eq!(parse("OFF"), Ok(None));
        for text in ["", "M", "2X", "-1", "1.M", "1.2345M", "100", "0", "99999999999G", "1 M"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn never_more_than_the_rate_and_a_tenth_of_a_second_of_it() {
        let limit = Limit::default();
        limit.set(Some(1_000_000));
        let mut bucket = Bucket::new(&limit);
        assert_eq!((bucket.changed(), bucket.changed()), (Some(Some(1_000_000)), None));
        let start = bucket.filled;
        let mut moved = 0;
        for millis in 0..10_000 {
            // As fast as it can, but for a second in which nothing is there to move.
            let allowed = bucket.allowance(start + Duration::from_millis(millis));
            if !(3000..4000).contains(&millis) {
                bucket.spend(allowed);
                moved += allowed;
            }
            assert!(moved <= usize::try_from(millis).expect("small") * 1000 + 1, "{moved} at {millis} ms");
            assert!(allowed <= 100_000, "{allowed}");
        }
        assert!(moved > 8_900_000, "{moved}");
        limit.set(None);
        assert_eq!((bucket.changed(), bucket.allowance(Instant::now())), (Some(None), usize::MAX));
    }
}
