//! The client without a person: what a script may rely on.

use ftp_tests::binaries::binary;
use ftp_tests::sample;
use ftp_tests::site::{Ran, Site, eventually, run};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

#[test]
fn patterns_stand_for_names_at_the_server_and_quotes_take_that_away() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let home = site.home_of("alice");
    site.script(daemon.port, "alice", "mkdir docs; mkdir docs/old").expect(0);
    for name in ["a.txt", "b.txt", "*.txt", ".hidden.txt", "docs/c.txt", "docs/d.pdf"] {
        sample::file(&home.join(name), 1, 1024);
    }
    let out = |commands: &str| site.script(daemon.port, "alice", commands).expect(0).out;
    assert_eq!(out("ls ?.txt"), "*.txt\na.txt\nb.txt\n");
    assert_eq!(out("ls [a-z].txt"), "a.txt\nb.txt\n");
    assert_eq!(out("ls docs/*"), "docs/c.txt\ndocs/d.pdf\ndocs/old/\n");
    assert_eq!(out("ls */*.txt"), "docs/c.txt\n");
    assert_eq!(out("ls '*.txt'; ls \\*.txt"), "*.txt\n*.txt\n");
    assert_eq!(out("ls"), "*.txt\na.txt\nb.txt\ndocs/\n", "hidden ones are hidden");
    assert_eq!(out("ls -a .*; ls -ra"), ".hidden.txt\ndocs/\nb.txt\na.txt\n.hidden.txt\n*.txt\n");
    let none = site.script(daemon.port, "alice", "rm *.doc; pwd").expect(6);
    assert!(none.err.contains("*.doc: nothing matches") && none.out.is_empty(), "{none:?}");
    // A name that was quoted is removed alone.
    site.script(daemon.port, "alice", "rm '*.txt'").expect(0);
    assert!(home.join("a.txt").exists() && !home.join("*.txt").exists());
    let rest = site.script(daemon.port, "alice", "rm *").expect(0);
    assert!(
        rest.err.contains("1 directory left") && rest.err.contains("2 files removed, 2.0 KiB freed"),
        "{rest:?}"
    );
    assert!(home.join("docs/c.txt").exists() && home.join(".hidden.txt").exists());
    let refused = site.script(daemon.port, "alice", "rm docs").expect(7);
    assert!(refused.err.contains("docs: is a directory") && refused.err.contains("rm -r"), "{refused:?}");
    site.script(daemon.port, "alice", "rm -r /").expect(7);
    let tree = site.script(daemon.port, "alice", "rm -r docs").expect(0);
    assert!(tree.err.contains("2 files and 2 directories removed, 2.0 KiB freed"), "{tree:?}");
    site.script(daemon.port, "alice", "rm -f docs nope*").expect(0);
    let missing = site.script(daemon.port, "alice", "-rm nope; pwd").expect(0);
    assert!(missing.err.contains("nope: not found in / (ignored)") && missing.out == "/\n", "{missing:?}");
    let near = site.script(daemon.port, "alice", "mkdir disk.iso; cd disk.img").expect(6);
    assert!(near.err.contains("disk.img: not found in /. Near it: disk.iso\n"), "{near:?}");
}

#[test]
fn several_files_are_moved_into_a_directory_only() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let home = site.home_of("alice");
    site.script(daemon.port, "alice", "mkdir docs").expect(0);
    for name in ["a.txt", "b.txt"] {
        sample::file(&home.join(name), 1, 10);
    }
    let refused = site.script(daemon.port, "alice", "mv *.txt c.txt").expect(7);
    assert!(refused.err.contains("not a directory"), "{refused:?}");
    assert!(home.join("a.txt").exists() && home.join("b.txt").exists());
    site.script(daemon.port, "alice", "mv *.txt docs").expect(0);
    assert!(home.join("docs/a.txt").exists() && home.join("docs/b.txt").exists());
}

