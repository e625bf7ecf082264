//! Sizes, times and dates for the eye.

use std::time::{Duration, UNIX_EPOCH};

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// Bytes with one decimal in the unit that fits, as `3.1 GiB`; `712 B` without one.
#[must_use]
pub fn size(bytes: u64) -> String {
    let unit = (0..UNITS.len() - 1).find(|unit| bytes < 1024 << (10 * unit)).unwrap_or(UNITS.len() - 1);
    if unit == 0 {
        return format!("{bytes} B");
    }
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// The same with three digits at most: `700 MiB`, `3.1 GiB`.
#[must_use]
pub fn short_size(bytes: u64) -> String {
    let text = size(bytes);
    match text.split_once('.') {
        Some((whole, rest)) if whole.len() >= 3 || rest.starts_with("0 ") => {
            format!("{whole} {}", rest.rsplit(' ').next().unwrap_or_default())
        }
        _ => text,
    }
}

/// A day of the year as `Nov 3`, `today`, or with the year if it is another one (UTC); bounds as for [`date`].
#[must_use]
pub fn day(unix_seconds: i64, now: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, today) = (date(unix_seconds), date(now));
    if date == today {
        return "today".to_owned();
    }
    let month = date[5..7].parse().ok().and_then(|month: usize| MONTHS.get(month - 1)).unwrap_or(&"?");
    let day = date[8..].trim_start_matches('0');
    if date[..4] == today[..4] { format!("{month} {day}") } else { format!("{month} {day} {}", &date[..4]) }
}

/// Bytes per second.
#[must_use]
pub fn rate(bytes: u64, took: Duration) -> String {
    let micros = took.as_micros().max(1);
    let rate = u128::from(bytes) * 1_000_000 / micros;
    format!("{}/s", size(u64::try_from(rate).unwrap_or(u64::MAX)))
}

/// A time to go or a time gone, in at most two units: `0:07`, `12:30`, `1h 05m`, `>1 day`.
#[must_use]
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => ">1 day".to_owned(),
    }
}

/// A time that is not felt, or just: `3 ms`, `1.2 s`.
#[must_use]
pub fn brief(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{} ms", millis.max(1)),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// The last second that is shown: the end of the year 9999.
const LAST: u64 = 253_402_300_799;

/// A day, as `2026-11-24` (UTC). What lies outside of 1970 to 9999 is shown as the nearer end.
#[must_use]
pub fn date(unix_seconds: i64) -> String {
    minute(unix_seconds)[..10].to_owned()
}

/// A minute, as `2026-11-24 09:12` (UTC); bounds as for [`date`].
#[must_use]
pub fn minute(unix_seconds: i64) -> String {
    let seconds = u64::try_from(unix_seconds).unwrap_or_default().min(LAST);
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
    text[..16].replace('T', " ")
}

/// A bar of text: how much of a quota is used.
#[must_use]
pub fn quota_bar(used: u64, quota: u64) -> String {
    let width = 20;
    let full = if quota == 0 { width } else { (u128::from(used) * width / u128::from(quota)).min(width) };
    let full = usize::try_from(full).unwrap_or_default();
    format!("[{}{}]", "#".repeat(full), "-".repeat(20 - full))
}

/// `1 file`, `2 files`.
#[must_use]
pub fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// `1 directory`, `2 directories`.
#[must_use]
pub fn count_dirs(number: u64) -> String {
    if number == 1 { "1 directory".to_owned() } else { format!("{number} directories") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_dates_read_well() {
        let sizes = [0, 712, 1023, 1024, 1536, 5 << 30, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "712 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB", "16777215.9 TiB"]);
        let clocks = [0, 7, 750, 3900, 90_000].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(clocks, ["0:00", "0:07", "12:30", "1h 05m", ">1 day"]);
        let briefs = [0, 712, 1023, 1024, 1536, 700 << 20, (700 << 20) + 500_000, 5 << 30].map(short_size);
        assert_eq!(briefs, ["0 B", "712 B", "1023 B", "1 KiB", "1.5 KiB", "700 MiB", "700 MiB", "5 GiB"]);
        let days =
            [1_795_511_520, 1_795_511_520 - 86_400 * 21, 951_782_400, -1].map(|at| day(at, 1_795_511_521));
        assert_eq!(days, ["today", "Nov 3", "Feb 29 2000", "Jan 1 1970"]);
        assert_eq!(minute(1_795_511_520), "2026-11-24 09:12");
        assert_eq!([date(0), date(-1), date(951_782_400)], ["1970-01-01", "1970-01-01", "2000-02-29"]);
        assert_eq!(date(i64::MAX), "9999-12-31");
        assert_eq!(rate(10 << 20, Duration::from_secs(2)), "5.0 MiB/s");
        assert_eq!(quota_bar(5, 10), "[##########----------]");
    }
}
