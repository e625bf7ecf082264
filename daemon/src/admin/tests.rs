//! The verbs on real folders, with a scripted person in front.

mod set_up;

use super::*;
use crate::config::Config;
use ftp_core::account::user_file::Users;
use ftp_proto::message::Secret;
use std::collections::VecDeque;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Gives the answers it was given and keeps what it is shown.
#[derive(Default)]
struct Script {
    /// None: nobody is there.
    answers: Option<VecDeque<String>>,
    stdin: Vec<u8>,
    /// The columns of the screen, if there is one.
    screen: Option<usize>,
    out: String,
    err: String,
}

impl Console for Script {
    fn is_interactive(&self) -> bool {
        self.answers.is_some()
    }

    fn columns(&self) -> Option<usize> {
        self.screen
    }

    fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        self.note(question);
        Ok(self.answers.as_mut().expect("somebody is there").pop_front())
    }

    fn ask_secret(&mut self, question: &str) -> Result<Option<Secret>, Failure> {
        self.ask(question).map(|answer| answer.map(Secret::new))
    }

    fn secret_from_stdin(&mut self, limit: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let line = self.stdin.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(Zeroizing::new(line[..line.len().min(limit)].to_vec()))
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.out.push_str(text);
        self.out.push('\n');
        Ok(())
    }

    fn note(&mut self, text: &str) {
        self.err.push_str(text);
        self.err.push('\n');
    }
}

struct Site {
    folder: tempfile::TempDir,
}

const LONG: &str = "correct horse battery";

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = "(certificate: \"c.pem\", private_key: \"k.pem\", data: \"var\")";
        std::fs::write(folder.path().join("ftp-daemon.ron"), config).expect("written");
        std::fs::write(folder.path().join("password"), format!("{LONG}\r\nsecond line\n")).expect("written");
        Self { folder }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn say(&self, line: &str, script: &mut Script) -> Result<(), Failure> {
        let config = self.path("ftp-daemon.ron").display().to_string();
        let mut arguments = vec!["-c".to_owned(), config];
        arguments.extend(
            line.replace("@", &format!("{}/", self.folder.path().display())).split(' ').map(str::to_owned),
        );
        run(command::parse(&arguments)?, script)
    }

    /// Nobody is there to answer.
    fn script(&self, line: &str) -> Result<String, Failure> {
        let mut script = Script::default();
        self.say(line, &mut script).map(|()| script.out)
    }

    fn person(&self, line: &str, answers: &[&str]) -> (Result<(), Failure>, Script) {
        let answers = Some(answers.iter().map(|answer| (*answer).to_owned()).collect());
        let mut script = Script { answers, screen: Some(120), ..Script::default() };
        (self.say(line, &mut script), script)
    }

    fn users(&self) -> Users {
        Users::load(&self.path("var/users.ron")).expect("sound")
    }

    fn user(&self, name: &str) -> User {
        find(&self.users(), name).expect("it is there").1.clone()
    }

    fn give(&self, name: &str, file: &str, bytes: usize) {
        std::fs::write(self.path(&format!("var/users/{name}/{file}")), vec![7; bytes]).expect("written");
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

fn code(failure: &Failure) -> u8 {
    (0..=255).find(|code| failure.code() == ExitCode::from(*code)).expect("one of them")
}

fn failed<T: std::fmt::Debug>(result: Result<T, Failure>) -> (u8, String) {
    let failure = result.expect_err("it fails");
    (code(&failure), failure.text().unwrap_or_default())
}

#[test]
fn an_account_is_created_with_its_quota_folder_and_password() {
    let site = Site::new();
    let out = site.script("create alice --quota 5G --password-file @password").expect("created");
    assert_eq!(
        out,
        format!(
            "Created alice: quota 5.0 GiB, home {}.\n",
            folders::shown(&site.path("var/users/alice/home"))
        )
    );
    let user = site.user("alice");
    assert_eq!(user.quota, Some(5 << 30));
    assert!(user.password.matches(&secret(LONG)), "the first line without its end");
    for folder in ["var", "var/users", "var/users/alice", "var/users/alice/home", "var/users/alice/parts"] {
        let mode = std::fs::metadata(site.path(folder)).expect("made").permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700, "{folder}");
    }
    assert_eq!(
        std::fs::metadata(site.path("var/users.ron")).expect("made").permissions().mode() & 0o7777,
        0o600
    );
}

