//! What waits for the threads of a lane: in order, but for those whose owner has as much under way as one may have.
//!
//! ```text
//!  push ──▶ turns ──▶ pop        a thread that is at one work for longer than STUCK counts no more as one that runs: another one takes its
//!    │        ▲        │         place, as long as there are any
//!    └─▶ held ┴────────┘
//! ```

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A thread that is at one work for so long waits for a disk, or as good as that.
pub(super) const STUCK: Duration = Duration::from_millis(20);

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Works that wait.
    pub(super) waiting: usize,
    /// Works of one owner that are under way, or next.
    pub(super) each: usize,
    /// Threads that run and are not stuck.
    pub(super) running: usize,
    /// Threads beyond those: for when some are stuck.
    pub(super) spare: usize,
}

impl Bounds {
    /// All threads.
    pub(super) fn threads(self) -> usize {
        self.running + self.spare
    }
}

/// A queue that several threads take from. A thread that waits does not hold the lock: one that comes for it would be woken twice for each work.
pub(super) struct Queue<K, W> {
    state: Mutex<State<K, W>>,
    /// Threads that are meant to run wait here,
    filled: Condvar,
    /// and the others here, so that the memory of those stays untouched.
    relief: Condvar,
}

struct State<K, W> {
    bounds: Bounds,
    /// What may be taken, in order.
    turns: VecDeque<(K, W)>,
    owners: HashMap<K, Owned<W>>,
    /// Works that are held.
    held: usize,
    /// Since when each thread is at a work.
    begun: Vec<Option<Instant>>,
    /// How many are.
    running: usize,
    /// Threads that wait: of those that are meant to run, and of the others.
    waiting: [usize; 2],
    /// One of those that wait looks again when the next thread is stuck.
    watched: bool,
    /// Nothing more comes.
    closed: bool,
}

struct Owned<W> {
    /// Under way or among the turns.
    count: usize,
    /// For when one of those is done.
    held: VecDeque<W>,
}

