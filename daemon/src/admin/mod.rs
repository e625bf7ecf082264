//! `ftp-admin`: accounts, certificates, and whether the set-up is sound.
//!
//! Each verb is a module with what it takes and what it does; all of them work on a `Console`, so that tests can sit in front of them. Results go
//! to stdout, questions and errors to stderr. Not here: how accounts are stored (`ftp_core::account`) and how certificates are made.

mod cert;
mod check;
mod command;
mod console;
mod create;
mod failure;
mod folders;
mod last_login;
mod new_password;
mod owner;
mod remove;
mod scrub;
mod setup;
mod size;
mod terminal;
mod usage;
mod view;
mod walk;

use command::Command;
use console::Console;
use failure::Failure;
use ftp_core::account::user_file::{User, Users};
use ftp_proto::UserName;
use std::process::ExitCode;
use terminal::Terminal;

/// Does what the command line says. Exit codes: 0 done, 1 failed, there already or left at a prompt, 2 not understood, 6 no such user, 130 Ctrl-C
/// at a prompt.
#[must_use]
pub fn main() -> ExitCode {
    let mut terminal = Terminal::new();
    let arguments = std::env::args_os().skip(1).map(|argument| argument.into_string());
    let result = arguments
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Failure::usage("the arguments are not UTF-8"))
        .and_then(|arguments| command::parse(&arguments))
        .and_then(|command| run(command, &mut terminal));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                terminal.note(&format!("ftp-admin: {text}"));
            }
            failure.code()
        }
    }
}

fn run(command: Command, console: &mut dyn Console) -> Result<(), Failure> {
    match command {
        Command::Print(text) => console.print(&text),
        Command::Create(config, order) => create::run(&config.load()?, order, console),
        Command::Remove(config, order) => remove::run(&config.load()?, &order, console),
        Command::Setup(config, order) => setup::run(&config.load()?, order, console),
        Command::View(config, order) => view::run(&config.load()?, &order, console),
        Command::Check(config) => check::run(&config, console),
        Command::Scrub(config, order) => scrub::run(&config, &order, console),
        Command::Cert(request) => cert::make(&request, console),
        Command::Fingerprint(config, file) => cert::fingerprint(&config, file.as_deref(), console),
    }
}

/// The account of that name.
fn find<'a>(users: &'a Users, name: &str) -> Result<(&'a UserName, &'a User), Failure> {
    let found = UserName::new(name).ok().and_then(|name| users.users.get_key_value(&name));
    found.ok_or_else(|| Failure::no_such_user(name, users))
}

#[cfg(test)]
mod tests;