#[test]
fn an_account_that_is_there_is_not_created_again() {
    let site = Site::new();
    site.script("create alice --password-file @password").expect("created");
    let before = site.users();
    let (code, text) = failed(site.script("create alice --quota 1G --password-file @password"));
    assert_eq!((code, text.as_str()), (1, "alice exists already; change it with ftp-admin setup alice"));
    assert_eq!(site.users(), before);
    assert_eq!(failed(site.script("create Alice --password-file @password")).0, 2);
    assert_eq!(failed(site.script("create ../alice --password-file @password")).0, 2);
}

#[test]
fn a_person_is_asked_twice_and_may_try_again() {
    let site = Site::new();
    let (result, script) = site.person("create alice", &["", "short", LONG, "another one", LONG, LONG]);
    result.expect("created");
    assert!(script.err.contains("fewer than 12") && script.err.contains("The two differ."), "{}", script.err);
    assert!(!script.err.contains(LONG) && !script.out.contains(LONG));
    assert!(site.user("alice").password.matches(&secret(LONG)));
    let (result, _) = site.person("create bob --quota 1G", &["short", "short", "short", LONG, LONG]);
    assert_eq!(failed(result).0, 1);
    assert!(!site.path("var/users/bob").exists(), "nothing is left of it");
}

#[test]
fn an_empty_answer_makes_a_password_and_shows_it_once() {
    let site = Site::new();
    for (name, line, answers) in [
        ("alice", "create alice --quota 1G", &[""][..]),
        ("bob", "create bob", &["", ""]),
        ("carl", "create carl --generate", &[]),
        ("carl", "setup carl --generate", &[]),
    ] {
        let (result, script) = site.person(line, answers);
        result.expect("done");
        let made = script.out.trim_end();
        assert_eq!((made.len(), script.out.len()), (24, 25), "it is alone: {}", script.out);
        assert!(!script.err.contains(made), "it is shown once: {}", script.err);
        let done = if line.starts_with("create") { "Created " } else { "carl: password changed" };
        assert!(script.err.contains(done) && script.err.contains("shown only now"), "{}", script.err);
        assert!(site.user(name).password.matches(&secret(made)), "{line}");
    }
    assert_eq!(site.user("alice").quota, Some(1 << 30));
    let out = site.script("create dora --generate").expect("nobody has to be there");
    assert!(site.user("dora").password.matches(&secret(out.trim_end())));
    let (code, text) = failed(site.script("create eve --generate --password-file @password"));
    assert!(code == 2 && text.contains("do not go together"), "{text}");
}

#[test]
fn a_person_is_asked_for_what_is_missing() {
    let site = Site::new();
    let answers = ["No Name", "", "alice", "lots", "5G", LONG, LONG];
    let (result, script) = site.person("create", &answers);
    result.expect("created");
    for part in ["q leaves", "User: ", "'No Name' cannot be a name", "'lots' is not a size", "[none]"] {
        assert!(script.err.contains(part), "{part}: {}", script.err);
    }
    assert!(script.out.starts_with("Created alice: quota 5.0 GiB, home "), "{}", script.out);
    let (result, script) = site.person("create", &["alice", "bob", "", LONG, LONG]);
    result.expect("created");
    assert!(script.err.contains("alice exists already"), "{}", script.err);
    assert_eq!(site.user("bob").quota, None);
    let (result, script) = site.person("setup", &["alcie", "alice", "1G", ""]);
    result.expect("changed");
    assert!(script.err.contains("Did you mean alice?"), "{}", script.err);
    assert_eq!(script.out, "alice: quota 5.0 GiB -> 1.0 GiB\n");
    for line in ["create", "setup"] {
        let (code, text) = failed(site.script(line));
        assert!(code == 2 && text.contains("name the user"), "{text}");
    }
}

