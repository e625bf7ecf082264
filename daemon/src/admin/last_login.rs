//! The note that a session leaves: `users/<name>/last_login`, one line `2026-11-23T20:15:05Z 127.0.0.1`.

use crate::config::Config;
use ftp_proto::UserName;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// When and from where a user came last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastLogin {
    /// RFC 3339, UTC.
    time: String,
    from: IpAddr,
}

impl LastLogin {
    /// None if there is no such note, or it is not one.
    pub(super) fn of(config: &Config, user: &UserName) -> Option<Self> {
        let file = config.users().join(user.as_str()).join("last_login");
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let handle = File::from(rustix::fs::open(file, flags, Mode::empty()).ok()?);
        let mut line = String::new();
        handle.take(LINE).read_to_string(&mut line).ok()?;
        Self::parse(&line)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (time, from) = (words.next()?, words.next()?.parse().ok()?);
        let fits = |(shape, c): (char, char)| if shape == '0' { c.is_ascii_digit() } else { shape == c };
        let is_time = time.len() == SHAPE.len() && SHAPE.chars().zip(time.chars()).all(fits);
        is_time.then(|| Self { time: time.to_owned(), from })
    }

    /// For a person, in UTC as the file; days are those of `now`, and of those before yesterday the time does not matter any more.
    pub(super) fn show(&self, now: SystemTime) -> String {
        let (day, time) = self.time.split_at(DAY);
        let day_of = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string()[..DAY].to_owned();
        let then = now.checked_sub(A_DAY).filter(|then| *then >= SystemTime::UNIX_EPOCH);
        let name = match day {
            day if day == day_of(now) => "today ",
            day if then.is_some_and(|then| day == day_of(then)) => "yesterday ",
            _ => return format!("{day} from {}", self.from),
        };
        format!("{name}{} from {}", &time[1..6], self.from)
    }

    /// As it is in the file.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.time, self.from)
    }
}

const LINE: u64 = 128;
const SHAPE: &str = "0000-00-00T00:00:00Z";
/// The length of a date.
const DAY: usize = "0000-00-00".len();
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_and_anything_else_is_none() {
        let note = LastLogin::parse("2026-11-23T20:15:05Z 127.0.0.1 \n").expect("a note");
        for (now, shown) in [
            ("2026-11-23T00:00:00Z", "today 20:15 from 127.0.0.1"),
            ("2026-11-23T23:59:59Z", "today 20:15 from 127.0.0.1"),
            ("2026-11-24T00:00:00Z", "yesterday 20:15 from 127.0.0.1"),
            ("2026-11-25T00:00:00Z", "2026-11-23 from 127.0.0.1"),
            ("1970-01-01T00:00:00Z", "2026-11-23 from 127.0.0.1"),
            ("2026-11-22T23:59:59Z", "2026-11-23 from 127.0.0.1"),
        ] {
            assert_eq!(note.show(humantime::parse_rfc3339(now).expect("a time")), shown, "{now}");
        }
        assert_eq!(note.line(), "2026-11-23T20:15:05Z 127.0.0.1");
        assert!(LastLogin::parse("2026-11-23T20:15:05Z ::1").is_some());
        for text in [
            "",
            "2026-11-23T20:15:05Z",
            "2026-11-23 20:15:05 127.0.0.1",
            "x 127.0.0.1",
            "2026-11-23T20:15:05Z \x1b[2J",
            "2026-11-23T20:15:0\u{e9} 127.0.0.1",
        ] {
            assert_eq!(LastLogin::parse(text), None, "{text:?}");
        }
    }
}
