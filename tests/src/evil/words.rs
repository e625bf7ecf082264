//! Words where they do not belong: what an answer says to a person, and streams that are no answers. Both fit any request.

use super::{Case, Hand, Then, account, wild_number};
use crate::sample;
use crate::wire::frame;
use serde_json::{Value, json};
use std::io;

/// What would drive a terminal, forge a line or turn the reading direction.
pub const ESCAPES: &str = "a\u{1b}[2J\u{1b}]0;owned\u{7}b\u{9b}31mc\r\nd\u{8}\u{202e}e\u{2066}f\u{200f}g\u{feff}h\u{0}i\u{85}j\u{2028}k\u{e0041}l";

/// For requests that are answered in a word: `cd`, `mkdir`, `rm`, `rmdir`, `mv`, `sum`, `md5`.
pub(super) const CASES: &[Case] = &[
    ("a word: honest", honest),
    ("a word: an error with escapes", refuse),
    ("a word: an error with a code that is none", unknown_code),
    ("a word: an error about the connection", about_the_connection),
    ("a word: an answer to nothing that was asked", to_nothing),
    ("a word: two answers", twice),
    ("a word: an answer of another kind", other_kind),
    ("a word: wild numbers", wild),
    ("a word: a broken stream", broken),
];

fn honest(hand: &mut Hand) -> io::Result<Then> {
    let etag = "0".repeat(32);
    match hand.op.as_str() {
        "stat" => hand.ok(json!({"entry": super::entry("w", "dir", 0)})),
        "rm" => hand.ok(json!({"bytes": 5})),
        "sum" => hand.ok(json!({"size": 1, "mtime": 0, "etag": etag, "root": etag.repeat(2), "md5": etag})),
        _ => hand.ok(json!({})),
    }
}

/// Refuses in words that are not for a terminal.
pub(super) fn refuse(hand: &mut Hand) -> io::Result<Then> {
    let codes = [
        "bad_request",
        "not_logged_in",
        "login_refused",
        "busy",
        "not_found",
        "exists",
        "not_a_directory",
        "is_a_directory",
        "not_empty",
        "name_refused",
        "quota_exceeded",
        "too_many_files",
        "no_space",
        "changed",
        "digest_mismatch",
        "conflict",
        "aborted",
        "timeout",
        "shutting_down",
        "unavailable",
        "unsupported",
    ];
    let code = hand.pick(&codes);
    let wild = wild_number(hand.n / 3);
    let left = if wild.is_u64() { wild } else { Value::Null };
    let error =
        json!({"code": code, "message": ESCAPES, "hint": ESCAPES, "retry_seconds": left, "left": left});
    hand.reply(hand.id, "error", error)?;
    Ok(Then::Go)
}

fn unknown_code(hand: &mut Hand) -> io::Result<Then> {
    hand.error("on_fire", ESCAPES)
}

fn about_the_connection(hand: &mut Hand) -> io::Result<Then> {
    hand.reply(0, "error", json!({"code": "shutting_down", "message": ESCAPES, "hint": ESCAPES}))?;
    hand.close()?;
    Ok(Then::End)
}

fn to_nothing(hand: &mut Hand) -> io::Result<Then> {
    let re = hand.pick(&[hand.id + 1, hand.id.saturating_sub(1), 0, u64::MAX]);
    hand.reply(re, "ok", json!({}))?;
    honest(hand)
}

fn twice(hand: &mut Hand) -> io::Result<Then> {
    honest(hand)?;
    honest(hand)
}

fn other_kind(hand: &mut Hand) -> io::Result<Then> {
    match hand.n % 4 {
        0 => hand.reply(hand.id, "begin", json!({}))?,
        1 => hand.reply(hand.id, "page", json!({"entries": []}))?,
        2 => hand.reply(hand.id, "ok", json!(["ok"]))?,
        _ => hand.chunk_as([0; 32], b"nobody asked")?,
    }
    Ok(Then::Go)
}

