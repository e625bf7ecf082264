//! What may be under the names that one client alone works on, from what it asked and what it was answered.

use super::library::LIBRARY;
use std::collections::BTreeMap;

/// What is under a name: one of the library's files, or none.
pub type Held = Option<usize>;

/// A request that changes names.
#[derive(Debug, Clone)]
pub enum Change {
    Put { path: String, content: usize },
    Rm { path: String },
    Rename { from: String, to: String },
    Mkdir { path: String },
    Rmdir { path: String },
}

impl Change {
    /// The name that changes, or the first of them.
    pub fn path(&self) -> &str {
        match self {
            Self::Put { path, .. } | Self::Rm { path } | Self::Mkdir { path } | Self::Rmdir { path } => path,
            Self::Rename { from, .. } => from,
        }
    }
}

/// All that may be the case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Possible<T> {
    /// Now.
    live: Vec<T>,
    /// After a loss of power.
    durable: Vec<T>,
}

impl<T: Copy + PartialEq> Possible<T> {
    fn only(value: T) -> Self {
        Self { live: vec![value], durable: vec![value] }
    }

    fn or(&mut self, values: &[T]) {
        for list in [&mut self.live, &mut self.durable] {
            list.extend(values);
            let mut seen: Vec<T> = Vec::new();
            list.retain(|value| {
                !seen.contains(value) && {
                    seen.push(*value);
                    true
                }
            });
        }
    }

    /// It was looked at: it is this now. False if it cannot be.
    fn seen(&mut self, value: T) -> bool {
        let possible = self.live.contains(&value);
        self.live = vec![value];
        possible
    }

    /// It was looked at after a loss of power.
    fn survived(&mut self, value: T) -> bool {
        let possible = self.durable.contains(&value);
        *self = Self::only(value);
        possible
    }
}

/// The names of one client.
#[derive(Debug, Default)]
pub struct Model {
    files: BTreeMap<String, Possible<Held>>,
    dirs: BTreeMap<String, Possible<bool>>,
}

impl Model {
    fn file(&mut self, path: &str) -> &mut Possible<Held> {
        self.files.entry(path.to_owned()).or_insert_with(|| Possible::only(None))
    }

    fn dir(&mut self, path: &str) -> &mut Possible<bool> {
        self.dirs.entry(path.to_owned()).or_insert_with(|| Possible::only(false))
    }

    /// The directory is surely there.
    pub fn has_dir(&self, path: &str) -> bool {
        self.dirs.get(path).is_some_and(|possible| possible.live == [true])
    }

    /// The change was answered `ok`: it is there and stays.
    pub fn did(&mut self, change: &Change) {
        match change {
            Change::Put { path, content } => *self.file(path) = Possible::only(Some(*content)),
            Change::Rm { path } => *self.file(path) = Possible::only(None),
            Change::Rename { from, to } => {
                let held: Vec<Held> = self.file(from).live.iter().copied().filter(Option::is_some).collect();
                *self.file(to) = Possible { live: held.clone(), durable: held };
                *self.file(from) = Possible::only(None);
            }
            Change::Mkdir { path } => *self.dir(path) = Possible::only(true),
            Change::Rmdir { path } => *self.dir(path) = Possible::only(false),
        }
    }

    /// Nobody said whether the change was made.
    pub fn may_have_done(&mut self, change: &Change) {
        match change {
            Change::Put { path, content } => self.file(path).or(&[Some(*content)]),
            Change::Rm { path } => self.file(path).or(&[None]),
            Change::Rename { from, to } => {
                let held: Vec<Held> = self.file(from).live.iter().copied().filter(Option::is_some).collect();
                if !held.is_empty() {
                    self.file(to).or(&held);
                    self.file(from).or(&[None]);
                }
            }
            Change::Mkdir { path } => self.dir(path).or(&[true]),
            Change::Rmdir { path } => self.dir(path).or(&[false]),
        }
    }

    /// Whether a file of so many bytes, or none, can be there now.
    pub fn allows(&mut self, path: &str, size: Option<u64>) -> bool {
        self.file(path).live.iter().any(|held| held.map(|content| LIBRARY[content].size()) == size)
    }

    /// Whether just this can be there now.
    pub fn allows_content(&mut self, path: &str, content: usize) -> bool {
        self.file(path).live.contains(&Some(content))
    }

    /// Compares with what is there; after a loss of power or not. Says what is wrong.
    pub fn compare(
        &mut self,
        after_power_loss: bool,
        file: impl Fn(&str) -> Held,
        dir: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        for (path, possible) in &mut self.files {
            let (held, before) = (file(path), possible.clone());
            let fits = if after_power_loss { possible.survived(held) } else { possible.seen(held) };
            if !fits {
                return Err(format!("{path} holds {held:?}, which it cannot: {before:?}"));
            }
        }
        for (path, possible) in &mut self.dirs {
            let (there, before) = (dir(path), possible.clone());
            let fits = if after_power_loss { possible.survived(there) } else { possible.seen(there) };
            if !fits {
                return Err(format!("the directory {path}: {there}, which cannot be: {before:?}"));
            }
        }
        Ok(())
    }
}
