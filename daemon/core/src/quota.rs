//! What one user holds and may hold: reserved before the first byte, exact at every moment.
//!
//! The reactor's thread owns it, so a reservation is one comparison and one addition. What a job then did to the disk is settled from its outcome. The
//! numbers are derived by a walk ([`crate::vfs::Survey`]) and never stored, so a crash cannot make them drift.

use crate::vfs::Survey;
use ftp_proto::message::{Account, Refusal};
use ftp_proto::{Code, Etag};
use std::collections::BTreeMap;

/// The ledger of one user.
///
/// What is used is the bytes in the home, the bytes in the parts of finished attempts, and what open uploads have reserved. Until an outcome is
/// settled this is never less than what lies on the disk: an upload is counted by its reservation until it is counted in the home, and what is
/// gone is counted until its removal is told. After a failure of the disk, or a panic, it may be more: then the ledger is [doubtful](Ledger::doubt).
/// Whatever comes into a home or leaves it past the daemon is not seen before the next walk.
#[derive(Debug)]
pub struct Ledger {
    quota: Option<u64>,
    entries_limit: u64,
    /// Bytes in the home. Signed: the removal of a new file may be settled before the upload that made it, whose reservation outweighs it.
    home: i128,
    /// Files and directories in the home; signed for the same reason.
    home_entries: i64,
    /// What the parts of finished attempts hold.
    parts: Parts,
    /// The bytes of all open reservations.
    reserved: u128,
    /// How many are open; each is an entry.
    open: u64,
    /// A job failed, and nobody knows how far it had come.
    doubtful: bool,
}

/// Parts and what they hold. The sum is kept, for a user may have as many of them as entries, and each request asks for it.
#[derive(Debug, Default)]
struct Parts {
    sizes: BTreeMap<Etag, u64>,
    bytes: u128,
}

impl Parts {
    fn insert(&mut self, id: Etag, bytes: u64) {
        self.remove(id);
        self.sizes.insert(id, bytes);
        self.bytes += u128::from(bytes);
    }

    fn remove(&mut self, id: Etag) {
        self.bytes -= u128::from(self.sizes.remove(&id).unwrap_or(0));
    }
}

impl FromIterator<(Etag, u64)> for Parts {
    fn from_iter<I: IntoIterator<Item = (Etag, u64)>>(sizes: I) -> Self {
        let mut parts = Self::default();
        sizes.into_iter().for_each(|(id, bytes)| parts.insert(id, bytes));
        parts
    }
}

/// Room that was set aside for one upload. It must be settled: to drop it is a leak, which the test build punishes.
#[must_use]
#[derive(Debug)]
pub struct Reservation {
    /// The part.
    id: Etag,
    /// What the file will have.
    size: u64,
    /// What an earlier attempt left, if there was one.
    leftover: Option<u64>,
    /// What is counted: the size, or the leftover where that is larger.
    counted: u64,
}

impl Reservation {
    /// An earlier attempt left something.
    #[must_use]
    pub fn has_leftover(&self) -> bool {
        self.leftover.is_some()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        debug_assert!(
            std::thread::panicking(),
            "a reservation of {} bytes was dropped and not settled",
            self.counted
        );
    }
}

/// What there is not enough of.
enum Lack {
    /// So many are left.
    Bytes(u64),
    Entries,
}

impl Ledger {
    /// What a walk found, under these limits.
    #[must_use]
    pub fn new(survey: &Survey, quota: Option<u64>, entries_limit: u64) -> Self {
        Self {
            quota,
            entries_limit,
            home: i128::from(survey.bytes),
            home_entries: i64::try_from(survey.entries).unwrap_or(i64::MAX),
            parts: survey.parts.iter().copied().collect(),
            reserved: 0,
            open: 0,
            doubtful: false,
        }
    }

    /// Other limits from now on; what is there stays.
    pub fn set_limits(&mut self, quota: Option<u64>, entries_limit: u64) {
        self.quota = quota;
        self.entries_limit = entries_limit;
    }

    /// Sets aside `size` bytes and an entry for an upload into the part `id`, whose leftover it takes over.
    ///
    /// It counts the larger of `size` and the leftover, because the leftover is on the disk until the job has looked at it. It is refused by `size`
    /// alone: a leftover that is larger is there already and does not grow.
    ///
    /// # Errors
    /// `quota_exceeded` with what is left, or `too_many_files`.
    pub fn reserve(&mut self, id: Etag, size: u64) -> Result<Reservation, Refusal> {
        let leftover = self.room_for(id, size).map_err(|lack| match lack {
            Lack::Bytes(left) => does_not_fit(size, left),
            Lack::Entries => self.too_many(),
        })?;
        self.parts.remove(id);
        let counted = size.max(leftover.unwrap_or(0));
        self.reserved += u128::from(counted);
        self.open += 1;
        Ok(Reservation { id, size, leftover, counted })
    }

