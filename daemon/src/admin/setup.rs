//! `setup`: another quota or password for an account.

use super::command::Setup;
use super::console::Console;
use super::create::ask_quota;
use super::failure::Failure;
use super::find;
use super::new_password::{self, New, Source, Wanted};
use super::size::{show, show_quota};
use super::usage::Usage;
use crate::config::Config;
use ftp_core::account::user_file::{User, Users};
use ftp_proto::UserName;

/// What is to become of an account; what is none stays.
#[derive(Default)]
struct Change {
    quota: Option<Option<u64>>,
    password: Option<New>,
}

pub(super) fn run(config: &Config, order: Setup, console: &mut dyn Console) -> Result<(), Failure> {
    let file = config.user_file();
    let users = Users::load(&file)?;
    let (name, user) = match &order.user {
        Some(user) => find(&users, user)?,
        None if console.is_interactive() => ask_user(&users, console)?,
        None => return Err(Failure::usage("there is nobody to ask who it is: name the user")),
    };
    let change = wanted(config, &order, name, user, console)?;
    if let Some(Some(quota)) = change.quota {
        confirm_below_usage(config, &order, name, user, quota, console)?;
    }
    let told = describe(name, user, &change);
    let password = change.password.as_ref().map(|new| new_password::hash(&new.password)).transpose()?;
    Users::edit(&file, |users| match users.users.get_mut(name) {
        Some(now) if now.id == user.id => {
            now.quota = change.quota.unwrap_or(now.quota);
            if let Some(password) = password {
                now.password = password;
            }
            Ok(())
        }
        _ => Err(Failure::failed(format!("{name} was changed by somebody else meanwhile; nothing was done"))),
    })?;
    match change.password {
        Some(new) => new.tell(name, &told, console),
        None => console.print(&told),
    }
}

fn ask_user<'a>(users: &'a Users, console: &mut dyn Console) -> Result<(&'a UserName, &'a User), Failure> {
    console.note("Which account? At each question q leaves, and nothing is changed.");
    loop {
        match find(users, &console.answer("User: ")?) {
            Err(Failure::NoSuchUser(why)) => console.note(&why),
            other => return other,
        }
    }
}

fn wanted(
    config: &Config,
    order: &Setup,
    name: &UserName,
    user: &User,
    console: &mut dyn Console,
) -> Result<Change, Failure> {
    if order.quota.is_none() && order.password.is_none() {
        return ask_one_by_one(config, order, name, user, console);
    }
    let password = order.password.as_ref().map(|wanted| wanted.read(name, console)).transpose()?;
    Ok(Change { quota: order.quota, password })
}

fn ask_one_by_one(
    config: &Config,
    order: &Setup,
    name: &UserName,
    user: &User,
    console: &mut dyn Console,
) -> Result<Change, Failure> {
    if !console.is_interactive() {
        return Err(Failure::usage(
            "there is nobody to ask: use --quota SIZE|none, --generate or --password-file FILE",
        ));
    }
    let usage = Usage::of(config, name)?;
    console.note(&format!("{name} has {usage}. Enter keeps a value; q leaves, and nothing is changed."));
    let quota = ask_quota(&format!("Quota [{}]: ", show_quota(user.quota)), console)?;
    let asked = Wanted { source: Source::Person, weak: order.weak };
    let password = asked.ask(name, "New password [keep; q leaves]: ", console)?;
    Ok(Change { quota, password })
}

fn confirm_below_usage(
    config: &Config,
    order: &Setup,
    name: &UserName,
    user: &User,
    quota: u64,
    console: &mut dyn Console,
) -> Result<(), Failure> {
    let used = Usage::of(config, name)?.bytes;
    if used <= quota || user.quota == Some(quota) {
        return Ok(());
    }
    let warning = format!(
        "{name}: quota {}.  Warning: {} is in use; {name} can read and delete, but not begin a put.",
        step(user.quota, Some(quota)),
        show(used)
    );
    if order.yes {
        console.note(&warning);
        return Ok(());
    }
    if !console.is_interactive() {
        return Err(Failure::failed(format!("{warning} There is nobody to ask whether to go on: use --yes")));
    }
    if console.agrees(&format!("{warning} Go on?"))? { Ok(()) } else { Err(Failure::Left) }
}

/// What was and what is, one line for each.
fn describe(name: &UserName, user: &User, change: &Change) -> String {
    let mut lines = Vec::new();
    match change.quota {
        Some(quota) if quota == user.quota => {
            lines.push(format!("{name}: quota is {} already", show_quota(quota)))
        }
        Some(quota) => lines.push(format!("{name}: quota {}", step(user.quota, quota))),
        None => {}
    }
    if change.password.is_some() {
        lines.push(format!("{name}: password changed; open sessions end within a second"));
    }
    if lines.is_empty() {
        lines.push(format!("{name}: nothing was changed"));
    }
    lines.join("\n")
}

/// `5.0 GiB -> 1.0 GiB`, in bytes where the rounded values look the same.
fn step(before: Option<u64>, after: Option<u64>) -> String {
    let (shown_before, shown_after) = (show_quota(before), show_quota(after));
    match (before, after) {
        (Some(before), Some(after)) if shown_before == shown_after => format!("{before} B -> {after} B"),
        _ => format!("{shown_before} -> {shown_after}"),
    }
}
