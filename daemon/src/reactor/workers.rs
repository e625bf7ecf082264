//! Threads for what blocks. Each lane has a queue and threads of its own.

use super::token::ConnId;
use ftp_core::job::{Job, Lane, Outcome};
use ftp_core::limits::LOGIN_QUEUE;
use mio::Waker;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// How much less than others the password threads want to run: a flood of logins takes what transfers leave.
const LOGIN_NICE: i32 = 10;

/// The worker threads. Dropping it lets them end when their queues are empty.
pub(super) struct Workers {
    login: SyncSender<Work>,
    disk: Sender<Work>,
    threads: Vec<JoinHandle<()>>,
}

enum Work {
    Run(ConnId, Job),
    /// Nobody waits for it; to close what is in it can block.
    Discard(Box<Outcome>),
}

/// A queue that several threads take from.
type Shared = Arc<Mutex<Receiver<Work>>>;

impl Workers {
    /// Starts the threads, as is good for so many cores. Outcomes go to `outcomes`, and then `waker` is told.
    pub(super) fn start(
        cores: usize,
        outcomes: &Sender<(ConnId, Outcome)>,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        // Half of the cores at most check passwords. Disk threads mostly wait for the disk, so there are more of them than cores.
        let (logins, disks) = ((cores / 2).max(1), (2 * cores).max(4));
        let (login, login_queue) = mpsc::sync_channel(LOGIN_QUEUE);
        // Not bounded here but by the sessions: each has one job at most.
        let (disk, disk_queue) = mpsc::channel();
        let mut threads = Vec::new();
        for (lane, count, queue) in [(Lane::Login, logins, login_queue), (Lane::Disk, disks, disk_queue)] {
            let queue: Shared = Arc::new(Mutex::new(queue));
            for number in 0..count {
                let (queue, outcomes, waker) = (Arc::clone(&queue), outcomes.clone(), Arc::clone(waker));
                let name = format!("{}-{number}", if lane == Lane::Login { "login" } else { "disk" });
                threads.push(thread::Builder::new().name(name).spawn(move || {
                    if lane == Lane::Login {
                        // Without it the lane is still bounded by its threads.
                        let _best_effort =
                            rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOGIN_NICE);
                    }
                    work(&queue, &outcomes, &waker);
                })?);
            }
        }
        Ok(Self { login, disk, threads })
    }

    /// Queues a job; gives it back when its lane is full.
    pub(super) fn submit(&self, id: ConnId, job: Job) -> Result<(), Box<Job>> {
        let sent = match job.lane() {
            Lane::Login => self.login.try_send(Work::Run(id, job)),
            Lane::Disk => {
                self.disk.send(Work::Run(id, job)).map_err(|error| TrySendError::Disconnected(error.0))
            }
        };
        match sent {
            Err(TrySendError::Full(Work::Run(_, job)) | TrySendError::Disconnected(Work::Run(_, job))) => {
                Err(Box::new(job))
            }
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Ok(()),
        }
    }

    /// Has a worker drop an outcome.
    pub(super) fn discard(&self, outcome: Outcome) {
        // When the threads are gone, the process is ending.
        let _ending = self.disk.send(Work::Discard(Box::new(outcome)));
    }

    /// Ends the threads when their queues are empty, and waits for them.
    pub(super) fn join(self) {
        drop((self.login, self.disk));
        for thread in self.threads {
            // Jobs are run behind catch_unwind: a thread that panicked has nothing more to say.
            let _panicked = thread.join();
        }
    }
}

fn work(queue: &Shared, outcomes: &Sender<(ConnId, Outcome)>, waker: &Waker) {
    loop {
        let work = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match work {
            Ok(Work::Run(id, job)) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or(Outcome::Panicked);
                // First the outcome, then the waking: the other way round it could be missed.
                if outcomes.send((id, outcome)).is_err() || waker.wake().is_err() {
                    return;
                }
            }
            Ok(Work::Discard(outcome)) => drop(outcome),
            Err(_) => return,
        }
    }
}
