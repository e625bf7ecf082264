//! Small files that came whole: each is compared and written without a name, and several are made durable and named together. Where many are to come, a thread of its own
//! does that, so that the next ones are received and decrypted meanwhile.

use super::Report;
use super::place::Place;
use super::unnamed::Unnamed;
use crate::failure::Failure;
use ftp_proto::digest::Md5;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{GetBegin, GetEnd};
use ftp_proto::{Chunk, Root, Tree, tree};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// So many to come make a thread worth its start.
const WORTH: usize = 16;
/// Files that go to the thread together,
const TOGETHER: usize = 16;
/// or those of so many bytes,
const BYTES: usize = CHUNK;
/// or of so much time.
const HELD: Duration = Duration::from_millis(100);
/// Groups of such files that wait for the thread; one more is gathered, and one is in its hands.
const WAITING: usize = 2;
/// Files that are made durable and named together,
const NAMED: usize = 64;
/// or those of so much time: until then nothing of them is left if the program is killed.
const SOON: Duration = Duration::from_secs(1);

/// A file that came, not compared yet.
pub(crate) struct Arrival<'a> {
    /// What whoever asked for it knows it by.
    pub(crate) at: usize,
    pub(crate) place: &'a Place,
    /// What has its name may be replaced.
    pub(crate) replaces: bool,
    /// Its MD5 was asked for.
    pub(crate) md5: bool,
    pub(crate) begin: GetBegin,
    /// None if it is empty.
    pub(crate) chunk: Option<Chunk>,
    pub(crate) end: GetEnd,
    pub(crate) asked: Instant,
    pub(crate) came: Instant,
}

/// What became of one.
pub(crate) enum Fate {
    /// It is whole and durable, and has its name.
    Named(Report),
    /// It is not what it should be, or cannot have its name by now: it has to come by itself.
    Odd,
    Failed(Failure),
}

/// Takes files in the order in which they come.
pub(crate) enum Arrivals<'scope, 'a> {
    /// Each as it comes.
    Here(Desk<'a>, VecDeque<(usize, Fate)>),
    /// On a thread.
    Beside(Beside<'scope, 'a>),
}

/// The thread.
pub(crate) struct Beside<'scope, 'a> {
    gathered: Vec<Arrival<'a>>,
    bytes: usize,
    groups: SyncSender<Vec<Arrival<'a>>>,
    fates: Receiver<(usize, Fate)>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope, 'a: 'scope> Arrivals<'scope, 'a> {
    /// For at most so many files.
    pub(crate) fn new(scope: &'scope Scope<'scope, '_>, most: usize) -> Self {
        if most >= WORTH
            && let Some(beside) = Beside::new(scope, work)
        {
            return Self::Beside(beside);
        }
        Self::Here(Desk::default(), VecDeque::new())
    }
}

impl<'a> Arrivals<'_, 'a> {
    /// Takes a file. Waits where many do already; false if nothing more is taken, and [`Arrivals::end`] says why.
    pub(crate) fn push(&mut self, arrival: Arrival<'a>) -> bool {
        match self {
            Self::Here(desk, fates) => {
                desk.take(arrival, &mut |fate| fates.push_back(fate));
                desk.name_soon(&mut |fate| fates.push_back(fate));
                true
            }
            Self::Beside(beside) => beside.push(arrival),
        }
    }

    /// Nothing comes at the moment: what is here already does not wait for more.
    pub(crate) fn rest(&mut self) {
        match self {
            Self::Here(desk, fates) => desk.name_soon(&mut |fate| fates.push_back(fate)),
            Self::Beside(beside) => {
                // Why it is not taken is said at the end.
                let _taken = beside.hand_over();
            }
        }
    }

    /// What became of the next one of which that is known.
    pub(crate) fn fate(&mut self) -> Option<(usize, Fate)> {
        match self {
            Self::Here(_, fates) => fates.pop_front(),
            Self::Beside(beside) => beside.fates.try_recv().ok(),
        }
    }

