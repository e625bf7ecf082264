//! What one user holds and may hold: reserved before the first byte, exact at every moment.
//!
//! The reactor's thread owns it, so a reservation is one comparison and one addition. What a job then did to the disk is settled from its outcome. The
//! numbers are derived by a walk ([`crate::vfs::Survey`]) and never stored, so a crash cannot make them drift.

use crate::vfs::Survey;
use ftp_proto::message::{Account, Refusal};
use ftp_proto::{Code, Etag};
use std::collections::HashMap;

/// The ledger of one user.
#[derive(Debug)]
pub struct Ledger {
    /// Bytes of the files in the home. Signed: a removal may be settled before the upload that it followed, whose reservation still counts.
    home: i64,
    /// Files and directories in the home, and running uploads.
    entries: i64,
    /// Parts that no session has open, and what they hold.
    parts: HashMap<Etag, u64>,
    /// Bytes set aside for running uploads.
    reserved: u64,
    quota: Option<u64>,
    entries_limit: u64,
}

/// Room that was set aside for one upload. It must be settled with [`Ledger::published`] or [`Ledger::ended`].
#[must_use]
#[derive(Debug)]
pub struct Reservation {
    id: Etag,
    /// The announced size.
    size: u64,
    /// What is set aside: at first a larger leftover of an earlier attempt is still on the disk.
    held: u64,
}

impl Reservation {
    /// The bytes that are set aside.
    pub fn held(&self) -> u64 {
        self.held
    }
}

impl Ledger {
    /// What a walk found, under these limits.
    #[must_use]
    pub fn new(survey: &Survey, quota: Option<u64>, entries_limit: u64) -> Self {
        Self {
            home: signed(survey.bytes),
            entries: signed(survey.entries),
            parts: survey.parts.iter().copied().collect(),
            reserved: 0,
            quota,
            entries_limit,
        }
    }

    /// Other limits from now on; what is there stays.
    pub fn set_limits(&mut self, quota: Option<u64>, entries_limit: u64) {
        self.quota = quota;
        self.entries_limit = entries_limit;
    }

    fn used(&self) -> u64 {
        let held = signed(self.parts.values().sum::<u64>() + self.reserved);
        u64::try_from(self.home + held).unwrap_or(0)
    }

    fn entries(&self) -> u64 {
        u64::try_from(self.entries).unwrap_or(0) + self.parts.len() as u64
    }

    /// Sets aside `size` bytes and an entry for an upload into the part `id`, whose leftover it takes over.
    ///
    /// # Errors
    /// `quota_exceeded` with what is left, or `too_many_files`.
    pub fn reserve(&mut self, id: Etag, size: u64) -> Result<Reservation, Refusal> {
        let leftover = self.parts.get(&id).copied();
        let others = self.used() - leftover.unwrap_or(0).min(self.used());
        if let Some(quota) = self.quota {
            let left = quota.saturating_sub(others);
            if size > left {
                let refusal = Refusal::new(
                    Code::QuotaExceeded,
                    format!("{size} bytes do not fit: {left} of your {quota} bytes are left"),
                )
                .hint("make room with rm, or ask the administrator for more");
                return Err(Refusal { left: Some(left), ..refusal });
            }
        }
        if leftover.is_none() {
            self.check_entries()?;
        }
        let held = size.max(leftover.unwrap_or(0));
        self.parts.remove(&id);
        self.reserved += held;
        self.entries += 1;
        Ok(Reservation { id, size, held })
    }

    fn check_entries(&self) -> Result<(), Refusal> {
        if self.entries() < self.entries_limit {
            return Ok(());
        }
        let message = format!("you have {} files and directories, and may not have more", self.entries());
        Err(Refusal::new(Code::TooManyFiles, message).hint("remove some, or ask the administrator for more"))
    }

    /// The upload is in place and replaced a file of so many bytes, if it replaced one.
    pub fn published(&mut self, reservation: Reservation, replaced: Option<u64>) {
        self.reserved -= reservation.held;
        self.home += signed(reservation.size) - signed(replaced.unwrap_or(0));
        self.entries -= i64::from(replaced.is_some());
    }

    /// The upload ended otherwise; its part holds `left` bytes (0: it does not count).
    pub fn ended(&mut self, reservation: Reservation, left: u64) {
        self.reserved -= reservation.held;
        self.entries -= 1;
        if left > 0 {
            self.parts.insert(reservation.id, left);
        }
    }

    /// Sets aside an entry for a directory.
    ///
    /// # Errors
    /// `too_many_files`.
    pub fn add_entry(&mut self) -> Result<(), Refusal> {
        self.check_entries()?;
        self.entries += 1;
        Ok(())
    }

    /// An entry that held `bytes` is gone (or was not made, with 0).
    pub fn removed(&mut self, bytes: u64) {
        self.home -= signed(bytes);
        self.entries -= 1;
    }