    /// Whether that would be set aside.
    #[must_use]
    pub fn has_room(&self, id: Etag, size: u64) -> bool {
        self.room_for(id, size).is_ok()
    }

    /// What an earlier attempt left, if this fits beside all else.
    fn room_for(&self, id: Etag, size: u64) -> Result<Option<u64>, Lack> {
        let leftover = self.parts.sizes.get(&id).copied();
        if let Some(left) = self.left_without(leftover.unwrap_or(0)).filter(|left| size > *left) {
            return Err(Lack::Bytes(left));
        }
        if leftover.is_none() && !self.has_an_entry() {
            return Err(Lack::Entries);
        }
        Ok(leftover)
    }

    /// The upload is in place and replaced a file of so many bytes, if it replaced one.
    pub fn published(&mut self, reservation: Reservation, replaced: Option<u64>) {
        self.home += i128::from(reservation.size);
        self.home_entries += 1;
        if let Some(bytes) = replaced {
            self.removed(bytes);
        }
        self.settle(reservation);
    }

    /// The upload ended otherwise; its part holds `left` bytes (0: there is none).
    pub fn ended(&mut self, reservation: Reservation, left: u64) {
        if left > 0 {
            self.parts.insert(reservation.id, left);
        }
        self.settle(reservation);
    }

    /// The upload was not begun: what an earlier attempt left is as it was.
    pub fn withdrawn(&mut self, reservation: Reservation) {
        if let Some(bytes) = reservation.leftover {
            self.parts.insert(reservation.id, bytes);
        }
        self.settle(reservation);
    }

    /// The upload ended, and nobody knows how far it had come: what was set aside stays counted.
    pub fn lost(&mut self, reservation: Reservation) {
        self.home += i128::from(reservation.counted);
        self.home_entries += 1;
        self.doubt();
        self.settle(reservation);
    }

    /// What is counted may be more than there is: it should be counted anew when nobody works on it.
    pub fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// Whether it should be counted anew.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    fn settle(&mut self, reservation: Reservation) {
        self.reserved -= u128::from(reservation.counted);
        self.open -= 1;
        // It owns nothing but numbers.
        std::mem::forget(reservation);
    }

    /// Sets aside an entry for a directory.
    ///
    /// # Errors
    /// `too_many_files`.
    pub fn add_entry(&mut self) -> Result<(), Refusal> {
        if !self.has_an_entry() {
            return Err(self.too_many());
        }
        self.home_entries += 1;
        Ok(())
    }

    /// An entry that holds `bytes` is gone (or was not made, with 0). One that nobody had counted, because it came into the home past the daemon, is not
    /// given back.
    pub fn removed(&mut self, bytes: u64) {
        self.home -= i128::from(bytes);
        self.home_entries -= 1;
        // What is not counted yet is at most what is reserved.
        let (bytes, entries) = (
            i128::try_from(self.reserved).unwrap_or(i128::MAX),
            i64::try_from(self.open).unwrap_or(i64::MAX),
        );
        if self.home < -bytes || self.home_entries < -entries {
            self.home = self.home.max(-bytes);
            self.home_entries = self.home_entries.max(-entries);
            self.doubt();
        }
    }

    /// The part `id` of a finished attempt is gone.
    pub fn part_removed(&mut self, id: Etag) {
        self.parts.remove(id);
    }

    /// The parts of finished attempts.
    pub fn parts(&self) -> impl Iterator<Item = Etag> {
        self.parts.sizes.keys().copied()
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

    fn used(&self) -> u64 {
        let sum = self.home.saturating_add_unsigned(self.parts.bytes).saturating_add_unsigned(self.reserved);
        u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
    }

    /// What the quota leaves beside all but `leftover` bytes; none means no limit.
    fn left_without(&self, leftover: u64) -> Option<u64> {
        self.quota.map(|quota| quota.saturating_sub(self.used().saturating_sub(leftover)))
    }

    fn entries(&self) -> u64 {
        let parts = i64::try_from(self.parts.sizes.len() as u64 + self.open).unwrap_or(i64::MAX);
        u64::try_from(self.home_entries.saturating_add(parts)).unwrap_or(0)
    }

    /// Whether there is room for another entry.
    #[must_use]
    pub fn has_an_entry(&self) -> bool {
        self.entries() < self.entries_limit
    }

    fn too_many(&self) -> Refusal {
        let message = format!(
            "you have {} of at most {} files, directories and unfinished uploads",
            self.entries(),
            self.entries_limit
        );
        Refusal::new(Code::TooManyFiles, message).hint(MAKE_ROOM)
    }
}

fn does_not_fit(size: u64, left: u64) -> Refusal {
    let message = format!("{size} bytes do not fit: {left} bytes of your quota are left");
    Refusal { left: Some(left), ..Refusal::new(Code::QuotaExceeded, message).hint(MAKE_ROOM) }
}

const MAKE_ROOM: &str = "make room with rm, or ask the administrator";

#[cfg(test)]
mod tests;
