//! What a running process uses, as the kernel counts it, and programs that are watched while they run.

use crate::site::Ran;
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a watched program is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A process, by its id.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// The resident memory of now, in KiB; none when it is gone.
    #[must_use]
    pub fn resident(self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory it ever had, in KiB; none when it is gone.
    #[must_use]
    pub fn peak(self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// Lets the kernel count the peak anew from now on.
    ///
    /// # Panics
    /// It is gone, or not ours.
    pub fn forget_peak(self) {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").expect("our own process");
    }

    fn status(self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Its open descriptors.
    ///
    /// # Panics
    /// It is gone.
    #[must_use]
    pub fn descriptors(self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0)).expect("it runs").count()
    }

    /// The time that all its threads were on a core.
    ///
    /// # Panics
    /// It is gone.
    #[must_use]
    pub fn busy(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("it runs");
        // The name, in brackets, may have anything in it.
        let rest = stat.rsplit(')').next().expect("a bracket");
        let mut fields = rest.split_whitespace().skip(11).map(|field| field.parse::<u64>().expect("ticks"));
        let ticks = fields.next().expect("utime") + fields.next().expect("stime");
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// The share of one core that it takes while `window` passes.
    ///
    /// # Panics
    /// It is gone.
    #[must_use]
    pub fn share(self, window: Duration) -> f64 {
        let (before, start) = (self.busy(), Instant::now());
        thread::sleep(window);
        (self.busy() - before).as_secs_f64() / start.elapsed().as_secs_f64()
    }
}

/// How a watched program ended.
#[derive(Debug)]
pub struct Watched {
    /// What it said, and its exit code.
    pub ran: Ran,
    /// What it wrote, byte for byte: stdout, then stderr.
    pub wrote: Vec<u8>,
    /// The most resident memory it had, in KiB.
    pub peak: u64,
    /// It had to be ended, for it was over its time.
    pub overdue: bool,
    /// How long it took.
    pub took: Duration,
}

/// Runs a program to its end, and ends it when it has not ended by then.
///
/// # Panics
/// It cannot be run.
#[must_use]
pub fn watch(mut command: Command, deadline: Duration) -> Watched {
    let start = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let process = Process(child.id());
    let drain = |mut pipe: Box<dyn std::io::Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).expect("a pipe");
            bytes
        })
    };
    let out = drain(Box::new(child.stdout.take().expect("piped")));
    let err = drain(Box::new(child.stderr.take().expect("piped")));
    let (mut peak, mut overdue) = (0, false);
    let status = loop {
        peak = process.peak().unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait().expect("ours") {
            break status;
        }
        if start.elapsed() > deadline && !overdue {
            overdue = true;
            child.kill().expect("ours");
        }
        thread::sleep(LOOK);
    };
    let (out, err) = (out.join().expect("read"), err.join().expect("read"));
    let ran = Ran {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&out).into_owned(),
        err: String::from_utf8_lossy(&err).into_owned(),
    };
    Watched { ran, wrote: [out, err].concat(), peak, overdue, took: start.elapsed() }
}
