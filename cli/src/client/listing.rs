//! Listings: whole ones, several at once, and one that somebody who types would like to have, if it comes soon. One that comes late is kept for the next time it is wanted; as soon as anything
//! else is asked, the daemon is told to stop it, and what still comes of it is dropped.

use super::{Client, ENTRIES, Incoming, NAMES, Window, request_len};
use crate::failure::{Cause, Failure};
use ftp_proto::message::{Body, Entry, Listed, Op, Page};
use ftp_proto::{Frame, VirtualPath};
use std::time::{Duration, Instant};

/// Entries of directories that are listed before their turn: when there are so many, no more are waited for.
pub(crate) const EARLY: usize = 8192;
/// How long the daemon may take to stop the others,
const PATIENCE: Duration = Duration::from_secs(5);
/// and all after Ctrl-C.
const STOP: Duration = Duration::from_secs(1);

/// What has come of a listing.
#[derive(Default)]
struct Seen {
    entries: usize,
    names: usize,
}

impl Seen {
    /// Counts a page; what is wrong with it, or with so much, is the daemon's fault.
    fn add(&mut self, page: &Page) -> Result<(), &'static str> {
        if page.entries.is_empty() {
            return Err("a page with nothing in it");
        }
        self.entries += page.entries.len();
        self.names += page.entries.iter().map(Entry::name_len).sum::<usize>();
        if self.entries > ENTRIES || self.names > NAMES {
            return Err("a listing has no end");
        }
        Ok(())
    }
}

/// A listing under way.
pub(super) struct Ahead {
    id: u64,
    path: VirtualPath,
    entries: Vec<Entry>,
    seen: Seen,
    /// The end of it.
    end: Option<Body>,
    /// It is not wanted any more; this is the request that stops it.
    stop: Option<u64>,
}

impl Ahead {
    fn new(id: u64, path: &VirtualPath) -> Self {
        Self { id, path: path.clone(), entries: Vec::new(), seen: Seen::default(), end: None, stop: None }
    }
}

