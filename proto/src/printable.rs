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

impl Printable<'_> {
    /// Nothing in it has to be escaped for a terminal's sake.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.0.chars().any(is_unsafe)
    }
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
            assert!(Printable(name).is_plain());
        }
        assert_eq!(Printable("a\x1b[2Jb\nc\u{202e}d\\").to_string(), r"a\u{1b}[2Jb\u{a}c\u{202e}d\\");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_comes_through(text: String) {
            prop_assert!(Printable(&Printable(&text).to_string()).is_plain());
        }
    }
}
