//! Every verb with paths that have led out of other servers. `EVIL_PATHS` says how many.

use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

/// What is in the files outside, and how long it is: neither may be in any answer.
const SECRET: &str = "that which is nobody's business";
/// A name outside; no path names it, so an answer that has it has listed the outside.
const OUTSIDER: &str = "an-outsider";

/// What paths are made of: steps up in all the spellings that someone has once understood, and what is there.
const STEPS: &[&str] = &[
    "..",
    ".",
    "",
    "...",
    "..\\",
    "..\\..\\",
    "\\",
    "..%2f",
    "%2e%2e",
    "%2e%2e%2f",
    "%252e%252e",
    "%00",
    "..%00",
    "%c0%ae%c0%ae",
    "..;",
    ".. ",
    " ..",
    "..\t",
    "..\0",
    "\0",
    "..\n",
    "\r\n",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{85}",
    "\u{ff0e}\u{ff0e}",
    "\u{2024}\u{2024}",
    "\u{2025}",
    "\u{202e}..",
    "..\u{200b}",
    "\u{2215}..\u{2215}",
    "\u{ff0f}",
    "\u{feff}",
    "~",
    "~root",
    "$HOME",
    "C:",
    "*",
    "-rf",
    "proc",
    "self",
    "root",
    "etc",
    "users",
    "bob",
    "ada",
    "home",
    "parts",
    "last_login",
    "secret",
    "a",
    "b",
    "file",
    "up",
    "out",
    "far",
    "proc-root",
    "loop",
    "\u{e9}",
    "e\u{301}",
];

/// Between the steps.
const SLASHES: &[&str] = &["/", "/", "/", "//", "/./", "\\", "\u{2215}"];

/// The requests with one path, but for the puts.
const LOOKS: &[&str] = &["stat", "list", "mkdir", "rmdir", "rm", "sum", "get"];

fn evil(dice: &mut Dice) -> String {
    let mut path = dice.one_of(&["/", "/", "/", "/", "/", "//", "", "\\"]).to_owned();
    for step in 0..dice.below(9) {
        if step > 0 {
            path += dice.one_of(SLASHES);
        }
        path += dice.one_of(STEPS);
    }
    match dice.below(40) {
        0 => path + &"/..".repeat(dice.below(200)),
        1 => path + &"/d".repeat(dice.below(70)),
        2 => path + "/" + &"n".repeat(240 + dice.below(30)),
        3 => path + &"/".repeat(3000 + dice.below(2000)),
        _ => path,
    }
}

/// What the protocol's page says of paths, written down once more: none if it is refused.
fn resolved(text: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    for part in text.strip_prefix('/').filter(|_| text.len() <= 4096)?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name if name.len() > 255 => return None,
            name if name.chars().any(|c| matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}')) => return None,
            name => names.push(name),
        }
        if names.len() > 64 {
            return None;
        }
    }
    Some(names)
}

/// All that is not the user's: by path, what it is, when it was changed, and its bytes.
fn others(folder: &Path, but: &Path, found: &mut BTreeMap<PathBuf, (u64, i64, i64, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path == but {
            continue;
        }
        let facts = fs::symlink_metadata(&path).expect("there");
        let bytes = if facts.is_file() { fs::read(&path).expect("readable") } else { Vec::new() };
        found.insert(path.clone(), (facts.ino(), facts.mtime(), facts.mtime_nsec(), bytes));
        if facts.is_dir() {
            others(&path, but, found);
        }
    }
}

/// Whether the names lead to something, by directories only.
fn is_there(mut at: PathBuf, names: &[&str]) -> bool {
    names.iter().all(|name| {
        let is_folder = fs::symlink_metadata(&at).is_ok_and(|facts| facts.is_dir());
        at.push(name);
        is_folder && fs::symlink_metadata(&at).is_ok()
    })
}

/// A user, with ways out laid for her, and neighbours.
struct Scene {
    world: World,
    peer: Peer,
    id: u64,
}

impl Scene {
    fn new() -> Self {
        let world = World::new(None);
        let peer = world.login("ada");
        drop(world.login("bob"));
        let root = world.folder.path();
        for folder in ["", "bob", "bob/home", "ada", "etc"] {
            fs::create_dir_all(root.join(folder)).expect("made");
            fs::write(root.join(folder).join(OUTSIDER), SECRET).expect("written");
            fs::write(root.join(folder).join("secret"), SECRET).expect("written");
        }
        let scene = Self { world, peer, id: 10 };
        scene.furnish();
        scene
    }

    fn home(&self) -> PathBuf {
        self.world.folder.path().join("ada/home")
    }

