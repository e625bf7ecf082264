//! Which of several files are still to be asked for: known by their places, so that none is forgotten or counted twice when a connection is lost.

use std::collections::VecDeque;

/// The places of files that wait for their turn.
pub(super) struct Queue {
    waits: VecDeque<usize>,
    /// The first so many of them had their turn before, over a connection that was lost.
    again: usize,
}

/// A file whose turn it is, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) at: usize,
    /// It had one before.
    pub(super) again: bool,
}

impl Queue {
    /// All of `count` files.
    pub(super) fn new(count: usize) -> Self {
        Self { waits: (0..count).collect(), again: 0 }
    }

    /// How many have not had their turn.
    pub(super) fn left(&self) -> usize {
        self.waits.len()
    }

    /// Whose turn it is next.
    pub(super) fn peek(&self) -> Option<usize> {
        self.waits.front().copied()
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self) -> Option<Turn> {
        let turn = Turn { at: self.waits.pop_front()?, again: self.again > 0 };
        self.again = self.again.saturating_sub(1);
        Some(turn)
    }

    /// These have their turn again, before all others.
    pub(super) fn put_back(&mut self, mut places: VecDeque<usize>) {
        self.again += places.len();
        places.append(&mut self.waits);
        self.waits = places;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_answered_has_its_turn_again_before_the_rest_and_is_marked() {
        let mut queue = Queue::new(4);
        let first: VecDeque<_> =
            [queue.next(), queue.next()].into_iter().flatten().map(|turn| turn.at).collect();
        queue.put_back(first);
        let turns: Vec<_> = std::iter::from_fn(|| queue.next()).map(|turn| (turn.at, turn.again)).collect();
        assert_eq!(turns, [(0, true), (1, true), (2, false), (3, false)]);
        assert_eq!((queue.peek(), queue.next()), (None, None));
    }
}
