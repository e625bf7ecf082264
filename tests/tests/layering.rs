//! Who may use what. Every source file of the shipped crates is read, and each path in it is held against the table below.

use ftp_tests::binaries::root;
use std::fs;
use std::path::{Path, PathBuf};

/// What a folder may not name. Patterns are the segments of a path, anywhere in it.
struct Rule {
    folder: &'static str,
    /// Folders below that have rules of their own.
    but: &'static [&'static str],
    barred: &'static [&'static str],
    /// Files that may name one of them, and why.
    except: &'static [(&'static str, &'static str)],
}

const FILES: &[&str] = &["std::fs", "rustix::fs"];
const SOCKETS: &[&str] =
    &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram", "ToSocketAddrs"];
const CLOCK: &[&str] = &["Instant::now", "SystemTime::now", "elapsed"];
const THREADS: &[&str] = &["thread::spawn", "thread::Builder", "thread::sleep", "thread::scope"];
/// "/home/bob" is no prefix of what is in "/home/bobby": a path is compared name by name, or not at all.
const PREFIXES: &[&str] = &["starts_with", "strip_prefix"];
/// What runs in a signal handler may do next to nothing: signals are read by a thread.
const HANDLERS: &[&str] = &["signal_hook::low_level", "signal_hook_registry", "sigaction", "libc"];

const RULES: &[(Rule, &[&[&str]])] = &[
    (
        // It is tables and texts; the example of the tests writes the files.
        Rule {
            folder: "proto/manual/src",
            but: &[],
            barred: &["std::net", "std::process", "std::io", "std::env", "ftp_proto", "ftp_core"],
            except: &[],
        },
        &[FILES, SOCKETS, CLOCK, THREADS],
    ),
    (
        Rule {
            folder: "proto/src",
            but: &[],
            barred: &["std::net", "std::process", "rustix", "rustls", "mio", "ftp_tls", "ftp_core"],
            except: &[],
        },
        &[FILES, SOCKETS, CLOCK, THREADS],
    ),
    (
        Rule {
            folder: "proto/tls/src",
            but: &[],
            barred: &["std::net", "std::process", "rustix", "mio", "ftp_proto", "ftp_core"],
            except: &[],
        },
        &[FILES, SOCKETS, CLOCK, THREADS],
    ),
    (
        Rule {
            folder: "daemon/core/src",
            but: &[],
            barred: &[
                "mio",
                "rustls",
                "ftp_tls",
                "rustix::net",
                "slog_async",
                "slog_term",
                "Instant::now",
                "elapsed",
            ],
            except: &[],
        },
        &[SOCKETS, THREADS],
    ),
    (
        Rule {
            folder: "daemon/core/src",
            but: &[],
            barred: &["SystemTime::now"],
            except: &[
                ("daemon/core/src/job.rs", "the date of a login, noted by a worker"),
                ("daemon/core/src/vfs/parts.rs", "the age of parts, looked at by a worker"),
                (
                    "daemon/core/src/vfs/trees.rs",
                    "whether a file was changed just now, looked at by a worker",
                ),
            ],
        },
        &[],
    ),
    (
        Rule {
            folder: "daemon/core/src",
            but: &[],
            barred: &[],
            except: &[
                ("daemon/core/src/vfs/jail.rs", "the only calls on clients' names"),
                ("daemon/core/src/account/user_file.rs", "reads the operator's file"),
                ("daemon/core/src/account/user_file/edit.rs", "writes it, for ftp-admin"),
            ],
        },
        &[FILES],
    ),
    (
        Rule {
            folder: "daemon/core/src",
            but: &[],
            barred: &[],
            except: &[("daemon/core/src/account/user_file/record.rs", "the mark at the front of a text")],
        },
        &[PREFIXES],
    ),
    (
        Rule {
            folder: "proto/src",
            but: &[],
            barred: &[],
            except: &[
                ("proto/src/path.rs", "whether a path begins with a slash"),
                ("proto/src/sidecar.rs", "the mark at the front of a sidecar"),
            ],
        },
        &[PREFIXES],
    ),
    (Rule { folder: "cli/src/transfer", but: &[], barred: &[], except: &[] }, &[PREFIXES]),
    (
        Rule {
            folder: "cli/src/command",
            but: &[],
            barred: &[],
            except: &[("cli/src/command/mod.rs", "whether a word is an option")],
        },
        &[PREFIXES],
    ),
    (Rule { folder: "daemon/core/src/session", but: &[], barred: &["rustix", "std::io"], except: &[] }, &[]),
    (
        Rule {
            folder: "daemon/src/reactor",
            but: &[],
            barred: &["std::fs", "rustix::fs", "std::process"],
            except: &[("daemon/src/reactor/accept.rs", "the descriptor that is held in reserve")],
        },
        &[],
    ),
    (
        // Deadlines do not move when somebody sets the clock.
        Rule { folder: "daemon/src/reactor", but: &[], barred: &["SystemTime", "UNIX_EPOCH"], except: &[] },
        &[],
    ),
    (
        Rule {
            folder: "daemon/src",
            but: &["daemon/src/reactor"],
            barred: &["mio", "ftp_cli", "Pump"],
            except: &[],
        },
        &[SOCKETS],
    ),
    (Rule { folder: "cli/src", but: &[], barred: &["mio", "ftp_core", "ftp_daemon"], except: &[] }, &[]),
    (
        Rule {
            folder: "cli/src",
            but: &[],
            barred: &["pbr"],
            except: &[("cli/src/progress/line.rs", "the one place that draws")],
        },
        &[],
    ),
    (Rule { folder: "daemon", but: &[], barred: &["pbr"], except: &[] }, &[]),
    (Rule { folder: "", but: &[], barred: &["MultiBar"], except: &[] }, &[HANDLERS]),
];

