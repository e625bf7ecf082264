//! Where connections live: slots that are used again, told apart by generation.

use mio::Token;

/// One connection. A late outcome or timer of an earlier one in the same slot has another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ConnId {
    slot: u32,
    generation: u32,
}

/// Tokens below this are the reactor's own.
pub(super) const FIRST: usize = 64;

impl ConnId {
    /// For the poll. It has no generation: an event for an earlier connection of the slot is a spurious one, which mio allows anyway.
    pub(super) fn token(self) -> Token {
        Token(FIRST + self.slot as usize)
    }
}

/// Values in slots.
#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Puts in what `make` gives for its place. None when 2^32 are in use.
    pub(super) fn insert(&mut self, make: impl FnOnce(ConnId) -> T) -> Option<ConnId> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push((0, None));
                u32::try_from(self.slots.len() - 1).ok()?
            }
        };
        let (generation, place) = &mut self.slots[slot as usize];
        let id = ConnId { slot, generation: *generation };
        *place = Some(make(id));
        Some(id)
    }

    /// The value of a connection that is still there.
    pub(super) fn at(&mut self, id: ConnId) -> Option<&mut T> {
        match self.slots.get_mut(id.slot as usize) {
            Some((generation, value)) if *generation == id.generation => value.as_mut(),
            _ => None,
        }
    }

    /// The connection in the slot of a token.
    pub(super) fn of_token(&self, token: Token) -> Option<ConnId> {
        let slot = token.0.checked_sub(FIRST)?;
        let (generation, value) = self.slots.get(slot)?;
        value.as_ref()?;
        Some(ConnId { slot: u32::try_from(slot).ok()?, generation: *generation })
    }

    /// Takes a value out; its id is not used again.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<T> {
        let (generation, value) = self.slots.get_mut(id.slot as usize)?;
        if *generation != id.generation {
            return None;
        }
        let value = value.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(id.slot);
        Some(value)
    }

    /// All connections there are.
    pub(super) fn ids(&self) -> Vec<ConnId> {
        let slots = self.slots.iter().zip(0..).filter(|((_, value), _)| value.is_some());
        slots.map(|((generation, _), slot)| ConnId { slot, generation: *generation }).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_used_again_has_another_id() {
        let mut slots = Slots::default();
        let first = slots.insert(|_| 'a').expect("room");
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert(|_| 'b').expect("room");
        assert_eq!(first.token(), second.token());
        assert_ne!(first, second);
        assert_eq!(slots.at(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.at(second), Some(&mut 'b'));
        assert_eq!((slots.len(), slots.ids()), (1, vec![second]));
    }
}
