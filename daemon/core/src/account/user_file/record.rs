//! How accounts are spelled in the file.

use super::{USERS, User, UserFileFault, Users};
use crate::account::password::PasswordHash;
use crate::account::ron_text;
use ftp_proto::UserName;
use ftp_proto::limits::INTEGER;
use ron::ser::PrettyConfig;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The only version of the file that there is.
const VERSION: u32 = 1;

const HEADER: &str = "\
// The accounts of ftp-daemon. It is changed with ftp-admin (create, rm, setup); a running daemon notices within a second.
// Keep it to its owner (mode 0600). `id` is drawn when an account is created: who gets another one has to log in anew.
// `password` is a scrypt PHC string; `quota` is in bytes, or None for no limit.
";

pub(super) fn parse(file: &Path, text: &str) -> Result<Users, UserFileFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    ron_text::parse::<File<'_>>(file, text).map(|file| Users { users: file.users.0.into_owned() }).map_err(|what| {
        UserFileFault(format!("{what}\n  Correct that line, or put a copy of the file back; until then the accounts stay as they were."))
    })
}

pub(super) fn to_text(users: &Users) -> Result<String, ron::Error> {
    let file = File { version: VERSION, users: Accounts(Cow::Borrowed(&users.users)) };
    let body = ron_text::options().to_string_pretty(&file, PrettyConfig::new().struct_names(false))?;
    Ok(format!("{HEADER}{body}\n"))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(deserialize_with = "known_version")]
    version: u32,
    users: Accounts<'a>,
}

fn known_version<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        VERSION => Ok(VERSION),
        other => Err(D::Error::custom(format_args!(
            "version {other} of the user file is not known here; this program writes version {VERSION}"
        ))),
    }
}

/// A map that holds each name once and not too many.
struct Accounts<'a>(Cow<'a, BTreeMap<UserName, User>>);

