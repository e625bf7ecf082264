//! `cert` and `fingerprint`.

use super::command::ConfigFile;
use super::console::Console;
use super::failure::Failure;
use super::folders::shown;
use crate::cert::{self, CertRequest};
use std::path::Path;

pub(super) fn make(request: &CertRequest, console: &mut dyn Console) -> Result<(), Failure> {
    let made = cert::make(request).map_err(|fault| Failure::failed(fault.0))?;
    for file in &made.files {
        console.print(&format!("wrote    {}", shown(file)))?;
    }
    if made.ca_reused {
        console
            .print(&format!("kept     {}: clients need nothing new", shown(&request.out.join("ca.pem"))))?;
    }
    console.print(&format!("for      {}", made.subjects.join(", ")))?;
    console.print(&format!("CA       {}", made.ca))?;
    console.print(&format!("server   {}", made.server))?;
    console.note("Give clients ca.pem, or the server's fingerprint. Keep ca.key to yourself: whoever has it can be any server.");
    Ok(())
}

pub(super) fn fingerprint(
    config: &ConfigFile,
    file: Option<&Path>,
    console: &mut dyn Console,
) -> Result<(), Failure> {
    let pem = match file {
        Some(file) => file.to_owned(),
        None => config.load()?.certificate,
    };
    let fingerprint = cert::fingerprint(&pem).map_err(|fault| Failure::failed(fault.0))?;
    console.print(&fingerprint)
}
