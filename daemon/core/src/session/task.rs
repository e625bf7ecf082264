//! What a logged-in session is doing: one request at a time.

use super::command::Command;
use super::effects::Context;
use super::get::{self, Download};
use super::put::{self, Upload};
use super::{command, explain};
use crate::job::Outcome;
use ftp_proto::Code;
use ftp_proto::message::{Op, Refusal, Request};

/// The request that is being carried out. Every step consumes the task and gives the next.
#[derive(Debug, Default)]
pub(super) enum Task {
    /// None.
    #[default]
    Idle,
    /// One that is a job or two.
    Command(Command),
    /// A download.
    Get(Download),
    /// An upload.
    Put(Upload),
}

impl Task {
    /// Begins a request.
    pub(super) fn start(request: Request, cx: &mut Context<'_>) -> Self {
        let id = request.id;
        match request.op {
            Op::Get(what) => get::start(id, what, cx),
            Op::Put(what) => put::start(id, what, cx),
            Op::Login(_) => {
                cx.fx.refuse(id, Refusal::new(Code::BadRequest, "somebody is logged in; log out first"));
                Self::Idle
            }
            // Answered where they are read.
            Op::Ping | Op::Abort { .. } | Op::PutEnd(_) | Op::Logout | Op::Info => {
                cx.fx.refuse(id, explain::unsupported());
                Self::Idle
            }
            op => command::start(id, op, cx),
        }
    }

    /// Goes on when a job came home.
    pub(super) fn on_outcome(self, outcome: Outcome, cx: &mut Context<'_>) -> Self {
        match self {
            Self::Idle => Self::Idle,
            Self::Command(command) => command.on_outcome(outcome, cx),
            Self::Get(download) => download.on_outcome(outcome, cx),
            Self::Put(upload) => upload.on_outcome(outcome, cx),
        }
    }

    /// Goes on when something else happened: chunks came, bytes were sent, it was doomed.
    pub(super) fn go_on(self, cx: &mut Context<'_>) -> Self {
        match self {
            Self::Get(download) => download.go_on(cx),
            Self::Put(upload) => upload.go_on(cx),
            Self::Command(command) => command.go_on(cx),
            Self::Idle => Self::Idle,
        }
    }

    /// The id of the request.
    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Self::Idle => None,
            Self::Command(command) => command.id(),
            Self::Get(download) => Some(download.id),
            Self::Put(upload) => Some(upload.id),
        }
    }

    /// There is none.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// It waits for the client and not for a job.
    pub(super) fn is_waiting(&self) -> bool {
        match self {
            Self::Idle => true,
            Self::Command(command) => command.is_waiting(),
            Self::Get(download) => download.is_waiting(),
            Self::Put(upload) => upload.is_waiting(),
        }
    }
}
