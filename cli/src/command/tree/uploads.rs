//! Small files that go up, and the directories for them: many are asked for before the first of them is answered, and while more are looked for.
//!
//! What is in flight is known, so that after a lost connection what was not answered is sent again, and none is counted twice. What turns out to be no small file by then goes
//! by itself at the end.

use super::super::Shell;
use super::super::retry::keep_trying;
use super::super::single::{How, Outcome, Task, begin, finish, move_put, no_room};
use super::{STOP, Tally, ends_all};
use crate::client::{Incoming, Window, request_len};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::{Sent, Small};
use crate::watch::Watch as _;
use ftp_proto::message::{self, Body, Stored};
use ftp_proto::{Code, VirtualPath};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So many wait before they are sent: whatever looks for files goes on meanwhile.
const WAITING: usize = 64;
/// A directory that was made so long ago may have been found by others.
const NEW: Duration = Duration::from_secs(10);

/// One file that goes up, whatever has its name.
pub(crate) struct Upload {
    pub(crate) label: String,
    pub(crate) remote: VirtualPath,
    pub(crate) local: PathBuf,
    /// When it was listed.
    pub(crate) size: u64,
}

impl Upload {
    pub(super) fn task<'a>(&'a self, how: &'a How) -> Task<'a, Path> {
        Task { remote: &self.remote, local: &self.local, label: &self.label, how }
    }
}

/// A directory that is to be made.
pub(super) struct Dir {
    pub(super) path: VirtualPath,
    pub(super) label: String,
}

/// What came of a directory that was to be made.
pub(super) enum Made {
    /// There was none, and there is nothing in it.
    New,
    /// Something has its name.
    There,
    Failed(Failure),
}

/// What uploads are sent with and told to.
pub(super) struct Desk<'a, 's, 'p> {
    pub(super) shell: &'a mut Shell<'s>,
    pub(super) tally: &'a mut Tally,
    pub(super) progress: &'a mut Progress<'p>,
}

/// Small files that go up, and directories that are made. Until they are finished, nothing else may be asked over the connection.
pub(super) struct Uploads<'h> {
    pub(super) how: &'h How,
    waits: VecDeque<Turn>,
    /// What is in flight, over the connection as it is.
    window: Option<Window<Flying>>,
    /// How many of those are sent again.
    again: usize,
    /// The directories that nobody has asked about yet, with what came of them and when.
    made: HashMap<VirtualPath, Option<(Made, Instant)>>,
    /// Those that are large by now.
    large: Vec<Upload>,
    buffer: Vec<u8>,
    /// The failure that ends all is counted.
    is_counted: bool,
}

/// What waits for its turn.
struct Turn {
    what: What,
    /// It had one before, over a connection that was lost.
    again: bool,
}

enum What {
    File(Upload),
    Dir(Dir),
}

/// One in flight.
struct Flying {
    flight: Flight,
    again: bool,
}

enum Flight {
    File(Upload, Sent),
    Dir(Dir),
}

impl Flight {
    fn land(self) -> What {
        match self {
            Self::File(file, _) => What::File(file),
            Self::Dir(dir) => What::Dir(dir),
        }
    }
}

/// How far to go.
#[derive(Clone, Copy)]
enum Until<'p> {
    /// Nothing waits any more.
    Sent,
    /// It is known what came of this directory.
    Made(&'p VirtualPath),
    /// Nothing is in flight either.
    Answered,
}

/// Why nothing more is sent over a connection, and what was to be sent again first.
struct Stop {
    failure: Failure,
    first: Option<Box<What>>,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self { failure, first: None }
    }
}

impl<'h> Uploads<'h> {
    pub(super) fn new(how: &'h How) -> Self {
        let (waits, made, large, buffer) = Default::default();
        Self { how, waits, window: None, again: 0, made, large, buffer, is_counted: false }
    }

