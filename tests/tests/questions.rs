//! Ctrl-C, Ctrl-D, q, exit and Enter, wherever something is asked: they mean the same everywhere.

use ftp_tests::sample;
use ftp_tests::screen::Screen;
use ftp_tests::site::{Daemon, Site};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

struct Place {
    site: Site,
    daemon: Daemon,
}

impl Place {
    fn new() -> Self {
        let site = Site::new();
        fs::write(site.path("cli.ron"), "()").expect("written");
        site.user("alice", "none");
        let daemon = site.start();
        for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
            sample::file(&site.path("work").join(name), seed, 1000);
        }
        site.script(daemon.port, "alice", "put a; put -o b a; put -o c a").expect(0);
        Self { site, daemon }
    }

    /// A client that asks who one is; or that is logged in already.
    fn client(&self, logged_in: bool) -> Command {
        let mut command = if logged_in {
            self.site.cli(self.daemon.port, "alice")
        } else {
            let mut command = Command::new(ftp_tests::binaries::binary("ftp-cli"));
            command.current_dir(self.site.work()).env("HOME", self.site.path("home"));
            command.args(["-s", "127.0.0.1", "-P", &self.daemon.port.to_string(), "--ca"]);
            command.arg(self.site.path("certs/ca.pem"));
            command
        };
        command.arg("--config").arg(self.site.path("cli.ron"));
        command
    }

    /// Brings a client to each of its questions, by its last words, and hands it over.
    fn at_each_question(&self, check: impl Fn(&str, Screen) + Sync) {
        let check = &check;
        std::thread::scope(|scope| {
            for question in ["login: ", "password: ", ":/> ", "[y/N/all/none] "] {
                scope.spawn(move || check(question, self.at(question)));
            }
        });
    }

    fn at(&self, question: &str) -> Screen {
        let mut screen = Screen::start(&self.client(!matches!(question, "login: " | "password: ")));
        match question {
            "password: " => {
                screen.wait("login: ");
                screen.type_and_wait("alice", question);
            }
            "[y/N/all/none] " => {
                screen.wait(":/> ");
                screen.type_and_wait("put b", question);
            }
            _ => {
                screen.wait(question);
            }
        }
        screen
    }

    /// A shell to start a client from.
    fn shell(&self) -> Command {
        let mut shell = Command::new("sh");
        shell.current_dir(self.site.work());
        shell
    }
}

#[test]
fn ctrl_c_asks_again_and_a_second_one_soon_after_leaves_with_130() {
    let place = Place::new();
    place.at_each_question(|question, mut screen| {
        screen.keys("half a line");
        screen.keys("\x03");
        screen.wait(question);
        screen.keys("\x03");
        let (code, text) = screen.end();
        assert_eq!(code, 130, "{question}: {text}");
        assert!(text.ends_with('\n'), "what comes next begins on a line of its own: {question}: {text:?}");
    });
}

#[test]
fn ctrl_c_drops_what_was_typed_and_nothing_else() {
    let place = Place::new();
    place.at_each_question(|question, mut screen| {
        screen.keys("nonsense\x03");
        screen.wait(question);
        // What is typed now is all that counts.
        match question {
            "login: " => drop(screen.type_and_wait("alice", "password: ")),
            "password: " => drop(screen.type_and_wait("password of alice", ":/> ")),
            ":/> " => assert!(screen.type_and_wait("pwd", ":/> ").contains("\n/\r")),
            _ => assert!(screen.type_and_wait("n", ":/> ").contains("left as it is")),
        }
        screen.keys("\x04");
        let (code, text) = screen.end();
        assert_eq!(code, 0, "{question}: {text}");
    });
}

#[test]
fn ctrl_d_and_exit_leave_with_0_wherever_something_is_asked() {
    let place = Place::new();
    for keys in ["\x04", "exit\n"] {
        place.at_each_question(|question, mut screen| {
            screen.keys(keys);
            let (code, text) = screen.end();
            assert_eq!(code, 0, "{question}: {text}");
            assert!(text.ends_with('\n'), "{question}: {text:?}");
        });
    }
}

#[test]
fn q_goes_back_to_the_login_from_wherever_something_is_asked() {
    let place = Place::new();
    place.at_each_question(|question, mut screen| {
        let back = screen.type_and_wait("q", "login (Ctrl-D leaves): ");
        assert_eq!(back.contains("Logged out."), !matches!(question, "login: " | "password: "), "{back}");
        screen.keys("\x04");
        assert_eq!(screen.end().0, 0);
    });
}

#[test]
fn enter_replaces_nothing_and_leaves_nobody() {
    let place = Place::new();
    place.at_each_question(|question, mut screen| {
        let next = match question {
            "password: " => "login (Ctrl-D leaves): ",
            "[y/N/all/none] " => ":/> ",
            same => same,
        };
        let shown = screen.type_and_wait("", next);
        assert!(!shown.contains("Logged out"), "{question}: {shown}");
        assert_eq!(shown.contains("left as it is"), question.starts_with('['), "{shown}");
        screen.keys("\x04");
        assert_eq!(screen.end().0, 0);
    });
    let there = sample::hash(&place.site.home_of("alice").join("b"));
    assert_eq!(there, sample::hash(&place.site.path("work/a")), "it was not replaced");
}

