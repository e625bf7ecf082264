//! What waits to be sent: messages in bytes, chunks as they came from the disk.

use crate::limits::BATCH;
use ftp_proto::Chunk;
use ftp_proto::frame::put_message;
use serde::Serialize;
use std::collections::VecDeque;

/// A chunk of so many bytes is rather copied than encrypted and sent by itself.
const SMALL: usize = 16 * 1024;

/// A queue of frames, given out from the front in whatever pieces the link takes.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    /// How much of the front piece was taken.
    taken: usize,
    message_bytes: usize,
    chunks: usize,
    /// Buffers for the next chunks, [`BATCH`] at most.
    spent: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Piece {
    Messages {
        bytes: Vec<u8>,
        /// How many of them are of small chunks.
        of_chunks: usize,
    },
    Chunk {
        chunk: Chunk,
        /// Its file is here whole, and its end too: it is not taken back.
        whole: bool,
    },
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Messages { bytes, .. } => bytes,
            Self::Chunk { chunk, .. } => chunk.frame(),
        }
    }
}

impl Outbox {
    /// Appends a message.
    pub(super) fn message(&mut self, message: &impl Serialize) {
        self.append(|bytes| put_message(bytes, message));
    }

    fn append(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        if !matches!(self.pieces.back(), Some(Piece::Messages { .. })) {
            self.pieces.push_back(Piece::Messages { bytes: Vec::new(), of_chunks: 0 });
        }
        if let Some(Piece::Messages { bytes, .. }) = self.pieces.back_mut() {
            let before = bytes.len();
            append(bytes);
            self.message_bytes += bytes.len() - before;
        }
    }

    /// Appends a chunk of a file that is here whole and will not be taken back. A small one goes in one piece with the messages around it.
    pub(super) fn chunk_of_whole(&mut self, chunk: Chunk) {
        let frame = chunk.frame();
        if frame.len() > SMALL {
            return self.push(chunk, true);
        }
        self.append(|bytes| bytes.extend_from_slice(frame));
        if let Some(Piece::Messages { of_chunks, .. }) = self.pieces.back_mut() {
            *of_chunks += frame.len();
        }
    }

    /// Appends a chunk.
    pub(super) fn chunk(&mut self, chunk: Chunk) {
        self.push(chunk, false);
    }

    fn push(&mut self, chunk: Chunk, whole: bool) {
        self.chunks += 1;
        self.pieces.push_back(Piece::Chunk { chunk, whole });
    }

