//! Files to move.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// A stream of bytes that do not repeat: BLAKE3's output for `seed`, from `offset` on.
#[must_use]
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Writes such a stream to a file.
///
/// # Panics
/// The disk fails.
pub fn file(path: &Path, seed: u64, len: u64) {
    let mut stream = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let mut file = File::create(path).expect("a new file");
    let mut buffer = vec![0; 1 << 20];
    let mut left = len;
    while left > 0 {
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        stream.fill(&mut buffer[..n]);
        file.write_all(&buffer[..n]).expect("written");
        left -= n as u64;
    }
}

/// The BLAKE3 of a file.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn hash(path: &Path) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    io::copy(&mut file, &mut hasher).expect("read");
    hasher.finalize()
}

/// Every file below a folder with its hash, by its path in it. Symbolic links are left out, as the client does.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn tree(folder: &Path) -> std::collections::BTreeMap<std::path::PathBuf, blake3::Hash> {
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let hash = hash(&path);
                found.insert(path.strip_prefix(folder).expect("below it").to_owned(), hash);
            }
        }
    }
    found
}

/// A pseudo-random number below `bound`, the same at every run for the same `seed`.
#[must_use]
pub fn number(seed: u64, bound: u64) -> u64 {
    let hash = blake3::hash(&seed.to_le_bytes());
    let (head, _) = hash.as_bytes().split_first_chunk().expect("32 bytes");
    u64::from_le_bytes(*head) % bound.max(1)
}

/// How much of something is tried: what the variable says, or else `usual`.
///
/// # Panics
/// The variable is no number.
#[must_use]
pub fn count(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}"))
    })
}
