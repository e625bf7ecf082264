//! Uploads by hand, as a careful client does them: what is there already is compared and not sent again.

use crate::wire::{Wire, frame};
use ftp_proto::limits::CHUNK;
use ftp_proto::{Tree, tree};
use serde_json::{Value, json};

/// What came of an upload.
#[derive(Debug)]
pub struct Put {
    /// What the daemon had of it.
    pub offset: u64,
    /// Its last answer.
    pub answer: Value,
}

/// The first `len` bytes of a file, as far as they are chunks, hashed.
fn tree_of(bytes: &[u8], len: usize) -> Tree {
    let mut tree = Tree::new();
    for offset in (0..len).step_by(CHUNK) {
        tree.push(tree::value(bytes.len() as u64, offset as u64, data_at(bytes, offset)));
    }
    tree
}

fn data_at(bytes: &[u8], offset: usize) -> &[u8] {
    &bytes[offset..bytes.len().min(offset + CHUNK)]
}

impl Wire {
    /// Uploads a file; one of a single chunk at once.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<Put, String> {
        if bytes.len() > CHUNK {
            return self.put_by_chunks(path, bytes, usize::MAX);
        }
        let id = self.send(json!({"op": "put", "path": path, "size": bytes.len(), "eager": true}))?;
        if !bytes.is_empty() {
            self.put_chunk(bytes, 0)?;
        }
        self.put_end(id, bytes)?;
        Ok(Put { offset: 0, answer: self.answer(id)? })
    }

    /// Sends files of a single chunk one behind the other; gives the answers as they come.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn put_many(&mut self, files: &[(&str, Vec<u8>)], take: &mut dyn FnMut(Value)) -> Result<(), String> {
        let (mut all, mut ids) = (Vec::new(), Vec::new());
        for (path, bytes) in files {
            let id = self.next_id();
            let put = json!({"id": id, "op": "put", "path": path, "size": bytes.len(), "eager": true});
            let root = tree_of(bytes, bytes.len()).root().to_string();
            all.extend(frame(1, put.to_string().as_bytes()));
            if !bytes.is_empty() {
                let value = tree::value(bytes.len() as u64, 0, bytes);
                all.extend(frame(2, &[&value.0, &bytes[..]].concat()));
            }
            all.extend(frame(1, json!({"id": id, "op": "put_end", "root": root}).to_string().as_bytes()));
            ids.push(id);
        }
        self.raw(&all)?;
        for id in ids {
            take(self.answer(id)?);
        }
        Ok(())
    }

    /// Uploads what is missing of the first `chunks` chunks. If that is all of it the file is put in place, otherwise it is left as a part.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn put_by_chunks(&mut self, path: &str, bytes: &[u8], chunks: usize) -> Result<Put, String> {
        self.put_until(path, bytes, chunks, &mut || ())
    }

    /// The same, where `sent` is called before it is given up.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn put_until(
        &mut self,
        path: &str,
        bytes: &[u8],
        chunks: usize,
        sent: &mut dyn FnMut(),
    ) -> Result<Put, String> {
        let mut request = json!({"op": "put", "path": path, "size": bytes.len()});
        let mut id = self.send(request.clone())?;
        let mut begin = self.answer(id)?;
        let Some(offset) = begin["begin"]["offset"].as_u64() else {
            return Ok(Put { offset: 0, answer: begin });
        };
        let mut from = usize::try_from(offset).expect("at most the size");
        if begin["begin"]["prefix"] != tree_of(bytes, from).prefix().to_string() {
            self.abort(id)?;
            request["restart"] = true.into();
            id = self.send(request)?;
            begin = self.answer(id)?;
            if begin["begin"]["offset"] != 0 {
                return Ok(Put { offset, answer: begin });
            }
            from = 0;
        }
        let end = chunks.saturating_mul(CHUNK);
        for at in (from..bytes.len().min(end)).step_by(CHUNK) {
            self.put_chunk(bytes, at)?;
        }
        if end < bytes.len() {
            sent();
            return Ok(Put { offset, answer: self.abort(id)? });
        }
        self.put_end(id, bytes)?;
        Ok(Put { offset, answer: self.answer(id)? })
    }

    fn put_chunk(&mut self, bytes: &[u8], offset: usize) -> Result<(), String> {
        let data = data_at(bytes, offset);
        let value = tree::value(bytes.len() as u64, offset as u64, data);
        self.raw(&frame(2, &[&value.0, data].concat()))
    }

    fn put_end(&mut self, id: u64, bytes: &[u8]) -> Result<(), String> {
        let root = tree_of(bytes, bytes.len()).root().to_string();
        self.raw(&frame(1, json!({"id": id, "op": "put_end", "root": root}).to_string().as_bytes()))
    }

    /// Stops a request; gives the answer to the `abort`, which comes after that of the request.
    fn abort(&mut self, target: u64) -> Result<Value, String> {
        let id = self.send(json!({"op": "abort", "target": target}))?;
        self.answer(id)
    }
}
