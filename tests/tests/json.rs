//! What `-j` prints is what `cli/JSON.md` describes: one object per line, nothing beside it, whatever happens.

use ftp_tests::binaries::root;
use ftp_tests::json::Events;
use ftp_tests::site::{Ran, Site, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// Runs commands with `-j` and more; nothing may come on stderr.
fn told(site: &Site, port: u16, more: &[&str], commands: &str) -> (Ran, Vec<Value>) {
    let mut command = site.cli(port, "alice");
    command.arg("-j").args(more).args(["-c", commands]);
    let ran = run(command, "");
    assert_eq!(ran.err, "", "nothing but JSON: {ran:?}");
    let events = Events::documented().read(&ran.out);
    (ran, events)
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

#[test]
fn the_document_has_every_event_and_no_other() {
    let source = fs::read_to_string(root().join("cli/src/event.rs")).expect("there");
    let (_, source) = source.split_once("pub enum Event").expect("the events");
    let (source, _) = source.split_once("\n}").expect("their end");
    let variants = source.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?;
        let end = name.find([' ', '(', ','])?;
        name.starts_with(|c: char| c.is_ascii_uppercase()).then(|| snake(&name[..end]))
    });
    let documented = Events::documented();
    assert_eq!(variants.collect::<BTreeSet<_>>(), documented.names().map(str::to_owned).collect());
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[test]
fn every_command_answers_in_json() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    fs::write(site.work().join("a.txt"), "hello").expect("written");
    let (ran, events) = told(
        &site,
        daemon.port,
        &[],
        "pwd; info; quota; mkdir d; cd d; cd -; put a.txt; ls; sum a.txt; md5 a.txt; mv a.txt d/b.txt; rm d/b.txt; rmdir d; \
         parts; parts rm all; parts clean; limit 1G; lpwd; lls; lcd .; help; help get",
    );
    ran.expect(0);
    let mut seen: Vec<_> = names(&events);
    seen.dedup();
    assert_eq!(
        seen.iter().filter(|name| !["start", "progress", "done", "note"].contains(*name)).collect::<Vec<_>>(),
        [
            "login",
            "directory",
            "info",
            "quota",
            "made",
            "directory",
            "entry",
            "total",
            "sum",
            "renamed",
            "removed",
            "parts_removed",
            "limit",
            "folders",
            "local_entry",
            "total",
            "folders",
            "help"
        ]
        .iter()
        .collect::<Vec<_>>()
    );
    let entry =
        events.iter().find(|event| event["event"] == "entry" && event["name"] == "a.txt").expect("listed");
    assert_eq!((&entry["kind"], &entry["size"]), (&json!("file"), &json!(5)));
    let sum = events.iter().rfind(|event| event["event"] == "sum").expect("summed");
    assert_eq!(sum["md5"], "5d41402abc4b2a76b9719d911017c592");
}

#[test]
fn an_error_is_json_with_the_exit_code_of_the_run() {
    let site = Site::new();
    site.user("alice", "1M");
    let daemon = site.start();
    fs::write(site.work().join("big"), vec![0; 2 << 20]).expect("written");
    for (commands, code, what, refusal) in [
        ("get nothing", 6, "not_found", json!("not_found")),
        ("frobnicate", 2, "usage", Value::Null),
        ("put nothing", 6, "not_found", Value::Null),
        ("put big", 8, "full", json!("quota_exceeded")),
        ("rmdir /", 7, "not_permitted", json!("name_refused")),
    ] {
        let (ran, events) = told(&site, daemon.port, &[], commands);
        let last = events.last().expect("an event");
        assert_eq!(
            (&last["event"], &last["code"], &last["what"], &last["refusal"]),
            (&json!("error"), &json!(code), &json!(what), &refusal),
            "{commands}: {ran:?}"
        );
        assert_eq!(ran.code, code, "{commands}");
    }
    let (ran, events) = told(&site, daemon.port, &["--nonsense"], "ls");
    assert_eq!((ran.code, names(&events)), (2, vec!["error"]), "before anything else");
    let (ran, events) = told(&site, daemon.port, &["-k"], "-rm x; rm y; pwd");
    assert_eq!((ran.code, names(&events)), (6, vec!["login", "note", "error", "directory"]));
    let (_, events) = told(&site, daemon.port, &["-q"], "-rm x; pwd");
    assert_eq!(names(&events), ["login", "directory"], "quiet has no notes");
}

#[test]
fn a_name_that_would_drive_a_terminal_comes_back_as_it_is() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let name = "\u{202e}gpj\u{200b}.exe\u{9b}2J";
    // The server lists no such name.
    fs::write(site.work().join(name), "x").expect("written");
    let (ran, events) = told(&site, daemon.port, &[], "lls");
    assert!(ran.out.is_ascii(), "{}", ran.out);
    assert!(events.iter().any(|event| event["name"] == name), "{events:?}");
}
