//! Requests that are sent before those ahead of them are answered. The daemon answers them in order, so that an answer is always that of the first in flight: any other
//! breaks the protocol.
//!
//! A [`Window`] knows what is in flight, and holds what is to be sent until it is worth a call or an answer is waited for; the [`Client`] sends and waits.

use super::{Client, Incoming};
use crate::failure::Failure;
use ftp_proto::frame::put_message;
use ftp_proto::limits::{PIPELINE, PIPELINE_WHILE_READING};
use ftp_proto::message::{Body, Op, Put, PutEnd, Reply, Request};
use ftp_proto::{Chunk, Frame, VirtualPath};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most bytes of requests in flight whose answers are long. The protocol has a bound; the rest is left for those that stop them.
const READING: usize = 12 * 1024;
/// What a request takes that stops another, at most.
const STOPPING: usize = 64;
/// The most bytes of files in flight: what the wire holds is not stopped by Ctrl-C.
const WRITING: usize = 4 * 1024 * 1024;
/// So many bytes are worth a call, and no more are copied to be sent together.
const TOGETHER: usize = 64 * 1024;

const _: () = assert!(READING + PIPELINE * STOPPING <= PIPELINE_WHILE_READING, "all of them can be stopped");

/// What is in flight, each with a `T` of whoever asks.
pub(crate) struct Window<T> {
    flight: VecDeque<Flight<T>>,
    /// The frames of the last ones of them, which are not sent yet.
    unsent: Vec<u8>,
    /// How many those are.
    held: usize,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

struct Flight<T> {
    id: u64,
    bytes: usize,
    what: T,
}

impl<T> Window<T> {
    /// For requests with long answers: `get`, `sum` and the like.
    pub(crate) fn reading(client: &Client) -> Self {
        Self::new(client, READING)
    }

    /// For requests that bring files.
    pub(crate) fn writing(client: &Client) -> Self {
        Self::new(client, WRITING)
    }

    fn new(client: &Client, most_bytes: usize) -> Self {
        let most = usize::try_from(client.hello.pipeline).unwrap_or(PIPELINE).clamp(1, PIPELINE);
        Self { flight: VecDeque::new(), unsent: Vec::new(), held: 0, bytes: 0, most, most_bytes }
    }

    /// Nothing is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.flight.is_empty()
    }

    /// A request of at most so many bytes may follow.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.flight.is_empty() || (self.flight.len() < self.most && self.bytes + bytes <= self.most_bytes)
    }

    /// So many were answered that it is worth while to send more: they share records, and the daemon does them together.
    pub(crate) fn wants_more(&self) -> bool {
        self.flight.len() <= self.most - self.most.div_ceil(4) && self.bytes <= self.most_bytes / 4 * 3
    }

    /// The first in flight, whose answer comes next.
    pub(crate) fn first(&mut self) -> Option<&mut T> {
        self.flight.front_mut().map(|flight| &mut flight.what)
    }

    /// The first is answered.
    pub(crate) fn done(&mut self) -> Option<T> {
        let flight = self.flight.pop_front()?;
        self.bytes -= flight.bytes;
        self.held = self.held.min(self.flight.len());
        Some(flight.what)
    }

    /// All that is in flight, given up.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = T> {
        self.unsent.clear();
        (self.held, self.bytes) = (0, 0);
        std::mem::take(&mut self.flight).into_iter().map(|flight| flight.what)
    }

    fn add(&mut self, id: u64, bytes: usize, what: T) {
        self.flight.push_back(Flight { id, bytes, what });
        self.held += 1;
        self.bytes += bytes;
    }
}

/// What a request with that path takes at most: a quote and a backslash are escaped.
pub(crate) fn request_len(path: &VirtualPath) -> usize {
    2 * path.byte_len() + 96
}

impl Client {
    /// Adds a request to those in flight.
    pub(crate) fn ask_ahead<T>(&mut self, window: &mut Window<T>, op: Op, what: T) -> Result<(), Failure> {
        let ((id, begun), before) = (self.begin_ahead(&op), window.unsent.len());
        put_message(&mut window.unsent, &Request { id, op });
        window.add(id, window.unsent.len() - before, what);
        begun?;
        self.send_many(window)
    }