impl<K: Copy + Eq + Hash, W> Queue<K, W> {
    pub(super) fn new(bounds: Bounds) -> Self {
        let state = State {
            bounds,
            turns: VecDeque::new(),
            owners: HashMap::new(),
            held: 0,
            begun: vec![None; bounds.threads()],
            running: 0,
            waiting: [0; 2],
            watched: false,
            closed: false,
        };
        Self { state: Mutex::new(state), filled: Condvar::new(), relief: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<K, W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts work at the back; gives it back when too much waits already.
    pub(super) fn push(&self, owner: K, work: W) -> Result<(), W> {
        let mut state = self.state();
        state.push(owner, work)?;
        let to_wake = state.to_wake();
        drop(state);
        self.wake(to_wake);
        Ok(())
    }

    /// Puts work at the back if a thread waits for it; otherwise it is dropped.
    pub(super) fn offer(&self, owner: K, work: W) {
        let mut state = self.state();
        if state.is_idle(owner) && state.push(owner, work).is_ok() {
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Waits for the next work of the thread of that number, which is through with one of `done`; none when no more comes.
    pub(super) fn pop(&self, thread: usize, done: Option<K>) -> Option<(K, W)> {
        let mut state = self.state();
        if let Some(owner) = done {
            state.done(thread, owner);
        }
        let is_spare = thread >= state.bounds.running;
        let arrival = if is_spare { &self.relief } else { &self.filled };
        loop {
            let again = match state.next(thread, Instant::now()) {
                Next::Work(owner, work) => {
                    // Who watched has to be replaced, if more waits; while fewer run than may, each work has called a thread of its own.
                    let is_short = state.running >= state.bounds.running;
                    let to_wake = if is_short { state.to_wake() } else { Wake::Nobody };
                    drop(state);
                    self.wake(to_wake);
                    return Some((owner, work));
                }
                Next::None if state.closed => {
                    // Whoever found works that it might not take waits for nobody else.
                    self.wake_all();
                    return None;
                }
                Next::None => None,
                Next::Later(at) => Some(at).filter(|_| !state.watched),
            };
            state.waiting[usize::from(is_spare)] += 1;
            state = match again {
                None => arrival.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => {
                    state.watched = true;
                    let waited = arrival.wait_timeout(state, wait);
                    let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                    state.watched = false;
                    state
                }
            };
            state.waiting[usize::from(is_spare)] -= 1;
        }
    }

    /// Lets the threads end when nothing waits.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake_all();
    }

    fn wake_all(&self) {
        self.filled.notify_all();
        self.relief.notify_all();
    }

    fn wake(&self, which: Wake) {
        match which {
            Wake::Nobody => {}
            Wake::Runner => self.filled.notify_one(),
            Wake::Spare => self.relief.notify_one(),
        }
    }
}

/// What a thread finds when it looks.
enum Next<K, W> {
    Work(K, W),
    /// There is work, but enough run. Unless they are through before, one of them is stuck after this time.
    Later(Duration),
    None,
}

/// Who is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    Nobody,
    Runner,
    Spare,
}

impl<K: Copy + Eq + Hash, W> State<K, W> {
    fn push(&mut self, key: K, work: W) -> Result<(), W> {
        if self.turns.len() + self.held >= self.bounds.waiting {
            return Err(work);
        }
        let owner = self.owners.entry(key).or_insert_with(|| Owned { count: 0, held: VecDeque::new() });
        if owner.count < self.bounds.each {
            owner.count += 1;
            self.turns.push_back((key, work));
        } else {
            owner.held.push_back(work);
            self.held += 1;
        }
        Ok(())
    }

    /// A work of this owner would be taken at once.
    fn is_idle(&self, key: K) -> bool {
        let under_way = self.owners.get(&key).map_or(0, |owner| owner.count);
        self.turns.len() < self.waiting[0]
            && self.running + self.turns.len() < self.bounds.running
            && under_way < self.bounds.each
    }

    /// Who is to look whether there is something to take. A spare one is asked only if it has to watch.
    fn to_wake(&self) -> Wake {
        let [runners, spares] = self.waiting;
        if self.turns.is_empty() {
            Wake::Nobody
        } else if runners > 0 {
            Wake::Runner
        } else if spares > 0 && !self.watched {
            Wake::Spare
        } else {
            Wake::Nobody
        }
    }

    fn next(&mut self, thread: usize, now: Instant) -> Next<K, W> {
        if self.turns.is_empty() {
            return Next::None;
        }
        if self.running >= self.bounds.running {
            let ages = self.begun.iter().flatten().map(|since| now.saturating_duration_since(*since));
            let (mut live, mut oldest) = (0, Duration::ZERO);
            for age in ages.filter(|age| *age < STUCK) {
                live += 1;
                oldest = oldest.max(age);
            }
            if live >= self.bounds.running {
                return Next::Later(STUCK - oldest);
            }
        }
        match self.turns.pop_front() {
            Some((owner, work)) => {
                self.running += 1;
                self.begun[thread] = Some(now);
                Next::Work(owner, work)
            }
            None => Next::None,
        }
    }

    fn done(&mut self, thread: usize, key: K) {
        self.running -= 1;
        self.begun[thread] = None;
        let Some(owner) = self.owners.get_mut(&key) else { return };
        match owner.held.pop_front() {
            Some(work) => {
                self.held -= 1;
                self.turns.push_back((key, work));
            }
            None => {
                owner.count -= 1;
                if owner.count == 0 {
                    self.owners.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    const BOUNDS: Bounds = Bounds { waiting: 100, each: 2, running: 3, spare: 2 };

    fn filled(bounds: Bounds, works: &[(u8, u8)]) -> State<u8, u8> {
        let mut state = Queue::new(bounds).state.into_inner().expect("whole");
        for (owner, work) in works {
            state.push(*owner, *work).expect("room");
        }
        state
    }

    fn take(state: &mut State<u8, u8>, thread: usize, now: Instant) -> Option<u8> {
        match state.next(thread, now) {
            Next::Work(_, work) => Some(work),
            Next::Later(_) | Next::None => None,
        }
    }

    #[test]
    fn others_pass_by_who_has_as_much_under_way_as_one_may() {
        let now = Instant::now();
        let mut state = filled(BOUNDS, &[(1, 10), (1, 11), (1, 12), (1, 13), (2, 20), (2, 21)]);
        assert_eq!([0, 1, 2].map(|thread| take(&mut state, thread, now)), [Some(10), Some(11), Some(20)]);
        // What was held comes behind what came meanwhile, and in its own order.
        state.done(0, 1);
        assert_eq!(take(&mut state, 0, now), Some(21));
        state.done(1, 1);
        assert_eq!(take(&mut state, 1, now), Some(12));
        state.done(1, 1);
        assert_eq!(take(&mut state, 1, now), Some(13));
        for (thread, owner) in [(0, 2), (1, 1), (2, 2)] {
            state.done(thread, owner);
        }
        assert!(state.owners.is_empty() && state.turns.is_empty() && (state.held, state.running) == (0, 0));
    }

    #[test]
    fn spare_threads_take_the_places_of_those_that_are_stuck_and_no_others() {
        let start = Instant::now();
        let mut state = filled(BOUNDS, &[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6)]);
        let later = start + STUCK / 2;
        assert_eq!(take(&mut state, 0, start), Some(1));
        assert_eq!([1, 2].map(|thread| take(&mut state, thread, later)), [Some(2), Some(3)]);
        assert!(matches!(state.next(3, later), Next::Later(wait) if wait == STUCK / 2));
        assert_eq!(take(&mut state, 3, start + STUCK), Some(4));
        assert_eq!(take(&mut state, 4, start + STUCK), None);
        assert_eq!(take(&mut state, 4, later + STUCK), Some(5));
        // There are no more threads; when one is back, there is.
        state.done(0, 1);
        assert_eq!(take(&mut state, 0, later + STUCK), Some(6));
    }

    #[test]
    fn what_is_offered_is_taken_only_if_somebody_has_nothing_to_do() {
        let mut state = filled(BOUNDS, &[]);
        assert!(!state.is_idle(1), "nobody waits");
        state.waiting[0] = 3;
        assert!(state.is_idle(1));
        state.push(1, 1).expect("room");
        state.push(1, 2).expect("room");
        assert!(!state.is_idle(1) && state.is_idle(2), "one has as much as may be");
        state.push(2, 3).expect("room");
        assert!(!state.is_idle(3), "each who waits has something to take");
    }

    #[test]
    fn no_more_waits_than_may() {
        let mut state = filled(Bounds { waiting: 3, each: 1, ..BOUNDS }, &[(1, 1), (1, 2), (2, 3)]);
        assert_eq!(state.push(3, 4), Err(4));
        assert_eq!(take(&mut state, 0, Instant::now()), Some(1));
        assert_eq!(state.push(3, 4), Ok(()));
    }

    /// Nobody calls the spare threads but the clock: all that is pushed comes before the threads do that are meant to run.
    #[test]
    fn what_waits_behind_stuck_threads_is_taken_in_time() {
        let queue = Arc::new(Queue::new(BOUNDS));
        let (taken, takes) = channel();
        let (release, released) = channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let threads: Vec<_> = (0..BOUNDS.threads())
            .map(|number| {
                let (queue, taken, released) = (Arc::clone(&queue), taken.clone(), Arc::clone(&released));
                thread::spawn(move || {
                    let mut done = None;
                    while let Some((owner, work)) = queue.pop(number, done) {
                        taken.send(work).expect("the test waits");
                        if work < 3 {
                            // Until the sender is gone.
                            let _gone = released.lock().expect("whole").recv();
                        }
                        done = Some(owner);
                    }
                })
            })
            .collect();
        for work in 0..100 {
            queue.push(work, work).expect("room");
        }
        let patience = Duration::from_secs(10);
        let mut all: Vec<u8> = (0..100).map(|_| takes.recv_timeout(patience).expect("taken")).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        drop(release);
        queue.close();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }

    /// Each spare thread looks once and finds that enough run; what waits then is taken by those that run, who call nobody.
    #[test]
    fn threads_that_were_not_needed_end_with_the_others() {
        let bounds = Bounds { waiting: 100, each: 1, running: 1, spare: 3 };
        let queue = Arc::new(Queue::new(bounds));
        let (ended, ends) = channel();
        for number in 0..bounds.threads() {
            let (queue, ended) = (Arc::clone(&queue), ended.clone());
            thread::spawn(move || {
                let mut done = None;
                while let Some((owner, ())) = queue.pop(number, done) {
                    thread::sleep(STUCK / 4);
                    done = Some(owner);
                }
                ended.send(()).expect("the test waits");
            });
        }
        for owner in 0..4 {
            queue.push(owner, ()).expect("room");
        }
        queue.close();
        (0..bounds.threads()).for_each(|_| ends.recv_timeout(Duration::from_secs(10)).expect("it ends"));
    }
}
