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
    let mut cut = Cut::new(line);
    if let Some(quote) = cut.quote {
        return Err(Failure::usage(format!("a quote {quote} is not closed"))
            .hint("a quote that belongs to a name is written \\' or \\\""));
    }
    cut.end_word();
    cut.commands.retain(|words| !words.is_empty());
    Ok(cut.commands)
}

/// A line that is not at its end.
struct Cut {
    commands: Vec<Vec<Word>>,
    /// The word that is not at its end, and where it begins.
    word: Option<(usize, Word)>,
    /// The quote that is not closed.
    quote: Option<char>,
    /// Where the text for the shell begins, if the last command is one.
    shell: Option<usize>,
}

impl Cut {
    fn new(line: &str) -> Self {
        let mut cut = Self { commands: vec![Vec::new()], word: None, quote: None, shell: None };
        let mut chars = line.char_indices();
        while let Some((at, c)) = chars.next() {
            match (cut.quote, c) {
                (Some(end), c) if c == end => cut.quote = None,
                (Some('"') | None, '\\') => {
                    let word = cut.word_at(at);
                    if let Some((_, c)) = chars.next() {
                        word.push(c, true);
                    }
                }
                (Some(_), c) => cut.word_at(at).push(c, true),
                (None, '!') if cut.begins_command() => {
                    let minus = cut.word.take().map_or("", |_| "-");
                    let rest = chars.as_str();
                    cut.shell = Some(line.len() - rest.len());
                    let words = [Word::plain(format!("{minus}!")), Word::plain(rest.trim())];
                    cut.commands.last_mut().into_iter().for_each(|last| last.extend(words.clone()));
                    break;
                }
                (None, '\'' | '"') => {
                    cut.word_at(at);
                    cut.quote = Some(c);
                }
                (None, ';') => {
                    cut.end_word();
                    cut.commands.push(Vec::new());
                }
                (None, c) if c.is_whitespace() => cut.end_word(),
                (None, c) => cut.word_at(at).push(c, false),
            }
        }
        cut
    }

    /// A command of which nothing is there yet but perhaps the `-` that lets it fail.
    fn begins_command(&self) -> bool {
        let begun = self.word.as_ref().is_none_or(|(_, word)| word.as_str() == "-");
        begun && self.commands.last().is_some_and(Vec::is_empty)
    }

    fn word_at(&mut self, at: usize) -> &mut Word {
        &mut self.word.get_or_insert_with(|| (at, Word::default())).1
    }

    fn end_word(&mut self) {
        if let (Some((_, word)), Some(last)) = (self.word.take(), self.commands.last_mut()) {
            last.push(word);
        }
    }
}

/// The last command of a line that somebody types.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The words before the one that is typed.
    pub before: Vec<Word>,
    /// Where that one begins.
    pub start: usize,
    /// What it is so far, without its quotes.
    pub text: String,
    /// The quote that it is in.
    pub quote: Option<char>,
    /// The shell will read it.
    shell: bool,
}

/// What is being typed at the end of a line.
#[must_use]
pub fn unfinished(line: &str) -> Unfinished {
    let mut cut = Cut::new(line);
    if let Some(from) = cut.shell {
        let inner = unfinished(&line[from..]);
        return Unfinished {
            before: vec![Word::plain("!")],
            start: from + inner.start,
            shell: true,
            ..inner
        };
    }
    let (start, word) = cut.word.take().unwrap_or_else(|| (line.len(), Word::default()));
    let before = cut.commands.pop().unwrap_or_default();
    Unfinished { before, start, text: word.text, quote: cut.quote, shell: false }
}

impl Unfinished {
    /// The word as it is to be typed when it is `name`, in the quotes that were begun; `whole` if nothing more belongs to it, `last` if another word follows.
    #[must_use]
    pub fn completed(&self, name: &str, whole: bool, last: bool) -> String {
        let mut typed = match self.quote {
            Some('"') => {
                let inner = name.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{inner}{}", if whole { "\"" } else { "" })
            }
            Some(quote) if !name.contains(quote) => {
                format!("{quote}{name}{}", if whole { "'" } else { "" })
            }
            _ => escaped(name, self.shell),
        };
        if last {
            typed.push(' ');
        }
        typed
    }
}

/// A name as it is to be typed so that [`split`] gives it back, with nothing in it that stands for anything else.
#[must_use]
pub fn quote(name: &str) -> String {
    escaped(name, false)
}

fn escaped(name: &str, for_shell: bool) -> String {
    let special = |c: char| {
        c.is_whitespace()
            || matches!(c, '\'' | '"' | '\\' | ';' | '!')
            || WILD.contains(&c)
            || (for_shell && c.is_ascii_punctuation() && !"/.-_,:+@%=".contains(c))
    };
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
    fn what_is_completed_is_what_is_understood() {
        let nasty = [
            "a",
            "my file",
            "it's",
            "a\"b",
            "x;y",
            "back\\slash",
            "*?[1]",
            "!",
            "日 本",
            "$HOME",
            "two  blanks ",
        ];
        for name in nasty {
            for typed in ["get ", "get \"", "get '", "ls; get x ", "-get \\"] {
                let line = unfinished(typed);
                let whole = format!("{}{}", &typed[..line.start], line.completed(name, true, true));
                let words =
                    split(&whole).unwrap_or_else(|failure| panic!("{whole}: {failure}")).pop().expect("one");
                assert_eq!(words.last(), Some(&Word::plain(name)), "{whole}");
                assert!(unfinished(&whole).text.is_empty(), "another word follows: {whole}");
            }
        }
        let line = unfinished("put \"my f");
        assert_eq!((line.start, line.text.as_str(), line.quote), (4, "my f", Some('"')));
        assert_eq!(line.completed("my folder/", false, false), "\"my folder/");
        let line = unfinished(r"put my\ f");
        assert_eq!((line.start, line.text.as_str(), line.quote), (4, "my f", None));
        let line = unfinished("ls; !cat 'my f");
        assert_eq!((line.before, line.start, line.text.as_str()), (vec![Word::plain("!")], 9, "my f"));
        assert_eq!(unfinished("!cat a").completed("$a b", true, false), r"\$a\ b");
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
