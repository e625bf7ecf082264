//! `create`: a new account and its folder.

use super::command::Create;
use super::console::Console;
use super::failure::Failure;
use super::new_password::Source;
use super::size::{parse_quota, show_quota};
use super::usage::Usage;
use super::{folders, new_password};
use crate::config::Config;
use ftp_core::account::user_file::{User, Users};
use ftp_proto::{Printable, UserName};

pub(super) fn run(config: &Config, order: Create, console: &mut dyn Console) -> Result<(), Failure> {
    let file = config.user_file();
    let users = Users::load(&file)?;
    let is_asked = console.is_interactive() && order.password.source == Source::Person;
    let name = match &order.user {
        Some(user) => new_name(&users, user)?,
        None if console.is_interactive() => ask_name(&users, console)?,
        None => return Err(Failure::usage("there is nobody to ask who it is: name the user")),
    };
    if folders::is_there(config, &name) {
        let left = Usage::of(config, &name)?;
        if left.files + left.parts > 0 {
            console.note(&format!("Note: {name} takes over {left} of an earlier account."));
        }
    }
    let quota = match order.quota {
        Some(quota) => quota,
        None if is_asked => ask_quota("Quota, such as 5G or 500M [none]: ", console)?.flatten(),
        None => None,
    };
    let new = order.password.read(&name, console)?;
    let user = User { id: fresh_id()?, password: new_password::hash(&new.password)?, quota };
    let made = folders::make(config, &name)?;
    let added = Users::edit(&file, |users| {
        refuse_taken(users, &name)?;
        users.users.insert(name.clone(), user);
        Ok::<_, Failure>(())
    });
    if let Err(failure) = added {
        if made {
            folders::unmake(config, &name);
        }
        return Err(failure);
    }
    let home = config.users().join(name.as_str()).join("home");
    let done = format!("Created {name}: quota {}, home {}.", show_quota(quota), folders::shown(&home));
    new.tell(&name, &done, console)
}

fn new_name(users: &Users, text: &str) -> Result<UserName, Failure> {
    let name = UserName::new(text)
        .map_err(|rule| Failure::usage(format!("'{}' cannot be a name: {rule}", Printable(text))))?;
    refuse_taken(users, &name)?;
    Ok(name)
}

fn ask_name(users: &Users, console: &mut dyn Console) -> Result<UserName, Failure> {
    console.note("A new account. At each question q leaves, and nothing is changed.");
    loop {
        match new_name(users, &console.answer("User: ")?) {
            Ok(name) => return Ok(name),
            Err(Failure::Failed(why) | Failure::Usage(why)) => console.note(&why),
            Err(other) => return Err(other),
        }
    }
}

/// None for an empty answer.
pub(super) fn ask_quota(question: &str, console: &mut dyn Console) -> Result<Option<Option<u64>>, Failure> {
    loop {
        let answer = console.answer(question)?;
        if answer.is_empty() {
            return Ok(None);
        }
        match parse_quota(&answer) {
            Ok(quota) => return Ok(Some(quota)),
            Err(why) => console.note(&why),
        }
    }
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
