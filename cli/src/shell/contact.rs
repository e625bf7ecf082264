//! The first words with a server: what is waited for, and whether it is the one that is meant.

use crate::client::Client;
use crate::connect::Server;
use crate::console::{Console, Said};
use crate::failure::{Cause, Failure, shown};
use crate::interrupt::Interrupt;
use crate::show;
use crate::trust::{Fingerprint, NewServer, Trust};
use ftp_proto::Printable;
use std::path::Path;
use std::time::Instant;
use unicode_width::UnicodeWidthStr as _;

/// What a person says to a server that is new.
enum Answer {
    Yes,
    No,
    /// They go, and leave it open.
    Left,
}

/// Connects; none if the person left where they were asked about the server. `announced`: what is waited for is said before.
pub(super) fn connect(
    console: &Console,
    server: &Server,
    interrupt: &Interrupt,
    announced: bool,
) -> Result<Option<Client>, Failure> {
    let mut wait = Wait::begin(console, server, announced);
    let (mut met, mut left) = (false, false);
    let client = Client::connect(server, interrupt, &mut |new| {
        wait.end(true);
        match ask(console, new)? {
            Answer::Yes => met = true,
            Answer::No => {}
            Answer::Left => left = true,
        }
        Ok(met)
    });
    wait.end(client.is_ok());
    match client {
        Err(_) if left => Ok(None),
        Err(failure) => Err(failure),
        Ok(client) => {
            if let (Trust::Known(file), true) = (&server.trust, met) {
                console.note(&format!("Saved in {}.\n", at_home(file)));
            }
            Ok(Some(client))
        }
    }
}

/// The line that says what is waited for, and for how long it was.
struct Wait<'a> {
    console: &'a Console,
    began: Instant,
    /// The line is not whole yet.
    open: bool,
}

impl<'a> Wait<'a> {
    fn begin(console: &'a Console, server: &Server, announced: bool) -> Self {
        if announced {
            console.begin(&format!("Connecting to {} ... ", Printable(&server.address())));
        }
        Self { console, began: Instant::now(), open: announced }
    }

    fn end(&mut self, connected: bool) {
        if std::mem::take(&mut self.open) {
            let took = show::brief(self.began.elapsed());
            self.console.note(&if connected { format!("TLS 1.3, {took}") } else { String::new() });
        }
    }
}

fn ask(console: &Console, new: &NewServer) -> Result<Answer, Failure> {
    if !console.is_interactive() {
        let what =
            format!("{} is new here ({}) and nobody can be asked", Printable(&new.address), new.fingerprint);
        return Err(Failure::new(Cause::Identity, what)
            .hint("use --ca, --fingerprint or --accept-new")
            .fatal());
    }
    let one_line = format!("    {}     {}", new.fingerprint, new.description);
    let certificate = if one_line.width() <= console.columns() {
        one_line
    } else {
        format!("    {}{}", new.fingerprint, fold(&new.description, console.columns()))
    };
    console.complain(&format!(
        "This server is new to you. Its certificate:\n{certificate}\nCompare it with `ftp-admin fingerprint` on the server."
    ));
    loop {
        let answer = match console.ask("Trust it from now on? (yes / no / paste the fingerprint): ")? {
            Said::Line(answer) => answer,
            Said::Nothing => String::new(),
            Said::Back | Said::Exit => return Ok(Answer::Left),
        };
        match answer.to_ascii_lowercase().as_str() {
            "yes" => return Ok(Answer::Yes),
            "no" => return Ok(Answer::No),
            _ => match Fingerprint::parse(&answer) {
                Some(pasted) if pasted == new.fingerprint => return Ok(Answer::Yes),
                Some(_) => {
                    console.complain("That is another fingerprint: this is not the server you mean.");
                    return Ok(Answer::No);
                }
                None => console.complain("Please type yes, no, or the fingerprint."),
            },
        }
    }
}

/// Indented lines that fit, broken after commas.
fn fold(text: &str, columns: usize) -> String {
    let (mut folded, mut room) = (String::new(), 0);
    for piece in text.split_inclusive(", ") {
        if piece.trim_end().width() > room {
            folded.truncate(folded.trim_end().len());
            folded.push_str("\n    ");
            room = columns.saturating_sub(4);
        }
        folded.push_str(piece);
        room = room.saturating_sub(piece.width());
    }
    folded
}

/// A path with `~` for the user's home.
fn at_home(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match home.and_then(|home| path.strip_prefix(home).ok().map(shown)) {
        Some(below) => format!("~/{below}"),
        None => shown(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_certificate_says_is_folded_to_the_screen() {
        let text = "signed by 'a', valid to 2027-11-23, name 'b'";
        assert_eq!(fold(text, 80), format!("\n    {text}"));
        assert_eq!(fold(text, 40), "\n    signed by 'a', valid to 2027-11-23,\n    name 'b'");
        assert_eq!(fold(text, 1).lines().count(), 4, "each on a line, however narrow it is");
    }
}
