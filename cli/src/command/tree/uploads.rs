//! Small files that go up, and the directories for them: many are asked for before the first of them is answered, and while more are looked for.
//!
//! What is in flight is known, so that after a lost connection what was not answered is sent again, and none is counted twice. What turns out to be no small file by then goes
//! by itself at the end.

use super::super::Shell;
use super::super::retry::keep_trying;
use super::super::single::{How, Outcome, Task, begin, finish, move_put, no_room};
use super::queue::STOP;
use super::{Tally, ends_all};
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

/// So many wait before they are sent: whatever looks for files goes on meanwhile.
const WAITING: usize = 64;

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

/// Small files that go up, and directories that are made. Until they are finished, nothing else may be asked over the connection.
pub(super) struct Uploads<'h> {
    pub(super) how: &'h How,
    waits: VecDeque<Turn>,
    /// What is in flight, over the connection as it is.
    window: Option<Window<Flying>>,
    /// What came of directories that nobody has asked about yet.
    made: HashMap<VirtualPath, Result<(), Failure>>,
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

struct Dir {
    path: VirtualPath,
    label: String,
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

impl<'h> Uploads<'h> {
    pub(super) fn new(how: &'h How) -> Self {
        let (waits, made, large, buffer) = Default::default();
        Self { how, waits, window: None, made, large, buffer, is_counted: false }
    }

    /// Adds a file that was small when it was listed.
    pub(super) fn add(
        &mut self,
        file: Upload,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.push(What::File(file), shell, tally, progress)
    }

    /// Has a directory made; [`Uploads::made`] says what came of it.
    pub(super) fn mkdir(
        &mut self,
        path: VirtualPath,
        label: String,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.push(What::Dir(Dir { path, label }), shell, tally, progress)
    }

    fn push(
        &mut self,
        what: What,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.waits.push_back(Turn { what, again: false });
        if self.waits.len() < WAITING { Ok(()) } else { self.move_on(Until::Sent, shell, tally, progress) }
    }

    /// What came of a directory that was to be made; none if nobody asked for that.
    pub(super) fn made(
        &mut self,
        path: &VirtualPath,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Result<(), Failure>>, Failure> {
        self.move_on(Until::Made(path), shell, tally, progress)?;
        Ok(self.made.remove(path))
    }

    /// Waits until all are done with.
    pub(super) fn finish(
        &mut self,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.move_on(Until::Answered, shell, tally, progress)?;
        for file in std::mem::take(&mut self.large) {
            let task = file.task(self.how);
            let size = std::fs::metadata(task.local).map_or(0, |facts| facts.len());
            begin(progress, &task, Op::Put, task.local, size);
            let result = move_put(shell, &task, size, progress);
            tally.count(shell, result, task.label, file.size, progress)?;
        }
        Ok(())
    }

    fn move_on(
        &mut self,
        until: Until<'_>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        if self.is_enough(until) || self.waits.is_empty() && self.window.is_none() {
            return Ok(());
        }
        let done = keep_trying(shell, progress, |shell, progress| self.go(until, shell, tally, progress));
        let Err(failure) = done else { return Ok(()) };
        if self.is_counted || failure.cause == Cause::Interrupted {
            return Err(failure);
        }
        match self.waits.pop_front() {
            Some(turn) => self.fail(&turn.what, failure, shell, tally, progress),
            None => Err(failure),
        }
    }

    fn is_enough(&self, until: Until<'_>) -> bool {
        match until {
            Until::Sent => self.waits.is_empty(),
            Until::Made(path) => self.made.contains_key(path),
            Until::Answered => false,
        }
    }

    /// Sends what waits, over one connection.
    fn go(
        &mut self,
        until: Until<'_>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut window = match self.window.take() {
            Some(window) => window,
            None => Window::writing(shell.session.client()?),
        };
        match self.run(&mut window, until, shell, tally, progress) {
            Ok(()) => {
                self.window = Some(window).filter(|window| !window.is_empty());
                Ok(())
            }
            Err(failure) => Err(self.stop_all(window, shell, tally, progress).err().unwrap_or(failure)),
        }
    }

    /// Stops what is in flight, for nothing more is wanted of it.
    pub(super) fn stop(&mut self, shell: &mut Shell<'_>, tally: &mut Tally, progress: &mut Progress<'_>) {
        if let Some(window) = self.window.take() {
            // Something else has failed before.
            let _too = self.stop_all(window, shell, tally, progress);
        }
    }

