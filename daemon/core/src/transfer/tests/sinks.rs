use super::*;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};

/// One file alone.
fn store(home: &Home, put: &Put, chunk: Option<&Chunk>, end: &PutEnd) -> Result<Published, PutFailed> {
    let small = Small { put: put.clone(), chunk: chunk.cloned(), end: end.clone(), leftover: true };
    super::store(home, &[small]).remove(0)
}

#[test]
fn a_whole_upload_is_the_file_that_was_sent() {
    let ground = Ground::new();
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7] {
        let bytes = bytes(size, 1);
        let at = format!("/file{size}");
        let published = ground.complete(&put(&at, size), &bytes);
        let stored = &published.stored;
        assert_eq!((stored.size, stored.mtime, stored.root), (size as u64, MTIME, root(&bytes)));
        assert_eq!(stored.md5, Some(md5(&bytes)));
        assert_eq!((published.replaced, published.unsynced.is_none()), (None, true));
        let entry = ground.home.stat(&path(&at)).expect("there");
        assert_eq!((entry.etag, entry.mtime), (Some(stored.etag), MTIME));
        assert_eq!(ground.leftovers(), 0);
    }
    let before_1970 = Put { mtime: -86_400, md5: false, ..put("/old", 1) };
    let published = send(ground.open(&before_1970, b"x"), b"x", 1).finish(&end(b"x")).expect("in place");
    assert_eq!((published.stored.mtime, published.stored.md5), (-86_400, None));
    assert_eq!(fs::metadata(ground.at("old")).expect("there").mtime(), -86_400);
}

#[test]
fn a_bad_chunk_is_refused_and_those_before_it_are_kept() {
    let size = 5 * CHUNK + 100;
    let bytes = bytes(size, 2);
    let flipped = |bit: usize| {
        let mut data = bytes[2 * CHUNK..3 * CHUNK].to_vec();
        data[bit / 8] ^= 1 << (bit % 8);
        sealed(&data, value(&bytes, 2 * CHUNK))
    };
    let third = &bytes[2 * CHUNK..3 * CHUNK];
    let mut wrong = value(&bytes, 2 * CHUNK);
    wrong.0[31] ^= 0x80;
    let bad = [
        ("a flipped bit at the front", flipped(0)),
        ("a flipped bit in the middle", flipped(CHUNK * 4 + 3)),
        ("a flipped bit at the end", flipped(CHUNK * 8 - 1)),
        ("a wrong value", sealed(third, wrong)),
        ("a right chunk of another offset", sealed(&bytes[..CHUNK], value(&bytes, 0))),
        ("a chunk left out", sealed(&bytes[3 * CHUNK..4 * CHUNK], value(&bytes, 3 * CHUNK))),
        (
            "the bytes of another offset, sealed for this one",
            sealed(third, tree::value(size as u64, 0, third)),
        ),
        ("a short chunk", sealed(&third[..100], tree::value(size as u64, 2 * CHUNK as u64, &third[..100]))),
        ("the value of a file of one chunk", sealed(third, Value(*blake3::hash(third).as_bytes()))),
    ];
    for (what, bad) in bad {
        let ground = Ground::new();
        let put = put("/file", size);
        let sink = ground.open(&put, &bytes);
        let mut batch = chunks(&bytes, 0, 2 * CHUNK);
        batch.push(bad);
        batch.extend(chunks(&bytes, 3 * CHUNK, 4 * CHUNK));
        let appended = sink.append(batch);
        assert_eq!(appended.buffers.len(), 4, "{what}");
        assert_eq!(failed(appended.sink), (Code::DigestMismatch, 2 * CHUNK as u64), "{what}");
        assert_eq!(ground.open(&put, &bytes).offset(), 2 * CHUNK as u64, "{what}");
        ground.complete(&put, &bytes);
    }
}

