//! Connections with something to do, in the order in which they came: each has its turn, then goes to the back.

use super::token::ConnId;
use std::collections::{HashSet, VecDeque};

/// The queue. A connection is in it once at most.
#[derive(Debug, Default)]
pub(super) struct Ready {
    queue: VecDeque<ConnId>,
    queued: HashSet<ConnId>,
}

impl Ready {
    /// Puts a connection at the back, if it is not in already.
    pub(super) fn push(&mut self, id: ConnId) {
        if self.queued.insert(id) {
            self.queue.push_back(id);
        }
    }

    /// The next.
    pub(super) fn pop(&mut self) -> Option<ConnId> {
        let id = self.queue.pop_front()?;
        self.queued.remove(&id);
        Some(id)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// None waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