fn wild(hand: &mut Hand) -> io::Result<Then> {
    let number = wild_number(hand.n);
    let hash = "0".repeat(32);
    match hand.op.as_str() {
        "stat" => {
            let entry = json!({"name": "w", "kind": "dir", "size": number, "mtime": wild_number(hand.n + 3)});
            hand.ok(json!({"entry": entry}))
        }
        _ => hand.ok(
            json!({"bytes": number, "size": number, "mtime": number, "etag": hash, "root": hash.repeat(2)}),
        ),
    }
}

/// An end or a stream that no answer has: for every table.
pub(super) fn broken(hand: &mut Hand) -> io::Result<Then> {
    let noise = sample::bytes(hand.n, 40);
    let whole = frame(1, json!({"re": hand.id, "ok": {}}).to_string().as_bytes());
    let reply = |text: &str| frame(1, text.as_bytes());
    let bytes = match hand.n % 22 {
        // Ends.
        0 => return hand.fin(),
        1 => return hand.reset(),
        2 => {
            hand.raw(&whole[..whole.len() / 2])?;
            return hand.fin();
        }
        3 => {
            hand.raw(&whole[..whole.len() / 2])?;
            return hand.reset();
        }
        4 => {
            hand.raw(&whole[..3])?;
            hand.close()?;
            return Ok(Then::End);
        }
        5 => {
            hand.close()?;
            return Ok(Then::End);
        }
        // Below TLS.
        6 => {
            hand.below_tls(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
            return hand.wait_for_end();
        }
        7 => {
            hand.below_tls(&[&[23, 3, 3, 0, 40][..], &noise].concat())?;
            return hand.wait_for_end();
        }
        // Frames.
        8 => frame(0, &noise),
        9 => frame(3, &noise),
        10 => frame(255, &noise),
        11 => frame(1, b""),
        12 => frame(2, b""),
        13 => frame(2, &[0; 32]),
        14 => [&u32::MAX.to_be_bytes()[..], &[1], &noise].concat(),
        15 => [&65_537_u32.to_be_bytes()[..], &[1], &noise].concat(),
        16 => [&262_177_u32.to_be_bytes()[..], &[2], &noise].concat(),
        // Messages.
        17 => frame(1, &noise),
        18 => reply(&format!(r#"{{"re":{},"ok":{}{}}}"#, hand.id, "[".repeat(9000), "]".repeat(9000))),
        19 => reply(&format!(r#"{{"re":{},"ok":{{}}"#, hand.id)),
        20 => reply(&format!(r#"{{"re":{},"ok":{{}},"error":{{}}}}"#, hand.id)),
        _ => reply("[]"),
    };
    hand.raw(&bytes)?;
    Ok(Then::Go)
}

/// `info`, `quota` and `parts` have no path to choose a case by: they go round.
pub(super) fn without_a_path(hand: &mut Hand) -> io::Result<Then> {
    hand.n = hand.id;
    let number = match wild_number(hand.n) {
        number if number.is_u64() => number,
        _ => json!(u64::MAX),
    };
    if hand.n.is_multiple_of(7) {
        return broken(hand);
    }
    if hand.op == "parts" {
        let path = if hand.n.is_multiple_of(2) { "/a\u{202e}b\u{200b}c" } else { ESCAPES };
        let part =
            json!({"id": "0".repeat(32), "path": path, "size": number, "have": number, "mtime": number});
        return hand.ok(json!({"parts": [part]}));
    }
    let tls = json!({"version": ESCAPES, "suite": ESCAPES, "group": ESCAPES});
    let account = if hand.n.is_multiple_of(2) {
        account()
    } else {
        json!({"used": number, "quota": number, "entries": number, "entries_limit": number})
    };
    hand.ok(json!({
        "user": "alice", "account": account, "software": ESCAPES, "peer": ESCAPES, "tls": tls, "uptime_seconds": number
    }))
}
