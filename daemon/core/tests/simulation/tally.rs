//! What happened in the runs, so that one sees that something did.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! tally {
    ($($name:ident: $shown:literal,)*) => {
        /// How often each thing happened, in all runs together.
        #[derive(Debug, Default)]
        pub struct Tally { $(pub $name: Count,)* }

        impl Tally {
            /// Each thing, and how often it happened.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($shown, self.$name.get()),)*].into_iter()
            }
        }
    };
}

tally! {
    changed: "changes answered ok",
    refused: "changes refused",
    failed: "changes that a failing disk left open",
    downloads: "whole downloads",
    resumed_downloads: "downloads resumed",
    kept: "downloads and sums out of kept trees",
    resumed_uploads: "uploads resumed",
    aborts: "requests aborted, or asked to be",
    jobs: "jobs",
    several: "jobs of several requests",
    groups: "jobs with many small files",
    failures: "jobs that met a failing disk",
    panics: "jobs that panicked",
    cuts: "connections cut",
    drains: "drains",
    kills: "kills",
    power_failures: "power failures",
    over_quota: "refusals by quota",
    too_many: "refusals by the number of entries",
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().try_for_each(|(what, count)| writeln!(f, "{count:>12} {what}"))
    }
}

/// Of this process.
pub static TALLY: std::sync::LazyLock<Tally> = std::sync::LazyLock::new(Tally::default);
