//! What must hold after a crash, whatever was under way.

use crate::ground::Ground;
use crate::script::{Run, State};
use crate::site::Daemon;
use crate::wire::Wire;
use ftp_proto::limits::CHUNK;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The daemon: what it wrote is there.
    Process,
    /// The machine: only what was synced is there for sure.
    Machine,
}

/// A run, and how many of its steps were answered `ok` before the crash.
pub type Seen<'a> = (&'a Run, usize);

/// Checks a user's data after a crash, with a daemon that was started on it anew, and asks again for what was not answered.
///
/// All that is in the home must be in one of the runs.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn check(
    ground: &Ground,
    daemon: &Daemon,
    user: &str,
    runs: &[Seen<'_>],
    crash: Crash,
) -> Result<(), String> {
    let mut wire = ground.login(daemon, user);
    let folder = ground.folder_of(user);
    let found = State::of(&folder.join("home"));
    for (run, acked) in runs {
        let here = found.below(&run.root);
        if !run.allows(&here, *acked) {
            let next = &run.steps[*acked..run.burst(*acked)];
            return Err(format!(
                "after {acked} steps, with {next:?} under way, found and expected: {:?}",
                here.differences(run.state(*acked))
            ));
        }
    }
    account_is_exact(&mut wire, &folder)?;
    let parts = sound_parts(&mut wire, &folder)?;
    for (run, acked) in runs {
        let Some(answer) = run.redo(*acked, &mut wire)? else { continue };
        for with_it in acked + 1..run.burst(*acked) {
            run.redo(with_it, &mut wire)?;
        }
        let part = parts.iter().find(|part| run.steps[*acked].uploads(&part.path, part.size));
        // What the daemon wrote it finds again, but for the chunk that was in its hands.
        if let (Some(part), Crash::Process) = (part, crash)
            && answer.offset + (CHUNK as u64) < part.have / CHUNK as u64 * CHUNK as u64
        {
            return Err(format!("{part:?} went on at {}", answer.offset));
        }
    }
    let found = State::of(&folder.join("home"));
    for (run, acked) in runs {
        let differences = found.below(&run.root).differences(run.state(run.burst(*acked)));
        if !differences.is_empty() {
            return Err(format!("after step {acked} was repeated, found and expected: {differences:?}"));
        }
    }
    account_is_exact(&mut wire, &folder)?;
    nothing_stays_in_parts(&mut wire, &folder)
}

/// Bytes and entries that the daemon counts, and those on the disk.
///
/// # Panics
/// The daemon does not serve, or the folder cannot be read.
#[must_use]
pub fn usage(wire: &mut Wire, folder: &Path) -> ((u64, u64), (u64, u64)) {
    let info = wire.ask(json!({"op": "info"})).expect("an answer");
    let number = |name: &str| info["ok"]["account"][name].as_u64().expect("a number");
    let (bytes, entries) = State::of(&folder.join("home")).usage();
    let held = held(folder);
    ((number("used"), number("entries")), (bytes + held.iter().sum::<u64>(), entries + held.len() as u64))
}

/// What is told is what a scan finds.
///
/// # Errors
/// Both, as a sentence.
pub fn account_is_exact(wire: &mut Wire, folder: &Path) -> Result<(), String> {
    let (told, found) = usage(wire, folder);
    if told == found { Ok(()) } else { Err(format!("the account says {told:?}, on the disk are {found:?}")) }
}

/// The sizes of the parts.
fn held(folder: &Path) -> Vec<u64> {
    let parts = fs::read_dir(folder.join("parts")).expect("a folder").map(|entry| entry.expect("an entry"));
    let parts = parts.filter(|entry| entry.path().extension().is_some_and(|end| end == "part"));
    parts.map(|entry| entry.metadata().expect("there").len()).collect()
}

fn names_in_parts(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder.join("parts")).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// An unfinished upload, as the daemon lists it.
#[derive(Debug)]
struct Part {
    path: String,
    size: u64,
    have: u64,
}

/// There is nothing but pairs of a part and its values, and all are listed.
fn sound_parts(wire: &mut Wire, folder: &Path) -> Result<Vec<Part>, String> {
    let answer = wire.ask(json!({"op": "parts"}))?;
    let listed = answer["ok"]["parts"].as_array().ok_or_else(|| answer.to_string())?;
    let text = |part: &Value, member: &str| part[member].as_str().unwrap_or_default().to_owned();
    let number = |part: &Value, member: &str| part[member].as_u64().unwrap_or_default();
    let ids = listed.iter().map(|part| text(part, "id"));
    let pairs: BTreeSet<_> = ids.flat_map(|id| [format!("{id}.part"), format!("{id}.cv")]).collect();
    let found = names_in_parts(folder);
    if found != pairs {
        return Err(format!("listed are {pairs:?}, in the folder of parts are {found:?}"));
    }
    let part =
        |part| Part { path: text(part, "path"), size: number(part, "size"), have: number(part, "have") };
    Ok(listed.iter().map(part).collect())
}

fn nothing_stays_in_parts(wire: &mut Wire, folder: &Path) -> Result<(), String> {
    let answer = wire.ask(json!({"op": "parts_rm"}))?;
    let left = names_in_parts(folder);
    if answer.get("ok").is_none() || !left.is_empty() {
        return Err(format!("{answer} leaves {left:?}"));
    }
    account_is_exact(wire, folder)
}
