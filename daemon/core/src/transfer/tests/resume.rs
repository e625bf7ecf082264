use super::*;
use proptest::prelude::*;

const SIZE: usize = 3 * CHUNK + 100;

/// A killed daemon's part and sidecar, to be damaged.
struct Killed {
    ground: Ground,
    bytes: Vec<u8>,
    put: Put,
    cv: Vec<u8>,
    /// Where the values begin.
    head: usize,
}

impl Killed {
    fn new() -> Self {
        let ground = Ground::new();
        let bytes = bytes(SIZE, 20);
        let put = put("/file", SIZE);
        ground.leave(&put, &bytes, SIZE);
        let cv = fs::read(ground.cv("/file")).expect("there");
        let head = cv.len() - 4 * VALUE;
        Self { ground, bytes, put, cv, head }
    }

    /// Writes what the crash left; holds what comes back of it and that the upload can be completed from there.
    fn resumes(&self, part: &[u8], cv: &[u8]) -> u64 {
        fs::write(self.ground.part("/file"), part).expect("written");
        fs::write(self.ground.cv("/file"), cv).expect("written");
        let sink = self.ground.open(&self.put, &self.bytes);
        let offset = sink.offset();
        assert!(sink.close() >= Some(offset));
        let published = self.ground.complete(&self.put, &self.bytes);
        assert_eq!((published.stored.root, published.stored.size), (root(&self.bytes), SIZE as u64));
        offset
    }

    /// What must come back: the chunks before the first that is not whole in both files.
    fn want(&self, part: &[u8], cv: &[u8]) -> u64 {
        if cv.get(..self.head) != Some(&self.cv[..self.head]) {
            return 0;
        }
        let sound = |index: &usize| {
            let data = index * CHUNK..SIZE.min((index + 1) * CHUNK);
            let value = self.head + index * VALUE..self.head + (index + 1) * VALUE;
            part.get(data.clone()) == Some(&self.bytes[data])
                && cv.get(value.clone()) == Some(&self.cv[value])
        };
        (SIZE as u64).min(((0..4).take_while(sound).count() * CHUNK) as u64)
    }
}

#[test]
fn whatever_a_crash_cut_off_the_sound_chunks_come_back() {
    let killed = Killed::new();
    let parts = [
        0,
        1,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK - 1,
        2 * CHUNK,
        3 * CHUNK - 1,
        3 * CHUNK,
        3 * CHUNK + 1,
        SIZE - 1,
        SIZE,
        SIZE + 1,
        5 * CHUNK,
    ];
    let mut offsets = std::collections::BTreeSet::new();
    for part_len in parts {
        // Longer than it was: a file system may leave zeros past the end.
        let mut part = killed.bytes.clone();
        part.resize(part_len, 0);
        for values in [0, 1, 31, 32, 33, 64, 95, 96, 127, 128, 129, 160, 1000] {
            let mut cv = killed.cv.clone();
            cv.resize(killed.head + values, 0);
            let offset = killed.resumes(&part, &cv);
            assert_eq!(offset, killed.want(&part, &cv), "part cut at {part_len}, values at {values}");
            offsets.insert(offset);
        }
    }
    let chunk = CHUNK as u64;
    assert_eq!(offsets.into_iter().collect::<Vec<_>>(), [0, chunk, 2 * chunk, 3 * chunk, SIZE as u64]);
}