    /// The front, contiguous.
    pub(super) fn front(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| &piece.bytes()[self.taken..])
    }

    /// The first `n` bytes of the front are on their way. Returns how many of them were a chunk's; those of small chunks with the last of their piece.
    pub(super) fn sent(&mut self, n: usize) -> usize {
        let Some(front) = self.pieces.front() else { return 0 };
        self.taken += n;
        let mut of_chunks = if matches!(front, Piece::Chunk { .. }) { n } else { 0 };
        if self.taken >= front.bytes().len() {
            self.taken = 0;
            match self.pieces.pop_front() {
                Some(Piece::Messages { bytes, of_chunks: small }) => {
                    self.message_bytes -= bytes.len();
                    of_chunks = small;
                }
                Some(Piece::Chunk { chunk, .. }) => {
                    self.chunks -= 1;
                    // Where many files are sent, nobody may ever ask for them.
                    if self.spent.len() < BATCH {
                        self.spent.push(chunk.into_buffer());
                    }
                }
                None => {}
            }
        }
        of_chunks
    }

    /// Takes back the chunks of the download that is under way of which nothing was sent yet. Those of others before it stay, as their ends do.
    pub(super) fn drop_chunks(&mut self) {
        let begun = usize::from(self.taken > 0);
        let mut index = 0;
        self.pieces.retain(|piece| {
            index += 1;
            index <= begun || !matches!(piece, Piece::Chunk { whole: false, .. })
        });
        self.chunks = self.pieces.iter().filter(|piece| matches!(piece, Piece::Chunk { .. })).count();
    }

    /// Takes back the chunks of which nothing was sent yet, and all that was to follow them: the end of a download means nothing without its bytes.
    pub(super) fn cut_off(&mut self) {
        let begun = usize::from(self.taken > 0);
        let chunk = self.pieces.iter().skip(begun).position(|piece| matches!(piece, Piece::Chunk { .. }));
        let Some(chunk) = chunk else { return };
        for piece in self.pieces.drain(begun + chunk..) {
            match piece {
                Piece::Messages { bytes, .. } => self.message_bytes -= bytes.len(),
                Piece::Chunk { .. } => self.chunks -= 1,
            }
        }
    }

    /// Forgets everything: nobody will read it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Buffers of chunks that were sent, for the next ones: `count` of them, new ones if there are not enough.
    pub(super) fn buffers(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.spent.pop().unwrap_or_default()).collect()
    }

    /// Lets go of buffers.
    pub(super) fn shrink(&mut self) {
        self.spent = Vec::new();
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
    }

    /// How many chunks wait.
    pub(super) fn chunks(&self) -> usize {
        self.chunks
    }

    /// How many bytes of messages wait.
    pub(super) fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::message::{Done, Reply};

    #[test]
    fn frames_come_out_in_order_whatever_the_pieces() {
        let mut outbox = Outbox::default();
        let mut want = Vec::new();
        let mut chunk = Chunk::with_len(Vec::new(), 1000);
        chunk.seal(ftp_proto::Value([1; 32]));
        outbox.message(&Reply::ok(1, &Done {}));
        outbox.chunk(chunk.clone());
        outbox.message(&Reply::ok(2, &Done {}));
        put_message(&mut want, &Reply::ok(1, &Done {}));
        want.extend_from_slice(chunk.frame());
        put_message(&mut want, &Reply::ok(2, &Done {}));
        let mut got = Vec::new();
        while !outbox.is_empty() {
            let piece = outbox.front().iter().take(7).copied().collect::<Vec<_>>();
            got.extend_from_slice(&piece);
            outbox.sent(piece.len());
        }
        assert_eq!(got, want);
        assert_eq!((outbox.message_bytes(), outbox.chunks()), (0, 0));
        assert_eq!(outbox.buffers(2)[1].capacity(), 0, "one buffer came back, the other is new");
    }

    #[test]
    fn a_chunk_that_was_begun_is_not_taken_back() {
        let mut outbox = Outbox::default();
        outbox.chunk(Chunk::with_len(Vec::new(), 10));
        outbox.chunk(Chunk::with_len(Vec::new(), 20));
        outbox.sent(1);
        outbox.drop_chunks();
        assert_eq!(outbox.chunks(), 1);
        assert_eq!(outbox.front().len(), 5 + 32 + 10 - 1);
    }

    #[test]
    fn a_chunk_of_a_whole_file_is_not_taken_back_with_those_of_another() {
        let mut outbox = Outbox::default();
        outbox.message(&Reply::begin(1, &Done {}));
        outbox.chunk_of_whole(Chunk::with_len(Vec::new(), SMALL));
        outbox.message(&Reply::ok(1, &Done {}));
        outbox.chunk(Chunk::with_len(Vec::new(), SMALL));
        outbox.drop_chunks();
        assert_eq!((outbox.chunks(), outbox.pieces.len()), (1, 3));
    }

    #[test]
    fn no_more_buffers_are_kept_than_one_job_takes() {
        let mut outbox = Outbox::default();
        for _ in 0..3 * BATCH {
            outbox.chunk(Chunk::with_len(Vec::new(), 20 * 1024));
            outbox.sent(outbox.front().len());
        }
        assert_eq!(outbox.spent.len(), BATCH);
    }

    #[test]
    fn the_end_of_a_download_is_not_said_without_its_bytes() {
        let mut outbox = Outbox::default();
        outbox.message(&Reply::begin(1, &Done {}));
        let begin = outbox.front().len();
        outbox.chunk(Chunk::with_len(Vec::new(), 10));
        outbox.message(&Reply::ok(1, &Done {}));
        outbox.cut_off();
        assert_eq!((outbox.front().len(), outbox.message_bytes(), outbox.chunks()), (begin, begin, 0));
    }
}
