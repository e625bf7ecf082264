//! What a daemon owes: an answer to each request, one, and in the order in which they were asked.

use ftp_proto::limits::MESSAGE;
use ftp_proto::message::{Bad, Body, Greeting, Op, Reply, Request};
use ftp_proto::{Code, Deframer, Frame};
use std::collections::VecDeque;

/// What was asked and not answered yet.
#[derive(Debug)]
pub struct Answers {
    /// Cuts what the client sends.
    client: Deframer,
    /// Cuts what the daemon sends.
    daemon: Deframer,
    owed: VecDeque<Owed>,
    greeted: bool,
    /// The client broke the protocol, or the daemon said that it ends: no more is owed.
    over: bool,
    /// The daemon has said its last word.
    ended: bool,
}

#[derive(Debug)]
struct Owed {
    id: u64,
    kind: Kind,
    /// It was answered `begin`.
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In its turn.
    Plain,
    /// In its turn; chunks come before the end.
    Get,
    /// In its turn; it may wait for chunks.
    Put,
    /// At any time.
    AtOnce,
    /// Perhaps never: it may belong to a put.
    End,
}

impl Default for Answers {
    fn default() -> Self {
        let (client, daemon) = (deframer(), deframer());
        Self { client, daemon, owed: VecDeque::new(), greeted: false, over: false, ended: false }
    }
}

fn deframer() -> Deframer {
    let mut deframer = Deframer::new();
    deframer.set_message_max(MESSAGE);
    deframer.allow_chunks(true);
    deframer
}

impl Answers {
    /// The client sends this.
    pub fn asked(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.over {
            let Ok((taken, frame)) = self.client.push(rest) else {
                self.over = true;
                return;
            };
            rest = &rest[taken..];
            match frame {
                None => {}
                Some(Frame::Chunk(chunk)) => self.client.recycle(chunk.into_buffer()),
                Some(Frame::Message(json)) => self.request(&json),
            }
        }
    }

    fn request(&mut self, json: &[u8]) {
        let (id, kind) = match Request::parse(json) {
            Err(Bad::Malformed(_)) => {
                self.over = true;
                return;
            }
            Err(Bad::Members { id } | Bad::Unsupported { id }) => {
                // An eager put that cannot be read is one all the same: what belongs to it is passed over.
                let put =
                    serde_json::from_slice::<serde_json::Value>(json).is_ok_and(|put| put["op"] == "put");
                (id, if put { Kind::Put } else { Kind::Plain })
            }
            Ok(Request { id, op }) => (
                id,
                match op {
                    Op::Ping | Op::Abort { .. } => Kind::AtOnce,
                    Op::PutEnd(_) => Kind::End,
                    Op::Put(_) => Kind::Put,
                    Op::Get(_) => Kind::Get,
                    _ => Kind::Plain,
                },
            ),
        };
        self.owed.push_back(Owed { id, kind, begun: false });
    }

    /// The daemon sends this.
    ///
    /// # Panics
    /// It may not.
    pub fn came(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (taken, frame) = self.daemon.push(rest).expect("the daemon keeps to the framing");
            rest = &rest[taken..];
            match frame {
                None => {}
                Some(Frame::Chunk(chunk)) => {
                    assert!(!self.ended, "a chunk after the last word");
                    let front = self.turn().expect("a chunk for somebody");
                    assert!(
                        self.owed[front].begun && self.owed[front].kind == Kind::Get,
                        "a chunk out of place"
                    );
                    self.daemon.recycle(chunk.into_buffer());
                }
                Some(Frame::Message(json)) if !self.greeted => {
                    serde_json::from_slice::<Greeting>(&json).expect("a greeting comes first");
                    self.greeted = true;
                }
                Some(Frame::Message(json)) => {
                    let reply = serde_json::from_slice::<Reply>(&json).expect("an answer");
                    assert!(!self.ended, "{reply:?} after the last word");
                    self.answer(&reply);
                }
            }
        }
    }

    /// Whose turn it is.
    fn turn(&self) -> Option<usize> {
        self.owed.iter().position(|owed| !matches!(owed.kind, Kind::AtOnce | Kind::End))
    }

    fn answer(&mut self, reply: &Reply) {
        let code = match &reply.body {
            Body::Error(refusal) => Some(refusal.code),
            _ => None,
        };
        if reply.re == 0 {
            assert!(code.is_some(), "{reply:?} to nobody");
            (self.over, self.ended) = (true, true);
            return;
        }
        let turn = self.turn();
        if matches!(reply.body, Body::Begin(_) | Body::Page(_)) {
            let front = turn.map(|at| &mut self.owed[at]).filter(|front| front.id == reply.re);
            front.unwrap_or_else(|| panic!("{reply:?} out of turn")).begun = true;
            return;
        }
        let no_put =
            matches!(&reply.body, Body::Error(refusal) if refusal.message.contains("no put of that id"));
        let place =
            self.owed.iter().position(|owed| owed.id == reply.re && no_put == (owed.kind == Kind::End));
        let Some(place) = place else { panic!("{reply:?} to nothing that was asked: {self:?}") };
        let at_any_time = self.owed[place].kind == Kind::AtOnce || code == Some(Code::Aborted);
        let earlier = turn.is_some_and(|turn| turn < place);
        assert!(at_any_time || !earlier, "{reply:?} comes before that to what was asked earlier: {self:?}");
        self.owed.remove(place);
        if !at_any_time {
            // What belonged to a put that is answered is not answered by itself any more.
            let mut index = 0;
            self.owed.retain(|owed| {
                index += 1;
                index > place || owed.kind != Kind::End
            });
        }
    }

    /// The daemon has all it was sent and had all its time.
    ///
    /// # Panics
    /// It owes an answer.
    pub fn check_all(&self) {
        if self.over || !self.client.is_between_frames() {
            return;
        }
        // A put waits for what belongs to it, and nothing else comes after it.
        let put = self.turn().filter(|at| self.owed[*at].kind == Kind::Put);
        let mut rest = self.owed.iter().skip(put.map_or(0, |at| at + 1));
        assert!(rest.all(|owed| owed.kind == Kind::End), "never answered: {:?}", self.owed);
    }
}
