//! Downloads that go wrong: in what is announced, in the chunks, in the end.

use super::{Case, Hand, Then, entry, wild_number, words};
use crate::sample;
use ftp_proto::limits::CHUNK;
use ftp_proto::{Tree, Value, tree};
use serde_json::{Value as Json, json};
use std::io;

pub(super) const CASES: &[Case] = &[
    ("a download: honest", honest),
    ("a download: a wrong value", wrong_value),
    ("a download: other bytes than their value says", wrong_bytes),
    ("a download: chunks in another order", other_order),
    ("a download: the same chunk twice", same_twice),
    ("a download: a chunk of another offset", other_offset),
    ("a download: a chunk that is too short", too_short),
    ("a download: a chunk that is too long", too_long),
    ("a download: too many chunks", too_many),
    ("a download: too few chunks", too_few),
    ("a download: a chunk before it begins", before_the_begin),
    ("a download: a begin in between", begin_again),
    ("a download: an end at once", end_at_once),
    ("a download: a size that lies", lying_size),
    ("a download: a size that is none", wild_size),
    ("a download: a wild time", wild_time),
    ("a download: a wrong prefix of nothing", wrong_prefix),
    ("a download: a wrong root", wrong_root),
    ("a download: a wrong MD5", wrong_md5),
    ("a download: an end without hashes", end_without_hashes),
    ("a download: an error in the middle", error_in_the_middle),
    ("a download: an answer to something else in the middle", other_in_the_middle),
    ("a download: a broken stream in the middle", broken_in_the_middle),
    ("a download: no file at all", not_a_file),
    ("a download: another name than was asked for", other_name),
    ("a download: a wild entry", wild_entry),
    ("a download: an error with escapes", words::refuse),
    ("a download: a broken stream", words::broken),
];

pub(super) const ETAG: &str = "0123456789abcdef0123456789abcdef";

/// What an honest server has under a name.
#[must_use]
pub fn content(name: &str) -> Vec<u8> {
    let seed = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    // A few small ones, for that is where the exceptions are, and otherwise three chunks and a bit.
    let len = match (name.starts_with('r'), seed % 4) {
        (true, _) => 3 * CHUNK + 100 + usize::try_from(seed % 1000).unwrap_or(0),
        (false, 0) => usize::try_from(seed / 4 % 3).unwrap_or(0),
        (false, 1) => CHUNK,
        _ => CHUNK + 1 + usize::try_from(seed % 5000).unwrap_or(0),
    };
    let mut bytes = sample::bytes(seed % 4, len);
    bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(byte, mark)| *byte = mark);
    bytes
}

/// At least two chunks, for cases that need them.
fn large(name: &str) -> Vec<u8> {
    let mut bytes = content(name);
    if bytes.len() < CHUNK + 10 {
        bytes = [bytes, sample::bytes(9, CHUNK + 10)].concat();
    }
    bytes
}

pub(super) fn begin_with(hand: &mut Hand, size: Json, changes: Json) -> io::Result<()> {
    let mut begin = json!({"size": size, "mtime": 1_700_000_000, "etag": ETAG, "prefix": Tree::new().prefix().to_string()});
    for (name, value) in changes.as_object().expect("an object") {
        begin[name] = value.clone();
    }
    hand.reply(hand.id, "begin", begin)
}

pub(super) fn begin(hand: &mut Hand, file: &[u8]) -> io::Result<()> {
    begin_with(hand, file.len().into(), json!({}))
}

pub(super) fn chunks(hand: &mut Hand, file: &[u8], from: usize) -> io::Result<()> {
    (from..file.len()).step_by(CHUNK).try_for_each(|offset| hand.chunk(file, offset))
}

pub(super) fn end(hand: &mut Hand, file: &[u8]) -> io::Result<Then> {
    let mut md5 = ftp_proto::digest::Md5::default();
    md5.update(file);
    hand.ok(json!({"root": blake3::hash(file).to_hex().as_str(), "md5": md5.finish().to_string()}))
}

