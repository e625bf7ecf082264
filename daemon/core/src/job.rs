//! Blocking work as values: a job owns what it works on, runs on a worker, and comes back as an outcome.

use crate::account::password::PasswordHash;
use crate::fault::{During as _, Fault};
use crate::limits::TOGETHER_BYTES;
use crate::transfer::{Alone, Appended, Hands, Published, PutFailed, Read, Sink, Small, Source, store};
use crate::vfs::{Durability, Home, Lister, Near, Removal, Renamed, Storage, Survey};
use ftp_proto::message::{Entry, Get, GetBegin, GetEnd, Kept, Page, PartEntry, Put, PutEnd, Secret};
use ftp_proto::{Chunk, Etag, UserName, VirtualPath};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// What waits only for its like: password checks starve no writes, nor the other way round, and a user's `ls` does not wait for the user's uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Password checks. Bounded tightly; a full lane rejects.
    Login,
    /// What is done to names: short, as a rule. One job per session, so it is bounded by the sessions.
    Names,
    /// What is done to the bytes of files. One job per session as well.
    Files,
}

/// Something that blocks.
#[derive(Debug)]
pub enum Job {
    /// Check a password. Always costs the same, whether the user exists or not.
    Verify {
        /// What the password should match; a decoy for an unknown user.
        hash: PasswordHash,
        /// What was given.
        password: Secret,
    },
    /// Open a user's home, making it if it is not there, and read it through.
    Survey {
        /// Where it is.
        storage: Arc<dyn Storage>,
        /// Whose home.
        user: UserName,
        /// What `ok` has to survive.
        durability: Durability,
        /// A job failed, and nobody knows how far it had come: make durable what there is before it is counted.
        doubtful: bool,
    },
    /// Note the login for `ftp-admin view`; nothing depends on it.
    NoteLogin {
        /// Whose home.
        home: Arc<Home>,
        /// From where.
        from: IpAddr,
    },
    /// See [`Home::stat`].
    Stat {
        /// Whose home.
        home: Arc<Home>,
        /// Which entry.
        path: VirtualPath,
    },
    /// See [`Home::list`].
    List {
        /// Whose home.
        home: Arc<Home>,
        /// Which directory.
        path: VirtualPath,
    },
    /// The next page of a listing.
    NextPage(Box<Lister>),
    /// See [`Home::mkdir`].
    Mkdir {
        /// Whose home.
        home: Arc<Home>,
        /// Which directory.
        path: VirtualPath,
    },
    /// An empty directory goes, durably.
    Rmdir {
        /// Whose home.
        home: Arc<Home>,
        /// Which directory.
        path: VirtualPath,
    },
    /// A file goes, durably, and it is said how many bytes it had.
    Rm {
        /// Whose home.
        home: Arc<Home>,
        /// Which file.
        path: VirtualPath,
    },
    /// See [`Home::rename`].
    Rename {
        /// Whose home.
        home: Arc<Home>,
        /// The path now.
        from: VirtualPath,
        /// The path then.
        to: VirtualPath,
        /// Whether a file there may be replaced.
        replace: bool,
    },
    /// See [`Home::parts`].
    Parts {
        /// Whose home.
        home: Arc<Home>,
    },
    /// See [`Home::remove_parts`]. No session may have them open.
    RemoveParts {
        /// Whose home.
        home: Arc<Home>,
        /// Which.
        ids: Vec<Etag>,
    },
    /// Open a file for a download and, at offset 0, read the first batch. See `Source::open`.
    OpenGet {
        /// Whose home.
        home: Arc<Home>,
        /// What is asked.
        get: Get,
    },
    /// Open a file to hash it: a `sum`. See `Source::open`.
    OpenSum {
        /// Whose home.
        home: Arc<Home>,
        /// Which file.
        path: VirtualPath,
        /// Whether the MD5 is wanted.
        md5: bool,
        /// Whether kept values will do.
        kept: Kept,
    },
    /// Hash, or prove, the next slice of what is not sent. See [`Source::hash_slice`].
    HashSource(Box<Source>),
    /// Read the next chunks into these buffers. See [`Source::read`].
    Read(Box<Source>, Vec<Vec<u8>>),
    /// Open an upload: make or find its part. See [`Sink::open`].
    OpenPut {
        /// Whose home.
        home: Arc<Home>,
        /// What is asked.
        put: Put,
    },
    /// Check the next slice of what an earlier attempt left. See [`Sink::hash_slice`].
    HashSink(Box<Sink>),
    /// Check and write chunks. See [`Sink::append`].
    Append(Box<Sink>, Vec<Chunk>),
    /// Compare, make durable, put in place. See [`Sink::finish`].
    Finish(Box<Sink>, PutEnd),
    /// Close an upload and keep its part. See [`Sink::close`].
    CloseSink(Box<Sink>),
    /// Close a download: closing a file can block too.
    CloseSource(Box<Source>),
    /// A whole small file at once. See [`crate::transfer::store`].
    Store {
        /// Whose home.
        home: Arc<Home>,
        /// The file.
        file: Box<Small>,
    },
    /// Requests of one session that follow each other, in their order: what a job costs beside its work is paid once, and files that follow each
    /// other are made durable together. After a file that is not read to its end, or enough bytes, the rest comes home undone.
    Several(Vec<Self>),
}

