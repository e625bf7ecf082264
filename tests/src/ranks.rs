//! Whether two samples differ, whatever their distribution: the rank test of Mann and Whitney.

/// Beyond this, either way, two samples of one distribution come with a probability below 1e-4.
pub const SURE: f64 = 3.891;

/// By how many standard deviations the ranks of `a` lie above what they would be if it were no different from `b`; below, if negative. An approximation
/// that is good from some twenty values each on; ties share their ranks.
#[must_use]
pub fn deviation(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|value| (*value, true)).chain(b.iter().map(|value| (*value, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (na, nb, n) = (a.len() as f64, b.len() as f64, all.len() as f64);
    let (mut ranks, mut ties, mut below) = (0.0, 0.0, 0.0);
    for tied in all.chunk_by(|x, y| x.0.total_cmp(&y.0).is_eq()) {
        let count = tied.len() as f64;
        ranks += (below + (count + 1.0) / 2.0) * tied.iter().filter(|(_, of_a)| *of_a).count() as f64;
        ties += count.powi(3) - count;
        below += count;
    }
    let u = ranks - na * (na + 1.0) / 2.0;
    let variance = na * nb / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    if variance > 0.0 { (u - na * nb / 2.0) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn random(seed: u64, count: u64, more: f64) -> Vec<f64> {
        (0..count).map(|n| sample::number(seed * 1000 + n, 1_000_000) as f64 + more).collect()
    }

    #[test]
    fn an_example_from_a_book_comes_out() {
        // U is 3 of 15 expected, of 5 and 6 values without ties: (3 - 15) / sqrt(5 * 6 * 12 / 12).
        let (a, b) = ([1.0, 2.0, 3.0, 5.0, 7.0], [4.0, 6.0, 8.0, 9.0, 10.0, 11.0]);
        assert!((deviation(&a, &b) + 12.0 / 30.0_f64.sqrt()).abs() < 1e-12);
        assert!((deviation(&b, &a) - 12.0 / 30.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(deviation(&[1.0; 5], &[1.0; 9]), 0.0, "all alike");
    }

    #[test]
    fn what_is_alike_seldom_differs_and_what_is_shifted_surely_does() {
        let far = |more: f64| {
            let sure =
                |seed: u64| deviation(&random(seed, 100, more), &random(seed + 5000, 100, 0.0)).abs() > SURE;
            (0..500).filter(|seed| sure(*seed)).count()
        };
        assert_eq!(far(0.0), 0);
        assert_eq!(far(500_000.0), 500);
    }
}