    fn stop_all(
        &mut self,
        mut window: Window<Flying>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let (mut unanswered, mut done) = (VecDeque::new(), Ok(()));
        for (flying, body) in shell.session.under_way().stop(&mut window, STOP) {
            match body {
                Some(body @ Body::Ok(_)) => match self.answered(flying, body, shell, tally, progress) {
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
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut end: Option<(What, Failure)> = None;
        let mut refused = VecDeque::new();
        loop {
            if end.is_none() && window.wants_more() {
                self.fill(window, shell, tally, progress)?;
            }
            if end.is_none() && self.is_enough(until) {
                return Ok(());
            }
            if window.is_empty() {
                break;
            }
            let body = match shell.session.under_way().next_of(window, &mut || progress.waiting())? {
                None => return Err(Failure::interrupted()),
                Some(Incoming::Reply(body)) => body,
                Some(Incoming::Chunk(_)) => {
                    return Err(shell.session.under_way().breach("a chunk that nobody asked for"));
                }
            };
            let Some(flying) = window.done() else { break };
            if let Some((what, failure)) = self.answered(flying, body, shell, tally, progress)? {
                // What was sent behind it is answered too: what fares no better is as if it had not been.
                match end {
                    _ if failure.fatal => {
                        self.put_back([what].into());
                        return Err(failure);
                    }
                    Some(_) => refused.push_back(what),
                    None => end = Some((what, failure)),
                }
            }
        }
        let Some((what, failure)) = end else {
            return if self.waits.is_empty() { Ok(()) } else { Err(Failure::interrupted()) };
        };
        if failure.cause != Cause::Full {
            refused.push_front(what);
            self.put_back(refused);
            return Err(failure);
        }
        self.put_back(refused);
        let failure = match &what {
            What::File(file) => no_room(failure, file.size, shell),
            What::Dir(_) => failure,
        };
        self.fail(&what, failure, shell, tally, progress)
    }

    /// Sends as many as there is room for.
    fn fill(
        &mut self,
        window: &mut Window<Flying>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        while let Some(turn) = self.waits.front() {
            let len = match &turn.what {
                What::File(file) => usize::try_from(file.size).unwrap_or(usize::MAX / 2),
                What::Dir(dir) => request_len(&dir.path),
            };
            if !window.has_room(len) || shell.session.under_way().is_interrupted() {
                break;
            }
            let Some(Turn { what, again }) = self.waits.pop_front() else { break };
            let file = match what {
                What::File(file) => file,
                What::Dir(dir) => {
                    let op = message::Op::Mkdir { path: dir.path.clone() };
                    let flying = Flying { flight: Flight::Dir(dir), again };
                    shell.session.under_way().ask_ahead(window, op, flying)?;
                    continue;
                }
            };
            begin(progress, &file.task(self.how), Op::Put, &file.local, file.size);
            let buffer = std::mem::take(&mut self.buffer);
            let small = match Small::read(&file.local, &file.remote, self.how.md5, buffer) {
                Ok(Some(small)) => small,
                Ok(None) => {
                    self.large.push(file);
                    continue;
                }
                Err(failure) => {
                    self.count(&file, Err(failure), shell, tally, progress)?;
                    continue;
                }
            };
            progress.begin(small.put.size, 0);
            let flying = Flying { flight: Flight::File(file, small.sent()), again };
            let Small { put, chunk, end } = small;
            shell.session.under_way().put_ahead(window, put, chunk.as_ref(), end, flying)?;
            self.buffer = chunk.map(ftp_proto::Chunk::into_buffer).unwrap_or_default();
        }
        Ok(())
    }

    /// Counts what was answered; gives what ends all, or has to be tried again, which is not counted.
    fn answered(
        &mut self,
        Flying { flight, again }: Flying,
        body: Body,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<Option<(What, Failure)>, Failure> {
        let value = match body {
            Body::Ok(value) => Ok(value),
            Body::Error(refusal) => Err(Failure::refused(refusal)),
            Body::Begin(_) | Body::Page(_) => {
                Err(shell.session.under_way().breach("an answer of another kind"))
            }
        };
        // The session that was lost may not have ended at the server yet.
        let is_over = |failure: &Failure| {
            ends_all(failure) || again && matches!(failure.code(), Some(Code::Conflict | Code::Busy))
        };
        match flight {
            Flight::File(file, sent) => {
                let stored = value.and_then(|value| shell.session.under_way().read::<Stored>(value));
                match stored.and_then(|stored| sent.report(&stored, 0)) {
                    Err(failure) if is_over(&failure) => return Ok(Some((What::File(file), failure))),
                    report => {
                        let task = file.task(self.how);
                        let result = finish(shell, &task, Op::Put, task.local, report, file.size, progress);
                        self.count(&file, result, shell, tally, progress)?;
                    }
                }
            }
            Flight::Dir(dir) => match value {
                Err(failure) if is_over(&failure) => return Ok(Some((What::Dir(dir), failure))),
                value => {
                    self.made.insert(dir.path, value.map(drop));
                }
            },
        }
        Ok(None)
    }

    fn fail(
        &mut self,
        what: &What,
        failure: Failure,
        shell: &Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        match what {
            What::File(file) => self.count(file, Err(failure), shell, tally, progress),
            What::Dir(dir) => {
                let told = tally.fail(shell, failure, &dir.label);
                self.is_counted |= told.is_err();
                told
            }
        }
    }

    fn count(
        &mut self,
        file: &Upload,
        result: Result<Outcome, Failure>,
        shell: &Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let counted = tally.count(shell, result, &file.label, file.size, progress);
        self.is_counted |= counted.is_err();
        counted
    }
}
