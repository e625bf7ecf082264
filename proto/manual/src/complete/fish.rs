//! For fish.

use super::{MARK, dashed, function, lists};
use crate::{Kind, Opt, Program};

/// The completions of a program, to be put into `share/fish/vendor_completions.d` as `NAME.fish`.
#[must_use]
pub fn fish(program: &Program) -> String {
    let (name, function) = (program.name, format!("_{}", function(program)));
    let mut text = format!("# fish completion for {name}. {MARK}\n\n");
    if !program.verbs.is_empty() {
        verb_function(&mut text, program, &function);
    }
    text += &format!("complete -c {name} -f\n");
    let before = if program.verbs.is_empty() { String::new() } else { format!(" -n {function}_verb") };
    for option in program.options() {
        text += &format!("complete -c {name}{before}{}\n", spec(option, &function));
    }
    for verb in program.verbs {
        text += &format!("complete -c {name}{before} -a {} -d {}\n", verb.name, quoted(verb.what));
    }
    for verb in program.verbs {
        let all: Vec<&str> = std::iter::once(verb.name).chain(verb.aliases.iter().copied()).collect();
        let behind = format!("complete -c {name} -n '{function}_verb {}'", all.join(" "));
        for argument in verb.arguments.iter().filter(|argument| argument.kind != Kind::Free) {
            text += &format!("{behind}{}\n", value(argument.kind, &function, false));
        }
        for option in verb.options() {
            text += &format!("{behind}{}\n", spec(option, &function));
        }
    }
    text
}

/// Without words: whether there is no verb yet; with words: whether it is one of them.
fn verb_function(text: &mut String, program: &Program, function: &str) {
    let with_value = program.options().filter(|option| option.value.is_some());
    let names: Vec<String> = with_value.flat_map(dashed).collect();
    *text += &format!(
        "# Succeeds when the verb is one of those given, or when there is none and none is given.\n\
         function {function}_verb\n    set -l skip no\n    for word in (commandline -opc)[2..-1]\n        \
         if test $skip = yes\n            set skip no\n            continue\n        end\n        \
         switch $word\n            case {}\n                set skip yes\n            case '-*'\n            case '*'\n                \
         contains -- $word $argv\n                return\n        end\n    end\n    test (count $argv) -eq 0\nend\n\n",
        names.join(" ")
    );
    if lists(program) {
        *text += &format!(
            "# What the program itself lists, called with the options that were given before the verb.\n\
             function {function}_listed\n    set -l given\n    set -l skip no\n    for word in (commandline -opc)\n        \
             if test $skip = yes\n            set skip no\n        else\n            switch $word\n                case {}\n                    \
             set skip yes\n                case '-*'\n                case '*'\n                    \
             if test (count $given) -gt 0\n                        break\n                    end\n            end\n        end\n        \
             set -a given $word\n    end\n    $given $argv 2>/dev/null </dev/null\nend\n\n",
            names.join(" ")
        );
    }
}

fn spec(option: &Opt, function: &str) -> String {
    let short = option.short.map_or_else(String::new, |letter| format!(" -s {letter}"));
    let value = option.value.map_or_else(String::new, |(_, kind)| value(kind, function, true));
    format!("{short} -l {}{value} -d {}", option.long, quoted(option.what))
}

/// What completes it; `needed`: the option cannot be without it.
fn value(kind: Kind, function: &str, needed: bool) -> String {
    let only = if needed { " -x" } else { "" };
    match kind {
        Kind::Free => only.to_owned(),
        Kind::File if needed => " -r -F".to_owned(),
        Kind::File => " -F".to_owned(),
        Kind::Folder => format!("{only} -a '(__fish_complete_directories (commandline -ct))'"),
        Kind::OneOf(words) => format!("{only} -a {}", quoted(&words.join(" "))),
        Kind::Listed(words) => format!("{only} -a '({function}_listed {words})'"),
    }
}

/// In single quotes; fish has a backslash in them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
