//! The programs under test, built once in the profile of the tests.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A program under test.
///
/// # Panics
/// It cannot be built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| build(&["--bins", "--package", "ftp-daemon", "--package", "ftp-cli"])).join(name)
}

/// An example of these tests, built as they are.
///
/// # Panics
/// It cannot be built.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| build(&["--examples", "--package", "ftp-tests"])).join("examples").join(name)
}

fn build(what: &[&str]) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its file");
    // target/<profile>/deps/<test>, or target/<profile>/examples/<example>
    let folder = test.ancestors().nth(2).expect("cargo puts tests there").to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked"]).args(what);
    cargo.arg("--target-dir").arg(folder.parent().expect("a target folder"));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(root()).status().expect("cargo runs");
    assert!(status.success(), "the programs can be built");
    folder
}

/// The top of the source tree.
///
/// # Panics
/// Never: this package is in it.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}
