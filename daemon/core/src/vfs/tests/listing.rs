use super::*;
use rustix::fs::{Timespec, Timestamps};
use std::ffi::OsStr;
use std::fs::File;

#[test]
fn names_that_no_request_could_say_are_counted_but_not_listed() {
    let ground = Ground::new();
    let long = "é".repeat(127);
    let listed = ["plain", "two words", "…", ".hidden", "...", "back\\slash", "\u{202e}turned", &long];
    for name in listed {
        ground.write(name, "x");
    }
    let odd: [&[u8]; 7] =
        [b"new\nline", b"bell\x07", b"\x1b[2J", b"del\x7f", b"\xff\xfe", b"half\xc3", "c1\u{85}".as_bytes()];
    for name in odd {
        fs::write(ground.at("").join(OsStr::from_bytes(name)), "x").expect("written");
    }
    let mut want = listed.map(str::to_owned);
    want.sort();
    assert_eq!(names(&ground.home, "/"), want);
    let survey = ground.home.survey().expect("counted");
    assert_eq!((survey.files, survey.entries, survey.bytes), (15, 15, 15));
    for name in listed {
        assert_eq!(ground.read(&format!("/{name}")).expect("every listed name can be asked for"), "x");
    }
}

#[test]
fn a_long_listing_comes_whole_in_pages_that_fit() {
    let ground = Ground::new();
    let mut want = Vec::new();
    for index in 0..2 * PAGE_ENTRIES + 5 {
        // A quotation mark takes two bytes in JSON, so these do not fit 256 to a page.
        let name = format!("{index:03}{}", "\"".repeat(if index % 2 == 0 { 250 } else { 0 }));
        ground.write(&name, "");
        want.push(name);
    }
    want.sort();
    assert_eq!(names(&ground.home, "/"), want);
    let (page, more) = ground.home.list(&path("/")).expect("there").page().expect("read");
    assert!(page.entries.len() < PAGE_ENTRIES && more.is_some(), "the bytes bound it");
    assert_eq!(code(ground.home.list(&path("/000"))), Some(Code::NotFound));
    assert_eq!(code(ground.home.list(&path("/001"))), Some(Code::NotADirectory));
    ground.mkdir("empty");
    assert_eq!(names(&ground.home, "/empty"), [""; 0]);
}

#[test]
fn an_etag_names_one_version() {
    let ground = Ground::new();
    ground.write("file", "one");
    let same_time = |seconds| {
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let file = File::open(ground.at("file")).expect("there");
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::futimens(&file, &times).expect("set");
    };
    same_time(1_000_000_000);
    let mut seen = vec![ground.etag("/file")];
    assert_eq!(ground.etag("/file"), seen[0], "looking does not change it");
    ground.read("/file").expect("there");
    assert_eq!(ground.etag("/file"), seen[0], "reading does not change it");
    let mut next = |what: &str, change: &dyn Fn()| {
        std::thread::sleep(TICK);
        change();
        let etag = ground.etag("/file");
        assert!(!seen.contains(&etag), "{what}");
        seen.push(etag);
    };
    next("changed in place, with the same size and the old time set again", &|| {
        ground.write("file", "two");
        same_time(1_000_000_000);
    });
    next("another time", &|| same_time(1_000_000_001));
    next("longer", &|| {
        ground.write("file", "four");
        same_time(1_000_000_001);
    });
    next("replaced by a file like it", &|| {
        ground.write("copy", "four");
        fs::rename(ground.at("copy"), ground.at("file")).expect("renamed");
        same_time(1_000_000_001);
    });
}
