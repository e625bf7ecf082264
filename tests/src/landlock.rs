//! What the sandbox of the daemon is made of.

use ftp_daemon::sandbox::{Reach, Wall, confine};
use std::io::Write as _;
use std::thread;

/// Whether this kernel has it; says loudly, past the harness, when it has not.
///
/// # Panics
/// The kernel has it and refuses it.
#[must_use]
pub fn has_landlock() -> bool {
    let wall = thread::spawn(|| confine(&Reach { read: Vec::new(), write: Vec::new() })).join();
    let has = matches!(wall.expect("no panic").expect("no fault"), Wall::Landlock(_));
    if !has {
        let _nobody_reads = writeln!(std::io::stderr(), "SKIPPED: sandbox: this kernel has no Landlock");
    }
    has
}
