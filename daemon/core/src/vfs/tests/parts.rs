use super::*;
use crate::transfer::part_id;
use ftp_proto::sidecar::Sidecar;
use std::fs::File;
use std::time::SystemTime;

/// Leaves an unfinished upload as a daemon that was killed does.
fn leave(ground: &Ground, at: &str, id: Etag, have: usize, age: Duration) {
    let head = Sidecar { path: at.to_owned(), size: 1000, mtime: 5, etag: None }.encode();
    fs::write(ground.part(&format!("{id}.cv")), head).expect("written");
    fs::write(ground.part(&format!("{id}.part")), vec![1; have]).expect("written");
    let time = SystemTime::now() - age;
    for end in ["part", "cv"] {
        let file = File::options().write(true).open(ground.part(&format!("{id}.{end}"))).expect("there");
        file.set_modified(time).expect("set");
    }
}

#[test]
fn only_parts_that_can_be_gone_on_with_outlive_a_restart() {
    let day = Duration::from_secs(24 * 3600);
    let ground = Ground::new();
    let id = |at: &str| part_id(&path(at));
    for (at, age) in [("/kept", day), ("/week", day * 7 - day / 2), ("/old", day * 8)] {
        leave(&ground, at, id(at), 300, age);
    }
    leave(&ground, "/small", id("/small"), 7, Duration::ZERO);
    // The daemon was killed while a whole part, with the time that the client gave it, was made durable.
    leave(&ground, "/ready", id("/ready"), 1000, day);
    let ready = File::options().write(true).open(ground.part(&format!("{}.part", id("/ready"))));
    ready.and_then(|part| part.set_modified(SystemTime::UNIX_EPOCH)).expect("set");
    for at in ["/torn", "/bare", "/headless"] {
        leave(&ground, at, id(at), 300, day);
    }
    leave(&ground, "/empty", id("/empty"), 0, day);
    let torn = ground.part(&format!("{}.cv", id("/torn")));
    let mut bytes = fs::read(&torn).expect("there");
    bytes.pop();
    fs::write(&torn, bytes).expect("written");
    fs::remove_file(ground.part(&format!("{}.cv", id("/bare")))).expect("removed");
    fs::remove_file(ground.part(&format!("{}.part", id("/headless")))).expect("removed");
    leave(&ground, "/kept", id("/another"), 300, day);
    leave(&ground, "../outside", Etag([9; 16]), 300, day);
    for junk in ["junk", "x.part", "x.cv", ".part"] {
        fs::write(ground.part(junk), "x").expect("written");
    }

    let home = ground.reopen();
    let mut kept = vec![(id("/kept"), 300), (id("/week"), 300), (id("/small"), 7), (id("/ready"), 1000)];
    kept.sort_by_key(|(id, _)| id.0);
    let mut found = home.survey().expect("counted").parts;
    found.sort_by_key(|(id, _)| id.0);
    assert_eq!(found, kept);
    assert_eq!(fs::read_dir(ground.part("")).expect("there").count(), 8, "a part and a sidecar each");
    let mut listed = home.parts().expect("listed");
    listed.sort_by_key(|part| part.have);
    assert_eq!((listed[0].path.to_string().as_str(), listed[0].size, listed[0].have), ("/small", 1000, 7));
    assert_eq!(listed.len(), 4);

    let (removed, result) = home.remove_parts(&[id("/small"), id("/none"), id("/kept")]);
    assert_eq!((removed, code(result)), (vec![(id("/small"), 7)], Some(Code::NotFound)));
    let (removed, result) = home.remove_parts(&[id("/kept"), id("/week"), id("/ready")]);
    assert_eq!((removed.len(), code(result)), (3, None));
    assert_eq!(fs::read_dir(ground.part("")).expect("there").count(), 0);
}

#[test]
fn the_list_of_parts_fits_one_message_however_many_there_are() {
    let ground = Ground::new();
    for index in 0..120 {
        let at = format!("/{index:03}");
        leave(&ground, &at, part_id(&path(&at)), 1, Duration::ZERO);
    }
    assert_eq!(ground.home.parts().expect("listed").len(), 100);
    assert_eq!(ground.home.survey().expect("counted").parts.len(), 120, "all of them count");
    for index in 0..40 {
        let at = format!("/{index:03}{}", "\"".repeat(250)) + &format!("/{}", "\"".repeat(250)).repeat(14);
        leave(&ground, &at, part_id(&path(&at)), 1, Duration::ZERO);
    }
    let parts = ground.home.parts().expect("listed");
    assert!(serde_json::to_vec(&parts).expect("JSON").len() + 64 <= MESSAGE);
}

#[test]
fn a_file_without_a_name_gets_a_free_one_and_leaves_nothing_otherwise() {
    let ground = Ground::new();
    if !ground.home.unnamed {
        eprintln!("SKIPPED: this system names no file by its descriptor alone");
        return;
    }
    assert_eq!(fs::read_dir(ground.part("")).expect("there").count(), 0, "nothing stays of the trial");
    symlink(ground.outside(), ground.at("link")).expect("made");
    ground.write("taken", "mine");
    let make = |text: &str| {
        let file = ground.home.unnamed(&*ground.home.root, None).expect("made").expect("possible here");
        file.write_all_at(text.as_bytes(), 0).expect("written");
        file
    };
    let before = snapshot(ground.dir.path());
    drop(make("lost"));
    for name in ["taken", "link"] {
        let named = ground.home.name(&*make("new"), &*ground.home.root, name, &path(&format!("/{name}")));
        assert!(!named.expect("the disk works"), "{name}");
    }
    assert_eq!(snapshot(ground.dir.path()), before);
    let file = make("new");
    assert!(ground.home.name(&*file, &*ground.home.root, "free", &path("/free")).expect("named"));
    assert_eq!((ground.read("/free").expect("there"), file.facts().expect("there").links), ("new".into(), 1));
    let part = make("part");
    assert!(ground.home.name_part(&*part, "x.part").expect("named"));
    assert!(!ground.home.name_part(&*file, "x.part").expect("the disk works"), "it is taken");
}

#[test]
fn in_a_directory_that_is_gone_no_file_is_made_and_that_is_no_failure() {
    let ground = Ground::new();
    ground.mkdir("d");
    let at = path("/d/x");
    let (dir, _) = ground.home.parent(&at).expect("there");
    ground.home.rmdir(&path("/d")).expect("empty");
    let made = ground.home.unnamed(&*dir, ground.home.watch().as_deref());
    assert!(made.expect("the disk works").is_none());
}