    /// Adds an upload with all that belongs to it.
    pub(crate) fn put_ahead<T>(
        &mut self,
        window: &mut Window<T>,
        put: Put,
        chunk: Option<&Chunk>,
        end: PutEnd,
        what: T,
    ) -> Result<(), Failure> {
        let op = Op::Put(put);
        let ((id, begun), before) = (self.begin_ahead(&op), window.unsent.len());
        put_message(&mut window.unsent, &Request { id, op });
        let end = Request { id, op: Op::PutEnd(end) };
        match chunk {
            Some(chunk) if chunk.frame().len() > TOGETHER => {
                window.add(id, window.unsent.len() - before + chunk.frame().len(), what);
                begun?;
                self.push_out(window)?;
                self.send_chunk(chunk, &mut || {})?;
                // Nothing else may come between them.
                put_message(&mut window.unsent, &end);
                return self.push_out(window);
            }
            Some(chunk) => window.unsent.extend_from_slice(chunk.frame()),
            None => {}
        }
        put_message(&mut window.unsent, &end);
        window.add(id, window.unsent.len() - before, what);
        begun?;
        self.send_many(window)
    }

    /// The id of the next request. What fails is in flight all the same, so that whoever asks knows what is not answered.
    fn begin_ahead(&mut self, op: &Op) -> (u64, Result<(), Failure>) {
        let left = self.leave_ahead();
        self.last_id += 1;
        self.asked.sent(self.last_id, op);
        (self.last_id, left)
    }

    fn send_many<T>(&mut self, window: &mut Window<T>) -> Result<(), Failure> {
        if window.unsent.len() < TOGETHER { Ok(()) } else { self.push_out(window) }
    }

    /// Sends what waits to be sent.
    pub(crate) fn push_out<T>(&mut self, window: &mut Window<T>) -> Result<(), Failure> {
        if window.unsent.is_empty() {
            return Ok(());
        }
        window.held = 0;
        let sent = self.link.send(&window.unsent, &mut || {});
        window.unsent.clear();
        self.watch(sent)
    }

    /// What comes next for the first in flight; none when Ctrl-C was pressed: [`Client::stop`] is next then. `tick` is called about ten times a second meanwhile.
    pub(crate) fn next_of<T>(
        &mut self,
        window: &mut Window<T>,
        tick: &mut dyn FnMut(),
    ) -> Result<Option<Incoming>, Failure> {
        if self.is_interrupted() {
            return Ok(None);
        }
        self.push_out(window)?;
        match window.flight.front() {
            Some(first) => self.come(first.id, tick),
            None => Err(self.breach("an answer to nothing")),
        }
    }

    /// Has the daemon stop all that is in flight, the last first, and waits for that up to `patience`, after which the connection is given up. Gives each with its
    /// last answer, if one came.
    pub(crate) fn stop<T>(&mut self, window: &mut Window<T>, patience: Duration) -> Vec<(T, Option<Body>)> {
        let unsent = window.held;
        let ids: Vec<u64> = window.flight.iter().map(|flight| flight.id).collect();
        let mut stopped: Vec<_> = window.give_up().map(|what| (what, None)).collect();
        let sent = &ids[..ids.len() - unsent];
        if !self.broken && !sent.is_empty() {
            // What is on its way is taken at whatever rate it comes.
            self.link.hurry(true);
            // How the connection fared is known to it.
            let _broken = self.stopped(sent, &mut stopped, patience);
            self.link.hurry(false);
        }
        stopped
    }

