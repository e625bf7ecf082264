//! `scrub`: are the files what was uploaded?

use super::command::{ConfigFile, Scrub};
use super::console::Console;
use super::failure::Failure;
use super::find;
use super::size::show;
use ftp_core::account::user_file::Users;
use ftp_core::transfer::Scrubbed;
use ftp_core::vfs::{Home, Jail};
use ftp_proto::UserName;
use std::sync::Arc;

pub(super) fn run(config: &ConfigFile, order: &Scrub, console: &mut dyn Console) -> Result<(), Failure> {
    let config = config.load()?;
    let users = Users::load(&config.user_file())?;
    let chosen: Vec<&UserName> = match &order.user {
        Some(name) => vec![find(&users, name)?.0],
        None => users.users.keys().collect(),
    };
    // It reads whatever there is, beside others who have work to do.
    let _best_effort = rustix::process::nice(19);
    let jail = Jail::new(config.users());
    let mut unsound = 0;
    for user in chosen {
        let scrubbed = scrub(&jail, user, console)?;
        unsound += scrubbed.unsound;
        console.print(&format!("{user}: {}", told(&scrubbed)))?;
    }
    match unsound {
        0 => Ok(()),
        n => Err(Failure::failed(format!(
            "{} not what was uploaded, or cannot be read: put {} there again from a good copy, and have the disk looked at",
            files(n, "is", "are"),
            if n == 1 { "it" } else { "them" },
        ))),
    }
}

fn scrub(jail: &Jail, user: &UserName, console: &mut dyn Console) -> Result<Scrubbed, Failure> {
    let failed = |fault| Failure::failed(format!("cannot scrub what {user} has: {fault}"));
    let Some(home) = Home::beside(jail, user).map_err(failed)? else { return Ok(Scrubbed::default()) };
    let mut printed = Ok(());
    let scrubbed = Arc::new(home).scrub(&mut |path, fault| {
        let path = path.to_string();
        let path = ftp_proto::Printable(&path);
        let text = match fault {
            ftp_core::Fault::Damaged { offset, .. } => {
                format!(
                    "DAMAGED     {user}:{path}  differs from what was uploaded, at byte {offset} or after"
                )
            }
            fault => format!("UNREADABLE  {user}:{path}  {fault}"),
        };
        if printed.is_ok() {
            printed = console.print(&text);
        }
    });
    printed?;
    scrubbed.map_err(failed)
}

fn told(scrubbed: &Scrubbed) -> String {
    let Scrubbed { sound, unsound, unknown, bytes } = *scrubbed;
    let mut text = format!("{} as uploaded ({} read)", files(sound, "is", "are"), show(bytes));
    if unsound > 0 {
        text = format!("{text}, {} NOT", files(unsound, "is", "are"));
    }
    if unknown > 0 {
        text = format!("{text}; {unknown} without values to compare with");
    }
    text
}

fn files(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 file {one}") } else { format!("{n} files {many}") }
}
