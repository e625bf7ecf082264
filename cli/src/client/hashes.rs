//! Hashes of files at the server, and what is there, many at once.

use super::{Client, Incoming, Window, request_len};
use crate::failure::Failure;
use crate::watch::Watch;
use ftp_proto::message::{Body, Entry, Kept, Op, Stat, Sum};
use ftp_proto::{Code, VirtualPath};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long the daemon may take to stop after Ctrl-C.
const STOP: Duration = Duration::from_secs(1);

impl Client {
    /// Hashes a file at the server; `watch` is told that it is waited for.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn sum_watched(
        &mut self,
        path: &VirtualPath,
        md5: bool,
        kept: Kept,
        watch: &mut dyn Watch,
    ) -> Result<Sum, Failure> {
        let id = self.send(Op::Sum { path: path.clone(), md5, kept })?;
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
        meanwhile: impl FnMut(usize, &mut dyn Watch),
    ) -> Result<Vec<Result<Sum, Failure>>, Failure> {
        self.each(paths, |path| Op::Sum { path, md5: false, kept }, watch, meanwhile)
    }

    /// What is at many paths, as [`Client::find`] says it.
    ///
    /// # Errors
    /// As [`Client::sums`].
    pub fn finds(
        &mut self,
        paths: &[VirtualPath],
        watch: &mut dyn Watch,
    ) -> Result<Vec<Result<Option<Entry>, Failure>>, Failure> {
        let stats: Vec<Result<Stat, Failure>> =
            self.each(paths, |path| Op::Stat { path }, watch, |_, _| {})?;
        let found = stats.into_iter().map(|stat| match stat {
            Err(failure) if failure.code() == Some(Code::NotFound) => Ok(None),
            stat => stat.map(|stat| Some(stat.entry)),
        });
        Ok(found.collect())
    }

    fn each<R: DeserializeOwned>(
        &mut self,
        paths: &[VirtualPath],
        op: impl Fn(VirtualPath) -> Op,
        watch: &mut dyn Watch,
        mut meanwhile: impl FnMut(usize, &mut dyn Watch),
    ) -> Result<Vec<Result<R, Failure>>, Failure> {
        let mut window = Window::reading(self);
        let (mut answers, mut sent) = (Vec::with_capacity(paths.len()), 0);
        while answers.len() < paths.len() {
            let wants_more = window.wants_more();
            while wants_more
                && let Some(path) = paths.get(sent)
                && window.has_room(request_len(path))
            {
                self.ask_ahead(&mut window, op(path.clone()), ())?;
                sent += 1;
            }
            self.push_out(&mut window)?;
            meanwhile(answers.len(), watch);
            let answer = match self.next_of(&mut window, &mut || watch.waiting())? {
                None => {
                    self.stop(&mut window, STOP);
                    return Err(Failure::interrupted());
                }
                Some(Incoming::Chunk(_)) => return Err(self.breach("a chunk that nobody asked for")),
                Some(Incoming::Reply(Body::Ok(value))) => Ok(self.read(value)?),
                Some(Incoming::Reply(Body::Error(refusal))) => Err(Failure::refused(refusal)),
                Some(Incoming::Reply(_)) => return Err(self.breach("an answer to something else")),
            };
            window.done();
            answers.push(answer);
        }
        Ok(answers)
    }

    /// The answer to `id`; `watch` is told that it is waited for.
    pub(crate) fn wait_watched(&mut self, id: u64, watch: &mut dyn Watch) -> Result<Body, Failure> {
        match self.wait(id, &mut || watch.waiting())? {
            Incoming::Reply(body) => Ok(body),
            Incoming::Chunk(_) => Err(self.breach("a chunk that nobody asked for")),
        }
    }
}
