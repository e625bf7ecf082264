//! The daemon, all of it, on a disk that fails when the harness at the socket in `FTPD_FAULTS` says so.

use ftp_tests::faulty::{Faults, FaultyDisk, SOCKET};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let socket = std::env::var_os(SOCKET).expect("FTPD_FAULTS names the harness's socket");
    let faults = Faults::connect(Path::new(&socket)).expect("the harness listens");
    ftp_daemon::daemon::main_on(&|jail| Arc::new(FaultyDisk::new(Box::new(jail), Arc::clone(&faults))))
}
