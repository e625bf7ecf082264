use super::*;
use ftp_proto::message::Kept as Wish;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// Longer than the step of the clock that stamps files.
const TICK: Duration = Duration::from_millis(25);

impl Ground {
    /// Puts a file there that was not touched for a moment.
    fn file(&self, bytes: &[u8]) {
        fs::write(self.at("file"), bytes).expect("written");
        std::thread::sleep(TICK);
    }

    fn get(&self, offset: usize) -> Get {
        let etag = self.home.stat(&path("/file")).expect("there").etag;
        Get { path: path("/file"), offset: offset as u64, etag, md5: true, kept: Wish::Use }
    }

    fn first(&self, offset: usize) -> Result<Box<Read>, Fault> {
        Source::open_get(&self.home, &self.get(offset))
    }

    fn change(&self, at: u64, bytes: &[u8]) {
        std::thread::sleep(TICK);
        let file = fs::File::options().write(true).open(self.at("file")).expect("there");
        file.write_all_at(bytes, at).expect("written");
    }
}

/// Reads to the end.
pub(super) fn rest(read: Read) -> Result<(Vec<Chunk>, Box<Source>), Fault> {
    let Read { mut source, mut chunks } = read;
    while source.is_hashing() {
        let read = source.hash_slice(&Alone)?;
        assert_eq!(read.chunks.len(), 0);
        source = read.source;
    }
    while !source.is_done() {
        let read = source.read(vec![vec![9; 100], Vec::new()])?;
        assert!(read.chunks.len() <= 2);
        chunks.extend(read.chunks);
        source = read.source;
    }
    Ok((chunks, source))
}

pub(super) fn data(chunks: &[Chunk]) -> Vec<u8> {
    chunks.iter().flat_map(|chunk| chunk.data().to_vec()).collect()
}

pub(super) fn refused<T>(result: Result<T, Fault>) -> Code {
    code(&result.err().expect("it is refused"))
}

#[test]
fn a_download_from_any_offset_is_the_file() {
    let ground = Ground::new();
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 6 * CHUNK + 7] {
        let bytes = bytes(size, 30);
        ground.file(&bytes);
        for offset in (0..=size).step_by(CHUNK) {
            let read = ground.first(offset).expect("opened");
            assert_eq!(read.source.is_hashing(), offset > 0);
            assert!(read.chunks.len() <= BATCH);
            let (got, source) = rest(*read).expect("read");
            assert!(got == chunks(&bytes, offset, size), "{size} from {offset}");
            assert_eq!(data(&got), bytes[offset..]);
            let end = source.end();
            assert_eq!((end.root, end.md5), (root(&bytes), Some(md5(&bytes))), "{size} from {offset}");
            assert_eq!(source.prefix(), prefix(&bytes, offset), "{size} from {offset}");
            assert_eq!(source.size(), size as u64);
            let entry = ground.home.stat(&path("/file")).expect("there");
            assert_eq!((Some(source.etag()), source.mtime()), (entry.etag, entry.mtime));
        }
        let (none, source) =
            rest(*Source::open_sum(&ground.home, &path("/file"), false, Wish::Use, &Alone).expect("opened"))
                .expect("read");
        assert_eq!((none.len(), source.end().root, source.end().md5), (0, root(&bytes), None));
    }
}

/// Every other time there is a hand, and it is quick.
#[derive(Default)]
struct Often {
    asked: std::cell::Cell<u32>,
}

impl Hands for Often {
    fn offer(&self, help: Help) {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() % 2 == 1 {
            help.give();
        }
    }
}

#[test]
fn a_sum_has_the_same_md5_whoever_computes_it() {
    let ground = Ground::new();
    for size in [0, 1, BATCH * CHUNK, BATCH * CHUNK + 1, 3 * BATCH * CHUNK - 5] {
        let (bytes, hands) = (bytes(size, 36), Often::default());
        ground.file(&bytes);
        let read = Source::open_sum(&ground.home, &path("/file"), true, Wish::Use, &hands).expect("opened");
        let (_, source) = rest(*read).expect("read");
        assert_eq!((source.end().root, source.end().md5), (root(&bytes), Some(md5(&bytes))), "{size}");
        assert_eq!(hands.asked.get() as usize, size.div_ceil(BATCH * CHUNK), "{size}");
    }
}