#[test]
fn no_chunk_fits_past_the_end() {
    let ground = Ground::new();
    for size in [0, 100, CHUNK, CHUNK + 100] {
        let bytes = bytes(size, 3);
        let put = put("/file", size);
        let whole = send(ground.open(&put, &bytes), &bytes, size);
        let extra = whole.append(vec![sealed(b"more", Value(*blake3::hash(b"more").as_bytes()))]);
        assert_eq!(failed(extra.sink), (Code::DigestMismatch, size as u64));
        // The last chunk with more than its place.
        let at = size.saturating_sub(1) / CHUNK * CHUNK;
        let mut data = bytes[at..].to_vec();
        data.push(0);
        if data.len() <= CHUNK {
            let again = Put { restart: true, ..put.clone() };
            let sink = send(ground.open(&again, &bytes), &bytes, at);
            let long = sealed(&data, tree::value(size as u64, at as u64, &data));
            assert_eq!(failed(sink.append(vec![long]).sink), (Code::DigestMismatch, at as u64));
        }
        ground.complete(&put, &bytes);
    }
}

#[test]
fn a_wrong_hash_at_the_end_drops_the_part_and_touches_nothing_else() {
    let bytes = bytes(2 * CHUNK + 1, 4);
    let good = end(&bytes);
    let ends = [
        PutEnd { root: Root([7; 32]), ..good },
        PutEnd { md5: Some(Md5Sum([7; 16])), ..good },
        PutEnd { md5: None, ..good },
    ];
    for bad in ends {
        let ground = Ground::new();
        fs::write(ground.at("file"), "before").expect("written");
        let put = put("/file", bytes.len());
        let sink = send(ground.open(&put, &bytes), &bytes, bytes.len());
        assert_eq!(failed(sink.finish(&bad)), (Code::DigestMismatch, 0), "{bad:?}");
        assert_eq!(ground.leftovers(), 0);
        assert_eq!(fs::read(ground.at("file")).expect("there"), b"before");
        assert_eq!(ground.open(&put, &bytes).offset(), 0);
    }
    let ground = Ground::new();
    let unasked = Put { md5: false, ..put("/file", bytes.len()) };
    let sink = send(ground.open(&unasked, &bytes), &bytes, bytes.len());
    sink.finish(&PutEnd { md5: None, ..good }).expect("no MD5 was announced");
}

#[test]
fn an_end_that_comes_early_keeps_the_part() {
    let ground = Ground::new();
    let bytes = bytes(2 * CHUNK + 1, 5);
    let put = put("/file", bytes.len());
    for have in [0, CHUNK, 2 * CHUNK] {
        let sink = send(ground.open(&put, &bytes), &bytes, have);
        assert_eq!(failed(sink.finish(&end(&bytes))), (Code::BadRequest, have as u64));
        assert!(!ground.at("file").exists());
    }
    ground.complete(&put, &bytes);
}

#[test]
fn a_file_is_replaced_at_the_end_and_in_one_step() {
    let ground = Ground::new();
    let bytes = bytes(CHUNK + 1, 6);
    let put = put("/file", bytes.len());
    fs::write(ground.at("file"), "before").expect("written");
    let (reader, _) = ground.home.open_read(&path("/file")).expect("there");
    let sink = send(ground.open(&put, &bytes), &bytes, bytes.len());
    assert_eq!(fs::read(ground.at("file")).expect("there"), b"before", "nothing shows before the end");
    assert_eq!(sink.finish(&end(&bytes)).expect("in place").replaced, Some(6));
    let mut before = [0; 6];
    reader.read_exact_at(&mut before, 0).expect("the old version is whole for who has it open");
    assert_eq!(&before, b"before");
    assert_eq!(ground.complete(&put, &bytes).replaced, Some(CHUNK as u64 + 1));
    fs::remove_file(ground.at("file")).expect("removed");
    assert_eq!(ground.complete(&put, &bytes).replaced, None);
}

#[test]
fn a_small_file_is_stored_at_once() {
    let ground = Ground::new();
    let mut replaced = None;
    for size in [0, 1, CHUNK, 1, 0] {
        let bytes = bytes(size, 7);
        let put = Put { eager: true, ..put("/file", size) };
        let chunk = chunks(&bytes, 0, size).pop();
        let published = store(&ground.home, &put, chunk.as_ref(), &end(&bytes)).expect("in place");
        assert_eq!(published.replaced, replaced);
        replaced = Some(size as u64);
        let entry = ground.home.stat(&path("/file")).expect("there");
        assert_eq!((entry.etag, entry.mtime), (Some(published.stored.etag), MTIME));
        assert_eq!((published.stored.root, published.stored.md5), (root(&bytes), Some(md5(&bytes))));
        assert_eq!(fs::read(ground.at("file")).expect("there"), bytes);
        assert_eq!(ground.leftovers(), 0);
    }
}

