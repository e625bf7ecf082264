//! Real trees go up and come back bit-identical: the toolchain's libraries, and thousands of source files.

use ftp_tests::sample;
use ftp_tests::site::Site;
use std::path::{Path, PathBuf};
use std::process::Command;

fn round_trip(tree: &Path, least_files: usize, least_bytes: u64) {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let here = sample::tree(tree);
    let bytes: u64 = here.keys().map(|path| tree.join(path).metadata().expect("there").len()).sum();
    assert!(here.len() >= least_files && bytes >= least_bytes, "{} files, {bytes} bytes", here.len());
    let put = site.script(daemon.port, "alice", &format!("put -r -o up '{}'", tree.display())).expect(0);
    assert!(put.err.contains(&format!("{} verified", here.len())), "{}", put.err);
    assert_eq!(sample::tree(&site.home_of("alice").join("up")), here);
    let get = site.script(daemon.port, "alice", "get -r -o down up").expect(0);
    assert!(get.err.contains(&format!("{} verified", here.len())), "{}", get.err);
    assert_eq!(sample::tree(&site.path("work/down")), here);
    assert_eq!(std::fs::read_dir(site.path("var/users/alice/parts")).expect("there").count(), 0);
}

#[test]
fn the_toolchains_libraries() {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().expect("a toolchain");
    let lib = PathBuf::from(String::from_utf8(sysroot.stdout).expect("UTF-8").trim()).join("lib");
    round_trip(&lib, 10, 200 << 20);
}

/// The sources of the crates that this workspace is built from: they are on every machine that can build it.
#[test]
fn thousands_of_source_files() {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))).expect("a cargo home");
    let registry =
        std::fs::read_dir(home.join("registry/src")).expect("fetched crates").next().expect("a registry");
    round_trip(&registry.expect("an entry").path(), 5000, 1 << 20);
}
