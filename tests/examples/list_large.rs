//! Lists a large directory: how soon the first page comes and how long all of them take, and what the daemon's memory grows by meanwhile.
//!
//! `list_large COUNT`: a directory of so many empty files, from a daemon of its own, with the data in memory; listed three times.

use ftp_tests::ground::{Ground, scratch};
use ftp_tests::process::Process;
use ftp_tests::site::Site;
use serde_json::json;
use std::fs::{self, File};
use std::time::Instant;

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("list_large COUNT");
    let (site, data) = (Site::new(), scratch());
    let ground = Ground::new(&site, "list", &data.path().join("var"));
    ground.reset(&[("ada", None)]);
    let daemon = ground.start();
    let mut wire = ground.login(&daemon, "ada");
    let process = Process(daemon.pid());
    let folder = ground.folder_of("ada").join("home/many");
    fs::create_dir(&folder).expect("made");
    for number in 0..count {
        File::create(folder.join(format!("a file with a usual name {number}.txt"))).expect("made");
    }
    for _ in 0..3 {
        process.forget_peak();
        let (before, busy) = (process.resident().unwrap_or_default(), process.busy());
        let began = Instant::now();
        let id = wire.send(json!({"op": "list", "path": "/many"})).expect("sent");
        let (mut first, mut pages, mut entries) = (None, 0, 0);
        loop {
            let answer = wire.answer(id).expect("an answer");
            let Some(page) = answer["page"]["entries"].as_array() else {
                assert!(answer.get("ok").is_some(), "{answer}");
                break;
            };
            first.get_or_insert_with(|| began.elapsed());
            pages += 1;
            entries += page.len();
        }
        let all = began.elapsed();
        assert_eq!(entries, count);
        let grown = process.peak().unwrap_or_default().saturating_sub(before);
        println!(
            "{entries} entries in {pages} pages: the first after {:?}, all after {all:?}; the daemon grew by {grown} KiB at most, and worked {:?}",
            first.unwrap_or_default(),
            process.busy() - busy
        );
    }
}
