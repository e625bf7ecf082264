//! Frames to and from bytes.
//!
//! ```text
//! u32 big-endian payload length | u8 kind | payload
//! ```

use crate::digest::Value;
use crate::error::WireFault;
use crate::limits::{CHUNK_PAYLOAD, HEADER, MESSAGE, MESSAGE_GUEST, VALUE};
use serde::Serialize;

const KIND_MESSAGE: u8 = 1;
const KIND_CHUNK: u8 = 2;
const DATA: usize = HEADER + VALUE;
/// Spare buffers a deframer keeps for the next chunks.
const SPARES: usize = 4;

/// One frame from a peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// The JSON text of a message, not yet looked at.
    Message(Vec<u8>),
    /// A chunk with the value its sender gave it, not yet checked.
    Chunk(Chunk),
}

/// A chunk frame, header and all, in one buffer: read from a file, hashed and sent - or received, checked and
/// written - without being moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Header, value, data.
    frame: Vec<u8>,
}

impl Chunk {
    /// A chunk of `len` zero bytes to be filled through [`Chunk::data_mut`] and closed with [`Chunk::seal`]. Takes over `buffer`.
    ///
    /// # Panics
    /// If `len` is over [`CHUNK`](crate::limits::CHUNK).
    #[must_use]
    pub fn with_len(mut buffer: Vec<u8>, len: usize) -> Self {
        assert!(len <= crate::limits::CHUNK, "a chunk is at most CHUNK bytes");
        buffer.resize(DATA + len, 0);
        let header = header(VALUE + len, KIND_CHUNK);
        buffer[..HEADER].copy_from_slice(&header);
        Self { frame: buffer }
    }

    /// The bytes of the file.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.frame[DATA..]
    }

    /// The bytes of the file, to be filled in.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.frame[DATA..]
    }

    /// Writes the value beside the data.
    pub fn seal(&mut self, value: Value) {
        self.frame[HEADER..DATA].copy_from_slice(&value.0);
    }

    /// The value that came with the data.
    #[must_use]
    pub fn value(&self) -> Value {
        let mut value = [0; VALUE];
        value.copy_from_slice(&self.frame[HEADER..DATA]);
        Value(value)
    }

    /// The whole frame, as it is sent.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// The buffer, for another chunk.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.frame
    }
}

fn header(len: usize, kind: u8) -> [u8; HEADER] {
    let [a, b, c, d] = u32::try_from(len).expect("every payload bound fits 32 bits").to_be_bytes();
    [a, b, c, d, kind]
}

/// Appends `message` to `out` as one frame.
///
/// # Panics
/// If the message is over [`MESSAGE`]: whoever makes messages bounds them.
pub fn put_message(out: &mut Vec<u8>, message: &impl Serialize) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    serde_json::to_writer(&mut *out, message).expect("messages hold only strings, numbers and lists");
    let len = out.len() - start - HEADER;
    assert!(len <= MESSAGE, "a message is at most MESSAGE bytes");
    out[start..start + HEADER].copy_from_slice(&header(len, KIND_MESSAGE));
}

