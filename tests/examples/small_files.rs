//! Puts and gets many small files over one connection, as a client that keeps the daemon busy: says how many a second, and what they cost the daemon.
//!
//! `small_files PORT CA USER PASSWORD_FILE DAEMON_PID COUNT SIZE up|down|both [UNANSWERED]`

use ftp_cli::connect::{Connection, Server};
use ftp_cli::interrupt::Interrupt;
use ftp_cli::link::Link as _;
use ftp_cli::trust::Trust;
use ftp_proto::frame::put_message;
use ftp_proto::limits::PIPELINE_WHILE_READING;
use ftp_proto::{Chunk, Frame, Root, Tree, Value as ChunkValue, tree};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a get's request takes, at most.
const GET: usize = 128;
const FOLDER: &str = "/small";

struct Client {
    connection: Connection,
    last: u64,
}

impl Client {
    fn open(port: u16, ca: &Path) -> Self {
        let trust = Trust::Ca(ca.to_owned());
        let server = Server::new("127.0.0.1", port, trust, Duration::from_secs(60));
        let connection =
            Connection::open(&server, &Interrupt::default(), &mut |_| Ok(false)).expect("a daemon");
        let mut client = Self { connection, last: 0 };
        client.frame();
        client
    }

    fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.connection.frame().expect("the daemon serves") {
                return frame;
            }
        }
    }

    fn message(&mut self) -> Value {
        match self.frame() {
            Frame::Message(text) => serde_json::from_slice(&text).expect("JSON"),
            Frame::Chunk(_) => panic!("a chunk of nothing"),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.connection.send(bytes, &mut || {}).expect("the daemon serves");
    }

    fn ask(&mut self, mut members: Value) -> Value {
        self.last += 1;
        members["id"] = self.last.into();
        let mut bytes = Vec::new();
        put_message(&mut bytes, &members);
        self.send(&bytes);
        self.message()
    }

    /// Puts all files, as many at once as may be unanswered.
    fn up(&mut self, count: u64, size: usize, most: usize) {
        let (mut asked, mut answered) = (0, 0);
        let mut bytes = Vec::new();
        while answered < count {
            bytes.clear();
            while asked < count && asked - answered < most as u64 {
                self.last += 1;
                put(&mut bytes, self.last, asked, size);
                asked += 1;
            }
            self.send(&bytes);
            // What is there is taken before more is sent.
            let mut frame = Some(self.frame());
            while let Some(Frame::Message(text)) = frame {
                assert!(contains(&text, b"\"ok\""), "{}", String::from_utf8_lossy(&text));
                answered += 1;
                frame = self.connection.frame_at_hand().expect("the daemon serves");
            }
        }
    }

    /// Gets all files, and compares each with its root.
    fn down(&mut self, count: u64, size: usize, most: usize) {
        let most = most.min(PIPELINE_WHILE_READING / GET);
        let (mut asked, mut answered) = (0, 0);
        let (mut bytes, mut roots) = (Vec::new(), VecDeque::new());
        while answered < count {
            bytes.clear();
            while asked < count && asked - answered < most as u64 {
                self.last += 1;
                put_message(&mut bytes, &json!({"id": self.last, "op": "get", "path": path(asked)}));
                asked += 1;
            }
            self.send(&bytes);
            let mut frame = Some(self.frame());
            while let Some(taken) = frame {
                match taken {
                    Frame::Chunk(chunk) => {
                        let value = tree::value(size as u64, 0, chunk.data());
                        assert!(value == chunk.value(), "a damaged chunk");
                        roots.push_back(root(value));
                        self.connection.recycle(chunk.into_buffer());
                    }
                    Frame::Message(text) if contains(&text, b"\"begin\"") => {}
                    Frame::Message(text) => {
                        let root = roots.pop_front().expect("a chunk came before").to_string();
                        assert!(contains(&text, root.as_bytes()), "{}", String::from_utf8_lossy(&text));
                        answered += 1;
                    }
                }
                frame = self.connection.frame_at_hand().expect("the daemon serves");
            }
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn root(value: ChunkValue) -> Root {
    let mut tree = Tree::new();
    tree.push(value);
    tree.root()
}

fn path(number: u64) -> String {
    format!("{FOLDER}/f{number:05}.dat")
}

/// All of an eager put.
fn put(bytes: &mut Vec<u8>, id: u64, number: u64, size: usize) {
    let mut chunk = Chunk::with_len(Vec::new(), size);
    for (at, place) in chunk.data_mut().chunks_mut(8).enumerate() {
        let word = (number << 20 | at as u64).to_le_bytes();
        place.copy_from_slice(&word[..place.len()]);
    }
    let value = tree::value(size as u64, 0, chunk.data());
    chunk.seal(value);
    put_message(
        bytes,
        &json!({"id": id, "op": "put", "path": path(number), "size": size, "mtime": 7, "eager": true}),
    );
    bytes.extend_from_slice(chunk.frame());
    put_message(bytes, &json!({"id": id, "op": "put_end", "root": root(value)}));
}

/// Seconds of processor time that a process has used, with those of its threads.
fn processor_time(pid: &str) -> f64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum()).as_secs_f64()
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, ca, user, password, pid, count, size, what, most @ ..] = arguments.as_slice() else {
        panic!("small_files PORT CA USER PASSWORD_FILE DAEMON_PID COUNT SIZE up|down|both [UNANSWERED]");
    };
    let count: u64 = count.parse().expect("a number");
    let size: usize = size.parse().expect("a number");
    let most: usize = most.first().map_or(64, |most| most.parse().expect("a number"));
    let password = std::fs::read_to_string(password).expect("readable");
    let mut client = Client::open(port.parse().expect("a port"), Path::new(ca));
    let answer = client.ask(json!({"op": "login", "user": user, "password": password.trim_end()}));
    assert!(answer.get("ok").is_some(), "{answer}");
    client.ask(json!({"op": "mkdir", "path": FOLDER}));
    for (name, is_up) in [("up", true), ("down", false)] {
        if what != name && what != "both" {
            continue;
        }
        let (began, before, ours) = (Instant::now(), processor_time(pid), processor_time("self"));
        if is_up {
            client.up(count, size, most)
        } else {
            client.down(count, size, most)
        }
        let (took, cost) = (began.elapsed().as_secs_f64(), processor_time(pid) - before);
        let ours = processor_time("self") - ours;
        #[expect(clippy::cast_precision_loss, reason = "it is printed with few digits")]
        let files = count as f64;
        println!(
            "{name:4} {:.0} files/s, CPU us each: daemon {:.1}, client {:.1}",
            files / took,
            cost / files * 1e6,
            ours / files * 1e6
        );
    }
}
