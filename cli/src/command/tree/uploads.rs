//! Small files that go up: many are sent before the first of them is answered, and while more are looked for.
//!
//! What is in flight is known, so that after a lost connection what was not answered is sent again, and none is counted twice. What turns out to be no small file by then goes
//! by itself at the end.

use super::super::Shell;
use super::super::retry::keep_trying;
use super::super::single::{How, Outcome, Task, begin, finish, move_put, no_room};
use super::queue::STOP;
use super::{Tally, ends_all};
use crate::client::{Incoming, Window};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::{Sent, Small};
use crate::watch::Watch as _;
use ftp_proto::message::{Body, Stored};
use ftp_proto::{Code, VirtualPath};
use std::collections::VecDeque;
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

/// Small files that go up. Until they are finished, nothing else may be asked over the connection.
pub(super) struct Uploads<'h> {
    pub(super) how: &'h How,
    waits: VecDeque<Turn>,
    /// What is in flight, over the connection as it is.
    window: Option<Window<Flying>>,
    /// Those that are large by now.
    large: Vec<Upload>,
    buffer: Vec<u8>,
    /// The failure that ends all is counted.
    is_counted: bool,
}

/// One that waits for its turn.
struct Turn {
    file: Upload,
    /// It had one before, over a connection that was lost.
    again: bool,
}

/// One in flight.
struct Flying {
    turn: Turn,
    sent: Sent,
}

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Sent,
    Answered,
}

impl<'h> Uploads<'h> {
    pub(super) fn new(how: &'h How) -> Self {
        let (waits, large, buffer) = Default::default();
        Self { how, waits, window: None, large, buffer, is_counted: false }
    }

    /// Adds a file that was small when it was listed.
    pub(super) fn add(
        &mut self,
        file: Upload,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.waits.push_back(Turn { file, again: false });
        if self.waits.len() < WAITING { Ok(()) } else { self.move_on(Until::Sent, shell, tally, progress) }
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
        until: Until,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        if self.waits.is_empty() && (until == Until::Sent || self.window.is_none()) {
            return Ok(());
        }
        let done = keep_trying(shell, progress, |shell, progress| self.go(until, shell, tally, progress));
        let Err(failure) = done else { return Ok(()) };
        if self.is_counted || failure.cause == Cause::Interrupted {
            return Err(failure);
        }
        match self.waits.pop_front() {
            Some(turn) => self.count(&turn.file, Err(failure), shell, tally, progress),
            None => Err(failure),
        }
    }

    /// Sends what waits, over one connection.
    fn go(
        &mut self,
        until: Until,
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
                    Ok(Some((file, _))) => unanswered.push_back(file),
                    Err(failure) => done = Err(failure),
                },
                _ => unanswered.push_back(flying.turn.file),
            }
        }
        self.put_back(unanswered);
        done
    }

    /// These have their turn again, before all others.
    fn put_back(&mut self, files: VecDeque<Upload>) {
        let mut again: VecDeque<_> = files.into_iter().map(|file| Turn { file, again: true }).collect();
        again.append(&mut self.waits);
        self.waits = again;
    }

    fn run(
        &mut self,
        window: &mut Window<Flying>,
        until: Until,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut end: Option<(Upload, Failure)> = None;
        let mut refused = VecDeque::new();
        loop {
            if end.is_none() && window.wants_more() {
                self.fill(window, shell, tally, progress)?;
            }
            let is_sent = until == Until::Sent && self.waits.is_empty() && end.is_none();
            if window.is_empty() || is_sent {
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
            if let Some((file, failure)) = self.answered(flying, body, shell, tally, progress)? {
                // What was sent behind it is answered too: what fares no better is as if it had not been.
                match end {
                    _ if failure.fatal => {
                        self.put_back([file].into());
                        return Err(failure);
                    }
                    Some(_) => refused.push_back(file),
                    None => end = Some((file, failure)),
                }
            }
        }
        let Some((file, failure)) = end else {
            return if self.waits.is_empty() { Ok(()) } else { Err(Failure::interrupted()) };
        };
        if failure.cause != Cause::Full {
            refused.push_front(file);
            self.put_back(refused);
            return Err(failure);
        }
        self.put_back(refused);
        let failure = no_room(failure, file.size, shell);
        self.count(&file, Err(failure), shell, tally, progress)
    }

    /// Sends as many as there is room for.
    fn fill(
        &mut self,
        window: &mut Window<Flying>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        while let Some(Turn { file, .. }) = self.waits.front() {
            let len = usize::try_from(file.size).unwrap_or(usize::MAX / 2);
            if !window.has_room(len) || shell.session.under_way().is_interrupted() {
                break;
            }
            let Some(turn) = self.waits.pop_front() else { break };
            let file = &turn.file;
            begin(progress, &file.task(self.how), Op::Put, &file.local, file.size);
            let buffer = std::mem::take(&mut self.buffer);
            let small = match Small::read(&file.local, &file.remote, self.how.md5, buffer) {
                Ok(Some(small)) => small,
                Ok(None) => {
                    self.large.push(turn.file);
                    continue;
                }
                Err(failure) => {
                    self.count(file, Err(failure), shell, tally, progress)?;
                    continue;
                }
            };
            progress.begin(small.put.size, 0);
            let flying = Flying { turn, sent: small.sent() };
            let Small { put, chunk, end } = small;
            shell.session.under_way().put_ahead(window, put, chunk.as_ref(), end, flying)?;
            self.buffer = chunk.map(ftp_proto::Chunk::into_buffer).unwrap_or_default();
        }
        Ok(())
    }

    /// Counts what was answered; gives what ends all, or has to be tried again, which is not counted.
    fn answered(
        &mut self,
        Flying { turn: Turn { file, again }, sent }: Flying,
        body: Body,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<Option<(Upload, Failure)>, Failure> {
        let report = match body {
            Body::Ok(value) => {
                let stored = shell.session.under_way().read::<Stored>(value);
                stored.and_then(|stored| sent.report(&stored, 0))
            }
            Body::Error(refusal) => Err(Failure::refused(refusal)),
            Body::Begin(_) | Body::Page(_) => {
                Err(shell.session.under_way().breach("an answer of another kind"))
            }
        };
        match report {
            // The session that was lost may not have ended at the server yet.
            Err(failure)
                if ends_all(&failure)
                    || again && matches!(failure.code(), Some(Code::Conflict | Code::Busy)) =>
            {
                return Ok(Some((file, failure)));
            }
            report => {
                let task = file.task(self.how);
                let result = finish(shell, &task, Op::Put, task.local, report, file.size, progress);
                self.count(&file, result, shell, tally, progress)?;
            }
        }
        Ok(None)
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