    /// Waits until all that was taken has its fate; gives those that were not asked for yet.
    pub(crate) fn end(self) -> VecDeque<(usize, Fate)> {
        match self {
            Self::Here(mut desk, mut fates) => {
                desk.name(&mut |fate| fates.push_back(fate));
                fates
            }
            Self::Beside(mut beside) => {
                let _taken = beside.hand_over();
                let Beside { groups, fates, thread, .. } = beside;
                drop(groups);
                thread.join().unwrap_or_else(|panic| resume_unwind(panic));
                fates.try_iter().collect()
            }
        }
    }
}

impl<'scope, 'a: 'scope> Beside<'scope, 'a> {
    /// None if the system has no thread to give.
    fn new(
        scope: &'scope Scope<'scope, '_>,
        work: impl FnOnce(&Receiver<Vec<Arrival<'a>>>, &Sender<(usize, Fate)>) + Send + 'scope,
    ) -> Option<Self> {
        let (groups, coming) = mpsc::sync_channel(WAITING);
        let (told, fates) = mpsc::channel();
        let thread = Builder::new().spawn_scoped(scope, move || work(&coming, &told)).ok()?;
        Some(Self { gathered: Vec::new(), bytes: 0, groups, fates, thread })
    }
}

impl<'a> Beside<'_, 'a> {
    fn push(&mut self, arrival: Arrival<'a>) -> bool {
        self.bytes += arrival.chunk.as_ref().map_or(0, |chunk| chunk.frame().len());
        let came = arrival.came;
        self.gathered.push(arrival);
        let since = self.gathered.first().map(|first| came.duration_since(first.came));
        let is_due = since >= Some(HELD) || self.gathered.len() >= TOGETHER || self.bytes >= BYTES;
        !is_due || self.hand_over()
    }

    /// Gives the thread what was gathered; false if it takes nothing any more.
    fn hand_over(&mut self) -> bool {
        if self.gathered.is_empty() {
            return true;
        }
        self.bytes = 0;
        let group = std::mem::replace(&mut self.gathered, Vec::with_capacity(TOGETHER));
        self.groups.send(group).is_ok()
    }
}

/// What the thread does.
fn work(groups: &Receiver<Vec<Arrival<'_>>>, fates: &Sender<(usize, Fate)>) {
    let mut desk = Desk::default();
    let mut told = |fate| {
        // After a panic over there nobody wants it any more.
        let _unwanted = fates.send(fate);
    };
    loop {
        let group = match desk.left() {
            Some(left) => groups.recv_timeout(left),
            None => groups.recv().map_err(RecvTimeoutError::from),
        };
        match group {
            Ok(group) => group.into_iter().for_each(|arrival| desk.take(arrival, &mut told)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        desk.name_soon(&mut told);
    }
    desk.name(&mut told);
}

/// Files that are written and have no name yet.
#[derive(Default)]
pub(crate) struct Desk<'a> {
    written: Vec<Written<'a>>,
    /// When the first of them came.
    since: Option<Instant>,
}

struct Written<'a> {
    at: usize,
    place: &'a Place,
    replaces: bool,
    file: Unnamed,
    report: Report,
}

impl<'a> Desk<'a> {
    fn take(&mut self, arrival: Arrival<'a>, told: &mut impl FnMut((usize, Fate))) {
        let Arrival { at, place, replaces, came, .. } = arrival;
        match write(&arrival) {
            Ok(Some((file, report))) => {
                self.since.get_or_insert(came);
                self.written.push(Written { at, place, replaces, file, report });
            }
            Ok(None) => told((at, Fate::Odd)),
            Err(failure) => told((at, Fate::Failed(failure))),
        }
        if self.written.len() >= NAMED {
            self.name(told);
        }
    }

    /// How long they may wait.
    fn left(&self) -> Option<Duration> {
        self.since.map(|since| SOON.saturating_sub(since.elapsed()))
    }

    /// Names them if they have waited long enough.
    fn name_soon(&mut self, told: &mut impl FnMut((usize, Fate))) {
        if self.left().is_some_and(|left| left.is_zero()) {
            self.name(told);
        }
    }