/// The crates of this workspace that each may depend on.
const OURS: [(&str, &[&str]); 6] = [
    ("proto/manual", &[]),
    ("proto", &[]),
    ("proto/tls", &[]),
    ("daemon/core", &["ftp-proto"]),
    ("daemon", &["ftp-core", "ftp-manual", "ftp-proto", "ftp-tls"]),
    ("cli", &["ftp-manual", "ftp-proto", "ftp-tls"]),
];

/// Foreign crates that each may not depend on.
const THEIRS: [(&str, &[&str]); 6] = [
    ("proto/manual", &["mio", "rustls", "rustix", "pbr", "slog", "signal-hook", "rustyline"]),
    ("proto", &["mio", "rustls", "rustix", "pbr", "slog", "signal-hook"]),
    ("proto/tls", &["mio", "rustix", "pbr", "slog", "signal-hook"]),
    ("daemon/core", &["mio", "rustls", "pbr", "slog-async", "slog-term", "signal-hook"]),
    ("daemon", &["pbr", "rustyline"]),
    ("cli", &["mio", "scrypt", "slog"]),
];

/// What is wrong with a file: `path` is relative to the top, with `/`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let named = paths(&code(text));
    let mut found = Vec::new();
    for (rule, more) in RULES {
        let is_in = |folder: &str| folder.is_empty() || path.starts_with(&format!("{folder}/"));
        let excepted = rule.except.iter().any(|(file, _)| *file == path);
        if !is_in(rule.folder) || rule.but.iter().any(|folder| is_in(folder)) || excepted {
            continue;
        }
        for pattern in rule.barred.iter().chain(more.iter().copied().flatten()) {
            let pattern: Vec<&str> = pattern.split("::").collect();
            for name in &named {
                let segments: Vec<&str> = name.split("::").collect();
                if segments.windows(pattern.len()).any(|part| part == pattern) {
                    found.push(format!("{path}: {name}"));
                }
            }
        }
    }
    found
}

/// The text without comments, the contents of strings, and the tests at its end.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' => {
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                code.push_str("\"\"");
            }
            // '"' as a character is not the begin of a string.
            '\'' if chars.peek() == Some(&'"') => drop(chars.next()),
            c => code.push(c),
        }
    }
    let tests = code.find("#[cfg(test)]").filter(|at| {
        let lines = code[*at..].lines().skip(1).take(4);
        lines.map(str::trim).any(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    code.truncate(tests.unwrap_or(code.len()));
    code
}

/// All paths that are named; those of `use` are spelled out.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(|c: char| c.is_alphabetic() || c == '_') {
        let word = &rest[at..];
        let end = word.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(word.len());
        if &word[..end] == "use" {
            let tree = &word[end..word.find(';').unwrap_or(word.len())];
            expand("", tree, &mut found);
            rest = &word[end + tree.len()..];
        } else {
            found.push(word[..end].trim_matches(':').to_owned());
            rest = &word[end..];
        }
    }
    found
}

/// Spells out `a::{b, c::{d as e}}`.
fn expand(before: &str, tree: &str, found: &mut Vec<String>) {
    let mut depth = 0_u32;
    let parts = tree.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('{') {
            Some((head, inner)) => {
                let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
                expand(&format!("{before}{}", head.trim()), inner, found);
            }
            None => {
                let name = part.split_whitespace().next().unwrap_or_default();
                let whole = format!("{before}{name}");
                found.push(whole.trim_start_matches("::").trim_end_matches("::self").to_owned());
            }
        }
    }
}

/// What is wrong with the manifest of `folder`.
fn manifest_violations(folder: &str, text: &str) -> Vec<String> {
    let mut section = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        }
        // Tests may use more; what is built for a target or a build is shipped as well.
        if !section.ends_with("dependencies") || section.ends_with("dev-dependencies") {
            continue;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        let ours = OURS.iter().filter(|(of, _)| *of == folder).any(|(_, may)| may.contains(&name));
        let barred =
            THEIRS.iter().filter(|(of, _)| *of == folder).any(|(_, may_not)| may_not.contains(&name));
        if (name.starts_with("ftp-") && !ours) || barred {
            found.push(format!("{folder}/Cargo.toml: {name}"));
        }
    }
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All shipped source files, relative to the top.
fn sources() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_test {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for (folder, _) in OURS {
        walk(&root().join(folder).join("src"), &mut found);
    }
    let relative =
        |path: &PathBuf| path.strip_prefix(root()).expect("below").to_str().expect("UTF-8").to_owned();
    found.iter().map(relative).collect()
}

