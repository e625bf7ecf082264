//! Names and paths that were checked once; to hold one is to know that it keeps the rules.

use crate::limits::{DEPTH, NAME, PATH};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a name or path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// A path that does not begin with `/`.
    #[error("a path begins with '/'")]
    NotAbsolute,
    /// `..` above the root.
    #[error("the path leads above '/'")]
    AboveRoot,
    /// Over [`PATH`] bytes.
    #[error("a path has at most 4096 bytes")]
    TooLong,
    /// Over [`DEPTH`] names.
    #[error("a path has at most 64 names")]
    TooDeep,
    /// Over [`NAME`] bytes.
    #[error("a name has at most 255 bytes")]
    NameTooLong,
    /// An empty name, `.`, `..`, or one with a `/` in it.
    #[error("that is not a name")]
    NotAName,
    /// A control character.
    #[error("a name has no control characters")]
    ControlCharacter,
    /// The root, where something below it is needed.
    #[error("'/' itself cannot be named here")]
    Root,
}

/// One name in a directory: 1 to 255 bytes of UTF-8, no `/`, no control character, neither `.` nor `..`. Kept byte for byte, never normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Box<str>);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// It breaks a rule.
    pub fn new(text: &str) -> Result<Self, PathFault> {
        if text.is_empty() || text == "." || text == ".." || text.contains('/') {
            return Err(PathFault::NotAName);
        }
        if text.len() > NAME {
            return Err(PathFault::NameTooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(PathFault::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = PathFault;
    fn try_from(text: String) -> Result<Self, PathFault> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An absolute path in a user's home in normal form: names only. `..` was resolved by the text, which is exact because symbolic
/// links are never followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VirtualPath {
    names: Vec<Name>,
}

impl VirtualPath {
    /// Checks an absolute path and brings it to normal form.
    ///
    /// # Errors
    /// It breaks a rule.
    pub fn new(text: &str) -> Result<Self, PathFault> {
        if !text.starts_with('/') {
            return Err(PathFault::NotAbsolute);
        }
        Self::root().join(text)
    }

    /// The user's home.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Resolves `text` as seen from this directory; an absolute `text` starts at the root.
    ///
    /// # Errors
    /// It breaks a rule.
    pub fn join(&self, text: &str) -> Result<Self, PathFault> {
        if text.len() > PATH {
            return Err(PathFault::TooLong);
        }
        let mut names = if text.starts_with('/') { Vec::new() } else { self.names.clone() };
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    names.pop().ok_or(PathFault::AboveRoot)?;
                }
                name => names.push(Name::new(name)?),
            }
            if names.len() > DEPTH {
                return Err(PathFault::TooDeep);
            }
        }
        let path = Self { names };
        if path.byte_len() > PATH { Err(PathFault::TooLong) } else { Ok(path) }
    }

    /// The bytes of its text; none for the user's home.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.names.iter().map(|name| 1 + name.as_str().len()).sum()
    }

    /// The names from the root down; none for the root.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// True for the user's home itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// The directory's names and the last name.
    ///
    /// # Errors
    /// [`PathFault::Root`]: the root has no name.
    pub fn split_last(&self) -> Result<(&[Name], &Name), PathFault> {
        self.names.split_last().map(|(leaf, parents)| (parents, leaf)).ok_or(PathFault::Root)
    }

    /// True if `self` is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.names.len() >= other.names.len() && self.names.iter().zip(&other.names).all(|(a, b)| a == b)
    }
}

impl fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() {
            return f.write_str("/");
        }
        self.names.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

impl TryFrom<String> for VirtualPath {
    type Error = PathFault;
    fn try_from(text: String) -> Result<Self, PathFault> {
        Self::new(&text)
    }
}

impl From<VirtualPath> for String {
    fn from(path: VirtualPath) -> Self {
        path.to_string()
    }
}

/// The name of an account: `[a-z_][a-z0-9_.-]{0,31}` without `..`. It is the name of a folder and a word in logs, so nothing else is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(Box<str>);

