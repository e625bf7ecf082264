use super::*;

const PROGRAM: Program = Program {
    name: "ftp-example",
    section: 8,
    what: "show how it's done",
    synopsis: &["[-c FILE] VERB"],
    about: &[Block::Text("It says `--quota 5G`, it's that."), Block::Code(".not a command\n\\back")],
    groups: &[Group {
        title: "Options",
        options: &[Opt::value("config", "FILE", Kind::File, "the config [of all]: mine").short('c')],
    }],
    verbs: &[Verb {
        name: "create",
        aliases: &["add"],
        what: "make one: anew",
        arguments: &[Argument { name: "USER", kind: Kind::Listed("view --names"), needed: false }],
        options: &[
            Opt::value("quota", "SIZE", Kind::OneOf(&["none"]), "the most bytes").many(),
            Opt::flag("weak", "take anything"),
        ],
        ..Verb::NONE
    }],
    exit: &[("0", "done")],
    ..Program::NONE
};

#[test]
fn a_parser_takes_what_the_table_has_and_nothing_else() {
    let verb = PROGRAM.verb("add").expect("by its other name");
    let read = |words: &[&str]| options(verb.options()).parse(words);
    let matches = read(&["alice", "--quota", "5G", "--quota=none", "--weak"]).expect("all known");
    assert_eq!(matches.opt_strs("quota"), ["5G", "none"]);
    assert!(matches.opt_present("weak") && matches.free == ["alice"]);
    assert!(read(&["-h"]).expect("of every verb").opt_present("help"));
    assert!(read(&["--config", "x"]).is_err());
    assert_eq!(verb.usage(), "create [USER] [--quota SIZE]... [--weak]");
}

#[test]
fn a_help_has_everything_and_fits_a_terminal() {
    let text = help::program(&PROGRAM) + &help::verb(&PROGRAM, &PROGRAM.verbs[0]);
    for part in ["-c, --config FILE", "create [USER]", "--quota SIZE", "0 done", "Usage:  ftp-example [-c"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.lines().all(|line| line.len() < 80 && line == line.trim_end()), "{text}");
}

#[test]
fn nothing_in_a_text_is_taken_for_a_command_of_roff() {
    let page = roff::program(&PROGRAM, &[Section { title: "MORE", blocks: &[Block::Item(".x", "'y \\z")] }]);
    for line in ["\\fB\\-\\-quota 5G\\fR", "\\&.not a command", "\\eback", "\\&.x", "\\(aqy \\ez"] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(page.contains("it\\(aqs") && page.ends_with('\n'), "{page}");
}

#[test]
fn a_long_text_is_cut_at_blanks_only() {
    assert_eq!(wrap("a bb  ccc\ndddd", 5), ["a bb", "ccc", "dddd"]);
    assert_eq!(wrap("aaaaaaaaa b", 3), ["aaaaaaaaa", "b"]);
    assert!(wrap(" ", 3).is_empty());
}

#[test]
fn a_config_is_spelled_as_it_is_read() {
    let config = Config {
        name: "x.ron",
        what: "settings",
        about: "All of them.",
        keys: &[
            Key { name: "one", text: "The first.", value: Value::Needed("1") },
            Key {
                name: "more",
                text: "",
                value: Value::Keys(&[
                    Key { name: "two", text: "The second.", value: Value::Default("2") },
                    Key { name: "three", text: "No.", value: Value::Absent("3") },
                ]),
            },
        ],
        sections: &[],
        see_also: &["x(8)"],
    };
    let text = "// All of them.\n(\n    // The first.\n    one: 1,\n\n    more: (\n        // The second.\n        two: 2,\n        // No.\n        // three: 3,\n    ),\n)\n";
    assert_eq!(ron::file(&config), text);
    let page = roff::config(&config);
    assert!(page.contains("\\fBone:\\fR 1\nThe first. It has to be given.\n"), "{page}");
    assert!(page.contains(".RS\n.TP\n\\fBtwo:\\fR 2\n") && page.contains(".BR x (8)\n"), "{page}");
}
