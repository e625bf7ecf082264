//! Tab: names of commands, options, names at the server, and names on this side, each where it belongs. A directory at the server that was not listed lately is
//! asked for once, and not waited for long. A name that would drive the terminal is not offered: the editor would show it as it is.

use crate::command::{COMMANDS, Command, Shell, Side, expanded, known};
use crate::words::{Unfinished, unfinished};
use ftp_proto::Name;
use ftp_proto::message::Kind;
use ftp_proto::printable::is_printable;
use rustyline::completion::Pair;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::time::Duration;

/// How long Tab waits for a server.
const PATIENCE: Duration = Duration::from_millis(300);

/// Completes lines, and has the commands that carry them out meanwhile.
pub(super) struct Completer<'a> {
    shell: RefCell<Shell<'a>>,
    history: HistoryHinter,
    colour: bool,
}

/// Something to complete to: the name, and whether more is to follow it.
struct Candidate {
    name: String,
    shown: String,
    is_dir: bool,
}

impl Candidate {
    fn word(word: &str) -> Self {
        Self { name: word.to_owned(), shown: word.to_owned(), is_dir: false }
    }
}

impl<'a> Completer<'a> {
    /// `colour`: what was typed before may be shown in grey.
    pub(super) fn new(shell: Shell<'a>, colour: bool) -> Self {
        Self { shell: RefCell::new(shell), history: HistoryHinter::new(), colour }
    }

    /// The commands.
    pub(super) fn shell(&mut self) -> &mut Shell<'a> {
        self.shell.get_mut()
    }

    fn candidates(&self, line: &Unfinished) -> Vec<Candidate> {
        let Some((name, before)) = line.before.split_first() else {
            let names = COMMANDS.iter().map(|command| command.name).filter(|name| *name != "!");
            return names.map(Candidate::word).collect();
        };
        let Some(command) = known(name.strip_prefix('-').unwrap_or(name)) else { return Vec::new() };
        if line.text.starts_with('-') && line.quote.is_none() && command.name != "!" {
            return options(command);
        }
        let takes_value = |word: &str| {
            command
                .options
                .iter()
                .any(|(option, _)| option.split_once(' ').is_some_and(|(option, _)| option == word))
        };
        let last = before.last().map(|word| word.as_str());
        match command.side(last.filter(|word| takes_value(word))) {
            Side::There => self.there(&line.text, false),
            Side::DirsThere => self.there(&line.text, true),
            Side::Here => self.here(&line.text, false),
            Side::FoldersHere => self.here(&line.text, true),
            Side::Commands => COMMANDS.iter().map(|command| Candidate::word(command.name)).collect(),
            Side::Words(words) if before.is_empty() => {
                words.iter().map(|word| Candidate::word(word)).collect()
            }
            Side::Words(_) => Vec::new(),
        }
    }

    /// Names at the server in the directory that the half-typed path is in, with that directory in front.
    fn there(&self, typed: &str, only_dirs: bool) -> Vec<Candidate> {
        let folder = typed.rfind('/').map_or("", |slash| &typed[..=slash]);
        let mut shell = self.shell.borrow_mut();
        let Ok(path) = shell.session.cwd.join(if folder.is_empty() { "." } else { folder }) else {
            return Vec::new();
        };
        if shell.seen.names(&path).is_none()
            && let Some(entries) = shell.session.list_within(&path, PATIENCE)
        {
            let names = entries
                .iter()
                .map(|entry| (entry.name.as_ref().map_or("", Name::as_str), entry.kind == Kind::Dir));
            shell.seen.keep(&path, names);
        }
        let names = shell.seen.names(&path).unwrap_or_default();
        let candidates = names.iter().filter(|(_, is_dir)| *is_dir || !only_dirs);
        candidates.map(|(name, is_dir)| named(folder, name.as_str(), *is_dir)).collect()
    }

    /// The same on this side.
    fn here(&self, typed: &str, only_folders: bool) -> Vec<Candidate> {
        let folder = typed.rfind('/').map_or("", |slash| &typed[..=slash]);
        let place = self.shell.borrow().session.upload.join(expanded(folder));
        let Ok(entries) = fs::read_dir(place) else { return Vec::new() };
        let candidate = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            Some(named(folder, &name, entry.path().is_dir()))
        };
        let candidates = entries.filter_map(Result::ok).filter_map(candidate);
        candidates.filter(|candidate| candidate.is_dir || !only_folders).collect()
    }
}

fn named(folder: &str, name: &str, is_dir: bool) -> Candidate {
    let slash = if is_dir { "/" } else { "" };
    Candidate { name: format!("{folder}{name}{slash}"), shown: format!("{name}{slash}"), is_dir }
}

fn options(command: &Command) -> Vec<Candidate> {
    let option = |(option, _): &(&str, &str)| Candidate {
        name: option.split(' ').next().unwrap_or_default().to_owned(),
        shown: (*option).to_owned(),
        is_dir: false,
    };
    command.options.iter().map(option).collect()
}

impl rustyline::completion::Completer for Completer<'_> {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = unfinished(&line[..pos]);
        let mut candidates = self.candidates(&line);
        let folder = line.text.rfind('/').map_or(0, |slash| slash + 1);
        let dotted = line.text[folder..].starts_with('.');
        candidates.retain(|candidate| {
            candidate.name.starts_with(&line.text)
                && (dotted || !candidate.name[folder..].starts_with('.'))
                && is_printable(&candidate.name)
        });
        candidates.sort_by(|a, b| a.name.cmp(&b.name));
        let only = candidates.len() == 1;
        let is_name = !line.before.is_empty() && !line.text.starts_with('-');
        let pairs = candidates.into_iter().map(|candidate| {
            // It would be taken for an option, or for the word that asks for MD5.
            let guard = is_name && (candidate.name.starts_with('-') || candidate.name == "md5");
            let name = if guard { format!("./{}", candidate.name) } else { candidate.name };
            let replacement = line.completed(&name, !candidate.is_dir, only && !candidate.is_dir);
            Pair { display: candidate.shown, replacement }
        });
        Ok((line.start, pairs.collect()))
    }
}

impl Hinter for Completer<'_> {
    type Hint = String;

    /// What was typed before; nothing is asked for while somebody types.
    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        if self.colour { self.history.hint(line, pos, context) } else { None }
    }
}

impl Highlighter for Completer<'_> {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[90m{hint}\x1b[m"))
    }
}

impl Validator for Completer<'_> {}
impl Helper for Completer<'_> {}
