//! Whole directories, and several files: counted first, then one directory after the other. Of a tree that may have any number of files, only the names of
//! one directory and of those that are still to be visited are held at any time, the paths of a few that are being made, and what is in a few that come next.

mod ahead;
mod downloads;
mod get;
mod local;
mod prune;
mod put;
mod queue;
mod tally;
mod uploads;

pub(super) use ahead::Ahead;
pub(super) use get::{File as Download, Top, count as count_there, get, some as get_some};
pub(super) use local::{Left, Listing, count as count_here, list as list_here};
pub(super) use prune::{Target, prune};
pub(super) use put::{File as Offer, Source, put, some as put_some};
pub(super) use tally::{Tally, stopped};
pub(super) use uploads::Upload;

use super::Shell;
use super::retry::{Patient, keep_trying};
use super::single::Known;
use crate::client::{ENTRIES, NAMES};
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::show;
use crate::transfer::{LocalSum, Opened};
use ftp_proto::message::{Entry, Kept};
use ftp_proto::{Name, Printable, VirtualPath};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the daemon may take to stop what is in flight after Ctrl-C.
const STOP: Duration = Duration::from_millis(800);
/// Directories beside each other that are asked for at once.
const BESIDE: usize = 32;
/// Files that are compared, and then moved, together: so many at least,
const LEAST: usize = 64;
/// and so many at most,
const MOST: usize = 8192;
/// as long as they have few bytes,
const BYTES: u64 = 64 * 1024 * 1024;
/// and their paths, which are held meanwhile, have few too.
const PATHS: usize = 1024 * 1024;

/// Where a walk through a tree is, and the directories that it has still to visit: for each level those beside the one it is in.
#[derive(Debug, Default)]
pub(super) struct Trail {
    here: Vec<Name>,
    ahead: Vec<Vec<Name>>,
}

impl Trail {
    /// The directories in the one that the walk is in; they are visited next, in the order of their names.
    pub(super) fn enter(&mut self, mut dirs: Vec<Name>) {
        dirs.sort_unstable_by(|a, b| b.cmp(a));
        dirs.shrink_to_fit();
        self.ahead.push(dirs);
    }

    /// Goes to the next directory; false when there is none.
    pub(super) fn next(&mut self) -> bool {
        while let Some(dirs) = self.ahead.last_mut() {
            let next = dirs.pop();
            self.here.truncate(self.ahead.len() - 1);
            if let Some(name) = next {
                self.here.push(name);
                return true;
            }
            self.ahead.pop();
        }
        false
    }

    /// The way to a directory in this one, to look at it only.
    pub(super) fn with(&self, name: &Name) -> Self {
        let here = self.here.iter().chain([name]).cloned().collect();
        Self { here, ahead: Vec::new() }
    }

    /// The name of the directory that the walk is in, and of those beside it that come next.
    pub(super) fn beside(&self) -> impl Iterator<Item = &Name> {
        let next = self.ahead.last().map_or(&[][..], Vec::as_slice);
        self.here.last().into_iter().chain(next.iter().rev())
    }

    /// The way to the directory that this one is in; none at the top.
    pub(super) fn above(&self) -> Option<Self> {
        let (_, above) = self.here.split_last()?;
        Some(Self { here: above.to_vec(), ahead: Vec::new() })
    }

    /// The names from the top to where the walk is.
    pub(super) fn here(&self) -> &[Name] {
        &self.here
    }

    /// Where it is at the server.
    pub(super) fn there(&self, top: &VirtualPath) -> Result<VirtualPath, Failure> {
        let names: Vec<_> = self.here.iter().map(Name::as_str).collect();
        let path = if names.is_empty() { Ok(top.clone()) } else { top.join(&names.join("/")) };
        path.map_err(|fault| {
            Failure::new(Cause::NotPermitted, format!("{}: {fault}", Printable(&names.join("/"))))
        })
    }

    /// Where it is on this side.
    pub(super) fn local(&self, top: &Path) -> PathBuf {
        let mut path = top.to_owned();
        path.extend(self.here.iter().map(Name::as_str));
        path
    }

    /// A name here, for the eye: `photos/2024/x.raw`.
    pub(super) fn label(&self, top: &str, name: &str) -> String {
        let names = self.here.iter().map(Name::as_str).chain([name]).filter(|name| !name.is_empty());
        let path: Vec<_> = [top.trim_end_matches('/')].into_iter().chain(names).collect();
        let path = path.join("/");
        Printable(if top.is_empty() { path.trim_start_matches('/') } else { &path }).to_string()
    }
}

/// What a tree has had in its listings so far: a server must not have it grow for ever.
#[derive(Default)]
pub(super) struct Listed {
    entries: usize,
    names: usize,
}

