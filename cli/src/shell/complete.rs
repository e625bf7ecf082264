//! Tab: names of commands, of files here for `put`, and of what was listed last for everything else. Nothing is fetched while somebody types. A name that
//! would drive the terminal is not offered: the editor would show it as it is.

use crate::command::{Shell, names};
use crate::words::quote;
use ftp_proto::printable::is_printable;
use rustyline::completion::Pair;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use std::fs;
use std::path::PathBuf;

/// What can be completed to.
pub(super) struct Completer {
    listed: Vec<String>,
    upload: PathBuf,
}

impl Completer {
    pub(super) fn new(shell: &Shell<'_>) -> Self {
        Self { listed: shell.listed.clone(), upload: shell.session.upload.clone() }
    }

    /// Names in the folder that the half-typed path is in, with that folder in front.
    fn local(&self, typed: &str) -> Vec<String> {
        let folder = typed.rfind('/').map_or("", |slash| &typed[..=slash]);
        let Ok(entries) = fs::read_dir(self.upload.join(folder)) else { return Vec::new() };
        let name = |entry: fs::DirEntry| {
            let end = if entry.path().is_dir() { "/" } else { "" };
            entry.file_name().into_string().ok().map(|name| format!("{folder}{name}{end}"))
        };
        entries.filter_map(Result::ok).filter_map(name).collect()
    }
}

/// Where the last word begins; a blank after a backslash does not end a word.
fn word_start(line: &str) -> usize {
    let bytes = line.as_bytes();
    let is_end = |at: &usize| matches!(bytes[*at], b' ' | b';') && (*at == 0 || bytes[*at - 1] != b'\\');
    (0..bytes.len()).rev().find(is_end).map_or(0, |at| at + 1)
}

impl rustyline::completion::Completer for Completer {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = &line[..pos];
        let start = word_start(line);
        let typed = line[start..].replace('\\', "");
        let before = line[..start].trim();
        let command = before.rsplit(';').next().unwrap_or_default().split_whitespace().next();
        let candidates = match command {
            None => names().map(str::to_owned).collect(),
            Some("put" | "lcd") => self.local(&typed),
            Some(_) => self.listed.clone(),
        };
        let mut pairs: Vec<_> = candidates
            .into_iter()
            // What could drive the terminal is not put there; nobody could type it either.
            .filter(|name| name.starts_with(&typed) && is_printable(name))
            .map(|name| Pair { replacement: quote(&name), display: name })
            .collect();
        pairs.sort_by(|a, b| a.display.cmp(&b.display));
        Ok((start, pairs))
    }
}

impl Hinter for Completer {
    type Hint = String;
}
impl Highlighter for Completer {}
impl Validator for Completer {}
impl Helper for Completer {}

#[cfg(test)]
mod tests {
    use super::*;
    use rustyline::completion::Completer as _;
    use rustyline::history::DefaultHistory;

    #[test]
    fn commands_files_here_and_files_there_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["my file.txt", "my\x1b[2J"] {
            fs::write(folder.path().join(name), "x").expect("written");
        }
        let completer = Completer {
            listed: vec!["there.iso".into(), "there\u{202e}osi".into(), "docs/".into()],
            upload: folder.path().to_owned(),
        };
        let history = DefaultHistory::new();
        let complete = |line: &str| {
            let (start, pairs) = completer.complete(line, line.len(), &Context::new(&history)).expect("done");
            (start, pairs.into_iter().map(|pair| pair.replacement).collect::<Vec<_>>())
        };
        assert_eq!(complete("ge"), (0, vec!["get".into()]));
        assert_eq!(complete("get th"), (4, vec!["there.iso".into()]));
        assert_eq!(complete("ls; cd d"), (7, vec!["docs/".into()]));
        assert_eq!(complete("put my\\ f"), (4, vec!["my\\ file.txt".into()]));
        assert_eq!(
            complete("put my"),
            (4, vec!["my\\ file.txt".into()]),
            "and nothing that drives the terminal"
        );
    }
}
