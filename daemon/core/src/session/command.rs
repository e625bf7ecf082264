//! Requests that are a job or two: look, make, remove, rename, sum.

use super::effects::{Context, Record};
use super::explain;
use super::task::Task;
use crate::fault::Fault;
use crate::job::{Job, Outcome};
use crate::limits::REPLY_BYTES;
use crate::vfs::{Lister, exists};
use ftp_proto::message::{Body, Done, Listed, Op, Parts, PartsRemoved, Refusal, Removed, Reply, Stat, Sum};
use ftp_proto::{Code, Etag};
use std::sync::Arc;

/// One such request.
#[derive(Debug)]
pub(super) struct Command {
    id: u64,
    doing: Doing,
}

#[derive(Debug)]
enum Doing {
    /// The login is noted, or a file closed; there is no answer to give.
    Closing,
    Stat,
    /// Pages so far held so many entries; a job reads the next.
    Listing(u64),
    /// The replies wait for the client to take them.
    Paging(u64, Box<Lister>),
    /// An entry was added to the ledger for it.
    Mkdir(Record),
    /// A directory for which the ledger has no entry left: it is looked for, so that one that is there is not asked for again and again.
    Full(Record, Box<Refusal>),
    /// The removal of a directory or a file, or a rename.
    Changing(Record),
    Sum,
    Parts,
    /// These parts are held so that no put opens them.
    RemovingParts(Vec<Etag>),
}

/// A task that notes the login and answers nothing.
pub(super) fn note_login(cx: &mut Context<'_>) -> Task {
    cx.fx.submit(Job::NoteLogin { home: Arc::clone(&cx.who.home), from: cx.who.peer.ip() });
    Task::Command(Command { id: 0, doing: Doing::Closing })
}

/// Begins the request, or refuses it.
pub(super) fn start(id: u64, op: Op, cx: &mut Context<'_>) -> Option<(Task, Job)> {
    let home = Arc::clone(&cx.who.home);
    let record = |op, path: &_, to: Option<&_>| Record {
        op,
        path: Clone::clone(path),
        to: to.cloned(),
        started: cx.now,
    };
    let (doing, job) = match op {
        Op::Stat { path } => (Doing::Stat, Job::Stat { home, path }),
        Op::List { path } => (Doing::Listing(0), Job::List { home, path }),
        Op::Sum { path, md5, kept } => (Doing::Sum, Job::OpenSum { home, path, md5, kept }),
        Op::Parts => (Doing::Parts, Job::Parts { home }),
        Op::Rmdir { path } => (Doing::Changing(record("rmdir", &path, None)), Job::Rmdir { home, path }),
        Op::Rm { path } => (Doing::Changing(record("rm", &path, None)), Job::Rm { home, path }),
        Op::Rename { from, to, replace } => {
            (Doing::Changing(record("rename", &from, Some(&to))), Job::Rename { home, from, to, replace })
        }
        Op::Mkdir { path } => {
            let record = record("mkdir", &path, None);
            let added = cx.who.tenant.ledger().add_entry();
            match added {
                Ok(()) => (Doing::Mkdir(record), Job::Mkdir { home, path }),
                Err(refusal) => (Doing::Full(record, Box::new(refusal)), Job::Stat { home, path }),
            }
        }
        Op::PartsRm { part } => match hold_parts(part, cx) {
            Ok(ids) => (Doing::RemovingParts(ids.clone()), Job::RemoveParts { home, ids }),
            Err(refusal) => {
                cx.fx.refuse(id, refusal);
                return None;
            }
        },
        _ => {
            cx.fx.refuse(id, explain::unsupported());
            return None;
        }
    };
    Some((Task::Command(Command { id, doing }), job))
}

/// The parts to remove, held until that is done.
fn hold_parts(part: Option<Etag>, cx: &mut Context<'_>) -> Result<Vec<Etag>, Refusal> {
    let tenant = &cx.who.tenant;
    let mut open = tenant.open.borrow_mut();
    let ids: Vec<Etag> = match part {
        Some(id) if open.contains(&id) => {
            return Err(Refusal::new(Code::Conflict, "a session is working on that upload"));
        }
        Some(id) => vec![id],
        None => tenant.ledger().parts().filter(|id| !open.contains(id)).collect(),
    };
    open.extend(&ids);
    Ok(ids)
}

impl Command {
    /// The id of the request, if it has an answer.
    pub(super) fn id(&self) -> Option<u64> {
        (self.id != 0).then_some(self.id)
    }

