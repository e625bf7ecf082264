//! Completions for shells. Each knows the verbs, the options of each, and what their values can be; nothing else is installed for them.

mod bash;
mod fish;
mod zsh;

pub use bash::bash;
pub use fish::fish;
pub use zsh::zsh;

use crate::{Kind, Opt, Program};

/// What a file of completions says of its origin, behind the sign of a comment.
const MARK: &str = "Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.";

/// A name that a function of a shell can have.
fn function(program: &Program) -> String {
    format!("_{}", program.name.replace('-', "_"))
}

/// `-c` and `--config`.
fn dashed(option: &Opt) -> Vec<String> {
    let short = option.short.map(|letter| format!("-{letter}"));
    short.into_iter().chain([format!("--{}", option.long)]).collect()
}

/// All of them, as a pattern of `case`: `-c | --config`; none if there are none.
fn pattern<'a>(options: impl Iterator<Item = &'a Opt>) -> Option<String> {
    let all: Vec<String> = options.flat_map(dashed).collect();
    (!all.is_empty()).then(|| all.join(" | "))
}

/// In single quotes, for any shell with the rules of sh.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether anything of the program is listed by itself.
fn lists(program: &Program) -> bool {
    let of_verbs = program.verbs.iter().flat_map(|verb| {
        let values = verb.options.iter().filter_map(|option| option.value);
        values.map(|(_, kind)| kind).chain(verb.arguments.iter().map(|argument| argument.kind))
    });
    let own = program.options().filter_map(|option| option.value).map(|(_, kind)| kind);
    of_verbs.chain(own).any(|kind| matches!(kind, Kind::Listed(_)))
}
