use super::sources::{data, refused, rest};
use super::*;
use crate::vfs::OpenFile;
use crate::vfs::trees::Taken;
use ftp_proto::Tree;
use ftp_proto::message::Kept as Wish;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::time::Duration;

/// More than the time for which a file is not called settled.
const SETTLED: Duration = Duration::from_millis(3100);
const SEAL: usize = 96;
const LEN: usize = 6 * CHUNK + 7;

impl Ground {
    /// Where the tree of a file is, or would be.
    fn tree(&self, name: &str) -> PathBuf {
        let inode = fs::metadata(self.at(name)).expect("there").ino();
        self.folder.join("trees").join(format!("{inode:016x}"))
    }

    fn trees(&self) -> usize {
        fs::read_dir(self.folder.join("trees")).expect("readable").count()
    }

    fn etag(&self, name: &str) -> Etag {
        self.home.stat(&path(&format!("/{name}"))).expect("there").etag.expect("a file")
    }

    fn upload(&self, name: &str, bytes: &[u8]) {
        self.complete(&put(&format!("/{name}"), bytes.len()), bytes);
    }

    /// What a failing disk does: a bit flips, and nobody is told.
    fn rot(&self, name: &str, at: usize) {
        let file = fs::File::options().read(true).write(true).open(self.at(name)).expect("there");
        let mut byte = [0];
        file.read_exact_at(&mut byte, at as u64).expect("read");
        file.write_all_at(&[byte[0] ^ 1], at as u64).expect("written");
        let tree = fs::read(self.tree(name)).expect("a tree");
        fs::write(self.tree(name), sealed_as(&tree, self.etag(name))).expect("written");
    }

    fn ask(&self, name: &str, offset: usize, md5: bool, kept: Wish) -> Result<Box<Read>, Fault> {
        let etag = Some(self.etag(name));
        let get = Get { path: path(&format!("/{name}")), offset: offset as u64, etag, md5, kept };
        Source::open_get(&self.home, &get)
    }

    fn got(
        &self,
        name: &str,
        offset: usize,
        md5: bool,
        kept: Wish,
    ) -> Result<(Vec<Chunk>, Box<Source>), Fault> {
        rest(*self.ask(name, offset, md5, kept)?)
    }

    fn summed(&self, name: &str, md5: bool, kept: Wish) -> Result<Box<Source>, Fault> {
        rest(*Source::open_sum(&self.home, &path(&format!("/{name}")), md5, kept, &Alone)?)
            .map(|(_, source)| source)
    }

    /// A file is served as it is, and whether that was from a tree.
    fn serves(&self, name: &str, bytes: &[u8]) -> bool {
        let (got, source) = self.got(name, 0, false, Wish::Use).expect("read");
        assert!(got == chunks(bytes, 0, bytes.len()), "other bytes or values");
        assert_eq!(source.end().root, root(bytes));
        source.is_kept()
    }
}

/// What lies in the place of a tree, and how it comes there.
type Lay<'a> = (&'a str, &'a dyn Fn(&Path));

/// A tree with the seal of another version.
fn sealed_as(tree: &[u8], etag: Etag) -> Vec<u8> {
    let at = tree.len() - SEAL;
    let mut tree = tree.to_vec();
    tree[at + 8..at + 24].copy_from_slice(&etag.0);
    let check = *blake3::hash(&tree[at..at + 64]).as_bytes();
    tree[at + 64..].copy_from_slice(&check);
    tree
}

