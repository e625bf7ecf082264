//! Transfers as a person sees them: the bar, Ctrl-C, going on, a connection that is lost, and many files.

use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::sheet::{Sheet, at_each_size, fits};
use ftp_tests::site::{Daemon, Site};
use std::fs;

/// The bytes of the file that is transferred.
const DISK: u64 = 7 << 20;
/// Of these, what goes through before the wire holds.
const HELD: u64 = 4 << 20;

struct Place {
    site: Site,
    daemon: Daemon,
    wire: Proxy,
}

impl Place {
    fn new() -> Self {
        let site = Site::with_config("limits: (penalty_exempt: [\"127.0.0.1\"]),");
        fs::write(site.path("cli.ron"), "()").expect("written");
        site.user("alice", "none");
        let daemon = site.start();
        site.script(daemon.port, "alice", "pwd").expect(0);
        sample::file(&site.home_of("alice").join("disk.iso"), 1, DISK);
        let wire = Proxy::new(daemon.port);
        Self { site, daemon, wire }
    }

    /// A session at its prompt.
    fn sheet(&self, name: &str, size: (u16, u16)) -> Sheet {
        let mut command = self.site.cli(self.wire.port, "alice");
        command.arg("--config").arg(self.site.path("cli.ron"));
        let mut sheet = Sheet::start(name, &command, size);
        sheet.screen.wait(":/> ");
        sheet.skip();
        sheet
    }

    fn lets_through(&self, bytes: u64) {
        self.wire.restart(u64::MAX, bytes);
    }
}

/// A row of the screen looks so, for once.
fn sees(sheet: &Sheet, drawn: &str) {
    sheet.screen.until(drawn, |rows| rows.iter().any(|row| fits(row, drawn)));
}

#[test]
fn a_download_that_is_stopped_and_goes_on() {
    at_each_size(|size| {
        let place = Place::new();
        let mut sheet = place.sheet("get", size);
        place.wire.slow(2 << 20);
        sheet.screen.keys("get disk.iso\n");
        sees(&sheet, "disk.iso {n}% {n}/{n} MiB {size}/s {time} {bar}");
        sheet.types(
            "\x03",
            "\
alice@127.0.0.1:/> get disk.iso
disk.iso {n}% {n}/{n} MiB {size}/s {time} {bar}^C
Stopped at {n}%. Kept as disk.iso.part; `get disk.iso` goes on from there.
alice@127.0.0.1:/>",
        );
        place.wire.slow(0);
        sheet.types(
            "get disk.iso md5\n",
            "\
alice@127.0.0.1:/> get disk.iso md5
Checking the {size} already here ... same as on the server (BLAKE3), resuming.
disk.iso  100%  7.0/7.0 MiB {size}/s {time} {bar}
disk.iso: 7 MiB, {size} moved in {time} ({size}/s), verified
  blake3 {hash}
md5 {hash}  disk.iso
alice@127.0.0.1:/>",
        );
        sheet.types(
            "get disk.iso\n",
            "\
alice@127.0.0.1:/> get disk.iso
disk.iso: already here and identical (BLAKE3); nothing to do.
alice@127.0.0.1:/>",
        );
        sheet.types(
            "q\n",
            "\
alice@127.0.0.1:/> q
Logged out. 1 file, {size} this session.
login (Ctrl-D leaves):",
        );
        assert_eq!(
            sample::hash(&place.site.work().join("disk.iso")),
            sample::hash(&place.site.home_of("alice").join("disk.iso"))
        );
    });
}

#[test]
fn a_daemon_that_is_killed_and_started_again_in_mid_transfer() {
    at_each_size(|size| {
        let place = Place::new();
        let mut sheet = place.sheet("reconnect", size);
        place.lets_through(HELD);
        sheet.screen.keys("get disk.iso\n");
        sees(&sheet, "disk.iso {n}% {n}/{n} MiB {size}/s {time} {bar}");
        let Place { site, daemon, wire } = place;
        drop(daemon);
        wire.cut();
        let amount = if size.1 == 80 { "" } else { "  {n}/{n} MiB" };
        let lost =
            format!("disk.iso   {{n}}%{amount}  connection lost; again in {{n}}s ({{n}} of 5), Ctrl-C stops");
        sees(&sheet, &lost);

        let daemon = site.start();
        wire.lead_to(daemon.port);
        // What is left takes a while, for the eye.
        wire.slow(1 << 20);
        wire.restart(u64::MAX, u64::MAX);
        sees(&sheet, "disk.iso {n}% {n}/{n} MiB {any} {bar} reconnected");
        wire.slow(0);
        sheet.shows(
            "\
alice@127.0.0.1:/> get disk.iso
Checking the {size} already here ... same as on the server (BLAKE3), resuming.
disk.iso  100%  7.0/7.0 MiB {size}/s {time} {bar}
disk.iso: 7 MiB, {size} moved in {time} ({size}/s), verified
  blake3 {hash}
alice@127.0.0.1:/>",
        );
        assert_eq!(
            sample::hash(&site.work().join("disk.iso")),
            sample::hash(&site.home_of("alice").join("disk.iso"))
        );
        drop(daemon);
    });
}

