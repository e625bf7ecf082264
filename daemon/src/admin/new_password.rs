//! Where a new password comes from, and which are refused.

use super::console::{Console, leaves};
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
/// Characters of a password that we make, 5 random bits each, in groups that can be read out.
const MADE: usize = 20;
const GROUP: usize = 4;
/// Lower case and digits without those that look alike; a power of two, so that each is as likely as the others.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How often a person may try.
const TRIES: usize = 3;

/// Where a new password comes from. It never holds one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    /// Whoever is at the terminal.
    #[default]
    Person,
    /// `--password-file`: a file, or `-` for stdin.
    File(String),
    /// `--generate`: we make one.
    Chance,
}

/// What the command line says about a new password.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) source: Source,
    /// `--weak`: take a short one.
    pub(super) weak: bool,
}

/// A new password.
pub(super) struct New {
    pub(super) password: Secret,
    /// Nobody knows it yet: it has to be shown.
    pub(super) made: bool,
}

impl New {
    /// Tells what was done with it. A password that we made is alone on stdout, so that a script can take it from there.
    pub(super) fn tell(&self, user: &UserName, done: &str, console: &mut dyn Console) -> Result<(), Failure> {
        if !self.made {
            return console.print(done);
        }
        console.note(done);
        console.note(&format!("The password of {user}, shown only now:"));
        console.print(self.password.expose()).map_err(|failure| {
            let what = match failure {
                Failure::Failed(why) => format!("the password was not shown: {why}"),
                _ => "nobody read the password".to_owned(),
            };
            Failure::failed(format!("{what}; ftp-admin setup {user} --generate makes another"))
        })
    }
}

impl Wanted {
    /// A password for `user` from the file, or asked for, or made; an empty answer makes one too.
    pub(super) fn read(&self, user: &UserName, console: &mut dyn Console) -> Result<New, Failure> {
        match &self.source {
            Source::File(file) => {
                let password = from_file(file, console)?;
                self.judge(&password, user).map_err(Failure::Failed)?;
                Ok(New { password, made: false })
            }
            Source::Chance => made(),
            Source::Person if !console.is_interactive() => Err(Failure::usage(
                "there is nobody to ask for a password: use --generate, or --password-file FILE (- for stdin)",
            )),
            Source::Person => {
                let question =
                    format!("New password ({LEAST} characters or more; empty = make one for me; q leaves): ");
                self.ask(user, &question, console)?.map_or_else(made, Ok)
            }
        }
    }

    /// Asks twice. None for an empty answer.
    pub(super) fn ask(
        &self,
        user: &UserName,
        question: &str,
        console: &mut dyn Console,
    ) -> Result<Option<New>, Failure> {
        for _ in 0..TRIES {
            let password = console.secret(question)?;
            if password.expose().is_empty() {
                return Ok(None);
            }
            if let Err(why) = self.judge(&password, user) {
                console.note(&why);
                continue;
            }
            if console.secret("Again: ")? == password {
                return Ok(Some(New { password, made: false }));
            }
            console.note("The two differ.");
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
        if leaves(text) {
            return Err(format!("a password prompt takes '{text}' for the command that leaves"));
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

fn made() -> Result<New, Failure> {
    let mut bytes = Zeroizing::new([0; MADE]);
    getrandom::fill(&mut *bytes)
        .map_err(|error| Failure::failed(format!("cannot make a password: {error}")))?;
    // As large as it gets, so that no copy is left behind by growing.
    let mut text = String::with_capacity(MADE + MADE / GROUP);
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(New { password: Secret::new(text), made: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str, weak: bool) -> Result<(), String> {
        let user = UserName::new("a_rather_long_name").expect("a name");
        Wanted { source: Source::Person, weak }.judge(&Secret::new(password.into()), &user)
    }

    #[test]
    fn a_password_that_is_made_has_five_groups_of_what_does_not_look_alike() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let made = made().expect("randomness");
            let text = made.password.expose().to_owned();
            assert!(made.made && text.len() == 24, "{text}");
            assert!(text.split('-').all(|group| group.len() == 4), "{text}");
            assert!(text.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{text}");
            assert_eq!(judged(&text, false), Ok(()));
            assert!(seen.insert(text), "each is another");
        }
        let letters: std::collections::BTreeSet<char> =
            seen.iter().flat_map(|text| text.chars()).filter(|c| *c != '-').collect();
        assert_eq!(letters.len(), ALPHABET.len(), "all are used");
    }

    #[test]
    fn what_would_be_guessed_is_refused_with_the_reason() {
        assert_eq!(judged("twelve chars", false), Ok(()));
        assert!(
            judged("eleven char", false)
                .is_err_and(|why| why.contains("fewer than 12") && why.contains("--weak"))
        );
        assert_eq!(judged("123", true), Ok(()));
        assert!(judged("exit", true).is_err_and(|why| why.contains("the command that leaves")));
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