#[test]
fn an_upload_leaves_its_values_and_what_is_sent_later_goes_out_with_them() {
    let ground = Ground::new();
    let bytes = bytes(LEN, 50);
    ground.upload("file", &bytes);
    assert_eq!((ground.trees(), ground.leftovers()), (1, 0));
    let bad = 3 * CHUNK + 5;
    ground.rot("file", bad);
    let mut rotten = bytes.clone();
    rotten[bad] ^= 1;
    for offset in (0..=LEN).step_by(CHUNK) {
        let first = ground.ask("file", offset, false, Wish::Use).expect("opened");
        // Nothing is read of what the client has already.
        assert!(!first.source.is_hashing());
        assert_eq!(first.source.prefix(), prefix(&bytes, offset));
        let (got, source) = rest(*first).expect("read");
        assert!(source.is_kept());
        assert!(data(&got) == rotten[offset..], "the bytes are those on the disk");
        let values: Vec<_> = got.iter().map(Chunk::value).collect();
        let uploaded: Vec<_> = chunks(&bytes, offset, LEN).iter().map(Chunk::value).collect();
        assert!(
            values == uploaded,
            "the values are those of the upload, for the receiver to see the difference"
        );
        assert_eq!(source.end().root, root(&bytes));
    }
    let sum = ground.summed("file", false, Wish::Use).expect("summed");
    assert_eq!((sum.end().root, sum.is_skipped()), (root(&bytes), true));
}

#[test]
fn whoever_wants_to_know_is_told_where_a_file_was_damaged() {
    let ground = Ground::new();
    let bytes = bytes(LEN, 51);
    ground.upload("file", &bytes);
    for wish in [Wish::Use, Wish::Check] {
        let sum = ground.summed("file", true, wish).expect("it is sound");
        assert_eq!((sum.end().root, sum.end().md5), (root(&bytes), Some(md5(&bytes))));
        assert!(!sum.is_skipped());
    }
    let (got, source) = ground.got("file", 2 * CHUNK, true, Wish::Check).expect("it is sound");
    assert!(got == chunks(&bytes, 2 * CHUNK, LEN));
    assert_eq!(source.end().md5, Some(md5(&bytes)));

    let bad = 3 * CHUNK + 5;
    ground.rot("file", bad);
    let damaged = |result: Result<(), Fault>| match result {
        Err(Fault::Damaged { path, offset }) => assert_eq!((&*path, offset), ("/file", 3 * CHUNK as u64)),
        other => panic!("{other:?}"),
    };
    // What is read in any case is compared in any case.
    damaged(ground.summed("file", true, Wish::Use).map(drop));
    damaged(ground.summed("file", false, Wish::Check).map(drop));
    damaged(ground.got("file", 4 * CHUNK, true, Wish::Use).map(drop));
    for offset in (0..=3).map(|n| n * CHUNK) {
        damaged(ground.got("file", offset, false, Wish::Check).map(drop));
    }
    assert_eq!(refused(ground.got("file", 0, false, Wish::Check)), Code::Damaged);
    // The client has what comes before and was told what it is.
    assert!(ground.got("file", 4 * CHUNK, false, Wish::Check).is_ok());

    // It is known now: a sum says what is there, so that who sends the file again does not leave it at that.
    let mut rotten = bytes.clone();
    rotten[bad] ^= 1;
    for md5 in [false, true] {
        assert_eq!(ground.summed("file", md5, Wish::Use).expect("summed").end().root, root(&rotten));
    }
    damaged(ground.summed("file", false, Wish::Check).map(drop));
    ground.home.rename(&path("/file"), &path("/moved"), false).expect("renamed");
    assert_eq!(ground.summed("moved", false, Wish::Use).expect("summed").end().root, root(&rotten));
    ground.home.rename(&path("/moved"), &path("/file"), false).expect("renamed");

    // What is left can be had, and what it was is not forgotten over it.
    std::thread::sleep(SETTLED);
    let (got, source) = ground.got("file", 0, false, Wish::Ignore).expect("read");
    assert!(got == chunks(&rotten, 0, LEN) && !source.is_kept());
    assert_eq!(ground.summed("file", false, Wish::Ignore).expect("summed").end().root, root(&rotten));
    damaged(ground.got("file", 0, false, Wish::Check).map(drop));

    ground.upload("file", &bytes);
    assert!(ground.serves("file", &bytes));
    assert!(ground.got("file", 0, false, Wish::Check).is_ok());
    assert_eq!(ground.trees(), 1);
}

