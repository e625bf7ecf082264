//! Who checks and writes the chunks of a download: for a large file a thread of its own, so that the next bytes are received and decrypted meanwhile.

use super::local::Part;
use crate::failure::Failure;
use ftp_proto::Chunk;
use ftp_proto::limits::CHUNK;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{Scope, ScopedJoinHandle};

/// Of what is to come, that much makes a thread worth its start.
const WORTH: u64 = 16 * CHUNK as u64;
/// Chunks that wait for the thread.
const WAITING: usize = 4;

/// Takes the chunks of a part in order, up to one that cannot be kept.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub(super) enum Writer<'scope, 'a> {
    /// Each as it comes: the part, why one could not be kept, and the last that was.
    Here(Part<'a>, Option<Failure>, Option<Chunk>),
    /// On a thread.
    Beside(Beside<'scope, 'a>),
}

/// The thread.
pub(super) struct Beside<'scope, 'a> {
    chunks: SyncSender<Chunk>,
    /// Chunks that are written.
    spent: Receiver<Chunk>,
    /// What of the file is there.
    offset: Arc<AtomicU64>,
    thread: ScopedJoinHandle<'scope, (Part<'a>, Option<Failure>)>,
}

impl<'scope, 'a: 'scope> Writer<'scope, 'a> {
    /// Goes on with a part.
    pub(super) fn new(scope: &'scope Scope<'scope, '_>, part: Part<'a>) -> Self {
        if part.size() - part.offset() < WORTH {
            return Self::Here(part, None, None);
        }
        let (chunks, coming) = mpsc::sync_channel(WAITING);
        let (done, spent) = mpsc::channel();
        let offset = Arc::new(AtomicU64::new(part.offset()));
        let there = Arc::clone(&offset);
        let thread = scope.spawn(move || write(part, &coming, &done, &there));
        Self::Beside(Beside { chunks, spent, offset, thread })
    }
}

impl<'a> Writer<'_, 'a> {
    /// Takes the next chunk; false if it, or one before it, cannot be kept.
    pub(super) fn push(&mut self, chunk: Chunk) -> bool {
        match self {
            Self::Here(_, Some(_), _) => false,
            Self::Here(part, failure, spent) => {
                *failure = part.append(chunk.value(), chunk.data()).err();
                *spent = Some(chunk);
                failure.is_none()
            }
            Self::Beside(beside) => beside.chunks.send(chunk).is_ok(),
        }
    }

    /// A chunk that is done with.
    pub(super) fn spent(&mut self) -> Option<Chunk> {
        match self {
            Self::Here(_, _, spent) => spent.take(),
            Self::Beside(beside) => beside.spent.try_recv().ok(),
        }
    }

    /// What of the file is there.
    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::Here(part, ..) => part.offset(),
            Self::Beside(beside) => beside.offset.load(Ordering::Relaxed),
        }
    }

    /// Waits until what was taken is written; gives the part, and why it has not all of it.
    pub(super) fn end(self) -> (Part<'a>, Option<Failure>) {
        match self {
            Self::Here(part, failure, _) => (part, failure),
            Self::Beside(Beside { chunks, thread, .. }) => {
                drop(chunks);
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            }
        }
    }
}

fn write<'a>(
    mut part: Part<'a>,
    coming: &Receiver<Chunk>,
    done: &Sender<Chunk>,
    offset: &AtomicU64,
) -> (Part<'a>, Option<Failure>) {
    for chunk in coming {
        if let Err(failure) = part.append(chunk.value(), chunk.data()) {
            return (part, Some(failure));
        }
        offset.store(part.offset(), Ordering::Relaxed);
        // At the end nobody wants it any more.
        let _unwanted = done.send(chunk);
    }
    (part, None)
}
