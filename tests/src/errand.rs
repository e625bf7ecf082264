//! A piece of work that makes every kind of call on a disk, done by a client that asks again for what failed.

use crate::accounts::PASSWORD;
use crate::ground::Ground;
use crate::oracle::usage;
use crate::sample;
use crate::script::{Run, State, Step};
use crate::site::Daemon;
use crate::wire::Wire;
use ftp_proto::limits::CHUNK;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a chunk that was sent may take to be on the disk.
const WRITTEN: Duration = Duration::from_millis(200);

/// The work.
pub struct Errand {
    /// What is changed by it.
    pub run: Run,
    asks: Vec<Ask>,
}

/// One thing that is asked for, or done to the disk behind the daemon's back.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// The next step of the run.
    Change,
    /// The next step and those that go out with it.
    Together,
    /// It went out with the one before.
    WithIt,
    /// A file, which should be of this seed and length.
    Get(&'static str, u64, usize),
    /// A directory that has these names.
    List(&'static str, &'static [&'static str]),
    /// The hash of a file of this seed and length.
    Sum(&'static str, u64, usize),
    /// The unfinished uploads.
    Parts,
    /// A bit of each part flips on the disk.
    Damage,
}

/// What came of the work.
#[derive(Debug, Default)]
pub struct Failed {
    /// What failed when it was asked for first.
    pub asks: Vec<String>,
    /// Where the second attempts at uploads began.
    pub offsets: Vec<u64>,
}

impl Default for Errand {
    fn default() -> Self {
        Self::new()
    }
}

impl Errand {
    /// The work: a first login, files small and large with everything that can be done to them, and a part that stays.
    #[must_use]
    pub fn new() -> Self {
        let path = str::to_owned;
        let work = [
            (Some(Step::Mkdir(path("/d"))), Ask::Change),
            (Some(Step::Put(path("/small"), 1, 1000)), Ask::Change),
            (Some(Step::Put(path("/large"), 2, 600_000)), Ask::Change),
            (None, Ask::Get("/large", 2, 600_000)),
            (None, Ask::List("/", &["d", "large", "small"])),
            (Some(Step::Put(path("/small"), 3, 2000)), Ask::Change),
            (Some(Step::Begin(path("/large"), 4, 900_000, 2)), Ask::Change),
            (None, Ask::Parts),
            (Some(Step::Put(path("/large"), 4, 900_000)), Ask::Change),
            (None, Ask::Sum("/large", 4, 900_000)),
            (Some(Step::Begin(path("/large"), 5, 700_000, 2)), Ask::Change),
            (None, Ask::Damage),
            (Some(Step::Put(path("/large"), 5, 700_000)), Ask::Change),
            (Some(Step::Rename(path("/small"), path("/d/small"))), Ask::Change),
            (Some(Step::Put(path("/other"), 6, 0)), Ask::Change),
            (Some(Step::Rename(path("/other"), path("/d/small"))), Ask::Change),
            (Some(Step::Rm(path("/d/small"))), Ask::Change),
            (Some(Step::Rmdir(path("/d"))), Ask::Change),
            (Some(Step::Begin(path("/left"), 7, 600_000, 2)), Ask::Change),
            (None, Ask::Get("/large", 5, 700_000)),
            (Some(Step::Put(path("/b0"), 8, 10)), Ask::Together),
            (Some(Step::Put(path("/b1"), 9, 3000)), Ask::WithIt),
            (Some(Step::Put(path("/large"), 10, 2000)), Ask::WithIt),
            (Some(Step::Put(path("/b3"), 11, 0)), Ask::WithIt),
            (Some(Step::Put(path("/b4"), 12, 200)), Ask::WithIt),
            (Some(Step::Put(path("/b5"), 13, 200)), Ask::WithIt),
        ];
        let (steps, asks): (Vec<_>, Vec<_>) = work.into_iter().unzip();
        Self { run: Run::new("", &[], steps.into_iter().flatten().collect()), asks }
    }

    /// Does all of it as `user`, and asks once more for what fails, in the same session. `armed` is told before each request and after it.
    ///
    /// # Errors
    /// What is wrong, as a sentence: an error that is not clear or has not `code`, something half done, less counted than there is, a second failure.
    pub fn go(
        &self,
        ground: &Ground,
        daemon: &Daemon,
        user: &str,
        code: &str,
        armed: &mut dyn FnMut(bool),
    ) -> Result<Failed, String> {
        let mut failed = Failed::default();
        let mut wire = ground.connect(daemon)?;
        armed(true);
        let answer = wire.login(user, PASSWORD)?;
        armed(false);
        if answer.get("ok").is_none() {
            clear(&answer, code)?;
            failed.asks.push("login".into());
            let again = wire.login(user, PASSWORD)?;
            expect(again.get("ok").is_some(), || format!("a second login: {again}"))?;
        }
        let folder = ground.folder_of(user);
        let mut done = 0;
        for ask in &self.asks {
            let next = match ask {
                Ask::Change => done + 1,
                Ask::Together => self.run.burst(done),
                Ask::WithIt => continue,
                _ => done,
            };
            armed(true);
            let first = self.ask(*ask, done, &mut wire, &folder);
            armed(false);
            let first = first.map_err(|end| format!("{ask:?} after {done} steps: {end}"))?;
            if let Some(answer) = first {
                failed.asks.push(format!("{ask:?} after {done} steps"));
                let told = |what| format!("{ask:?} after {done} steps: {answer}: {what}");
                clear(&answer, code).map_err(told)?;
                self.nothing_half_done(done, next, &mut wire, &folder).map_err(told)?;
                match ask {
                    Ask::Change | Ask::Together => {
                        for step in done..next {
                            let again = self.run.redo(step, &mut wire).map_err(told)?;
                            if matches!(self.run.steps[step], Step::Put(..)) {
                                failed.offsets.extend(again.map(|again| again.offset));
                            }
                        }
                    }
                    ask => {
                        let again = self.ask(*ask, done, &mut wire, &folder)?;
                        expect(again.is_none(), || told(format!("once more: {again:?}")))?;
                    }
                }
                let differences = State::of(&folder.join("home")).differences(self.run.state(next));
                expect(differences.is_empty(), || told(format!("found and expected: {differences:?}")))?;
            }
            done = next;
        }
        let answer = wire.ask(json!({"op": "logout"}))?;
        expect(answer.get("ok").is_some(), || answer.to_string())?;
        Ok(failed)
    }

    /// Asks; gives the answer if it is an error.
    fn ask(&self, ask: Ask, done: usize, wire: &mut Wire, folder: &Path) -> Result<Option<Value>, String> {
        let (answer, right) = match ask {
            Ask::Change => match &self.run.steps[done] {
                Step::Begin(path, seed, len, chunks) => {
                    let mut written = || wait_for(&folder.join("parts"), chunks * CHUNK);
                    let bytes = sample::bytes(*seed, *len);
                    (wire.put_until(path, &bytes, *chunks, &mut written)?.answer, true)
                }
                step => (step.ask(wire)?.answer, true),
            },
            Ask::Together => {
                let mut answers = Vec::new();
                self.run.ask_together(done, wire, &mut |_, answer| answers.push(answer))?;
                let failed = answers.iter().find(|answer| !answer.is_ok());
                (failed.or_else(|| answers.last()).expect("some").answer.clone(), true)
            }
            Ask::WithIt => return Ok(None),
            Ask::Get(path, seed, len) => {
                let (answer, bytes) = wire.get(path)?;
                (answer, bytes == sample::bytes(seed, len))
            }
            Ask::List(path, names) => {
                let (answer, found) = wire.list(path)?;
                let names: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
                (answer, found == names)
            }
            Ask::Sum(path, seed, len) => {
                let answer = wire.ask(json!({"op": "sum", "path": path}))?;
                let right = answer["ok"]["root"] == blake3::hash(&sample::bytes(seed, len)).to_hex().as_str();
                (answer, right)
            }
            Ask::Parts => (wire.ask(json!({"op": "parts"}))?, true),
            Ask::Damage => {
                damage(&folder.join("parts"));
                return Ok(None);
            }
        };
        if answer.get("error").is_some() {
            return Ok(Some(answer));
        }
        expect(right, || format!("the answer is ok, and something else came: {answer}"))?;
        Ok(None)
    }

    /// The home is as it was or as it should be, and no less is counted than there is.
    fn nothing_half_done(
        &self,
        done: usize,
        next: usize,
        wire: &mut Wire,
        folder: &Path,
    ) -> Result<(), String> {
        let found = State::of(&folder.join("home"));
        let is_half =
            if next > done { !self.run.allows(&found, done) } else { found != *self.run.state(done) };
        expect(!is_half, || format!("found and expected: {:?}", found.differences(self.run.state(done))))?;
        let (told, found) = usage(wire, folder);
        expect(told.0 >= found.0 && told.1 >= found.1, || {
            format!("counted are {told:?}, there are {found:?}")
        })
    }
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// An error has the right word and a sentence, and nothing of the server's insides.
fn clear(answer: &Value, code: &str) -> Result<(), String> {
    let error = &answer["error"];
    let text = format!("{} {}", error["message"].as_str().unwrap_or_default(), error["hint"]);
    let inside = ["os error", "/dev", "/tmp", ".part", "panic"].iter().any(|word| text.contains(word));
    let told = error["code"] == code && error["message"].as_str().is_some_and(|text| text.len() > 10);
    expect(told && !inside, || format!("expected {code}: {answer}"))
}

fn parts_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "part"))
}

/// Waits until a part has so many bytes, but not for ever: the disk may have failed.
fn wait_for(parts: &Path, bytes: usize) {
    let end = Instant::now() + WRITTEN;
    let is_there = |path: PathBuf| fs::metadata(path).is_ok_and(|facts| facts.len() >= bytes as u64);
    while Instant::now() < end && !parts_in(parts).any(is_there) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn damage(parts: &Path) {
    for path in parts_in(parts) {
        let file = fs::File::options().read(true).write(true).open(&path).expect("a part");
        let len = file.metadata().expect("open").len();
        let mut byte = [0];
        if len > 0 {
            file.read_exact_at(&mut byte, len - 1).expect("there");
            file.write_all_at(&[byte[0] ^ 1], len - 1).expect("written");
        }
    }
}
