//! Listings of directories at the server before their turn: those beside each other are asked for together, so that a tree of many small directories is not a wait for
//! each.

use super::super::Shell;
use super::super::retry::{Patient, is_worth_another_try, keep_trying};
use super::{BESIDE, Trail};
use crate::client::EARLY;
use crate::failure::Failure;
use ftp_proto::VirtualPath;
use ftp_proto::message::Entry;
use std::time::{Duration, Instant};

/// What came so long ago is listed again: it may be another directory by now.
const FRESH: Duration = Duration::from_secs(10);

/// What was listed for a walk, and is still to be visited by it.
pub(crate) struct Ahead {
    early: Vec<Early>,
    /// How many are asked for together: fewer where the walk takes so long that they grow old, or where they are so large that they do not all come.
    together: usize,
}

struct Early {
    dir: VirtualPath,
    entries: Vec<Entry>,
    came: Instant,
}

impl Ahead {
    pub(crate) fn new() -> Self {
        Self { early: Vec::new(), together: BESIDE }
    }

    /// Lists the directory that a walk is in, again if the connection is lost, and if need be those that come next beside it.
    pub(crate) fn list(
        &mut self,
        shell: &mut Shell<'_>,
        shown: &mut impl Patient,
        trail: &Trail,
        top: &VirtualPath,
    ) -> Result<(VirtualPath, Vec<Entry>), Failure> {
        if shell.session.interrupt().is_set() {
            return Err(Failure::interrupted());
        }
        let dir = trail.there(top)?;
        if let Some(at) = self.early.iter().position(|early| early.dir == dir) {
            let Early { entries, came, .. } = self.early.swap_remove(at);
            if came.elapsed() < FRESH {
                return Ok((dir, entries));
            }
            self.together = 1;
        }
        self.early.retain(|early| early.came.elapsed() < FRESH);
        let asked = self.asked(trail, top, &dir);
        let (first, others) = keep_trying(shell, shown, |shell, _| {
            let mut listings = shell.session.client()?.lists(&asked)?.into_iter();
            match listings.next() {
                Some(Err(failure)) if is_worth_another_try(&failure) => Err(failure),
                Some(first) => Ok((first, listings)),
                None => Err(Failure::interrupted()),
            }
        })?;
        if shell.session.interrupt().is_set() {
            return Err(Failure::interrupted());
        }
        let came = 1 + others.len();
        self.together = if came < asked.len() { came } else { self.together.max(2 * came).min(BESIDE) };
        let now = Instant::now();
        for (dir, listing) in asked.into_iter().skip(1).zip(others) {
            // What cannot be listed is asked for again, and fails, when its turn comes.
            self.early.extend(listing.ok().map(|entries| Early { dir, entries, came: now }));
        }
        first.map(|entries| (dir, entries))
    }

    /// A directory, and those beside it that are still to be listed, if not too much waits already.
    fn asked(&self, trail: &Trail, top: &VirtualPath, dir: &VirtualPath) -> Vec<VirtualPath> {
        let mut asked = vec![dir.clone()];
        let waiting: usize = self.early.iter().map(|early| early.entries.len()).sum();
        if let Some(above) = trail.above().filter(|_| waiting < EARLY) {
            let beside = trail.beside().skip(1).filter_map(|name| above.with(name).there(top).ok());
            let missing = beside.filter(|dir| self.early.iter().all(|early| early.dir != *dir));
            asked.extend(missing.take(self.together - 1));
        }
        asked
    }
}
