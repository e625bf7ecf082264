//! What is asked ahead, and what comes of it, without a network.

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
    /// The connection is cut after that.
    is_cut: bool,
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
        match self.frames.lock().expect("whole").pop_front() {
            None if self.is_cut => Err(Failure::lost("cut")),
            frame => Ok(frame),
        }
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
    assert_eq!(told[1].iter().map(|abort| abort["target"].as_u64()).collect::<Vec<_>>(), [3, 2, 1].map(Some));
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

#[test]
fn directories_are_asked_for_together_and_no_more_is_waited_for_than_is_few() {
    let paths: Vec<_> = (0..4).map(path).collect();
    let page = |re, first: usize, count: usize| {
        let entry = |n: usize| json!({"name": format!("f{n}"), "kind": "file", "size": 1, "mtime": 0});
        json!({"re": re, "page": {"entries": (first..first + count).map(entry).collect::<Vec<_>>()}})
    };
    let ok = |re, entries: usize| json!({"re": re, "ok": {"entries": entries}});
    let said = Said::default();
    let mut client = said.client(64);
    said.says(&page(1, 0, 2));
    said.says(&page(1, 2, 1));
    said.says(&ok(1, 3));
    said.says(&json!({"re": 2, "error": {"code": "not_found", "message": "gone"}}));
    said.says(&ok(3, 0));
    said.says(&page(4, 0, 1));
    said.says(&ok(4, 1));
    let listings = client.lists(&paths).expect("listings");
    let counts: Vec<_> = listings.iter().map(|listing| listing.as_ref().ok().map(Vec::len)).collect();
    assert_eq!((counts, said.told()), (vec![Some(3), None, Some(0), Some(1)], vec![4]));

    // The first is wanted however many it has; the third has so many that it is left for its turn, and so is what comes after it.
    let said = Said::default();
    let mut client = said.client(64);
    for (re, many) in [(1, 10), (2, 1), (3, 9)] {
        (0..many).for_each(|n| said.says(&page(re, n * 1000, 1000)));
        if re < 3 {
            said.says(&ok(re, many * 1000));
        }
    }
    said.says(&json!({"re": 3, "error": {"code": "aborted", "message": "stopped"}}));
    said.says(&json!({"re": 4, "error": {"code": "aborted", "message": "stopped"}}));
    (5..=6).for_each(|re| said.says(&json!({"re": re, "ok": {}})));
    let listings = client.lists(&paths).expect("listings");
    let counts: Vec<_> = listings.iter().map(|listing| listing.as_ref().ok().map(Vec::len)).collect();
    assert_eq!((counts, said.told()), (vec![Some(10_000), Some(1000)], vec![4, 2]));
    assert!(!client.is_broken());

    // What came before the connection was cut counts, and the rest is asked for again; where nothing came, that is told.
    let said = Said { is_cut: true, ..Said::default() };
    let mut client = said.client(64);
    said.says(&ok(1, 0));
    said.says(&page(2, 0, 1));
    let listings = client.lists(&paths).expect("the first");
    assert!(listings.len() == 1 && client.is_broken());
    let failure =
        Said { is_cut: true, ..Said::default() }.client(64).lists(&paths).expect_err("nothing came");
    assert_eq!(failure.message, "cut");

    // What does not keep to the protocol is not believed here either.
    for bad in [ok(1, 1), page(1, 0, 0), page(2, 0, 1), json!({"re": 1, "begin": {}})] {
        let said = Said::default();
        let mut client = said.client(64);
        said.says(&bad);
        assert!(client.lists(&paths).is_err_and(|failure| failure.fatal), "{bad}");
    }
}