    /// Adds a file that was small when it was listed.
    pub(super) fn add(&mut self, file: Upload, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        self.push(What::File(file), desk)
    }

    /// Has a directory made; [`Uploads::made`] says what came of it.
    pub(super) fn mkdir(&mut self, dir: Dir, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        self.made.insert(dir.path.clone(), None);
        self.push(What::Dir(dir), desk)
    }

    fn push(&mut self, what: What, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        self.waits.push_back(Turn { what, again: false });
        if self.waits.len() < WAITING { Ok(()) } else { self.move_on(Until::Sent, desk) }
    }

    /// A directory of that path is to be made, or was, and nobody has asked about it yet.
    pub(super) fn makes(&self, path: &VirtualPath) -> bool {
        self.made.contains_key(path)
    }

    /// Nobody will ask about it.
    pub(super) fn forget(&mut self, path: &VirtualPath) {
        self.made.remove(path);
    }

    /// What came of a directory that was to be made; it may be there too if that was not asked for.
    pub(super) fn made(&mut self, path: &VirtualPath, desk: &mut Desk<'_, '_, '_>) -> Result<Made, Failure> {
        self.move_on(Until::Made(path), desk)?;
        Ok(match self.made.remove(path).flatten() {
            Some((Made::New, when)) if when.elapsed() > NEW => Made::There,
            Some((made, _)) => made,
            None => Made::There,
        })
    }

    /// Waits until all are done with.
    pub(super) fn finish(&mut self, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        self.move_on(Until::Answered, desk)?;
        let Desk { shell, tally, progress } = desk;
        for file in std::mem::take(&mut self.large) {
            let task = file.task(self.how);
            let size = std::fs::metadata(task.local).map_or(0, |facts| facts.len());
            begin(progress, &task, Op::Put, task.local, size);
            let result = move_put(shell, &task, size, progress);
            tally.count(shell, result, task.label, file.size, progress)?;
        }
        Ok(())
    }