impl Client {
    /// All entries of a directory, sorted by name; each has one, and none has the name of another. At most [`ENTRIES`], with [`NAMES`] bytes of names.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn list(&mut self, path: &VirtualPath) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        let listed = self.list_each(path, &mut |entry| entries.push(entry))?;
        self.whole(entries, &listed)
    }

    /// Hands over the entries of a directory as they come, within the bounds of [`Client::list`]. They are in no order, and nobody has looked whether two
    /// have one name, or one none: see [`Client::unnamed`] and [`Client::twins`].
    ///
    /// # Errors
    /// As the daemon says.
    pub(crate) fn list_each(
        &mut self,
        path: &VirtualPath,
        take: &mut dyn FnMut(Entry),
    ) -> Result<Listed, Failure> {
        let id = self.send(Op::List { path: path.clone() })?;
        let mut seen = Seen::default();
        loop {
            match self.wait_reply(id)? {
                Body::Page(page) => {
                    seen.add(&page).map_err(|what| self.breach(what))?;
                    page.entries.into_iter().for_each(&mut *take);
                }
                Body::Ok(value) => {
                    let listed: Listed = self.read(value)?;
                    if listed.entries != seen.entries as u64 {
                        return Err(self.breach("a listing is not whole"));
                    }
                    return Ok(listed);
                }
                Body::Error(refusal) => return Err(Failure::refused(refusal)),
                Body::Begin(_) => return Err(self.breach("a listing cannot begin")),
            }
        }
    }

    /// Lists directories, several requests being under way at once: the first of them, and as many of the others as have few entries together. Gives each as
    /// [`Client::list`] does, in their order; there may be fewer than were asked for, but the first is among them.
    ///
    /// # Errors
    /// Those that end all of it; no answer is outstanding then.
    pub(crate) fn lists(
        &mut self,
        paths: &[VirtualPath],
    ) -> Result<Vec<Result<Vec<Entry>, Failure>>, Failure> {
        let mut window = Window::reading(self);
        let (mut listings, mut sent, mut early) = (Vec::new(), 0, 0);
        let (mut entries, mut seen) = (Vec::new(), Seen::default());
        while listings.len() < paths.len() {
            while let Some(path) = paths.get(sent).filter(|path| window.has_room(request_len(path))) {
                self.ask_ahead(&mut window, Op::List { path: path.clone() }, ())?;
                sent += 1;
            }
            let listing = match self.next_of(&mut window, &mut || {}) {
                // What has come counts; who asks for the rest finds out.
                Err(failure) if failure.cause == Cause::Connection && !listings.is_empty() => break,
                Err(failure) => return Err(failure),
                Ok(None) => {
                    self.stop(&mut window, STOP);
                    return Err(Failure::interrupted());
                }
                Ok(Some(Incoming::Reply(Body::Page(page)))) => {
                    seen.add(&page).map_err(|what| self.breach(what))?;
                    entries.extend(page.entries);
                    if !listings.is_empty() && early + entries.len() > EARLY {
                        self.stop(&mut window, PATIENCE);
                        break;
                    }
                    continue;
                }
                Ok(Some(Incoming::Reply(Body::Ok(value)))) => {
                    let listed: Listed = self.read(value)?;
                    Ok(self.whole(std::mem::take(&mut entries), &listed)?)
                }
                Ok(Some(Incoming::Reply(Body::Error(refusal)))) => {
                    entries.clear();
                    Err(Failure::refused(refusal))
                }
                Ok(Some(_)) => return Err(self.breach("an answer to something else")),
            };
            window.done();
            seen = Seen::default();
            if !listings.is_empty() {
                early += listing.as_ref().map_or(0, Vec::len);
            }
            listings.push(listing);
        }
        Ok(listings)
    }

    pub(crate) fn unnamed(&mut self) -> Failure {
        self.breach("an entry has no name")
    }

    pub(crate) fn twins(&mut self) -> Failure {
        self.breach("a name is there twice")
    }

    /// A listing at its end.
    fn whole(&mut self, mut entries: Vec<Entry>, listed: &Listed) -> Result<Vec<Entry>, Failure> {
        if listed.entries != entries.len() as u64 {
            return Err(self.breach("a listing is not whole"));
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if entries.first().is_some_and(|first| first.name.is_none()) {
            return Err(self.unnamed());
        }
        if entries.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return Err(self.twins());
        }
        Ok(entries)
    }

    /// The entries of a directory as [`Client::list`] has them, if they come within `patience`; none if they do not. The connection can be used for anything
    /// meanwhile, and the same call may give them later.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn list_within(
        &mut self,
        path: &VirtualPath,
        patience: Duration,
    ) -> Result<Option<Vec<Entry>>, Failure> {
        let end = Instant::now() + patience;
        if self.ahead.as_ref().is_some_and(|ahead| ahead.path != *path) {
            self.leave_ahead()?;
        }
        loop {
            if self.ahead.is_none() {
                let id = self.send(Op::List { path: path.clone() })?;
                self.ahead = Some(Ahead::new(id, path));
            }
            if let Some(body) = self.ahead.as_mut().and_then(|ahead| ahead.end.take()) {
                let entries = self.ahead.take().map(|ahead| ahead.entries).unwrap_or_default();
                return match body {
                    Body::Error(refusal) => Err(Failure::refused(refusal)),
                    Body::Ok(value) => {
                        let listed: Listed = self.read(value)?;
                        self.whole(entries, &listed).map(Some)
                    }
                    Body::Begin(_) | Body::Page(_) => Err(self.breach("a listing cannot begin")),
                };
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            let frame = self.link.frame();
            match self.watch(frame)? {
                None => {}
                Some(Frame::Chunk(_)) => return Err(self.breach("a chunk that nobody asked for")),
                // Nothing else was asked.
                Some(Frame::Message(text)) => {
                    self.sort(0, Frame::Message(text))?;
                }
            }
        }
    }

    /// Something else is to be asked: stops what is under way.
    pub(super) fn leave_ahead(&mut self) -> Result<(), Failure> {
        let Some(target) = self.ahead.as_ref().filter(|ahead| ahead.stop.is_none()).map(|ahead| ahead.id)
        else {
            return Ok(());
        };
        if self.ahead.as_ref().is_some_and(|ahead| ahead.end.is_some()) {
            self.ahead = None;
            return Ok(());
        }
        let stop = self.send(Op::Abort { target })?;
        if let Some(ahead) = &mut self.ahead {
            (ahead.stop, ahead.entries) = (Some(stop), Vec::new());
        }
        Ok(())
    }

    /// Takes an answer that belongs to it, and gives back any other.
    pub(super) fn take_ahead(&mut self, re: u64, body: Body) -> Result<Option<Body>, Failure> {
        let Some(ahead) = &mut self.ahead else { return Ok(Some(body)) };
        if ahead.stop == Some(re) {
            // The daemon answers what it stops before.
            self.ahead = None;
            return Ok(None);
        }
        if re != ahead.id {
            return Ok(Some(body));
        }
        match body {
            _ if ahead.stop.is_some() => {}
            Body::Page(page) => {
                let counted = ahead.seen.add(&page);
                ahead.entries.extend(page.entries);
                counted.map_err(|what| self.breach(what))?;
            }
            end => ahead.end = Some(end),
        }
        Ok(None)
    }
}
