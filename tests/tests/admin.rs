//! `ftp-admin` at a real terminal: its screens, the ways to leave them, and what it does when the disk or a mount is in its way.

use ftp_tests::binaries::binary;
use ftp_tests::screen::Screen;
use ftp_tests::site::{Ran, Site, run};
use std::fs;
use std::process::Command;

const LONG: &str = "correct horse battery";

fn admin(site: &Site, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("ftp-admin"));
    command.arg("-c").arg(site.config()).args(arguments);
    command
}

/// Types each answer when its question is there, and gives what was on the screen, and the exit code.
fn talk(site: &Site, arguments: &[&str], talk: &[(&str, &str)]) -> (i32, String) {
    let mut screen = Screen::start_at(&admin(site, arguments), 200);
    for (question, answer) in talk {
        screen.wait(question);
        screen.keys(answer);
    }
    let (code, text) = screen.end();
    let text = text.replace('\r', "").replace(&site.path("var/users").display().to_string(), "USERS");
    (code, text)
}

#[test]
fn the_screens_are_as_they_should_be() {
    let site = Site::new();
    let password = format!("{LONG}\n");
    let asked = "New password (12 characters or more; empty = make one for me; q leaves): ";
    let told = talk(
        &site,
        &["create", "alice", "--quota", "5G"],
        &[(asked, "short\n"), (asked, &password), ("Again: ", &password)],
    );
    let expected = format!(
        "{asked}\n\
         the password has fewer than 12 characters and would be guessed too soon; take a longer one (or --weak, if it does not matter)\n\
         {asked}\nAgain: \nCreated alice: quota 5.0 GiB, home USERS/alice/home.\n"
    );
    assert_eq!(told, (0, expected));

    let told = talk(
        &site,
        &["create"],
        &[
            ("User: ", "alice\n"),
            ("User: ", "bob\n"),
            ("[none]: ", "\n"),
            (asked, &password),
            ("Again: ", &password),
        ],
    );
    let expected = format!(
        "A new account. At each question q leaves, and nothing is changed.\n\
         User: alice\nalice exists already; change it with ftp-admin setup alice\nUser: bob\n\
         Quota, such as 5G or 500M [none]: \n{asked}\nAgain: \nCreated bob: quota none, home USERS/bob/home.\n"
    );
    assert_eq!(told, (0, expected));

    fs::write(site.home_of("alice").join("file"), vec![7; 3 << 20]).expect("written");
    fs::write(site.path("var/users/alice/last_login"), "2020-11-23T20:15:05Z 10.0.0.7 ").expect("written");
    let expected = "\
USER      USED    QUOTA     LEFT  USE                          FILES  LAST LOGIN (UTC)
alice  3.0 MiB  5.0 GiB  4.9 GiB    0% [--------------------]      1  2020-11-23 from 10.0.0.7
bob        0 B     none        -    -                              0  never
2 users, 3.0 MiB
";
    assert_eq!(talk(&site, &["view"], &[]), (0, expected.to_owned()));

    let question = "alice: quota 5.0 GiB -> 1.0 MiB.  Warning: 3.0 MiB is in use; alice can read and delete, but not begin a put. Go on? [y/N] ";
    let told = talk(&site, &["setup", "alice", "--quota", "1M"], &[("[y/N] ", "\n")]);
    assert_eq!(told, (1, format!("{question}\nftp-admin: nothing was changed\n")));
    let told = talk(&site, &["setup", "alice", "--quota", "1M"], &[("[y/N] ", "y\n")]);
    assert_eq!(told, (0, format!("{question}y\nalice: quota 5.0 GiB -> 1.0 MiB\n")));

    let told = talk(
        &site,
        &["setup", "alice"],
        &[("Quota [1.0 MiB]: ", "2G\n"), ("[keep; q leaves]: ", &password), ("Again: ", &password)],
    );
    let expected = "alice has 1 file (3.0 MiB). Enter keeps a value; q leaves, and nothing is changed.\n\
         Quota [1.0 MiB]: 2G\nNew password [keep; q leaves]: \nAgain: \n\
         alice: quota 1.0 MiB -> 2.0 GiB\nalice: password changed; open sessions end within a second\n";
    assert_eq!(told, (0, expected.to_owned()));

    let question =
        "alice has 1 file (3.0 MiB). Type the name to delete the account (files stay unless --purge): ";
    let told = talk(&site, &["rm", "alice"], &[("--purge): ", "alic\n")]);
    assert_eq!(told, (1, format!("{question}alic\nftp-admin: that is not the name; nothing was deleted\n")));
    let told = talk(&site, &["rm", "alice"], &[("--purge): ", "alice\n")]);
    assert_eq!(told, (0, format!("{question}alice\nDeleted alice. Its files remain in USERS/alice.\n")));
    let told = talk(&site, &["crate", "x"], &[]);
    assert_eq!(told, (2, "ftp-admin: no such command 'crate'. Did you mean create?\n".to_owned()));
    let told = talk(&site, &["view", "bbo"], &[]);
    assert_eq!(told, (6, "ftp-admin: no such user 'bbo'. Did you mean bob?\n".to_owned()));
}