#[test]
fn a_wire_on_which_nothing_comes() {
    at_each_size(|size| {
        let place = Place::new();
        let mut sheet = place.sheet("stalled", size);
        place.lets_through(HELD);
        sheet.screen.keys("get disk.iso\n");
        sees(&sheet, "disk.iso {n}% {n}/{n} MiB stalled {n}s {bar}");
        sheet.types(
            "\x03",
            "\
alice@127.0.0.1:/> get disk.iso
disk.iso {n}% {n}/{n} MiB stalled {n}s {bar}^C
Stopped at {n}%. Kept as disk.iso.part; `get disk.iso` goes on from there.
alice@127.0.0.1:/>",
        );
    });
}

#[test]
fn many_files_with_a_line_for_the_file_and_one_for_all() {
    at_each_size(|size| {
        let place = Place::new();
        let photos = place.site.home_of("alice").join("photos");
        fs::create_dir(&photos).expect("made");
        for number in 0..12 {
            sample::file(&photos.join(format!("IMG_{number:04}.raw")), number, 1 << 20);
        }
        // One is here, one cannot be put in its place.
        let here = place.site.work().join("photos");
        fs::create_dir_all(here.join("IMG_0007.raw")).expect("made");
        fs::copy(photos.join("IMG_0003.raw"), here.join("IMG_0003.raw")).expect("copied");
        let mut sheet = place.sheet("many-files", size);
        place.lets_through(HELD);
        sheet.screen.keys("get -r photos\n");
        sheet.screen.until("two lines", |rows| {
            rows.len() >= 2
                && fits(&rows[rows.len() - 2], "IMG_{n}.raw {n}% {n}/{n} MiB {any} {bar}")
                && fits(&rows[rows.len() - 1], "total ({n}/12) {n}% {n}/{n} MiB {any} {bar}")
        });
        place.lets_through(u64::MAX);
        let end = [
            "12 files, 12.0 MiB in {time} ({size}/s): 10 verified, 1 already here, 1 failed",
            "  failed  photos/IMG_0007.raw   {any}",
            "not everything arrived; the same command tries the rest again",
            "  remove or move it, or get -o under another name",
            "alice@127.0.0.1:/>",
        ];
        let rows = sheet.screen.until("the summary", |rows| {
            let tail = rows.len().checked_sub(end.len()).map(|from| &rows[from..]);
            tail.is_some_and(|tail| tail.iter().zip(end).all(|(row, drawn)| fits(row, drawn)))
        });
        assert!(
            fits(&rows[rows.len() - end.len() - 1], "total (12/12) 100% 12/12 MiB {any} {bar}")
                || rows.contains(&"Counting ... 12 files, 12.0 MiB".to_owned()),
            "{rows:?}"
        );
        sheet.skip();
    });
}

#[test]
fn the_width_may_change_while_a_bar_is_drawn() {
    let place = Place::new();
    let mut sheet = place.sheet("resized", (24, 80));
    place.lets_through(HELD);
    sheet.screen.keys("get disk.iso\n");
    sees(&sheet, "disk.iso {n}% {n}/{n} MiB {any} {bar}");
    for (rows, columns) in [(50, 200), (24, 60), (24, 80)] {
        sheet.screen.resize((rows, columns));
        // The bar fills the line, and no more.
        let shown = sheet.screen.until("a bar as wide as the screen", |rows| {
            let last = rows.last().map_or(0, |row| row.chars().count());
            (usize::from(columns) - 4..usize::from(columns)).contains(&last)
        });
        assert!(shown.last().is_some_and(|row| row.ends_with(']')), "{shown:?}");
    }
    sheet.screen.keys("\x03");
    sheet.screen.wait("goes on from there");
}
