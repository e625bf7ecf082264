//! What a line of `operate.log` looks like, also where the disk is too slow for all of them.

use super::line::LineDrain;
use super::{Operation, PlainSyncDecorator};
use ftp_core::audit::Operate;
use ftp_proto::{Code, Root, UserName, VirtualPath};
use slog::{Drain as _, Logger, OwnedKV, info, o};
use slog_async::{Async, AsyncGuard, OverflowStrategy};
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A disk that can be held: nothing is written to it then.
#[derive(Clone, Default)]
struct Disk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    held: bool,
    waiting: bool,
}

impl Write for Disk {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("whole");
        state.waiting = state.held;
        changed.notify_all();
        let mut state = changed.wait_while(state, |state| state.held).expect("whole");
        let (_time, rest) = std::str::from_utf8(line).expect("text").split_once(' ').expect("a time");
        state.lines.push(rest.trim_end().to_owned());
        changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk {
    fn hold(&self, held: bool) {
        self.0.0.lock().expect("whole").held = held;
        self.0.1.notify_all();
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.0.0.lock().expect("whole");
        drop(self.0.1.wait_while(state, |state| !until(state)).expect("whole"));
    }

    fn lines(&self) -> Vec<String> {
        self.0.0.lock().expect("whole").lines.clone()
    }

    /// A log on this disk, with room for two lines that wait.
    fn log(&self) -> (Logger, AsyncGuard) {
        let drain = LineDrain::audit(PlainSyncDecorator::new(self.clone())).ignore_res();
        let drain = Async::new(drain).chan_size(2).overflow_strategy(OverflowStrategy::DropAndReport);
        let (drain, guard) = drain.build_with_guard();
        (Logger::root(drain.ignore_res(), o!()), guard)
    }
}

fn put(log: &Logger, path: &str) {
    note(log, "put", path, None);
}

fn note(log: &Logger, op: &'static str, path: &str, to: Option<&str>) {
    let good = |text: &str| VirtualPath::new(text).expect("a good path");
    let operate = Operate {
        peer: "[::1]:7".parse().expect("an address"),
        user: UserName::new("alice").expect("a good name"),
        op,
        path: good(path),
        to: to.map(good),
        bytes: 500,
        took: Duration::from_millis(250),
        root: to.is_none().then_some(Root([0xab; 32])),
        result: if to.is_none() { Ok(()) } else { Err(Code::NotFound) },
    };
    info!(log.new(OwnedKV(Operation(operate))), "");
}

#[test]
fn an_operation_is_a_line_of_words() {
    let disk = Disk::default();
    let (log, guard) = disk.log();
    put(&log, "/a b");
    note(&log, "rename", "/q\"\\\u{202e}x", Some("/b=c"));
    drop((log, guard));
    let all = "user=alice peer=[::1]:7 bytes=500 took=0.250 rate=2000";
    let root = "ab".repeat(32);
    assert_eq!(
        disk.lines(),
        [
            format!(r#"op=put {all} blake3={root} result=ok path="/a b""#),
            format!(r#"op=rename {all} blake3=- result=not_found path="/q\"\\\u{{202e}}x" to="/b=c""#),
        ]
    );
}

#[test]
fn lines_that_are_dropped_are_counted_in_a_line_that_says_nothing_else() {
    let disk = Disk::default();
    let (log, guard) = disk.log();
    disk.hold(true);
    put(&log, "/1");
    disk.wait(|state| state.waiting);
    ["/2", "/3", "/4"].iter().for_each(|path| put(&log, path));
    disk.hold(false);
    disk.wait(|state| state.lines.len() == 3);
    put(&log, "/5");
    drop((log, guard));
    let ends: Vec<_> = disk.lines().iter().map(|line| line.rsplit(' ').next().map(str::to_owned)).collect();
    assert_eq!(ends, ["path=/1", "path=/2", "path=/3", "count=1", "path=/5"].map(|end| Some(end.to_owned())));
    let note = r#"note="slog-async: logger dropped messages due to channel overflow" count=1"#;
    assert_eq!(disk.lines()[3], note);
}
