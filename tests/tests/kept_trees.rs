//! What is kept of an upload: damage on the server's disk is told and not passed on, and nothing that happens to what was kept is in the way of a good file.

use ftp_proto::limits::CHUNK;
use ftp_proto::{Tree, tree};
use ftp_tests::evil::{Evil, Hand, Then, entry};
use ftp_tests::faulty::{Control, Effect, Op, Rule, Which};
use ftp_tests::ground::{Ground, scratch};
use ftp_tests::rot::{rot, tree_of};
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Site, eventually};
use ftp_tests::wire::Wire;
use rustix::io::Errno;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

const LEN: usize = 9 * CHUNK + 1234;
const ETAG: &str = "0123456789abcdef0123456789abcdef";

/// A site where alice has a file, and a session of hers.
struct Place {
    site: Site,
    daemon: Daemon,
    wire: Wire,
    folder: PathBuf,
}

impl Place {
    fn new() -> Self {
        let site = Site::new();
        site.user("alice", "64M");
        let daemon = site.start();
        let mut wire = Wire::open(daemon.port, &site.path("certs/ca.pem")).expect("served");
        let answer = wire.login("alice", "password of alice").expect("an answer");
        assert!(answer.get("ok").is_some(), "{answer}");
        let folder = site.path("var/users/alice");
        let mut place = Self { site, daemon, wire, folder };
        place.put(1);
        place
    }

    fn bytes(seed: u64) -> Vec<u8> {
        sample::bytes(seed, LEN)
    }

    /// Uploads a file of this seed.
    fn put(&mut self, seed: u64) {
        self.put_as("/file", &Self::bytes(seed));
    }

    fn put_as(&mut self, path: &str, bytes: &[u8]) {
        let put = self.wire.put(path, bytes).expect("an answer");
        assert!(put.answer.get("ok").is_some(), "{put:?}");
    }

    fn says(&self, commands: &str, code: i32) -> String {
        let ran = self.site.script(self.daemon.port, "alice", commands).expect(code);
        format!("{}{}", ran.out, ran.err)
    }

    /// The file arrives as it is.
    fn arrives(&mut self, seed: u64) {
        let (answer, bytes) = self.wire.get("/file").expect("an answer");
        let root = blake3::hash(&Self::bytes(seed)).to_hex();
        assert!(bytes == Self::bytes(seed) && answer["ok"]["root"] == root.as_str(), "{answer}");
    }

    fn sum(&mut self, kept: &str) -> Value {
        self.wire.ask(json!({"op": "sum", "path": "/file", "kept": kept})).expect("an answer")
    }
}

#[test]
fn a_file_that_was_damaged_on_the_disk_is_refused_with_a_clear_word() {
    let mut place = Place::new();
    place.arrives(1);
    let bad = 5 * CHUNK + 99;
    rot(&mut place.wire, &place.folder, "file", bad);
    let sum = place.sum("use");
    assert_eq!(sum["ok"]["root"], blake3::hash(&Place::bytes(1)).to_hex().as_str());
    assert_eq!(sum["ok"]["kept"], true, "nothing was read, and nobody knows");
    // Also who asks a second time.
    for commands in ["md5 file", "md5 file", "get file md5", "get file"] {
        let said = place.says(commands, 9);
        assert!(said.contains("damaged on the server's disk since it was uploaded"), "{commands}: {said}");
        assert!(
            said.contains(&(5 * CHUNK).to_string()) && said.contains("upload it again"),
            "{commands}: {said}"
        );
        assert!(!place.site.work().join("file").exists(), "{commands}");
    }
    // What came before is kept, and what is behind can be had by whoever knows.
    assert_eq!(fs::metadata(place.site.work().join("file.part")).expect("there").len(), 5 * CHUNK as u64);
    let log = || fs::read_to_string(place.site.path("var/log/operate.log")).expect("a log");
    eventually("the operation is logged", || log().contains("result=damaged"));
    place.daemon.wait_for("/file was damaged on the disk since it was uploaded");
    let (answer, bytes) = place.wire.get("/file").expect("an answer");
    assert!(
        answer.get("ok").is_some() && bytes != Place::bytes(1),
        "who does not compare gets what there is"
    );
    let now = blake3::hash(&bytes).to_hex();
    assert_eq!(place.sum("ignore")["ok"]["root"], now.as_str());
    assert_eq!(place.sum("check")["error"]["code"], "damaged");
    assert_eq!(place.sum("use")["ok"]["root"], now.as_str(), "what is known is not said to be as it was");

    // The same file once more, and all is well.
    fs::create_dir(place.site.path("up")).expect("made");
    fs::write(place.site.path("up/file"), Place::bytes(1)).expect("written");
    place.says("put ../up/file; get file", 0);
    assert!(fs::read(place.site.work().join("file")).expect("there") == Place::bytes(1));
}

