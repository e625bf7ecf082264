//! Threads for what blocks. Each lane has a queue and threads of its own.

use super::token::ConnId;
use ftp_core::job::{Job, Lane, Outcome};
use ftp_core::limits::LOGIN_QUEUE;
use mio::Waker;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// How much less than others the password threads want to run: a flood of logins takes what transfers leave.
const LOGIN_NICE: i32 = 10;

/// The worker threads. Dropping it lets them end when their queues are empty.
pub(super) struct Workers {
    login: Arc<Queue>,
    disk: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

enum Work {
    Run(ConnId, Job),
    /// Nobody waits for it; to close what is in it can block.
    Discard(Box<Outcome>),
}

/// A queue that several threads take from. A thread that waits does not hold the lock: one that comes for it would be woken twice for each job.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    works: VecDeque<Work>,
    /// Threads that wait.
    waiting: usize,
    /// Nothing more comes.
    closed: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts work at the back; gives it back when there are `most` already.
    fn push(&self, work: Work, most: usize) -> Result<(), Box<Work>> {
        let mut state = self.state();
        if state.works.len() >= most {
            return Err(Box::new(work));
        }
        state.works.push_back(work);
        let is_waited_for = state.waiting > 0;
        drop(state);
        if is_waited_for {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for the next; none when no more comes.
    fn pop(&self) -> Option<Work> {
        let mut state = self.state();
        loop {
            if let Some(work) = state.works.pop_front() {
                return Some(work);
            }
            if state.closed {
                return None;
            }
            state.waiting += 1;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
    }
}

impl Workers {
    /// Starts the threads, as is good for so many cores. Outcomes go to `outcomes`, and then `waker` is told.
    pub(super) fn start(
        cores: usize,
        outcomes: &Sender<(ConnId, Outcome)>,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        // Half of the cores at most check passwords. Disk threads mostly wait for the disk, so there are more of them than cores.
        let (logins, disks) = ((cores / 2).max(1), (2 * cores).max(4));
        let mut workers = Self { login: Arc::default(), disk: Arc::default(), threads: Vec::new() };
        for (lane, count) in [(Lane::Login, logins), (Lane::Disk, disks)] {
            for number in 0..count {
                let queue = Arc::clone(if lane == Lane::Login { &workers.login } else { &workers.disk });
                let (outcomes, waker) = (outcomes.clone(), Arc::clone(waker));
                let name = format!("{}-{number}", if lane == Lane::Login { "login" } else { "disk" });
                workers.threads.push(thread::Builder::new().name(name).spawn(move || {
                    if lane == Lane::Login {
                        // Without it the lane is still bounded by its threads.
                        let _best_effort =
                            rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOGIN_NICE);
                    }
                    work(&queue, &outcomes, &waker);
                })?);
            }
        }
        Ok(workers)
    }

    /// Queues a job; gives it back when its lane is full.
    pub(super) fn submit(&self, id: ConnId, job: Job) -> Result<(), Box<Job>> {
        let (queue, most) = match job.lane() {
            Lane::Login => (&self.login, LOGIN_QUEUE),
            // Not bounded here but by the sessions: each has one job at most.
            Lane::Disk => (&self.disk, usize::MAX),
        };
        match queue.push(Work::Run(id, job), most).map_err(|work| *work) {
            Err(Work::Run(_, job)) => Err(Box::new(job)),
            Ok(()) | Err(Work::Discard(_)) => Ok(()),
        }
    }

    /// Has a worker drop an outcome.
    pub(super) fn discard(&self, outcome: Outcome) {
        // It is not bounded.
        let _taken = self.disk.push(Work::Discard(Box::new(outcome)), usize::MAX);
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

fn work(queue: &Queue, outcomes: &Sender<(ConnId, Outcome)>, waker: &Waker) {
    while let Some(work) = queue.pop() {
        match work {
            Work::Run(id, job) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or(Outcome::Panicked);
                // First the outcome, then the waking: the other way round it could be missed.
                if outcomes.send((id, outcome)).is_err() || waker.wake().is_err() {
                    return;
                }
            }
            Work::Discard(outcome) => drop(outcome),
        }
    }
}
