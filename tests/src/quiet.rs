//! A transfer that tells nobody how it goes.

use ftp_cli::watch::Watch;

/// Says nothing.
pub struct Silent;

impl Watch for Silent {
    fn checking(&mut self, _: u64, _: u64) {}
    fn begin(&mut self, _: u64, _: u64) {}
    fn at(&mut self, _: u64) {}
    fn finishing(&mut self) {}
    fn note(&mut self, _: &str) {}
}