/// How a job ended. What it owned comes back in it.
#[derive(Debug)]
pub enum Outcome {
    /// Of [`Job::Verify`]: whether it matches.
    Verified(bool),
    /// Of [`Job::Survey`].
    Surveyed(Result<(Arc<Home>, Survey), Fault>),
    /// Of [`Job::NoteLogin`] and [`Job::CloseSource`].
    Noted,
    /// Of [`Job::Stat`].
    Stat(Result<Entry, Fault>),
    /// Of [`Job::List`] and [`Job::NextPage`]; without a lister it was the last page.
    Page(Result<(Page, Option<Box<Lister>>), Fault>),
    /// Of [`Job::Mkdir`] and [`Job::Rmdir`].
    Changed(Result<(), Fault>),
    /// Of [`Job::Rm`]: the bytes that were freed.
    Removed(Result<u64, Fault>),
    /// Of [`Job::Rename`].
    Renamed(Result<Renamed, Fault>),
    /// Of [`Job::Parts`].
    Parts(Result<Vec<PartEntry>, Fault>),
    /// Of [`Job::RemoveParts`]: which of them are gone, and the bytes that were freed; also those of a run that then failed.
    PartsRemoved(Vec<(Etag, u64)>, Result<(), Fault>),
    /// Of [`Job::OpenGet`], [`Job::OpenSum`], [`Job::HashSource`] and [`Job::Read`]: the file and what was read of it. After a fault the file is closed.
    Read(Result<Box<Read>, Fault>),
    /// Of [`Job::OpenGet`], when nothing is left to read.
    Whole(Box<Whole>),
    /// Of [`Job::OpenPut`] and [`Job::HashSink`].
    Sink(Result<Box<Sink>, PutFailed>),
    /// Of [`Job::Append`].
    Appended(Box<Appended>),
    /// Of [`Job::Finish`] and [`Job::Store`].
    Stored(Result<Published, PutFailed>),
    /// Of [`Job::CloseSink`]: the bytes its part still holds, if the disk says so.
    SinkClosed(Option<u64>),
    /// Of [`Job::Several`]: the outcomes of the first of them, and those that were not begun.
    Several(Vec<Self>, Vec<Job>),
    /// A job panicked; what it owned is lost.
    Panicked,
}

/// A file that was opened, read and closed in one job.
#[derive(Debug)]
pub struct Whole {
    /// What is said before the chunks.
    pub begin: GetBegin,
    /// All of the file.
    pub chunks: Vec<Chunk>,
    /// What is said after them.
    pub end: GetEnd,
}

