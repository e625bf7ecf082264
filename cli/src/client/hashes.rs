//! Hashes of files at the server, many at once.

use super::{Client, Incoming};
use crate::failure::{Cause, Failure};
use crate::watch::Watch;
use ftp_proto::VirtualPath;
use ftp_proto::message::{Body, Kept, Op, Sum};
use std::collections::VecDeque;

/// The most requests that hash a file and are under way at once.
const AT_ONCE: usize = 32;
/// The most bytes of them; the protocol has a bound of 16 KiB.
const OUTSTANDING: usize = 12 * 1024;

/// What a request with that path takes at most: a quote and a backslash are escaped.
fn request_len(path: &VirtualPath) -> usize {
    path.names().iter().map(|name| 1 + 2 * name.as_str().len()).sum::<usize>() + 64
}

impl Client {
    /// Hashes a file at the server; `watch` is told that it is waited for.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn sum_watched(
        &mut self,
        path: &VirtualPath,
        md5: bool,
        watch: &mut dyn Watch,
    ) -> Result<Sum, Failure> {
        let id = self.send(Op::Sum { path: path.clone(), md5, kept: Kept::Use })?;
        self.summed(id, watch)
    }

    fn summed(&mut self, id: u64, watch: &mut dyn Watch) -> Result<Sum, Failure> {
        match self.wait_watched(id, watch)? {
            Body::Ok(value) => self.read(value),
            Body::Error(refusal) => Err(Failure::refused(refusal)),
            Body::Begin(_) | Body::Page(_) => Err(self.breach("an answer to something else")),
        }
    }

    /// Hashes many files at the server, several requests being under way at once. `meanwhile` is called for each before its answer is waited for. What came of
    /// each is in their order; when one of them ends the connection, or is interrupted, that is all.
    ///
    /// # Errors
    /// Those that end all of it; no answer is outstanding then.
    pub fn sums(
        &mut self,
        paths: &[VirtualPath],
        kept: Kept,
        watch: &mut dyn Watch,
        mut meanwhile: impl FnMut(usize, &mut dyn Watch),
    ) -> Result<Vec<Result<Sum, Failure>>, Failure> {
        let mut under_way: VecDeque<(u64, usize)> = VecDeque::new();
        let (mut sums, mut sent, mut bytes) = (Vec::with_capacity(paths.len()), 0, 0);
        while sums.len() < paths.len() {
            while let Some(path) = paths.get(sent)
                && under_way.len() < AT_ONCE
                && (under_way.is_empty() || bytes + request_len(path) <= OUTSTANDING)
            {
                let id = self.send(Op::Sum { path: path.clone(), md5: false, kept })?;
                under_way.push_back((id, request_len(path)));
                (sent, bytes) = (sent + 1, bytes + request_len(path));
            }
            meanwhile(sums.len(), watch);
            let Some((id, len)) = under_way.pop_front() else { break };
            bytes -= len;
            match self.summed(id, watch) {
                Err(failure) if failure.fatal || failure.cause == Cause::Interrupted => {
                    while let (Some((id, _)), false) = (under_way.pop_front(), self.broken) {
                        self.abort(id)?;
                    }
                    return Err(failure);
                }
                ended => sums.push(ended),
            }
        }
        Ok(sums)
    }

    /// The answer to `id`; `watch` is told that it is waited for.
    pub(crate) fn wait_watched(&mut self, id: u64, watch: &mut dyn Watch) -> Result<Body, Failure> {
        match self.wait(id, &mut || watch.waiting())? {
            Incoming::Reply(body) => Ok(body),
            Incoming::Chunk(_) => Err(self.breach("a chunk that nobody asked for")),
        }
    }
}