    fn move_on(&mut self, until: Until<'_>, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        while !(self.waits.is_empty() && self.window.is_none() || self.is_enough(until)) {
            let Desk { shell, tally, progress } = desk;
            let done = keep_trying(shell, *progress, |shell, progress| {
                self.go(until, &mut Desk { shell, tally, progress })
            });
            let Err(failure) = done else { return Ok(()) };
            if self.is_counted || failure.cause == Cause::Interrupted {
                return Err(failure);
            }
            // The one whose turn it is has failed. The others are tried once more, each by itself.
            self.waits.iter_mut().for_each(|turn| turn.again = false);
            match self.waits.pop_front() {
                Some(turn) => self.fail(turn.what, failure, desk)?,
                None => return Err(failure),
            }
        }
        Ok(())
    }

    /// What is sent again is waited for: before it is answered, a new connection has brought nothing.
    fn is_enough(&self, until: Until<'_>) -> bool {
        self.again == 0
            && match until {
                Until::Sent => self.waits.is_empty(),
                Until::Made(path) => !matches!(self.made.get(path), Some(None)),
                Until::Answered => false,
            }
    }

    /// Sends what waits, over one connection.
    fn go(&mut self, until: Until<'_>, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        let mut window = match self.window.take() {
            Some(window) => window,
            None => Window::writing(desk.shell.session.client()?),
        };
        match self.run(&mut window, until, desk) {
            Ok(()) => {
                self.window = Some(window).filter(|window| !window.is_empty());
                Ok(())
            }
            Err(Stop { failure, first }) => {
                // What ends all while it is stopped is what the user has to know of.
                let ended = self.stop_all(window, desk);
                self.put_back(first.map(|first| *first).into_iter().collect());
                Err(ended.err().unwrap_or(failure))
            }
        }
    }

    /// Stops what is in flight, for nothing more is wanted of it.
    pub(super) fn stop(&mut self, desk: &mut Desk<'_, '_, '_>) {
        if let Some(window) = self.window.take() {
            // Something else has failed before.
            let _too = self.stop_all(window, desk);
        }
    }

    fn stop_all(&mut self, mut window: Window<Flying>, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        self.again = 0;
        let (mut unanswered, mut done) = (VecDeque::new(), Ok(()));
        for (flying, body) in desk.shell.session.under_way().stop(&mut window, STOP) {
            match body {
                Some(body @ Body::Ok(_)) => match self.answered(flying, body, desk) {
                    Ok(None) => {}
                    Ok(Some((what, _))) => unanswered.push_back(what),
                    Err(failure) => done = Err(failure),
                },
                _ => unanswered.push_back(flying.flight.land()),
            }
        }
        self.put_back(unanswered);
        done
    }

    /// These have their turn again, before all others.
    fn put_back(&mut self, those: VecDeque<What>) {
        let mut again: VecDeque<_> = those.into_iter().map(|what| Turn { what, again: true }).collect();
        again.append(&mut self.waits);
        self.waits = again;
    }

    fn run(
        &mut self,
        window: &mut Window<Flying>,
        until: Until<'_>,
        desk: &mut Desk<'_, '_, '_>,
    ) -> Result<(), Stop> {
        let mut end: Option<(What, Failure)> = None;
        let mut refused = VecDeque::new();
        loop {
            if end.is_none() && window.wants_more() {
                self.fill(window, desk)?;
            }
            if end.is_none() && self.is_enough(until) {
                return Ok(());
            }
            if window.is_empty() {
                break;
            }
            let client = desk.shell.session.under_way();
            let body = match client.next_of(window, &mut || desk.progress.waiting())? {
                None => return Err(Failure::interrupted().into()),
                Some(Incoming::Reply(body)) => body,
                Some(Incoming::Chunk(_)) => {
                    return Err(client.breach("a chunk that nobody asked for").into());
                }
            };
            let Some(flying) = window.done() else { break };
            self.again -= usize::from(flying.again);
            if let Some((what, failure)) = self.answered(flying, body, desk)? {
                // What was sent behind it is answered too: what fares no better is as if it had not been.
                match end {
                    _ if failure.fatal => return Err(Stop { failure, first: Some(Box::new(what)) }),
                    Some(_) => refused.push_back(what),
                    None => end = Some((what, failure)),
                }
            }
        }
        match end {
            Some((what, failure)) => {
                self.put_back(refused);
                self.ended(what, failure, desk)
            }
            None if self.waits.is_empty() => Ok(()),
            // What has room in an empty window is sent.
            None => Err(Failure::interrupted().into()),
        }
    }

    /// One was refused, and nothing is in flight.
    fn ended(&mut self, what: What, failure: Failure, desk: &mut Desk<'_, '_, '_>) -> Result<(), Stop> {
        if failure.cause != Cause::Full {
            return Err(Stop { failure, first: Some(Box::new(what)) });
        }
        let failure = match &what {
            What::File(file) => no_room(failure, file.size, desk.shell),
            What::Dir(_) => failure,
        };
        Ok(self.fail(what, failure, desk)?)
    }

    /// Sends as many as there is room for.
    fn fill(&mut self, window: &mut Window<Flying>, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        while let Some(turn) = self.waits.front() {
            let len = match &turn.what {
                What::File(file) => usize::try_from(file.size).unwrap_or(usize::MAX / 2),
                What::Dir(dir) => request_len(&dir.path),
            };
            if !window.has_room(len) || desk.shell.session.under_way().is_interrupted() {
                break;
            }
            let Some(Turn { what, again }) = self.waits.pop_front() else { break };
            self.again += usize::from(again);
            match what {
                What::File(file) => self.send(file, again, window, desk)?,
                What::Dir(dir) => {
                    let op = message::Op::Mkdir { path: dir.path.clone() };
                    let flying = Flying { flight: Flight::Dir(dir), again };
                    desk.shell.session.under_way().ask_ahead(window, op, flying)?;
                }
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        file: Upload,
        again: bool,
        window: &mut Window<Flying>,
        desk: &mut Desk<'_, '_, '_>,
    ) -> Result<(), Failure> {
        begin(desk.progress, &file.task(self.how), Op::Put, &file.local, file.size);
        let buffer = std::mem::take(&mut self.buffer);
        match Small::read(&file.local, &file.remote, self.how.md5, buffer) {
            Ok(Some(small)) => {
                desk.progress.begin(small.put.size, 0);
                let flying = Flying { flight: Flight::File(file, small.sent()), again };
                let Small { put, chunk, end } = small;
                desk.shell.session.under_way().put_ahead(window, put, chunk.as_ref(), end, flying)?;
                self.buffer = chunk.map(ftp_proto::Chunk::into_buffer).unwrap_or_default();
                Ok(())
            }
            not_sent => {
                self.again -= usize::from(again);
                match not_sent {
                    Err(failure) => self.count(&file, Err(failure), desk),
                    Ok(_) => {
                        self.large.push(file);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Counts what was answered; gives what ends all, or has to be tried again, which is not counted.
    fn answered(
        &mut self,
        Flying { flight, again }: Flying,
        body: Body,
        desk: &mut Desk<'_, '_, '_>,
    ) -> Result<Option<(What, Failure)>, Failure> {
        let client = desk.shell.session.under_way();
        let value = match body {
            Body::Ok(value) => Ok(value),
            Body::Error(refusal) => Err(Failure::refused(refusal)),
            Body::Begin(_) | Body::Page(_) => Err(client.breach("an answer of another kind")),
        };
        // The session that was lost may not have ended at the server yet.
        let is_over = |failure: &Failure| {
            ends_all(failure) || again && matches!(failure.code(), Some(Code::Conflict | Code::Busy))
        };
        match flight {
            Flight::File(file, sent) => {
                let stored = value.and_then(|value| client.read::<Stored>(value));
                match stored.and_then(|stored| sent.report(&stored, 0)) {
                    Err(failure) if is_over(&failure) => return Ok(Some((What::File(file), failure))),
                    report => {
                        let (task, Desk { shell, progress, .. }) = (file.task(self.how), &mut *desk);
                        let result = finish(shell, &task, Op::Put, task.local, report, file.size, progress);
                        self.count(&file, result, desk)?;
                    }
                }
            }
            Flight::Dir(dir) => {
                let made = match value {
                    Ok(_) => Made::New,
                    Err(failure) if is_over(&failure) => return Ok(Some((What::Dir(dir), failure))),
                    Err(failure) if failure.code() == Some(Code::Exists) => Made::There,
                    Err(failure) => Made::Failed(failure),
                };
                if let Some(place) = self.made.get_mut(&dir.path) {
                    *place = Some((made, Instant::now()));
                }
            }
        }
        Ok(None)
    }

    /// It failed. Of a directory that is told when its turn comes.
    fn fail(&mut self, what: What, failure: Failure, desk: &mut Desk<'_, '_, '_>) -> Result<(), Failure> {
        match what {
            What::File(file) => self.count(&file, Err(failure), desk),
            What::Dir(dir) if ends_all(&failure) => {
                self.is_counted = true;
                desk.tally.fail(desk.shell, failure, &dir.label)
            }
            What::Dir(dir) => {
                self.made.insert(dir.path, Some((Made::Failed(failure), Instant::now())));
                Ok(())
            }
        }
    }

    fn count(
        &mut self,
        file: &Upload,
        result: Result<Outcome, Failure>,
        Desk { shell, tally, progress }: &mut Desk<'_, '_, '_>,
    ) -> Result<(), Failure> {
        let counted = tally.count(shell, result, &file.label, file.size, progress);
        self.is_counted |= counted.is_err();
        counted
    }
}
