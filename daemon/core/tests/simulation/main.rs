//! The daemon's core in a world of its own: many clients, a virtual clock, a disk that forgets what was not synced, and one seed that decides
//! everything. After each step every promise is looked at.
//!
//! `SIMULATION_SEEDS` says how many seeds are run, `SIMULATION_SEED` replays one and tells what happens in it.
#![allow(clippy::disallowed_methods, reason = "the seeds are spread over the cores")]
#![allow(unreachable_pub, reason = "the modules are private to this test")]

mod disk;
mod groups;
mod library;
mod model;
mod peer;
mod tally;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use tally::TALLY;
use world::{Check, World};

/// As many as are run where nothing else is said.
const SEEDS: u64 = 100_000;
/// After so many failures no more seeds are begun.
const ENOUGH: usize = 5;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

fn run(seed: u64, tell: bool) -> Check {
    let run = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, tell);
        let result = world.run();
        if result.is_err() {
            // What is open would complain that it is not settled.
            std::mem::forget(world);
        }
        result
    }));
    run.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Err(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
    })
}

/// Runs seeds on all cores until some have failed; says which and why.
fn run_all(seeds: u64) -> Vec<(u64, String)> {
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let worker = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || failed.lock().map_or(true, |failed| failed.len() >= ENOUGH) {
                return;
            }
            if let Err(what) = run(seed, false)
                && let Ok(mut failed) = failed.lock()
            {
                failed.push((seed, what));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(worker);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn every_promise_holds_whatever_happens_in_whatever_order() {
    if let Some(seed) = number("SIMULATION_SEED") {
        return run(seed, true).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    // Panics are part of what happens.
    std::panic::set_hook(Box::new(|_| ()));
    let (seeds, start) = (number("SIMULATION_SEEDS").unwrap_or(SEEDS), Instant::now());
    let failed = run_all(seeds);
    let _ours = std::panic::take_hook();
    let took = start.elapsed().as_secs_f64();
    println!("trials: {seeds}");
    println!("{seeds} seeds in {took:.1} s, {} failed\n{}", failed.len(), *TALLY);
    for (seed, what) in &failed {
        eprintln!(
            "seed {seed}: {what}\n  replay: SIMULATION_SEED={seed} cargo test -p ftp-core --test simulation -- --nocapture"
        );
    }
    assert!(failed.is_empty(), "seeds that break a promise: {}", failed.len());
    let idle: Vec<_> = TALLY.all().filter(|(_, count)| *count < seeds / 1000).collect();
    assert!(idle.is_empty(), "hardly ever happened: {idle:?}");
}
