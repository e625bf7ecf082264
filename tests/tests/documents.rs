//! What the documents name is there: tests in SECURITY.md, files in links.

use ftp_tests::binaries::root;
use std::fs;
use std::path::{Path, PathBuf};

/// All files of the project with one of these endings.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                walk(&path, endings, found);
            } else if path.extension().is_some_and(|end| endings.iter().any(|ending| end == *ending)) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), endings, &mut found);
    found
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a test, a file with tests, or a file of that name is there.
fn is_there(name: &str, sources: &[(PathBuf, String)]) -> bool {
    let file = |path: &Path| {
        path.file_stem().is_some_and(|stem| stem == name)
            || path.file_name().is_some_and(|whole| whole == name)
    };
    let function = [format!("fn {name}("), format!("    {name}(")];
    root().join(name).exists()
        || sources.iter().any(|(path, text)| file(path) || function.iter().any(|call| text.contains(call)))
}

#[test]
fn every_test_that_security_names_is_there() {
    let sources: Vec<_> = files(&["rs"])
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("UTF-8");
            (path, text)
        })
        .collect();
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("there");
    let (_, tables) = text.split_once("## What was tried").expect("the tables");
    let rows = tables.lines().filter(|line| line.starts_with("| ")).filter(|line| !line.contains("shown by"));
    let mut named = 0;
    for row in rows {
        let shown = row.trim_end_matches('|').rsplit('|').next().expect("a column");
        assert!(!shown.trim().is_empty(), "nothing shows it: {row}");
        for name in quoted(shown) {
            // Two commands of the client.
            if name != "md5" && name != "ls" {
                assert!(is_there(name, &sources), "there is no test {name}: {row}");
                named += 1;
            }
        }
    }
    assert!(named > 80, "{named} are too few");
    assert!(!is_there("a_test_that_is_not_there".trim_end_matches("_there"), &sources), "it can tell");
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut links = 0;
    for document in files(&["md"]) {
        let text = fs::read_to_string(&document).expect("UTF-8");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") {
                let path = document.parent().expect("a folder").join(target);
                assert!(path.exists(), "{}: there is no {target}", document.display());
                links += 1;
            }
        }
    }
    assert!(links > 5, "{links} are too few");
}
