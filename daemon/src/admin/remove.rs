//! `rm`: the end of an account, and with `--purge` of its files.

use super::command::Remove;
use super::console::{Console, leaves};
use super::failure::Failure;
use super::usage::Usage;
use super::{find, folders};
use crate::config::Config;
use ftp_core::account::user_file::Users;

pub(super) fn run(config: &Config, order: &Remove, console: &mut dyn Console) -> Result<(), Failure> {
    let file = config.user_file();
    let users = Users::load(&file)?;
    let (name, user) = find(&users, &order.user)?;
    if !order.yes {
        if !console.is_interactive() {
            return Err(Failure::usage("there is nobody to ask whether the account may go: use --yes"));
        }
        if leaves(name.as_str()) {
            return Err(Failure::usage(format!(
                "'{name}' leaves at a prompt, so that it cannot be typed there: use --yes"
            )));
        }
        let usage = Usage::of(config, name)?;
        let fate = if order.purge { "and ALL its files" } else { "(files stay unless --purge)" };
        let question = format!("{name} has {usage}. Type the name to delete the account {fate}: ");
        if console.answer(&question)? != name.as_str() {
            return Err(Failure::failed("that is not the name; nothing was deleted"));
        }
    }
    Users::edit(&file, |users| {
        // It may have been deleted and made anew while we asked.
        match users.users.get(name) {
            Some(now) if now.id == user.id => users.users.remove(name).map(drop).ok_or(Failure::Closed),
            _ => Err(Failure::failed(format!(
                "{name} was changed by somebody else meanwhile; nothing was deleted"
            ))),
        }
    })?;
    let folder = config.users().join(name.as_str());
    if order.purge {
        folders::purge(config, name, user.id)?;
        return console.print(&format!("Deleted {name} and all its files."));
    }
    let rest = if folders::is_there(config, name) {
        format!(" Its files remain in {}.", folders::shown(&folder))
    } else {
        String::new()
    };
    console.print(&format!("Deleted {name}.{rest}"))
}
