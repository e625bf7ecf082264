//! Writes the man pages, the completions and the shipped configurations anew, from the tables of the programs.

use ftp_tests::manuals;

fn main() {
    for (path, text) in manuals::all() {
        let file = ftp_tests::binaries::root().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, text).expect("written");
        println!("wrote {path}");
    }
}
