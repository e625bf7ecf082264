//! A client by hand, over a real socket.

use super::*;

/// A client's end.
pub(super) struct Peer {
    pub(super) socket: std::net::TcpStream,
    pub(super) pump: Pump,
    pub(super) deframer: Deframer,
    pub(super) got: VecDeque<Frame>,
    pub(super) id: u64,
}

impl Peer {
    pub(super) fn new(daemon: &Daemon) -> Self {
        let socket = std::net::TcpStream::connect(daemon.address).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket.set_write_timeout(Some(PATIENCE)).expect("set");
        let name = ServerName::try_from("localhost").expect("good");
        let mut pump = Pump::client(Arc::clone(&daemon.tls), name).expect("good");
        pump.advance(&mut |_| 0).expect("a hello");
        let mut deframer = Deframer::new();
        deframer.set_message_max(usize::MAX);
        deframer.allow_chunks(true);
        Self { socket, pump, deframer, got: VecDeque::new(), id: 0 }
    }

    pub(super) fn flush(&mut self) {
        let bytes = self.pump.outgoing().to_vec();
        self.socket.write_all(&bytes).expect("sent");
        self.pump.sent(bytes.len());
    }

    /// Reads once; false when there is nothing more to come, which the peer must have said.
    pub(super) fn receive(&mut self) -> bool {
        self.flush();
        let n = match self.socket.read(self.pump.room()) {
            Ok(n) => n,
            Err(error) => panic!("nothing came: {error}"),
        };
        if n == 0 {
            self.pump.end().expect("close_notify");
            return false;
        }
        self.pump.filled(n);
        let (deframer, got) = (&mut self.deframer, &mut self.got);
        let mut take = |bytes: &[u8]| {
            let mut rest = bytes;
            while !rest.is_empty() {
                let (taken, frame) = deframer.push(rest).expect("good frames");
                rest = &rest[taken..];
                got.extend(frame);
            }
            bytes.len()
        };
        self.pump.advance(&mut take).expect("good records");
        self.flush();
        true
    }

    /// The ciphertext of a number of frames, to be written at once.
    pub(super) fn seal(&mut self, mut plain: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !plain.is_empty() {
            let taken = self.pump.encrypt(plain).expect("good");
            plain = &plain[taken..];
            bytes.extend_from_slice(self.pump.outgoing());
            self.pump.sent(self.pump.outgoing().len());
        }
        bytes
    }

    pub(super) fn send(&mut self, plain: &[u8]) {
        let bytes = self.seal(plain);
        self.socket.write_all(&bytes).expect("sent");
    }

    /// Appends a request to what is to be sent; says its id.
    pub(super) fn add(&mut self, out: &mut Vec<u8>, mut request: Value) -> u64 {
        if request.get("id").is_none() {
            self.id += 1;
            request["id"] = self.id.into();
        }
        put_message(out, &request);
        self.id
    }

    pub(super) fn ask(&mut self, request: Value) -> u64 {
        let mut bytes = Vec::new();
        let id = self.add(&mut bytes, request);
        self.send(&bytes);
        id
    }

    pub(super) fn frame(&mut self) -> Option<Frame> {
        while self.got.is_empty() {
            if !self.receive() {
                return None;
            }
        }
        self.got.pop_front()
    }

    pub(super) fn message(&mut self) -> Value {
        match self.frame() {
            Some(Frame::Message(json)) => serde_json::from_slice(&json).expect("json"),
            other => panic!("a message was to come and not {:?}", other.is_some()),
        }
    }

    pub(super) fn reply(&mut self, re: u64) -> Value {
        let reply = self.message();
        assert_eq!(reply["re"], re, "{reply}");
        reply
    }

    pub(super) fn is_served(&mut self) -> bool {
        let id = self.ask(json!({"op": "stat", "path": "/"}));
        self.reply(id)["ok"].is_object()
    }

    /// The frames of a file's chunks, and its root.
    pub(super) fn chunks(data: &[u8]) -> (Vec<u8>, String) {
        let (mut frames, mut tree, size) = (Vec::new(), Tree::new(), data.len() as u64);
        for (index, piece) in data.chunks(CHUNK).enumerate() {
            let mut chunk = Chunk::with_len(Vec::new(), piece.len());
            chunk.data_mut().copy_from_slice(piece);
            let value = tree::value(size, (index * CHUNK) as u64, piece);
            chunk.seal(value);
            tree.push(value);
            frames.extend_from_slice(chunk.frame());
        }
        (frames, tree.root().to_string())
    }

    pub(super) fn begin_put(&mut self, path: &str, size: usize) -> u64 {
        let id = self.ask(json!({"op": "put", "path": path, "size": size}));
        let begin = self.reply(id);
        assert_eq!(begin["begin"]["offset"], 0, "{begin}");
        id
    }

    pub(super) fn put(&mut self, path: &str, data: &[u8]) {
        let id = self.begin_put(path, data.len());
        let (frames, root) = Self::chunks(data);
        self.send(&frames);
        self.ask(json!({"id": id, "op": "put_end", "root": root}));
        let stored = self.reply(id);
        assert_eq!(stored["ok"]["root"], root, "{stored}");
    }

    /// Asks for a file; the chunks are still to come.
    pub(super) fn begin_get(&mut self, path: &str) -> (u64, u64) {
        let id = self.ask(json!({"op": "get", "path": path}));
        let begin = self.reply(id);
        (id, begin["begin"]["size"].as_u64().unwrap_or_else(|| panic!("{begin}")))
    }

    /// Takes all chunks of a get, with their values checked, and its end; says its root.
    pub(super) fn finish_get(&mut self, id: u64, size: u64) -> String {
        let mut tree = Tree::new();
        for at in (0..size).step_by(CHUNK) {
            let Some(Frame::Chunk(chunk)) = self.frame() else { panic!("no chunk at {at}") };
            assert_eq!(tree::value(size, at, chunk.data()), chunk.value(), "the chunk at {at}");
            tree.push(chunk.value());
        }
        let reply = self.reply(id);
        assert_eq!(reply["ok"]["root"], tree.root().to_string(), "{reply}");
        tree.root().to_string()
    }

    /// Expects the end: an error about the connection with this code, then `close_notify`.
    pub(super) fn ends_with(&mut self, code: &str) {
        let reply = self.reply(0);
        assert_eq!(reply["error"]["code"], code, "{reply}");
        assert!(self.frame().is_none(), "something came after the end");
    }
}