/// The text cannot be a user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user name is 1 to 32 of a-z 0-9 _ . - and begins with a letter or '_', without '..'")]
pub struct NotAUserName;

impl UserName {
    /// Checks a user's name.
    ///
    /// # Errors
    /// It breaks the rule.
    pub fn new(text: &str) -> Result<Self, NotAUserName> {
        let first = |c: u8| c.is_ascii_lowercase() || c == b'_';
        let rest = |c: u8| first(c) || c.is_ascii_digit() || c == b'.' || c == b'-';
        let fine = text.len() <= 32
            && text.bytes().next().is_some_and(first)
            && text.bytes().all(rest)
            && !text.contains("..");
        if fine { Ok(Self(text.into())) } else { Err(NotAUserName) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = NotAUserName;
    fn try_from(text: String) -> Result<Self, NotAUserName> {
        Self::new(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_come_to_normal_form() {
        for (text, want) in
            [("/", "/"), ("//a/./b//", "/a/b"), ("/a/b/../c", "/a/c"), ("/a/..", "/"), ("/…/ü", "/…/ü")]
        {
            assert_eq!(VirtualPath::new(text).map(|path| path.to_string()).as_deref(), Ok(want));
        }
        let here = VirtualPath::new("/a/b").expect("good");
        for (text, want) in [("c", "/a/b/c"), ("../c", "/a/c"), ("/c", "/c"), ("", "/a/b"), ("../..", "/")] {
            assert_eq!(here.join(text).map(|path| path.to_string()).as_deref(), Ok(want));
        }
    }

    #[test]
    fn paths_that_break_the_rules_are_refused() {
        let deep = "/a".repeat(DEPTH + 1);
        let long = format!("/{}", "n".repeat(NAME + 1));
        let cases = [
            ("", PathFault::NotAbsolute),
            ("a", PathFault::NotAbsolute),
            ("/..", PathFault::AboveRoot),
            ("/a/../../b", PathFault::AboveRoot),
            ("/a\0b", PathFault::ControlCharacter),
            ("/a\nb", PathFault::ControlCharacter),
            ("/a\u{85}", PathFault::ControlCharacter),
            (&deep, PathFault::TooDeep),
            (&long, PathFault::NameTooLong),
            (&"/".repeat(PATH + 1), PathFault::TooLong),
        ];
        for (text, fault) in cases {
            assert_eq!(VirtualPath::new(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn user_names_are_plain_words() {
        for good in ["a", "_x", "test", "a.b-c_9", &"u".repeat(32)] {
            assert!(UserName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a..b", "-a", "9a", "A", "a/b", "a\0", "a b", "ü", &"u".repeat(33)] {
            assert!(UserName::new(bad).is_err(), "{bad}");
        }
    }

    /// Of all characters that there are, at the front and after it.
    #[test]
    fn no_character_but_those_of_the_rule_is_in_a_user_name() {
        for c in '\0'..=char::MAX {
            let first = matches!(c, 'a'..='z' | '_');
            assert_eq!(UserName::new(&format!("{c}x")).is_ok(), first, "{c:?}");
            let later = first || matches!(c, '0'..='9' | '.' | '-');
            assert_eq!(UserName::new(&format!("x{c}")).is_ok(), later, "{c:?}");
        }
    }

    #[test]
    fn no_character_but_controls_and_the_slash_is_kept_out_of_a_name() {
        for c in '\0'..=char::MAX {
            let fine = !matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '/');
            let text = format!("x{c}");
            let name = Name::new(&text);
            assert_eq!(name.is_ok(), fine, "{c:?}");
            assert!(name.is_ok_and(|name| name.as_str() == text) == fine, "{c:?} is kept as it is");
        }
    }

    proptest! {
        #[test]
        fn normal_form_is_stable_and_has_only_names(text in "(/(\\.\\.?|[a-c]{0,3}|[^/]{1,4})){0,9}") {
            if let Ok(path) = VirtualPath::new(&text) {
                let again = VirtualPath::new(&path.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&path));
                prop_assert!(path.names().iter().all(|name| name.as_str() != ".." && !name.as_str().contains('/')));
            }
        }
    }
}
