//! `help`, `q`, `exit`.

use super::{BARE, COMMANDS, Command, Group, Line, Next, Shell, Side, find};
use crate::event::Event;
use crate::failure::Failure;

pub(super) const HELP: Command = Command {
    name: "help",
    menu: "help CMD more about one command",
    usage: "help [COMMAND]",
    what: "all commands, or more about one; ? is the same",
    examples: &["help", "help get"],
    side: Side::Commands,
    changes: false,
    run: help,
    ..BARE
};
pub(super) const Q: Command = Command {
    name: "q",
    menu: "q log out",
    usage: "q",
    what: "log out, back to the login prompt",
    more: "At the login prompt's questions q goes back too. In a script it ends the script.",
    side: Side::Words(&[]),
    run: |_, line| line.none().map(|()| Next::Back),
    ..BARE
};
pub(super) const EXIT: Command = Command {
    name: "exit",
    menu: "exit leave (Ctrl-D)",
    usage: "exit",
    what: "log out and leave (also Ctrl-D)",
    side: Side::Words(&[]),
    run: |_, line| line.none().map(|()| Next::Leave),
    ..BARE
};

/// Columns of a small screen; one is left free.
const WIDTH: usize = 79;

/// Below the overview.
const NOTES: &str = "Tab completes names; one with spaces is quoted: get \"my file.pdf\".\n\
                     Ctrl-C stops a transfer and keeps what arrived; the same command goes on.";

fn help(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    let asked = line.at_most_one()?.map(find).transpose()?;
    if shell.console.is_json() {
        for Command { name, usage, what, .. } in COMMANDS {
            if asked.is_none_or(|asked| asked.name == *name) {
                let event = Event::Help { command: name, usage, what };
                shell.console.result(&event, String::new)?;
            }
        }
        return Ok(Next::Stay);
    }
    shell.console.print(&asked.map_or_else(overview, about))?;
    Ok(Next::Stay)
}

/// All commands, on a screen of 80 by 24.
fn overview() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let mut line = format!("{:<10}", group.title());
        let mut short = true;
        for command in COMMANDS.iter().filter(|command| command.group == group) {
            let item = if command.menu.is_empty() { command.name } else { command.menu };
            // Words that belong together are told from those that do not by a wider gap.
            let gap = if line.ends_with("  ") {
                ""
            } else if short && !item.contains(' ') {
                "  "
            } else {
                "   "
            };
            short = !item.contains(' ');
            line = format!("{line}{gap}{item}");
        }
        text = format!("{text}{line}\n");
    }
    text + NOTES
}

/// Everything about one command.
fn about(command: &Command) -> String {
    let mut text = format!("{}\n  {}", command.usage, command.what);
    for (option, what) in command.options {
        let columns = 12.max(option.len() + 2);
        text = format!("{text}\n  {option:<columns$}{what}");
    }
    for paragraph in command.more.lines() {
        let mut column = WIDTH;
        for word in paragraph.split(' ') {
            if column + 1 + word.len() > WIDTH {
                (text, column) = (text + "\n ", 1);
            }
            (text, column) = (format!("{text} {word}"), column + 1 + word.len());
        }
    }
    for (number, example) in command.examples.iter().enumerate() {
        let head = if number == 0 { "\nFor example:" } else { "" };
        text = format!("{text}{head}\n  {example}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_fits_on_a_small_screen() {
        let texts = COMMANDS.iter().map(about).chain([overview()]);
        for text in texts {
            assert!(text.lines().count() < 24, "{text}");
            for line in text.lines() {
                assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line:?}");
            }
        }
        for name in COMMANDS.iter().map(|command| command.name) {
            assert!(overview().split([' ', '\n']).any(|word| word.trim_end_matches("cmd") == name), "{name}");
        }
    }
}