#[test]
fn a_good_copy_takes_the_place_of_a_file_that_nobody_knows_to_be_damaged() {
    let mut place = Place::new();
    fs::create_dir(place.site.path("up")).expect("made");
    fs::write(place.site.path("up/file"), Place::bytes(1)).expect("written");
    assert!(place.says("put ../up/file", 0).contains("already on the server"));
    for command in ["put ../up/file", "put ../up/file md5"] {
        rot(&mut place.wire, &place.folder, "file", 5 * CHUNK + 99);
        let said = place.says(command, 0);
        assert!(!said.contains("already on the server"), "{said}");
        place.arrives(1);
    }
}

#[test]
fn the_administrator_finds_damage_beside_a_running_daemon() {
    let mut place = Place::new();
    let answer = place.wire.ask(json!({"op": "mkdir", "path": "/dir"})).expect("an answer");
    assert!(answer.get("ok").is_some(), "{answer}");
    place.put_as("/dir/other", &Place::bytes(2));
    place.put_as("/small", b"none are kept of me");
    let sound = place.site.admin(&["scrub"], "").expect(0);
    assert_eq!(
        sound.out,
        "alice: 2 files are as hashed before (4.5 MiB read); 1 without values to compare with\n"
    );
    let offset = 5 * CHUNK + 99;
    rot(&mut place.wire, &place.folder, "dir/other", offset);
    for user in [&["scrub"][..], &["scrub", "alice"]] {
        let found = place.site.admin(user, "").expect(1);
        let told = "DAMAGED     alice:/dir/other  differs from what was uploaded, at byte 1310720 or after\n\
                    alice: 1 file is as hashed before (2.2 MiB read), 1 file or directory is NOT; 1 without values to compare with\n";
        assert_eq!(found.out, told);
        assert!(found.err.contains("1 file or directory is not what was uploaded"), "{}", found.err);
    }
    place.put_as("/dir/other", &Place::bytes(3));
    // Values that are none any more, of a file that is old enough to have others made.
    let mut torn = fs::read(tree_of(&place.folder, "file")).expect("a tree");
    let value = torn.len() - 200;
    torn[value] ^= 1;
    fs::write(tree_of(&place.folder, "file"), torn).expect("written");
    std::thread::sleep(Duration::from_millis(3100));
    let trees = || {
        let names = fs::read_dir(place.folder.join("trees")).expect("a folder");
        let mut trees: Vec<_> = names.map(|entry| entry.expect("a name").path()).collect();
        trees.sort();
        trees.into_iter().map(|tree| (fs::read(&tree).expect("a tree"), tree)).collect::<Vec<_>>()
    };
    let before = trees();
    let sound = place.site.admin(&["scrub", "alice"], "").expect(0);
    assert_eq!(
        sound.out,
        "alice: 1 file is as hashed before (2.2 MiB read); 2 without values to compare with\n"
    );
    assert!(trees() == before, "nothing is made by somebody who may be root");
    place.site.admin(&["scrub", "bob"], "").expect(6);

    // What cannot be read hides nothing behind it: neither the rest of a home nor the next user.
    place.site.user("bob", "none");
    rot(&mut place.wire, &place.folder, "dir/other", offset);
    let home = place.folder.join("home");
    symlink(&home, home.join("link")).expect("made");
    fs::remove_dir_all(place.site.path("var/users/bob")).expect("removed");
    fs::create_dir(place.site.path("var/users/bob")).expect("made");
    fs::write(place.site.path("var/users/bob/home"), "no folder").expect("written");
    let found = place.site.admin(&["scrub"], "").expect(1);
    assert!(found.out.contains("DAMAGED     alice:/dir/other"), "{}", found.out);
    assert!(found.err.contains("cannot scrub what bob has"), "{}", found.err);
}

