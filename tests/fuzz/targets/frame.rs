//! The deframer: how the stream is cut makes no difference, what comes out is what went in, and no header makes it hoard.
#![no_main]

use fastrand::Rng;
use ftp_fuzz::memory::within;
use ftp_proto::limits::{CHUNK, CHUNK_PAYLOAD, HEADER, MESSAGE, MESSAGE_GUEST, VALUE};
use ftp_proto::{Deframer, Frame, WireFault};
use libfuzzer_sys::fuzz_target;
use std::iter::repeat;

const CHUNKS: u8 = 1;
const LONG: u8 = 2;

/// What came of a stream: the frames, how many bytes were taken, and why it ended early.
type Came = (Vec<Frame>, usize, Option<WireFault>);

fn read(flags: u8, stream: &[u8], cuts: impl Iterator<Item = usize>) -> Came {
    let mut deframer = Deframer::new();
    deframer.allow_chunks(flags & CHUNKS != 0);
    deframer.set_message_max(if flags & LONG != 0 { MESSAGE } else { MESSAGE_GUEST });
    let (mut frames, mut at) = (Vec::new(), 0);
    for cut in cuts {
        let end = (at + cut).min(stream.len());
        while at < end {
            match deframer.push(&stream[at..end]) {
                Err(fault) => return (frames, at, Some(fault)),
                Ok((taken, frame)) => {
                    assert!((1..=end - at).contains(&taken), "it takes bytes, and only what is there");
                    at += taken;
                    frames.extend(frame);
                    if frames.len() % 2 == 1 {
                        deframer.recycle(vec![0; 10]);
                    }
                }
            }
        }
        if at == stream.len() {
            break;
        }
    }
    deframer.shrink();
    (frames, at, None)
}

fn encode(frame: &Frame) -> Vec<u8> {
    match frame {
        Frame::Chunk(chunk) => chunk.frame().to_vec(),
        Frame::Message(json) => ftp_fuzz::script::frame(1, json),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[flags, seed], stream)) = data.split_first_chunk() else { return };
    within(2 * (HEADER + CHUNK_PAYLOAD) + 16 * stream.len() + 4096, || {
        let whole = read(flags, stream, repeat(usize::MAX / 2));
        let mut rng = Rng::with_seed(seed.into());
        let cut = read(flags, stream, repeat(()).map(|()| rng.usize(1..40)));
        let (frames, taken, fault) = &whole;
        assert_eq!((frames, fault), (&cut.0, &cut.2));
        assert!(fault.is_some() || *taken == stream.len());
        let again: Vec<u8> = frames.iter().flat_map(encode).collect();
        assert_eq!(again, stream[..again.len()], "what came out is what went in");
        for frame in frames {
            match frame {
                Frame::Message(json) => {
                    let most = if flags & LONG != 0 { MESSAGE } else { MESSAGE_GUEST };
                    assert!((1..=most).contains(&json.len()));
                }
                Frame::Chunk(chunk) => {
                    assert!(flags & CHUNKS != 0, "a chunk that nobody allowed");
                    assert!((1..=CHUNK).contains(&chunk.data().len()));
                    assert_eq!(chunk.value().0, chunk.frame()[HEADER..HEADER + VALUE]);
                }
            }
        }
    });
});
