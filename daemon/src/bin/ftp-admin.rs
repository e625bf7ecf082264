//! The administration tool; all of it is in [`ftp_daemon::admin`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ftp_daemon::admin::main()
}
