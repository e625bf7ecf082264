//! `*`, `?` and `[…]` in names, at the server and on this side: each stands for something in one name, never for a `/`. A name that begins with a dot is
//! only found by a pattern that does so too.

use crate::client::{ENTRIES, NAMES};
use crate::failure::{Cause, Failure};
use crate::session::Session;
use crate::words::Word;
use ftp_proto::message::{Entry, Kind};
use ftp_proto::{Code, Name, Printable};
use glob::{MatchOptions, Pattern};
use std::fs;
use std::path::Path;

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Something that a word stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<E> {
    /// As somebody would have typed it: relative to the same folder as the word.
    pub name: String,
    /// What was listed; nothing where the word is a name by itself, which need not be there.
    pub entry: Option<E>,
}

impl<E> Found<E> {
    fn itself(word: &Word) -> Vec<Self> {
        vec![Self { name: word.as_str().to_owned(), entry: None }]
    }
}

/// What `word` stands for at the server, sorted: itself, or all that it matches.
///
/// # Errors
/// Nothing matches, or those of listing.
pub fn there(session: &mut Session, word: &Word) -> Result<Vec<Found<Entry>>, Failure> {
    let Some(pattern) = word.pattern() else { return Ok(Found::itself(word)) };
    let list = |folder: &str| {
        let refused = |fault| Failure::new(Cause::NotPermitted, format!("{}: {fault}", Printable(folder)));
        let path = session.cwd.join(if folder.is_empty() { "." } else { folder }).map_err(refused)?;
        match session.client()?.list(&path) {
            Ok(entries) => Ok(entries
                .into_iter()
                .filter_map(|entry| {
                    let name = entry.name.as_ref().map(Name::as_str)?.to_owned();
                    Some(Listed { name, is_dir: entry.kind == Kind::Dir, entry })
                })
                .collect()),
            Err(failure) if matches!(failure.code(), Some(Code::NotFound | Code::NotADirectory)) => {
                Ok(Vec::new())
            }
            Err(failure) => Err(failure.about(Printable(folder))),
        }
    };
    expand(word, pattern, list)
}

/// What `word` stands for on this side, below `folder`, sorted: itself, or all that it matches. Names that are not UTF-8 match nothing.
///
/// # Errors
/// Nothing matches, or those of listing.
pub fn here(folder: &Path, word: &Word) -> Result<Vec<Found<()>>, Failure> {
    let Some(pattern) = word.pattern() else { return Ok(Found::itself(word)) };
    let list = |inner: &str| {
        let place = folder.join(inner);
        let Ok(entries) = fs::read_dir(&place) else { return Ok(Vec::new()) };
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Failure::local(&place, "list it", &error))?;
            if let Ok(name) = entry.file_name().into_string() {
                listed.push(Listed { name, is_dir: entry.path().is_dir(), entry: () });
            }
        }
        Ok(listed)
    };
    expand(word, pattern, list)
}

/// One entry of a folder.
struct Listed<E> {
    name: String,
    is_dir: bool,
    entry: E,
}

