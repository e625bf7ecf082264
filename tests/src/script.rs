//! Work on a home, step by step, and what the home must be after each step.

use crate::sample;
use crate::wire::Wire;
use ftp_proto::limits::CHUNK;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Files that go out together, at most.
const BURST: usize = 6;

/// One request, or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Puts a file with bytes of this seed.
    Put(String, u64, usize),
    /// Begins to put such a file, and gives up after so many chunks.
    Begin(String, u64, usize, usize),
    /// Makes a directory.
    Mkdir(String),
    /// Removes a directory.
    Rmdir(String),
    /// Removes a file.
    Rm(String),
    /// Moves a file over whatever is there, or a directory.
    Rename(String, String),
}

/// What a name is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Dir,
    /// A file of so many bytes with this hash.
    File(u64, blake3::Hash),
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir => f.write_str("dir"),
            Self::File(size, hash) => write!(f, "{size}:{}", &hash.to_hex()[..8]),
        }
    }
}

/// Everything in a home, by its path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(BTreeMap<String, Node>);

impl State {
    /// What lies in a folder.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let mut state = Self::default();
        state.scan(folder, "");
        state
    }

    fn scan(&mut self, folder: &Path, above: &str) {
        for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let entry = entry.expect("an entry");
            let path = format!("{above}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().expect("a kind").is_dir() {
                self.0.insert(path.clone(), Node::Dir);
                self.scan(&entry.path(), &path);
            } else {
                let bytes = fs::read(entry.path()).expect("readable");
                self.0.insert(path, Node::File(bytes.len() as u64, blake3::hash(&bytes)));
            }
        }
    }

    /// The part of it that is `root` or below it.
    #[must_use]
    pub fn below(&self, root: &str) -> Self {
        let is_in =
            |path: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Self(
            self.0.iter().filter(|(path, _)| is_in(path)).map(|(path, node)| (path.clone(), *node)).collect(),
        )
    }

    /// What differs from `other`, as `path: this, that`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let paths: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let pairs = paths.into_iter().map(|path| (path, self.0.get(path), other.0.get(path)));
        pairs.filter(|(_, a, b)| a != b).map(|(path, a, b)| format!("{path}: {a:?}, {b:?}")).collect()
    }

    /// Bytes and entries, as a quota counts them.
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        let sizes = self.0.values().map(|node| if let Node::File(size, _) = node { *size } else { 0 });
        (sizes.sum(), self.0.len() as u64)
    }

    fn files(&self, wanted: bool) -> Vec<&String> {
        self.0.iter().filter(|(_, node)| (**node != Node::Dir) == wanted).map(|(path, _)| path).collect()
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put(path, seed, len) => {
                let node = Node::File(*len as u64, blake3::hash(&sample::bytes(*seed, *len)));
                self.0.insert(path.clone(), node);
            }
            Step::Begin(..) => {}
            Step::Mkdir(path) => drop(self.0.insert(path.clone(), Node::Dir)),
            Step::Rmdir(path) | Step::Rm(path) => drop(self.0.remove(path)),
            Step::Rename(from, to) => {
                for (path, node) in self.below(from).0 {
                    self.0.remove(&path);
                    self.0.insert(path.replacen(from, to, 1), node);
                }
            }
        }
    }
}

impl Step {
    /// Asks for it.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ask(&self, wire: &mut Wire) -> Result<Answer, String> {
        let mut offset = 0;
        let answer = match self {
            Self::Put(path, seed, len) => {
                let put = wire.put(path, &sample::bytes(*seed, *len))?;
                offset = put.offset;
                put.answer
            }
            Self::Begin(path, seed, len, chunks) => {
                wire.put_by_chunks(path, &sample::bytes(*seed, *len), *chunks)?.answer
            }
            Self::Mkdir(path) => wire.ask(json!({"op": "mkdir", "path": path}))?,
            Self::Rmdir(path) => wire.ask(json!({"op": "rmdir", "path": path}))?,
            Self::Rm(path) => wire.ask(json!({"op": "rm", "path": path}))?,
            Self::Rename(from, to) => {
                wire.ask(json!({"op": "rename", "from": from, "to": to, "replace": true}))?
            }
        };
        Ok(Answer { offset, answer })
    }

    /// Whether it sends a file of that size and more than one chunk to that path.
    #[must_use]
    pub fn uploads(&self, to: &str, size: u64) -> bool {
        match self {
            Self::Put(path, _, len) => path == to && *len as u64 == size && *len > CHUNK,
            _ => false,
        }
    }

    /// The answer to it, when it is asked for a second time and was done the first time.
    fn is_done_already(&self, code: &str) -> bool {
        match self {
            Self::Put(..) | Self::Begin(..) => false,
            Self::Mkdir(_) => code == "exists",
            Self::Rmdir(_) | Self::Rm(_) | Self::Rename(..) => code == "not_found",
        }
    }
}

