//! What each byte and each message of a transfer costs: frames cut from a stream, values of chunks, their merging, requests read.
//!
//! `cargo bench -p ftp-proto`; a word behind it chooses among them.

use criterion::{BatchSize, Criterion, Throughput};
use ftp_proto::frame::put_message;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::{Done, Put, Reply, Request};
use ftp_proto::{Chunk, Deframer, Tree, Value, VirtualPath, tree};
use serde_json::json;
use std::hint::black_box;

/// What TLS hands over at once.
const RECORD: usize = 16 * 1024;
/// Chunks of a file of 1 GiB.
const CHUNKS: u64 = 4096;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    frames(&mut criterion);
    trees(&mut criterion);
    messages(&mut criterion);
    criterion.final_summary();
}

fn cut(deframer: &mut Deframer, stream: &[u8]) -> usize {
    let mut frames = 0;
    for mut record in stream.chunks(RECORD) {
        while !record.is_empty() {
            let (taken, frame) = deframer.push(record).expect("sound");
            record = &record[taken..];
            if let Some(ftp_proto::Frame::Chunk(chunk)) = frame {
                deframer.recycle(chunk.into_buffer());
                frames += 1;
            } else if frame.is_some() {
                frames += 1;
            }
        }
    }
    frames
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deframer");
    let chunk = Chunk::with_len(Vec::new(), CHUNK);
    let chunks = chunk.frame().repeat(8);
    let mut messages = Vec::new();
    for id in 0..512 {
        put_message(&mut messages, &json!({"id": id, "op": "stat", "path": "/a/folder/and/a/file"}));
    }
    for (name, stream) in [("chunks", &chunks), ("messages", &messages)] {
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(name, |bencher| {
            let mut deframer = Deframer::new();
            deframer.allow_chunks(true);
            bencher.iter(|| cut(&mut deframer, black_box(stream)));
        });
    }
    group.finish();
}

fn trees(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    let data = vec![7; CHUNK];
    group.throughput(Throughput::Bytes(CHUNK as u64));
    group.bench_function("value of a chunk", |bencher| {
        bencher.iter(|| tree::value(u64::MAX / 2, CHUNK as u64, black_box(&data)));
    });
    group.throughput(Throughput::Elements(CHUNKS));
    group.bench_function("merge", |bencher| {
        bencher.iter(|| {
            let mut tree = Tree::new();
            (0..CHUNKS).for_each(|_| tree.push(black_box(Value([9; 32]))));
            tree.root()
        });
    });
    group.finish();
}

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message");
    let put = Put {
        path: VirtualPath::new("/a/folder/and/a/file").expect("a path"),
        size: 1024,
        mtime: 1_700_000_000,
        eager: true,
        restart: false,
        md5: false,
    };
    let request =
        serde_json::to_vec(&Request { id: 77, op: ftp_proto::message::Op::Put(put) }).expect("JSON");
    group.bench_function("parse a put", |bencher| {
        bencher.iter(|| Request::parse(black_box(&request)).expect("sound"));
    });
    group.bench_function("write an ok", |bencher| {
        bencher.iter_batched_ref(
            || Vec::with_capacity(256),
            |out| put_message(out, &Reply::ok(black_box(77), &Done {})),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}
