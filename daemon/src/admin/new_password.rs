//! Where a new password comes from, and which are refused.

use super::console::Console;
use super::failure::Failure;
use ftp_core::account::password::{Cost, PasswordHash};
use ftp_proto::UserName;
use ftp_proto::limits::PASSWORD;
use ftp_proto::message::Secret;
use std::fs::File;
use std::io::Read as _;
use zeroize::Zeroizing;

/// The least characters of a password that nobody said is weak.
const LEAST: usize = 12;
/// Characters of a password that we make: 5 random bits each.
const MADE: usize = 20;
/// Lower case and digits without those that look alike; a power of two, so that each is as likely as the others.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How often a person may try.
const TRIES: usize = 3;

/// What the command line says about a new password. It never holds one.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// `--password-file`: a file, or `-` for stdin.
    pub(super) file: Option<String>,
    /// `--weak`: take a short one.
    pub(super) weak: bool,
}

impl Wanted {
    /// A password for `user` from the file, or asked for; an empty answer makes one, which is shown once.
    pub(super) fn read(&self, user: &UserName, console: &mut dyn Console) -> Result<Secret, Failure> {
        if let Some(file) = &self.file {
            let password = from_file(file, console)?;
            self.judge(&password, user).map_err(Failure::Failed)?;
            return Ok(password);
        }
        if !console.is_interactive() {
            return Err(Failure::usage(
                "there is nobody to ask for a password: use --password-file FILE, or - for stdin",
            ));
        }
        let question = format!("New password ({LEAST} characters or more; empty = make one for me): ");
        match self.ask(user, &question, console)? {
            Some(password) => Ok(password),
            None => made(user, console),
        }
    }

    /// Asks twice. None for an empty answer.
    pub(super) fn ask(
        &self,
        user: &UserName,
        question: &str,
        console: &mut dyn Console,
    ) -> Result<Option<Secret>, Failure> {
        for _ in 0..TRIES {
            let Some(password) = console.ask_secret(question)? else { break };
            if password.expose().is_empty() {
                return Ok(None);
            }
            if let Err(why) = self.judge(&password, user) {
                console.note(&why);
                continue;
            }
            match console.ask_secret("Again: ")? {
                Some(again) if again == password => return Ok(Some(password)),
                Some(_) => console.note("The two differ."),
                None => break,
            }
        }
        Err(Failure::failed("no password was set; nothing was changed"))
    }

    fn judge(&self, password: &Secret, user: &UserName) -> Result<(), String> {
        let text = password.expose();
        if text.is_empty() {
            return Err("the password is empty".into());
        }
        if text.len() > PASSWORD {
            return Err(format!("the password is longer than {PASSWORD} bytes"));
        }
        if text.contains('\0') {
            return Err("the password has a NUL character in it; no login with it would succeed".into());
        }
        if text.eq_ignore_ascii_case(user.as_str()) {
            return Err("the password is the user's name, the first that anyone would try".into());
        }
        if ["q", "exit"].contains(&text) {
            return Err(format!("ftp-cli takes '{text}' at its password prompt for the command"));
        }
        if text.chars().count() < LEAST && !self.weak {
            return Err(format!(
                "the password has fewer than {LEAST} characters and would be guessed too soon; take a longer one (or --weak, if it does not matter)"
            ));
        }
        Ok(())
    }
}

/// The hash of a new password.
pub(super) fn hash(password: &Secret) -> Result<PasswordHash, Failure> {
    Ok(PasswordHash::new(password, cost())?)
}

#[cfg(not(test))]
fn cost() -> Cost {
    Cost::default()
}

#[cfg(test)]
fn cost() -> Cost {
    Cost { log_n: 10 }
}

fn from_file(file: &str, console: &mut dyn Console) -> Result<Secret, Failure> {
    let limit = PASSWORD + 3;
    let mut bytes = if file == "-" {
        console.secret_from_stdin(limit)?
    } else {
        let failed = || Failure::during(format!("read the password from '{}'", ftp_proto::Printable(file)));
        let opened = File::open(file).map_err(failed())?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
        opened.take(limit as u64).read_to_end(&mut bytes).map_err(failed())?;
        bytes
    };
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    bytes.truncate(line);
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::failed("the password is not UTF-8 text"))?;
    Ok(Secret::new(text.to_owned()))
}

fn made(user: &UserName, console: &mut dyn Console) -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new([0; MADE]);
    getrandom::fill(&mut *bytes)
        .map_err(|error| Failure::failed(format!("cannot make a password: {error}")))?;
    let text: String = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    console.note(&format!("The password of {user}, shown only now: {text}"));
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str, weak: bool) -> Result<(), String> {
        let user = UserName::new("a_rather_long_name").expect("a name");
        Wanted { file: None, weak }.judge(&Secret::new(password.into()), &user)
    }

    #[test]
    fn what_would_be_guessed_is_refused_with_the_reason() {
        assert_eq!(judged("twelve chars", false), Ok(()));
        assert!(
            judged("eleven char", false)
                .is_err_and(|why| why.contains("fewer than 12") && why.contains("--weak"))
        );
        assert_eq!(judged("123", true), Ok(()));
        assert!(judged("exit", true).is_err_and(|why| why.contains("for the command")));
        assert_eq!(judged("żółćżółćżółć", false), Ok(()), "characters are counted, not bytes");
        assert!(judged("żółćżó", false).is_err());
        for weak in [false, true] {
            assert!(judged("", weak).is_err());
            assert!(judged("twelve chars\0", weak).is_err_and(|why| why.contains("NUL")));
            assert!(judged("A_Rather_Long_Name", weak).is_err_and(|why| why.contains("user's name")));
            assert_eq!(judged(&"x".repeat(512), weak), Ok(()));
            assert!(judged(&"x".repeat(513), weak).is_err_and(|why| why.contains("512")));
        }
    }
}