/// What the daemon said to a step.
#[derive(Debug)]
pub struct Answer {
    /// What it had already of an upload.
    pub offset: u64,
    /// All of it.
    pub answer: Value,
}

impl Answer {
    /// It is done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.answer.get("ok").is_some()
    }

    /// The word of the error, if it is one.
    #[must_use]
    pub fn code(&self) -> &str {
        self.answer["error"]["code"].as_str().unwrap_or_default()
    }
}

/// A script, and how far a client has come with it.
#[derive(Debug)]
pub struct Run {
    /// Everything is in it or below it; empty for all of the home.
    pub root: String,
    /// What is asked for.
    pub steps: Vec<Step>,
    /// The home before the first step, and after each.
    states: Vec<State>,
    /// Up to where the steps go out together, for each step.
    bursts: Vec<usize>,
    acked: AtomicUsize,
}

impl Run {
    /// These steps after those, which are to be done first by [`prepare`].
    #[must_use]
    pub fn new(root: &str, setup: &[Step], steps: Vec<Step>) -> Self {
        let mut state = State::default();
        setup.iter().for_each(|step| state.apply(step));
        let mut states = vec![state.clone()];
        for step in &steps {
            state.apply(step);
            states.push(state.clone());
        }
        let bursts = bursts(&steps);
        Self { root: root.to_owned(), steps, states, bursts, acked: AtomicUsize::new(0) }
    }

    /// A run of so many random steps that are all allowed, in a directory `root` that is made first.
    #[must_use]
    pub fn random(root: &str, seed: u64, steps: usize) -> (Vec<Step>, Self) {
        let setup = vec![Step::Mkdir(root.to_owned()), Step::Put(format!("{root}/old"), seed, 100_000)];
        let mut state = State::default();
        setup.iter().for_each(|step| state.apply(step));
        let mut script = Vec::new();
        while script.len() < steps {
            let seed = seed * 1000 + script.len() as u64;
            for step in random_steps(root, seed, &state).into_iter().take(steps - script.len()) {
                state.apply(&step);
                script.push(step);
            }
        }
        let run = Self::new(root, &setup, script);
        (setup, run)
    }

    /// Goes on to the end, and counts what is answered `ok`.
    ///
    /// # Errors
    /// The connection is gone, or the daemon ends; what is not counted may be done or not.
    ///
    /// # Panics
    /// A step is refused.
    pub fn go(&self, wire: &mut Wire) -> Result<(), String> {
        while self.acked() < self.steps.len() {
            let from = self.acked();
            let mut ended = None;
            self.ask_together(from, wire, &mut |number, answer| {
                if answer.code() == "shutting_down" {
                    ended.get_or_insert_with(|| answer.answer.to_string());
                }
                if ended.is_none() {
                    assert!(answer.is_ok(), "{:?}: {answer:?}", self.steps[number]);
                    self.acked.fetch_add(1, Ordering::SeqCst);
                }
            })?;
            if let Some(ended) = ended {
                return Err(ended);
            }
        }
        Ok(())
    }

    /// Up to which step all goes out together with the step `from`.
    #[must_use]
    pub fn burst(&self, from: usize) -> usize {
        self.bursts.get(from).copied().unwrap_or(from)
    }

