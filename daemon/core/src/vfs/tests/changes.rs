use super::*;

#[test]
fn only_an_empty_directory_can_be_removed() {
    let ground = Ground::new();
    let home = &ground.home;
    home.mkdir(&path("/d")).expect("made");
    assert_eq!(code(home.mkdir(&path("/d"))), Some(Code::Exists));
    assert_eq!(code(home.mkdir(&path("/x/y"))), Some(Code::NotFound));
    ground.write("d/file", "abc");
    assert_eq!(code(home.mkdir(&path("/d/file"))), Some(Code::Exists));
    assert_eq!(code(home.mkdir(&path("/d/file/x"))), Some(Code::NotADirectory));
    assert_eq!(code(home.rmdir(&path("/d"))), Some(Code::NotEmpty));
    assert_eq!(code(home.rmdir(&path("/d/file"))), Some(Code::NotADirectory));
    assert_eq!(code(home.rm(&path("/d"))), Some(Code::IsADirectory));
    assert_eq!(code(home.rm(&path("/d/none"))), Some(Code::NotFound));
    assert_eq!(home.rm(&path("/d/file")).expect("removed"), 3);
    home.rmdir(&path("/d")).expect("empty now");
    assert_eq!(code(home.rmdir(&path("/d"))), Some(Code::NotFound));
    assert_eq!(names(home, "/"), [""; 0]);
}

#[test]
fn a_rename_replaces_only_a_file_and_only_if_asked() {
    let ground = Ground::new();
    ground.write("a", "aaa");
    ground.write("b", "bbbbb");
    ground.mkdir("d");
    ground.mkdir("e/below");
    let rename = |from: &str, to: &str, replace| ground.home.rename(&path(from), &path(to), replace);
    let before = snapshot(&ground.at(""));
    let refused = [
        ("/a", "/b", false, Code::Exists),
        ("/a", "/d", true, Code::Exists),
        ("/d", "/b", true, Code::Exists),
        ("/e", "/d", true, Code::Exists),
        ("/e", "/e/below/x", true, Code::NameRefused),
        ("/e", "/e/below", true, Code::NameRefused),
        ("/none", "/x", true, Code::NotFound),
        ("/none", "/none", true, Code::NotFound),
        ("/a", "/none/x", true, Code::NotFound),
        ("/a", "/b/x", true, Code::NotADirectory),
        ("/b/x", "/a", true, Code::NotADirectory),
        ("/", "/x", true, Code::NameRefused),
        ("/a", "/", true, Code::NameRefused),
    ];
    for (from, to, replace, want) in refused {
        assert_eq!(code(rename(from, to, replace)), Some(want), "{from} {to} {replace}");
    }
    assert_eq!(rename("/a", "/a", true).expect("nothing to do").replaced, None);
    assert!(snapshot(&ground.at("")) == before, "a refused rename changes nothing");
    assert_eq!(rename("/a", "/b", true).expect("replaced").replaced, Some(5));
    assert_eq!(ground.read("/b").expect("there"), "aaa");
    assert_eq!(rename("/b", "/e/below/c", false).expect("free").replaced, None);
    assert_eq!(rename("/e", "/d/e", false).expect("free").replaced, None);
    assert_eq!(ground.read("/d/e/below/c").expect("there"), "aaa");
}

#[test]
fn no_rename_makes_a_path_too_deep_to_name() {
    let ground = Ground::new();
    // Below /deep are 60 levels of directories; a file in the last has 62 names.
    ground.mkdir(&format!("deep{}", "/d".repeat(60)));
    ground.mkdir("x/y/z");
    let moved = |to: &str| code(ground.home.rename(&path("/deep"), &path(to), false));
    assert_eq!(moved("/x/y/z/deep"), Some(Code::NameRefused));
    assert_eq!(moved("/x/y/deep"), None);
    let bottom = format!("/x/y/deep{}", "/d".repeat(60));
    ground.publish(&format!("{bottom}/file")).expect("the deepest file");
    assert_eq!(names(&ground.home, &bottom), ["file"]);
}

#[test]
fn a_published_file_takes_the_place_of_another_in_one_step() {
    let ground = Ground::new();
    ground.mkdir("d");
    assert_eq!(ground.publish("/file").expect("new"), None);
    ground.write("file", "longer");
    let (old, _) = ground.home.open_read(&path("/file")).expect("there");
    assert_eq!(ground.publish("/file").expect("replaced"), Some(6));
    assert_eq!(ground.read("/file").expect("there"), "new");
    let mut bytes = [0; 6];
    old.read_exact_at(&mut bytes, 0).expect("a reader keeps its version");
    assert_eq!(&bytes, b"longer");
    assert_eq!(code(ground.publish("/d")), Some(Code::IsADirectory));
    assert_eq!(code(ground.publish("/none/file")), Some(Code::NotFound));
    assert_eq!(code(ground.publish("/file/x")), Some(Code::NotADirectory));
    assert!(ground.part("new").exists(), "what could not be put in place is still there");
}
