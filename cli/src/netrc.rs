//! `~/.netrc`: names and passwords for machines, as other programs keep them there too.

use crate::failure::{Failure, shown};
use ftp_proto::limits::PASSWORD;
use ftp_proto::message::Secret;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest file that is read, in bytes.
const FILE: u64 = 256 * 1024;

/// What the file says about a machine.
#[derive(Default)]
struct Entry {
    /// None for `default`, which stands for all that are not named.
    machine: Option<String>,
    login: Option<String>,
    password: Option<Zeroizing<String>>,
}

/// Who to be on `host` and with which password: what `$NETRC`, or `~/.netrc`, says about that machine, else about `default`. A `user` who was given has to be the
/// one that it names.
///
/// # Errors
/// The file cannot be read or is not understood, or others can read it and something would be taken from it.
pub fn look(host: &str, user: Option<&str>) -> Result<Option<(String, Secret)>, Failure> {
    let named = std::env::var_os("NETRC").filter(|name| !name.is_empty()).map(PathBuf::from);
    let file = named.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".netrc")));
    file.map_or(Ok(None), |file| look_into(&file, host, user))
}

fn look_into(path: &Path, host: &str, user: Option<&str>) -> Result<Option<(String, Secret)>, Failure> {
    let failed = |error: io::Error| Failure::usage(format!("{}: {error}", shown(path)));
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let facts = file.metadata().map_err(failed)?;
    let mut text = Zeroizing::new(String::new());
    file.take(FILE).read_to_string(&mut text).map_err(failed)?;
    let entries = parse(&text).map_err(|what| {
        Failure::usage(format!("{}: {what}", shown(path))).hint("or use --password-file, which comes first")
    })?;
    let Some((login, password)) = find(&entries, host, user) else { return Ok(None) };
    if facts.mode() & 0o077 != 0 {
        let what = format!("others can read {}, so its password is not used", shown(path));
        return Err(Failure::usage(what).hint(format!("chmod 600 {}", shown(path))));
    }
    if facts.uid() != rustix::process::geteuid().as_raw() {
        let what = format!("{} belongs to somebody else, so its password is not used", shown(path));
        return Err(Failure::usage(what));
    }
    if password.len() > PASSWORD {
        return Err(Failure::usage(format!("{}: a password has at most {PASSWORD} bytes", shown(path))));
    }
    Ok(Some((login.to_owned(), Secret::new(password.to_owned()))))
}

fn find<'a>(entries: &'a [Entry], host: &str, user: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    let of = |entry: &'a Entry| {
        let login = match (user, entry.login.as_deref()) {
            (Some(user), Some(login)) if user != login => return None,
            (Some(user), _) => user,
            (None, login) => login?,
        };
        Some((login, entry.password.as_ref()?.as_str()))
    };
    let is_host = |entry: &&Entry| entry.machine.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(host));
    let named = entries.iter().filter(is_host).find_map(of);
    named.or_else(|| entries.iter().filter(|entry| entry.machine.is_none()).find_map(of))
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut rest = text;
    while let Some(word) = next(&mut rest)? {
        let mut value = || next(&mut rest)?.ok_or_else(|| format!("nothing follows '{}'", word.as_str()));
        match word.as_str() {
            "machine" => entries.push(Entry { machine: Some(value()?.to_string()), ..Entry::default() }),
            "default" => entries.push(Entry::default()),
            "login" => {
                let login = value()?.to_string();
                last(&mut entries)?.login = Some(login);
            }
            "password" => {
                let password = value()?;
                last(&mut entries)?.password = Some(password);
            }
            "account" => drop(value()?),
            // To the next empty line.
            "macdef" => rest = rest.split_once("\n\n").map_or("", |(_, rest)| rest),
            // It may be a password in a wrong place.
            _ => {
                return Err(
                    "a word that is none of machine, default, login, password, account, macdef".into()
                );
            }
        }
    }
    Ok(entries)
}

fn last(entries: &mut [Entry]) -> Result<&mut Entry, String> {
    entries.last_mut().ok_or_else(|| "it does not begin with machine or default".into())
}

/// The next word, without its quotes; `\"` and `\040` stand for characters. What follows a `#` at the front of a word is a comment.
fn next(rest: &mut &str) -> Result<Option<Zeroizing<String>>, String> {
    *rest = rest.trim_start();
    while rest.starts_with('#') {
        *rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    if rest.is_empty() {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(rest.len().min(2 * PASSWORD)));
    let inner = rest.strip_prefix('"');
    let mut chars = inner.unwrap_or(rest).chars();
    loop {
        match chars.next() {
            None if inner.is_some() => return Err("a quote is not closed".into()),
            None => break,
            Some('"') if inner.is_some() => break,
            Some(c) if inner.is_none() && c.is_whitespace() => break,
            Some('\\') => {
                let digits = chars.as_str().get(..3).unwrap_or_default();
                match u8::from_str_radix(digits, 8) {
                    Ok(byte) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                        bytes.push(byte);
                        chars = chars.as_str()[3..].chars();
                    }
                    _ => push(&mut bytes, chars.next().unwrap_or('\\')),
                }
            }
            Some(c) => push(&mut bytes, c),
        }
    }
    *rest = chars.as_str();
    let text = std::str::from_utf8(&bytes).map_err(|_| "an escape that is not UTF-8".to_owned())?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    const TEXT: &str = "# mine\n\
        machine a.example login alice password p1 # the first\n\
        machine A.example\n\tlogin bob\n\tpassword \"two words \\\"x\\\"\"\n\
        macdef init\ncd /tmp\nmachine z login q password r\n\n\
        machine b.example password only\\040one account x\n\
        machine c.example login carol\n\
        default login anyone password d\u{e4}\n";

    #[test]
    fn an_entry_is_found_by_machine_and_user() {
        let entries = parse(TEXT).expect("good");
        let found = |host: &str, user| find(&entries, host, user);
        assert_eq!(found("a.example", None), Some(("alice", "p1")));
        assert_eq!(found("a.example", Some("bob")), Some(("bob", "two words \"x\"")));
        assert_eq!(found("a.example", Some("eve")), None, "not with the password of somebody else");
        assert_eq!(found("b.example", Some("eve")), Some(("eve", "only one")));
        assert_eq!(found("b.example", None), Some(("anyone", "d\u{e4}")));
        assert_eq!(found("c.example", Some("carol")), None);
        assert_eq!(found("z", None), Some(("anyone", "d\u{e4}")), "a macro is skipped");
        for bad in ["login x", "machine", "machine a login \"x", "user x", "machine a password \\377"] {
            let what = parse(bad).err().unwrap_or_else(|| panic!("{bad}"));
            assert!(!what.contains('x'), "nothing of the file is shown: {what}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_if_it_would_be_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("netrc");
        assert!(look_into(&path, "a.example", None).expect("none").is_none());
        fs::write(&path, TEXT.replace("default", "machine d")).expect("written");
        for mode in [0o640, 0o604, 0o644, 0o660] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
            let Err(refused) = look_into(&path, "a.example", None) else { panic!("refused") };
            assert!(refused.message.contains("others can read"), "{mode:o}: {refused}");
            assert!(look_into(&path, "other.example", None).expect("not used").is_none());
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
        let (login, password) = look_into(&path, "a.example", None).expect("good").expect("there");
        assert_eq!((login.as_str(), password.expose()), ("alice", "p1"));
    }
}