#[test]
fn a_command_of_the_shell_runs_in_the_local_folder_and_its_failure_is_one() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    fs::create_dir(site.work().join("inner")).expect("made");
    let ran = site
        .script(daemon.port, "alice", "lcd inner\n!echo 'x  y' | tr x z; echo \"$PWD;\" two\npwd")
        .expect(0);
    let folder = fs::canonicalize(site.work().join("inner")).expect("there");
    assert_eq!(ran.out, format!("z  y\n{}; two\n/\n", folder.display()));
    let failed = site.script(daemon.port, "alice", "!exit 3\npwd").expect(1);
    assert!(failed.err.contains("exit code 3") && failed.out.is_empty(), "{failed:?}");
    assert_eq!(site.script(daemon.port, "alice", "-!exit 3\npwd").expect(0).out, "/\n");
    let mut json = site.cli(daemon.port, "alice");
    json.args(["-j", "-c", "!echo out"]);
    let json = run(json, "").expect(0);
    assert!(json.err == "out\n" && json.out.lines().all(|line| line.starts_with('{')), "{json:?}");
}

#[test]
fn the_folder_on_this_side_is_changed_and_changed_back() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    fs::create_dir(site.work().join("inner")).expect("made");
    fs::write(site.work().join("inner/file"), "x").expect("written");
    fs::write(site.work().join(".dot"), "x").expect("written");
    let ran = site
        .script(daemon.port, "alice", "lls; lcd inner; lls; lcd -; lls -a; lls inn*; lcd; lpwd")
        .expect(0);
    let home = site.path("home").display().to_string();
    assert!(ran.out.starts_with("inner/\nfile\n.dot\ninner/\ninner/\n"), "{ran:?}");
    assert_eq!(ran.out.lines().filter(|line| line.ends_with(&home)).count(), 2, "{ran:?}");
    site.script(daemon.port, "alice", "lcd nowhere").expect(6);
    site.script(daemon.port, "alice", "lcd inner/file").expect(7);
}

/// A run with what `.netrc` says instead of `-u` and `--password-file`.
fn by_netrc(site: &Site, port: u16, more: &[&str]) -> Ran {
    let mut command = Command::new(binary("ftp-cli"));
    command.current_dir(site.work()).env("HOME", site.path("home")).env_remove("NETRC");
    command.args(["-s", "127.0.0.1", "-P", &port.to_string(), "--ca"]).arg(site.path("certs/ca.pem"));
    command.args(["-c", "info"]).args(more);
    run(command, "")
}

#[test]
fn netrc_logs_in_unless_others_can_read_it() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let netrc = site.path("home/.netrc");
    let none = by_netrc(&site, daemon.port, &[]).expect(2);
    assert!(none.err.contains("use -u USER and --password-file FILE"), "{none:?}");
    let none = by_netrc(&site, daemon.port, &["-u", "alice"]).expect(2);
    assert!(none.err.contains("--password-file FILE"), "nothing asks without a terminal: {none:?}");
    fs::write(&netrc, "machine 127.0.0.1 login alice password \"password of\\040alice\"\n").expect("written");
    for (mode, code) in [(0o644, 2), (0o640, 2), (0o600, 0), (0o400, 0)] {
        fs::set_permissions(&netrc, Permissions::from_mode(mode)).expect("chmod");
        let ran = by_netrc(&site, daemon.port, &[]).expect(code);
        assert_eq!(ran.out.contains("alice"), code == 0, "{mode:o}: {ran:?}");
        assert_eq!(ran.err.contains("others can read"), code == 2, "{mode:o}: {ran:?}");
    }
    by_netrc(&site, daemon.port, &["-u", "alice"]).expect(0);
    by_netrc(&site, daemon.port, &["-u", "bob"]).expect(2);
    // A file that is named comes first, and is not refused when others can read it; that is said.
    fs::set_permissions(&netrc, Permissions::from_mode(0o644)).expect("chmod");
    let password = site.path("alice.pw");
    fs::set_permissions(&password, Permissions::from_mode(0o644)).expect("chmod");
    let named = ["-u", "alice", "--password-file", password.to_str().expect("UTF-8")];
    let ran = by_netrc(&site, daemon.port, &named).expect(0);
    assert!(ran.err.contains("others can read the password in"), "{ran:?}");
}

