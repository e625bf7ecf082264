//! What is done with a file that is there already and differs.

use crate::console::{Console, Said};
use crate::failure::Failure;

/// The answer so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    Ask,
    All,
    None,
}

impl Replace {
    /// A script says what it means; a person is asked.
    pub(super) fn new(interactive: bool) -> Self {
        if interactive { Self::Ask } else { Self::All }
    }

    /// Whether this one is to be replaced.
    pub(super) fn decide(&mut self, console: &Console, what: &str) -> Result<bool, Failure> {
        match self {
            Self::All => return Ok(true),
            Self::None => return Ok(false),
            Self::Ask => {}
        }
        console.note(what);
        let answer = console.ask("Replace it? (y/N/all/none) ")?;
        let Said::Line(answer) = answer else { return Ok(false) };
        match answer.to_ascii_lowercase().as_str() {
            "all" => *self = Self::All,
            "none" => *self = Self::None,
            _ => {}
        }
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes" | "all"))
    }
}
