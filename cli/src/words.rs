//! A line of commands, cut into commands and words.

use crate::failure::Failure;
use std::ops::Deref;

/// The characters that stand for others in a name, unless they are quoted.
const WILD: [char; 3] = ['*', '?', '['];

/// A word without its quotes. It can be used as the text that it is; [`Word::pattern`] knows what was quoted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    text: String,
    /// The text with brackets around what was quoted, as the `glob` crate wants it; empty as long as nothing stands for anything else.
    pattern: Option<String>,
}

impl Word {
    /// A word in which nothing stands for anything else.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), pattern: None }
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is to be matched, if some of `*`, `?` and `[` were not quoted. What was quoted is in brackets, which [`glob::Pattern`] takes as it is.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    fn push(&mut self, c: char, quoted: bool) {
        if !quoted && WILD.contains(&c) && self.pattern.is_none() {
            self.pattern = Some(glob::Pattern::escape(&self.text));
        }
        self.text.push(c);
        match &mut self.pattern {
            Some(pattern) if quoted => pattern.push_str(&glob::Pattern::escape(c.encode_utf8(&mut [0; 4]))),
            Some(pattern) => pattern.push(c),
            None => {}
        }
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Cuts a line at every `;` and the pieces at white space. `'…'` and `"…"` keep everything as it is, a backslash keeps the next character. A command that
/// begins with `!` goes to the end of the line as it is.
///
/// # Errors
/// A quote is not closed.
pub fn split(line: &str) -> Result<Vec<Vec<Word>>, Failure> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<Word> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '!' if begins_command(&commands, word.as_ref()) => {
                let minus = word.take().map_or("", |_| "-");
                let rest = [Word::plain(format!("{minus}!")), Word::plain(chars.as_str().trim())];
                finish(&mut commands, rest);
                break;
            }
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => quoted(word, chars.next()),
                        Some(inside) => word.push(inside, true),
                        None => {
                            return Err(Failure::usage(format!("a quote {c} is not closed"))
                                .hint("a quote that belongs to a name is written \\' or \\\""));
                        }
                    }
                }
            }
            '\\' => quoted(word.get_or_insert_default(), chars.next()),
            ';' => {
                finish(&mut commands, word.take());
                commands.push(Vec::new());
            }
            c if c.is_whitespace() => finish(&mut commands, word.take()),
            c => word.get_or_insert_default().push(c, false),
        }
    }
    finish(&mut commands, word);
    commands.retain(|words| !words.is_empty());
    Ok(commands)
}

/// A command of which nothing is there yet but perhaps the `-` that lets it fail.
fn begins_command(commands: &[Vec<Word>], word: Option<&Word>) -> bool {
    commands.last().is_some_and(Vec::is_empty) && word.is_none_or(|word| word.as_str() == "-")
}

fn quoted(word: &mut Word, c: Option<char>) {
    if let Some(c) = c {
        word.push(c, true);
    }
}

fn finish(commands: &mut [Vec<Word>], words: impl IntoIterator<Item = Word>) {
    if let Some(last) = commands.last_mut() {
        last.extend(words);
    }
}

/// A name as it is to be typed so that [`split`] gives it back, with nothing in it that stands for anything else.
#[must_use]
pub fn quote(name: &str) -> String {
    let special =
        |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\\' | ';' | '!') || WILD.contains(&c);
    let mut typed = String::with_capacity(name.len());
    for c in name.chars() {
        if special(c) {
            typed.push('\\');
        }
        typed.push(c);
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<Vec<String>> {
        let commands = split(line).expect("good");
        commands.into_iter().map(|words| words.into_iter().map(|word| word.text).collect()).collect()
    }

    #[test]
    fn words_are_cut_as_a_shell_would() {
        let cut = texts(r#"get "a b.pdf" md5; ls;;  rm it\'s 'x;\y'"#);
        let want: [&[&str]; 3] = [&["get", "a b.pdf", "md5"], &["ls"], &["rm", "it's", r"x;\y"]];
        assert_eq!(cut, want);
        assert_eq!(texts("  "), Vec::<Vec<String>>::new());
        assert_eq!(texts("rm ''"), [["rm", ""]]);
        assert!(split("rm 'x").is_err());
        for name in ["a", "a b", "it's; \"x\\y\"", "日 本", "*?[x]!", "!x"] {
            assert_eq!(split(&quote(name)).expect("good"), [[Word::plain(name)]]);
        }
    }

    #[test]
    fn what_is_quoted_stands_for_itself() {
        let pattern = |line| split(line).expect("good").remove(0).remove(0).pattern.unwrap_or_default();
        assert_eq!(pattern("*.pdf"), "*.pdf");
        assert_eq!(pattern("a?[0-9]"), "a?[0-9]");
        for line in ["'*'.pdf", r"\*.pdf", "\"?\"", "a.pdf", "]"] {
            assert_eq!(pattern(line), "", "{line}");
        }
        assert_eq!(pattern(r#"\**"["?"#), "[*]*[[]?");
    }

    #[test]
    fn a_command_for_the_shell_is_left_as_it_is() {
        assert_eq!(
            texts("ls; !echo \"a  b\" | grep ';'"),
            [["ls", ""], ["!", "echo \"a  b\" | grep ';'"]]
                .map(|words| words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>())
        );
        assert_eq!(texts(" -!false"), [["-!", "false"]]);
        assert_eq!(texts("!"), [["!", ""]]);
        assert_eq!(texts("get a!b"), [["get", "a!b"]]);
    }
}
