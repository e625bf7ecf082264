//! A client that says exactly what it is told to: the protocol by hand, over the client's own connection.

use ftp_cli::connect::{Connection, Server};
use ftp_cli::interrupt::Interrupt;
use ftp_cli::link::Link as _;
use ftp_cli::trust::Trust;
use ftp_proto::Frame;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an answer may take. Where each change to a disk is looked at before it is made, that to many requests at once takes long.
const PATIENCE: Duration = Duration::from_secs(150);

/// The connection.
pub struct Wire {
    connection: Connection,
    last: u64,
}

/// A framed message.
#[must_use]
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).expect("short").to_be_bytes().to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(payload);
    bytes
}

impl Wire {
    /// Connects and takes the greeting.
    ///
    /// # Errors
    /// The connection cannot be made or is closed at once.
    pub fn open(port: u16, ca: &Path) -> Result<Self, String> {
        let trust = Trust::Ca(ca.to_owned());
        let server = Server::new("127.0.0.1", port, trust, PATIENCE);
        let connection = Connection::open(&server, &Interrupt::default(), &mut |_| Ok(false));
        let mut wire = Self { connection: connection.map_err(|failure| failure.to_string())?, last: 0 };
        let hello = wire.message()?;
        if hello["hello"]["protocol"] == 1 { Ok(wire) } else { Err(format!("no greeting: {hello}")) }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.connection.send(bytes, &mut || {}).map_err(|failure| failure.to_string())
    }

    /// The next message; chunks are passed over.
    ///
    /// # Errors
    /// The connection ended, or nothing came for too long.
    pub fn message(&mut self) -> Result<Value, String> {
        self.message_after(&mut |_| ())
    }

    /// The next message, once the chunks before it were taken.
    fn message_after(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<Value, String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match self.connection.frame().map_err(|failure| failure.to_string())? {
                Some(Frame::Message(text)) => {
                    return serde_json::from_slice(&text).map_err(|error| error.to_string());
                }
                Some(Frame::Chunk(chunk)) => {
                    take(chunk.data());
                    self.connection.recycle(chunk.into_buffer());
                }
                None => {}
            }
        }
        Err("nothing came".into())
    }

    /// Downloads a file: the last answer, and the bytes that came before it.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn get(&mut self, path: &str) -> Result<(Value, Vec<u8>), String> {
        let mut bytes = Vec::new();
        let answer = self.get_to(path, &mut |data| bytes.extend_from_slice(data))?;
        Ok((answer, bytes))
    }

    /// Downloads a file, whose bytes go to `take` as they come: the last answer.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn get_to(&mut self, path: &str, take: &mut dyn FnMut(&[u8])) -> Result<Value, String> {
        let id = self.send(json!({"op": "get", "path": path}))?;
        loop {
            let answer = self.message_after(take)?;
            if answer["re"] == id && answer.get("begin").is_none() {
                return Ok(answer);
            }
        }
    }

    /// Lists a directory: the last answer, and the names that came before it.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn list(&mut self, path: &str) -> Result<(Value, BTreeSet<String>), String> {
        let id = self.send(json!({"op": "list", "path": path}))?;
        let mut names = BTreeSet::new();
        loop {
            let answer = self.answer(id)?;
            let Some(entries) = answer["page"]["entries"].as_array() else { return Ok((answer, names)) };
            names.extend(entries.iter().filter_map(|entry| entry["name"].as_str().map(str::to_owned)));
        }
    }

    /// Sends a request without waiting; `members` has everything but the id.
    ///
    /// # Errors
    /// The connection is gone.
    ///
    /// # Panics
    /// `members` is no object.
    pub fn send(&mut self, mut members: Value) -> Result<u64, String> {
        let id = self.next_id();
        members.as_object_mut().expect("an object").insert("id".into(), id.into());
        self.raw(&frame(1, members.to_string().as_bytes()))?;
        Ok(id)
    }

    /// An id for the next request.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Sends a request and waits for its last answer.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ask(&mut self, members: Value) -> Result<Value, String> {
        let id = self.send(members)?;
        loop {
            let answer = self.answer(id)?;
            if answer.get("ok").is_some() || answer.get("error").is_some() {
                return Ok(answer);
            }
        }
    }

    /// The next answer to a request.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn answer(&mut self, id: u64) -> Result<Value, String> {
        loop {
            let answer = self.message()?;
            if answer["re"] == id {
                return Ok(answer);
            }
            if answer["re"] == 0 {
                return Err(answer.to_string());
            }
        }
    }

    /// Logs in with the password that the site gave the user.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn login(&mut self, user: &str, password: &str) -> Result<Value, String> {
        self.ask(json!({"op": "login", "user": user, "password": password}))
    }

    /// Waits until the daemon closes; says what it said last.
    #[must_use]
    pub fn until_closed(&mut self) -> String {
        let mut last = String::new();
        loop {
            match self.message() {
                Ok(message) => last = message.to_string(),
                Err(end) => return format!("{last} {end}"),
            }
        }
    }
}