impl Whole {
    fn of(read: Read) -> Self {
        let Read { source, chunks } = read;
        let (size, mtime, etag) = (source.size(), source.mtime(), source.etag());
        let (prefix, kept) = (source.prefix(), source.is_kept());
        Self { begin: GetBegin { size, mtime, etag, prefix, kept }, chunks, end: source.end() }
    }

    fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.frame().len()).sum()
    }
}

impl Job {
    /// Where it queues.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::Verify { .. } => Lane::Login,
            Self::OpenGet { .. }
            | Self::OpenSum { .. }
            | Self::HashSource(_)
            | Self::Read(..)
            | Self::OpenPut { .. }
            | Self::HashSink(_)
            | Self::Append(..)
            | Self::Finish(..)
            | Self::CloseSink(_)
            | Self::CloseSource(_)
            | Self::Store { .. } => Lane::Files,
            Self::Several(jobs) if jobs.iter().any(|job| job.lane() == Lane::Files) => Lane::Files,
            Self::Survey { .. }
            | Self::NoteLogin { .. }
            | Self::Stat { .. }
            | Self::List { .. }
            | Self::NextPage(_)
            | Self::Mkdir { .. }
            | Self::Rmdir { .. }
            | Self::Rm { .. }
            | Self::Rename { .. }
            | Self::Parts { .. }
            | Self::RemoveParts { .. }
            | Self::Several(_) => Lane::Names,
        }
    }

    /// Does the work, alone. Only a worker calls this.
    #[must_use]
    pub fn run(self) -> Outcome {
        self.run_beside(&Alone)
    }

    /// Does the work; part of it may be done by others meanwhile.
    #[must_use]
    pub fn run_beside(self, hands: &dyn Hands) -> Outcome {
        match self {
            Self::Verify { hash, password } => Outcome::Verified(hash.matches(&password)),
            Self::Survey { storage, user, durability, doubtful } => {
                if doubtful && let Err(fault) = storage.sync().during("make the disk durable") {
                    return Outcome::Surveyed(Err(fault));
                }
                Outcome::Surveyed(Home::open(&*storage, &user, durability).and_then(|home| {
                    let survey = home.survey()?;
                    Ok((Arc::new(home), survey))
                }))
            }
            Self::NoteLogin { home, from } => {
                let now = humantime::format_rfc3339_seconds(SystemTime::now());
                home.note_login(&format!("{now} {from}\n"));
                Outcome::Noted
            }
            Self::Stat { home, path } => Outcome::Stat(home.stat(&path)),
            Self::List { home, path } => Outcome::Page(home.list(&path).and_then(Lister::page)),
            Self::NextPage(lister) => Outcome::Page(lister.page()),
            Self::Mkdir { home, path } => Outcome::Changed(home.mkdir(&path)),
            Self::Rmdir { .. } | Self::Rm { .. } => removed(&[self]).remove(0),
            Self::Rename { home, from, to, replace } => Outcome::Renamed(home.rename(&from, &to, replace)),
            Self::Parts { home } => Outcome::Parts(home.parts()),
            Self::RemoveParts { home, ids } => {
                let (removed, result) = home.remove_parts(&ids);
                Outcome::PartsRemoved(removed, result)
            }
            Self::OpenGet { home, get } => open_get(&home, &get, &mut Near::default()),
            Self::OpenSum { home, path, md5, kept } => {
                Outcome::Read(Source::open_sum(&home, &path, md5, kept, hands))
            }
            Self::HashSource(source) => Outcome::Read(source.hash_slice(hands)),
            Self::Read(source, buffers) => Outcome::Read(source.read(buffers)),
            Self::OpenPut { home, put } => Outcome::Sink(Sink::open(home, put).map(Box::new)),
            Self::HashSink(sink) => Outcome::Sink(sink.hash_slice()),
            Self::Append(sink, chunks) => Outcome::Appended(Box::new(sink.append(chunks))),
            Self::Finish(sink, end) => Outcome::Stored(sink.finish(&end)),
            Self::CloseSink(sink) => Outcome::SinkClosed(sink.close()),
            Self::CloseSource(source) => {
                drop(source);
                Outcome::Noted
            }
            Self::Store { home, file } => stored(&home, &[*file]).remove(0),
            Self::Several(jobs) => several(jobs),
        }
    }

    /// One word for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verify { .. } => "verify",
            Self::Survey { .. } => "survey",
            Self::NoteLogin { .. } => "note_login",
            Self::Stat { .. } => "stat",
            Self::List { .. } | Self::NextPage(_) => "list",
            Self::Mkdir { .. } => "mkdir",
            Self::Rmdir { .. } => "rmdir",
            Self::Rm { .. } => "rm",
            Self::Rename { .. } => "rename",
            Self::Parts { .. } => "parts",
            Self::RemoveParts { .. } => "remove_parts",
            Self::OpenGet { .. } => "open_get",
            Self::OpenSum { .. } => "open_sum",
            Self::HashSource(_) => "hash_source",
            Self::Read(..) => "read",
            Self::OpenPut { .. } => "open_put",
            Self::HashSink(_) => "hash_sink",
            Self::Append(..) => "append",
            Self::Finish(..) => "finish",
            Self::CloseSink(_) => "close_sink",
            Self::CloseSource(_) => "close_source",
            Self::Store { .. } => "store",
            Self::Several(_) => "several",
        }
    }
}