#[test]
fn a_small_file_that_is_not_as_announced_changes_nothing() {
    let ground = Ground::new();
    fs::write(ground.at("file"), "before").expect("written");
    let bytes = bytes(100, 8);
    let chunk = chunks(&bytes, 0, 100).remove(0);
    let mut flipped = chunk.clone();
    flipped.data_mut()[99] ^= 1;
    let short = sealed(&bytes[..99], Value(*blake3::hash(&bytes[..99]).as_bytes()));
    let good = || end(&bytes);
    let refused = [
        (100, Some(&flipped), good(), Code::DigestMismatch),
        (100, Some(&short), good(), Code::DigestMismatch),
        (99, Some(&chunk), good(), Code::DigestMismatch),
        (0, Some(&chunk), good(), Code::DigestMismatch),
        (100, None, good(), Code::BadRequest),
        (100, None, end(b""), Code::BadRequest),
        (0, None, good(), Code::DigestMismatch),
        (100, Some(&chunk), PutEnd { root: Root([1; 32]), ..good() }, Code::DigestMismatch),
        (100, Some(&chunk), PutEnd { md5: None, ..good() }, Code::BadRequest),
        (100, Some(&chunk), PutEnd { md5: Some(md5(b"")), ..good() }, Code::DigestMismatch),
    ];
    for (size, chunk, end, want) in refused {
        let announced = Put { eager: true, ..put("/file", size) };
        let large = super::bytes(CHUNK + 1, 9);
        ground.leave(&put("/file", CHUNK + 1), &large, CHUNK);
        assert_eq!(failed(store(&ground.home, &announced, chunk, &end)), (want, 0));
        assert_eq!(ground.leftovers(), 0, "none of an earlier attempt either");
        assert_eq!(fs::read(ground.at("file")).expect("there"), b"before");
    }
    let eager = Put { eager: true, ..put("/none/file", 100) };
    assert_eq!(failed(store(&ground.home, &eager, Some(&chunk), &good())), (Code::NotFound, 0));
    let (eager, large) = (Put { eager: true, ..put("/file", 100) }, super::bytes(CHUNK + 1, 9));
    ground.leave(&put("/file", CHUNK + 1), &large, CHUNK);
    assert_eq!(store(&ground.home, &eager, Some(&chunk), &good()).expect("in place").replaced, Some(6));
    assert_eq!(ground.leftovers(), 0, "an eager put leaves no part of an earlier attempt");
}

#[test]
fn a_folder_that_goes_meanwhile_costs_no_byte_that_was_sent() {
    let ground = Ground::new();
    let bytes = bytes(CHUNK + 5, 10);
    let put = put("/d/file", bytes.len());
    ground.home.mkdir(&path("/d")).expect("made");
    let sink = send(ground.open(&put, &bytes), &bytes, bytes.len());
    ground.home.rmdir(&path("/d")).expect("empty: a part is elsewhere");
    assert_eq!(failed(sink.finish(&end(&bytes))), (Code::NotFound, bytes.len() as u64));
    assert_eq!(
        failed(Sink::open(Arc::clone(&ground.home), put.clone())),
        (Code::NotFound, bytes.len() as u64)
    );
    // The part is of today, though the file is of 2001: a restart keeps it.
    let again = Ground::below(ground.folder.parent().expect("a folder"));
    assert_eq!(again.home.parts().expect("listed").len(), 1);
    again.home.mkdir(&path("/d")).expect("made");
    assert_eq!(again.open(&put, &bytes).offset(), bytes.len() as u64);
    assert_eq!(again.complete(&put, &bytes).stored.mtime, MTIME);
    assert_eq!(again.leftovers(), 0);
}

