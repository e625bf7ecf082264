//! Names at the server that were listed lately, for completion.

use ftp_proto::{Name, VirtualPath};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a listing is good for: others may change what is there.
const FRESH: Duration = Duration::from_secs(30);
/// The most names that are kept.
const NAMES: usize = 100_000;

/// Listings by directory.
#[derive(Default)]
pub(crate) struct Seen {
    listings: HashMap<VirtualPath, (Instant, Vec<(Name, bool)>)>,
    names: usize,
}

impl Seen {
    /// Keeps a listing, in the place of one that is older.
    pub(crate) fn keep<'a>(
        &mut self,
        dir: &VirtualPath,
        names: impl ExactSizeIterator<Item = (&'a str, bool)>,
    ) {
        let len = names.len();
        if self.names + len > NAMES {
            self.clear();
        }
        if len > NAMES {
            return;
        }
        let names: Vec<_> =
            names.filter_map(|(name, is_dir)| Some((Name::new(name).ok()?, is_dir))).collect();
        self.names += names.len();
        if let Some((_, old)) = self.listings.insert(dir.clone(), (Instant::now(), names)) {
            self.names -= old.len();
        }
    }

    /// The names in a directory, and which of them are directories; none if they are not known any more.
    pub(crate) fn names(&self, dir: &VirtualPath) -> Option<&[(Name, bool)]> {
        let (since, names) = self.listings.get(dir)?;
        (since.elapsed() < FRESH).then_some(names)
    }

    /// Something has changed.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
