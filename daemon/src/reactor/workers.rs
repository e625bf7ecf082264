//! Threads for what blocks. Each lane has a queue and threads of its own, but names and files share theirs.

use super::queue::{Bounds, Queue};
use super::token::ConnId;
use ftp_core::job::{Job, Lane, Outcome};
use ftp_core::limits::{LOGIN_QUEUE, LOGIN_THREADS};
use ftp_core::transfer::{Hands, Help};
use mio::Waker;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

/// How much less than others the password threads want to run: a flood of logins takes what transfers leave.
const LOGIN_NICE: i32 = 10;
/// The most that one user may have under way on each lane, however many cores there are.
pub(crate) const EACH: usize = 16;
/// So many users may have all of that waiting for disks that stall before others have to wait as well.
const STALLED_USERS: usize = 8;

/// The worker threads. Dropping it lets them end when their queues are empty.
pub(super) struct Workers {
    login: Arc<Queue<Key, Work>>,
    disk: Arc<Queue<Key, Work>>,
    threads: Vec<JoinHandle<()>>,
}

/// Who shares the bound of what one may have under way. What is done to names is counted apart, so that it does not wait for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    User(u64, Lane),
    /// Nobody is logged in on it yet.
    Conn(ConnId),
    /// What workers do for others.
    Help,
    Nobody,
}

enum Work {
    Run(ConnId, Job),
    /// Nobody waits for it; to close what is in it can block.
    Discard(Box<Outcome>),
    /// It is of use only now.
    Help(Help),
}

/// The workers that have nothing to do.
struct Idle(Arc<Queue<Key, Work>>);

impl Hands for Idle {
    fn offer(&self, help: Help) {
        self.0.offer(Key::Help, Work::Help(help));
    }
}

impl Workers {
    /// Starts the threads, as is good for so many cores. Outcomes go to `outcomes`, and then `waker` is told.
    pub(super) fn start(
        cores: usize,
        outcomes: &Sender<(ConnId, Outcome)>,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        // As many as there are cores, for they are niced: transfers go first.
        let running = cores.clamp(1, LOGIN_THREADS);
        let login = Bounds { waiting: LOGIN_QUEUE, each: usize::MAX, running, spare: 0 };
        // These mostly wait for the disk, so there are more of them than cores; and one that no user alone can have.
        let running = (2 * cores).max(4) + 1;
        let each = (running - 1).min(EACH);
        // What waits is not bounded here but by the sessions: each has one job at most.
        let disk = Bounds { waiting: usize::MAX, each, running, spare: STALLED_USERS * each };
        let mut workers = Self {
            login: Arc::new(Queue::new(login)),
            disk: Arc::new(Queue::new(disk)),
            threads: Vec::new(),
        };
        for (lane, count) in [("login", login.threads()), ("disk", disk.threads())] {
            for number in 0..count {
                let is_login = lane == "login";
                let queue = Arc::clone(if is_login { &workers.login } else { &workers.disk });
                let (outcomes, waker) = (outcomes.clone(), Arc::clone(waker));
                let idle = Idle(Arc::clone(&workers.disk));
                let thread = thread::Builder::new().name(format!("{lane}-{number}"));
                workers.threads.push(thread.spawn(move || {
                    if is_login {
                        // Without it the lane is still bounded by its threads.
                        let _best_effort =
                            rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOGIN_NICE);
                    }
                    work(number, &queue, &idle, &outcomes, &waker);
                })?);
            }
        }
        Ok(workers)
    }

    /// Queues a job of a connection and, if somebody is logged in on it, of that account; gives it back when its lane is full.
    pub(super) fn submit(&self, id: ConnId, account: Option<u64>, job: Job) -> Result<(), Box<Job>> {
        let (queue, key) = match job.lane() {
            Lane::Login => (&self.login, Key::Nobody),
            lane => (&self.disk, account.map_or(Key::Conn(id), |account| Key::User(account, lane))),
        };
        match queue.push(key, Work::Run(id, job)) {
            Err(Work::Run(_, job)) => Err(Box::new(job)),
            Ok(()) | Err(Work::Discard(_) | Work::Help(_)) => Ok(()),
        }
    }

    /// Has a worker drop an outcome.
    pub(super) fn discard(&self, outcome: Outcome) {
        // It is not bounded.
        let _taken = self.disk.push(Key::Nobody, Work::Discard(Box::new(outcome)));
    }

    /// Ends the threads when their queues are empty, and waits for them.
    pub(super) fn join(mut self) {
        self.close();
        for thread in std::mem::take(&mut self.threads) {
            // Jobs are run behind catch_unwind: a thread that panicked has nothing more to say.
            let _panicked = thread.join();
        }
    }

    fn close(&self) {
        self.login.close();
        self.disk.close();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.close();
    }
}

fn work(
    thread: usize,
    queue: &Queue<Key, Work>,
    idle: &Idle,
    outcomes: &Sender<(ConnId, Outcome)>,
    waker: &Waker,
) {
    let mut done = None;
    while let Some((key, work)) = queue.pop(thread, done) {
        match work {
            Work::Run(id, job) => {
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| job.run_beside(idle))).unwrap_or(Outcome::Panicked);
                // First the outcome, then the waking: the other way round it could be missed.
                if outcomes.send((id, outcome)).is_err() || waker.wake().is_err() {
                    return;
                }
            }
            Work::Discard(outcome) => drop(outcome),
            Work::Help(help) => help.give(),
        }
        done = Some(key);
    }
}