    /// Makes them durable, and gives them their names.
    fn name(&mut self, told: &mut impl FnMut((usize, Fate))) {
        self.since = None;
        // The disk has begun with all of them when the first is waited for: the others come almost for nothing.
        for Written { file, place, .. } in &self.written {
            file.write_back(place);
        }
        for Written { at, place, replaces, file, report } in self.written.drain(..) {
            let fate = match file.publish(place, replaces) {
                Ok(true) => Fate::Named(report),
                Ok(false) => Fate::Odd,
                Err(failure) => Fate::Failed(failure),
            };
            told((at, fate));
        }
    }
}

/// Compares a file that came, and writes it; none if it is not what it should be.
fn write(arrival: &Arrival<'_>) -> Result<Option<(Unnamed, Report)>, Failure> {
    let Arrival { place, md5, begin, chunk, end, asked, came, .. } = arrival;
    let data = chunk.as_ref().map_or(&[][..], Chunk::data);
    let root = match chunk {
        Some(chunk) => {
            let value = tree::value(begin.size, 0, data);
            if value != chunk.value() {
                return Ok(None);
            }
            Root(value.0)
        }
        None => Tree::new().root(),
    };
    let md5 = md5.then(|| {
        let mut md5 = Md5::default();
        md5.update(data);
        md5.finish()
    });
    if root != end.root || (md5.is_some() && md5 != end.md5) {
        return Ok(None);
    }
    let file = Unnamed::write(place, data, begin.mtime)?;
    let (size, took) = (begin.size, came.duration_since(*asked));
    Ok(Some((file, Report { size, resumed: 0, moved: size, took, root, md5 })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Folder;
    use ftp_proto::{Etag, PrefixHash};
    use std::fs;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    fn folder(path: &Path) -> Arc<Folder> {
        Arc::new(Folder::open(path).expect("there"))
    }

    fn arrival<'a>(at: usize, place: &'a Place, data: &[u8]) -> Arrival<'a> {
        let chunk = (!data.is_empty()).then(|| {
            let mut chunk = Chunk::with_len(Vec::new(), data.len());
            chunk.data_mut().copy_from_slice(data);
            chunk.seal(tree::value(data.len() as u64, 0, data));
            chunk
        });
        let (size, root) = (data.len() as u64, Root(*blake3::hash(data).as_bytes()));
        let begin =
            GetBegin { size, mtime: 1, etag: Etag([0; 16]), prefix: PrefixHash([0; 32]), kept: false };
        let (now, end) = (Instant::now(), GetEnd { root, md5: None });
        Arrival { at, place, replaces: false, md5: false, begin, chunk, end, asked: now, came: now }
    }

    #[test]
    fn each_has_its_own_fate_and_those_that_came_before_the_end_have_their_names() {
        let temporary = tempfile::tempdir().expect("a folder");
        let here = temporary.path().join("here");
        for most in [WORTH - 1, 1000] {
            fs::create_dir(&here).expect("made");
            // Nothing can be written there.
            let (good, bad) = (folder(&here), folder(Path::new("/proc")));
            fs::write(here.join("f23"), "mine").expect("written");
            let in_folder = |at: usize| if at == 17 { &bad } else { &good };
            let places: Vec<_> = (0..150).map(|at| in_folder(at).one_of_many(format!("f{at}"))).collect();
            if !Unnamed::are_possible(&places[0]) {
                return;
            }
            let fates = thread::scope(|scope| {
                let mut arrivals = Arrivals::new(scope, most);
                assert_eq!(matches!(arrivals, Arrivals::Beside(_)), most >= WORTH);
                let mut fates = Vec::new();
                for (at, place) in places.iter().enumerate() {
                    let text = if at % 9 == 4 { String::new() } else { format!("text {at}") };
                    let mut arrival = arrival(at, place, text.as_bytes());
                    if at == 20 {
                        arrival.end.root = Root([7; 32]);
                    }
                    assert!(arrivals.push(arrival));
                    fates.extend(std::iter::from_fn(|| arrivals.fate()));
                }
                fates.extend(arrivals.end());
                fates
            });
            let mut ats: Vec<_> = fates.iter().map(|(at, _)| *at).collect();
            ats.sort_unstable();
            assert!(ats.iter().copied().eq(0..150), "each once: {ats:?}");
            for (at, fate) in fates {
                let there = fs::read_to_string(here.join(format!("f{at}"))).ok();
                match (at, fate) {
                    (17, Fate::Failed(failure)) => {
                        assert!(failure.message.contains("/proc/f17: cannot write it"), "{failure}");
                    }
                    (20, Fate::Odd) => assert_eq!(there, None),
                    (23, Fate::Odd) => assert_eq!(there.as_deref(), Some("mine")),
                    (at, Fate::Named(report)) if ![17, 20, 23].contains(&at) => {
                        let there = there.expect("named");
                        assert!(there.is_empty() == (at % 9 == 4) && report.size == there.len() as u64);
                        assert!(there.is_empty() || there == format!("text {at}"));
                    }
                    (at, _) => panic!("{at} fared otherwise"),
                }
            }
            fs::remove_dir_all(&here).expect("removed");
        }
    }

    #[test]
    fn what_came_does_not_wait_for_the_next_that_comes_late() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = folder(temporary.path());
        let place = folder.one_of_many("x");
        if !Unnamed::are_possible(&place) {
            return;
        }
        for most in [1, 1000] {
            thread::scope(|scope| {
                let mut arrivals = Arrivals::new(scope, most);
                assert!(arrivals.push(arrival(0, &place, b"text")));
                let began = Instant::now();
                while !temporary.path().join("x").exists() {
                    assert!(began.elapsed() < Duration::from_secs(60), "{most}: it has no name yet");
                    arrivals.rest();
                    thread::sleep(Duration::from_millis(20));
                }
                arrivals.end();
            });
            fs::remove_file(temporary.path().join("x")).expect("there");
        }
    }

    /// So many files of so many bytes are taken while the thread takes none.
    fn assert_bound(len: usize, bound: usize) {
        let temporary = tempfile::tempdir().expect("a folder");
        let place = folder(temporary.path()).one_of_many("x");
        let pushed = AtomicUsize::new(0);
        let slow = |groups: &Receiver<Vec<Arrival<'_>>>, _: &Sender<(usize, Fate)>| {
            let began = Instant::now();
            while pushed.load(Ordering::SeqCst) < bound {
                assert!(began.elapsed() < Duration::from_secs(60), "fewer than {bound}");
                thread::yield_now();
            }
            // More than these are taken by now if they are taken at all.
            thread::sleep(Duration::from_millis(100));
            assert_eq!(pushed.load(Ordering::SeqCst), bound);
            groups.iter().for_each(drop);
        };
        let (data, began) = (vec![1; len], Instant::now());
        thread::scope(|scope| {
            let mut arrivals = Arrivals::Beside(Beside::new(scope, slow).expect("a thread"));
            for at in 0..3 * bound {
                // As if all came in one moment, however slow the machine is.
                if !arrivals.push(Arrival { came: began, ..arrival(at, &place, &data) }) {
                    break;
                }
                pushed.fetch_add(1, Ordering::SeqCst);
            }
            arrivals.end();
        });
    }

    #[test]
    fn files_that_wait_for_the_thread_are_bounded_by_their_number_and_their_bytes() {
        assert_bound(1, (WAITING + 1) * TOGETHER - 1);
        assert_bound(CHUNK, WAITING);
        assert_bound(CHUNK / 4, WAITING * 4 + 3);
    }

    #[test]
    fn a_panic_of_the_thread_is_passed_on() {
        let temporary = tempfile::tempdir().expect("a folder");
        let place = folder(temporary.path()).one_of_many("x");
        let passed = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|scope| {
                let work =
                    |_: &Receiver<Vec<Arrival<'_>>>, _: &Sender<(usize, Fate)>| resume_unwind(Box::new("it"));
                let mut arrivals = Arrivals::Beside(Beside::new(scope, work).expect("a thread"));
                while arrivals.push(arrival(0, &place, b"text")) {}
                arrivals.end();
            });
        }));
        assert_eq!(passed.expect_err("a panic").downcast_ref(), Some(&"it"));
    }
}
