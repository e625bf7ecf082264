//! Inputs that a fuzzer can change and a person can read: lines that become frames.
//!
//! ```text
//! {"id":1,...     a message, as it is
//! # SIZE AT FLIP  the chunk at AT of a file of SIZE bytes; with FLIP not 0, damaged
//! E ID SIZE       the put_end of such a file
//! B ID SIZE AT    a server's begin of such a file from AT on
//! R ID SIZE       a server's ok for such a file
//! < ...           bytes, as they are
//! ! ~N D P L C    what comes before is answered; N milliseconds pass; drain; the peer closes; the connection is lost; the accounts change
//! ```
//! An input is a byte of switches, a byte that seeds all that is left to chance, and either such lines or the bytes themselves.

use fastrand::Rng;
use ftp_proto::frame::put_message;
use ftp_proto::limits::{CHUNK, VALUE};
use ftp_proto::{Chunk, Etag, Root, Tree, tree};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What is in all files: their first bytes are these.
pub static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = vec![0; LARGEST];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
});

/// The largest file.
pub const LARGEST: usize = CHUNK + 900;

/// The lines are lines, and not bytes.
pub const LINES: u8 = 1;
/// Switches that a target has for itself.
pub const OWN: [u8; 4] = [2, 4, 8, 16];

/// One input.
pub struct Script {
    /// The switches.
    pub flags: u8,
    /// The byte that seeds it.
    pub seed: u8,
    /// Decides what is left to chance.
    pub rng: Rng,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Debug)]
pub enum Step {
    /// These bytes come.
    Bytes(Vec<u8>),
    /// All that can be answered is.
    Rest,
    /// So many milliseconds pass.
    Pass(u64),
    /// The daemon is ending.
    Drain,
    /// The peer sends no more.
    Closed,
    /// The connection is gone.
    Lost,
    /// The accounts were changed.
    Changed,
}

impl Script {
    /// Reads an input; none if it is too short to be one.
    #[must_use]
    pub fn read(data: &[u8]) -> Option<Self> {
        let (&[flags, seed], rest) = data.split_first_chunk()?;
        let steps = if flags & LINES == 0 {
            vec![Step::Bytes(rest.to_vec())]
        } else {
            rest.split(|byte| *byte == b'\n').filter_map(step).collect()
        };
        Some(Self { flags, seed, rng: Rng::with_seed(seed.into()), steps })
    }

    /// Whether one of the target's own switches is set.
    #[must_use]
    pub fn has(&self, own: usize) -> bool {
        self.flags & OWN[own] != 0
    }

    /// All bytes, one after the other.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let bytes = self.steps.iter().filter_map(|step| match step {
            Step::Bytes(bytes) => Some(&bytes[..]),
            _ => None,
        });
        bytes.collect::<Vec<_>>().concat()
    }
}

fn step(line: &[u8]) -> Option<Step> {
    let (first, rest) = line.split_first()?;
    let mut numbers = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).map(number);
    let mut next = || numbers.next().unwrap_or(0);
    Some(match first {
        b'{' => Step::Bytes(frame(1, line)),
        b'#' => Step::Bytes(chunk(next(), next(), next())),
        b'E' => Step::Bytes(put_end(next(), next())),
        b'B' => Step::Bytes(begin(next(), next(), next())),
        b'R' => Step::Bytes(done(next(), next())),
        b'<' => Step::Bytes(rest.to_vec()),
        b'!' => Step::Rest,
        b'~' => Step::Pass(next()),
        b'D' => Step::Drain,
        b'P' => Step::Closed,
        b'L' => Step::Lost,
        b'C' => Step::Changed,
        _ => return None,
    })
}

fn number(word: &[u8]) -> u64 {
    let digits = word.iter().take(7).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// A frame of a kind.
///
/// # Panics
/// The payload is over 4 GiB.
#[must_use]
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&len[..], &[kind], payload].concat()
}

fn size_of(size: u64) -> usize {
    usize::try_from(size).map_or(LARGEST, |size| size.min(LARGEST))
}

fn chunk(size: u64, at: u64, flip: u64) -> Vec<u8> {
    let (size, at) = (size_of(size), size_of(at) / CHUNK * CHUNK);
    let data = &CONTENT[at..size.max(at).min(at + CHUNK)];
    if data.is_empty() {
        return frame(2, &[0; VALUE]);
    }
    let mut chunk = Chunk::with_len(Vec::new(), data.len());
    chunk.data_mut().copy_from_slice(data);
    chunk.seal(tree::value(size as u64, at as u64, data));
    chunk.data_mut()[0] ^= u8::from(flip != 0);
    chunk.frame().to_vec()
}

/// The tree of what comes before `end` in a file.
fn tree_of(bytes: &[u8], end: usize) -> Tree {
    let mut tree = Tree::new();
    for (at, data) in (0..end as u64).step_by(CHUNK).zip(bytes.chunks(CHUNK)) {
        tree.push(tree::value(bytes.len() as u64, at, data));
    }
    tree
}

/// The root of a file.
#[must_use]
pub fn root(bytes: &[u8]) -> Root {
    tree_of(bytes, bytes.len()).root()
}

/// The version of all files.
pub const ETAG: Etag = Etag([0x11; 16]);

fn message(message: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_message(&mut bytes, message);
    bytes
}

fn put_end(id: u64, size: u64) -> Vec<u8> {
    message(&json!({"id": id, "op": "put_end", "root": root(&CONTENT[..size_of(size)])}))
}

fn begin(id: u64, size: u64, at: u64) -> Vec<u8> {
    let prefix = tree_of(&CONTENT[..size_of(size)], size_of(at)).prefix();
    message(
        &json!({"re": id, "begin": {"size": size, "offset": at, "mtime": 7, "etag": ETAG, "prefix": prefix}}),
    )
}

fn done(id: u64, size: u64) -> Vec<u8> {
    let root = root(&CONTENT[..size_of(size)]);
    message(&json!({"re": id, "ok": {"size": size, "mtime": 7, "etag": ETAG, "root": root}}))
}