    /// True while it waits for the client to take replies.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.doing, Doing::Paging(..))
    }

    /// Goes on when replies were taken, or when it is doomed.
    pub(super) fn go_on(self, cx: &mut Context<'_>) -> Task {
        match self.doing {
            Doing::Paging(entries, lister)
                if cx.doom.is_some() || cx.fx.outbox.message_bytes() < REPLY_BYTES / 2 =>
            {
                cx.fx.submit(Job::NextPage(lister));
                Task::Command(Self { doing: Doing::Listing(entries), ..self })
            }
            doing => Task::Command(Self { doing, ..self }),
        }
    }

    /// Goes on when a job came home.
    pub(super) fn on_outcome(self, outcome: Outcome, cx: &mut Context<'_>) -> Task {
        let id = self.id;
        match (self.doing, outcome) {
            (Doing::Closing, _) => {}
            (Doing::Stat, Outcome::Stat(result)) => answer(id, result.map(|entry| Stat { entry }), cx),
            (Doing::Listing(before), Outcome::Page(result)) => return page(id, before, result, cx),
            (Doing::Mkdir(record), Outcome::Changed(result)) => {
                cx.who.tenant.settle(&result);
                if matches!(result, Err(Fault::Refused(_))) {
                    cx.who.tenant.ledger().removed(0);
                }
                recorded(id, record, result.map(|()| (Done {}, 0)), cx);
            }
            (Doing::Full(record, refusal), Outcome::Stat(found)) => {
                let fault = match found {
                    Ok(_) => exists(&record.path),
                    Err(Fault::Refused(why)) if why.code == Code::NotFound => Fault::Refused(refusal),
                    Err(fault) => fault,
                };
                recorded(id, record, Err::<(Done, _), _>(fault), cx);
            }
            (Doing::Changing(record), Outcome::Changed(result)) => {
                cx.who.tenant.settle(&result);
                if result.is_ok() {
                    cx.who.tenant.ledger().removed(0);
                }
                recorded(id, record, result.map(|()| (Done {}, 0)), cx);
            }
            (Doing::Changing(record), Outcome::Removed(result)) => {
                cx.who.tenant.settle(&result);
                if let Ok(bytes) = result {
                    cx.who.tenant.ledger().removed(bytes);
                }
                recorded(id, record, result.map(|bytes| (Removed { bytes }, bytes)), cx);
            }
            (Doing::Changing(record), Outcome::Renamed(result)) => {
                cx.who.tenant.settle(&result);
                if let Ok(Some(bytes)) = result.as_ref().map(|renamed| renamed.replaced) {
                    cx.who.tenant.ledger().removed(bytes);
                }
                recorded(id, record, result.map(|_| (Done {}, 0)), cx);
            }
            (Doing::Sum, Outcome::Read(Ok(read))) => return sum(id, read.source, cx),
            (Doing::Parts, Outcome::Parts(result)) => answer(id, result.map(|parts| Parts { parts }), cx),
            (Doing::RemovingParts(ids), Outcome::PartsRemoved(removed, result)) => {
                release(&ids, cx);
                cx.who.tenant.settle(&result);
                // Those of a run that was refused half-way are gone too.
                if matches!(result, Ok(()) | Err(Fault::Refused(_))) {
                    removed.iter().for_each(|(part, _)| cx.who.tenant.ledger().part_removed(*part));
                }
                let bytes = removed.iter().map(|(_, bytes)| bytes).sum();
                answer(id, result.map(|()| PartsRemoved { parts: removed.len() as u64, bytes }), cx);
            }
            (Doing::Sum, Outcome::Read(Err(fault))) => {
                cx.fail(id, &fault);
            }
            (doing, outcome) => {
                if let Doing::RemovingParts(ids) = &doing {
                    release(ids, cx);
                }
                if matches!(doing, Doing::Mkdir(_) | Doing::Changing(_) | Doing::RemovingParts(_)) {
                    cx.who.tenant.ledger().doubt();
                }
                let what = if matches!(outcome, Outcome::Panicked) {
                    "a job panicked"
                } else {
                    "a job came home to the wrong request"
                };
                cx.fail(id, &Fault::Bug(what));
            }
        }
        Task::Idle
    }
}

fn release(ids: &[Etag], cx: &mut Context<'_>) {
    let mut open = cx.who.tenant.open.borrow_mut();
    ids.iter().for_each(|id| {
        open.remove(id);
    });
}

fn answer(id: u64, result: Result<impl serde::Serialize, Fault>, cx: &mut Context<'_>) {
    match result {
        Ok(body) => cx.fx.ok(id, &body),
        Err(fault) => {
            cx.fail(id, &fault);
        }
    }
}

fn recorded(
    id: u64,
    record: Record,
    result: Result<(impl serde::Serialize, u64), Fault>,
    cx: &mut Context<'_>,
) {
    match result {
        Ok((body, bytes)) => {
            cx.fx.ok(id, &body);
            record.note(cx, bytes, None, Ok(()));
        }
        Err(fault) => {
            let refusal = cx.fail(id, &fault);
            record.note(cx, 0, None, Err(&refusal));
        }
    }
}

type Paged = Result<(ftp_proto::message::Page, Option<Box<Lister>>), Fault>;

fn page(id: u64, before: u64, result: Paged, cx: &mut Context<'_>) -> Task {
    let (page, lister) = match result {
        Ok(found) => found,
        Err(fault) => {
            cx.fail(id, &fault);
            return Task::Idle;
        }
    };
    if let Some(doom) = cx.doom {
        // The lister's directory closes here: it holds no data to be flushed.
        cx.fx.refuse(id, doom.clone());
        return Task::Idle;
    }
    let entries = before + page.entries.len() as u64;
    if !page.entries.is_empty() {
        cx.fx.say(&Reply { re: id, body: Body::Page(page) });
    }
    match lister {
        Some(lister) => Command { id, doing: Doing::Paging(entries, lister) }.go_on(cx),
        None => {
            cx.fx.ok(id, &Listed { entries });
            Task::Idle
        }
    }
}

fn sum(id: u64, source: Box<crate::transfer::Source>, cx: &mut Context<'_>) -> Task {
    if let Some(doom) = cx.doom {
        cx.fx.refuse(id, doom.clone());
    } else if source.is_hashing() {
        cx.fx.submit(Job::HashSource(source));
        return Task::Command(Command { id, doing: Doing::Sum });
    } else {
        let end = source.end();
        let (size, mtime, etag) = (source.size(), source.mtime(), source.etag());
        cx.fx.ok(id, &Sum { size, mtime, etag, root: end.root, md5: end.md5, kept: source.is_skipped() });
    }
    cx.fx.submit(Job::CloseSource(source));
    Task::Command(Command { id: 0, doing: Doing::Closing })
}