/// What was seen of `view` on a screen of that size, as soon as the last line is there.
fn view(site: &Site, size: (u16, u16)) -> String {
    let mut screen = Screen::start_sized(&admin(site, &["view"]), size);
    screen.wait("2 users, 4.0 MiB");
    assert!(!screen.is_wrapped(), "{size:?}: {}", screen.text());
    screen.rows().join("\n").trim_end().to_owned()
}

#[test]
fn the_table_fits_the_terminal() {
    let site = Site::new();
    site.user("alice", "10M");
    site.user("bob", "none");
    fs::write(site.home_of("alice").join("file"), vec![7; 4 << 20]).expect("written");
    let daemon = site.start();
    // It may be midnight right after the login.
    let is_expected = |before: &str, after: &str| {
        let _login = site.script(daemon.port, "alice", "pwd").expect(0);
        let (small, large) = (view(&site, (24, 80)), view(&site, (50, 200)));
        let row = |text: &str| text.lines().nth(1).unwrap_or_default().to_owned();
        let shows = |text: &str, begin: &str| {
            row(text).starts_with(&format!("{begin}today ")) && row(text).ends_with(" from 127.0.0.1")
        };
        println!("{small}\n{large}");
        shows(&small, before) && shows(&large, after)
    };
    let small = "alice  4.0 MiB  10.0 MiB   40% [####------]      1  ";
    let large = "alice  4.0 MiB  10.0 MiB  6.0 MiB   40% [########------------]      1  ";
    assert!(is_expected(small, large) || is_expected(small, large));
}

#[test]
fn a_password_that_is_made_is_alone_on_stdout_and_lets_its_user_in() {
    let site = Site::new();
    let ran = site.admin(&["create", "alice", "--generate"], "").expect(0);
    assert!(ran.out.len() == 25 && ran.out.ends_with('\n') && ran.out.matches('-').count() == 4, "{ran:?}");
    assert!(ran.err.contains("Created alice") && !ran.err.contains(ran.out.trim()), "{ran:?}");
    let other = site.admin(&["setup", "alice", "--generate"], "").expect(0);
    assert_ne!(ran.out, other.out);
    let daemon = site.start();
    for (password, code) in [(&other.out, 0), (&ran.out, 4)] {
        fs::write(site.path("alice.pw"), password).expect("written");
        let _answered = site.script(daemon.port, "alice", "pwd").expect(code);
    }
    // A pipe that nobody reads any more.
    let mut lost = Command::new("bash");
    lost.args(["-c", "exec \"$@\" 1>&-", "bash"]).arg(binary("ftp-admin")).arg("-c").arg(site.config());
    lost.args(["create", "bob", "--generate"]);
    let ran = run(lost, "");
    assert!(ran.code != 101 && !ran.err.contains("panic"), "{ran:?}");
}

/// A question and its answer.
type Turn = (&'static str, &'static str);

/// All questions that there are, each with the answers that lead to it.
fn prompts() -> Vec<(&'static [&'static str], Vec<Turn>)> {
    const TYPED: &str = "correct horse battery\n";
    vec![
        (
            &["create"],
            vec![("User: ", "bob\n"), ("[none]: ", "\n"), ("q leaves): ", TYPED), ("Again: ", TYPED)],
        ),
        (
            &["setup"],
            vec![
                ("User: ", "alice\n"),
                ("[5.0 GiB]: ", "1k\n"),
                ("q leaves]: ", TYPED),
                ("Again: ", TYPED),
                ("[y/N] ", "y\n"),
            ],
        ),
        (&["rm", "alice"], vec![("--purge): ", "alice\n")]),
    ]
}