/// What comes before a `get`; none if it is the `get`.
pub(super) fn look(hand: &mut Hand, file: &[u8]) -> io::Result<Option<Then>> {
    match hand.op.as_str() {
        "stat" => {
            let mut entry = entry(hand.leaf(), "file", file.len() as u64);
            entry["etag"] = json!(ETAG);
            hand.ok(json!({"entry": entry})).map(Some)
        }
        "sum" => {
            let root = blake3::hash(file).to_hex();
            hand.ok(json!({"size": file.len(), "mtime": 1, "etag": ETAG, "root": root.as_str()})).map(Some)
        }
        _ => Ok(None),
    }
}

/// Looks honest up to the `get` and its first chunk, then goes on with `then`.
fn begun(hand: &mut Hand, then: impl FnOnce(&mut Hand, &[u8]) -> io::Result<Then>) -> io::Result<Then> {
    let file = large(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    begin(hand, &file)?;
    then(hand, &file)
}

fn honest(hand: &mut Hand) -> io::Result<Then> {
    let file = content(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    begin(hand, &file)?;
    chunks(hand, &file, 0)?;
    end(hand, &file)
}

fn wrong_value(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        let mut value = tree::value(file.len() as u64, 0, &file[..CHUNK]).0;
        value[usize::try_from(hand.n).unwrap_or(0) % 32] ^= 1;
        hand.chunk_as(value, &file[..CHUNK])?;
        chunks(hand, file, CHUNK)?;
        end(hand, file)
    })
}

fn wrong_bytes(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        let value = tree::value(file.len() as u64, 0, &file[..CHUNK]).0;
        let mut data = file[..CHUNK].to_vec();
        data[usize::try_from(hand.n * 7919).unwrap_or(0) % CHUNK] ^= 0x80;
        hand.chunk_as(value, &data)?;
        chunks(hand, file, CHUNK)?;
        end(hand, file)
    })
}

fn other_order(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        hand.chunk(file, CHUNK)?;
        hand.chunk(file, 0)?;
        end(hand, file)
    })
}

fn same_twice(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        hand.chunk(file, 0)?;
        hand.chunk(file, 0)?;
        end(hand, file)
    })
}

fn other_offset(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        // The right bytes, with the value they would have elsewhere.
        let value = tree::value(file.len() as u64, CHUNK as u64 * (1 + hand.n % 4), &file[..CHUNK]);
        hand.chunk_as(value.0, &file[..CHUNK])?;
        chunks(hand, file, CHUNK)?;
        end(hand, file)
    })
}

fn too_short(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        let short = &file[..CHUNK - 1 - usize::try_from(hand.n % 1000).unwrap_or(0)];
        hand.chunk_as(tree::value(file.len() as u64, 0, short).0, short)?;
        chunks(hand, file, CHUNK)?;
        end(hand, file)
    })
}

fn too_long(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        (0..file.len() / CHUNK).try_for_each(|index| hand.chunk(file, index * CHUNK))?;
        let at = file.len() / CHUNK * CHUNK;
        let long = [&file[at..], b"and more"].concat();
        let value: Value = tree::value(file.len() as u64, at as u64, &long);
        hand.chunk_as(value.0, &long)?;
        end(hand, file)
    })
}

fn too_many(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        chunks(hand, file, 0)?;
        (0..=hand.n % 20).try_for_each(|_| hand.chunk(file, 0))?;
        end(hand, file)
    })
}

fn too_few(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        hand.chunk(file, 0)?;
        end(hand, file)
    })
}

fn before_the_begin(hand: &mut Hand) -> io::Result<Then> {
    let file = large(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    hand.chunk(&file, 0)?;
    begin(hand, &file)?;
    chunks(hand, &file, 0)?;
    end(hand, &file)
}

fn begin_again(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        hand.chunk(file, 0)?;
        begin(hand, file)?;
        chunks(hand, file, CHUNK)?;
        end(hand, file)
    })
}

