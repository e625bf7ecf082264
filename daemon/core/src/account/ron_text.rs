//! Files that people write in RON, and how they are told what is wrong with one.

use ftp_proto::Printable;
use ron::error::{Error, SpannedError};
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;
use std::path::Path;

/// How our files are read and written: an optional value needs no `Some(...)`.
#[must_use]
pub fn options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Reads a text that came from `file`.
///
/// # Errors
/// `file:line:column: ` and what is wrong there, in one line that is safe to print. It never quotes a value, which could be a secret.
pub fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, String> {
    options().from_str(text).map_err(|error| explain(file, &error))
}

fn explain(file: &Path, error: &SpannedError) -> String {
    let what = match &error.code {
        Error::NoSuchStructField { expected, found, .. } => unknown("key", found, expected),
        Error::NoSuchEnumVariant { expected, found, .. } => unknown("word", found, expected),
        Error::MissingStructField { field, .. } => format!("`{field}` is missing"),
        Error::DuplicateStructField { field, .. } => format!("`{field}` is there twice"),
        Error::InvalidValueForType { expected, .. } => format!("this should be {expected}"),
        Error::ExpectedComma => "a comma or a closing bracket is missing before this".to_owned(),
        Error::Eof => "the file ends too early: a `)`, `]`, `}` or `\"` is missing".to_owned(),
        other => other.to_string(),
    };
    let name = file.display().to_string();
    format!("{}:{}: {}", Printable(&name), error.span.start, Printable(&what))
}

fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    match nearest(found, known.iter().copied()) {
        Some(near) => format!("unknown {what} `{found}`: did you mean `{near}`?"),
        None => format!("unknown {what} `{found}`: known are {}", known.join(", ")),
    }
}

/// The known word that `word` is most likely a slip of, if one is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &&str| strsim::damerau_levenshtein(word, candidate);
    known.into_iter().min_by_key(near).filter(|best| near(best) <= best.len().max(word.len()).div_ceil(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Sample {
        number: u8,
        choice: Option<Choice>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        Full,
        Fast,
    }

    fn fault(text: &str) -> String {
        parse::<Sample>(Path::new("a.ron"), text).expect_err("it is wrong")
    }

    #[test]
    fn a_misspelt_key_or_word_is_named_with_its_line_and_the_right_one() {
        assert_eq!(
            fault("(\n  number: 1,\n  chioce: full,\n)"),
            "a.ron:3:3: unknown key `chioce`: did you mean `choice`?"
        );
        assert_eq!(fault("(number: 1, choice: ful)"), "a.ron:1:21: unknown word `ful`: did you mean `full`?");
        assert_eq!(
            fault("(number: 1, zzzzzz: 1)"),
            "a.ron:1:13: unknown key `zzzzzz`: known are number, choice"
        );
    }

    #[test]
    fn other_slips_are_told_in_words() {
        assert_eq!(fault("(\n)"), "a.ron:1:2: `number` is missing");
        assert_eq!(fault("(number: 1, number: 2)"), "a.ron:1:13: `number` is there twice");
        assert_eq!(fault("(number: 1"), "a.ron:1:10: a comma or a closing bracket is missing before this");
        assert!(fault("(number: ").contains("the file ends too early"), "{}", fault("(number: "));
    }

    #[test]
    fn what_a_file_holds_can_not_drive_the_terminal() {
        let told = parse::<Sample>(Path::new("a\x1b[2J.ron"), "(r#\u{202e}: 1)").expect_err("it is wrong");
        assert!(!told.contains(['\x1b', '\u{202e}']), "{told:?}");
    }

    #[test]
    fn a_suggestion_is_near() {
        let verbs = ["create", "rm", "setup", "view"];
        assert_eq!(nearest("crate", verbs), Some("create"));
        assert_eq!(nearest("veiw", verbs), Some("view"));
        assert_eq!(nearest("mr", verbs), Some("rm"));
        assert_eq!(nearest("explode", verbs), None);
    }
}
