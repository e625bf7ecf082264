//! Uploads to a server that lies about what it has, or got.

use super::{Case, Hand, Then, wild_number, words};
use ftp_proto::Tree;
use serde_json::{Value, json};
use std::io;

pub(super) const CASES: &[Case] = &[
    ("an upload: it stored something else", stored_something_else),
    ("an upload: from a wild offset", wild_offset),
    ("an upload: from an offset it cannot have", other_offset),
    ("an upload: it has all of it, and something else", has_something_else),
    ("an upload: an end before it began", end_at_once),
    ("an upload: refused as it begins", refused),
    ("an upload: refused in the middle", refused_in_the_middle),
    ("an upload: chunks that come back", chunks_back),
    ("an upload: answers to something else", to_something_else),
    ("an upload: an end without hashes", end_without_hashes),
    ("an upload: a broken stream", words::broken),
];

fn nothing() -> String {
    Tree::new().prefix().to_string()
}

/// The begin of an upload; an eager one has none, and is answered at its end.
fn begin_or_wait(hand: &mut Hand) -> io::Result<Then> {
    if hand.request["eager"] == true { Ok(Then::Go) } else { begin(hand, json!(0)) }
}

fn begin(hand: &mut Hand, offset: Value) -> io::Result<Then> {
    hand.reply(hand.id, "begin", json!({"offset": offset, "prefix": nothing()}))?;
    Ok(Then::Go)
}

/// The end of an upload that went on up to here: what it claims to have stored.
fn stored(hand: &mut Hand, size: Value) -> io::Result<Then> {
    let hash = "00".repeat(32);
    hand.ok(json!({"size": size, "mtime": 0, "etag": "0".repeat(32), "root": hash}))
}

/// A client looks whether something is there, then puts.
fn play(
    hand: &mut Hand,
    put: impl FnOnce(&mut Hand) -> io::Result<Then>,
    end: impl FnOnce(&mut Hand) -> io::Result<Then>,
) -> io::Result<Then> {
    match hand.op.as_str() {
        "put" => put(hand),
        "put_end" => end(hand),
        "stat" => hand.error("not_found", "nothing there"),
        _ => hand.error("unsupported", "only put"),
    }
}

fn stored_something_else(hand: &mut Hand) -> io::Result<Then> {
    play(hand, begin_or_wait, |hand| stored(hand, json!(5)))
}

fn wild_offset(hand: &mut Hand) -> io::Result<Then> {
    let offset = wild_number(hand.n);
    play(hand, |hand| begin(hand, offset), |hand| stored(hand, wild_number(hand.n)))
}

fn other_offset(hand: &mut Hand) -> io::Result<Then> {
    let offset = hand.pick(&[1, 262_143, 262_145, 1 << 30]);
    play(hand, |hand| begin(hand, json!(offset)), |hand| stored(hand, json!(5)))
}

/// And again when it is asked to begin anew.
fn has_something_else(hand: &mut Hand) -> io::Result<Then> {
    let size = hand.request["size"].clone();
    play(hand, |hand| begin(hand, size), |hand| stored(hand, json!(5)))
}

fn end_at_once(hand: &mut Hand) -> io::Result<Then> {
    play(hand, |hand| stored(hand, json!(600_000)), |hand| stored(hand, json!(5)))
}

fn refused(hand: &mut Hand) -> io::Result<Then> {
    play(hand, words::refuse, words::refuse)
}

fn refused_in_the_middle(hand: &mut Hand) -> io::Result<Then> {
    play(
        hand,
        |hand| {
            begin(hand, json!(0))?;
            words::refuse(hand)
        },
        |_| Ok(Then::Go),
    )
}

fn chunks_back(hand: &mut Hand) -> io::Result<Then> {
    play(
        hand,
        |hand| {
            begin(hand, json!(0))?;
            (0..=hand.n % 30).try_for_each(|_| hand.chunk_as([1; 32], b"back"))?;
            Ok(Then::Go)
        },
        |hand| {
            hand.chunk_as([1; 32], b"back")?;
            stored(hand, json!(5))
        },
    )
}

fn to_something_else(hand: &mut Hand) -> io::Result<Then> {
    let re = if hand.n.is_multiple_of(2) { hand.id + 7 } else { 0 };
    play(
        hand,
        |hand| {
            hand.reply(re, "begin", json!({"offset": 0, "prefix": nothing()}))?;
            Ok(Then::Go)
        },
        |hand| {
            hand.reply(re, "ok", json!({}))?;
            Ok(Then::Go)
        },
    )
}

fn end_without_hashes(hand: &mut Hand) -> io::Result<Then> {
    play(hand, begin_or_wait, |hand| hand.ok(json!({})))
}