    /// Asks for the step `from` and those that go out with it; `take` is given each answer, with the number of its step.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ask_together(
        &self,
        from: usize,
        wire: &mut Wire,
        take: &mut dyn FnMut(usize, Answer),
    ) -> Result<(), String> {
        let steps = &self.steps[from..self.burst(from)];
        if let [step] = steps {
            take(from, step.ask(wire)?);
            return Ok(());
        }
        let file = |step: &'_ Step| match step {
            Step::Put(path, seed, len) => (path.clone(), sample::bytes(*seed, *len)),
            other => unreachable!("{other:?} goes alone"),
        };
        let files: Vec<_> = steps.iter().map(file).collect();
        let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
        let mut number = from;
        wire.put_many(&files, &mut |answer| {
            take(number, Answer { offset: 0, answer });
            number += 1;
        })
    }

    /// Whether it can be so after a crash, when so many steps were answered: of those that went out with the next one any may be done.
    #[must_use]
    pub fn allows(&self, found: &State, acked: usize) -> bool {
        let (done, end) = (self.state(acked), self.burst(acked));
        if end <= acked + 1 {
            return found == done || found == self.state(acked + 1);
        }
        let paths: BTreeSet<_> =
            found.0.keys().chain(done.0.keys()).chain(self.state(end).0.keys()).collect();
        paths.into_iter().all(|path| {
            let is = found.0.get(path);
            is == done.0.get(path) || is == self.state(end).0.get(path)
        })
    }

    /// Asks once more for what was not answered.
    ///
    /// # Errors
    /// It is refused, and not because it is done already; or the connection is gone.
    pub fn redo(&self, acked: usize, wire: &mut Wire) -> Result<Option<Answer>, String> {
        let Some(step) = self.steps.get(acked) else { return Ok(None) };
        let answer = step.ask(wire)?;
        if answer.is_ok() || step.is_done_already(answer.code()) {
            return Ok(Some(answer));
        }
        Err(format!("{step:?} a second time: {answer:?}"))
    }

    /// How many steps were answered `ok`.
    #[must_use]
    pub fn acked(&self) -> usize {
        self.acked.load(Ordering::SeqCst)
    }

    /// Everything must be as after so many steps, if there are so many.
    #[must_use]
    pub fn state(&self, steps: usize) -> &State {
        &self.states[steps.min(self.steps.len())]
    }
}

/// Does what a run begins with.
///
/// # Panics
/// It fails.
pub fn prepare(setup: &[Step], wire: &mut Wire) {
    for step in setup {
        let answer = step.ask(wire).expect("the daemon serves");
        assert!(answer.is_ok(), "{step:?}: {answer:?}");
    }
}

/// Small files to different places go out together, up to [`BURST`].
fn bursts(steps: &[Step]) -> Vec<usize> {
    let mut bursts = Vec::new();
    while bursts.len() < steps.len() {
        let from = bursts.len();
        let mut paths = BTreeSet::new();
        let is_small = |step: &&Step| matches!(step, Step::Put(path, _, len) if *len <= CHUNK && paths.insert(path.clone()));
        let together = steps[from..].iter().take(BURST).take_while(is_small).count().max(1);
        bursts.extend(std::iter::repeat_n(from + together, together));
    }
    bursts
}

/// Now and then many small files, otherwise one step.
fn random_steps(root: &str, seed: u64, state: &State) -> Vec<Step> {
    if sample::number(seed ^ 0x5eed, 6) > 0 {
        return vec![random_step(root, seed, state)];
    }
    let size = |number| usize::try_from(sample::number(seed * 64 + number, 5000)).expect("small");
    (0..4 + seed % 2)
        .map(|number| Step::Put(format!("{root}/b{number}"), seed * 64 + number, size(number)))
        .collect()
}

fn random_step(root: &str, seed: u64, state: &State) -> Step {
    let pick = |salt: u64, bound: usize| {
        let bound = bound as u64;
        usize::try_from(sample::number(seed.wrapping_mul(64) + salt, bound)).expect("small")
    };
    let (files, folders) = (state.files(true), state.files(false));
    let folder = folders[pick(0, folders.len())];
    let name = format!("{folder}/n{}", pick(1, 9));
    let is_free = !folders.contains(&&name);
    let large = CHUNK + 1 + pick(2, 300_000);
    match pick(3, 10) {
        0 | 1 if is_free => Step::Put(name, seed, pick(2, 100_000)),
        2 | 3 if is_free => Step::Put(name, seed, large),
        // The same path, size and bytes are put later, or others.
        4 if is_free => Step::Begin(format!("{root}/later"), seed % 2, 600_000, 1 + pick(4, 2)),
        5 if !files.is_empty() => Step::Put(format!("{root}/later"), pick(5, 2) as u64, 600_000),
        6 if files.len() > 1 => Step::Rm(files[pick(6, files.len())].clone()),
        7 if is_free && !files.is_empty() => Step::Rename(files[pick(7, files.len())].clone(), name),
        8 => {
            let is_empty = |path: &&&String| state.below(path).0.len() == 1 && **path != root;
            match folders.iter().find(is_empty) {
                Some(path) => Step::Rmdir((*path).clone()),
                None => Step::Mkdir(format!("{root}/d{seed}")),
            }
        }
        _ => Step::Mkdir(format!("{folder}/d{seed}")),
    }
}
