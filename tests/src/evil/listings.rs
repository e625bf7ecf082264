//! Listings that are none.

use super::hand::pick;
use super::{Case, Hand, Then, entry, wild_number, words};
use serde_json::{Value, json};
use std::io;

pub(super) const CASES: &[Case] = &[
    ("a listing: honest", honest),
    ("a listing: a name that is none", bad_name),
    ("a listing: a name that is not for a terminal", ugly_names),
    ("a listing: the same name twice", same_name),
    ("a listing: entries without a name or a kind", incomplete),
    ("a listing: other kinds", other_kinds),
    ("a listing: wild sizes", wild_sizes),
    ("a listing: wild times", wild_times),
    ("a listing: another number than there were", wrong_count),
    ("a listing: pages of another listing", of_another),
    ("a listing: pages after its end", after_the_end),
    ("a listing: a chunk in between", a_chunk),
    ("a listing: empty pages without end", empty_pages),
    ("a listing: an error in between", then_an_error),
    ("a listing: a broken stream in between", then_broken),
    ("a listing: an error with escapes", words::refuse),
    ("a listing: a broken stream", words::broken),
];

/// What no name can be.
pub(super) const BAD_NAMES: &[&str] = &[
    "",
    ".",
    "..",
    "/",
    "//",
    "/etc/passwd",
    "../x",
    "../../../../tmp/x",
    "a/b",
    "a/../../b",
    "./a",
    "a\0b",
    "\0",
    "a\nb",
    "\r",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{80}",
    "\u{85}",
    "\u{9b}31m",
    "\t",
];

/// What a name can be, and a terminal should not see.
pub(super) const UGLY_NAMES: &[&str] = &[
    "gpj.\u{202e}exe",
    "\u{200b}",
    "\u{feff}x",
    "\u{2066}a\u{2069}",
    "a\u{2028}b",
    "\u{e0041}",
    "-rf",
    "~",
    "..\\..\\x",
    "C:\\x",
    " ",
    "a ",
    "CON",
    "e\u{301}",
    "\u{61c}x",
    "\u{fff9}",
    "$(reboot)",
    "`x`",
    "*",
    "...",
    "..a",
    "a..",
];

/// The `n`th name that is none; there is one that is only too long.
pub(super) fn bad_name_of(n: u64) -> String {
    let index = usize::try_from(n).unwrap_or(0) % (BAD_NAMES.len() + 1);
    BAD_NAMES.get(index).map_or_else(|| "n".repeat(256), |name| (*name).to_owned())
}

fn few() -> Vec<Value> {
    vec![entry("one", "file", 1), entry("two", "dir", 0), entry("three", "file", 3)]
}

fn honest(hand: &mut Hand) -> io::Result<Then> {
    hand.list(&few())
}

fn bad_name(hand: &mut Hand) -> io::Result<Then> {
    let mut entries = few();
    let kind = if hand.n.is_multiple_of(2) { "file" } else { "dir" };
    entries.insert(1, entry(&bad_name_of(hand.n), kind, 5));
    hand.list(&entries)
}

fn ugly_names(hand: &mut Hand) -> io::Result<Then> {
    let mut entries = few();
    entries.extend((0..5).map(|i| entry(pick(UGLY_NAMES, hand.n * 5 + i), "file", 5)));
    entries.push(entry(&"n".repeat(255), "dir", 0));
    hand.list(&entries)
}

fn same_name(hand: &mut Hand) -> io::Result<Then> {
    let mut entries = few();
    entries.push(entry("one", if hand.n.is_multiple_of(2) { "dir" } else { "file" }, 9));
    hand.list(&entries)
}

fn incomplete(hand: &mut Hand) -> io::Result<Then> {
    let entries = [
        json!({"name": null, "kind": "file", "size": 1, "mtime": 1}),
        json!({"kind": "file", "size": 1, "mtime": 1}),
        json!({"name": "a", "size": 1, "mtime": 1}),
        json!({"name": "a", "kind": "file", "mtime": 1}),
        json!({"name": ["a"], "kind": "file", "size": 1, "mtime": 1}),
        json!("a"),
        json!(null),
    ];
    hand.list(&[hand.pick(&entries)])
}

fn other_kinds(hand: &mut Hand) -> io::Result<Then> {
    let kind = hand.pick(&["other", "link", "symlink", "", "FILE", "file\u{1b}[2J"]);
    hand.list(&[entry("one", "file", 1), entry("special", kind, 0)])
}

fn wild_sizes(hand: &mut Hand) -> io::Result<Then> {
    let sized = |name: &str, n| json!({"name": name, "kind": "file", "size": wild_number(n), "mtime": 1});
    hand.list(&[sized("a", hand.n), sized("b", hand.n + 1), sized("c", 5), sized("d", 5)])
}

fn wild_times(hand: &mut Hand) -> io::Result<Then> {
    let time = match hand.n % 4 {
        0 => json!(i64::MIN),
        1 => json!(i64::MAX),
        2 => json!(-1),
        _ => wild_number(hand.n),
    };
    hand.list(&[json!({"name": "a", "kind": "file", "size": 1, "mtime": time})])
}

fn wrong_count(hand: &mut Hand) -> io::Result<Then> {
    hand.page(&few())?;
    let count = match hand.n % 4 {
        0 => json!(2),
        1 => json!(4),
        2 => json!(0),
        _ => wild_number(hand.n),
    };
    hand.ok(json!({"entries": count}))
}

fn of_another(hand: &mut Hand) -> io::Result<Then> {
    let re = if hand.n.is_multiple_of(2) { hand.id + 1 } else { 0 };
    hand.reply(re, "page", json!({"entries": few()}))?;
    hand.list(&few())
}

fn after_the_end(hand: &mut Hand) -> io::Result<Then> {
    hand.list(&few())?;
    hand.list(&few())
}

fn a_chunk(hand: &mut Hand) -> io::Result<Then> {
    hand.page(&few())?;
    hand.chunk_as([7; 32], b"a chunk")?;
    hand.ok(json!({"entries": 3}))
}

/// Until the client has enough of it.
fn empty_pages(hand: &mut Hand) -> io::Result<Then> {
    loop {
        hand.page(&[])?;
    }
}

fn then_an_error(hand: &mut Hand) -> io::Result<Then> {
    hand.page(&few())?;
    words::refuse(hand)
}

fn then_broken(hand: &mut Hand) -> io::Result<Then> {
    hand.page(&few())?;
    words::broken(hand)
}