#[test]
fn a_limit_holds_in_both_directions() {
    const SIZE: u64 = 3 << 20;
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    sample::file(&site.work().join("file"), 1, SIZE);
    let rate = |commands: &str| {
        let mut command = site.cli(daemon.port, "alice");
        command.args(["-l", "1M", "-c", commands]);
        let said = run(command, "").expect(0).err;
        let rate = said.split_once('(').and_then(|(_, rest)| rest.split_once("/s)")).expect("a rate").0;
        let (number, unit) = rate.split_once(' ').expect("a number and a unit");
        let unit = match unit {
            "GiB" => 1024.0,
            "MiB" => 1.0,
            _ => 1.0 / 1024.0,
        };
        number.parse::<f64>().expect("a number") * unit
    };
    // What is a tenth of a second ahead is not much of three. A machine that is busy is slower, but not for ever.
    for commands in ["put file", "get -o copy file"] {
        let rate = rate(commands);
        assert!((0.1..=1.1).contains(&rate), "{commands}: {rate} MiB/s");
    }
    let lifted = rate("limit off; get -o copy2 file");
    assert!(lifted > 1.2, "{lifted} MiB/s");
    assert_eq!(sample::hash(&site.work().join("copy")), sample::hash(&site.work().join("file")));
}

#[test]
fn every_step_is_said_and_no_secret() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let verbose = |more: &[&str]| {
        let mut command = site.cli(daemon.port, "alice");
        command.args(["-v"]).args(more).args(["-k", "-c", "mkdir -p docs; cd nope; ls"]);
        run(command, "").expect(6)
    };
    let text = verbose(&[]);
    let steps: Vec<_> = text.err.lines().filter(|line| line.starts_with("* ")).collect();
    let fingerprint = site.admin(&["fingerprint"], "").expect(0).out.trim().to_owned();
    for part in [
        "connecting to 127.0.0.1:",
        "connected to 127.0.0.1:",
        "TLSv1.3",
        &fingerprint,
        "greeted by ftp-daemon",
        "login as alice: done",
        "stat /nope: refused, not_found after",
        "list /: done",
        "logout",
    ] {
        assert!(steps.iter().any(|step| step.contains(part)), "{part} in {}", text.err);
    }
    let json = verbose(&["-j"]);
    let steps = json.out.lines().filter(|line| line.starts_with("{\"event\":\"step\""));
    assert!(steps.count() > 8 && json.err.is_empty(), "{json:?}");
    for ran in [text, json] {
        assert!(!format!("{ran:?}").contains("password of alice"), "{ran:?}");
    }
}

#[test]
fn parts_of_both_sides_are_listed_and_cleaned() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let home = site.home_of("alice");
    site.script(daemon.port, "alice", "pwd").expect(0);
    sample::file(&home.join("down.bin"), 1, 40 << 20);
    sample::file(&site.work().join("up.bin"), 2, 40 << 20);
    fs::write(site.work().join("mine.part"), "a spare part").expect("written");
    for commands in ["get down.bin", "put up.bin"] {
        // Slow enough to be stopped in the middle of it.
        let mut command = site.cli(daemon.port, "alice");
        command.args(["-q", "-l", "8M", "-c", commands]);
        let mut child = command.spawn().expect("it starts");
        let grown = |folder: &Path| {
            let parts = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            let parts = parts.filter(|part| part.file_name().to_string_lossy() != "up.bin");
            parts.filter_map(|part| part.metadata().ok()).any(|facts| facts.len() > 1 << 20)
        };
        let folder =
            if commands.starts_with("get") { site.work() } else { site.path("var/users/alice/parts") };
        eventually("some of it moved", || grown(&folder));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
            .expect("it runs");
        assert_eq!(child.wait().expect("ours").code(), Some(130), "{commands}");
    }
    let ran = site.script(daemon.port, "alice", "parts").expect(0);
    for part in
        ["Uploads, at the server:", "/up.bin", "Downloads, here:", "down.bin.part  of /down.bin", "%", " old"]
    {
        assert!(ran.out.contains(part), "{part} in {ran:?}");
    }
    assert!(!ran.out.contains("mine.part"), "{ran:?}");
    let cleaned = site.script(daemon.port, "alice", "parts clean; parts").expect(0);
    assert!(cleaned.err.contains("2 parts removed") && cleaned.err.contains("no unfinished"), "{cleaned:?}");
    let left: Vec<_> =
        fs::read_dir(site.work()).expect("there").map(|entry| entry.expect("one").file_name()).collect();
    assert!(left.len() == 2 && site.work().join("mine.part").exists(), "{left:?}");
}