impl Serialize for Accounts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Accounts<'_> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = BTreeMap<UserName, User>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("accounts by name: { \"alice\": (id: .., password: \"..\", quota: ..), }")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut users = BTreeMap::new();
                while let Some((name, user)) = map.next_entry::<UserName, User>()? {
                    if users.len() == USERS {
                        return Err(A::Error::custom(format_args!(
                            "over {USERS} accounts; that is more than one daemon takes"
                        )));
                    }
                    if let Some((name, _)) = users.get_key_value(&name) {
                        return Err(A::Error::custom(format_args!("the account `{name}` is there twice")));
                    }
                    users.insert(name, user);
                }
                Ok(users)
            }
        }
        from.deserialize_map(Each).map(|users| Self(Cow::Owned(users)))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    id: u64,
    password: Cow<'a, str>,
    /// Has to be there: a limit does not vanish with a line.
    #[serde(deserialize_with = "Option::deserialize")]
    quota: Option<u64>,
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Record { id: self.id, password: Cow::Borrowed(self.password.as_str()), quota: self.quota }
            .serialize(to)
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let record = Record::deserialize(from)?;
        let password = PasswordHash::parse(&record.password).map_err(|fault| {
            D::Error::custom(format_args!(
                "the password is {fault}; an account that is taken out and created anew finds its files again"
            ))
        })?;
        if record.quota.is_some_and(|quota| quota > INTEGER) {
            return Err(D::Error::custom(format_args!("`quota` has to be at most {INTEGER}, or None")));
        }
        Ok(Self { id: record.id, password, quota: record.quota })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{name, user};
    use super::*;

    fn read(text: &str) -> Result<Users, String> {
        parse(Path::new("users.ron"), text).map_err(|fault| fault.0)
    }

    fn three() -> Users {
        let users = [("alice", Some(5 << 30)), ("bob", None), ("_carl.x-1", Some(0))];
        Users {
            users: (1..)
                .zip(users)
                .map(|(id, (who, quota))| (name(who), user(u64::MAX / id, quota)))
                .collect(),
        }
    }

    const HASH: &str =
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn what_is_written_is_read_and_can_be_read_by_people() {
        let users = three();
        let text = to_text(&users).expect("text");
        assert_eq!(read(&text), Ok(users));
        assert!(
            text.starts_with("// The accounts")
                && text.contains("quota: 5368709120,\n")
                && text.contains("quota: None,\n"),
            "{text}"
        );
    }

    #[test]
    fn a_file_cut_short_anywhere_is_never_taken_for_another() {
        let mut users = three();
        users.users.extend((4..=10).map(|id| (name(&format!("user{id}")), user(id, Some(id << 20)))));
        let text = to_text(&users).expect("text");
        assert!(users.users.len() == 10 && text.len() > 1500);
        for end in 0..text.trim_end().len() {
            assert!(read(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_no_hash_is_shown() {
        let with =
            |record: &str| format!("(\n  version: 1,\n  users: {{\n    \"alice\": ({record}),\n  }},\n)");
        assert!(read(&with(&format!("id: 1, password: \"{HASH}\", quota: 5"))).is_ok());
        for (record, words) in [
            (format!("id: 1, pasword: \"{HASH}\", quota: 5"), "did you mean `password`?"),
            (format!("id: 1, password: \"{HASH}\""), "`quota` is missing"),
            (format!("id: 1, password: \"{HASH}\", quota: -5"), ""),
            (format!("id: 1, password: \"{HASH}\", quota: 9007199254740993"), "at most 9007199254740992"),
            (format!("id: 1, password: \"{HASH}\", quota: \"{HASH}\""), ""),
            (format!("id: 18446744073709551616, password: \"{HASH}\", quota: 5"), ""),
            (format!("id: 1, password: \"x{HASH}\", quota: 5"), "not a scrypt PHC string"),
            (
                format!("id: 1, password: \"{}\", quota: 5", HASH.replace("ln=10", "ln=30")),
                "not a scrypt PHC string",
            ),
        ] {
            let told = read(&with(&record)).expect_err("it is wrong");
            assert!(told.starts_with("users.ron:4:") && told.contains(words), "{record}: {told}");
            assert!(!told.contains("AAECAw"), "{told}");
        }
    }

    #[test]
    fn names_are_checked_and_there_once() {
        let record = format!("(id: 1, password: \"{HASH}\", quota: None)");
        let twice =
            read(&format!("(version: 1, users: {{\"a\": {record},\n \"a\": {record}}})")).expect_err("twice");
        assert!(twice.starts_with("users.ron:2:") && twice.contains("`a` is there twice"), "{twice}");
        let around = |c: char| [format!("{c}a"), format!("a{c}b"), format!("a{c}")];
        let plain =
            |text: &str| text.bytes().all(|byte| b"abcdefghijklmnopqrstuvwxyz_0123456789.-".contains(&byte));
        let mut names: Vec<String> = ('\0'..='\u{a0}').flat_map(around).filter(|name| !plain(name)).collect();
        names.extend(["../a", "A", "", "a/b", "..", "a..b", "-a", "9a", ".a", "\u{430}"].map(str::to_owned));
        names.push("a".repeat(33));
        for bad in names {
            let spelled: String = bad.chars().map(|c| format!("\\u{{{:x}}}", u32::from(c))).collect();
            assert!(read(&format!("(version: 1, users: {{\"{spelled}\": {record}}})")).is_err(), "{bad:?}");
        }
        let spelled = read(&format!("(version: 1, users: {{\"\\u{{61}}\": {record}}})")).expect("an a");
        assert!(spelled.users.contains_key(&name("a")));
    }

    #[test]
    fn another_version_is_refused_as_such() {
        let told = read("(version: 2, accounts: [])").expect_err("newer");
        assert!(told.contains("version 2"), "{told}");
    }

    #[test]
    fn there_is_an_end_to_the_accounts() {
        let record = format!("(id: 1, password: \"{HASH}\", quota: None)");
        let many = |n: usize| {
            format!(
                "(version: 1, users: {{{}}})",
                (0..n).map(|n| format!("\"u{n}\": {record},")).collect::<String>()
            )
        };
        assert_eq!(read(&many(USERS)).expect("as many as there may be").users.len(), USERS);
        assert!(read(&many(USERS + 1)).is_err());
    }
}
