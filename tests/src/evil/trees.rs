//! Directories that lead where nobody asked to go.
//!
//! Every name that may appear on the client's disk begins with `ok`; a case that wants something else there gives it another name.

use super::downloads::content;
use super::listings::{UGLY_NAMES, bad_name_of};
use super::{Case, Hand, Then, entry, wild_number, words};
use ftp_proto::limits::CHUNK;
use ftp_proto::{Tree, tree};
use serde_json::json;
use std::io;

pub(super) const CASES: &[Case] = &[
    ("a tree: honest", honest),
    ("a tree: a name that is none", bad_name),
    ("a tree: names that are not for a terminal", ugly),
    ("a tree: a file and a directory of the same name", same_name),
    ("a tree: the same file twice", same_file),
    ("a tree: neither files nor directories", others),
    ("a tree: deeper than a path can be", deep),
    ("a tree: sizes that overflow when they are added up", wild_sizes),
    ("a tree: one good file and one that is cut", one_cut),
    ("a tree: a directory that cannot be listed", no_listing),
    ("a tree: a root that is another kind by then", turned),
    ("a tree: an error with escapes", error_inside),
    ("a tree: a broken stream", broken_inside),
];

/// `stat` of the top and `get` of files are honest; listings are the case's.
fn tree(hand: &mut Hand, list: impl FnOnce(&mut Hand) -> io::Result<Then>) -> io::Result<Then> {
    match hand.op.as_str() {
        "stat" => hand.ok(json!({"entry": entry(hand.leaf(), "dir", 0)})),
        "list" => list(hand),
        "get" => send(hand),
        "sum" => {
            let file = content(hand.leaf());
            let root = blake3::hash(&file).to_hex();
            hand.ok(json!({"size": file.len(), "mtime": 1, "etag": "0".repeat(32), "root": root.as_str()}))
        }
        _ => hand.error("unsupported", "not in a tree"),
    }
}

fn send(hand: &mut Hand) -> io::Result<Then> {
    let file = content(hand.leaf());
    let prefix = Tree::new().prefix().to_string();
    let begin = json!({"size": file.len(), "mtime": 1, "etag": "0".repeat(32), "prefix": prefix});
    hand.reply(hand.id, "begin", begin)?;
    (0..file.len()).step_by(CHUNK).try_for_each(|offset| {
        let data = &file[offset..file.len().min(offset + CHUNK)];
        hand.chunk_as(tree::value(file.len() as u64, offset as u64, data).0, data)
    })?;
    hand.ok(json!({"root": blake3::hash(&file).to_hex().as_str()}))
}

fn file(name: &str) -> serde_json::Value {
    entry(name, "file", content(name).len() as u64)
}

fn honest(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| match hand.depth() {
        1 => hand.list(&[file("ok-a"), entry("ok-d", "dir", 0)]),
        _ => hand.list(&[file("ok-b")]),
    })
}

fn bad_name(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| {
        let bad = bad_name_of(hand.n);
        let kind = if hand.n.is_multiple_of(2) { "file" } else { "dir" };
        hand.list(&[file("ok-a"), entry(&bad, kind, 5), file("ok-b")])
    })
}

fn ugly(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| {
        if hand.depth() > 1 {
            return hand.list(&[]);
        }
        let ugly = hand.pick(UGLY_NAMES);
        hand.list(&[file(&format!("ok{ugly}")), entry(&format!("ok-d{ugly}"), "dir", 0)])
    })
}

fn same_name(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| match hand.depth() {
        1 => hand.list(&[file("ok-a"), entry("ok-a", "dir", 0)]),
        _ => hand.list(&[file("ok-b")]),
    })
}

fn same_file(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| hand.list(&[file("ok-a"), file("ok-a"), file("ok-a")]))
}

fn others(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| {
        let kind = hand.pick(&["other", "link", "socket"]);
        hand.list(&[entry("unasked", kind, 0), file("ok-a")])
    })
}

fn deep(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| hand.list(&[entry("ok-d", "dir", 0)]))
}

fn wild_sizes(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| {
        let sized = |name: &str, n| json!({"name": name, "kind": "file", "size": wild_number(n), "mtime": 1});
        if hand.n.is_multiple_of(2) {
            return hand.list(&[sized("ok-a", 4), sized("ok-b", 4), sized("ok-c", 5)]);
        }
        hand.list(&[sized("ok-a", hand.n / 2), sized("ok-b", hand.n / 2 + 1)])
    })
}

fn one_cut(hand: &mut Hand) -> io::Result<Then> {
    if hand.op == "get" && hand.leaf() == "ok-b" {
        return words::broken(hand);
    }
    tree(hand, |hand| hand.list(&[file("ok-a"), file("ok-b"), file("ok-c")]))
}

fn no_listing(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| match hand.depth() {
        1 => hand.list(&[file("ok-a"), entry("ok-d", "dir", 0)]),
        _ => words::refuse(hand),
    })
}

fn turned(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| hand.error("not_a_directory", "it is a file now"))
}

fn error_inside(hand: &mut Hand) -> io::Result<Then> {
    if hand.op == "get" {
        return words::refuse(hand);
    }
    tree(hand, |hand| hand.list(&[file("ok-a"), file("ok-b")]))
}

fn broken_inside(hand: &mut Hand) -> io::Result<Then> {
    tree(hand, |hand| {
        hand.page(&[file("ok-a")])?;
        words::broken(hand)
    })
}
