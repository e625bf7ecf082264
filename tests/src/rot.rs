//! Kept trees on the disk, and files that a failing disk changes behind everybody's back.

use crate::wire::Wire;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The bytes of a seal, and where in it the check begins.
const SEAL: usize = 96;
const CHECK: usize = 64;

/// Where the tree of a file is; `folder` is the user's.
///
/// # Panics
/// There is no such file.
#[must_use]
pub fn tree_of(folder: &Path, name: &str) -> PathBuf {
    let inode = fs::metadata(folder.join("home").join(name)).expect("there").ino();
    folder.join("trees").join(format!("{inode:016x}"))
}

/// Flips a bit of a file, and has its tree take it for the version that was uploaded: a disk would tell nobody.
///
/// # Panics
/// There is no such file, or it has no tree.
pub fn rot(wire: &mut Wire, folder: &Path, name: &str, at: usize) {
    let place = folder.join("home").join(name);
    let file = fs::File::options().read(true).write(true).open(&place).expect("there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).expect("there");
    file.write_all_at(&[byte[0] ^ 1], at as u64).expect("written");
    let answer = wire.ask(json!({"op": "stat", "path": format!("/{name}")})).expect("an answer");
    let etag = answer["ok"]["entry"]["etag"].as_str().expect("a version");
    let digits = etag.as_bytes().as_chunks::<2>().0.iter();
    let etag: Vec<_> =
        digits.map(|two| u8::from_str_radix(&String::from_utf8_lossy(two), 16).expect("hex")).collect();
    let mut tree = fs::read(tree_of(folder, name)).expect("a tree");
    let seal = tree.len() - SEAL;
    tree[seal + 8..seal + 24].copy_from_slice(&etag);
    let check = *blake3::hash(&tree[seal..seal + CHECK]).as_bytes();
    tree[seal + CHECK..].copy_from_slice(&check);
    fs::write(tree_of(folder, name), tree).expect("written");
}