#[test]
fn no_tree_makes_a_good_file_unreadable_and_a_bad_one_is_made_anew() {
    let ground = Ground::new();
    let (bytes, other) = (bytes(LEN, 52), bytes(LEN, 53));
    ground.upload("file", &bytes);
    ground.upload("other", &other);
    let (place, good) = (ground.tree("file"), fs::read(ground.tree("file")).expect("a tree"));
    let foreign = fs::read(ground.tree("other")).expect("a tree");
    std::thread::sleep(SETTLED);
    let values = good.len() - SEAL - LEN.div_ceil(CHUNK) * VALUE;

    let mut bad: Vec<(String, Vec<u8>)> = Vec::new();
    for at in (values..good.len()).step_by(7) {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        bad.push((format!("flipped at {at}"), flipped));
    }
    for len in [0, 1, SEAL - 1, SEAL, values, good.len() - SEAL, good.len() - 1] {
        bad.push((format!("cut to {len}"), good[..len].to_vec()));
    }
    bad.push(("only a seal".into(), good[good.len() - SEAL..].to_vec()));
    bad.push(("a value short".into(), good[values + VALUE..].to_vec()));
    bad.push(("longer".into(), [&good[..], &[0; 7]].concat()));
    bad.push(("all zeros".into(), vec![0; good.len()]));
    bad.push(("of another file".into(), foreign.clone()));
    bad.push(("of another version".into(), sealed_as(&good, Etag([7; 16]))));
    let swapped = [&good[..values], &good[values + VALUE..values + 2 * VALUE], &good[values..values + VALUE]];
    bad.push(("swapped".into(), [&swapped.concat()[..], &good[values + 2 * VALUE..]].concat()));
    for (what, tree) in &bad {
        fs::write(&place, tree).expect("written");
        assert!(!ground.serves("file", &bytes), "{what}: it was believed");
        assert!(ground.serves("file", &bytes), "{what}: it was not made anew");
        fs::write(&place, tree).expect("written");
        assert_eq!(
            ground.summed("file", false, Wish::Check).expect("summed").end().root,
            root(&bytes),
            "{what}"
        );
        assert!(ground.serves("file", &bytes), "{what}: a sum did not make it anew");
        fs::write(&place, tree).expect("written");
        let (got, source) = ground.got("file", 4 * CHUNK, true, Wish::Use).expect("read");
        assert!(got == chunks(&bytes, 4 * CHUNK, LEN), "{what}");
        assert_eq!((source.prefix(), source.end().root), (prefix(&bytes, 4 * CHUNK), root(&bytes)), "{what}");
        assert!(ground.serves("file", &bytes), "{what}: the rest of a download did not make it anew");
    }

    assert!(ground.serves("other", &other), "nothing of this was the other's business");
}

#[test]
fn what_is_not_a_tree_of_the_daemons_own_is_neither_read_nor_written_to() {
    let ground = Ground::new();
    let outside = ground.folder.join("outside");
    let lay: [Lay<'_>; 3] = [
        ("link", &|place| symlink(&outside, place).expect("linked")),
        ("second", &|place| fs::hard_link(&outside, place).expect("linked")),
        ("folder", &|place| fs::create_dir(place).expect("made")),
    ];
    let bytes = bytes(LEN, 58);
    lay.iter().for_each(|(name, _)| ground.upload(name, &bytes));
    std::thread::sleep(SETTLED);
    for (name, lay) in lay {
        let (place, good) = (ground.tree(name), fs::read(ground.tree(name)).expect("a tree"));
        let put_there = || {
            fs::remove_file(&place).expect("removed");
            lay(&place);
        };
        fs::write(&outside, &good).expect("written");
        put_there();
        assert!(!ground.serves(name, &bytes), "{name}");
        // A folder stays in the way.
        assert_eq!(ground.serves(name, &bytes), name != "folder", "{name}");
        if name != "folder" {
            put_there();
        }
        ground.home.rename(&path(&format!("/{name}")), &path("/moved"), false).expect("renamed");
        assert!(fs::read(&outside).expect("there") == good, "{name}: what is outside was written to");
        assert!(!ground.serves("moved", &bytes), "{name}");
        ground.home.rm(&path("/moved")).expect("removed");
        assert!(
            fs::read(&outside).expect("there") == good && (!place.exists() || name == "folder"),
            "{name}"
        );
    }
}

