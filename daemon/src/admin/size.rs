//! Sizes as people write and read them: binary units.

use ftp_proto::limits::INTEGER;

const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// Reads a quota: `none`, or a size like `5G`, `500M`, `1.5 GiB`, `1024`. K, M, G, T, P are powers of 1024.
///
/// # Errors
/// A sentence on what it should look like.
pub(super) fn parse_quota(text: &str) -> Result<Option<u64>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let bytes = parse(text).ok_or_else(|| {
        format!("'{}' is not a size: write for example 5G, 500M, 1.5T or none", ftp_proto::Printable(text))
    })?;
    if bytes > INTEGER {
        Err(format!("{text} is too much: the most is 8P, or none"))
    } else {
        Ok(Some(bytes))
    }
}

fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    let unit = 1024_u64.pow(power);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > 6 || (power == 0 && number.contains('.')) {
        return None;
    }
    let ten = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let below = u128::from(unit) * u128::from(fraction.parse::<u64>().ok()?) / u128::from(ten);
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(u64::try_from(below).ok()?)
}

/// As `5.0 GiB`, with one decimal, rounded down as `ftp-cli` does: what is left is never overstated.
pub(super) fn show(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = (bytes.ilog2() / 10).min(5);
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[power as usize - 1])
}

/// A quota as [`show`] has it, or `none`.
pub(super) fn show_quota(quota: Option<u64>) -> String {
    quota.map_or_else(|| "none".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("1k", 1024),
            ("500M", 500 << 20),
            ("5G", 5 << 30),
            ("5 GiB", 5 << 30),
            ("5gb", 5 << 30),
            ("1.5G", 3 << 29),
            ("0.25k", 256),
            ("2T", 2 << 40),
            ("8P", INTEGER),
        ] {
            assert_eq!(parse_quota(text), Ok(Some(bytes)), "{text}");
        }
        assert_eq!(parse_quota("none"), Ok(None));
        assert_eq!(parse_quota("None"), Ok(None));
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example() {
        for text in [
            "",
            "G",
            "-5G",
            "5X",
            "5.G",
            ".5.5G",
            "1.5",
            "five",
            "5G5",
            "1.1234567G",
            "99999999999999999999",
            "16E",
            "5 5G",
        ] {
            assert!(parse_quota(text).is_err_and(|told| told.contains("for example 5G")), "{text}");
        }
        for text in ["9P", "9007199254740993", "999999999P"] {
            assert!(parse_quota(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_with_one_decimal() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(show(bytes), text);
        }
    }
}
