//! `info`, `quota`, and hashes of files at the server.

use super::files::explain;
use super::{BARE, Command, Group, Line, Next, Shell, Side};
use crate::event::{Event, Information};
use crate::failure::Failure;
use crate::{glob, show};
use ftp_proto::Printable;
use ftp_proto::message::{Account, Kind};
use std::time::Duration;

pub(super) const INFO: Command = Command {
    name: "info",
    group: Group::Check,
    usage: "info",
    what: "user, server, encryption, quota",
    side: Side::Words(&[]),
    changes: false,
    run: info,
    ..BARE
};
pub(super) const QUOTA: Command = Command {
    name: "quota",
    group: Group::Check,
    usage: "quota",
    what: "how much is used, how much is left",
    side: Side::Words(&[]),
    changes: false,
    run: quota,
    ..BARE
};
pub(super) const MD5: Command = Command {
    name: "md5",
    group: Group::Check,
    usage: "md5 FILE...",
    what: "the MD5 of files at the server",
    more: "The server reads the whole file. MD5 is for comparison with other programs; use sum where \
           somebody might cheat.",
    examples: &["md5 report.pdf", "md5 *.iso"],
    changes: false,
    run: |shell, line| sums(shell, line, true),
    ..BARE
};
pub(super) const SUM: Command = Command {
    name: "sum",
    group: Group::Check,
    usage: "sum FILE...",
    what: "the BLAKE3 of files at the server, as b3sum prints it",
    examples: &["sum report.pdf", "sum *.iso"],
    changes: false,
    run: |shell, line| sums(shell, line, false),
    ..BARE
};

/// What of an account is used, in few words.
#[must_use]
pub(crate) fn used(account: &Account) -> String {
    let used = show::size(account.used);
    match account.quota {
        Some(quota) => {
            format!("{used} of {} used {}", show::size(quota), show::quota_bar(account.used, quota))
        }
        None => format!("{used} used, no quota"),
    }
}

/// What an account has, in one line.
#[must_use]
pub(crate) fn usage(account: &Account) -> String {
    match account.quota {
        Some(quota) => {
            format!("{}, {} left", used(account), show::size(quota.saturating_sub(account.used)))
        }
        None => used(account),
    }
}

fn info(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    line.none()?;
    let address = shell.session.address();
    let cwd = shell.session.cwd.to_string();
    let (files, bytes) = shell.session.moved;
    let client = shell.session.client()?;
    let info = client.info()?;
    let trip = client.ping()?;
    let fingerprint = client.fingerprint().to_string();
    if shell.console.is_json() {
        let event = Event::Info(Box::new(Information {
            user: info.user.as_str(),
            server: &address,
            software: &info.software,
            uptime_s: info.uptime_seconds,
            tls: &info.tls.version,
            suite: &info.tls.suite,
            group: &info.tls.group,
            fingerprint: &fingerprint,
            peer: &info.peer,
            round_trip_ms: trip.as_secs_f64() * 1000.0,
            directory: &cwd,
            files_moved: files,
            bytes_moved: bytes,
            account: (&info.account).into(),
        }));
        shell.console.result(&event, String::new)?;
        return Ok(Next::Stay);
    }
    let rows = [
        ("user", info.user.to_string()),
        (
            "server",
            format!(
                "{address}, {}, up {}",
                Printable(&info.software),
                show::clock(Duration::from_secs(info.uptime_seconds))
            ),
        ),
        (
            "encryption",
            format!(
                "{} {} {}",
                Printable(&info.tls.version),
                Printable(&info.tls.suite),
                Printable(&info.tls.group)
            ),
        ),
        ("certificate", fingerprint),
        ("you are", Printable(&info.peer).to_string()),
        ("round trip", format!("{:.1} ms", trip.as_secs_f64() * 1000.0)),
        ("quota", usage(&info.account)),
        ("entries", format!("{} of at most {}", info.account.entries, info.account.entries_limit)),
        ("directory", Printable(&cwd).to_string()),
        ("moved", format!("{}, {} in this session", show::count(files, "file"), show::size(bytes))),
    ];
    for (what, text) in rows {
        shell.console.print(&format!("{what:<12} {text}"))?;
    }
    Ok(Next::Stay)
}

fn quota(shell: &mut Shell<'_>, line: &Line<'_>) -> Result<Next, Failure> {
    line.none()?;
    let account = shell.session.client()?.account()?;
    shell.console.result(&Event::Quota { account: (&account).into() }, || usage(&account))?;
    Ok(Next::Stay)
}

fn sums(shell: &mut Shell<'_>, line: &Line<'_>, md5: bool) -> Result<Next, Failure> {
    for word in line.at_least_one()? {
        for found in glob::there(shell.session, word)? {
            if found.entry.is_some_and(|entry| entry.kind != Kind::File) {
                continue;
            }
            let path = shell.remote(&found.name)?;
            let sum = shell.session.client()?.sum(&path, md5);
            let sum = sum.map_err(|failure| explain(shell, failure, &path, &found.name))?;
            let event = Event::Sum { path: &path.to_string(), blake3: sum.root, md5: sum.md5 };
            shell.console.result(&event, || {
                let hash =
                    sum.md5.filter(|_| md5).map_or_else(|| sum.root.to_string(), |md5| md5.to_string());
                format!("{hash}  {}", Printable(&found.name))
            })?;
        }
    }
    Ok(Next::Stay)
}
