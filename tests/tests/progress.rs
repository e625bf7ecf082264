//! How a transfer is shown: on terminals of several sizes, in pipes, to programs, and at SIGUSR1.

use ftp_proto::printable::is_printable;
use ftp_tests::json::Events;
use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::screen::Screen;
use ftp_tests::site::{Daemon, Site, eventually, run};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SIZE: u64 = 64 << 20;

/// A file of 64 MiB here, and a wire to the daemon.
fn scene() -> (Site, Daemon, Proxy) {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    site.script(daemon.port, "alice", "pwd").expect(0);
    sample::file(&site.path("work/disk.iso"), 4, SIZE);
    let wire = Proxy::new(daemon.port);
    (site, daemon, wire)
}

#[test]
fn a_lost_connection_is_counted_down_on_the_line_and_the_transfer_goes_on_there() {
    let (site, mut daemon, wire) = scene();
    for (columns, rows) in [(80, 24), (200, 50)] {
        wire.restart(u64::MAX, SIZE / 4);
        let client = site.cli(wire.port, "alice");
        let mut screen = Screen::start_sized(&client, (rows, columns));
        screen.wait(":/> ");
        screen.keys(&format!("put -o {columns} disk.iso\n"));
        screen.wait("/64 MiB");
        eventually("half of the half is through", || wire.total() > SIZE / 4);
        daemon.signal(Signal::KILL);
        daemon.wait();
        wire.cut();
        let shown = screen.until("the countdown", |rows| {
            rows.iter().any(|row| row.contains("connection lost; again in 2s (2 of 5), Ctrl-C stops"))
        });
        let line = shown.iter().find(|row| row.contains("connection lost")).expect("it is there");
        assert!(line.starts_with("disk.iso   ") && line.contains("%  "), "{line}");
        daemon = site.start();
        wire.lead_to(daemon.port);
        // Slow enough to be seen.
        wire.restart(u64::MAX, SIZE / 4);
        screen.until("it goes on", |rows| rows.iter().any(|row| row.trim_end().ends_with("]  reconnected")));
        if columns == 80 {
            screen.until("it is stalled", |rows| rows.iter().any(|row| row.contains("  stalled 6s   ")));
        }
        wire.restart(u64::MAX, u64::MAX);
        screen.wait("verified");
        let paper = screen.paper();
        let bar = paper.iter().find(|row| row.contains("100%")).expect("the last state is drawn");
        assert!(bar.contains("64/64 MiB") && bar.trim_end().ends_with("==]"), "{bar}");
        let checked =
            paper.iter().any(|row| row.contains("MiB already there ... same as here (BLAKE3), resuming."));
        assert!(checked, "{paper:?}");
        assert!(!paper.iter().any(|row| row.contains("lost")), "the line was painted over: {paper:?}");
        screen.keys("exit\n");
        assert_eq!(screen.end().0, 0);
    }
}

#[test]
fn two_lines_stay_in_place_whatever_the_width_becomes() {
    let (site, _daemon, wire) = scene();
    let names = ["日本語の名前のファイル.bin", "e\u{301}te\u{301}.bin", "plain.bin"];
    for (number, name) in names.iter().enumerate() {
        sample::file(&site.path("work").join(name), number as u64, 6 << 20);
    }
    let client = site.cli(wire.port, "alice");
    let mut screen = Screen::start_sized(&client, (24, 80));
    screen.wait(":/> ");
    // All that a quarter of it needs, and then nothing for a while.
    for (columns, hold) in [(80, 3), (50, 9), (120, 14)] {
        wire.restart(u64::MAX, hold << 20);
        screen.resize((24, columns));
        screen.keys(&format!("put -f {}\n", "*.bin"));
        screen.until("both lines", |rows| {
            let lines: Vec<_> = rows.iter().filter(|row| row.contains('%')).collect();
            lines.last().is_some_and(|row| row.starts_with("total ("))
        });
        eventually("it holds", || wire.total() > hold << 20);
        screen.resize((24, columns - 5));
        let rows = screen.until("one line for the file, one for all", |rows| {
            rows.iter()
                .rev()
                .take_while(|row| !row.contains("Counting"))
                .filter(|row| row.contains("total ("))
                .count()
                == 1
        });
        assert!(!screen.is_wrapped(), "{rows:?}");
        wire.restart(u64::MAX, u64::MAX);
        screen.wait("verified");
        for name in names {
            std::fs::remove_file(site.home_of("alice").join(name)).expect("there");
        }
    }
    screen.keys("exit\n");
    assert_eq!(screen.end().0, 0);
}

