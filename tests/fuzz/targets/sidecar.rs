//! The file beside an unfinished transfer: damage to it is seen, and whatever it says, an upload that goes on from it puts just what was sent in place.
#![no_main]

use ftp_core::job::{Job, Outcome};
use ftp_core::transfer::{Sink, part_id};
use ftp_core::vfs::{Durability, Home, Storage as _};
use ftp_fuzz::disk::Disk;
use ftp_fuzz::memory::within;
use ftp_fuzz::script::{CONTENT, LARGEST, root};
use ftp_proto::limits::{CHUNK, VALUE};
use ftp_proto::message::{Put, PutEnd};
use ftp_proto::sidecar::{HEADER_MAX, Sidecar, values};
use ftp_proto::{Chunk, UserName, VirtualPath, tree};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

/// The input is only the JSON, and is dressed as it should be.
const JSON: u8 = 1;
/// An upload goes on from it.
const UPLOAD: u8 = 2;
/// So many of the values that follow are right.
const RIGHT: [u8; 2] = [4, 8];
/// The part's first byte is damaged.
const DAMAGED: u8 = 16;
/// The upload is of so many bytes where the sidecar does not say.
const SMALL: usize = 900;

fn dress(json: &[u8]) -> Vec<u8> {
    let mut bytes = b"ftpdcv1\n".to_vec();
    bytes.extend_from_slice(&u32::try_from(json.len()).expect("short").to_be_bytes());
    bytes.extend_from_slice(json);
    let check = blake3::hash(&bytes);
    bytes.extend_from_slice(check.as_bytes());
    bytes
}

fn ada() -> UserName {
    UserName::new("ada").expect("a name")
}

/// Leaves a part and its sidecar, and opens the home.
fn left(disk: &Disk, put: &Put, sidecar: &[u8], part: &[u8]) -> Arc<Home> {
    let folder = |path: &str| disk.users().and_then(|users| users.directory(path.as_ref())).expect("there");
    folder(".").mkdir("ada").expect("new");
    folder("ada").mkdir("parts").expect("new");
    for (end, bytes) in [("part", part), ("cv", sidecar)] {
        let file = folder("ada/parts").create(&format!("{}.{end}", part_id(&put.path))).expect("new");
        file.write_all_at(bytes, 0).expect("written");
    }
    Arc::new(Home::open(disk, &ada(), Durability::Full).expect("a home"))
}

fn open(home: Arc<Home>, put: Put) -> Box<Sink> {
    let mut outcome = Job::OpenPut { home, put }.run();
    loop {
        match outcome {
            Outcome::Sink(Ok(sink)) if sink.is_hashing() => outcome = Job::HashSink(sink).run(),
            Outcome::Sink(Ok(sink)) => return sink,
            outcome => panic!("{outcome:?}"),
        }
    }
}

fn chunks(size: usize, from: usize) -> Vec<Chunk> {
    let seal = |at: usize| {
        let data = &CONTENT[at..size.min(at + CHUNK)];
        let mut chunk = Chunk::with_len(Vec::new(), data.len());
        chunk.data_mut().copy_from_slice(data);
        chunk.seal(tree::value(size as u64, at as u64, data));
        chunk
    };
    (from..size).step_by(CHUNK).map(seal).collect()
}

fn upload(flags: u8, size: usize, sidecar: &[u8], part: &[u8]) {
    let disk = Disk::new(true, true);
    let path = VirtualPath::new("/f").expect("good");
    let put = Put { path, size: size as u64, mtime: 7, eager: false, restart: false, md5: false };
    let home = left(&disk, &put, sidecar, part);
    home.survey().expect("counted");
    let sink = open(Arc::clone(&home), put);
    let offset = usize::try_from(sink.offset()).expect("small");
    assert!(offset <= size && (offset == size || offset.is_multiple_of(CHUNK)), "{offset} of {size}");
    assert!(offset == 0 || flags & DAMAGED == 0, "damage counts for nothing");
    let Outcome::Appended(appended) = Job::Append(sink, chunks(size, offset)).run() else {
        panic!("no chunks")
    };
    let end = PutEnd { root: root(&CONTENT[..size]), md5: None };
    let sink = appended.sink.expect("right chunks");
    assert!(matches!(Job::Finish(sink, end).run(), Outcome::Stored(Ok(_))));
    let mut files = Vec::new();
    disk.walk("ada", |top, path, bytes, _| {
        files.push((top.to_owned(), path.to_owned(), bytes == &CONTENT[..size]))
    });
    assert_eq!(
        files,
        [("home".to_owned(), "/f".to_owned(), true)],
        "just what was sent, and nothing beside it"
    );
}

fuzz_target!(|data: &[u8]| {
    let Some((&flags, input)) = data.split_first() else { return };
    let mut sidecar = if flags & JSON != 0 { dress(input) } else { input.to_vec() };
    let read = within(4096 + 16 * data.len(), || Sidecar::decode(&sidecar));
    if let Ok((read, len)) = &read {
        assert!(*len <= sidecar.len());
        assert_eq!(values(&sidecar[*len..]).count(), (sidecar.len() - len) / VALUE);
        let again = read.encode();
        assert_eq!(Sidecar::decode(&again), Ok((read.clone(), again.len())));
        assert!(read.path.len() > ftp_proto::limits::PATH || again.len() <= HEADER_MAX);
        assert!(Sidecar::decode(&sidecar[..len - 1]).is_err(), "cut short");
    }
    if flags & UPLOAD == 0 {
        return;
    }
    let size =
        read.ok().and_then(|(read, _)| usize::try_from(read.size).ok()).filter(|size| *size <= LARGEST);
    let size = size.unwrap_or(SMALL);
    let mut part = CONTENT[..size].to_vec();
    let right = RIGHT.iter().filter(|right| flags & **right != 0).count();
    for chunk in chunks(size, 0).iter().take(right) {
        sidecar.extend_from_slice(&chunk.value().0);
    }
    if let Some(first) = part.first_mut().filter(|_| flags & DAMAGED != 0) {
        *first ^= 1;
    }
    within(16 * (CHUNK + 1024), || upload(flags, size, &sidecar, &part));
});
