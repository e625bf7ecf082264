//! A download, from the request to the last byte on its way.
//!
//! ```text
//!  start ──▶ Reading ◀──▶ Sending ──▶ Closing ──▶ Flushing ──▶ done
//! ```

use super::effects::{Context, Record};
use super::task::Task;
use crate::fault::Fault;
use crate::job::{Job, Outcome, Whole};
use crate::limits::BATCH;
use crate::transfer::{Read, Source};
use ftp_proto::Root;
use ftp_proto::message::{Get, GetBegin, Refusal, Reply};
use std::sync::Arc;

/// One download.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) id: u64,
    record: Record,
    /// `begin` was sent.
    begun: bool,
    /// Bytes of the file that were given to the outbox.
    bytes: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// A job hashes or reads.
    Reading,
    /// The file is here; the outbox is full enough.
    Sending(Box<Source>),
    /// A job closes the file; then this is how it ended.
    Closing(Result<Root, Refusal>),
    /// All was said; it is done when all is on its way.
    Flushing(Root),
}

/// Begins the get that was asked for.
pub(super) fn start(id: u64, get: Get, cx: &mut Context<'_>) -> (Task, Job) {
    let record = Record { op: "get", path: get.path.clone(), to: None, started: cx.now };
    let job = Job::OpenGet { home: Arc::clone(&cx.who.home), get };
    (Task::Get(Download { id, record, begun: false, bytes: 0, stage: Stage::Reading }), job)
}

impl Download {
    /// Goes on when a job came home.
    pub(super) fn on_outcome(mut self, outcome: Outcome, cx: &mut Context<'_>) -> Task {
        match (self.stage, outcome) {
            (Stage::Reading, Outcome::Read(Ok(read))) => {
                self.stage = Stage::Reading;
                self.read(*read, cx)
            }
            (Stage::Reading, Outcome::Whole(whole)) => {
                self.stage = Stage::Reading;
                self.whole(*whole, cx)
            }
            (Stage::Reading, Outcome::Read(Err(fault))) => {
                let refusal = cx.fail(self.id, &fault);
                self.stage = Stage::Reading;
                self.ended(Err(refusal), cx)
            }
            (Stage::Closing(Ok(root)), Outcome::Noted) => {
                self.stage = Stage::Flushing(root);
                self.go_on(cx)
            }
            (Stage::Closing(Err(refusal)), Outcome::Noted) => {
                self.stage = Stage::Reading;
                self.ended(Err(refusal), cx)
            }
            (stage, outcome) => {
                let what = if matches!(outcome, Outcome::Panicked) {
                    "a job panicked"
                } else {
                    "a job came home to the wrong stage"
                };
                let refusal = cx.fail(self.id, &Fault::Bug(what));
                self.stage = stage;
                self.ended(Err(refusal), cx)
            }
        }
    }

    fn read(mut self, read: Read, cx: &mut Context<'_>) -> Task {
        let Read { source, chunks } = read;
        if cx.doom.is_some() {
            self.stage = Stage::Sending(source);
            return self.go_on(cx);
        }
        if !self.begun && source.is_hashing() {
            cx.fx.submit(Job::HashSource(source));
            return Task::Get(self);
        }
        if !self.begun {
            self.begun = true;
            let (size, mtime, etag) = (source.size(), source.mtime(), source.etag());
            let (prefix, kept) = (source.prefix(), source.is_kept());
            cx.fx.say(&Reply::begin(self.id, &GetBegin { size, mtime, etag, prefix, kept }));
        }
        for chunk in chunks {
            self.bytes += chunk.data().len() as u64;
            cx.fx.outbox.chunk(chunk);
        }
        if source.is_done() {
            let end = source.end();
            cx.fx.ok(self.id, &end);
            self.stage = Stage::Closing(Ok(end.root));
            cx.fx.submit(Job::CloseSource(source));
            return Task::Get(self);
        }
        self.stage = Stage::Sending(source);
        self.go_on(cx)
    }

    /// All of it came with its first job.
    fn whole(mut self, whole: Whole, cx: &mut Context<'_>) -> Task {
        let Whole { begin, chunks, end } = whole;
        if let Some(doom) = cx.doom.cloned() {
            cx.fx.refuse(self.id, doom.clone());
            return self.ended(Err(doom), cx);
        }
        cx.fx.say(&Reply::begin(self.id, &begin));
        for chunk in chunks {
            self.bytes += chunk.data().len() as u64;
            cx.fx.outbox.chunk_of_whole(chunk);
        }
        cx.fx.ok(self.id, &end);
        self.stage = Stage::Flushing(end.root);
        self.go_on(cx)
    }

    /// Goes on when bytes were sent, or when it is doomed.
    pub(super) fn go_on(mut self, cx: &mut Context<'_>) -> Task {
        match (self.stage, cx.doom) {
            (Stage::Sending(source), Some(doom)) => {
                cx.fx.outbox.drop_chunks();
                cx.fx.refuse(self.id, doom.clone());
                self.stage = Stage::Closing(Err(doom.clone()));
                cx.fx.submit(Job::CloseSource(source));
            }
            (Stage::Sending(source), None) if cx.fx.outbox.chunks() < BATCH => {
                let buffers = cx.fx.outbox.buffers(BATCH);
                self.stage = Stage::Reading;
                cx.fx.submit(Job::Read(source, buffers));
            }
            (Stage::Flushing(root), doom) if doom.is_some() || cx.fx.outbox.is_empty() => {
                self.stage = Stage::Reading;
                let lost = doom.filter(|_| !cx.fx.outbox.is_empty()).cloned();
                return self.ended(lost.map_or(Ok(root), Err), cx);
            }
            (stage, _) => self.stage = stage,
        }
        Task::Get(self)
    }

    /// True while it waits for the client to take bytes.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Sending(_) | Stage::Flushing(_))
    }

    fn ended(self, result: Result<Root, Refusal>, cx: &mut Context<'_>) -> Task {
        self.record.note(cx, self.bytes, result.as_ref().ok().copied(), result.as_ref().map(|_| ()));
        Task::Idle
    }
}
