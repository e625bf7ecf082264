//! The MD5 of what a job reads, computed by another worker while the job reads on.
//!
//! MD5 is the slowest thing that is done to a file, and it can only be done in order; but nothing else of the job has to wait for it.

use crate::fault::Fault;
use ftp_proto::digest::Md5;
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Other workers, who may help.
pub trait Hands {
    /// Has a worker call [`Help::give`] if one has nothing to do. Otherwise the help is dropped: what it is for is done by who needs it.
    fn offer(&self, help: Help);
}

/// Nobody.
#[derive(Debug)]
pub struct Alone;

impl Hands for Alone {
    fn offer(&self, _help: Help) {}
}

/// What another worker can do.
pub struct Help(Slot);

/// What is to be done, until somebody takes it.
type Slot = Arc<Mutex<Option<Task>>>;

struct Task {
    md5: Md5,
    bytes: Vec<u8>,
    back: Sender<(Md5, Vec<u8>)>,
}

fn take(slot: &Slot) -> Option<Task> {
    // Nothing that can panic is done while it is held.
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Help {
    /// Does it, if nobody has yet.
    pub fn give(self) {
        if let Some(Task { mut md5, bytes, back }) = take(&self.0) {
            md5.update(&bytes);
            // Who asked may be gone.
            let _gone = back.send((md5, bytes));
        }
    }
}

impl fmt::Debug for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Help")
    }
}

/// An MD5 and the next bytes for it, which were offered.
pub(super) struct Lent {
    slot: Slot,
    back: Receiver<(Md5, Vec<u8>)>,
}

impl Lent {
    pub(super) fn new(md5: Md5, bytes: Vec<u8>, hands: &dyn Hands) -> Self {
        let (sender, back) = channel();
        let slot = Arc::new(Mutex::new(Some(Task { md5, bytes, back: sender })));
        hands.offer(Help(Arc::clone(&slot)));
        Self { slot, back }
    }

    /// The MD5 with those bytes, and their buffer: waits for who took them, or does it.
    pub(super) fn home(self) -> Result<(Md5, Vec<u8>), Fault> {
        match take(&self.slot) {
            Some(Task { mut md5, bytes, .. }) => {
                md5.update(&bytes);
                Ok((md5, bytes))
            }
            None => self.back.recv().map_err(|_| Fault::Bug("an MD5 that was lent is lost")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Keeps what it is offered.
    #[derive(Default)]
    struct Slow(RefCell<Vec<Help>>);

    impl Hands for Slow {
        fn offer(&self, help: Help) {
            self.0.borrow_mut().push(help);
        }
    }

    #[test]
    fn what_is_lent_is_hashed_once_whoever_does_it() {
        let mut whole = Md5::default();
        whole.update(b"abcd");
        let whole = whole.finish();
        let hands = Slow::default();
        let begun = || {
            let mut md5 = Md5::default();
            md5.update(b"ab");
            Lent::new(md5, b"cd".to_vec(), &hands)
        };
        // Nobody takes it in time.
        let (md5, bytes) = begun().home().expect("done here");
        assert_eq!((md5.finish(), bytes), (whole, b"cd".to_vec()));
        hands.0.take().into_iter().for_each(Help::give);
        // Somebody does.
        let lent = begun();
        hands.0.take().into_iter().for_each(Help::give);
        let (md5, bytes) = lent.home().expect("done there");
        assert_eq!((md5.finish(), bytes), (whole, b"cd".to_vec()));
        // Somebody does, after who asked has gone.
        drop(begun());
        hands.0.take().into_iter().for_each(Help::give);
    }
}
