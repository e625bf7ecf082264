//! Prints the BLAKE3 of a file as `b3sum` does, for machines that have no `b3sum`.

fn main() {
    for name in std::env::args().skip(1) {
        println!("{}", ftp_tests::sample::hash(name.as_ref()));
    }
}