#[test]
fn q_exit_and_the_end_of_the_input_leave_at_every_question_and_nothing_is_changed() {
    let site = Site::new();
    site.script("create alice --quota 1M --password-file @password").expect("created");
    site.give("alice", "home/file", 5000);
    let before = site.users();
    let paths: [(&str, &[&str]); 7] = [
        ("create", &["bob", "5G", LONG, LONG]),
        ("create bob", &["5G", LONG, LONG]),
        ("setup", &["alice", "1k", "another long one", "another long one", "y"]),
        ("setup alice", &["1k", "another long one", "another long one", "y"]),
        ("setup alice --quota 1k", &["y"]),
        ("setup alice --password", &["another long one", "another long one"]),
        ("rm alice --purge", &["alice"]),
    ];
    for (line, answers) in paths {
        for at in 0..answers.len() {
            for end in [&["q"][..], &["exit"], &[]] {
                let given = [&answers[..at], end].concat();
                let (result, script) = site.person(line, &given);
                assert_eq!(failed(result), (1, "nothing was changed".to_owned()), "{line} {given:?}");
                assert_eq!(script.out, "", "{line} {given:?}");
                assert!(site.users() == before && !site.path("var/users/bob").exists(), "{line} {given:?}");
            }
        }
    }
    site.script("create q --password-file @password").expect("a name like any other");
    let (code, text) = failed(site.person("rm q", &["q"]).0);
    assert!(code == 2 && text.contains("--yes"), "{text}");
}

#[test]
fn a_script_is_told_which_option_it_needs() {
    let site = Site::new();
    let (code, text) = failed(site.script("create alice"));
    assert!(code == 2 && text.contains("--password-file"), "{text}");
    site.script("create alice --password-file @password").expect("created");
    let (code, text) = failed(site.script("rm alice"));
    assert!(code == 2 && text.contains("--yes"), "{text}");
    let (code, text) = failed(site.script("setup alice"));
    assert!(code == 2 && text.contains("--quota") && text.contains("--password-file"), "{text}");
    site.user("alice");
}

#[test]
fn a_password_comes_from_stdin_too_and_weak_is_said_aloud() {
    let site = Site::new();
    let mut script = Script { stdin: b"123\nrest".to_vec(), ..Script::default() };
    let (code, text) = failed(site.say("create test --password-file -", &mut script));
    assert!(code == 1 && text.contains("--weak"), "{text}");
    site.say("create test --password-file - --weak", &mut script).expect("created");
    assert!(site.user("test").password.matches(&secret("123")));
    let (_, text) = failed(site.script("create bob --password-file @nowhere"));
    assert!(text.contains("nowhere"), "{text}");
}

#[test]
fn a_quota_is_changed_and_what_was_is_said() {
    let site = Site::new();
    site.script("create alice --quota 5G --password-file @password").expect("created");
    assert_eq!(site.script("setup alice --quota 1G").expect("changed"), "alice: quota 5.0 GiB -> 1.0 GiB\n");
    assert_eq!(
        site.script("setup alice --quota 1G").expect("nothing to do"),
        "alice: quota is 1.0 GiB already\n"
    );
    assert_eq!(
        site.script("setup alice --quota 1073741825").expect("changed"),
        "alice: quota 1073741824 B -> 1073741825 B\n"
    );
    assert_eq!(site.script("setup alice --quota none").expect("changed"), "alice: quota 1.0 GiB -> none\n");
    assert_eq!(site.user("alice").quota, None);
}

#[test]
fn a_quota_below_what_is_used_is_asked_for() {
    let site = Site::new();
    site.script("create alice --quota 1M --password-file @password").expect("created");
    site.give("alice", "home/file", 5000);
    let (code, text) = failed(site.script("setup alice --quota 1k"));
    assert!(code == 1 && text.contains("4.8 KiB is in use") && text.contains("--yes"), "{text}");
    let (result, script) = site.person("setup alice --quota 1k", &["n"]);
    assert_eq!(failed(result), (1, "nothing was changed".to_owned()));
    assert!(script.err.contains("quota 1.0 MiB -> 1.0 KiB.  Warning: 4.8 KiB is in use"), "{}", script.err);
    assert_eq!(site.user("alice").quota, Some(1 << 20));
    site.person("setup alice --quota 1k", &["y"]).0.expect("changed");
    assert_eq!(site.user("alice").quota, Some(1 << 10));
    site.script("setup alice --quota 2k --yes").expect("changed");
    assert_eq!(site.user("alice").quota, Some(2 << 10));
}

