//! The daemon's end: what becomes of an operation under the rules of the moment.

use super::rule::{Effect, Op, Order, Report, Rule};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The rules of the moment, and how far each has counted.
#[derive(Debug)]
pub struct Faults {
    rules: Mutex<Vec<(Rule, u64)>>,
    harness: Mutex<UnixStream>,
    /// How often the harness has said to go on.
    gone_on: Mutex<u64>,
    go: Condvar,
    /// Held through each change while something may be stopped.
    turn: Mutex<()>,
}

/// What becomes of an operation.
#[derive(Debug)]
pub(super) enum Fate {
    Done,
    LeftOut,
    Failed(Errno),
    Shortened,
    Torn,
    DoneThenKilled,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic is one of the things that are asked for.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Faults {
    /// Connects to the harness. The process ends with it.
    ///
    /// # Errors
    /// It does not listen there.
    pub fn connect(socket: &Path) -> io::Result<Arc<Self>> {
        let harness = UnixStream::connect(socket)?;
        let orders = BufReader::new(harness.try_clone()?);
        let faults = Arc::new(Self {
            rules: Mutex::default(),
            harness: Mutex::new(harness),
            gone_on: Mutex::default(),
            go: Condvar::new(),
            turn: Mutex::default(),
        });
        let kept = Arc::clone(&faults);
        std::thread::Builder::new().name("faults".into()).spawn(move || {
            for line in orders.lines().map_while(Result::ok) {
                kept.obey(serde_json::from_str(&line).expect("an order"));
            }
            die();
        })?;
        Ok(faults)
    }

    fn obey(&self, order: Order) {
        match order {
            Order::Arm(rules) => {
                *lock(&self.rules) = rules.into_iter().map(|rule| (rule, 0)).collect();
                self.report(&Report::Armed);
            }
            Order::Count => {
                let counts = lock(&self.rules).iter().map(|(_, met)| *met).collect();
                self.report(&Report::Counted(counts));
            }
            Order::Go => {
                *lock(&self.gone_on) += 1;
                self.go.notify_all();
            }
        }
    }

    fn report(&self, report: &Report) {
        let mut line = serde_json::to_string(report).expect("values only");
        line.push('\n');
        // When the harness is gone, so are we.
        let _gone = lock(&self.harness).write_all(line.as_bytes());
    }

    /// The turn to make a change, if changes are made one at a time now.
    pub(super) fn turn(&self, op: Op) -> Option<MutexGuard<'_, ()>> {
        let stops = op.is_change() && lock(&self.rules).iter().any(|(rule, _)| rule.effect == Effect::Stop);
        stops.then(|| lock(&self.turn))
    }

    /// What becomes of an operation that is about to be done. It may not come back.
    pub(super) fn meet(&self, op: Op, name: &str) -> Fate {
        let mut fate = Fate::Done;
        for (effect, nth) in self.due(op) {
            match effect {
                Effect::KillBefore => die(),
                Effect::KillAfter => fate = Fate::DoneThenKilled,
                Effect::Tear => fate = Fate::Torn,
                Effect::Fail(number) => fate = Fate::Failed(Errno::from_raw_os_error(number)),
                Effect::Short => fate = Fate::Shortened,
                Effect::Panic => panic!("{op:?} of {name:?} panics, as it was told to"),
                Effect::Delay(milliseconds) => std::thread::sleep(Duration::from_millis(milliseconds)),
                Effect::Stop => self.stop(op, name, nth),
                Effect::LeaveOut => fate = Fate::LeftOut,
            }
        }
        fate
    }

    /// Counts the operation; what the rules do to it.
    fn due(&self, op: Op) -> Vec<(Effect, u64)> {
        let mut due = Vec::new();
        for (rule, met) in lock(&self.rules).iter_mut().filter(|(rule, _)| rule.which.covers(op)) {
            *met += 1;
            if rule.nth.is_none_or(|nth| nth == *met) {
                due.push((rule.effect, *met));
            }
        }
        due
    }

    fn stop(&self, op: Op, name: &str, nth: u64) {
        let mut gone_on = lock(&self.gone_on);
        let before = *gone_on;
        self.report(&Report::Stopped { op, name: name.to_owned(), nth });
        while *gone_on == before {
            gone_on = self.go.wait(gone_on).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Ends the process as the kernel would: at once, with nothing put in order.
pub(super) fn die() -> ! {
    let _ours = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}