#[test]
fn nothing_that_happens_to_a_tree_or_to_its_file_by_other_means_is_in_the_way() {
    let mut place = Place::new();
    let folder = place.folder.clone();
    let tree = || tree_of(&folder, "file");
    let good = fs::read(tree()).expect("a tree");
    for len in [0, 50, good.len() - 1] {
        fs::write(tree(), &good[..len]).expect("written");
        place.arrives(1);
    }
    for at in [good.len() - 1, good.len() - 40, good.len() - 100] {
        let mut flipped = good.clone();
        flipped[at] ^= 4;
        fs::write(tree(), flipped).expect("written");
        place.arrives(1);
    }
    // The administrator has another file, by the same name or in its place.
    let home = folder.join("home");
    fs::write(home.join("new"), Place::bytes(2)).expect("written");
    fs::rename(home.join("new"), home.join("file")).expect("replaced");
    place.arrives(2);
    place.put(3);
    place.arrives(3);
    fs::write(home.join("file"), Place::bytes(4)).expect("written");
    place.arrives(4);
    // A foreign tree under the name.
    place.put(5);
    fs::write(tree(), &good).expect("written");
    place.arrives(5);
    // A rename keeps what was kept.
    place.put(6);
    place.says("mkdir d; mv file d/file; mv d e; mv e/file file", 0);
    assert_eq!(place.sum("use")["ok"]["kept"], true);
    fs::remove_dir_all(folder.join("trees")).expect("removed");
    assert_eq!(place.sum("use")["ok"]["root"], blake3::hash(&Place::bytes(6)).to_hex().as_str());
}

/// How many reads a request takes.
fn reads(control: &mut Control, wire: &mut Wire, request: Value) -> u64 {
    control.arm(&[Rule::at(Which::Only(Op::Read), u64::MAX, Effect::Short)]);
    let answer = wire.ask(request).expect("an answer");
    assert!(answer.get("ok").is_some(), "{answer}");
    control.count()[0]
}

#[test]
fn a_sum_and_the_proof_of_a_resumed_download_read_nothing_of_the_file() {
    let (site, data) = (Site::new(), scratch());
    let ground = Ground::new(&site, "kept", &data.path().join("var"));
    ground.reset(&[("alice", None)]);
    let (daemon, mut control) = ground.start_faulty();
    let mut wire = ground.login(&daemon, "alice");
    let bytes = sample::bytes(7, 40 * CHUNK);
    let answer = wire.put("/file", &bytes).expect("an answer").answer;
    let etag = answer["ok"]["etag"].clone();
    let sum = |kept: &str| json!({"op": "sum", "path": "/file", "kept": kept});
    // The seal, and the values.
    assert_eq!(reads(&mut control, &mut wire, sum("use")), 2);
    assert_eq!(reads(&mut control, &mut wire, sum("check")), 2 + 40);
    assert_eq!(reads(&mut control, &mut wire, sum("ignore")), 40);
    let get = json!({"op": "get", "path": "/file", "offset": 38 * CHUNK, "etag": etag});
    // The window of values begins anew where the download does.
    assert!(reads(&mut control, &mut wire, get) <= 3 + 2);
}

#[test]
fn a_tree_that_cannot_be_read_for_once_is_not_made_anew_from_bytes_that_nobody_compared() {
    let (site, data) = (Site::new(), scratch());
    let ground = Ground::new(&site, "kept", &data.path().join("var"));
    ground.reset(&[("alice", None)]);
    let (daemon, mut control) = ground.start_faulty();
    let mut wire = ground.login(&daemon, "alice");
    let put = wire.put("/file", &sample::bytes(9, 5 * CHUNK)).expect("an answer");
    assert!(put.answer.get("ok").is_some(), "{put:?}");
    rot(&mut wire, &ground.folder_of("alice"), "file", CHUNK);
    // Later it may be made anew where there is none.
    std::thread::sleep(Duration::from_millis(3100));
    // The tree is opened after the folder of the file and the file; the seal is read first, then the values.
    for (op, nth) in [(Op::Open, 3), (Op::Read, 1), (Op::Read, 2)] {
        control.arm(&[Rule::at(Which::Only(op), nth, Effect::Fail(Errno::IO.raw_os_error()))]);
        let sum = wire.ask(json!({"op": "sum", "path": "/file"})).expect("an answer");
        assert!(sum["ok"].is_object() && sum["ok"].get("kept").is_none(), "{op:?} {nth}: {sum}");
        assert!(control.count()[0] >= nth, "{op:?} {nth} was never met");
    }
    control.arm(&[]);
    let sum = wire.ask(json!({"op": "sum", "path": "/file", "kept": "check"})).expect("an answer");
    assert_eq!(sum["error"]["code"], "damaged");
}