#[test]
fn whoever_leaves_at_a_prompt_changes_nothing_and_gets_the_terminal_back() {
    let site = Site::new();
    site.user("alice", "5G");
    fs::write(site.home_of("alice").join("file"), vec![7; 5000]).expect("written");
    let before = fs::read_to_string(site.path("var/users.ron")).expect("there");
    let mut left = 0;
    for (arguments, questions) in prompts() {
        for at in 0..questions.len() {
            for (keys, code) in
                [("q\n", 1), ("exit\n", 1), ("\x04", 1), ("\x03", 130), ("half of it\x03", 130)]
            {
                // The shell stays, and says how the program left the terminal.
                let mut shell = Command::new("bash");
                shell.args(["-c", "trap : INT; \"$@\"; echo \"code $?;\"; stty -a; cat", "bash"]);
                shell.arg(binary("ftp-admin")).arg("-c").arg(site.config()).args(arguments);
                let mut screen = Screen::start(&shell);
                for (question, answer) in &questions[..at] {
                    screen.wait(question);
                    screen.keys(answer);
                }
                screen.wait(questions[at].0);
                screen.keys(keys);
                let told = screen.wait(&format!("code {code};"));
                assert!(told.contains("nothing was changed"), "{arguments:?} {at} {keys:?}: {told}");
                let modes = screen.wait("echoctl");
                let is_on = |mode| modes.split_whitespace().any(|word| word == mode);
                assert!(is_on("echo") && is_on("icanon") && is_on("isig"), "{arguments:?} {at}: {modes}");
                let after = fs::read_to_string(site.path("var/users.ron")).expect("there");
                assert!(after == before, "{arguments:?} {at} {keys:?}");
                assert!(!site.path("var/users/bob").exists(), "{arguments:?} {at} {keys:?}");
                left += 1;
            }
        }
    }
    println!("trials: {left}");
}

#[test]
fn the_exit_code_says_why() {
    let site = Site::new();
    site.user("alice", "5G");
    for (arguments, code) in [
        (&["view"][..], 0),
        (&["--version"], 0),
        (&["create", "alice", "--generate"], 1),
        (&["create", "No Name", "--generate"], 2),
        (&["create"], 2),
        (&["setup"], 2),
        (&["setup", "alice"], 2),
        (&["rm", "alice"], 2),
        (&["explode"], 2),
        (&["view", "--explode"], 2),
        (&["view", "bob"], 6),
        (&["setup", "bob", "--quota", "1G"], 6),
        (&["rm", "bob", "--yes"], 6),
    ] {
        let ran = site.admin(arguments, "").expect(code);
        assert!(code == 0 || (ran.out.is_empty() && ran.err.starts_with("ftp-admin: ")), "{ran:?}");
        assert!(!ran.err.contains('\x1b') && !ran.out.contains('\x1b'), "{ran:?}");
    }
}

/// A limit on the size of files is a full disk to whoever ignores the signal.
#[test]
fn a_full_disk_leaves_the_old_accounts_and_nothing_else() {
    let site = Site::new();
    for number in 0..12 {
        site.user(&format!("user{number}"), "1G");
    }
    let before = fs::read_to_string(site.path("var/users.ron")).expect("there");
    assert!(before.len() > 1024, "more than the limit");
    let names = |folder: &str| {
        let entries = fs::read_dir(site.path(folder)).expect("there");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let (data, users) = (names("var"), names("var/users"));
    let full = |arguments: &[&str]| -> Ran {
        let mut shell = Command::new("bash");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "bash"]);
        shell.arg(binary("ftp-admin")).arg("-c").arg(site.config()).args(arguments);
        run(shell, "")
    };
    for arguments in [&["create", "bob", "--generate"][..], &["setup", "user1", "--quota", "2G"]] {
        let ran = full(arguments).expect(1);
        assert!(ran.out.is_empty() && ran.err.contains("the old one stays"), "{ran:?}");
        assert_eq!(fs::read_to_string(site.path("var/users.ron")).expect("there"), before);
        assert_eq!((names("var"), names("var/users")), (data.clone(), users.clone()), "no leftovers");
    }
}

#[test]
fn check_finds_a_home_that_is_a_mount_of_its_own() {
    let site = Site::new();
    site.user("alice", "none");
    let mounted = |folder: &str| -> Ran {
        let mut shell = Command::new("unshare");
        shell.args(["--user", "--map-root-user", "--mount", "bash", "-c"]);
        // Bound to itself: the file system is the same, and still a rename fails.
        shell.arg("mount --bind \"$1\" \"$1\" || exit 77; shift; exec \"$@\"").arg("bash");
        shell.arg(site.path(folder)).arg(binary("ftp-admin")).arg("-c").arg(site.config()).arg("check");
        run(shell, "")
    };
    let sound = site.admin(&["check"], "").expect(0);
    assert!(sound.out.contains("folder of alice"), "{sound:?}");
    let ran = mounted("var/users");
    if ran.code != 0 {
        println!("no mount can be made here: {}", ran.err);
        return;
    }
    for folder in ["var/users/alice", "var/users/alice/home", "var/users/alice/parts"] {
        let ran = mounted(folder).expect(1);
        let path = site.path(folder).display().to_string();
        let line = ran.out.lines().find(|line| line.starts_with("problem")).unwrap_or_default();
        assert!(line.contains(&path) && line.contains("mount of its own"), "{folder}: {ran:?}");
        assert!(line.contains(&format!("mount all users at {}", site.path("var/users").display())), "{line}");
    }
}
