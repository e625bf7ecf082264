//! What went wrong, as a person sees it: what happened, and in the last line what to do. And what a script writes.

use ftp_tests::sample;
use ftp_tests::sheet::{Sheet, at_each_size, fits};
use ftp_tests::site::{Site, run};
use ftp_tests::stage::Stage;
use std::fs;

#[test]
fn what_cannot_be_put_says_why_and_what_to_do() {
    let site = Site::new();
    fs::write(site.path("cli.ron"), "()").expect("written");
    site.user("alice", "5M");
    let daemon = site.start();
    site.script(daemon.port, "alice", "pwd; mkdir 'dir\u{202e}rid'").expect(0);
    sample::file(&site.work().join("old.bin"), 7, 2 << 20);
    for (name, seed, bytes) in [("disk.iso", 1, 1000), ("notes.txt", 2, 2150)] {
        sample::file(&site.work().join(name), seed, bytes);
    }
    site.script(daemon.port, "alice", "put old.bin; put disk.iso; put notes.txt").expect(0);
    sample::file(&site.work().join("notes.txt"), 3, 2457);
    sample::file(&site.work().join("movie.mkv"), 4, 4 << 20);
    at_each_size(|size| {
        let mut command = site.cli(daemon.port, "alice");
        command.arg("--config").arg(site.path("cli.ron"));
        let mut sheet = Sheet::start("errors", &command, size);
        sheet.screen.wait(":/> ");
        sheet.skip();
        let mut says = |keys: &str, answer: &str| {
            let prompt = "alice@127.0.0.1:/>";
            sheet.types(&format!("{keys}\n"), &format!("{prompt} {keys}\n{answer}\n{prompt}"));
        };
        says(
            "put movie.mkv",
            "\
movie.mkv: 4.0 MiB does not fit: {size} of your 5.0 MiB quota is left. Nothing was sent.
  Make room with rm, or ask the administrator:  ftp-admin setup alice --quota 7M",
        );
        sheet.types(
            "put notes.txt\n",
            "\
alice@127.0.0.1:/> put notes.txt
notes.txt is on the server already and differs (there {size}, {any}; here {size}, {any}).
Replace it? [y/N/all/none]",
        );
        sheet.types(
            "\n",
            "\
Replace it? [y/N/all/none]
notes.txt: left as it is
alice@127.0.0.1:/>",
        );
        sheet.types(
            "cd dir\u{202e}rid\n",
            "\
alice@127.0.0.1:/> cd dir{any}
alice@127.0.0.1:/dir\\u{any}rid>",
        );
    });
}

#[test]
fn a_file_that_arrives_damaged() {
    let damaged = |name: &String| ftp_tests::evil::case_of(name) == Some("a download: a wrong root");
    let name = (0..100).map(|n| format!("g{n}")).find(damaged).expect("there is one");
    at_each_size(|size| {
        let stage = Stage::new();
        let mut command = stage.client();
        command.args(["-c", &format!("get {name}")]);
        let sheet = Sheet::start("damaged", &command, size);
        sheet.ends(
            9,
            &format!(
                "\
{name} 100% {{n}}/{{n}} KiB {{size}}/s {{time}} {{bar}}
{name}: arrived DAMAGED (BLAKE3 here {{hash}}, server {{hash}}). Kept as {name}.part.bad; ./{name} was not touched.
  Run the same command again to fetch it afresh."
            ),
        );
    });
}

#[test]
fn a_script_writes_results_to_stdout_and_what_it_did_to_stderr() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    sample::file(&site.work().join("day.tar"), 1, 1 << 20);
    let mut command = site.cli(daemon.port, "alice");
    command.args(["-c", "mkdir /in; cd /in; put day.tar; -rm old.tar; ls -1"]);
    let ran = run(command, "").expect(0);
    assert_eq!(ran.out, "day.tar\n");
    let drawn = [
        "put /in/day.tar: {size} in {time} ({size}/s), verified blake3 {hash}",
        "old.tar: not found in /in. Near it: day.tar (ignored)",
    ];
    let rows: Vec<_> = ran.err.lines().collect();
    assert!(rows.len() == 2 && rows.iter().zip(drawn).all(|(row, drawn)| fits(row, drawn)), "{ran:?}");
}