/// A server whose disk or wire is at fault, with the file as it should be: one of 4 chunks with the second damaged, or a large one, which a thread writes,
/// with another one.
fn server(hand: &mut Hand) -> io::Result<Option<Then>> {
    let leaf = hand.leaf().to_owned();
    let (word, place) = leaf.split_once('-').unwrap_or((&leaf, ""));
    let (chunks, bad_at) = match place {
        "amid" => (40, 20 * CHUNK),
        "last" => (40, 39 * CHUNK),
        _ => (4, CHUNK),
    };
    let file = sample::bytes(8, chunks * CHUNK);
    match hand.op.as_str() {
        "stat" => {
            let mut entry = entry(&leaf, "file", file.len() as u64);
            entry["etag"] = json!(ETAG);
            return hand.ok(json!({"entry": entry})).map(Some);
        }
        "get" => {}
        _ => return Ok(None),
    }
    let is_check = hand.request["kept"] == "check";
    let offset = usize::try_from(hand.request["offset"].as_u64().unwrap_or(0)).expect("small");
    let mut prefix = Tree::new();
    for at in (0..offset).step_by(CHUNK) {
        prefix.push(tree::value(file.len() as u64, at as u64, &file[at..at + CHUNK]));
    }
    if is_check && (offset != bad_at || hand.request["etag"] != ETAG) {
        return hand.error("bad_request", "that was not what went wrong").map(Some);
    }
    if is_check && word == "damaged" {
        return hand.error("damaged", "it is the disk").map(Some);
    }
    let etag = if is_check && word == "another" { "ff".repeat(16) } else { ETAG.to_owned() };
    let kept = word != "unkept";
    let begin = json!({"size": file.len(), "mtime": 1, "etag": etag, "prefix": prefix.prefix().to_string(), "kept": kept});
    hand.reply(hand.id, "begin", begin)?;
    for at in (offset..file.len()).step_by(CHUNK) {
        if at == bad_at && (!is_check || word == "again") {
            let mut bad = file.clone();
            bad[at] ^= 1;
            let value = tree::value(file.len() as u64, at as u64, &file[at..at + CHUNK]);
            hand.raw(&ftp_tests::wire::frame(2, &[&value.0, &bad[at..at + CHUNK]].concat()))?;
        } else {
            hand.chunk(&file, at)?;
        }
    }
    hand.ok(json!({"root": blake3::hash(&file).to_hex().as_str()})).map(Some)
}

#[test]
fn a_client_that_gets_other_bytes_has_the_server_look_once() {
    let site = Site::new();
    site.user("alice", "1M");
    let evil = Evil::answering(&site, server);
    let size = |name: &str| fs::metadata(site.work().join(name)).expect("there").len();
    for (place, chunks, good) in [("", 4, 1), ("-amid", 40, 20), ("-last", 40, 39)] {
        // It was on the way.
        let name = format!("passing{place}");
        let ran = site.script(evil.port, "alice", &format!("get {name}")).expect(0);
        let arrived = fs::read(site.work().join(&name)).expect("there");
        assert!(arrived == sample::bytes(8, chunks * CHUNK), "{name}: {ran:?}");
        assert!(!ran.err.contains("again in"), "on the same connection: {ran:?}");
        for (word, says) in [
            ("damaged", "it is the disk"),
            ("again", "arrived damaged"),
            ("another", "another one than a moment ago"),
            ("unkept", "arrived damaged"),
        ] {
            let name = format!("{word}{place}");
            let ran = site.script(evil.port, "alice", &format!("get {name}")).expect(9);
            assert!(ran.err.contains(says), "{name}: {ran:?}");
            assert!(!site.work().join(&name).exists(), "{name}");
            assert_eq!(size(&format!("{name}.part")), good * CHUNK as u64, "{name}");
        }
    }
}
