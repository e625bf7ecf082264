//! What the accounts and the listings of a home cost: a reservation of the quota, and a page of a directory.
//!
//! `cargo bench -p ftp-core`; a word behind it chooses among them. Directories are made below the folder for temporary files.

use criterion::{Criterion, Throughput};
use ftp_core::quota::Ledger;
use ftp_core::vfs::{Durability, Home, Jail, Lister, Survey};
use ftp_proto::limits::PAGE_ENTRIES;
use ftp_proto::{Etag, UserName, VirtualPath};
use std::fs;
use std::hint::black_box;

/// Names in the directory that is listed.
const NAMES: usize = 10_000;
/// Unfinished uploads of the user whose ledger it is.
const PARTS: u64 = 1000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    ledger(&mut criterion);
    listing(&mut criterion);
    criterion.final_summary();
}

fn id(number: u64) -> Etag {
    Etag(u128::from(number).to_be_bytes())
}

fn ledger(criterion: &mut Criterion) {
    let parts = (0..PARTS).map(|number| (id(number), 1 << 20)).collect();
    let survey = Survey { bytes: 1 << 40, entries: 100_000, files: 90_000, parts };
    let mut ledger = Ledger::new(&survey, Some(1 << 42), 1_000_000);
    criterion.bench_function("ledger: reserve and publish", |bencher| {
        bencher.iter(|| {
            let reserved = ledger.reserve(id(PARTS + 1), black_box(1 << 20)).expect("room");
            ledger.published(reserved, Some(1 << 20));
        });
    });
}

fn listing(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let user = UserName::new("ada").expect("a name");
    let home = folder.path().join("ada/home");
    fs::create_dir_all(&home).expect("made");
    (0..NAMES).for_each(|number| fs::write(home.join(format!("file-{number:05}.txt")), "").expect("written"));
    let home = Home::open(&Jail::new(folder.path().to_owned()), &user, Durability::Fast).expect("a home");
    let mut group = criterion.benchmark_group("listing");
    group.throughput(Throughput::Elements(PAGE_ENTRIES as u64));
    group.bench_function("the first page", |bencher| {
        bencher
            .iter(|| home.list(&VirtualPath::root()).and_then(Lister::page).expect("a page").0.entries.len());
    });
    group.throughput(Throughput::Elements(NAMES as u64));
    group.bench_function("all pages", |bencher| {
        bencher.iter(|| {
            let mut lister = Some(home.list(&VirtualPath::root()).expect("a directory"));
            let mut names = 0;
            while let Some(reading) = lister {
                let (page, rest) = reading.page().expect("a page");
                names += page.entries.len();
                lister = rest;
            }
            assert_eq!(names, NAMES);
        });
    });
    group.finish();
}