#[test]
fn a_target_that_cannot_be_a_file_is_refused_before_and_at_the_end() {
    let ground = Ground::new();
    let bytes = bytes(CHUNK + 5, 11);
    let put = put("/target", bytes.len());
    let target = ground.at("target");
    fs::write(ground.at("other"), "other").expect("written");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let fifo = rustix::fs::FileType::Fifo;
    let in_the_way: [(&str, &dyn Fn(), Code); 5] = [
        ("a directory", &|| fs::create_dir(&target).expect("made"), Code::IsADirectory),
        ("a link", &|| symlink(ground.at("other"), &target).expect("made"), Code::NameRefused),
        ("a dangling link", &|| symlink("nowhere", &target).expect("made"), Code::NameRefused),
        (
            "a FIFO",
            &|| rustix::fs::mknodat(rustix::fs::CWD, &target, fifo, mode, 0).expect("made"),
            Code::NameRefused,
        ),
        (
            "a file of two names",
            &|| fs::hard_link(ground.at("other"), &target).expect("made"),
            Code::NameRefused,
        ),
    ];
    for (what, make, want) in in_the_way {
        let sink = send(ground.open(&put, &bytes), &bytes, bytes.len());
        make();
        assert_eq!(failed(sink.finish(&end(&bytes))), (want, bytes.len() as u64), "{what}");
        assert_eq!(failed(Sink::open(Arc::clone(&ground.home), put.clone())).0, want, "{what}");
        let eager = Put { eager: true, size: 0, ..put.clone() };
        assert_eq!(failed(store(&ground.home, &eager, None, &end(b""))), (want, 0), "{what}");
        assert_eq!(failed(Sink::open(Arc::clone(&ground.home), put.clone())), (want, 0), "{what}");
        assert_eq!(ground.leftovers(), 0, "{what}: a refusal makes no part");
        assert_eq!(fs::read(ground.at("other")).expect("there"), b"other", "{what}");
        if target.is_dir() { fs::remove_dir(&target) } else { fs::remove_file(&target) }.expect("removed");
    }
    let root = Put { path: VirtualPath::root(), ..put };
    assert_eq!(failed(Sink::open(Arc::clone(&ground.home), root)), (Code::IsADirectory, 0));
}

#[test]
fn a_full_disk_costs_half_a_chunk_and_no_more() {
    let disk = TempDir::new().expect("a folder");
    let Some(_mounted) = Tmpfs::mount(disk.path(), 4 << 20) else { return };
    let ground = Ground::below(disk.path());
    let bytes = bytes(6 * CHUNK + 9, 12);
    let put = put("/file", bytes.len());
    let filler = disk.path().join("filler");
    // Room for two chunks and a half, some way into a batch.
    fs::write(&filler, vec![1; (4 << 20) - 2 * CHUNK - CHUNK / 2 - 64 * 1024]).expect("it fits");
    let sink = ground.open(&put, &bytes);
    let appended = sink.append(chunks(&bytes, 0, BATCH * CHUNK));
    let failure = appended.sink.expect_err("it does not fit");
    assert_eq!((code(&failure.fault), failure.left), (Code::NoSpace, Some(2 * CHUNK as u64)));
    assert_eq!(fs::metadata(ground.part("/file")).expect("kept").len(), 2 * CHUNK as u64);
    let eager = Put { eager: true, ..super::put("/eager", CHUNK) };
    let chunk = chunks(&bytes[..CHUNK], 0, CHUNK).remove(0);
    let stored = store(&ground.home, &eager, Some(&chunk), &end(&bytes[..CHUNK]));
    assert_eq!(failed(stored), (Code::NoSpace, 0));
    assert!(!ground.at("eager").exists());
    assert_eq!(ground.leftovers(), 2, "only the first upload's");
    // Not a byte is free: an upload cannot even begin, and says so.
    let free = fs::File::create(disk.path().join("rest")).expect("made");
    let mut at = 0;
    while free.write_at(&[1; 4096], at).is_ok() {
        at += 4096;
    }
    assert_eq!(failed(Sink::open(Arc::clone(&ground.home), super::put("/new", CHUNK))), (Code::NoSpace, 0));
    assert_eq!(
        failed(ground.open(&put, &bytes).append(chunks(&bytes, 2 * CHUNK, 3 * CHUNK)).sink).1,
        2 * CHUNK as u64
    );
    fs::remove_file(disk.path().join("rest")).expect("removed");
    fs::remove_file(filler).expect("removed");
    assert_eq!(ground.open(&put, &bytes).offset(), 2 * CHUNK as u64);
    ground.complete(&put, &bytes);
}