#[test]
fn the_terminal_has_its_echo_again_whatever_ended_the_password() {
    let place = Place::new();
    let client = place.client(false);
    let words: Vec<String> = std::iter::once(client.get_program())
        .chain(client.get_args())
        .map(|word| format!("'{}'", word.to_str().expect("UTF-8")))
        .collect();
    for keys in ["\x03", "\x04"] {
        let mut shell = place.shell();
        shell.args(["-c", &format!("{} -u alice; stty -a; echo over", words.join(" "))]);
        shell.env("HOME", place.site.path("home"));
        let mut screen = Screen::start(&shell);
        screen.wait("password: ");
        screen.keys(keys);
        if keys == "\x03" {
            screen.wait("password: ");
            screen.keys(keys);
        }
        let settings = screen.wait("over");
        for word in ["echo", "icanon", "isig"] {
            assert!(
                settings.split_whitespace().any(|set| set.trim_end_matches(';') == word),
                "{word}: {settings}"
            );
        }
        screen.end();
    }
}

#[test]
fn where_nothing_can_be_edited_everything_still_works() {
    let place = Place::new();
    for (name, value) in [("TERM", "dumb"), ("NO_COLOR", "1")] {
        let mut client = place.client(false);
        client.env(name, value);
        let mut screen = Screen::start(&client);
        screen.wait("login: ");
        screen.keys("nobod\x03");
        screen.wait("login: ");
        screen.type_and_wait("alice", "password: ");
        screen.type_and_wait("password of alice", ":/> ");
        sample::file(&place.site.path("work/big"), 9, 20 << 20);
        let put = screen.type_and_wait(&format!("put -o {name} big"), ":/> ");
        assert_eq!(put.contains("[="), name != "TERM", "a terminal without colours has a bar: {put}");
        screen.type_and_wait("put b", "[y/N/all/none] ");
        screen.type_and_wait("n", ":/> ");
        screen.keys("\x04");
        let raw = {
            let raw = screen.raw();
            assert_eq!(screen.end().0, 0);
            raw
        };
        if name == "TERM" {
            assert!(!raw.contains(&0x1b), "{:?}", String::from_utf8_lossy(&raw));
        } else {
            let colour = |bytes: &[u8]| bytes.starts_with(b"\x1b[3") || bytes.starts_with(b"\x1b[1;");
            assert!(!raw.windows(4).any(colour), "{:?}", String::from_utf8_lossy(&raw));
        }
    }
}

#[test]
fn prompts_stay_on_the_terminal_when_results_go_to_a_file() {
    let place = Place::new();
    let client = place.client(true);
    let words: Vec<String> = std::iter::once(client.get_program())
        .chain(client.get_args())
        .map(|word| format!("'{}'", word.to_str().expect("UTF-8")))
        .collect();
    for term in ["xterm", "dumb"] {
        let mut shell = place.shell();
        shell.args(["-c", &format!("{} >out", words.join(" "))]).env("TERM", term);
        shell.env("HOME", place.site.path("home"));
        let mut screen = Screen::start(&shell);
        screen.wait(":/> ");
        screen.type_and_wait("ls -1", ":/> ");
        screen.type_and_wait("put b", "[y/N/all/none] ");
        screen.type_and_wait("n", ":/> ");
        screen.keys("exit\n");
        assert_eq!(screen.end().0, 0);
        let out = fs::read_to_string(place.site.path("work/out")).expect("written");
        assert_eq!(out, "a\nb\nc\n", "{term}");
    }
}

#[test]
fn the_history_is_its_owners_and_has_no_password_in_it() {
    let place = Place::new();
    let history = place.site.path("home/.local/state/ftp-cli/history");
    let mut screen = Screen::start(&place.client(false));
    screen.wait("login: ");
    screen.type_and_wait("alice", "password: ");
    screen.type_and_wait("a wrong password", "login: ");
    screen.type_and_wait("alice", "password: ");
    screen.type_and_wait("password of alice", ":/> ");
    screen.type_and_wait("ls -1 /", ":/> ");
    screen.type_and_wait("put b", "[y/N/all/none] ");
    screen.type_and_wait("n", ":/> ");
    // Kept at once: whoever leaves in a hurry finds it again.
    let kept = fs::read_to_string(&history).expect("a history");
    assert!(kept.contains("ls -1 /\nput b\n"), "{kept}");
    screen.type_and_wait("\x03", ":/> ");
    screen.keys("\x03");
    assert_eq!(screen.end().0, 130);
    let kept = fs::read_to_string(&history).expect("a history");
    assert!(!kept.contains("password") && !kept.contains("alice") && !kept.contains("\nn\n"), "{kept}");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&history), mode(history.parent().expect("a folder"))), (0o600, 0o700));
    let mut screen = Screen::start(&place.client(true));
    screen.wait(":/> ");
    screen.keys("\x1b[A");
    screen.wait("put b");
    screen.keys("\x15exit\n");
    assert_eq!(screen.end().0, 0);
}
