//! An upload, from the request to the answer.
//!
//! ```text
//!  start ──▶ Opening ──▶ Receiving ◀──▶ Writing        Receiving ──▶ Finishing ──▶ answered
//!              │             └────────┬─────┘                            │
//!              └── failed ◀───────────┴── Closing (doomed: the part is kept)
//! ```

use super::effects::{Context, Record, Who};
use super::task::Task;
use crate::fault::Fault;
use crate::job::{Job, Outcome};
use crate::quota::{Ledger, Reservation};
use crate::transfer::{Published, Sink, Small, part_id};
use ftp_proto::limits::INTEGER;
use ftp_proto::message::{Put, PutBegin, PutEnd, Refusal, Reply};
use ftp_proto::{Chunk, Code, Etag};
use std::sync::Arc;

/// One upload.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) id: u64,
    record: Record,
    part: Etag,
    reservation: Reservation,
    /// `put_end` has to bring an MD5.
    md5: bool,
    /// Bytes of the file that came this time.
    received: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// A job makes or checks the part.
    Opening,
    /// The part is here; chunks are wanted.
    Receiving(Box<Sink>),
    /// A job writes chunks.
    Writing,
    /// A job puts the file in place.
    Finishing,
    /// A job closes the part; then the answer is this.
    Closing(Fault),
}

/// Whether the put would be begun, and not refused.
pub(super) fn would_begin(put: &Put, who: &Who) -> bool {
    let part = part_id(&put.path);
    put.size <= INTEGER
        && !who.tenant.open.borrow().contains(&part)
        && who.tenant.ledger().has_room(part, put.size)
}

/// Begins the put that was asked for, or refuses it.
pub(super) fn start(id: u64, put: Put, cx: &mut Context<'_>) -> Option<(Task, Job)> {
    let record = Record { op: "put", path: put.path.clone(), to: None, started: cx.now };
    // All of an eager put is here before its turn comes; whatever happens now, none of it may stay behind.
    let eager = put.eager.then(|| (cx.inbox.take_chunks(), cx.inbox.take_end()));
    let part = part_id(&put.path);
    match reserve(&put, part, cx) {
        Err(refusal) => {
            cx.inbox.not_begun(id);
            cx.fx.refuse(id, refusal.clone());
            record.note(cx, 0, None, Err(&refusal));
            None
        }
        Ok(reservation) => {
            let md5 = put.md5;
            let home = Arc::clone(&cx.who.home);
            let leftover = reservation.has_leftover() || cx.who.tenant.ledger().is_doubtful();
            let mut upload =
                Upload { id, record, part, reservation, md5, received: 0, stage: Stage::Opening };
            let job = match eager {
                None => Job::OpenPut { home, put },
                Some((mut chunks, Some(end))) => {
                    upload.received = bytes(&chunks);
                    upload.stage = Stage::Finishing;
                    Job::Store { home, file: Box::new(Small { put, chunk: chunks.pop(), end, leftover }) }
                }
                Some((_, None)) => {
                    upload.not_begun(&Fault::Bug("an eager put was begun before its end was there"), cx);
                    return None;
                }
            };
            Some((Task::Put(upload), job))
        }
    }
}

fn reserve(put: &Put, part: Etag, cx: &mut Context<'_>) -> Result<Reservation, Refusal> {
    if put.size > INTEGER {
        return Err(Refusal::new(Code::BadRequest, "a file has at most 2^53 bytes"));
    }
    if cx.who.tenant.open.borrow().contains(&part) {
        return Err(Refusal::new(Code::Conflict, "another session is uploading to the same path"));
    }
    let reservation = cx.who.tenant.ledger().reserve(part, put.size)?;
    cx.who.tenant.open.borrow_mut().insert(part);
    Ok(reservation)
}

fn bytes(chunks: &[Chunk]) -> u64 {
    chunks.iter().map(|chunk| chunk.data().len() as u64).sum()
}

fn md5_missing() -> Fault {
    Fault::refused(Code::BadRequest, "the put promised an MD5 and put_end has none")
}

