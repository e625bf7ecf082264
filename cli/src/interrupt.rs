//! Ctrl-C as a flag that the blocking code looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The flag that SIGINT sets.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(pub Arc<AtomicBool>);

impl Interrupt {
    /// Whether Ctrl-C was pressed since the last [`Interrupt::clear`].
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Forgets it.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