#[test]
fn a_file_that_was_put_there_by_other_means_has_a_tree_when_it_was_read_through() {
    let ground = Ground::new();
    // More than one window of values, and a bit.
    let bytes = bytes(129 * CHUNK + 9, 54);
    fs::write(ground.at("file"), &bytes).expect("written");
    assert!(!ground.serves("file", &bytes), "there is none");
    assert!(!ground.serves("file", &bytes), "it may be changed again under the same time");
    std::thread::sleep(SETTLED);
    let Read { source, .. } = *ground.ask("file", 0, false, Wish::Use).expect("opened");
    let begun = source.read(vec![Vec::new(); 125]).expect("read");
    assert_eq!((ground.trees(), ground.tree("file").exists()), (1, false));
    drop(begun);
    assert_eq!(ground.trees(), 0, "what is begun and not ended is dropped");
    let two = [ground.ask("file", 0, false, Wish::Use), ground.ask("file", 0, false, Wish::Use)];
    for read in two {
        assert!(rest(*read.expect("opened")).expect("read").0 == chunks(&bytes, 0, bytes.len()));
    }
    assert!(ground.serves("file", &bytes));
    assert_eq!(ground.trees(), 1);

    // Changed in place, with all times as they were but the one that cannot be set.
    let facts = fs::metadata(ground.at("file")).expect("there");
    let mut changed = bytes.clone();
    changed[5] ^= 1;
    let file = fs::File::options().write(true).open(ground.at("file")).expect("there");
    file.write_all_at(&changed[5..6], 5).expect("written");
    file.set_modified(facts.modified().expect("a time")).expect("set");
    drop(file);
    assert!(!ground.serves("file", &changed), "the tree is of what was there before");
    std::thread::sleep(SETTLED);
    assert!(!ground.serves("file", &changed) && ground.serves("file", &changed));
    assert_eq!(ground.trees(), 1);
}

#[test]
fn a_tree_goes_where_its_file_goes() {
    let ground = Ground::new();
    let all: Vec<_> = (0..3).map(|n| bytes(LEN + n, 55)).collect();
    for name in ["a", "b", "c"].iter().zip(&all) {
        ground.upload(name.0, name.1);
    }
    ground.upload("small", &all[0][..CHUNK]);
    ground.upload("empty", &[]);
    assert_eq!(ground.trees(), 3, "what is one chunk has none");
    ground.home.mkdir(&path("/d")).expect("made");
    ground.home.rename(&path("/a"), &path("/d/a"), false).expect("renamed");
    assert!(ground.serves("d/a", &all[0]));
    ground.home.rename(&path("/d"), &path("/e"), false).expect("renamed");
    assert!(ground.serves("e/a", &all[0]));
    ground.home.rename(&path("/e/a"), &path("/b"), true).expect("replaced");
    assert!(ground.serves("b", &all[0]));
    assert_eq!(ground.trees(), 2);
    ground.upload("b", &all[2]);
    assert!(ground.serves("b", &all[2]));
    assert_eq!(ground.trees(), 2);
    ground.upload("b", b"one chunk");
    assert_eq!(ground.trees(), 1);
    ground.home.rm(&path("/c")).expect("removed");
    assert_eq!(ground.trees(), 0);
}