#[test]
fn a_password_is_changed_and_the_account_stays_the_same() {
    let site = Site::new();
    site.script("create alice --quota 5G --password-file @password").expect("created");
    let before = site.user("alice");
    let (result, script) = site.person("setup alice --password", &["another long one", "another long one"]);
    result.expect("changed");
    assert_eq!(script.out, "alice: password changed; open sessions end within a second\n");
    let after = site.user("alice");
    assert_eq!((after.id, after.quota), (before.id, before.quota));
    assert!(after.password.matches(&secret("another long one")) && !after.password.matches(&secret(LONG)));
}

#[test]
fn without_options_each_value_is_asked_and_enter_keeps_it() {
    let site = Site::new();
    site.script("create alice --quota 5G --password-file @password").expect("created");
    let before = site.users();
    let (result, script) = site.person("setup alice", &["", ""]);
    result.expect("nothing to do");
    assert_eq!(script.out, "alice: nothing was changed\n");
    assert_eq!(site.users(), before);
    let (result, script) =
        site.person("setup alice", &["lots", "2G", "another long one", "another long one"]);
    result.expect("changed");
    assert!(
        script.err.contains("Quota [5.0 GiB]: ") && script.err.contains("'lots' is not a size"),
        "{}",
        script.err
    );
    assert!(
        script.out.contains("5.0 GiB -> 2.0 GiB") && script.out.contains("password changed"),
        "{}",
        script.out
    );
    assert!(script.err.contains("q leaves"), "{}", script.err);
}

#[test]
fn an_account_goes_when_its_name_is_typed_and_its_files_stay() {
    let site = Site::new();
    site.script("create alice --password-file @password").expect("created");
    site.give("alice", "home/file", 2048);
    let (result, script) = site.person("rm alice", &["alic"]);
    assert_eq!(failed(result).0, 1);
    assert!(
        script.err.contains(
            "alice has 1 file (2.0 KiB). Type the name to delete the account (files stay unless --purge): "
        ),
        "{}",
        script.err
    );
    site.user("alice");
    let (result, script) = site.person("rm alice", &["alice"]);
    result.expect("deleted");
    assert!(script.out.starts_with("Deleted alice. Its files remain in "), "{}", script.out);
    assert!(site.users().users.is_empty() && site.path("var/users/alice/home/file").exists());
    let (result, script) = site.person("create alice", &["", ""]);
    result.expect("created");
    assert!(script.err.contains("takes over 1 file (2.0 KiB) of an earlier account"), "{}", script.err);
}

#[test]
fn a_purge_takes_the_users_folder_and_nothing_that_a_link_leads_to() {
    let site = Site::new();
    for name in ["alice", "bob", "carl"] {
        site.script(&format!("create {name} --password-file @password")).expect("created");
        site.give(name, "home/file", 10);
    }
    symlink(site.path("var/users/bob"), site.path("var/users/alice/home/link")).expect("a link");
    assert_eq!(site.script("rm alice --purge --yes").expect("deleted"), "Deleted alice and all its files.\n");
    assert!(!site.path("var/users/alice").exists() && site.path("var/users/bob/home/file").exists());
    std::fs::rename(site.path("var/users/bob"), site.path("elsewhere")).expect("moved");
    symlink(site.path("elsewhere"), site.path("var/users/bob")).expect("a link");
    let (code, text) = failed(site.script("rm bob --purge --yes"));
    assert!(code == 1 && text.contains("not a folder"), "{text}");
    assert!(site.path("elsewhere/home/file").exists());
    std::fs::remove_dir_all(site.path("var/users/carl")).expect("gone");
    site.script("rm carl --purge --yes").expect("there is nothing to purge");
    let left: Vec<_> = std::fs::read_dir(site.path("var/users"))
        .expect("list")
        .map(|entry| entry.expect("entry").file_name())
        .collect();
    assert_eq!(left, ["bob"]);
}

