//! What is done with a file that is there already and differs.

use super::Next;
use crate::console::{Console, Said};
use crate::failure::Failure;

/// The answer so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    Ask,
    All,
    None,
    /// The user wants to go: the rest of the command is not done.
    Left(Next),
}

impl Replace {
    /// A script says what it means; a person is asked.
    pub(super) fn new(interactive: bool) -> Self {
        if interactive { Self::Ask } else { Self::All }
    }

    /// Somebody is asked about the next one.
    pub(super) fn asks(self) -> bool {
        self == Self::Ask
    }

    /// Whether this one is to be replaced.
    pub(super) fn decide(
        &mut self,
        console: &Console,
        what: impl FnOnce() -> String,
    ) -> Result<bool, Failure> {
        match self {
            Self::All => return Ok(true),
            Self::None | Self::Left(_) => return Ok(false),
            Self::Ask => {}
        }
        console.complain(&what());
        let answer = console.ask("Replace it? [y/N/all/none] ")?;
        let answer = match answer {
            Said::Line(answer) => answer,
            Said::Nothing => return Ok(false),
            Said::Back => return self.leave(Next::Back),
            Said::Exit => return self.leave(Next::Leave),
        };
        match answer.to_ascii_lowercase().as_str() {
            "all" => *self = Self::All,
            "none" => *self = Self::None,
            _ => {}
        }
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes" | "all"))
    }

    /// Asks once whether so much is to be removed. A script that says so means it.
    pub(super) fn confirm(&mut self, console: &Console, question: &str) -> Result<bool, Failure> {
        if !console.is_interactive() {
            return Ok(true);
        }
        match console.ask(&format!("{question} [y/N] "))? {
            Said::Line(answer) => Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")),
            Said::Nothing | Said::Back => Ok(false),
            Said::Exit => self.leave(Next::Leave),
        }
    }

    fn leave(&mut self, next: Next) -> Result<bool, Failure> {
        *self = Self::Left(next);
        Err(Failure::interrupted())
    }
}