#[test]
fn a_file_that_is_renamed_while_it_is_read_comes_whole() {
    let ground = Ground::new();
    let (one, other) = (bytes(LEN, 56), bytes(LEN, 57));
    ground.upload("a", &one);
    let begun = || *ground.ask("a", 0, false, Wish::Use).expect("begun");
    let read = begun();
    ground.home.mkdir(&path("/d")).expect("made");
    ground.home.rename(&path("/a"), &path("/d/b"), false).expect("renamed");
    ground.home.rename(&path("/d/b"), &path("/a"), false).expect("renamed");
    let (chunks, source) = rest(read).expect("the same bytes");
    assert!(data(&chunks) == one && source.end().root == root(&one));
    // What is written to it meanwhile is a change, also when it is renamed.
    let read = begun();
    let file = fs::File::options().write(true).open(ground.at("a")).expect("there");
    file.write_all_at(&other, 0).expect("written");
    ground.home.rename(&path("/a"), &path("/b"), false).expect("renamed");
    assert_eq!(refused(rest(read)), Code::Changed);
    // Also where its time says nothing of that.
    ground.upload("a", &one);
    let read = begun();
    let file = fs::File::options().write(true).open(ground.at("a")).expect("there");
    let times = file.metadata().expect("there").modified().expect("a time");
    file.write_all_at(&other, 0).expect("written");
    file.set_modified(times).expect("set");
    assert_eq!(refused(rest(read)), Code::Changed);
}

#[test]
fn a_survey_drops_the_trees_of_nothing_and_counts_none() {
    let ground = Ground::new();
    let bytes = bytes(LEN, 56);
    for name in ["kept", "gone", "cut"] {
        ground.upload(name, &bytes);
    }
    let trees = ground.folder.join("trees");
    fs::remove_file(ground.at("gone")).expect("removed");
    fs::write(ground.at("cut"), "short").expect("written");
    for name in ["0000000000000001.new", "1", "x", "00000000000000FF"] {
        fs::write(trees.join(name), "left").expect("written");
    }
    fs::create_dir(trees.join("dir")).expect("made");
    let survey = ground.home.survey().expect("counted");
    assert_eq!((survey.bytes, survey.entries, survey.files), (LEN as u64 + 5, 2, 2));
    let left: Vec<_> =
        fs::read_dir(&trees).expect("readable").map(|entry| entry.expect("there").path()).collect();
    assert!(
        left.len() == 2 && left.contains(&ground.tree("kept")) && left.contains(&trees.join("dir")),
        "{left:?}"
    );
    assert!(ground.serves("kept", &bytes));
}

#[test]
fn a_home_without_a_folder_for_trees_works_as_one_with_it() {
    let dir = TempDir::new().expect("a folder");
    fs::create_dir_all(dir.path().join("ada")).expect("made");
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).expect("made");
    symlink(&outside, dir.path().join("ada/trees")).expect("linked");
    let ground = Ground::below(dir.path());
    let bytes = bytes(LEN, 57);
    ground.upload("file", &bytes);
    assert_eq!(ground.leftovers(), 0);
    assert!(!ground.serves("file", &bytes));
    assert_eq!(ground.home.survey().expect("counted").bytes, LEN as u64);
    ground.home.rm(&path("/file")).expect("removed");
    assert_eq!(fs::read_dir(&outside).expect("readable").count(), 0, "a link was followed");
}

