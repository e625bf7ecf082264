//! Small files that go up: many are sent before the first of them is answered.
//!
//! What is in flight is known by its place among the files; so after a lost connection those that were not answered are sent again, and none is counted twice. What turns out to
//! be no small file by then goes by itself at the end.

use super::super::Shell;
use super::super::retry::keep_trying;
use super::super::single::{How, Outcome, Task, begin, finish, move_put, no_room};
use super::put::File;
use super::queue::{Queue, STOP, Turn};
use super::{Tally, ends_all};
use crate::client::{Incoming, Window};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::{Sent, Small};
use crate::watch::Watch as _;
use ftp_proto::Code;
use ftp_proto::message::{Body, Stored};
use std::collections::VecDeque;
use std::path::Path;

/// Uploads files that were small when they were listed, whatever has their names.
pub(super) fn send(
    shell: &mut Shell<'_>,
    files: &[&File<'_>],
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    if files.is_empty() {
        return Ok(());
    }
    let queue = Queue::new(files.len());
    let mut uploads = Uploads { files, how, queue, large: Vec::new(), buffer: Vec::new(), is_counted: false };
    if let Err(failure) = keep_trying(shell, progress, |shell, progress| uploads.go(shell, tally, progress)) {
        return match uploads.queue.peek() {
            Some(at) if !uploads.is_counted && failure.cause != Cause::Interrupted => {
                uploads.count(shell, at, Err(failure), tally, progress)
            }
            _ => Err(failure),
        };
    }
    for at in std::mem::take(&mut uploads.large) {
        let task = uploads.task(at);
        let size = std::fs::metadata(task.local).map_or(0, |facts| facts.len());
        begin(progress, &task, Op::Put, task.local, size);
        let result = move_put(shell, &task, size, progress);
        tally.count(shell, result, task.label, files[at].size, progress)?;
    }
    Ok(())
}

/// Files by their places in `files`.
struct Uploads<'a, 'f> {
    files: &'a [&'a File<'f>],
    how: &'a How,
    queue: Queue,
    /// Those that are large by now.
    large: Vec<usize>,
    buffer: Vec<u8>,
    /// The failure that ends all is counted.
    is_counted: bool,
}

/// One in flight.
struct Flying {
    turn: Turn,
    sent: Sent,
}

/// Why nothing more is sent.
struct End {
    at: usize,
    failure: Failure,
}

impl<'a> Uploads<'a, '_> {
    fn task(&self, at: usize) -> Task<'a, Path> {
        let file = self.files[at];
        Task { remote: &file.remote, local: &file.local, label: &file.label, how: self.how }
    }

    /// Sends over one connection what waits.
    fn go(
        &mut self,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut window = Window::writing(shell.session.client()?);
        let mut done = self.run(&mut window, shell, tally, progress);
        let mut unanswered = VecDeque::new();
        for (flying, body) in shell.session.under_way().stop(&mut window, STOP) {
            match body {
                Some(body @ Body::Ok(_)) => {
                    let at = flying.turn.at;
                    match self.answered(flying, body, shell, tally, progress) {
                        Ok(None) => {}
                        Ok(Some(_)) => unanswered.push_back(at),
                        Err(failure) => done = Err(failure),
                    }
                }
                _ => unanswered.push_back(flying.turn.at),
            }
        }
        self.queue.put_back(unanswered);
        done
    }

    fn run(
        &mut self,
        window: &mut Window<Flying>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut end: Option<End> = None;
        let mut refused = VecDeque::new();
        loop {
            if end.is_none() && window.wants_more() {
                self.fill(window, shell, tally, progress)?;
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
            let at = flying.turn.at;
            if let Some(failure) = self.answered(flying, body, shell, tally, progress)? {
                // What was sent behind it is answered too: what fares no better is as if it had not been.
                match end {
                    _ if failure.fatal => {
                        self.queue.put_back([at].into());
                        return Err(failure);
                    }
                    Some(_) => refused.push_back(at),
                    None => end = Some(End { at, failure }),
                }
            }
        }
        let Some(End { at, failure }) = end else {
            return if self.queue.peek().is_some() { Err(Failure::interrupted()) } else { Ok(()) };
        };
        refused.push_front(at);
        self.queue.put_back(refused);
        if failure.cause != Cause::Full {
            return Err(failure);
        }
        let failure = no_room(failure, self.files[at].size, shell);
        self.count(shell, at, Err(failure), tally, progress)
    }

    /// Sends as many as there is room for.
    fn fill(
        &mut self,
        window: &mut Window<Flying>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        while let Some(at) = self.queue.peek() {
            let file = self.files[at];
            let len = usize::try_from(file.size).unwrap_or(usize::MAX / 2);
            if !window.has_room(len) || shell.session.under_way().is_interrupted() {
                break;
            }
            let Some(turn) = self.queue.next() else { break };
            begin(progress, &self.task(at), Op::Put, &file.local, file.size);
            let buffer = std::mem::take(&mut self.buffer);
            let small = match Small::read(&file.local, &file.remote, self.how.md5, buffer) {
                Ok(Some(small)) => small,
                Ok(None) => {
                    self.large.push(at);
                    continue;
                }
                Err(failure) => {
                    self.count(shell, at, Err(failure), tally, progress)?;
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
        Flying { turn: Turn { at, again }, sent }: Flying,
        body: Body,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Failure>, Failure> {
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
                return Ok(Some(failure));
            }
            report => {
                let task = self.task(at);
                let result = finish(shell, &task, Op::Put, task.local, report, self.files[at].size, progress);
                self.count(shell, at, result, tally, progress)?;
            }
        }
        Ok(None)
    }

    fn count(
        &mut self,
        shell: &Shell<'_>,
        at: usize,
        result: Result<Outcome, Failure>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let file = self.files[at];
        let counted = tally.count(shell, result, &file.label, file.size, progress);
        self.is_counted |= counted.is_err();
        counted
    }
}
