//! Text from elsewhere, made safe for a terminal or a log line.

use std::fmt;

/// Shows a text with everything escaped that could drive a terminal, forge a line or turn the reading direction.
///
/// C0, DEL, C1, line and paragraph separators, zero-width and bidirectional controls become `\u{..}`, a backslash becomes `\\`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        if is_plain(self.0) && !self.0.contains('\\') {
            return f.write_str(self.0);
        }
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                _ if is_unsafe(c) => write!(f, "{}", c.escape_unicode())?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Shows a text that should be printable already, with whatever was forgotten blotted out: the last thing before a terminal or a log.
#[derive(Clone, Copy, Debug)]
pub struct Blotted<'a>(pub &'a str);

impl fmt::Display for Blotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.0.chars().try_for_each(|c| f.write_char(if is_unsafe(c) { '\u{fffd}' } else { c }))
    }
}

/// Nothing in a text would be escaped but backslashes.
#[must_use]
pub fn is_printable(text: &str) -> bool {
    is_plain(text) || !text.chars().any(is_unsafe)
}

/// As most texts are: it has no other bytes than those of printable ASCII.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_people_use_stay_as_they_are() {
        for name in ["été 2026.pdf", "写真.jpg", "a b'c\"d", "👍"] {
            assert_eq!(Printable(name).to_string(), name);
            assert!(is_printable(name));
        }
        assert_eq!(Printable("a\x1b[2Jb\nc\u{202e}d\\").to_string(), r"a\u{1b}[2Jb\u{a}c\u{202e}d\\");
    }

    /// What must never reach a terminal or a log, by what it does there.
    fn does_harm(c: char) -> bool {
        let drives_a_terminal = matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}');
        let ends_a_line = matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let turns_the_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let is_not_seen = matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
            || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}');
        drives_a_terminal || ends_a_line || turns_the_direction || is_not_seen
    }

    #[test]
    fn of_all_characters_none_that_does_harm_comes_through() {
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            for shown in [Printable(&text).to_string(), Blotted(&text).to_string()] {
                assert!(!shown.chars().any(does_harm), "{c:?}: {shown:?}");
            }
            assert!(!does_harm(c) || !is_printable(&text), "{c:?}");
            if is_printable(&text) && c != '\\' {
                assert_eq!(Printable(&text).to_string(), text);
                assert_eq!(Blotted(&text).to_string(), text);
            }
        }
    }

    /// Reads back what [`Printable`] shows.
    fn read_back(shown: &str) -> String {
        let (mut text, mut rest) = (String::new(), shown);
        while let Some((before, after)) = rest.split_once('\\') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('\\') {
                text.push('\\');
                rest = after;
            } else {
                let (digits, after) =
                    after.strip_prefix("u{").and_then(|it| it.split_once('}')).expect("an escape");
                let code = u32::from_str_radix(digits, 16).expect("hexadecimal");
                text.push(char::from_u32(code).expect("a character"));
                rest = after;
            }
        }
        text + rest
    }

    proptest! {
        #[test]
        fn two_names_never_look_alike(text in "(\\PC|[\\x00-\\x20\\\\u{}0-9a-f\\u{200b}-\\u{202e}]){0,40}") {
            prop_assert_eq!(read_back(&Printable(&text).to_string()), text);
        }
    }
}