fn open_get(home: &Arc<Home>, get: &Get, near: &mut Near) -> Outcome {
    match Source::open_get_near(home, get, near) {
        Ok(read) if read.source.is_done() => Outcome::Whole(Box::new(Whole::of(*read))),
        result => Outcome::Read(result),
    }
}

fn stored(home: &Home, files: &[Small]) -> Vec<Outcome> {
    store(home, files).into_iter().map(Outcome::Stored).collect()
}

/// Of [`Job::Rm`] and [`Job::Rmdir`], all of one home.
fn removed(jobs: &[Job]) -> Vec<Outcome> {
    let removals = jobs.iter().filter_map(|job| match job {
        Job::Rm { home, path } => Some((home, Removal::File(path))),
        Job::Rmdir { home, path } => Some((home, Removal::Dir(path))),
        _ => None,
    });
    let (homes, removals): (Vec<_>, Vec<_>) = removals.unzip();
    let results = homes.first().map_or_else(Vec::new, |home| home.remove(&removals));
    let outcomes = removals.iter().zip(results).map(|(removal, result)| match removal {
        Removal::File(_) => Outcome::Removed(result),
        Removal::Dir(_) => Outcome::Changed(result.map(|_| ())),
    });
    outcomes.collect()
}

fn several(jobs: Vec<Job>) -> Outcome {
    let mut jobs = jobs.into_iter().peekable();
    let (mut outcomes, mut near, mut bytes) = (Vec::new(), Near::default(), 0);
    while bytes < TOGETHER_BYTES
        && let Some(job) = jobs.next()
    {
        match job {
            Job::Store { home, file } => {
                let mut files = vec![*file];
                while let Some(Job::Store { file, .. }) =
                    jobs.next_if(|next| matches!(next, Job::Store { .. }))
                {
                    files.push(*file);
                }
                outcomes.extend(stored(&home, &files));
            }
            Job::OpenGet { home, get } => {
                let outcome = open_get(&home, &get, &mut near);
                let is_open = matches!(outcome, Outcome::Read(Ok(_)));
                bytes += if let Outcome::Whole(whole) = &outcome { whole.bytes() } else { 0 };
                outcomes.push(outcome);
                if is_open {
                    break;
                }
            }
            job @ (Job::Rm { .. } | Job::Rmdir { .. }) => {
                near = Near::default();
                let is_removal = |next: &Job| matches!(next, Job::Rm { .. } | Job::Rmdir { .. });
                let mut run = vec![job];
                run.extend(std::iter::from_fn(|| jobs.next_if(is_removal)));
                outcomes.extend(removed(&run));
            }
            job => {
                // It may move the directory.
                near = Near::default();
                outcomes.push(job.run());
            }
        }
    }
    Outcome::Several(outcomes, jobs.collect())
}
