//! The server's end of one connection: everything it can say, right or wrong.

use super::Then;
use crate::wire::frame;
use ftp_proto::limits::CHUNK;
use ftp_proto::{Deframer, Frame, tree};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// One connection, and the request that is answered.
pub struct Hand {
    stream: StreamOwned<ServerConnection, TcpStream>,
    deframer: Deframer,
    waiting: VecDeque<Value>,
    /// The request as it came.
    pub request: Value,
    /// Its `op`.
    pub op: String,
    /// Its `id`.
    pub id: u64,
    /// Its `path`, or what stands for it.
    pub path: String,
    /// What varies within a case.
    pub n: u64,
    /// How often this was asked for before.
    pub visit: u64,
}

/// The `n`th of several, round and round.
pub(super) fn pick<T: Clone>(from: &[T], n: u64) -> T {
    from[usize::try_from(n).unwrap_or(0) % from.len()].clone()
}

impl Hand {
    pub(super) fn new(tls: &Arc<ServerConfig>, socket: TcpStream, patience: Duration) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
        let mut deframer = Deframer::new();
        deframer.set_message_max(usize::MAX);
        deframer.allow_chunks(true);
        Ok(Self {
            stream: StreamOwned::new(connection, socket),
            deframer,
            waiting: VecDeque::new(),
            request: Value::Null,
            op: String::new(),
            id: 0,
            path: String::new(),
            n: 0,
            visit: 0,
        })
    }

    /// The next request, chunks passed over; none when the client closed.
    pub(super) fn next(&mut self) -> io::Result<Option<Value>> {
        let mut buffer = vec![0; 64 * 1024];
        while self.waiting.is_empty() {
            let n = match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            };
            let mut bytes = &buffer[..n];
            while !bytes.is_empty() {
                let (taken, frame) = self.deframer.push(bytes).map_err(io::Error::other)?;
                bytes = &bytes[taken..];
                match frame {
                    Some(Frame::Message(text)) => self.waiting.push_back(serde_json::from_slice(&text)?),
                    Some(Frame::Chunk(chunk)) => self.deframer.recycle(chunk.into_buffer()),
                    None => {}
                }
            }
        }
        Ok(self.waiting.pop_front())
    }

    pub(super) fn take(&mut self, request: Value) {
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        self.op = text("op");
        self.path = if request.get("from").is_some() { text("from") } else { text("path") };
        self.id = request["id"].as_u64().unwrap_or_default();
        self.request = request;
    }

    /// The last name of the path.
    #[must_use]
    pub fn leaf(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// One of several, as the request's number says.
    pub(super) fn pick<T: Clone>(&self, from: &[T]) -> T {
        pick(from, self.n)
    }

    /// How many names the path has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.path.split('/').filter(|name| !name.is_empty()).count()
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The client is gone.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The client is gone.
    pub fn say(&mut self, message: &Value) -> io::Result<()> {
        self.raw(&frame(1, message.to_string().as_bytes()))
    }

    /// Answers some request with one member.
    ///
    /// # Errors
    /// The client is gone.
    pub fn reply(&mut self, re: u64, member: &str, value: Value) -> io::Result<()> {
        let mut reply = json!({"re": re});
        reply[member] = value;
        self.say(&reply)
    }

    /// Answers that it is done.
    ///
    /// # Errors
    /// The client is gone.
    pub fn ok(&mut self, value: Value) -> io::Result<Then> {
        self.reply(self.id, "ok", value)?;
        Ok(Then::Go)
    }

    /// Refuses.
    ///
    /// # Errors
    /// The client is gone.
    pub fn error(&mut self, code: &str, message: &str) -> io::Result<Then> {
        self.reply(self.id, "error", json!({"code": code, "message": message}))?;
        Ok(Then::Go)
    }

    /// A page of a listing.
    ///
    /// # Errors
    /// The client is gone.
    pub fn page(&mut self, entries: &[Value]) -> io::Result<()> {
        self.reply(self.id, "page", json!({"entries": entries}))
    }

    /// A whole listing of one page.
    ///
    /// # Errors
    /// The client is gone.
    pub fn list(&mut self, entries: &[Value]) -> io::Result<Then> {
        if !entries.is_empty() {
            self.page(entries)?;
        }
        self.ok(json!({"entries": entries.len()}))
    }

    /// A chunk with a value of one's own.
    ///
    /// # Errors
    /// The client is gone.
    pub fn chunk_as(&mut self, value: [u8; 32], data: &[u8]) -> io::Result<()> {
        self.raw(&frame(2, &[&value[..], data].concat()))
    }

    /// The chunk at `offset` of a file as it should be.
    ///
    /// # Errors
    /// The client is gone.
    pub fn chunk(&mut self, file: &[u8], offset: usize) -> io::Result<()> {
        let data = &file[offset..file.len().min(offset + CHUNK)];
        self.chunk_as(tree::value(file.len() as u64, offset as u64, data).0, data)
    }

    /// Says goodbye as one should.
    ///
    /// # Errors
    /// The client is gone.
    pub fn close(&mut self) -> io::Result<()> {
        self.stream.conn.send_close_notify();
        self.stream.flush()?;
        self.fin().map(|_| ())
    }

    /// Ends the stream without a word.
    ///
    /// # Errors
    /// The client is gone.
    pub fn fin(&mut self) -> io::Result<Then> {
        self.stream.sock.shutdown(Shutdown::Write)?;
        // Until the client is gone too, so that nothing is answered with a reset.
        let mut rest = [0; 4096];
        while matches!(self.stream.sock.read(&mut rest), Ok(1..)) {}
        Ok(Then::End)
    }

    /// Resets the connection.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn reset(&mut self) -> io::Result<Then> {
        rustix::net::sockopt::set_socket_linger(&self.stream.sock, Some(Duration::ZERO))?;
        Ok(Then::End)
    }

    /// Changes the keys of the connection: a record that has nothing in it for the client.
    ///
    /// # Errors
    /// The client is gone.
    pub fn change_keys(&mut self) -> io::Result<()> {
        self.stream.conn.refresh_traffic_keys().map_err(io::Error::other)?;
        self.stream.flush()
    }

    /// Bytes below TLS.
    ///
    /// # Errors
    /// The client is gone.
    pub fn below_tls(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.sock.write_all(bytes)
    }

    /// Waits until the client is gone.
    ///
    /// # Errors
    /// It says something that is no frame.
    pub fn wait_for_end(&mut self) -> io::Result<Then> {
        while self.next()?.is_some() {}
        Ok(Then::End)
    }
}
