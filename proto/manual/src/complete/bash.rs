//! For bash 4 or later; it does not need the package bash-completion.

use super::{MARK, dashed, function, lists, pattern, quoted};
use crate::{Kind, Opt, Program, Verb};

/// The completions of a program, to be sourced, or put into `share/bash-completion/completions` under its name.
#[must_use]
pub fn bash(program: &Program) -> String {
    let function = function(program);
    let mut text = format!("# bash completion for {}. {MARK}\n\n", program.name);
    if lists(program) {
        text += &format!(
            "# What the program itself lists, called with the options that were given before the verb.\n\
             {function}_listed() {{\n    mapfile -t COMPREPLY < <(compgen -W \"$(\"${{COMP_WORDS[@]:0:at}}\" \"$@\" 2>/dev/null </dev/null)\" -- \"$cur\")\n}}\n\n"
        );
    }
    text += &format!(
        "{function}() {{\n    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} words\n    COMPREPLY=()\n    \
         # --option=value comes as three words.\n    \
         if [[ $cur == = ]]; then\n        cur=\n    elif [[ $prev == = ]]; then\n        prev=${{COMP_WORDS[COMP_CWORD - 2]}}\n    fi\n"
    );
    if program.verbs.is_empty() {
        text += &values("    ", program.options());
        text += &words("    ", program.options(), &[]);
    } else {
        verbs(&mut text, program);
    }
    text + &format!(
        "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}}\ncomplete -F {function} {}\n",
        program.name
    )
}

fn verbs(text: &mut String, program: &Program) {
    let with_value = program.options().filter(|option| option.value.is_some());
    *text += "    local verb= at\n    for ((at = 1; at < COMP_CWORD; at++)); do\n        case ${COMP_WORDS[at]} in\n";
    if let Some(pattern) = pattern(with_value) {
        *text += &format!(
            "            {pattern})\n                ((at++))\n                [[ ${{COMP_WORDS[at]}} != = ]] || ((at++))\n                ;;\n"
        );
    }
    *text += "            -*) ;;\n            *)\n                verb=${COMP_WORDS[at]}\n                break\n                ;;\n        esac\n    done\n    case $verb in\n        '')\n";
    *text += &values("            ", program.options());
    let names: Vec<&str> = program.verbs.iter().map(|verb| verb.name).collect();
    *text += &words("            ", program.options(), &names);
    *text += "            ;;\n";
    for verb in program.verbs {
        let all: Vec<&str> = std::iter::once(verb.name).chain(verb.aliases.iter().copied()).collect();
        *text += &format!("        {})\n", all.join(" | "));
        *text += &values("            ", verb.options());
        *text += &argument("            ", verb);
        *text += &words("            ", verb.options(), &[]);
        *text += "            ;;\n";
    }
    *text += "    esac\n";
}

/// What the verb takes, unless an option is begun.
fn argument(indent: &str, verb: &Verb) -> String {
    let Some(argument) = verb.arguments.first() else { return String::new() };
    let action = action(&format!("{indent}    "), argument.kind);
    format!("{indent}if [[ $cur != -* ]]; then\n{action}{indent}    return\n{indent}fi\n")
}

/// What comes behind an option that takes a value.
fn values<'a>(indent: &str, options: impl Iterator<Item = &'a Opt>) -> String {
    let mut text = String::new();
    for option in options {
        if let Some((_, kind)) = option.value {
            let action = action(&format!("{indent}        "), kind);
            text += &format!(
                "{indent}    {})\n{action}{indent}        return\n{indent}        ;;\n",
                dashed(option).join(" | ")
            );
        }
    }
    if text.is_empty() { text } else { format!("{indent}case $prev in\n{text}{indent}esac\n") }
}

fn words<'a>(indent: &str, options: impl Iterator<Item = &'a Opt>, verbs: &[&str]) -> String {
    let options: Vec<String> = options.flat_map(dashed).collect();
    let all: Vec<&str> = verbs.iter().copied().chain(options.iter().map(String::as_str)).collect();
    format!("{indent}words={}\n", quoted(&all.join(" ")))
}

fn action(indent: &str, kind: Kind) -> String {
    let from = |what: &str| format!("{indent}mapfile -t COMPREPLY < <(compgen {what} -- \"$cur\")\n");
    let names = format!("{indent}compopt -o filenames 2>/dev/null\n");
    match kind {
        Kind::Free => String::new(),
        Kind::File => from("-f") + &names,
        Kind::Folder => from("-d") + &names,
        Kind::OneOf(words) => from(&format!("-W {}", quoted(&words.join(" ")))),
        Kind::Listed(words) => format!("{indent}${{FUNCNAME[0]}}_listed {words}\n"),
    }
}
