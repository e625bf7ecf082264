//! The servers that were seen before: one line each, `address fingerprint date`.

use super::Fingerprint;
use crate::failure::{Failure, shown};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) struct KnownHosts(Vec<Entry>);

pub(super) struct Entry {
    address: String,
    pub(super) fingerprint: Fingerprint,
    /// The day on which it was met; not known of lines that an early version wrote.
    pub(super) since: Option<String>,
    pub(super) line: usize,
}

impl KnownHosts {
    /// Reads the file; one that is not there is empty.
    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::local(path, "read it", &error)),
        };
        let lines =
            text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let entries: Result<Vec<_>, _> = lines
            .map(|(number, line)| {
                let mut words = line.split_whitespace();
                let entry = words.next().zip(words.next().and_then(Fingerprint::parse));
                entry
                    .map(|(address, fingerprint)| Entry {
                        address: address.to_owned(),
                        fingerprint,
                        since: words.next().filter(|word| is_date(word)).map(str::to_owned),
                        line: number + 1,
                    })
                    .ok_or_else(|| {
                        Failure::usage(format!("{}: line {} is damaged", shown(path), number + 1))
                            .hint("a line is: host:port SHA256:... date. Correct it or take it out")
                    })
            })
            .collect();
        Ok(Self(entries?))
    }

    pub(super) fn find(&self, address: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.address == address)
    }
}

/// As `2026-11-02`.
fn is_date(word: &str) -> bool {
    let shape =
        |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    word.len() == 10 && word.bytes().enumerate().all(shape)
}

pub(super) fn remember(path: &Path, address: &str, fingerprint: &Fingerprint) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::local(path, "note the server", &error);
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| Failure::local(folder, "make the folder", &error))?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = crate::show::date(i64::try_from(now).unwrap_or_default());
    let mut file = File::options().append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(format!("{address} {fingerprint} {date}\n").as_bytes()).map_err(failed)
}

pub(super) fn forget(path: &Path, address: &str) -> Result<bool, Failure> {
    let known = KnownHosts::load(path)?;
    if known.find(address).is_none() {
        return Ok(false);
    }
    let failed = |error: io::Error| Failure::local(path, "forget the server", &error);
    let text = fs::read_to_string(path).map_err(failed)?;
    let kept: String =
        text.split_inclusive('\n').filter(|line| line.split_whitespace().next() != Some(address)).collect();
    let new = path.with_extension("new");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(kept.as_bytes()).and_then(|()| fs::rename(&new, path)).map_err(failed)?;
    Ok(true)
}
