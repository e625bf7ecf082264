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
}