    /// What the user has, as far as it is not there any more.
    fn furnish(&self) {
        let home = self.home();
        fs::create_dir_all(home.join("a/b")).expect("made");
        for name in ["file", "a/file", "a/b/file"] {
            if !home.join(name).exists() {
                fs::write(home.join(name), "hers").expect("written");
            }
        }
        let root = self.world.folder.path();
        for (name, target) in [
            ("out", Path::new("../..")),
            ("a/out", Path::new("../../..")),
            ("far", root),
            ("a/b/far", &root.join("bob/home")),
            ("proc-root", Path::new("/proc/self/root")),
            ("loop", Path::new("loop")),
        ] {
            if fs::symlink_metadata(home.join(name)).is_err() {
                symlink(target, home.join(name)).expect("a link");
            }
        }
    }

    fn others(&self) -> BTreeMap<PathBuf, (u64, i64, i64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let ada = self.world.folder.path().join("ada");
        others(self.world.folder.path(), &ada, &mut found);
        found.insert(ada.join("secret"), (0, 0, 0, fs::read(ada.join("secret")).expect("there")));
        found.insert(ada.join(OUTSIDER), (0, 0, 0, fs::read(ada.join(OUTSIDER)).expect("there")));
        found
    }

    /// Asks, holds that the answer tells nothing of the outside, and says its word: `ok`, `begin` or the code of an error.
    fn ask(&mut self, what: &Value, chunk: Option<&[u8]>) -> String {
        self.id += 1;
        let mut request = what.clone();
        request["id"] = self.id.into();
        self.peer.got.clear();
        self.peer.ask(request);
        if let Some(data) = chunk {
            self.peer.chunk(data.len() as u64, 0, data);
            self.peer.ask(json!({"id": self.id, "op": "put_end", "root": root(data)}));
        }
        let mut word = String::new();
        for frame in self.peer.got.drain(..) {
            let (text, size) = match &frame {
                Frame::Message(json) => (String::from_utf8_lossy(json), None),
                Frame::Chunk(chunk) => (String::from_utf8_lossy(chunk.data()), Some(chunk.data().len())),
            };
            assert!(!text.contains(SECRET) && !text.contains(OUTSIDER), "{what}: {text}");
            assert!(!text.contains(&format!("\"size\":{}", SECRET.len())), "{what}: {text}");
            if size.is_none() {
                let reply: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(reply["re"], self.id, "{what}: {reply}");
                let code = reply["error"]["code"].as_str();
                let other = ["ok", "begin"].into_iter().find(|word| reply.get(word).is_some());
                if let Some(now) = code.or(other)
                    && word.is_empty()
                {
                    now.clone_into(&mut word);
                }
            }
        }
        if word == "begin" && what["op"] == "put" {
            self.peer.ask(json!({"id": self.id + 1_000_000_000, "op": "abort", "target": self.id}));
        }
        assert!(!word.is_empty(), "{what} is answered");
        word
    }
}

#[test]
fn no_path_in_any_verb_leads_out_of_the_home() {
    let mut scene = Scene::new();
    let before = scene.others();
    let mut dice = Dice::new(1);
    let (mut refused, mut taken, mut done) = (0, 0, 0);
    for turn in 0..count("EVIL_PATHS", 10_000) {
        let (path, other) = (evil(&mut dice), evil(&mut dice));
        let mut requests: Vec<(Value, Option<&[u8]>)> =
            LOOKS.iter().map(|op| (json!({"op": op, "path": path}), None)).collect();
        requests.extend([
            (json!({"op": "rename", "from": path, "to": other, "replace": true}), None),
            (json!({"op": "rename", "from": "/file", "to": path, "replace": turn % 2 == 0}), None),
            (json!({"op": "put", "path": path, "size": 300_000}), None),
            (json!({"op": "put", "path": path, "size": 4, "eager": true}), Some(&b"hers"[..])),
        ]);
        // In another order each time: what one makes another finds.
        for place in (1..requests.len()).rev() {
            requests.swap(place, dice.below(place + 1));
        }
        let names = resolved(&path);
        for (request, chunk) in requests {
            let word = scene.ask(&request, chunk);
            assert!(word != "unavailable", "{request}");
            if names.is_none() {
                assert_eq!(word, "name_refused", "{request}");
                refused += 1;
                continue;
            }
            taken += 1;
            done += u32::from(word == "ok" || word == "begin");
            // Where it says that it was done, it was done, and there.
            let there = is_there(scene.home(), names.as_deref().unwrap_or_default());
            match request["op"].as_str() {
                Some("mkdir") if word == "ok" => assert!(there, "{request}"),
                Some("rm" | "rmdir") if word == "ok" => assert!(!there, "{request}"),
                Some("stat") => assert_eq!(word == "ok", there, "{request}: {word}"),
                _ => {}
            }
        }
        if turn % 500 == 499 {
            scene.ask(&json!({"op": "parts_rm"}), None);
            assert!(scene.others() == before, "what is not hers is as it was");
        }
        scene.furnish();
    }
    assert!(scene.others() == before, "what is not hers is as it was");
    println!("trials: {}", refused + taken);
    println!("{refused} refused, {taken} taken as paths of the home, {done} of them done");
    assert!(refused > 1000 && done > 1000);
    drop(scene.world);
}
