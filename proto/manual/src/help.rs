//! What `--help` says, for a terminal of 80 columns.

use crate::{Block, Example, Opt, Program, Verb, fill, wrap};

const WIDTH: usize = 79;
/// Where the explanations of options begin at most; behind a longer option it is on a line of its own.
const COLUMN: usize = 26;

/// The help of a program.
#[must_use]
pub fn program(program: &Program) -> String {
    let mut text = format!("{} - {}\n", program.name, program.what);
    if !program.examples.is_empty() {
        text.push('\n');
        examples(&mut text, program.examples);
    }
    text.push('\n');
    for (number, line) in program.synopsis.iter().enumerate() {
        let head = if number == 0 { "Usage: " } else { "       " };
        text += &format!("{head} {} {line}\n", program.name);
    }
    if !program.verbs.is_empty() {
        text += "\nCommands\n";
        let rows = program.verbs.iter().map(|verb| (head(verb), verb.what)).collect::<Vec<_>>();
        table(&mut text, &rows);
    }
    for group in program.groups {
        text += &format!("\n{}\n", group.title);
        options(&mut text, group.options);
    }
    let exit: Vec<String> = program.exit.iter().map(|(code, what)| format!("{code} {what}")).collect();
    if !exit.is_empty() {
        text.push('\n');
        paragraph(&mut text, &format!("Exit codes: {}.", exit.join(", ")));
    }
    for note in program.notes {
        text.push('\n');
        paragraph(&mut text, note);
    }
    text
}

/// The help of one verb.
#[must_use]
pub fn verb(program: &Program, verb: &Verb) -> String {
    let name = program.name;
    let mut text = String::new();
    for (number, line) in fill(verb.pieces(), WIDTH - 9 - name.len()).iter().enumerate() {
        let head = if number == 0 { format!("Usage:  {name} ") } else { " ".repeat(9 + name.len()) };
        text += &format!("{head}{line}\n");
    }
    text += &format!("\n{name} {}: {}.\n", verb.name, verb.what);
    for block in verb.about {
        text.push('\n');
        match block {
            Block::Text(words) => paragraph(&mut text, words),
            Block::Item(term, words) => table(&mut text, &[((*term).to_owned(), words)]),
            Block::Code(lines) => lines.lines().for_each(|line| text += &format!("  {line}\n")),
        }
    }
    text.push('\n');
    options(&mut text, &verb.options().copied().collect::<Vec<_>>());
    if !verb.examples.is_empty() {
        text.push('\n');
        examples(&mut text, verb.examples);
    }
    text
}

/// A verb with its arguments, without its options.
fn head(verb: &Verb) -> String {
    let argument = |argument: &crate::Argument| {
        if argument.needed { format!(" {}", argument.name) } else { format!(" [{}]", argument.name) }
    };
    verb.arguments.iter().fold(verb.name.to_owned(), |head, each| head + &argument(each))
}

fn paragraph(text: &mut String, words: &str) {
    for line in wrap(words, WIDTH) {
        *text += &line;
        text.push('\n');
    }
}

fn examples(text: &mut String, examples: &[Example]) {
    let width = examples.iter().map(|example| example.line.len()).max().unwrap_or(0);
    for Example { line, what } in examples {
        *text += format!("  {line:<width$}   {what}").trim_end();
        text.push('\n');
    }
}

fn options(text: &mut String, options: &[Opt]) {
    let some_short = options.iter().any(|option| option.short.is_some());
    let head = |option: &Opt| match option.short {
        Some(letter) => format!("-{letter}, {}", option.spelled()),
        None if some_short => format!("    {}", option.spelled()),
        None => option.spelled(),
    };
    table(text, &options.iter().map(|option| (head(option), option.what)).collect::<Vec<_>>());
}

fn table(text: &mut String, rows: &[(String, &str)]) {
    let fits = rows.iter().map(|(head, _)| head.len()).filter(|len| *len <= COLUMN);
    let column = fits.max().unwrap_or(COLUMN);
    for (head, what) in rows {
        let mut lines = wrap(what, WIDTH - column - 4).into_iter();
        if head.len() <= column {
            let first = lines.next().unwrap_or_default();
            *text += format!("  {head:<column$}  {first}").trim_end();
        } else {
            *text += &format!("  {head}");
        }
        text.push('\n');
        for line in lines {
            *text += &format!("{}{line}\n", " ".repeat(column + 4));
        }
    }
}
