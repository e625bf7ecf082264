//! How a line looks.

use ftp_proto::Blotted;
use ftp_proto::printable::is_printable;
use slog::{KV as _, OwnedKVList, Record, Serializer};
use slog_term::Decorator;
use std::io;
use std::time::SystemTime;

/// The tag of records that slog-async makes.
const OF_THE_QUEUE: &str = "slog-async";

/// Writes records as `time [level message] key=value …`.
pub(super) struct LineDrain<D> {
    decorator: D,
    /// Level and message are for people; the audit logs have only keys.
    with_message: bool,
}

impl<D: Decorator> LineDrain<D> {
    /// For the daemon's own log.
    pub(super) fn daemon(decorator: D) -> Self {
        Self { decorator, with_message: true }
    }

    /// For a log of what users do.
    pub(super) fn audit(decorator: D) -> Self {
        Self { decorator, with_message: false }
    }
}

impl<D: Decorator> slog::Drain for LineDrain<D> {
    type Ok = ();
    type Err = io::Error;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> io::Result<()> {
        self.decorator.with_record(record, values, |line| {
            line.start_timestamp()?;
            write!(line, "{}", humantime::format_rfc3339_millis(SystemTime::now()))?;
            line.start_whitespace()?;
            if self.with_message {
                line.start_level()?;
                write!(line, " {}", record.level().as_short_str().to_lowercase())?;
                line.start_msg()?;
                write!(line, " {}", record.msg())?;
            } else if !record.msg().to_string().is_empty() {
                // What the queue itself has to say, such as that it was full.
                write!(line, " note={}", Value(&record.msg().to_string()))?;
            }
            let mut pairs = Pairs(Vec::new());
            record.kv().serialize(record, &mut pairs).map_err(io::Error::other)?;
            // What the queue itself has to say comes with the values of whatever was logged next.
            if record.tag() != OF_THE_QUEUE {
                values.serialize(record, &mut pairs).map_err(io::Error::other)?;
            }
            // slog hands them out last first.
            for (key, value) in pairs.0.iter().rev() {
                line.start_key()?;
                write!(line, " {key}")?;
                line.start_separator()?;
                write!(line, "=")?;
                line.start_value()?;
                write!(line, "{}", Value(value))?;
            }
            line.start_whitespace()?;
            writeln!(line)?;
            line.flush()
        })
    }
}

struct Pairs(Vec<(&'static str, String)>);

impl Serializer for Pairs {
    fn emit_arguments(&mut self, key: slog::Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
        self.0.push((key, value.to_string()));
        Ok(())
    }

    fn emit_none(&mut self, _key: slog::Key) -> slog::Result {
        Ok(())
    }
}

/// A value, in quotes if it would not be one word otherwise.
pub(super) struct Value<'a>(pub(super) &'a str);

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = !self.0.is_empty() && !self.0.contains([' ', '"', '=']) && is_printable(self.0);
        if plain {
            return f.write_str(self.0);
        }
        let text = self.0.replace('"', "\\\"");
        // Foreign text was made printable before; this keeps a line one line whatever is forgotten.
        write!(f, "\"{}\"", Blotted(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn a_value_is_one_word_or_quoted() {
        assert_eq!(Value("ok").to_string(), "ok");
        assert_eq!(Value("").to_string(), "\"\"");
        assert_eq!(Value("a b").to_string(), "\"a b\"");
        assert_eq!(Value("a\" result=\"ok").to_string(), "\"a\\\" result=\\\"ok\"");
        assert!(!Value("a\nb").to_string().contains('\n'));
    }
}
