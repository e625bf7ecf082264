//! What one user holds and may hold: reserved before the first byte, exact at every moment.
//!
//! The reactor's thread owns it, so a reservation is one comparison and one addition. What a job then did to the disk is settled from its outcome. The
//! numbers are derived by a walk ([`crate::vfs::Survey`]) and never stored, so a crash cannot make them drift.

use crate::vfs::Survey;
use ftp_proto::Etag;
use ftp_proto::message::{Account, Refusal};

/// The ledger of one user.
#[derive(Debug)]
pub struct Ledger {}

/// Room that was set aside for one upload. It must be settled: to drop it is a leak, which the test build punishes.
#[must_use]
#[derive(Debug)]
pub struct Reservation {}

impl Reservation {
    /// The bytes that are set aside.
    pub fn size(&self) -> u64 {
        unimplemented!()
    }
}

impl Ledger {
    /// What a walk found, under these limits.
    #[must_use]
    pub fn new(_survey: &Survey, _quota: Option<u64>, _entries_limit: u64) -> Self {
        unimplemented!()
    }

    /// Other limits from now on; what is there stays.
    pub fn set_limits(&mut self, _quota: Option<u64>, _entries_limit: u64) {
        unimplemented!()
    }

    /// Sets aside `size` bytes and an entry for an upload into the part `id`, whose leftover it takes over.
    ///
    /// # Errors
    /// `quota_exceeded` with what is left, or `too_many_files`.
    pub fn reserve(&mut self, _id: Etag, _size: u64) -> Result<Reservation, Refusal> {
        unimplemented!()
    }

    /// The upload is in place and replaced a file of so many bytes, if it replaced one.
    pub fn published(&mut self, _reservation: Reservation, _replaced: Option<u64>) {
        unimplemented!()
    }

    /// The upload ended otherwise; its part holds `left` bytes (0: there is none).
    pub fn ended(&mut self, _reservation: Reservation, _left: u64) {
        unimplemented!()
    }

    /// Sets aside an entry for a directory.
    ///
    /// # Errors
    /// `too_many_files`.
    pub fn add_entry(&mut self) -> Result<(), Refusal> {
        unimplemented!()
    }

    /// An entry that holds `bytes` is gone (or was not made, with 0).
    pub fn removed(&mut self, _bytes: u64) {
        unimplemented!()
    }

    /// The part `id` of a finished attempt is gone.
    pub fn part_removed(&mut self, _id: Etag) {
        unimplemented!()
    }

    /// The parts of finished attempts.
    pub fn parts(&self) -> impl Iterator<Item = Etag> {
        std::iter::empty()
    }

    /// For the client.
    #[must_use]
    pub fn account(&self) -> Account {
        unimplemented!()
    }
}