/// What a client writes while it runs.
struct Running {
    child: std::process::Child,
    said: Arc<Mutex<String>>,
}

fn spawn(site: &Site, port: u16, more: &[&str], of_stdout: bool) -> Running {
    let mut client = site.cli(port, "alice");
    client.args(more).args(["-c", &format!("put -o {} disk.iso", more.len())]).stdin(Stdio::null());
    client.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = client.spawn().expect("it starts");
    let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let mut pipe: Box<dyn std::io::Read + Send> = if of_stdout { Box::new(out) } else { Box::new(err) };
    let said = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&said);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            kept.lock().expect("whole").push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    });
    Running { child, said }
}

impl Running {
    fn said(&self) -> String {
        self.said.lock().expect("whole").clone()
    }
}

#[test]
fn sigusr1_says_how_far_it_is_whatever_else_is_shown() {
    let (site, _daemon, wire) = scene();
    for more in [&["--progress", "never"][..], &["-q"], &[]] {
        wire.restart(u64::MAX, SIZE / 4);
        let mut running = spawn(&site, wire.port, more, false);
        eventually("a quarter is through", || wire.total() > SIZE / 4);
        assert_eq!(running.said(), "", "{more:?}");
        let line = |text: &str| {
            let (name, rest) = text.split_once("  ").unwrap_or_default();
            name == "disk.iso" && rest.contains("%  ") && text.ends_with('\n') && text.contains("/64 MiB")
        };
        // The first may come before there is anything to say.
        eventually("it answers", || {
            kill_process(Pid::from_child(&running.child), Signal::USR1).expect("it runs");
            std::thread::sleep(Duration::from_millis(100));
            running.said().split_inclusive('\n').any(line)
        });
        assert!(running.said().lines().all(is_printable), "{more:?}");
        running.child.kill().expect("ours");
        running.child.wait().expect("ours");
        wire.cut();
    }
}

#[test]
fn off_a_terminal_there_are_lines_only_where_they_are_wanted_and_nothing_that_moves_a_cursor() {
    let (site, daemon, _wire) = scene();
    for (more, lines) in [(&[][..], 1), (&["--progress", "always"], 2), (&["-q", "--progress", "always"], 0)]
    {
        let mut client = site.cli(daemon.port, "alice");
        client.args(more).args(["-c", "put disk.iso; -rm disk.iso"]);
        let ran = run(client, "").expect(0);
        let text: Vec<_> = ran.err.lines().filter(|line| line.contains("disk.iso")).collect();
        let text: Vec<_> = text.into_iter().filter(|line| !line.contains("removed")).collect();
        assert_eq!(text.len(), lines, "{more:?}: {ran:?}");
        assert!(ran.err.lines().chain(ran.out.lines()).all(is_printable), "{ran:?}");
        if let Some(last) = text.last() {
            assert!(
                last.starts_with("put /disk.iso: 64 MiB in 0:") && last.contains("verified blake3 "),
                "{last}"
            );
        }
    }
}

#[test]
fn a_program_is_told_once_a_second_unless_it_wants_quiet() {
    let (site, _daemon, wire) = scene();
    for (more, tells) in
        [(&["-j"][..], true), (&["-j", "-q"], false), (&["-j", "--progress", "never"], false)]
    {
        wire.restart(u64::MAX, SIZE / 4);
        let mut running = spawn(&site, wire.port, more, true);
        eventually("a quarter is through", || wire.total() > SIZE / 4);
        if tells {
            eventually("told", || running.said().matches("\"progress\"").count() >= 2);
        } else {
            std::thread::sleep(Duration::from_millis(1500));
        }
        running.child.kill().expect("ours");
        running.child.wait().expect("ours");
        wire.cut();
        let said = running.said();
        let (whole, _) = said.rsplit_once('\n').expect("a line");
        let events = Events::documented().read(whole);
        let names: Vec<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
        assert_eq!(names[..2], ["login", "start"], "{more:?}");
        assert_eq!(names.contains(&"progress"), tells, "{more:?}: {names:?}");
        if let Some(last) = events.last().filter(|_| tells) {
            assert_eq!((&last["file"], &last["bytes_total"]), (&"/1".into(), &SIZE.into()));
            assert!(last["bytes_done"].as_u64().is_some_and(|done| done > 0 && done < SIZE), "{last}");
        }
    }
}
