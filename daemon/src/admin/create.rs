//! `create`: a new account and its folder.

use super::command::Create;
use super::console::Console;
use super::failure::Failure;
use super::size::show_quota;
use super::usage::Usage;
use super::{folders, new_password};
use crate::config::Config;
use ftp_core::account::user_file::{User, Users};
use ftp_proto::{Printable, UserName};

pub(super) fn run(config: &Config, order: Create, console: &mut dyn Console) -> Result<(), Failure> {
    let name = UserName::new(&order.user)
        .map_err(|rule| Failure::usage(format!("'{}' cannot be a name: {rule}", Printable(&order.user))))?;
    let file = config.user_file();
    refuse_taken(&Users::load(&file)?, &name)?;
    if folders::is_there(config, &name) {
        let left = Usage::of(config, &name)?;
        if left.files + left.parts > 0 {
            console.note(&format!("Note: {name} takes over {left} of an earlier account."));
        }
    }
    let password = order.password.read(&name, console)?;
    let user = User { id: fresh_id()?, password: new_password::hash(&password)?, quota: order.quota };
    folders::make(config, &name)?;
    Users::edit(&file, |users| {
        refuse_taken(users, &name)?;
        users.users.insert(name.clone(), user);
        Ok::<_, Failure>(())
    })?;
    let quota = show_quota(order.quota);
    console.print(&format!(
        "Created {name}: quota {quota}, folder {}.",
        folders::shown(&config.users().join(name.as_str()))
    ))
}

fn refuse_taken(users: &Users, name: &UserName) -> Result<(), Failure> {
    if users.users.contains_key(name) {
        return Err(Failure::failed(format!("{name} exists already; change it with ftp-admin setup {name}")));
    }
    Ok(())
}

/// Drawn, so that it is never that of an earlier account of the name.
fn fresh_id() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Failure::failed(format!("cannot draw an id: {error}")))?;
    Ok(u64::from_le_bytes(bytes))
}
