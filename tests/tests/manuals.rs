//! Help, man pages, completions and the shipped config are written from one table, and are what that says.

use ftp_tests::binaries::{binary, root};
use ftp_tests::manuals::{self, PROGRAMS};
use ftp_tests::site::{Ran, Site, run};
use std::fs;
use std::path::Path;
use std::process::Command;

const WRITE: &str = "run 'cargo run -p ftp-tests --example manuals' and commit what it writes";

#[test]
fn what_is_in_the_repository_is_what_the_tables_say() {
    let all = manuals::all();
    for (path, text) in &all {
        let there = fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(there == *text, "{path} is not what the tables say: {WRITE}");
    }
    // What nobody writes any more is not left behind.
    for folder in ["daemon/man", "daemon/completions", "cli/man", "cli/completions"] {
        for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
            let path = format!("{folder}/{}", entry.expect("an entry").file_name().display());
            assert!(all.iter().any(|(known, _)| *known == path), "{path} is written by nobody");
        }
    }
}

#[test]
fn a_program_knows_every_option_and_verb_of_its_table() {
    for program in PROGRAMS {
        let help = run_with(&binary(program.name), &["--help"]).expect(0).out;
        for option in program.options() {
            assert!(help.contains(&option.spelled()), "{}: {} in {help}", program.name, option.long);
        }
        for verb in program.verbs {
            let help = run_with(&binary(program.name), &[verb.name, "--help"]).expect(0).out;
            assert!(help.contains("Usage: "), "{help}");
            for option in verb.options() {
                assert!(help.contains(&option.spelled()), "{}: {} in {help}", verb.name, option.long);
            }
        }
        assert_eq!(run_with(&binary(program.name), &["--no-such-option"]).code, 2);
    }
}

fn run_with(program: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    command.args(arguments);
    run(command, "")
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("there is no {program} here; what it would say is not known");
    }
    found
}

#[test]
fn the_pages_are_sound() {
    let pages: Vec<_> = manuals::all().into_iter().filter(|(path, _)| path.contains("/man/")).collect();
    assert!(pages.len() > 2);
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.8");
    fs::write(&bad, ".TH BAD 8 2026-11-25\n.SH NAME\nbad \\- bad\n.NOSUCH\n").expect("written");
    if is_installed("groff") {
        let groff = |page: &Path| {
            let page = page.to_str().expect("UTF-8");
            run_with(Path::new("groff"), &["-man", "-ww", "-Tutf8", "-rLL=78n", page]).err
        };
        for (path, _) in &pages {
            assert_eq!(groff(&root().join(path)), "", "{path}");
        }
        assert_ne!(groff(&bad), "", "it can tell");
    }
    if is_installed("mandoc") {
        let lint = |page: &Path| {
            run_with(Path::new("mandoc"), &["-T", "lint", "-W", "warning", page.to_str().expect("UTF-8")]).out
        };
        for (path, _) in &pages {
            assert_eq!(lint(&root().join(path)), "", "{path}");
        }
        assert_ne!(lint(&bad), "", "it can tell");
    }
}

/// What bash would offer at the end of a line.
fn offered(site: &Site, line: &[&str]) -> Vec<String> {
    let program = binary("ftp-admin");
    let script = root().join("daemon/completions/ftp-admin.bash");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c"]).arg(
        "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _ftp_admin 2>&1; printf '%s\\n' \"${COMPREPLY[@]}\"",
    );
    bash.arg("bash").arg(script).arg(program).arg("-c").arg(site.config()).args(line);
    run(bash, "").expect(0).out.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_options_and_users() {
    let site = Site::new();
    site.user("alice", "none");
    site.user("albert", "none");
    assert_eq!(offered(&site, &["cr"]), ["create"]);
    assert_eq!(offered(&site, &["view", "--j"]), ["--json"]);
    assert_eq!(offered(&site, &["setup", "al"]), ["albert", "alice"]);
    assert_eq!(offered(&site, &["setup", "alice", "--quota", "n"]), ["none"]);
    assert_eq!(offered(&site, &["setup", "alice", "--quota", "=", "n"]), ["none"]);
    assert_eq!(offered(&site, &["rm", "ali", "--y"]), ["--yes"]);
    assert_eq!(offered(&site, &["create", "x"]), [""; 0], "a new name is anything");
    let var = site.path("va").display().to_string();
    assert_eq!(offered(&site, &["cert", "--out", &var]), [site.path("var").display().to_string()]);
}

#[test]
fn each_shell_takes_its_completions() {
    for (shell, ending) in [("bash", ".bash"), ("zsh", ".zsh"), ("fish", ".fish")] {
        if !is_installed(shell) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let bad = folder.path().join("bad");
        fs::write(&bad, "if ((\n").expect("written");
        assert_ne!(run_with(Path::new(shell), &["-n", bad.to_str().expect("UTF-8")]).code, 0, "it can tell");
        let files = manuals::all().into_iter().filter(|(path, _)| path.ends_with(ending));
        for (path, _) in files {
            let file = root().join(path);
            let ran = run_with(Path::new(shell), &["-n", file.to_str().expect("UTF-8")]);
            assert!(ran.code == 0 && ran.err.is_empty(), "{path}: {ran:?}");
        }
    }
}

#[test]
fn fish_completes_verbs_options_and_users() {
    if !is_installed("fish") {
        return;
    }
    let site = Site::new();
    site.user("alice", "none");
    let offered = |line: &str| -> Vec<String> {
        let program = binary("ftp-admin");
        let mut fish = Command::new("fish");
        fish.env("HOME", site.path("home")).args(["--no-config", "-c"]).arg(format!(
            "set -p PATH {}; source {}; complete -C 'ftp-admin -c {} {line}'",
            program.parent().expect("a folder").display(),
            root().join("daemon/completions/ftp-admin.fish").display(),
            site.config().display(),
        ));
        let out = run(fish, "").expect(0).out;
        out.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
    };
    assert_eq!(offered("cr"), ["create"]);
    assert_eq!(offered("view --j"), ["--json"]);
    assert_eq!(offered("setup al"), ["alice"]);
    assert_eq!(offered("setup alice --quota n"), ["none"]);
}