/// Goes from folder to folder along the pattern; `list` has the entries of one, given as it would be typed.
fn expand<E>(
    word: &Word,
    pattern: &str,
    mut list: impl FnMut(&str) -> Result<Vec<Listed<E>>, Failure>,
) -> Result<Vec<Found<E>>, Failure> {
    let nothing = || {
        Failure::new(Cause::NotFound, format!("{}: nothing matches", Printable(word)))
            .hint("a * ? or [ that belongs to a name is written \\* or in quotes")
    };
    // Both are cut at the same places: what was quoted is a `/` all the same.
    let steps: Vec<_> = pattern.split('/').zip(word.split('/')).collect();
    let mut found = vec![Found { name: String::new(), entry: None }];
    let (mut entries, mut bytes) = (0, 0);
    for (at, (step, text)) in steps.iter().enumerate() {
        let is_last = at + 1 == steps.len();
        let slash = if is_last { "" } else { "/" };
        let matched_before = steps[..at].iter().any(|(step, text)| step != text || is_wild(step));
        if matches!(*text, "" | "." | "..") || !(matched_before || is_wild(step)) {
            found.iter_mut().for_each(|folder| folder.name += &format!("{text}{slash}"));
            continue;
        }
        let matcher = matcher(step, text);
        let (mut next, mut literal) = (Vec::new(), Vec::new());
        for folder in &found {
            for listed in list(&folder.name)? {
                if !is_last && !listed.is_dir {
                    continue;
                }
                let name = format!("{}{}{slash}", folder.name, listed.name);
                let into = if matcher.matches_with(&listed.name, OPTIONS) {
                    &mut next
                } else if listed.name == *text {
                    &mut literal
                } else {
                    continue;
                };
                (entries, bytes) = (entries + 1, bytes + name.len());
                if entries > ENTRIES || bytes > NAMES {
                    return Err(
                        Failure::new(Cause::Failed, "too much matches").hint("take a narrower pattern")
                    );
                }
                into.push(Found { name, entry: Some(listed.entry) });
            }
        }
        // As in a shell: file[1].txt is that very file when there is no file1.txt.
        found = if next.is_empty() { literal } else { next };
    }
    if found.is_empty() {
        return Err(nothing());
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn is_wild(step: &str) -> bool {
    Pattern::escape(step) != step
}

/// The matcher of one step; one that is no pattern, as with a bracket that is not closed, is a name.
fn matcher(step: &str, text: &str) -> Pattern {
    let mut single = String::with_capacity(step.len());
    for c in step.chars() {
        if !(c == '*' && single.ends_with('*')) {
            single.push(c);
        }
    }
    Pattern::new(&single).or_else(|_| Pattern::new(&Pattern::escape(text))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::split;

    fn names(folder: &Path, typed: &str) -> Result<Vec<String>, Failure> {
        let word = split(typed).expect("good").remove(0).remove(0);
        Ok(here(folder, &word)?.into_iter().map(|found| found.name).collect())
    }

    #[test]
    fn patterns_find_what_a_shell_would() {
        let folder = tempfile::tempdir().expect("a folder");
        for dir in ["a", "b", ".git"] {
            fs::create_dir(folder.path().join(dir)).expect("made");
        }
        for file in [
            "1.txt",
            "2.txt",
            "10.txt",
            "x[1].txt",
            "*.md",
            ".hidden",
            "a/1.txt",
            "a/.x",
            "b/2.pdf",
            ".git/1.txt",
        ] {
            fs::write(folder.path().join(file), "").expect("written");
        }
        let good =
            |typed: &str| names(folder.path(), typed).unwrap_or_else(|failure| panic!("{typed}: {failure}"));
        assert_eq!(good("?.txt"), ["1.txt", "2.txt"]);
        assert_eq!(good("[12]*"), ["1.txt", "10.txt", "2.txt"]);
        assert_eq!(good("[!1]*.txt"), ["2.txt", "x[1].txt"]);
        assert_eq!(good("**.txt"), ["1.txt", "10.txt", "2.txt", "x[1].txt"]);
        assert_eq!(good("*"), ["*.md", "1.txt", "10.txt", "2.txt", "a", "b", "x[1].txt"]);
        assert_eq!(good(".*"), [".git", ".hidden"]);
        assert_eq!(good("*/*"), ["a/1.txt", "b/2.pdf"]);
        assert_eq!(good("*/1.txt"), ["a/1.txt"]);
        assert_eq!(good("*/"), ["a/", "b/"]);
        assert_eq!(good("./a/../?"), ["./a/../a", "./a/../b"]);
        assert_eq!(good("x[1].txt"), ["x[1].txt"], "it is one by itself when nothing matches");
        assert_eq!(good(r"\*.m?"), ["*.md"]);
        assert_eq!(good("'*.md'"), ["*.md"]);
        assert_eq!(good("not-there"), ["not-there"]);
        for typed in ["*.doc", "q/*", "[z", "1.txt/*"] {
            let failure = names(folder.path(), typed).expect_err(typed);
            assert_eq!(failure.cause, Cause::NotFound, "{typed}: {failure}");
            assert!(failure.message.ends_with("nothing matches"), "{failure}");
        }
        let top = folder.path().to_str().expect("UTF-8");
        assert_eq!(good(&format!("{top}/?.txt")), [format!("{top}/1.txt"), format!("{top}/2.txt")]);
    }

    #[test]
    fn a_pattern_full_of_stars_is_quick() {
        let pattern = matcher(&"a*".repeat(60), "");
        assert!(!pattern.matches_with(&"a".repeat(59), OPTIONS));
    }
}
