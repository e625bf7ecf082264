//! Small files that come here: many are asked for before the first of them has come.
//!
//! One that came whole is compared in memory, and written without a name; several of those are made durable and named together. What is not as it should be - it grew meanwhile, did
//! not have its hash, or its name is taken by now - comes by itself at the end, as a single file does.

use super::super::Shell;
use super::super::retry::keep_trying;
use super::super::single::{How, Known, Outcome, Task, begin, finish, get_one, move_get};
use super::get::File;
use super::queue::{Queue, STOP, Turn};
use super::{Tally, ends_all};
use crate::client::{Incoming, Window, request_len};
use crate::event::Op;
use crate::failure::{Cause, Failure};
use crate::progress::Progress;
use crate::transfer::{Place, Report, Unnamed};
use crate::watch::Watch as _;
use ftp_proto::digest::Md5;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{self, Body, Get, GetBegin, GetEnd, Kept};
use ftp_proto::{Chunk, Code, Root, Tree, tree};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long it may take to stop otherwise.
const PATIENCE: Duration = Duration::from_secs(5);
/// Files that are made durable and named together,
const NAMED: usize = 64;
/// or those of so much time: until then nothing of them is left if the program is killed.
const SOON: Duration = Duration::from_secs(1);

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
        arrived: Vec::new(),
        named: Instant::now(),
        odd: Vec::new(),
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
        let result = if file.found == task.local.look()? {
            begin(progress, &task, Op::Get, &task.local.path(), file.entry.size);
            move_get(shell, &task, file.entry, progress)
        } else {
            get_one(shell, &task, file.entry, Known::Nothing, progress)
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
    /// Those that have no name yet.
    arrived: Vec<(usize, Unnamed, Report)>,
    /// When others had theirs.
    named: Instant,
    /// Those that come by themselves.
    odd: Vec<usize>,
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

/// What becomes of one whose last answer came.
enum Ended {
    /// It has no name yet.
    Arrived,
    Odd,
    /// It is counted.
    Counted,
    /// It ends all, or has to be tried again, and is not counted.
    Failed(Failure),
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
        let done = self.run(&mut window, shell, tally, progress);
        self.stop(&mut window, STOP, shell);
        // What came whole before it ended is here.
        let named = self.name(shell, tally, progress);
        named.and(done)
    }

    /// Gives up all that is in flight: it is asked for again.
    fn stop(&mut self, window: &mut Window<Flying>, patience: Duration, shell: &mut Shell<'_>) {
        let stopped = shell.session.under_way().stop(window, patience);
        self.queue.put_back(stopped.into_iter().map(|(flying, _)| flying.turn.at).collect());
    }

    fn run(
        &mut self,
        window: &mut Window<Flying>,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        let mut end: Option<Failure> = None;
        let mut refused = VecDeque::new();
        loop {
            if end.is_none() && window.wants_more() {
                self.fill(window, shell)?;
            }
            if window.is_empty() {
                break;
            }
            let incoming = shell.session.under_way().next_of(window, &mut || progress.waiting())?;
            let Some(incoming) = incoming else { return Err(Failure::interrupted()) };
            let Some(body) = self.take(window, incoming, shell, progress)? else { continue };
            let Some(flying) = window.done() else { break };
            let at = flying.turn.at;
            match self.ended(flying, body, shell, tally, progress)? {
                Ended::Arrived if self.arrived.len() >= NAMED || self.named.elapsed() >= SOON => {
                    self.name(shell, tally, progress)?;
                }
                Ended::Arrived | Ended::Counted => {}
                Ended::Odd => self.odd.push(at),
                Ended::Failed(failure) if failure.fatal => {
                    self.queue.put_back([at].into());
                    return Err(failure);
                }
                Ended::Failed(failure) => {
                    refused.push_back(at);
                    end.get_or_insert(failure);
                }
            }
        }
        match end {
            Some(failure) => {
                let first = refused.front().copied();
                self.queue.put_back(refused);
                match first {
                    Some(at) if failure.cause == Cause::Full => {
                        self.count(shell, at, Err(failure), tally, progress)
                    }
                    _ => Err(failure),
                }
            }
            None if self.queue.peek().is_some() => Err(Failure::interrupted()),
            None => Ok(()),
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
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<Ended, Failure> {
        let Flying { turn: Turn { at, again }, asked, begin, chunk } = flying;
        let client = shell.session.under_way();
        let failure = match (body, begin) {
            (Body::Ok(value), Some(begin)) => {
                let end = client.read::<GetEnd>(value);
                let arrived = end.and_then(|end| self.arrived(at, &begin, chunk.as_ref(), &end, asked));
                if let Some(chunk) = chunk {
                    client.recycle(chunk);
                }
                match arrived {
                    Ok(true) => return Ok(Ended::Arrived),
                    Ok(false) => return Ok(Ended::Odd),
                    Err(failure) => failure,
                }
            }
            (Body::Error(refusal), _) => Failure::refused(refusal),
            _ => client.breach("an answer of another kind"),
        };
        if ends_all(&failure) || again && matches!(failure.code(), Some(Code::Conflict | Code::Busy)) {
            return Ok(Ended::Failed(failure));
        }
        self.tell(shell, at, Err(failure), tally, progress)?;
        Ok(Ended::Counted)
    }

    /// Compares a file that came, and writes it. False if it is not what it should be.
    fn arrived(
        &mut self,
        at: usize,
        begin: &GetBegin,
        chunk: Option<&Chunk>,
        end: &GetEnd,
        asked: Instant,
    ) -> Result<bool, Failure> {
        let Some(place) = &self.files[at].place else { return Ok(false) };
        let data = chunk.map_or(&[][..], Chunk::data);
        let root = match chunk {
            Some(chunk) => {
                let value = tree::value(begin.size, 0, data);
                if value != chunk.value() {
                    return Ok(false);
                }
                Root(value.0)
            }
            None => Tree::new().root(),
        };
        let md5 = self.how.md5.then(|| {
            let mut md5 = Md5::default();
            md5.update(data);
            md5.finish()
        });
        if root != end.root || (md5.is_some() && md5 != end.md5) {
            return Ok(false);
        }
        let file = Unnamed::write(place, data, begin.mtime)?;
        let (size, took) = (begin.size, asked.elapsed());
        self.arrived.push((at, file, Report { size, resumed: 0, moved: size, took, root, md5 }));
        Ok(true)
    }

    /// Makes those that arrived durable, and gives them their names.
    fn name(
        &mut self,
        shell: &mut Shell<'_>,
        tally: &mut Tally,
        progress: &mut Progress<'_>,
    ) -> Result<(), Failure> {
        self.named = Instant::now();
        let arrived = std::mem::take(&mut self.arrived);
        for (at, file, _) in &arrived {
            // The disk has begun with all of them when the first is waited for: the others come almost for nothing.
            if let Some(place) = &self.files[*at].place {
                file.write_back(place);
            }
        }
        for (at, file, report) in arrived {
            let Some(task) = self.task(at) else { continue };
            match file.publish(task.local, self.files[at].found.is_some()) {
                Ok(true) => self.tell(shell, at, Ok(report), tally, progress)?,
                Ok(false) => self.odd.push(at),
                Err(failure) => self.tell(shell, at, Err(failure), tally, progress)?,
            }
        }
        Ok(())
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