fn end_at_once(hand: &mut Hand) -> io::Result<Then> {
    let file = large(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    end(hand, &file)
}

fn lying_size(hand: &mut Hand) -> io::Result<Then> {
    let file = large(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    let lies = [file.len() - 1, file.len() + 1, 0, CHUNK, file.len() * 2, 1 << 40];
    begin_with(hand, hand.pick(&lies).into(), json!({}))?;
    chunks(hand, &file, 0)?;
    end(hand, &file)
}

fn wild_size(hand: &mut Hand) -> io::Result<Then> {
    let file = large(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    begin_with(hand, wild_number(hand.n), json!({}))?;
    chunks(hand, &file, 0)?;
    end(hand, &file)
}

fn wild_time(hand: &mut Hand) -> io::Result<Then> {
    let file = content(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    let time = match hand.n % 3 {
        0 => json!(i64::MIN),
        1 => json!(i64::MAX),
        _ => wild_number(hand.n),
    };
    begin_with(hand, file.len().into(), json!({"mtime": time}))?;
    chunks(hand, &file, 0)?;
    end(hand, &file)
}

fn wrong_prefix(hand: &mut Hand) -> io::Result<Then> {
    let file = large(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    begin_with(hand, file.len().into(), json!({"prefix": "00".repeat(32)}))?;
    chunks(hand, &file, 0)?;
    end(hand, &file)
}

fn wrong_root(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        chunks(hand, file, 0)?;
        hand.ok(json!({"root": "00".repeat(32), "md5": "00".repeat(16)}))
    })
}

/// The root is right; where an MD5 is asked for, it is wrong.
fn wrong_md5(hand: &mut Hand) -> io::Result<Then> {
    let file = content(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    begin(hand, &file)?;
    chunks(hand, &file, 0)?;
    if hand.request["md5"] == true {
        return hand.ok(json!({"root": blake3::hash(&file).to_hex().as_str(), "md5": "00".repeat(16)}));
    }
    end(hand, &file)
}

fn end_without_hashes(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        chunks(hand, file, 0)?;
        let ends = [json!({}), json!({"root": null}), json!({"root": "xyz"}), json!([]), json!(null)];
        hand.ok(hand.pick(&ends))
    })
}

fn error_in_the_middle(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        hand.chunk(file, 0)?;
        words::refuse(hand)
    })
}

fn other_in_the_middle(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        hand.chunk(file, 0)?;
        hand.reply(hand.pick(&[hand.id + 1, 0, u64::MAX]), "ok", json!({}))?;
        chunks(hand, file, CHUNK)?;
        end(hand, file)
    })
}

fn broken_in_the_middle(hand: &mut Hand) -> io::Result<Then> {
    begun(hand, |hand, file| {
        if hand.n.is_multiple_of(3) {
            // In the middle of a chunk: whatever came then would be the rest of it, so it can only end.
            let frame = crate::wire::frame(2, &[&[0; 32][..], &file[..CHUNK]].concat());
            hand.raw(&frame[..1 + usize::try_from(hand.n * 4099).unwrap_or(0) % (frame.len() - 1)])?;
            return if hand.n.is_multiple_of(2) { hand.fin() } else { hand.reset() };
        }
        hand.chunk(file, 0)?;
        words::broken(hand)
    })
}

fn not_a_file(hand: &mut Hand) -> io::Result<Then> {
    if hand.op == "get" {
        return words::refuse(hand);
    }
    let kind = hand.pick(&["dir", "other", "link", ""]);
    hand.ok(json!({"entry": entry(hand.leaf(), kind, 5)}))
}

fn other_name(hand: &mut Hand) -> io::Result<Then> {
    let file = content(hand.leaf());
    if hand.op == "stat" {
        let names = [".bashrc", "..", "/etc/passwd", "unasked", "a/b", "", "\u{1b}[2J"];
        let name = hand.pick(&names);
        return hand.ok(json!({"entry": entry(name, "file", file.len() as u64)}));
    }
    honest(hand)
}

fn wild_entry(hand: &mut Hand) -> io::Result<Then> {
    if hand.op == "stat" {
        let entry = json!({"name": hand.leaf(), "kind": "file", "size": wild_number(hand.n), "mtime": wild_number(hand.n / 3)});
        return hand.ok(json!({"entry": entry}));
    }
    honest(hand)
}
