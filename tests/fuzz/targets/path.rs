//! Paths and names: whatever is asked for, what comes of it is below the root, in normal form, and what the text says.
#![no_main]

use ftp_proto::limits::{DEPTH, NAME, PATH};
use ftp_proto::{Name, PathFault, UserName, VirtualPath};
use libfuzzer_sys::fuzz_target;
use std::path::{Component, Path};

fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.len() <= NAME
        && !text.contains(|c: char| c == '/' || c.is_control())
}

/// Looks at a path that was accepted.
fn look(path: &VirtualPath) {
    let text = path.to_string();
    assert_eq!(VirtualPath::new(&text).as_ref(), Ok(path), "normal form is stable");
    assert!(path.names().iter().all(|name| is_name(name.as_str())));
    assert!(path.names().len() <= DEPTH && text.len() <= PATH);
    // As the kernel would take it.
    let below = Path::new(text.strip_prefix('/').expect("it is absolute"));
    assert!(below.components().all(|part| matches!(part, Component::Normal(_))), "{text:?} leaves the root");
    assert_eq!(below.components().count(), path.names().len());
    assert!(path.is_within(&VirtualPath::root()) && path.is_within(path));
    match path.split_last() {
        Err(fault) => assert_eq!((fault, path.is_root()), (PathFault::Root, true)),
        Ok((parents, leaf)) => {
            let parents: Vec<_> = parents.iter().map(Name::as_str).collect();
            let above = VirtualPath::new(&format!("/{}", parents.join("/"))).expect("what is above it");
            assert!(path.is_within(&above) && !above.is_within(path));
            assert_eq!(above.join(leaf.as_str()).as_ref(), Ok(path));
        }
    }
}

/// Where a text leads from a directory by its words alone; none if that is above the root.
fn resolve<'a>(from: &'a VirtualPath, text: &'a str) -> Option<Vec<&'a str>> {
    let mut names: Vec<&str> = from.names().iter().map(Name::as_str).collect();
    if text.starts_with('/') {
        names.clear();
    }
    for word in text.split('/') {
        match word {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names)
}

fn check(from: &VirtualPath, text: &str) {
    let resolved = resolve(from, text);
    match from.join(text) {
        Ok(path) => {
            look(&path);
            let names: Vec<&str> = path.names().iter().map(Name::as_str).collect();
            assert_eq!(Some(names), resolved);
        }
        Err(PathFault::AboveRoot) => assert_eq!(resolved, None),
        Err(
            PathFault::TooLong | PathFault::TooDeep | PathFault::NameTooLong | PathFault::ControlCharacter,
        ) => {}
        Err(fault) => panic!("{text:?} is refused as {fault:?}"),
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (base, rest) = text.split_once('\n').unwrap_or(("/", &text));
    match VirtualPath::new(base) {
        Ok(from) => {
            look(&from);
            check(&from, rest);
            let json = serde_json::to_string(&from).expect("a string");
            assert_eq!(serde_json::from_str::<VirtualPath>(&json).ok(), Some(from));
        }
        Err(fault) => assert_eq!(fault == PathFault::NotAbsolute, !base.starts_with('/')),
    }
    check(&VirtualPath::root(), rest);
    assert_eq!(Name::new(rest).is_ok(), is_name(rest));
    if let Ok(name) = UserName::new(rest) {
        assert_eq!((name.as_str(), Name::new(rest).is_ok()), (rest, true));
        assert!(rest.bytes().all(|byte| b"abcdefghijklmnopqrstuvwxyz0123456789_.-".contains(&byte)));
        assert!(!rest.contains("..") && !rest.starts_with(['.', '-']));
    }
});