#[test]
fn a_torn_or_damaged_head_of_a_sidecar_starts_anew() {
    let ground = Ground::new();
    let bytes = bytes(CHUNK + 1, 21);
    let put = put("/file", bytes.len());
    ground.leave(&put, &bytes, bytes.len());
    let (part, cv) =
        (fs::read(ground.part("/file")).expect("there"), fs::read(ground.cv("/file")).expect("there"));
    let head = cv.len() - 2 * VALUE;
    let restore = |cv: &[u8]| {
        fs::write(ground.part("/file"), &part).expect("written");
        fs::write(ground.cv("/file"), cv).expect("written");
    };
    for at in 0..head {
        let mut flipped = cv.clone();
        flipped[at] ^= 0x10;
        for damaged in [&cv[..at], &flipped] {
            restore(damaged);
            assert_eq!(ground.open(&put, &bytes).offset(), 0, "at {at}");
        }
    }
    restore(&cv);
    assert_eq!(ground.open(&put, &bytes).offset(), bytes.len() as u64);
    fs::remove_file(ground.cv("/file")).expect("removed");
    assert_eq!(ground.open(&put, &bytes).offset(), 0, "a part alone");
    restore(&cv);
    fs::remove_file(ground.part("/file")).expect("removed");
    assert_eq!(ground.open(&put, &bytes).offset(), 0, "a sidecar alone");
    ground.complete(&put, &bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_damage_is_ever_believed(
        part_flips in proptest::collection::vec((0..SIZE, 0..8u32), 0..3),
        cv_flips in proptest::collection::vec((0..4 * VALUE, 0..8u32), 0..2),
        head_flip in proptest::option::weighted(0.1, (0..60usize, 0..8u32)),
        part_cut in proptest::option::weighted(0.4, 0..SIZE + CHUNK),
        cv_cut in proptest::option::weighted(0.4, 0..6 * VALUE),
    ) {
        let killed = Killed::new();
        let (mut part, mut cv) = (killed.bytes.clone(), killed.cv.clone());
        for (at, bit) in part_flips {
            part[at] ^= 1 << bit;
        }
        for (at, bit) in cv_flips {
            cv[killed.head + at] ^= 1 << bit;
        }
        if let Some((at, bit)) = head_flip {
            cv[at] ^= 1 << bit;
        }
        part.resize(part_cut.unwrap_or(part.len()), 0xaa);
        cv.resize(cv_cut.map_or(cv.len(), |cut| killed.head + cut), 0xaa);
        prop_assert_eq!(killed.resumes(&part, &cv), killed.want(&part, &cv));
    }
}

#[test]
fn an_upload_goes_on_through_every_interruption() {
    let ground = Ground::new();
    let bytes = bytes(9 * CHUNK + 1, 22);
    let put = put("/file", bytes.len());
    for have in 1..=9 {
        ground.leave(&put, &bytes, have * CHUNK);
        // Hours later, with another time to give the file.
        let put = Put { mtime: 5, ..put.clone() };
        assert_eq!(ground.open(&put, &bytes).offset(), (have * CHUNK) as u64);
    }
    assert_eq!(ground.complete(&put, &bytes).stored.mtime, MTIME);
}

#[test]
fn a_part_too_large_for_one_slice_is_checked_in_several() {
    let ground = Ground::new();
    let size = usize::try_from(crate::limits::REHASH_SLICE).expect("fits") + CHUNK + 3;
    let bytes = bytes(size, 23);
    let put = put("/file", size);
    ground.leave(&put, &bytes, size - 3);
    let sink = Box::new(Sink::open(Arc::clone(&ground.home), put.clone()).expect("it opens"));
    let sink = sink.hash_slice().expect("read");
    assert_eq!((sink.is_hashing(), sink.offset()), (true, crate::limits::REHASH_SLICE));
    // Given up in the middle of checking: nothing is lost.
    assert_eq!(sink.close(), Some(size as u64 - 3));
    let sink = Box::new(Sink::open(Arc::clone(&ground.home), put.clone()).expect("it opens"));
    let sink = sink.hash_slice().expect("read");
    assert_eq!(
        failed(sink.finish(&end(&bytes))),
        (Code::BadRequest, size as u64 - 3),
        "nor when it fails there"
    );
    assert_eq!(ground.open(&put, &bytes).offset(), size as u64 - 3);
    ground.complete(&put, &bytes);
}

#[test]
fn only_the_same_path_and_size_go_on() {
    let ground = Ground::new();
    let (first, second) = (bytes(3 * CHUNK, 24), bytes(3 * CHUNK + 1, 25));
    let put_first = put("/file", first.len());
    ground.leave(&put_first, &first, 2 * CHUNK);
    assert_eq!(ground.open(&put("/other", first.len()), &first).offset(), 0, "another path");
    assert_eq!(ground.leftovers(), 4, "which has a part of its own");
    assert_eq!(ground.open(&put_first, &first).offset(), 2 * CHUNK as u64);
    let put_second = put("/file", second.len());
    assert_eq!(ground.open(&put_second, &second).offset(), 0, "another size");
    assert_eq!(ground.open(&put_first, &first).offset(), 0, "the first was dropped for it");
    ground.leave(&put_first, &first, 2 * CHUNK);
    let restart = Put { restart: true, ..put_first.clone() };
    assert_eq!(ground.open(&restart, &first).offset(), 0, "asked to start anew");
    assert_eq!(ground.open(&put_first, &first).offset(), 0, "the part was dropped for it");
    // Two parts that took each other's names are not believed.
    ground.leave(&put_first, &first, 2 * CHUNK);
    fs::rename(ground.part("/file"), ground.part("/other")).expect("moved");
    fs::rename(ground.cv("/file"), ground.cv("/other")).expect("moved");
    assert_eq!(ground.open(&put("/other", first.len()), &first).offset(), 0);
}

#[test]
fn other_bytes_of_the_same_size_show_in_the_prefix() {
    let ground = Ground::new();
    let (was, is) = (bytes(3 * CHUNK, 26), bytes(3 * CHUNK, 27));
    let put_it = put("/file", was.len());
    ground.leave(&put_it, &was, 2 * CHUNK);
    let sink = ground.open(&put_it, &was);
    assert_ne!(sink.prefix(), prefix(&is, 2 * CHUNK));
    // A client that goes on regardless is stopped by the root.
    assert_eq!(failed(send(sink, &is, is.len()).finish(&end(&is))), (Code::DigestMismatch, 0));
    assert!(!ground.at("file").exists());
    ground.complete(&put_it, &is);
}