    /// The part `id` of an ended upload is gone.
    pub fn part_removed(&mut self, id: Etag) {
        self.parts.remove(&id);
    }

    /// The parts of ended uploads.
    pub fn parts(&self) -> impl Iterator<Item = Etag> {
        self.parts.keys().copied()
    }

    /// For the client.
    #[must_use]
    pub fn account(&self) -> Account {
        Account {
            used: self.used(),
            quota: self.quota,
            entries: self.entries(),
            entries_limit: self.entries_limit,
        }
    }
}

/// A file's size as the kernel counts it is below 2^63.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ledger(quota: u64) -> Ledger {
        Ledger::new(&Survey::default(), Some(quota), 100)
    }

    fn id(n: u8) -> Etag {
        Etag([n; 16])
    }

    #[test]
    fn room_is_set_aside_before_the_first_byte() {
        let mut ledger = ledger(100);
        let first = ledger.reserve(id(1), 60).expect("fits");
        let refusal = ledger.reserve(id(2), 41).expect_err("does not fit");
        assert_eq!((refusal.code, refusal.left), (Code::QuotaExceeded, Some(40)));
        let second = ledger.reserve(id(2), 40).expect("fits exactly");
        ledger.ended(first, 10);
        ledger.published(second, None);
        assert_eq!((ledger.used(), ledger.entries()), (50, 2));
        let again = ledger.reserve(id(1), 60).expect("its own leftover does not stand in its way");
        assert_eq!(ledger.used(), 100);
        ledger.published(again, Some(40));
        assert_eq!((ledger.used(), ledger.entries()), (60, 1));
    }

    #[test]
    fn a_larger_leftover_counts_until_it_is_gone() {
        let mut ledger = ledger(100);
        let first = ledger.reserve(id(1), 90).expect("fits");
        ledger.ended(first, 80);
        let small = ledger.reserve(id(1), 5).expect("fits");
        assert_eq!(ledger.used(), 80, "the old bytes may still be on the disk");
        ledger.published(small, None);
        assert_eq!(ledger.used(), 5);
    }

    #[test]
    fn entries_are_counted_and_bounded() {
        let mut ledger = Ledger::new(&Survey { entries: 98, ..Survey::default() }, None, 100);
        ledger.add_entry().expect("99 become 100 at most");
        let upload = ledger.reserve(id(1), 0).expect("the last");
        assert_eq!(ledger.add_entry().expect_err("full").code, Code::TooManyFiles);
        ledger.ended(upload, 0);
        ledger.add_entry().expect("room again");
    }

    #[derive(Debug, Clone)]
    enum Op {
        Reserve(u8, u64),
        Publish(usize, u64),
        End(usize, u64),
        Remove(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0..20u8, 0..400u64).prop_map(|(id, size)| Op::Reserve(id, size)),
            (any::<usize>(), 0..400u64).prop_map(|(which, replaced)| Op::Publish(which, replaced)),
            (any::<usize>(), 0..400u64).prop_map(|(which, left)| Op::End(which, left)),
            (0..400u64).prop_map(Op::Remove),
        ]
    }

    proptest! {
        #[test]
        fn what_is_used_is_the_sum_of_what_is_there_and_never_over_the_quota(ops in proptest::collection::vec(op(), 1..200)) {
            const QUOTA: u64 = 1000;
            let mut ledger = ledger(QUOTA);
            let mut open: Vec<Reservation> = Vec::new();
            let mut files = 0u64;
            let mut parts: HashMap<Etag, u64> = HashMap::new();
            for op in ops {
                match op {
                    Op::Reserve(n, size) if open.iter().all(|reservation| reservation.id != id(n)) => {
                        if let Ok(reservation) = ledger.reserve(id(n), size) {
                            parts.remove(&id(n));
                            open.push(reservation);
                        }
                    }
                    Op::Publish(which, replaced) if !open.is_empty() => {
                        let reservation = open.swap_remove(which % open.len());
                        let replaced = replaced.min(files);
                        files = files + reservation.size - replaced;
                        ledger.published(reservation, (replaced > 0).then_some(replaced));
                    }
                    Op::End(which, left) if !open.is_empty() => {
                        let reservation = open.swap_remove(which % open.len());
                        let left = left.min(reservation.size);
                        if left > 0 {
                            parts.insert(reservation.id, left);
                        }
                        ledger.ended(reservation, left);
                    }
                    Op::Remove(bytes) => {
                        files -= bytes.min(files);
                        ledger.removed(bytes.min(u64::try_from(ledger.home).expect("not below zero here")));
                    }
                    _ => {}
                }
                let held: u64 = open.iter().map(|reservation| reservation.held).sum();
                prop_assert_eq!(ledger.used(), files + held + parts.values().sum::<u64>());
                prop_assert!(ledger.used() <= QUOTA);
            }
        }
    }
}