#[test]
fn the_values_of_a_very_large_file_are_proven_piece_by_piece() {
    let ground = Ground::new();
    let count = 2 * crate::limits::PROOF_SLICE + 3;
    let size = count * CHUNK as u64 - 5;
    fs::File::create(ground.at("file")).and_then(|file| file.set_len(size)).expect("a hole");
    let (mut merged, mut values, mut prefix) = (Tree::new(), Vec::new(), None);
    let offset = crate::limits::PROOF_SLICE + 7;
    for number in 0..count {
        let value = Value(*blake3::hash(&number.to_le_bytes()).as_bytes());
        merged.push(value);
        values.extend_from_slice(&value.0);
        prefix = prefix.or_else(|| (number + 1 == offset).then(|| merged.prefix()));
    }
    let seal = [b"ftpdtr1\n", &[0; 16][..], &size.to_be_bytes(), &merged.root().0, &[0; 32]].concat();
    let tree = [values, seal].concat();
    let good = sealed_as(&tree, ground.etag("file"));
    fs::write(ground.tree("file"), &good).expect("written");
    let sum = |ground: &Ground| {
        Source::open_sum(&ground.home, &path("/file"), false, Wish::Use, &Alone).expect("opened")
    };
    let first = sum(&ground);
    assert!(first.source.is_hashing(), "a job is short");
    let second = first.source.hash_slice(&Alone).expect("proven");
    assert!(second.source.is_hashing());
    let third = second.source.hash_slice(&Alone).expect("proven").source;
    assert_eq!((third.is_hashing(), third.is_done(), third.end().root), (false, true, merged.root()));
    let at = usize::try_from(offset).expect("small") * CHUNK;
    let mut read = ground.ask("file", at, false, Wish::Use).expect("opened");
    while read.source.is_hashing() {
        read = read.source.hash_slice(&Alone).expect("proven");
    }
    assert_eq!(Some(read.source.prefix()), prefix);

    // The last value is wrong: that is seen before anything is said, and hashing begins.
    let mut bad = good.clone();
    bad[tree.len() - SEAL - 1] ^= 1;
    fs::write(ground.tree("file"), &bad).expect("written");
    let unsound = sum(&ground)
        .source
        .hash_slice(&Alone)
        .and_then(|read| read.source.hash_slice(&Alone))
        .expect("proven");
    assert!(unsound.source.is_hashing() && !unsound.source.is_kept());

    // It is cut while it is open, where a piece ends.
    fs::write(ground.tree("file"), &good).expect("written");
    let first = sum(&ground);
    let cut = fs::File::options().write(true).open(ground.tree("file")).expect("there");
    cut.set_len(crate::limits::PROOF_SLICE * VALUE as u64).expect("cut");
    let second = first.source.hash_slice(&Alone).expect("it goes on");
    assert!(second.source.is_hashing() && !second.source.is_kept());
}

#[test]
fn nobody_gets_a_tree_who_was_changed_or_removed_before_it_was_sealed() {
    let ground = Ground::new();
    let bytes = bytes(LEN, 59);
    let in_place = |name: &str| {
        let (part, values) = (format!("{name}.part"), format!("{name}.cv"));
        let make = |name: &str| ground.home.open_part(name, true).expect("made").expect("there");
        let (file, cv) = (make(&part), make(&values));
        file.write_all_at(&bytes, 0).expect("written");
        file.set_mtime(MTIME).expect("set");
        let (_, synced) = ground.home.publish(&part, &path(&format!("/{name}"))).expect("in place");
        synced.expect("durable");
        (file, cv)
    };
    let keeps = |name: &str, file: &dyn OpenFile, cv: &dyn OpenFile| {
        let taken = Taken { file: cv, end: 0, root: root(&bytes) };
        ground.home.keep_uploaded_tree(&taken, &format!("{name}.cv"), file, MTIME)
    };
    let (file, cv) = in_place("sound");
    assert!(keeps("sound", &*file, &*cv));
    let (file, cv) = in_place("changed");
    fs::File::options()
        .write(true)
        .open(ground.at("changed"))
        .expect("there")
        .write_all_at(b"x", 7)
        .expect("written");
    assert!(!keeps("changed", &*file, &*cv));
    let (file, cv) = in_place("removed");
    ground.home.rm(&path("/removed")).expect("removed");
    assert!(!keeps("removed", &*file, &*cv));
    assert_eq!(ground.trees(), 1);

    // The same for one that is made of what is read.
    for name in ["changed", "sound"] {
        fs::write(ground.at(name), &bytes).expect("written");
    }
    std::thread::sleep(SETTLED);
    let part_of = |name| ground.ask(name, 0, false, Wish::Use).expect("opened").source;
    let (changed, removed) = (part_of("changed"), part_of("sound"));
    fs::File::options()
        .write(true)
        .open(ground.at("changed"))
        .expect("there")
        .write_all_at(b"x", 7)
        .expect("written");
    assert_eq!(refused(changed.read(vec![Vec::new(); 9])), Code::Changed);
    ground.home.rm(&path("/sound")).expect("removed");
    assert!(removed.read(vec![Vec::new(); 9]).expect("read").source.is_done());
    assert_eq!(ground.trees(), 0);
}
