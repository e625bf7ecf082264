//! How much memory an input may cost.

use cap::Cap;
use std::alloc::System;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Runs something that may hold so many bytes more than there are now; where it wants more, the process is aborted.
///
/// # Panics
/// Never: the limit is over what is there.
pub fn within<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    MEMORY.set_limit(MEMORY.allocated() + bytes).expect("over what is there");
    let result = run();
    MEMORY.set_limit(usize::MAX).expect("no limit");
    result
}
