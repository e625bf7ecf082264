//! `scrub`: are the files what was uploaded?

use super::command::{ConfigFile, Scrub};
use super::console::Console;
use super::failure::Failure;
use super::find;
use super::size::show;
use ftp_core::Fault;
use ftp_core::account::user_file::Users;
use ftp_core::transfer::Scrubbed;
use ftp_core::vfs::{Home, Jail};
use ftp_proto::{Printable, UserName};
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
    let (mut damaged, mut unsound, mut fault) = (0, 0, None);
    for user in chosen {
        match scrub(&jail, user, console, &mut damaged) {
            Ok(scrubbed) => {
                unsound += scrubbed.unsound;
                console.print(&format!("{user}: {}", told(&scrubbed)))?;
            }
            Err(Failure::Closed) => return Err(Failure::Closed),
            Err(failure) => {
                console.note(&format!("ftp-admin: {}", failure.text().unwrap_or_default()));
                fault.get_or_insert(failure);
            }
        }
    }
    match (damaged, unsound.saturating_sub(damaged), fault) {
        (0, 0, None) => Ok(()),
        (0, 0, Some(_)) => Err(Failure::failed("not all users could be looked at")),
        (0, _, _) => Err(Failure::failed("not everything could be read; ftp-admin check may say why")),
        (n, _, _) => Err(Failure::failed(format!(
            "{} not what was uploaded: put {} there again from a good copy, and have the disk looked at",
            things(n),
            if n == 1 { "it" } else { "them" },
        ))),
    }
}

/// Looks at the files of a user, and counts those that are damaged.
fn scrub(
    jail: &Jail,
    user: &UserName,
    console: &mut dyn Console,
    damaged: &mut u64,
) -> Result<Scrubbed, Failure> {
    let home = Home::beside(jail, user)
        .map_err(|fault| Failure::failed(format!("cannot scrub what {user} has: {fault}")))?;
    let Some(home) = home else { return Ok(Scrubbed::default()) };
    let mut printed = Ok(());
    let scrubbed = Arc::new(home).scrub(&mut |path, fault| {
        let path = path.to_string();
        let path = Printable(&path);
        let text = match fault {
            Fault::Damaged { offset, .. } => {
                *damaged += 1;
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
    printed.map(|()| scrubbed)
}

fn things(n: u64) -> String {
    if n == 1 { "1 file or directory is".to_owned() } else { format!("{n} files or directories are") }
}

fn told(scrubbed: &Scrubbed) -> String {
    let Scrubbed { sound, unsound, unknown, bytes } = *scrubbed;
    let files = if sound == 1 { "1 file is".to_owned() } else { format!("{sound} files are") };
    let mut text = format!("{files} as hashed before ({} read)", show(bytes));
    if unsound > 0 {
        text = format!("{text}, {} NOT", things(unsound));
    }
    if unknown > 0 {
        text = format!("{text}; {unknown} without values to compare with");
    }
    text
}
