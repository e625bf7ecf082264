//! `view`: who has what.

use super::command::{Form, View};
use super::console::Console;
use super::failure::Failure;
use super::find;
use super::last_login::LastLogin;
use super::size::{show, show_quota};
use super::usage::Usage;
use crate::config::Config;
use ftp_core::account::user_file::{User, Users};
use ftp_proto::UserName;
use std::time::SystemTime;

/// One account as it is shown.
#[derive(serde::Serialize)]
struct Row {
    user: UserName,
    used: u64,
    quota: Option<u64>,
    left: Option<u64>,
    files: u64,
    parts: u64,
    last_login: Option<String>,
    #[serde(skip)]
    last_shown: Option<String>,
}

pub(super) fn run(config: &Config, order: &View, console: &mut dyn Console) -> Result<(), Failure> {
    let users = Users::load(&config.user_file())?;
    let chosen: Vec<(&UserName, &User)> = match &order.user {
        Some(name) => vec![find(&users, name)?],
        None => users.users.iter().collect(),
    };
    if order.form == Form::Names {
        return chosen.iter().try_for_each(|(name, _)| console.print(name.as_str()));
    }
    let now = SystemTime::now();
    let (mut rows, mut uncounted) = (Vec::new(), 0);
    for (name, user) in chosen {
        match Row::of(config, name, user, now) {
            Ok(row) => rows.push(row),
            Err(failure) if order.user.is_some() => return Err(failure),
            Err(failure) => {
                console.note(&format!("ftp-admin: {}", failure.text().unwrap_or_default()));
                uncounted += 1;
            }
        }
    }
    print(&rows, order, uncounted > 0, console)?;
    match uncounted {
        0 => Ok(()),
        1 => Err(Failure::failed("1 account could not be counted, and is left out")),
        n => Err(Failure::failed(format!("{n} accounts could not be counted, and are left out"))),
    }
}

fn print(rows: &[Row], order: &View, is_partial: bool, console: &mut dyn Console) -> Result<(), Failure> {
    if order.form == Form::Json {
        let json = serde_json::to_string_pretty(rows);
        return console.print(&json.map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))?);
    }
    let Some(columns) = console.columns() else {
        return console.print(&tab_separated(rows));
    };
    if rows.is_empty() && !is_partial {
        console.note("There are no accounts yet; make one with ftp-admin create USER.");
    }
    let total = order.user.is_none().then(|| total(rows));
    console.print(&[table(rows, columns)].into_iter().chain(total).collect::<Vec<_>>().join("\n"))
}

impl Row {
    fn of(config: &Config, name: &UserName, user: &User, now: SystemTime) -> Result<Self, Failure> {
        let usage = Usage::of(config, name)?;
        let last = LastLogin::of(config, name);
        Ok(Self {
            user: name.clone(),
            used: usage.bytes,
            quota: user.quota,
            left: user.quota.map(|quota| quota.saturating_sub(usage.bytes)),
            files: usage.files,
            parts: usage.parts,
            last_login: last.as_ref().map(LastLogin::line),
            last_shown: last.as_ref().map(|last| last.show(now)),
        })
    }
}

/// For programs: bytes as numbers, one line for each account below a line of names.
fn tab_separated(rows: &[Row]) -> String {
    let number = |value: Option<u64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
    let line = |row: &Row| {
        let last = row.last_login.as_deref().unwrap_or("never");
        let (quota, left) = (number(row.quota), number(row.left));
        format!("{}\t{}\t{quota}\t{left}\t{}\t{}\t{last}", row.user, row.used, row.files, row.parts)
    };
    let names = "user\tused\tquota\tleft\tfiles\tparts\tlast_login".to_owned();
    std::iter::once(names).chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}

/// For people, as wide as it fits into so many columns: a bar that is shorter, no column for what is left, no bar.
fn table(rows: &[Row], columns: usize) -> String {
    let forms = [(true, 20), (true, 10), (false, 10), (false, 0)];
    let mut shown = String::new();
    for (has_left, bar) in forms {
        shown = table_of(rows, has_left, bar);
        if shown.lines().all(|line| line.len() <= columns) {
            break;
        }
    }
    shown
}

/// With a bar of so many characters, and perhaps with what is left.
fn table_of(rows: &[Row], has_left: bool, bar: u64) -> String {
    let heads = ["USER", "USED", "QUOTA", "LEFT", "USE", "FILES", "LAST LOGIN (UTC)"].map(str::to_owned);
    let cells = |row: &Row| {
        [
            row.user.to_string(),
            show(row.used),
            show_quota(row.quota),
            row.left.map_or_else(|| "-".to_owned(), show),
            row.quota.map_or_else(|| "  -".to_owned(), |quota| self::bar(row.used, quota, bar)),
            row.files.to_string(),
            row.last_shown.clone().unwrap_or_else(|| "never".to_owned()),
        ]
    };
    let lines: Vec<[String; 7]> = std::iter::once(heads).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let shown = lines.iter().map(|line| {
        let columns = line.iter().zip(widths).enumerate().filter(|(column, _)| has_left || *column != LEFT);
        let padded = columns.map(|(column, (cell, width))| match column {
            1 | 2 | LEFT | 5 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// The number of the column.
const LEFT: usize = 3;

/// `42% [########------------]`, or without the bar if its width is none.
fn bar(used: u64, quota: u64, width: u64) -> String {
    let part = |of: u64| {
        let used = u128::from(used.min(quota)) * u128::from(of);
        used.checked_div(u128::from(quota)).map_or(of, |n| u64::try_from(n).unwrap_or(of))
    };
    let over = if used > quota { "+" } else { "" };
    let share = format!("{:>3}%{over}", part(100));
    if width == 0 {
        return share;
    }
    let full = usize::try_from(part(width)).unwrap_or(0);
    let rest = usize::try_from(width).unwrap_or(0) - full;
    format!("{share} [{}{}]", "#".repeat(full), "-".repeat(rest))
}

fn total(rows: &[Row]) -> String {
    let used = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.used));
    let plural = if rows.len() == 1 { "" } else { "s" };
    format!("{} user{plural}, {}", rows.len(), show(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_quota_and_says_when_it_is_over() {
        assert_eq!(bar(42, 100, 20), " 42% [########------------]");
        assert_eq!(bar(0, 100, 20), "  0% [--------------------]");
        assert_eq!(bar(100, 100, 20), "100% [####################]");
        assert_eq!(bar(101, 100, 20), "100%+ [####################]");
        assert_eq!(bar(0, 0, 20), "100% [####################]");
        assert_eq!(bar(u64::MAX, u64::MAX, 20), "100% [####################]");
        assert_eq!((bar(42, 100, 10), bar(42, 100, 0)), (" 42% [####------]".into(), " 42%".into()));
    }
}