    fn stopped<T>(
        &mut self,
        ids: &[u64],
        stopped: &mut [(T, Option<Body>)],
        patience: Duration,
    ) -> Result<(), Failure> {
        let (first, mut frames) = (self.last_id + 1, Vec::new());
        for target in ids.iter().rev() {
            self.last_id += 1;
            put_message(&mut frames, &Request { id: self.last_id, op: Op::Abort { target: *target } });
        }
        let sent = self.link.send(&frames, &mut || {});
        self.watch(sent)?;
        let mut aborts: Vec<u64> = (first..=self.last_id).collect();
        let end = Instant::now() + patience;
        // The daemon answers what it stops before it says that it has.
        while !aborts.is_empty() {
            if Instant::now() >= end {
                self.broken = true;
                return Err(Failure::lost("the server does not answer"));
            }
            let frame = self.link.frame();
            let text = match self.watch(frame)? {
                Some(Frame::Message(text)) => text,
                Some(Frame::Chunk(chunk)) => {
                    self.recycle(chunk);
                    continue;
                }
                None => continue,
            };
            let Reply { re, body } = self.parse(&text)?;
            let is_last = matches!(body, Body::Ok(_) | Body::Error(_));
            if let Ok(at) = ids.binary_search(&re) {
                match stopped.get_mut(at) {
                    Some((_, answer @ None)) if is_last => *answer = Some(body),
                    Some((_, None)) => {}
                    _ => return Err(self.breach("two answers to one request")),
                }
            } else if let Ok(at) = aborts.binary_search(&re) {
                aborts.remove(at);
            } else if self.ping == Some(re) {
                self.ping = None;
            } else if self.take_ahead(re, body)?.is_some() {
                return Err(self.breach("an answer to something else"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupt;
    use crate::link::Link;
    use crate::trust::Fingerprint;
    use ftp_proto::Deframer;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    /// A server that has all it will ever say ready, and keeps what it is told.
    #[derive(Clone, Default)]
    struct Said {
        frames: Arc<Mutex<VecDeque<Frame>>>,
        /// What each call brought.
        told: Arc<Mutex<Vec<Vec<Value>>>>,
    }

    impl Said {
        fn says(&self, message: &Value) {
            self.frames.lock().expect("whole").push_back(Frame::Message(message.to_string().into_bytes()));
        }

        fn chunk(&self) {
            self.frames.lock().expect("whole").push_back(Frame::Chunk(Chunk::with_len(Vec::new(), 3)));
        }

        fn client(&self, pipeline: u64) -> Client {
            self.says(&json!({"hello": {"software": "x", "protocol": 1, "chunk": 262_144, "pipeline": pipeline, "idle_seconds": 9}}));
            let link = Box::new(self.clone());
            Client::over(link, Fingerprint::default(), &Interrupt::default()).expect("greeted")
        }

        fn told(&self) -> Vec<usize> {
            self.told.lock().expect("whole").iter().map(Vec::len).collect()
        }
    }

    impl Link for Said {
        fn send(&mut self, mut bytes: &[u8], _: &mut dyn FnMut()) -> Result<(), Failure> {
            let mut deframer = Deframer::new();
            deframer.set_message_max(usize::MAX);
            deframer.allow_chunks(true);
            let mut told = Vec::new();
            while !bytes.is_empty() {
                let (taken, frame) = deframer.push(bytes).expect("frames");
                bytes = &bytes[taken..];
                told.push(match frame.expect("whole frames") {
                    Frame::Message(text) => serde_json::from_slice(&text).expect("JSON"),
                    Frame::Chunk(chunk) => json!(chunk.data().len()),
                });
            }
            self.told.lock().expect("whole").push(told);
            Ok(())
        }
        fn frame(&mut self) -> Result<Option<Frame>, Failure> {
            self.frame_at_hand()
        }
        fn frame_at_hand(&mut self) -> Result<Option<Frame>, Failure> {
            Ok(self.frames.lock().expect("whole").pop_front())
        }
        fn is_ended(&self) -> bool {
            false
        }
        fn silence(&self) -> Duration {
            Duration::ZERO
        }
        fn begin_wait(&mut self) {}
        fn set_timeout(&mut self, timeout: Duration) -> Duration {
            timeout
        }
        fn recycle(&mut self, _: Vec<u8>) {}
    }

    fn path(n: usize) -> VirtualPath {
        VirtualPath::new(&format!("/f{n}")).expect("good")
    }

    /// So many requests in flight, whose ids are 1 and so on.
    fn flying(said: &Said, count: usize) -> (Client, Window<usize>) {
        let mut client = said.client(64);
        let mut window = Window::reading(&client);
        for n in 0..count {
            client.ask_ahead(&mut window, Op::Stat { path: path(n) }, n).expect("held");
        }
        (client, window)
    }

    #[test]
    fn as_many_as_the_greeting_says_are_in_flight_and_few_bytes_where_answers_are_long() {
        for (pipeline, most) in [(0, 1), (1, 1), (8, 8), (64, 64), (u64::from(u32::MAX), PIPELINE)] {
            let mut client = Said::default().client(pipeline);
            let mut window = Window::reading(&client);
            let mut sent = 0;
            while window.has_room(request_len(&path(sent))) {
                client.ask_ahead(&mut window, Op::Stat { path: path(sent) }, ()).expect("held");
                sent += 1;
            }
            assert_eq!(sent, most, "{pipeline}");
            // They are filled up again when a quarter is free.
            let free = (0..most).take_while(|_| !window.wants_more() && window.done().is_some()).count();
            assert_eq!(free, most.div_ceil(4), "{pipeline}");
        }
        let mut client = Said::default().client(64);
        let (mut reading, mut writing) = (Window::reading(&client), Window::writing(&client));
        let long = VirtualPath::new(&format!("/{}", "long/".repeat(40))).expect("good");
        while reading.has_room(request_len(&long)) {
            client.ask_ahead(&mut reading, Op::Stat { path: long.clone() }, ()).expect("held");
        }
        assert!(reading.bytes <= READING && (20..64).contains(&reading.flight.len()), "{}", reading.bytes);
        let chunk = Chunk::with_len(Vec::new(), 200_000);
        while writing.has_room(200_000) {
            let end = PutEnd { root: ftp_proto::Root([0; 32]), md5: None };
            let put = Put { path: path(1), size: 200_000, mtime: 0, eager: true, restart: false, md5: false };
            client.put_ahead(&mut writing, put, Some(&chunk), end, ()).expect("sent");
        }
        assert_eq!(writing.flight.len(), WRITING / 200_000);
    }

    #[test]
    fn what_is_small_is_sent_together_and_a_large_chunk_as_it_is() {
        let said = Said::default();
        let mut client = said.client(64);
        let mut window = Window::writing(&client);
        for len in [0, 10, 1000, 200_000, 10] {
            let chunk = (len > 0).then(|| Chunk::with_len(Vec::new(), len));
            let end = PutEnd { root: ftp_proto::Root([0; 32]), md5: None };
            let size = len as u64;
            let put = Put { path: path(len), size, mtime: 0, eager: true, restart: false, md5: false };
            client.put_ahead(&mut window, put, chunk.as_ref(), end, len).expect("sent");
        }
        // Two frames of the empty one, three of each other.
        assert_eq!(said.told(), [2 + 3 + 3 + 1, 1, 1]);
        assert_eq!((window.flight.len(), window.held), (5, 1));
        client.push_out(&mut window).expect("sent");
        assert_eq!(said.told(), [9, 1, 1, 3]);
        let told = said.told.lock().expect("whole").concat();
        let ends = told.iter().filter(|message| message["op"] == "put_end").count();
        assert!(ends == 5 && told[9] == json!(200_000) && told[10]["id"] == told[8]["id"], "{told:?}");
    }

    #[test]
    fn an_answer_is_that_of_the_first_and_any_other_ends_the_connection() {
        let said = Said::default();
        let (mut client, mut window) = flying(&said, 4);
        said.says(&json!({"re": 1, "ok": {}}));
        let answer = client.next_of(&mut window, &mut || {}).expect("an answer");
        assert!(matches!(answer, Some(Incoming::Reply(Body::Ok(_)))) && window.first() == Some(&mut 0));
        assert_eq!(said.told(), [4], "all at once");
        assert_eq!(window.done(), Some(0));
        for re in [3, 1, 4711, 0] {
            let said = Said::default();
            let (mut client, mut window) = flying(&said, 4);
            window.done();
            said.says(&json!({"re": re, "ok": {}}));
            let failure = client.next_of(&mut window, &mut || {}).err().expect("another's");
            assert!(
                failure.fatal && failure.message.contains("does not keep to the protocol"),
                "{re}: {failure}"
            );
            assert!(client.is_broken(), "{re}");
            assert_eq!(client.stop(&mut window, Duration::from_secs(9)).len(), 3, "nobody is asked to stop");
        }
    }

    #[test]
    fn what_is_stopped_is_told_apart_from_what_was_done_already() {
        let said = Said::default();
        let (mut client, mut window) = flying(&said, 3);
        client.push_out(&mut window).expect("sent");
        client.ask_ahead(&mut window, Op::Stat { path: path(3) }, 3).expect("held");
        said.says(&json!({"re": 1, "ok": {}}));
        said.chunk();
        for re in [3, 2] {
            said.says(&json!({"re": re, "error": {"code": "aborted", "message": "stopped"}}));
        }
        // The ids of the three that stop them.
        (5..=7).for_each(|re| said.says(&json!({"re": re, "ok": {}})));
        let stopped = client.stop(&mut window, Duration::from_secs(9));
        let done: Vec<_> =
            stopped.iter().map(|(n, body)| (*n, matches!(body, Some(Body::Ok(_))), body.is_some())).collect();
        assert_eq!(done, [(0, true, true), (1, false, true), (2, false, true), (3, false, false)]);
        assert!(!client.is_broken() && window.is_empty());
        let told = said.told.lock().expect("whole").clone();
        assert_eq!(
            told[1].iter().map(|abort| abort["target"].as_u64()).collect::<Vec<_>>(),
            [3, 2, 1].map(Some)
        );
        assert_eq!(told.len(), 2, "what was held is not sent");

        // A server that says nothing is not waited for.
        let (mut client, mut window) = flying(&Said::default(), 3);
        client.push_out(&mut window).expect("sent");
        assert_eq!(client.stop(&mut window, Duration::from_millis(5)).len(), 3);
        assert!(client.is_broken());
        // Nor is one believed that answers twice.
        let said = Said::default();
        let (mut client, mut window) = flying(&said, 2);
        client.push_out(&mut window).expect("sent");
        [1, 1, 2, 3, 4].iter().for_each(|re| said.says(&json!({"re": re, "ok": {}})));
        client.stop(&mut window, Duration::from_secs(9));
        assert!(client.is_broken());
    }
}
