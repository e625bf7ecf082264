//! Fixed work on values, always the same, for an instruction counter: `workloads chunks | messages | tree`.

use ftp_proto::frame::put_message;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::Request;
use ftp_proto::{Chunk, Deframer, Frame, Tree, tree};
use serde_json::json;
use std::error::Error;
use std::hint::black_box;

/// What a socket gives at once.
const READ: usize = 64 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("chunks") => chunks(),
        Some("messages") => messages(),
        Some("tree") => values(),
        _ => Err("workloads chunks | messages | tree".into()),
    }
}

/// Hashes, seals, frames, takes apart and hashes again a file of 32 MiB.
fn chunks() -> Result<(), Box<dyn Error>> {
    const SIZE: u64 = 32 << 20;
    let (mut deframer, mut buffer) = (Deframer::new(), Vec::new());
    deframer.allow_chunks(true);
    let (mut sent, mut received) = (Tree::new(), Tree::new());
    for offset in (0..SIZE).step_by(CHUNK) {
        let mut chunk = Chunk::with_len(buffer, tree::chunk_len(SIZE, offset));
        let value = tree::value(SIZE, offset, chunk.data());
        chunk.seal(value);
        sent.push(value);
        for mut bytes in chunk.frame().chunks(READ) {
            while !bytes.is_empty() {
                let (taken, frame) = deframer.push(bytes)?;
                bytes = &bytes[taken..];
                if let Some(Frame::Chunk(got)) = frame {
                    received.push(tree::value(SIZE, offset, got.data()));
                    deframer.recycle(got.into_buffer());
                }
            }
        }
        buffer = chunk.into_buffer();
    }
    if sent.root() == received.root() { Ok(()) } else { Err("not what was sent".into()) }
}

/// Writes, takes apart and reads twenty thousand messages.
fn messages() -> Result<(), Box<dyn Error>> {
    let (mut deframer, mut out) = (Deframer::new(), Vec::new());
    for id in 1..=20_000 {
        out.clear();
        put_message(&mut out, &json!({"id": id, "op": "get", "path": format!("/a/folder/file-{id:06}")}));
        let mut bytes = out.as_slice();
        while !bytes.is_empty() {
            let (taken, frame) = deframer.push(bytes)?;
            bytes = &bytes[taken..];
            if let Some(Frame::Message(text)) = frame {
                black_box(Request::parse(&text).map_err(|_| "a good request is refused")?);
            }
        }
    }
    Ok(())
}

/// Merges the values of a file of 32 GiB.
fn values() -> Result<(), Box<dyn Error>> {
    let value = tree::value(2 * CHUNK as u64, 0, &[7; CHUNK]);
    let mut tree = Tree::new();
    for _ in 0..131_072 {
        tree.push(value);
    }
    black_box(tree.root());
    Ok(())
}
