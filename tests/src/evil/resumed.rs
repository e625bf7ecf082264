//! Downloads that are gone on with, by a server that has changed its mind.

use super::downloads::{begin, begin_with, chunks, content, end, look};
use super::{Case, Hand, Then};
use ftp_proto::limits::CHUNK;
use ftp_proto::{Tree, tree};
use serde_json::json;
use std::io;

/// The first attempt brings two chunks and is cut; the second finds what the case says; the third is honest.
pub(super) const CASES: &[Case] = &[
    ("going on: honest", resumed_honestly),
    ("going on: another etag in the begin", other_etag),
    ("going on: another prefix", other_prefix),
    ("going on: another size", other_size),
    ("going on: the file changed, says the error", says_changed),
    ("going on: from the start", from_the_start),
    ("going on: other chunks", other_chunks),
    ("going on: cut again", cut_again),
];

const OTHER_ETAG: &str = "ffffffffffffffffffffffffffffffff";

fn prefix_of(file: &[u8], offset: usize) -> String {
    let mut tree = Tree::new();
    for at in (0..offset.min(file.len())).step_by(CHUNK) {
        tree.push(tree::value(file.len() as u64, at as u64, &file[at..file.len().min(at + CHUNK)]));
    }
    tree.prefix().to_string()
}

/// What the client asks to begin at.
fn offset(hand: &Hand) -> usize {
    hand.request["offset"].as_u64().and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0)
}

/// An honest server that goes on.
fn goes_on(hand: &mut Hand, file: &[u8]) -> io::Result<Then> {
    let offset = offset(hand);
    begin_with(hand, file.len().into(), json!({"prefix": prefix_of(file, offset)}))?;
    chunks(hand, file, offset)?;
    end(hand, file)
}

fn resumed(
    hand: &mut Hand,
    second: impl FnOnce(&mut Hand, &[u8], usize) -> io::Result<Then>,
) -> io::Result<Then> {
    let file = content(hand.leaf());
    if let Some(looked) = look(hand, &file)? {
        return Ok(looked);
    }
    match hand.visit {
        0 => {
            begin(hand, &file)?;
            hand.chunk(&file, 0)?;
            hand.chunk(&file, CHUNK)?;
            hand.fin()
        }
        1 => {
            let offset = offset(hand);
            second(hand, &file, offset)
        }
        _ => goes_on(hand, &file),
    }
}

fn resumed_honestly(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, file, _| goes_on(hand, file))
}

fn other_etag(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, file, offset| {
        begin_with(hand, file.len().into(), json!({"prefix": prefix_of(file, offset), "etag": OTHER_ETAG}))?;
        chunks(hand, file, offset).and_then(|()| end(hand, file))
    })
}

fn other_prefix(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, file, offset| {
        begin_with(hand, file.len().into(), json!({"prefix": "11".repeat(32)}))?;
        chunks(hand, file, offset)?;
        end(hand, file)
    })
}

/// The version that is gone on with has another size now.
fn other_size(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, file, offset| {
        let size = hand.pick(&[offset, offset + 1, 0, file.len() + CHUNK, CHUNK]);
        begin_with(hand, size.into(), json!({"prefix": prefix_of(file, offset)}))?;
        let mut tree = Tree::new();
        for at in (0..offset).step_by(CHUNK) {
            tree.push(tree::value(file.len() as u64, at as u64, &file[at..at + CHUNK]));
        }
        // The root of what is there: a client that does not look at the size takes it for whole.
        hand.ok(json!({"root": tree.root().to_string()}))
    })
}

fn says_changed(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, _, _| hand.error("changed", "it is another file now"))
}

fn from_the_start(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, file, offset| {
        begin_with(hand, file.len().into(), json!({"prefix": prefix_of(file, offset)}))?;
        chunks(hand, file, 0)?;
        end(hand, file)
    })
}

fn other_chunks(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, file, offset| {
        begin_with(hand, file.len().into(), json!({"prefix": prefix_of(file, offset)}))?;
        let other: Vec<u8> = file.iter().map(|byte| byte ^ 1).collect();
        chunks(hand, &other, offset)?;
        end(hand, file)
    })
}

fn cut_again(hand: &mut Hand) -> io::Result<Then> {
    resumed(hand, |hand, file, offset| {
        begin_with(hand, file.len().into(), json!({"prefix": prefix_of(file, offset)}))?;
        hand.reset()
    })
}
