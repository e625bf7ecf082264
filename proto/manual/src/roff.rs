//! Man pages, in the macros of man(7). groff and mandoc have nothing to say about them.

use crate::{Block, Config, Example, Key, Opt, Program, Section, Value, Verb, wrap};

/// The date in the pages: when what they say last changed in earnest.
pub const DATE: &str = "2026-11-25";
/// What a page says of its origin.
const MARK: &str = ".\\\" Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.\n";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The page of a program, with more sections behind its own.
#[must_use]
pub fn program(program: &Program, more: &[Section<'_>]) -> String {
    let mut page = head(program.name, program.section, program.what);
    page += ".SH SYNOPSIS\n";
    for (number, line) in program.synopsis.iter().enumerate() {
        if number > 0 {
            page += ".br\n";
        }
        page += &format!("{}\n", line_of(&format!("`{}` {line}", program.name)));
    }
    page += ".SH DESCRIPTION\n";
    blocks(&mut page, program.about);
    let options: Vec<&Opt> = program.options().collect();
    if !options.is_empty() {
        page += ".SH OPTIONS\n";
    }
    for group in program.groups {
        if program.groups.len() > 1 {
            page += &format!(".SS {}\n", line_of(group.title));
        }
        group.options.iter().for_each(|option| self::option(&mut page, option));
    }
    if !program.verbs.is_empty() {
        page += ".SH COMMANDS\n";
    }
    for verb in program.verbs {
        self::verb(&mut page, verb);
    }
    for Section { title, blocks } in program.sections.iter().chain(more) {
        page += &format!(".SH {}\n", line_of(title));
        self::blocks(&mut page, blocks);
    }
    if !program.exit.is_empty() {
        page += ".SH EXIT STATUS\n";
        for (code, what) in program.exit {
            item(&mut page, &format!("`{code}`"), what);
        }
    }
    if !program.notes.is_empty() {
        page += ".SH NOTES\n";
        blocks(&mut page, &program.notes.iter().map(|note| Block::Text(note)).collect::<Vec<_>>());
    }
    if !program.examples.is_empty() {
        page += ".SH EXAMPLES\n";
        examples(&mut page, program.examples);
    }
    see_also(&mut page, program.see_also);
    page
}

/// The page of a configuration, in section 5.
#[must_use]
pub fn config(config: &Config) -> String {
    let mut page = head(config.name, 5, config.what);
    page += ".SH DESCRIPTION\n";
    blocks(&mut page, &[Block::Text(config.about)]);
    page += ".SH KEYS\n";
    config.keys.iter().for_each(|key| self::key(&mut page, key));
    for Section { title, blocks } in config.sections {
        page += &format!(".SH {}\n", line_of(title));
        self::blocks(&mut page, blocks);
    }
    see_also(&mut page, config.see_also);
    page
}

fn head(name: &str, section: u8, what: &str) -> String {
    let title = name.to_uppercase();
    format!(
        "{MARK}.TH {} {section} {DATE} \"ftp\\-daemon {VERSION}\"\n.SH NAME\n{} \\- {}\n",
        line_of(&title),
        line_of(name),
        line_of(what)
    )
}

fn option(page: &mut String, option: &Opt) {
    let long = format!("`--{}`", option.long);
    let both = option.short.map_or_else(|| long.clone(), |short| format!("`-{short}`, {long}"));
    let value = option.value.map_or_else(String::new, |(name, _)| format!(" \\fI{}\\fR", line_of(name)));
    *page += &format!(".TP\n{}{value}\n{}", line_of(&both), lines_of(&sentence(option.what)));
}

fn verb(page: &mut String, verb: &Verb) {
    *page += &format!(".SS {}\n", line_of(verb.name));
    *page += &lines_of(&verb.usage().replacen(verb.name, &format!("`{}`", verb.name), 1));
    *page += &format!(".PP\n{}", lines_of(&sentence(verb.what)));
    if let [first, rest @ ..] = verb.aliases {
        let names = rest.iter().fold(format!("`{first}`"), |names, more| format!("{names}, `{more}`"));
        *page += &lines_of(&format!("Also called {names}."));
    }
    if !verb.about.is_empty() {
        *page += ".PP\n";
        blocks(page, verb.about);
    }
    verb.options.iter().for_each(|option| self::option(page, option));
    if !verb.examples.is_empty() {
        *page += ".PP\nFor example:\n";
        examples(page, verb.examples);
    }
}

fn key(page: &mut String, key: &Key) {
    let (value, more) = match key.value {
        Value::Default(value) => (format!(" {value}"), ""),
        Value::Needed(value) => (format!(" {value}"), " It has to be given."),
        Value::Absent(value) => (format!(" {value}"), " It is not set by default."),
        Value::Keys(_) => (" (...)".to_owned(), ""),
    };
    let text = if key.text.is_empty() { "These keys:" } else { key.text };
    item(page, &format!("`{}:`{value}", key.name), &format!("{text}{more}"));
    if let Value::Keys(keys) = key.value {
        *page += ".RS\n";
        keys.iter().for_each(|below| self::key(page, below));
        *page += ".RE\n";
    }
}

fn examples(page: &mut String, examples: &[Example]) {
    for Example { line, what } in examples {
        item(page, &format!("`{line}`"), &sentence(what));
    }
}

fn see_also(page: &mut String, pages: &[&str]) {
    if pages.is_empty() {
        return;
    }
    *page += ".SH SEE ALSO\n";
    for (number, other) in pages.iter().enumerate() {
        let comma = if number + 1 < pages.len() { " ," } else { "" };
        let (name, section) = other.split_once('(').unwrap_or((other, ""));
        *page += &format!(".BR {} ({section}{comma}\n", line_of(name));
    }
}

fn blocks(page: &mut String, blocks: &[Block<'_>]) {
    for (number, block) in blocks.iter().enumerate() {
        match block {
            Block::Text(words) => {
                if number > 0 {
                    *page += ".PP\n";
                }
                *page += &lines_of(words);
            }
            Block::Item(term, words) => item(page, term, words),
            Block::Code(lines) => {
                *page += ".PP\n.RS 4\n.EX\n";
                lines.lines().for_each(|line| *page += &format!("{}\n", guarded(&escaped(line))));
                *page += ".EE\n.RE\n";
            }
        }
    }
}

fn item(page: &mut String, term: &str, words: &str) {
    *page += &format!(".TP\n{}\n{}", line_of(term), lines_of(words));
}

fn sentence(words: &str) -> String {
    let end = if words.ends_with('?') { "" } else { "." };
    format!("{}{end}", capital(words))
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// A text on lines of its own.
fn lines_of(text: &str) -> String {
    // What is bold stays on one line, for the marks are counted from its begin.
    let kept = text.split('`').enumerate().map(|(number, part)| match number % 2 {
        0 => part.to_owned(),
        _ => format!("`{}`", part.replace(' ', HELD)),
    });
    let lines = wrap(&kept.collect::<String>(), 78);
    lines.iter().map(|line| line_of(&line.replace(HELD, " ")) + "\n").collect()
}

/// A blank at which no line ends.
const HELD: &str = "\u{1}";

/// A text on one line of its own, with what is between backticks bold.
fn line_of(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let shown = parts.map(|(number, part)| match number % 2 {
        0 => escaped(part),
        _ => format!("\\fB{}\\fR", escaped(part)),
    });
    guarded(&shown.collect::<String>())
}

/// A line that begins with a dot or a quote would be a command.
fn guarded(line: &str) -> String {
    let is_command = line.starts_with(['.', '\'']);
    if is_command { format!("\\&{line}") } else { line.to_owned() }
}

/// What would not come out as it is. A plain `-` may become a hyphen, which nobody can paste into a shell.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '~' => out.push_str("\\(ti"),
            '^' => out.push_str("\\(ha"),
            c => out.push(c),
        }
    }
    out
}