#[test]
fn each_layer_uses_only_what_it_may() {
    let sources = sources();
    let found: Vec<_> = sources.iter().flat_map(|path| violations(path, &read(path))).collect();
    assert!(found.is_empty(), "{found:#?}");
    for (rule, _) in RULES {
        assert!(sources.iter().any(|path| path.starts_with(rule.folder)), "{} is empty", rule.folder);
        for (file, why) in rule.except {
            assert!(sources.iter().any(|path| path == file), "{file} is gone: {why}");
        }
    }
}

#[test]
fn each_crate_depends_only_on_those_below() {
    for (folder, _) in OURS {
        let text = read(&format!("{folder}/Cargo.toml"));
        let found = manifest_violations(folder, &text);
        assert!(found.is_empty(), "{found:?}");
        for barred in ["ftp-cli", "ftp-daemon", "pbr"] {
            let worse =
                text.replacen("[dependencies]", &format!("[dependencies]\n{barred}.workspace = true"), 1);
            let refused = manifest_violations(folder, &worse);
            assert_eq!(refused.is_empty(), (folder, barred) == ("cli", "pbr"), "{folder} {barred}");
        }
    }
}

#[test]
fn a_forbidden_import_is_refused_however_it_is_spelled() {
    let cases = [
        ("proto/src/frame.rs", "use std::{collections::HashMap, fs::{self, File}};"),
        ("proto/src/frame.rs", "fn now() -> std::time::Instant { std::time::Instant::now() }"),
        ("proto/tls/src/lib.rs", "use std::net::TcpStream;"),
        ("daemon/core/src/job.rs", "pub use mio::Poll as Loop;"),
        ("daemon/core/src/job.rs", "use rustls::ServerConfig;"),
        ("daemon/core/src/registry.rs", "fn now() -> SystemTime { SystemTime::now() }"),
        ("daemon/core/src/quota.rs", "use std::os::unix::net::{UnixListener, UnixStream};"),
        ("daemon/core/src/session/put.rs", "use std::{\n    fs::File,\n    rc::Rc,\n};"),
        ("daemon/core/src/vfs/listing.rs", "use std::fs;"),
        ("daemon/core/src/transfer/sink.rs", "use rustix::fs::unlink;"),
        ("daemon/core/src/vfs/parts.rs", "fn inside(at: &str) -> bool { at.starts_with(\"/home/bob\") }"),
        (
            "cli/src/transfer/get.rs",
            "fn below(at: &Path, top: &Path) -> bool { at.strip_prefix(top).is_ok() }",
        ),
        ("daemon/src/reactor/timers.rs", "use std::time::{SystemTime, UNIX_EPOCH};"),
        ("daemon/src/control.rs", "use signal_hook::low_level;"),
        ("cli/src/interrupt.rs", "use libc::sigaction;"),
        ("daemon/core/src/session/put.rs", "fn at(then: Instant) -> Duration { then.elapsed() }"),
        ("daemon/src/reactor/conn.rs", "fn read() { let _ = ::std::fs::read(\"x\"); }"),
        ("daemon/src/control.rs", "use mio::net::TcpListener;"),
        ("cli/src/client.rs", "use ftp_core::vfs::Home;"),
        ("cli/src/shell.rs", "use pbr::ProgressBar;"),
        ("cli/src/progress/line.rs", "use pbr::{MultiBar, ProgressBar};"),
    ];
    for (path, line) in cases {
        let text = read(path);
        assert_eq!(violations(path, &text), [""; 0], "{path} is clean before");
        let (head, tail) = text.split_once("\nuse ").expect("a file with imports");
        assert!(!violations(path, &format!("{head}\n{line}\nuse {tail}")).is_empty(), "{path}: {line}");
    }
}

#[test]
fn no_crate_may_be_unsafe() {
    assert!(read("Cargo.toml").contains("\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    for folder in OURS.iter().map(|(folder, _)| *folder).chain(["tests"]) {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{folder}");
    }
}

#[test]
fn comments_strings_and_tests_may_name_anything() {
    let text = "//! std::fs and mio::Poll\nuse std::rc::Rc; // std::fs\nconst TEXT: &str = \"std::fs::read \\\" std::fs\";\n\
        #[cfg(test)]\n#[expect(dead_code)]\nmod tests {\n    use std::fs::File;\n}\n";
    assert_eq!(violations("proto/src/frame.rs", text), [""; 0]);
    let shipped = text.replace("#[cfg(test)]\n", "");
    assert_eq!(violations("proto/src/frame.rs", &shipped).len(), 1);
}
