//! Connections with something to do: each has its turn in every round. Those for which something happened come before those that only go on with what a
//! spent budget left, so that a short word does not wait for long transfers.

use super::token::ConnId;
use std::collections::{HashSet, VecDeque};

/// The queue. A connection is in it once at most.
#[derive(Debug, Default)]
pub(super) struct Ready {
    fresh: VecDeque<ConnId>,
    spent: VecDeque<ConnId>,
    queued: HashSet<ConnId>,
}

impl Ready {
    /// Puts in a connection for which something happened, if it is not in already: what has spent its budget does not come forward by that.
    pub(super) fn push(&mut self, id: ConnId) {
        if self.queued.insert(id) {
            self.fresh.push_back(id);
        }
    }

    /// Puts in a connection that had its turn and has not done all, behind all others.
    pub(super) fn push_spent(&mut self, id: ConnId) {
        if self.queued.insert(id) {
            self.spent.push_back(id);
        }
    }

    /// The next.
    pub(super) fn pop(&mut self) -> Option<ConnId> {
        let id = self.fresh.pop_front().or_else(|| self.spent.pop_front())?;
        self.queued.remove(&id);
        Some(id)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queued.len()
    }

    /// None waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::Slots;
    use super::*;

    #[test]
    fn what_happened_comes_before_what_is_left_and_each_comes_once() {
        let mut slots = Slots::default();
        let ids: Vec<_> = (0..4).filter_map(|n| slots.insert(|_| n)).collect();
        let mut ready = Ready::default();
        ready.push_spent(ids[0]);
        ready.push_spent(ids[1]);
        ready.push(ids[2]);
        // Something happens for one that has had its turn.
        ready.push(ids[0]);
        ready.push(ids[3]);
        ready.push_spent(ids[2]);
        assert_eq!(ready.len(), 4);
        let order: Vec<_> = std::iter::from_fn(|| ready.pop()).collect();
        assert_eq!(order, [ids[2], ids[3], ids[0], ids[1]]);
        assert!(ready.is_empty());
    }
}