#[test]
fn an_offset_that_is_none_is_refused() {
    let ground = Ground::new();
    let size = 2 * CHUNK + 1;
    ground.file(&bytes(size, 31));
    for offset in [1, CHUNK - 1, CHUNK + 1, size, 3 * CHUNK, 1 << 50] {
        assert_eq!(refused(ground.first(offset)), Code::BadRequest, "{offset}");
    }
    let nameless = |offset| Get { etag: None, ..ground.get(offset) };
    assert_eq!(refused(Source::open_get(&ground.home, &nameless(CHUNK))), Code::BadRequest);
    assert!(Source::open_get(&ground.home, &nameless(0)).is_ok());
    let other = |offset| Get { etag: Some(Etag([3; 16])), ..ground.get(offset) };
    for offset in [0, CHUNK] {
        assert_eq!(refused(Source::open_get(&ground.home, &other(offset))), Code::Changed);
    }
    let none = Get { path: path("/none"), ..ground.get(0) };
    assert_eq!(refused(Source::open_get(&ground.home, &none)), Code::NotFound);
    assert_eq!(
        refused(Source::open_sum(&ground.home, &path("/none"), false, Wish::Use, &Alone)),
        Code::NotFound
    );
}

#[test]
fn a_file_replaced_or_removed_meanwhile_is_read_to_its_end_as_it_was() {
    let ground = Ground::new();
    let (old, new) = (bytes(6 * CHUNK, 32), bytes(6 * CHUNK, 33));
    ground.file(&old);
    let reading = ground.first(0).expect("opened");
    let resumed = ground.first(CHUNK).expect("opened");
    let summing = ground.first(5 * CHUNK).expect("opened");
    ground.complete(&put("/file", new.len()), &new);
    for (read, from) in [(reading, 0), (resumed, CHUNK), (summing, 5 * CHUNK)] {
        let (got, source) = rest(*read).expect("one version");
        assert!(data(&got) == old[from..]);
        assert_eq!(source.end().root, root(&old));
    }
    let reading = ground.first(0).expect("opened");
    assert_eq!(ground.home.rm(&path("/file")).expect("removed"), new.len() as u64);
    assert!(data(&rest(*reading).expect("one version").0) == new);
}

#[test]
fn a_file_changed_in_place_meanwhile_is_not_passed_off_as_one_version() {
    let size = 6 * CHUNK + 7;
    let old = bytes(size, 34);
    let ground = Ground::new();
    let changes: [(&str, &dyn Fn()); 5] = [
        ("behind", &|| ground.change(10, b"changed")),
        ("ahead", &|| ground.change(6 * CHUNK as u64, b"changed")),
        ("longer", &|| ground.change(size as u64, b"more")),
        ("the old time set again", &|| {
            let mtime = fs::metadata(ground.at("file")).and_then(|is| is.modified()).expect("there");
            ground.change(10, b"changed");
            let file = fs::File::options().write(true).open(ground.at("file")).expect("there");
            file.set_modified(mtime).expect("set");
        }),
        ("changed, then removed", &|| {
            ground.change(10, b"changed");
            fs::remove_file(ground.at("file")).expect("removed");
        }),
    ];
    for (what, change) in changes {
        for offset in [0, 2 * CHUNK] {
            ground.file(&old);
            let read = ground.first(offset).expect("opened");
            change();
            assert_eq!(refused(rest(*read)), Code::Changed, "{what}, from {offset}");
        }
    }
}

#[test]
fn a_file_cut_while_it_is_read_is_another_version() {
    let ground = Ground::new();
    let size = 6 * CHUNK + 7;
    for len in [0, 5 * CHUNK, 5 * CHUNK + 1, 6 * CHUNK, size - 1] {
        for offset in [0, 6 * CHUNK] {
            ground.file(&bytes(size, 35));
            let read = ground.first(offset).expect("opened");
            let file = fs::File::options().write(true).open(ground.at("file")).expect("there");
            file.set_len(len as u64).expect("cut");
            assert_eq!(refused(rest(*read)), Code::Changed, "{len} from {offset}");
        }
    }
}
