//! Small files that come here: many are asked for before the first of them has come.
//!
//! One that came whole goes to [`Arrivals`], which say later what became of it. What is not as it should be - it grew meanwhile, did not have its hash, or its name is taken by
//! now - comes by itself at the end, as a single file does.

use super::super::Shell;
use super::super::retry::keep_trying;
use super::super::single::{How, Known, Outcome, Task, begin, finish, get_one, move_get};
use super::get::File;
use super::queue::{Queue, Turn};
use super::{STOP, Tally, ends_all};
use crate::client::{Incoming, Window, request_len};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::{Arrival, Arrivals, Fate, Place, Report, Unnamed};
use crate::watch::Watch as _;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{self, Body, Get, GetBegin, GetEnd, Kept};
use ftp_proto::{Chunk, Code, Tree};
use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to stop otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// Downloads files that were small when they were listed; what has the names of those that replace something is of no worth.
pub(super) fn fetch(
    shell: &mut Shell<'_>,
    files: &[&File<'_>],
    how: &How,
    tally: &mut Tally,
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let Some(place) = files.first().and_then(|file| file.place.as_ref()) else { return Ok(()) };
    let mut downloads = Downloads {
        files,
        how,
        queue: Queue::new(files.len()),
        odd: Vec::new(),
        end: None,
        is_counted: false,
    };
    if !Unnamed::are_possible(place) {
        downloads.odd = (0..files.len()).collect();
    } else if let Err(failure) =
        keep_trying(shell, progress, |shell, progress| downloads.go(shell, tally, progress))
    {
        return match downloads.queue.peek() {
            Some(at) if !downloads.is_counted && failure.cause != Cause::Interrupted => {
                downloads.count(shell, at, Err(failure), tally, progress)
            }
            _ => Err(failure),
        };
    }
    downloads.odd.sort_unstable();
    for at in std::mem::take(&mut downloads.odd) {
        let (file, Some(task)) = (files[at], downloads.task(at)) else { continue };
        let result = match task.local.look() {
            Ok(found) if found == file.found => {
                begin(progress, &task, Op::Get, &task.local.path(), file.entry.size);
                move_get(shell, &task, file.entry, progress)
            }
            Ok(_) => get_one(shell, &task, file.entry, Known::Nothing, progress),
            Err(failure) => Err(failure),
        };
        tally.count(shell, result, task.label, file.entry.size, progress)?;
    }
    Ok(())
}

/// Files by their places in `files`.
struct Downloads<'a, 'f> {
    files: &'a [&'a File<'f>],
    how: &'a How,
    queue: Queue,
    /// Those that come by themselves.
    odd: Vec<usize>,
    end: Option<End>,
    /// The failure that ends all is counted.
    is_counted: bool,
}

/// One in flight.
struct Flying {
    turn: Turn,
    asked: Instant,
    begin: Option<GetBegin>,
    chunk: Option<Chunk>,
}

/// Why nothing more is asked for: how the first of these files fared. They are not counted.
struct End {
    first: usize,
    failure: Failure,
    files: VecDeque<usize>,
}

impl<'a> Downloads<'a, '_> {
    fn task(&self, at: usize) -> Option<Task<'a, Place>> {
        let file = self.files[at];
        let local = file.place.as_ref()?;
        Some(Task { remote: &file.remote, local, label: &file.label, how: self.how })
    }

    /// Fetches over one connection what waits.
    fn go(
        &mut self,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut window = Window::reading(shell.session.client()?);
        let (done, fates) = thread::scope(|scope| {
            let mut arrivals = Arrivals::new(scope, self.queue.left());
            let done = self.run(&mut window, &mut arrivals, shell, tally, progress);
            // Meanwhile that goes on.
            arrivals.rest();
            self.stop(&mut window, STOP, shell);
            // What came whole before it ended is here.
            (done, arrivals.end())
        });
        let mut told = Ok(());
        for (at, fate) in fates {
            let settled = self.settle(at, fate, shell, tally, progress);
            told = told.and(settled);
        }
        let done = told.and(done);
        let Some(End { first, failure, mut files }) = self.end.take() else {
            return match done {
                Ok(()) if self.queue.left() > 0 => Err(Failure::interrupted()),
                done => done,
            };
        };
        files.make_contiguous().sort_unstable();
        self.queue.put_back(files);
        match done {
            Err(failure) if self.is_counted => Err(failure),
            _ if failure.cause == Cause::Full => self.count(shell, first, Err(failure), tally, progress),
            done => done.and(Err(failure)),
        }
    }

    /// Gives up all that is in flight: it is asked for again.
    fn stop(&mut self, window: &mut Window<Flying>, patience: Duration, shell: &mut Shell<'_>) {
        let stopped = shell.session.under_way().stop(window, patience);
        self.queue.put_back(stopped.into_iter().map(|(flying, _)| flying.turn.at).collect());
    }

    fn run(
        &mut self,
        window: &mut Window<Flying>,
        arrivals: &mut Arrivals<'_, 'a>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        loop {
            if self.end.is_none() && window.wants_more() {
                self.fill(window, shell)?;
            }
            if window.is_empty() {
                return Ok(());
            }
            let mut tick = || {
                progress.waiting();
                arrivals.rest();
            };
            let incoming = shell.session.under_way().next_of(window, &mut tick)?;
            let Some(incoming) = incoming else { return Err(Failure::interrupted()) };
            let Some(body) = self.take(window, incoming, shell, progress)? else { continue };
            let Some(flying) = window.done() else { return Ok(()) };
            self.ended(flying, body, arrivals, shell, tally, progress)?;
            while let Some((at, fate)) = arrivals.fate() {
                self.settle(at, fate, shell, tally, progress)?;
            }
        }
    }

    /// Asks for as many as there is room for.
    fn fill(&mut self, window: &mut Window<Flying>, shell: &mut Shell<'_>) -> Result<(), Failure> {
        let client = shell.session.under_way();
        while let Some(at) = self.queue.peek() {
            let remote = &self.files[at].remote;
            if !window.has_room(request_len(remote)) || client.is_interrupted() {
                break;
            }
            let Some(turn) = self.queue.next() else { break };
            let get = Get { path: remote.clone(), offset: 0, etag: None, md5: self.how.md5, kept: Kept::Use };
            let flying = Flying { turn, asked: Instant::now(), begin: None, chunk: None };
            client.ask_ahead(window, message::Op::Get(get), flying)?;
        }
        Ok(())
    }

    /// Takes what came for the first in flight; gives its last answer.
    fn take(
        &mut self,
        window: &mut Window<Flying>,
        incoming: Incoming,
        shell: &mut Shell<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Body>, Failure> {
        let client = shell.session.under_way();
        let Some(flying) = window.first() else { return Err(client.breach("an answer to nothing")) };
        let at = flying.turn.at;
        match (incoming, &flying.begin, &flying.chunk) {
            (Incoming::Reply(Body::Begin(value)), None, None) => {
                let begun: GetBegin = client.read(value)?;
                if begun.prefix != Tree::new().prefix() {
                    return Err(client.breach("a prefix of nothing that is not"));
                }
                if begun.size > CHUNK as u64 {
                    // It is another file by now, and comes by itself; what was asked for behind it is asked for again.
                    self.stop(window, PATIENCE, shell);
                    self.queue.next();
                    self.odd.push(at);
                    return Ok(None);
                }
                if let Some(task) = self.task(at) {
                    begin(progress, &task, Op::Get, &task.local.path(), begun.size);
                }
                progress.begin(begun.size, 0);
                flying.begin = Some(begun);
                Ok(None)
            }
            (Incoming::Chunk(chunk), Some(begun), None) if chunk.data().len() as u64 == begun.size => {
                progress.at(begun.size);
                flying.chunk = Some(chunk);
                Ok(None)
            }
            (Incoming::Chunk(_), ..) => Err(client.breach("a chunk that nobody asked for")),
            (Incoming::Reply(body @ Body::Error(_)), ..) => Ok(Some(body)),
            (Incoming::Reply(body @ Body::Ok(_)), Some(begun), chunk)
                if chunk.is_some() == (begun.size > 0) =>
            {
                Ok(Some(body))
            }
            (Incoming::Reply(Body::Ok(_)), ..) => Err(client.breach("a download that ends too early")),
            (Incoming::Reply(_), ..) => Err(client.breach("an answer of another kind")),
        }
    }

    fn ended(
        &mut self,
        flying: Flying,
        body: Body,
        arrivals: &mut Arrivals<'_, 'a>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let Flying { turn: Turn { at, again }, asked, begin, chunk } = flying;
        let client = shell.session.under_way();
        let failure = match (body, begin) {
            (Body::Ok(value), Some(begin)) => match (client.read::<GetEnd>(value), &self.files[at].place) {
                (Ok(end), Some(place)) => {
                    let (replaces, md5) = (self.files[at].found.is_some(), self.how.md5);
                    let came = Instant::now();
                    let arrival = Arrival { at, place, replaces, md5, begin, chunk, end, asked, came };
                    // If nothing more is taken, there is a panic to be passed on.
                    return if arrivals.push(arrival) { Ok(()) } else { Err(Failure::interrupted()) };
                }
                (Ok(_), None) => return Ok(()),
                (Err(failure), _) => failure,
            },
            (Body::Error(refusal), _) => Failure::refused(refusal),
            _ => client.breach("an answer of another kind"),
        };
        if failure.fatal {
            self.ends(at, failure.clone());
            return Err(failure);
        }
        if again && matches!(failure.code(), Some(Code::Conflict | Code::Busy)) {
            self.ends(at, failure);
            return Ok(());
        }
        self.settle(at, Fate::Failed(failure), shell, tally, progress)
    }

    /// Counts what became of a file, unless it ends all.
    fn settle(
        &mut self,
        at: usize,
        fate: Fate,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        match fate {
            Fate::Named(report) => self.tell(shell, at, Ok(report), tally, progress),
            Fate::Odd => {
                self.odd.push(at);
                Ok(())
            }
            Fate::Failed(failure) if ends_all(&failure) => {
                self.ends(at, failure);
                Ok(())
            }
            Fate::Failed(failure) => self.tell(shell, at, Err(failure), tally, progress),
        }
    }

    /// Nothing more is asked for because of this file, or it fares no better than one before it.
    fn ends(&mut self, at: usize, failure: Failure) {
        match &mut self.end {
            None => self.end = Some(End { first: at, failure, files: [at].into() }),
            Some(end) => {
                end.files.push_back(at);
                // One that came before may be told of after, for several are named together.
                if at < end.first {
                    (end.first, end.failure) = (at, failure);
                }
            }
        }
    }

    fn tell(
        &mut self,
        shell: &mut Shell<'_>,
        at: usize,
        report: Result<Report, Failure>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let Some(task) = self.task(at) else { return Ok(()) };
        let size = self.files[at].entry.size;
        let result = finish(shell, &task, Op::Get, &task.local.path(), report, size, progress);
        self.count(shell, at, result, tally, progress)
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
        let counted = tally.count(shell, result, &file.label, file.entry.size, progress);
        self.is_counted |= counted.is_err();
        counted
    }
}
