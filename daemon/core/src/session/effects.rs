//! What a session brings about: bytes to send, jobs, notes. And what its tasks are given to work with.

use super::inbox::Inbox;
use super::outbox::Outbox;
use crate::account::user_file::User;
use crate::audit::{Audit, Operate};
use crate::fault::Fault;
use crate::job::Job;
use crate::machine::Action;
use crate::registry::Tenant;
use crate::vfs::Home;
use ftp_proto::message::{Refusal, Reply};
use ftp_proto::{Root, UserName, VirtualPath};
use serde::Serialize;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Bytes and actions that wait for the reactor.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) outbox: Outbox,
    pub(super) actions: VecDeque<Action>,
    /// A job is under way.
    pub(super) job: bool,
    /// The connection is ending: nothing more is said.
    pub(super) mute: bool,
}

impl Effects {
    /// Has a job run. There is one at a time.
    pub(super) fn submit(&mut self, job: Job) {
        debug_assert!(!self.job, "one job at a time");
        self.job = true;
        self.actions.push_back(Action::Submit(job));
    }

    /// Sends a message.
    pub(super) fn say(&mut self, message: &impl Serialize) {
        if !self.mute {
            self.outbox.message(message);
        }
    }

    /// Answers a request with `ok`.
    pub(super) fn ok(&mut self, re: u64, body: &impl Serialize) {
        self.say(&Reply::ok(re, body));
    }

    /// Answers a request with an error.
    pub(super) fn refuse(&mut self, re: u64, refusal: Refusal) {
        self.say(&Reply::error(re, refusal));
    }

    /// Writes to a log.
    pub(super) fn note(&mut self, audit: Audit) {
        self.actions.push_back(Action::Note(audit));
    }
}

/// Who is logged in, and what is theirs.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) peer: SocketAddr,
    pub(super) name: UserName,
    /// The account as it was at the login.
    pub(super) user: User,
    pub(super) tenant: Rc<Tenant>,
    pub(super) home: Arc<Home>,
}

/// What a task works with.
pub(super) struct Context<'a> {
    pub(super) now: Instant,
    pub(super) fx: &'a mut Effects,
    pub(super) inbox: &'a mut Inbox,
    pub(super) who: &'a Who,
    /// Why the task should end as soon as its files are home.
    pub(super) doom: Option<&'a Refusal>,
}

impl Context<'_> {
    /// Answers a request with what failed, and tells the operator what is theirs to know.
    pub(super) fn fail(&mut self, re: u64, fault: &Fault) -> Refusal {
        if !matches!(fault, Fault::Refused(_)) {
            let (peer, user) = (self.who.peer, Some(self.who.name.clone()));
            self.fx.note(Audit::Failed { peer, user, what: fault.to_string() });
        }
        let refusal = fault.refusal();
        self.fx.refuse(re, refusal.clone());
        refusal
    }
}

/// A line of the operations' log in the making.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) op: &'static str,
    pub(super) path: VirtualPath,
    pub(super) to: Option<VirtualPath>,
    pub(super) started: Instant,
}

impl Record {
    /// Writes it.
    pub(super) fn note(
        self,
        cx: &mut Context<'_>,
        bytes: u64,
        root: Option<Root>,
        result: Result<(), &Refusal>,
    ) {
        cx.fx.note(Audit::Operate(Operate {
            peer: cx.who.peer,
            user: cx.who.name.clone(),
            op: self.op,
            path: self.path,
            to: self.to,
            bytes,
            took: cx.now.saturating_duration_since(self.started),
            root,
            result: result.map_err(|refusal| refusal.code),
        }));
    }
}