/// Cuts arbitrary slices of a byte stream into frames, within bounds.
#[derive(Debug)]
pub struct Deframer {
    /// The frame in progress, its header included.
    frame: Vec<u8>,
    /// Length of the frame in progress, once its header is complete.
    want: Option<usize>,
    message_max: usize,
    chunks_allowed: bool,
    spares: Vec<Vec<u8>>,
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deframer {
    /// A stream before login: small messages, no chunks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            frame: Vec::new(),
            want: None,
            message_max: MESSAGE_GUEST,
            chunks_allowed: false,
            spares: Vec::new(),
        }
    }

    /// Sets the bound of messages from the next frame on.
    pub fn set_message_max(&mut self, bytes: usize) {
        self.message_max = bytes.min(MESSAGE);
    }

    /// Says whether a chunk may come, from the next frame on.
    pub fn allow_chunks(&mut self, allowed: bool) {
        self.chunks_allowed = allowed;
    }

    /// Takes bytes from the front of `bytes` until a frame is complete or they are spent.
    ///
    /// Returns how many were taken and the frame, if one is complete. Call again with the rest while there is a rest.
    ///
    /// # Errors
    /// The stream breaks the framing; nothing after that can be trusted.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(usize, Option<Frame>), WireFault> {
        let mut taken = 0;
        let want = match self.want {
            Some(want) => want,
            None => {
                taken = (HEADER - self.frame.len()).min(bytes.len());
                self.frame.extend_from_slice(&bytes[..taken]);
                if self.frame.len() < HEADER {
                    return Ok((taken, None));
                }
                self.begin()?
            }
        };
        let more = (want - self.frame.len()).min(bytes.len() - taken);
        self.frame.extend_from_slice(&bytes[taken..taken + more]);
        taken += more;
        if self.frame.len() < want {
            return Ok((taken, None));
        }
        self.want = None;
        let mut frame = std::mem::take(&mut self.frame);
        if frame[HEADER - 1] == KIND_CHUNK {
            return Ok((taken, Some(Frame::Chunk(Chunk { frame }))));
        }
        frame.drain(..HEADER);
        Ok((taken, Some(Frame::Message(frame))))
    }

    /// Checks a complete header against the bounds of now and makes room for its payload.
    fn begin(&mut self) -> Result<usize, WireFault> {
        let [a, b, c, d, kind] = self.frame[..] else { return Err(WireFault::Length) };
        let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(|_| WireFault::Length)?;
        let max = match kind {
            KIND_MESSAGE => self.message_max,
            KIND_CHUNK if self.chunks_allowed => CHUNK_PAYLOAD,
            KIND_CHUNK => return Err(WireFault::UnexpectedChunk),
            _ => return Err(WireFault::UnknownKind),
        };
        if len == 0 || len > max {
            return Err(WireFault::Length);
        }
        if kind == KIND_CHUNK {
            if len <= VALUE {
                return Err(WireFault::EmptyChunk);
            }
            if let Some(mut spare) = self.spares.pop() {
                spare.clear();
                spare.extend_from_slice(&self.frame);
                self.frame = spare;
            }
        }
        self.frame.reserve_exact(len);
        self.want = Some(HEADER + len);
        Ok(HEADER + len)
    }

    /// True between two frames.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.frame.is_empty()
    }

    /// Gives back the buffer of a chunk that has been dealt with.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spares.len() < SPARES {
            self.spares.push(buffer);
        }
    }

    /// Lets go of spare memory: the stream is going to be idle.
    pub fn shrink(&mut self) {
        self.spares = Vec::new();
        if self.frame.is_empty() {
            self.frame = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(data: &[u8]) -> Chunk {
        let mut chunk = Chunk::with_len(Vec::new(), data.len());
        chunk.data_mut().copy_from_slice(data);
        chunk.seal(Value([9; VALUE]));
        chunk
    }

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        put_message(&mut bytes, &serde_json::json!({"id": 1, "op": "ping"}));
        bytes.extend_from_slice(sealed(&[5; 70_000]).frame());
        put_message(&mut bytes, &serde_json::json!({"id": 2}));
        bytes
    }

    fn frames(deframer: &mut Deframer, mut bytes: &[u8]) -> Result<Vec<Frame>, WireFault> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let (taken, frame) = deframer.push(bytes)?;
            bytes = &bytes[taken..];
            frames.extend(frame);
        }
        Ok(frames)
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_how_the_stream_is_cut(cuts in proptest::collection::vec(1..9000usize, 1..40)) {
            let bytes = stream();
            let mut deframer = Deframer::new();
            deframer.allow_chunks(true);
            let mut got = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                got.extend(frames(&mut deframer, now).expect("good frames"));
                rest = later;
            }
            prop_assert_eq!(got.len(), 3);
            prop_assert_eq!(&got[1], &Frame::Chunk(sealed(&[5; 70_000])));
            prop_assert!(deframer.is_between_frames());
        }

        #[test]
        fn no_bytes_make_it_panic_or_hoard(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
            let mut deframer = Deframer::new();
            let _ = frames(&mut deframer, &bytes);
            prop_assert!(deframer.frame.capacity() <= HEADER + MESSAGE_GUEST + 4000);
        }
    }

    #[test]
    fn bounds_hold_before_a_payload_byte_is_read() {
        let over = u32::try_from(MESSAGE_GUEST + 1).expect("small").to_be_bytes();
        let cases: [(&[u8], u8, WireFault); 6] = [
            (&over, 1, WireFault::Length),
            (&[0; 4], 1, WireFault::Length),
            (&[0, 0, 0, 9], 3, WireFault::UnknownKind),
            (&[0, 0, 0, 99], 2, WireFault::UnexpectedChunk),
            (&[255; 4], 1, WireFault::Length),
            (b"GET ", b'/', WireFault::UnknownKind),
        ];
        for (len, kind, fault) in cases {
            assert_eq!(Deframer::new().push(&[len, &[kind]].concat()), Err(fault));
        }
        let mut deframer = Deframer::new();
        deframer.allow_chunks(true);
        assert_eq!(deframer.push(&[0, 0, 0, 32, 2]), Err(WireFault::EmptyChunk));
        assert_eq!(Deframer::new().push(&[0, 0, 16, 0, 1]), Ok((5, None)));
    }
}
