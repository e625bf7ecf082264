//! What the targets share: a bound on memory, the shape of their inputs, and the simulation's disk.

pub mod answers;
#[path = "../../../daemon/core/tests/simulation/disk.rs"]
pub mod disk;
pub mod memory;
pub mod script;

/// Whether a text is fit for a terminal: nothing in it moves the cursor or turns the text around.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| c.is_control() || turns(c))
}