#[test]
fn who_is_not_there_is_told_apart_with_a_suggestion() {
    let site = Site::new();
    site.script("create alice --password-file @password").expect("created");
    for line in ["rm alcie --yes", "setup alcie --quota 1G", "view alcie"] {
        assert_eq!(
            failed(site.script(line)),
            (6, "no such user 'alcie'. Did you mean alice?".to_owned()),
            "{line}"
        );
    }
    let (code, text) = failed(site.script("view \x1b[2J"));
    assert!(code == 6 && !text.contains('\x1b'), "{text:?}");
}

#[test]
fn usage_is_shown_to_people_and_to_programs() {
    let site = Site::new();
    site.script("create alice --quota 10k --password-file @password").expect("created");
    site.script("create bob --password-file @password").expect("created");
    std::fs::create_dir_all(site.path("var/users/alice/home/a/b")).expect("made");
    site.give("alice", "home/a/b/file", 3000);
    site.give("alice", "home/other", 1000);
    site.give("alice", "parts/00000000000000000000000000000001.part", 96);
    site.give("alice", "parts/00000000000000000000000000000001.cv", 500);
    symlink("/etc/passwd", site.path("var/users/alice/home/link")).expect("a link");
    std::fs::write(site.path("var/users/alice/last_login"), "2020-11-23T20:15:05Z 127.0.0.1 ")
        .expect("written");
    std::fs::remove_dir_all(site.path("var/users/bob")).expect("gone");

    let (result, script) = site.person("view", &[]);
    result.expect("shown");
    let expected = "\
USER      USED     QUOTA     LEFT  USE                          FILES  LAST LOGIN (UTC)
alice  4.0 KiB  10.0 KiB  6.0 KiB   40% [########------------]      2  2020-11-23 from 127.0.0.1
bob        0 B      none        -    -                              0  never
2 users, 4.0 KiB
";
    assert_eq!(script.out, expected);
    for (columns, head) in [
        (96, "USER      USED     QUOTA     LEFT  USE                          FILES  LAST LOGIN (UTC)\n"),
        (95, "USER      USED     QUOTA     LEFT  USE                FILES  LAST LOGIN (UTC)\n"),
        (80, "USER      USED     QUOTA  USE                FILES  LAST LOGIN (UTC)\n"),
        (70, "USER      USED     QUOTA  USE   FILES  LAST LOGIN (UTC)\n"),
        (20, "USER      USED     QUOTA  USE   FILES  LAST LOGIN (UTC)\n"),
    ] {
        let mut script = Script { screen: Some(columns), ..Script::default() };
        site.say("view", &mut script).expect("shown");
        assert!(script.out.starts_with(head), "{columns}:\n{}", script.out);
        assert!(columns < 70 || script.out.lines().all(|line| line.len() <= columns), "{}", script.out);
    }
    assert!(!site.path("var/users/bob").exists(), "to look makes nothing");
    assert!(
        site.path("var/users/alice/parts/00000000000000000000000000000001.part").exists(),
        "to look tidies nothing up"
    );

    let piped = site.script("list").expect("shown");
    assert_eq!(
        piped,
        "user\tused\tquota\tleft\tfiles\tparts\tlast_login\n\
         alice\t4096\t10240\t6144\t2\t1\t2020-11-23T20:15:05Z 127.0.0.1\n\
         bob\t0\tnone\tnone\t0\t0\tnever\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&site.script("view alice --json").expect("shown")).expect("JSON");
    let expected = serde_json::json!([{
        "user": "alice", "used": 4096, "quota": 10240, "left": 6144, "files": 2, "parts": 1,
        "last_login": "2020-11-23T20:15:05Z 127.0.0.1",
    }]);
    assert_eq!(json, expected);
}

#[test]
fn a_wide_home_does_not_take_a_descriptor_for_each_folder() {
    let site = Site::new();
    site.script("create alice --password-file @password").expect("created");
    for n in 0..3000 {
        std::fs::create_dir(site.path(&format!("var/users/alice/home/{n}"))).expect("made");
    }
    site.give("alice", "home/2999/file", 5);
    assert!(site.script("view").expect("counted").contains("alice\t5\t"));
}