impl Listed {
    pub(super) fn add(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        self.entries += entries.len();
        self.names += entries.iter().map(Entry::name_len).sum::<usize>();
        if self.entries <= ENTRIES && self.names <= NAMES {
            return Ok(());
        }
        let what = format!("over {ENTRIES} entries, or {} of names", show::size(NAMES as u64));
        Err(Failure::new(Cause::Failed, what).hint("take the directories in it one by one"))
    }
}

/// Lists a directory at the server, again if the connection is lost.
pub(super) fn list_there(
    shell: &mut Shell<'_>,
    shown: &mut impl Patient,
    dir: &VirtualPath,
) -> Result<Vec<Entry>, Failure> {
    let entries = keep_trying(shell, shown, |shell, _| shell.session.client()?.list(dir))?;
    if shell.session.interrupt().is_set() {
        return Err(Failure::interrupted());
    }
    Ok(entries)
}

/// Hashes files on both sides, many at once: those at the places `alike` of `count`. `open` opens the one here.
pub(super) fn together<'a>(
    shell: &mut Shell<'_>,
    count: usize,
    alike: &[usize],
    progress: &mut Progress<'_>,
    path: impl Fn(usize) -> &'a VirtualPath,
    open: impl Fn(usize) -> Option<Opened>,
) -> Result<Vec<Known>, Failure> {
    let mut known = vec![Known::Nothing; count];
    if alike.is_empty() {
        return Ok(known);
    }
    let paths: Vec<_> = alike.iter().map(|number| path(*number).clone()).collect();
    let interrupt = shell.session.interrupt();
    let mut here: Vec<Option<LocalSum>> = vec![None; paths.len()];
    let sums = keep_trying(shell, progress, |shell, progress| {
        shell.session.client()?.sums(&paths, Kept::Use, progress, |number, watch| {
            if here[number].is_none()
                && let Some(file) = open(alike[number])
            {
                here[number] = file.sum(false, &interrupt, watch).ok();
            }
        })
    })?;
    for ((number, here), there) in alike.iter().zip(here).zip(sums) {
        // What failed is done again by itself, and fails there.
        known[*number] = match (here, there) {
            (Some(here), Ok(there)) if here.root == there.root => Known::Same(here),
            (Some(_), Ok(_)) => Known::Different,
            _ => Known::Nothing,
        };
    }
    Ok(known)
}

/// How many of the files of these sizes, whose paths are so long, are dealt with together.
pub(super) fn together_len(files: impl Iterator<Item = (u64, usize)>) -> usize {
    let (mut sum, mut paths) = (0_u64, 0);
    let taken = files.enumerate().take(MOST).take_while(|(number, (size, path))| {
        (sum, paths) = (sum.saturating_add(*size), paths + path);
        *number < LEAST || (sum <= BYTES && paths <= PATHS)
    });
    taken.count()
}

/// Nothing more can be done, whatever else there is.
pub(super) fn ends_all(failure: &Failure) -> bool {
    failure.fatal || matches!(failure.cause, Cause::Interrupted | Cause::Full | Cause::Connection)
}

/// The entry of that name in a sorted listing.
pub(super) fn find<'a>(entries: &'a [Entry], name: &Name) -> Option<&'a Entry> {
    let at = entries.binary_search_by(|entry| entry.name.as_ref().cmp(&Some(name)));
    at.ok().and_then(|at| entries.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::new(name).expect("a name")).collect()
    }

    #[test]
    fn few_are_dealt_with_together_where_they_or_their_paths_are_long() {
        let len = |size, path| together_len(std::iter::repeat_n((size, path), 20_000));
        assert_eq!((len(1024, 20), len(0, 0)), (MOST, MOST));
        assert_eq!((len(1024 * 1024, 20), len(1 << 50, 20)), (LEAST, LEAST));
        assert_eq!((len(512 * 1024, 20), len(10, 4096)), (128, 256));
        assert_eq!(together_len(std::iter::empty()), 0);
    }

    #[test]
    fn a_trail_visits_every_directory_once_from_the_top_down() {
        let tree = |here: &str| match here {
            "" => names(&["b", "a"]),
            "a" => names(&["x", "y"]),
            "a/x" => names(&["deep"]),
            "b" => names(&["z"]),
            _ => Vec::new(),
        };
        let (mut trail, mut seen) = (Trail::default(), Vec::new());
        loop {
            let here = trail.label("", "");
            // What cannot be listed is not entered.
            if here != "a/y" {
                trail.enter(tree(&here));
            }
            seen.push(here);
            if !trail.next() {
                break;
            }
        }
        assert_eq!(seen, ["", "a", "a/x", "a/x/deep", "a/y", "b", "b/z"]);
        let mut trail = Trail::default();
        assert!(!trail.next(), "a top that cannot be listed is all there is");
    }
}
