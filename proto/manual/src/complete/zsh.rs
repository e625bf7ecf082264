//! For zsh, with its completion system.

use super::{MARK, dashed, function, lists, quoted};
use crate::{Kind, Opt, Program, Verb};

/// The completions of a program, to be put into a folder of `fpath` as `_NAME`.
#[must_use]
pub fn zsh(program: &Program) -> String {
    let (name, function) = (program.name, function(program));
    let mut text = format!("#compdef {name}\n# {MARK}\n\n");
    if lists(program) {
        text += &format!(
            "# What the program itself lists, called with the options that were given before the verb.\n\
             {function}_listed() {{\n    local -a found\n    found=(${{(f)\"$(\"$given[@]\" \"$@\" 2>/dev/null </dev/null)\"}})\n    compadd -a found\n}}\n\n"
        );
    }
    text += &format!(
        "{function}() {{\n    local context state state_descr line\n    typeset -A opt_args\n    local -a given verbs\n"
    );
    if program.verbs.is_empty() {
        text += &arguments("    ", &function, program.options(), None);
    } else {
        verbs(&mut text, program, &function);
    }
    text + &format!("}}\n\n{function} \"$@\"\n")
}

fn verbs(text: &mut String, program: &Program, function: &str) {
    *text += "    given=(\"$words[1]\")\n    _arguments -C -s -S \\\n";
    for option in program.options() {
        *text += &format!("        {} \\\n", spec(option, function));
    }
    *text += "        '1:command:->verb' \\\n        '*::argument:->rest'\n";
    for option in program.options().filter(|option| option.value.is_some()) {
        for name in dashed(option) {
            *text += &format!(
                "    (( ! ${{+opt_args[{name}]}} )) || given+=({name} \"${{(Q)opt_args[{name}]//\\\\:/:}}\")\n"
            );
        }
    }
    *text += "    case $state in\n        verb)\n            verbs=(\n";
    for verb in program.verbs {
        let line = format!("{}:{}", verb.name, verb.what.replace(':', "\\:"));
        *text += &format!("                {}\n", quoted(&line));
    }
    *text += "            )\n            _describe command verbs\n            ;;\n        rest)\n            case $words[1] in\n";
    for verb in program.verbs {
        let all: Vec<&str> = std::iter::once(verb.name).chain(verb.aliases.iter().copied()).collect();
        *text += &format!("                {})\n", all.join(" | "));
        *text += &arguments("                    ", function, verb.options(), Some(verb));
        *text += "                    ;;\n";
    }
    *text += "            esac\n            ;;\n    esac\n";
}

fn arguments<'a>(
    indent: &str,
    function: &str,
    options: impl Iterator<Item = &'a Opt>,
    verb: Option<&Verb>,
) -> String {
    let mut specs: Vec<String> = options.map(|option| spec(option, function)).collect();
    for (number, argument) in verb.into_iter().flat_map(|verb| verb.arguments).enumerate() {
        let optional = if argument.needed { "" } else { ":" };
        let action = action(argument.kind, function);
        specs.push(quoted(&format!("{}:{optional}{}:{action}", number + 1, argument.name)));
    }
    let separator = format!(" \\\n{indent}    ");
    format!("{indent}_arguments -s -S{separator}{}\n", specs.join(&separator))
}

/// One option, as `_arguments` takes it.
fn spec(option: &Opt, function: &str) -> String {
    let what = option.what.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let value = option.value.map_or_else(String::new, |(name, kind)| {
        format!(":{}:{}", name.replace(':', "\\:"), action(kind, function))
    });
    let more = format!("[{what}]{value}");
    let equals = if option.value.is_some() { "=" } else { "" };
    let long = format!("--{}{equals}", option.long);
    match option.short {
        None if option.many => quoted(&format!("*{long}{more}")),
        None => quoted(&format!("{long}{more}")),
        Some(letter) => {
            let plus = if option.value.is_some() { "+" } else { "" };
            let before = if option.many { "*".to_owned() } else { format!("(-{letter} --{})", option.long) };
            format!("{}{{-{letter}{plus},{long}}}{}", quoted(&before), quoted(&more))
        }
    }
}

fn action(kind: Kind, function: &str) -> String {
    match kind {
        Kind::Free => " ".to_owned(),
        Kind::File => "_files".to_owned(),
        Kind::Folder => "_files -/".to_owned(),
        Kind::OneOf(words) => format!("({})", words.join(" ")),
        Kind::Listed(words) => format!("{{{function}_listed {words}}}"),
    }
}
