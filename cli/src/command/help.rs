//! `help`, `q`, `exit`.

use super::{COMMANDS, Command, Line, Next, Shell, find};
use crate::event::Event;
use crate::failure::Failure;

pub(super) const HELP: Command = Command {
    name: "help",
    usage: "help [COMMAND]",
    what: "this list, or more about one command",
    more: "",
    run: help,
};
pub(super) const Q: Command = Command {
    name: "q",
    usage: "q",
    what: "log out, back to the login prompt",
    more: "At the login prompt's questions q goes back too. In a script it ends the script.",
    run: |_, line| line.none().map(|()| Next::Back),
};
pub(super) const EXIT: Command = Command {
    name: "exit",
    usage: "exit",
    what: "log out and leave (also Ctrl-D)",
    more: "",
    run: |_, line| line.none().map(|()| Next::Leave),
};

fn help(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    if let Some(name) = line.at_most_one()? {
        let command = find(name)?;
        if shell.console.is_json() {
            return told(shell, command);
        }
        shell.console.print(&format!("{}\n  {}", command.usage, command.what))?;
        for line in command.more.lines() {
            shell.console.print(&format!("  {line}"))?;
        }
        return Ok(Next::Stay);
    }
    for command in COMMANDS {
        told(shell, command)?;
    }
    if shell.console.is_json() {
        return Ok(Next::Stay);
    }
    shell.console.print("A name with spaces is quoted: get \"my file.pdf\". Ctrl-C stops a transfer and keeps what arrived; the same command goes on.")?;
    Ok(Next::Stay)
}

fn told(shell: &Shell<'_>, command: &Command) -> Result<Next, Failure> {
    let Command { name, usage, what, .. } = command;
    let event = Event::Help { command: name, usage, what };
    shell.console.result(&event, || format!("  {usage:<34} {what}"))?;
    Ok(Next::Stay)
}
