//! A file is always one version, whoever writes to it meanwhile: an upload of one that changes, uploads to one name.

use ftp_tests::sample;
use ftp_tests::site::{Flag, Site};
use ftp_tests::wire::Wire;
use std::fs;
use std::io::{Seek as _, Write as _};

const SIZE: usize = 3_000_000;

fn version(number: u64) -> Vec<u8> {
    sample::bytes(number, SIZE)
}

/// Whether a file of that content was there at some moment, when each version is written over the one before it, from the front.
fn was_there(bytes: &[u8], versions: &[Vec<u8>]) -> bool {
    let next = versions.iter().cycle().skip(1);
    versions.iter().zip(next).any(|(old, new)| {
        let written = bytes.iter().zip(new).take_while(|(a, b)| a == b).count();
        bytes[written..] == old[written..]
    })
}

#[test]
fn an_upload_of_a_file_that_changes_is_refused_and_puts_nothing_in_place() {
    let count = sample::count("CHANGED_SOURCES", 40);
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let (source, home) = (site.work().join("f"), site.home_of("alice"));
    let versions: Vec<_> = (0..3).map(version).collect();
    fs::write(&source, &versions[0]).expect("written");
    let over = Flag::default();
    let puts: Vec<_> = (0..count).map(|n| format!("-put -o p{n} f")).collect();
    let said = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let ran = site.script(daemon.port, "alice", &puts.join("; "));
            over.raise();
            ran
        });
        let mut file = fs::File::options().write(true).open(&source).expect("there");
        for bytes in versions.iter().cycle().take_while(|_| !over.is_raised()) {
            file.rewind().expect("a file");
            for piece in bytes.chunks(100_000) {
                file.write_all(piece).expect("written");
            }
        }
        sender.join().expect("it ran")
    });
    let mut refused = 0;
    for n in 0..count {
        match fs::read(home.join(format!("p{n}"))) {
            // Whoever writes may have paused for that long.
            Ok(bytes) => assert!(was_there(&bytes, &versions), "p{n} was never such a file: {said:?}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0 && said.err.contains("changed while it was sent"), "{refused}: {said:?}");
    println!("trials: {count}");
}

#[test]
fn uploads_to_one_name_leave_one_of_them_whole() {
    let count = sample::count("SAME_NAMES", 200);
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let ca = site.path("certs/ca.pem");
    let mut wires: Vec<_> = (0..4).map(|_| Wire::open(daemon.port, &ca).expect("open")).collect();
    for wire in &mut wires {
        wire.login("alice", "password of alice").expect("an answer");
    }
    for round in 0..count {
        // Some in one chunk, some in several.
        let len = if round % 2 == 0 { 9_000 } else { 700_000 };
        let stored: Vec<_> = std::thread::scope(|scope| {
            let put = |(number, wire): (u64, &mut Wire)| {
                let bytes = sample::bytes(round * 4 + number, len);
                let answer = wire.put("/f", &bytes).expect("an answer").answer;
                match answer["error"]["code"].as_str() {
                    None => Some(blake3::hash(&bytes)),
                    Some(code) => {
                        assert_eq!(code, "conflict", "{answer}");
                        None
                    }
                }
            };
            let threads: Vec<_> = (0..).zip(&mut wires).map(|one| scope.spawn(move || put(one))).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("it ran")).collect()
        });
        assert!(stored.contains(&sample::hash(&site.home_of("alice").join("f"))), "{round}: {stored:?}");
        let used =
            wires[0].ask(serde_json::json!({"op": "info"})).expect("an answer")["ok"]["account"]["used"]
                .as_u64();
        assert_eq!(used, Some(len as u64), "round {round}");
    }
    println!("trials: {count}");
}
