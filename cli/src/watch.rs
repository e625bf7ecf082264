//! How a transfer tells about itself while it runs.

/// Is told of a transfer's progress; called from the thread that runs the transfer, at least every 200 ms while nothing moves.
pub trait Watch {
    /// The other end is waited for, which may have to read back what is there.
    fn waiting(&mut self) {}
    /// What was here from an earlier attempt is read and hashed: `done` of `total` bytes.
    fn checking(&mut self, done: u64, total: u64);
    /// The transfer proper starts: the whole size, and how much of it was there already.
    fn begin(&mut self, size: u64, resumed: u64);
    /// So many bytes of the whole are there now (sent or received).
    fn at(&mut self, bytes: u64);
    /// All bytes moved; the other end verifies and makes durable.
    fn finishing(&mut self);
    /// A line for the user, such as why a transfer starts at 0 again.
    fn note(&mut self, line: &str);
}
