//! The client; all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ftp_cli::shell::main()
}
