//! Bytes that are filled at the back and taken from the front, without moving them each time.

/// A buffer that takes memory when it is used and keeps it until told to let go.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// All of it is initialised; what holds is `start..end`.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What it holds.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// What it holds, to be decrypted in place.
    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// It holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// There is no space at the back.
    pub(crate) fn is_full(&self) -> bool {
        self.end == self.bytes.len()
    }

    /// The space at the back of a buffer of `size` bytes: at least `least`, unless it is that full.
    pub(crate) fn room(&mut self, size: usize, least: usize) -> &mut [u8] {
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
        if self.bytes.len() - self.end < least {
            self.compact();
        }
        &mut self.bytes[self.end..]
    }

    /// Space for `n` bytes at the back, however full it is.
    pub(crate) fn space(&mut self, n: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < n {
            self.compact();
        }
        if self.bytes.len() - self.end < n {
            self.bytes.resize(self.end + n, 0);
        }
        &mut self.bytes[self.end..]
    }

    fn compact(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// `n` bytes of the space are filled.
    pub(crate) fn filled_by(&mut self, n: usize) {
        self.end += n;
        assert!(self.end <= self.bytes.len(), "more was filled than there was room for");
    }

    /// Appends bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled_by(bytes.len());
    }

    /// The first `n` bytes are done with.
    pub(crate) fn discard(&mut self, n: usize) {
        self.start += n;
        assert!(self.start <= self.end, "more was discarded than there was");
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Lets go of the memory, if it holds nothing.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Takes a spare piece of memory, if its own is smaller.
    pub(crate) fn lend(&mut self, spares: &mut Spares) {
        if self.bytes.len() < SPARE {
            let small = std::mem::replace(&mut self.bytes, spares.take());
            let len = self.end - self.start;
            self.bytes[..len].copy_from_slice(&small[self.start..self.end]);
            (self.start, self.end) = (0, len);
        }
    }

    /// Gives its memory back, unless it is well used; what little it holds moves to as much as that takes.
    pub(crate) fn give_back(&mut self, spares: &mut Spares) {
        if self.filled().len() < SPARE / 4 {
            let few = self.filled().to_vec();
            (self.start, self.end) = (0, few.len());
            spares.put(std::mem::replace(&mut self.bytes, few));
        }
    }
}

#[cfg(test)]
impl Buffer {
    /// Bytes of memory that hold nothing.
    pub(crate) fn free(&self) -> usize {
        self.bytes.capacity() - self.filled().len()
    }
}

#[cfg(test)]
impl Spares {
    /// Pieces that nobody uses.
    pub(crate) fn len(&self) -> usize {
        self.spares.len()
    }
}

/// Bytes of a spare piece of memory: those that wait to be sent never take more (see [`crate::ENCRYPT`]), and eight full records fit.
pub(crate) const SPARE: usize = 132 * 1024;
/// Spare pieces that are kept.
const SPARES: usize = 16;

/// Memory for buffers that goes from one connection to the next, so that only those have some that hold something - and so that it is still in the
/// processor's cache.
#[derive(Debug, Default)]
pub struct Spares {
    spares: Vec<Vec<u8>>,
}

impl Spares {
    /// The piece that was put back last.
    fn take(&mut self) -> Vec<u8> {
        self.spares.pop().unwrap_or_else(|| vec![0; SPARE])
    }

    fn put(&mut self, bytes: Vec<u8>) {
        if bytes.len() == SPARE && self.spares.len() < SPARES {
            self.spares.push(bytes);
        }
    }
}
