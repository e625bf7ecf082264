//! Where questions are asked and answers printed, and how a person leaves at any of them.

use super::failure::Failure;
use ftp_proto::message::Secret;
use zeroize::Zeroizing;

/// A person or a script in front of us.
pub(super) trait Console {
    /// Whether somebody can answer questions.
    fn is_interactive(&self) -> bool;
    /// How many columns there are, if results are read by a person: then they come as tables with bars.
    fn columns(&self) -> Option<usize>;
    /// Asks and waits for a line; none when there is no more input.
    fn ask(&mut self, question: &str) -> Result<Option<String>, Failure>;
    /// Asks for something that must not be seen; none when there is no more input.
    fn ask_secret(&mut self, question: &str) -> Result<Option<Secret>, Failure>;
    /// The first line of stdin, up to `limit` bytes, without asking.
    fn secret_from_stdin(&mut self, limit: usize) -> Result<Zeroizing<Vec<u8>>, Failure>;
    /// Prints a result.
    fn print(&mut self, text: &str) -> Result<(), Failure>;
    /// Prints what is not a result.
    fn note(&mut self, text: &str);
}

/// Whether it is one of the words that leave, at every prompt.
pub(super) fn leaves(answer: &str) -> bool {
    ["q", "exit"].contains(&answer)
}

impl dyn Console + '_ {
    /// Asks for a line, without the blanks around it. Who leaves, by a word or by the end of the input, ends the command.
    pub(super) fn answer(&mut self, question: &str) -> Result<String, Failure> {
        let answer = self.ask(question)?.ok_or(Failure::Left)?;
        let answer = answer.trim();
        if leaves(answer) { Err(Failure::Left) } else { Ok(answer.to_owned()) }
    }

    /// The same for something that must not be seen; its blanks count.
    pub(super) fn secret(&mut self, question: &str) -> Result<Secret, Failure> {
        let secret = self.ask_secret(question)?.ok_or(Failure::Left)?;
        if leaves(secret.expose()) { Err(Failure::Left) } else { Ok(secret) }
    }

    /// Asks whether to go on; anything but `y` or `yes` is no.
    pub(super) fn agrees(&mut self, question: &str) -> Result<bool, Failure> {
        let answer = self.answer(&format!("{question} [y/N] "))?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}