impl Upload {
    /// Goes on when a job came home.
    pub(super) fn on_outcome(mut self, outcome: Outcome, cx: &mut Context<'_>) -> Task {
        match (std::mem::replace(&mut self.stage, Stage::Finishing), outcome) {
            (Stage::Opening, Outcome::Sink(Ok(sink))) => {
                if cx.doom.is_none() && sink.is_hashing() {
                    self.stage = Stage::Opening;
                    cx.fx.submit(Job::HashSink(sink));
                    return Task::Put(self);
                }
                if cx.doom.is_none() {
                    let begin = PutBegin { offset: sink.offset(), prefix: sink.prefix() };
                    cx.fx.say(&Reply::begin(self.id, &begin));
                    cx.inbox.begin_put(self.id);
                }
                self.receive(sink, cx)
            }
            (Stage::Writing, Outcome::Appended(appended)) => {
                cx.inbox.recycle(appended.buffers);
                match appended.sink {
                    Ok(sink) => self.receive(sink, cx),
                    Err(failed) => self.failed(&failed.fault, failed.left, cx),
                }
            }
            (Stage::Finishing, Outcome::Stored(Ok(published))) => self.published(&published, cx),
            (Stage::Closing(fault), Outcome::SinkClosed(left)) => self.failed(&fault, left, cx),
            (_, Outcome::Sink(Err(failed)) | Outcome::Stored(Err(failed))) => {
                self.failed(&failed.fault, failed.left, cx)
            }
            (_, outcome) => {
                let what = if matches!(outcome, Outcome::Panicked) {
                    "a job panicked"
                } else {
                    "a job came home to the wrong stage"
                };
                self.failed(&Fault::Bug(what), None, cx)
            }
        }
    }

    /// Goes on when chunks came, or when it is doomed.
    pub(super) fn go_on(self, cx: &mut Context<'_>) -> Task {
        match self.stage {
            Stage::Receiving(sink) => Self { stage: Stage::Opening, ..self }.receive(sink, cx),
            stage => Task::Put(Self { stage, ..self }),
        }
    }

    fn receive(mut self, sink: Box<Sink>, cx: &mut Context<'_>) -> Task {
        if let Some(doom) = cx.doom {
            return self.close(sink, Fault::Refused(Box::new(doom.clone())), cx);
        }
        let chunks = cx.inbox.take_chunks();
        if !chunks.is_empty() {
            self.received += bytes(&chunks);
            self.stage = Stage::Writing;
            cx.fx.submit(Job::Append(sink, chunks));
            return Task::Put(self);
        }
        match cx.inbox.take_end() {
            None => self.stage = Stage::Receiving(sink),
            Some(PutEnd { md5: None, .. }) if self.md5 => return self.close(sink, md5_missing(), cx),
            Some(end) => {
                self.stage = Stage::Finishing;
                cx.fx.submit(Job::Finish(sink, end));
            }
        }
        Task::Put(self)
    }

    /// True while it waits for the client.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Receiving(_))
    }

    fn close(mut self, sink: Box<Sink>, fault: Fault, cx: &mut Context<'_>) -> Task {
        self.stage = Stage::Closing(fault);
        cx.fx.submit(Job::CloseSink(sink));
        Task::Put(self)
    }

    fn published(self, published: &Published, cx: &mut Context<'_>) -> Task {
        cx.who.tenant.ledger().published(self.reservation, published.replaced);
        cx.who.tenant.open.borrow_mut().remove(&self.part);
        if let Some(fault) = &published.unsynced {
            // What was to be removed may be there still.
            cx.who.tenant.ledger().doubt();
            // It is in place and counted, but nobody may call it durable.
            let refusal = cx.fail(self.id, fault);
            self.record.note(cx, self.received, None, Err(&refusal));
            return Task::Idle;
        }
        cx.fx.ok(self.id, &published.stored);
        self.record.note(cx, self.received, Some(published.stored.root), Ok(()));
        Task::Idle
    }

    /// It failed; its part holds `left` bytes, if anybody knows.
    fn failed(self, fault: &Fault, left: Option<u64>, cx: &mut Context<'_>) -> Task {
        self.end(fault, cx, |ledger, reservation| match left {
            Some(left) => ledger.ended(reservation, left),
            None => ledger.lost(reservation),
        })
    }

    /// It failed before any job had it.
    fn not_begun(self, fault: &Fault, cx: &mut Context<'_>) -> Task {
        self.end(fault, cx, Ledger::withdrawn)
    }

    fn end(self, fault: &Fault, cx: &mut Context<'_>, settle: impl FnOnce(&mut Ledger, Reservation)) -> Task {
        settle(&mut cx.who.tenant.ledger(), self.reservation);
        cx.who.tenant.open.borrow_mut().remove(&self.part);
        cx.inbox.fail_put(self.id);
        let refusal = cx.fail(self.id, fault);
        self.record.note(cx, self.received, None, Err(&refusal));
        Task::Idle
    }
}
