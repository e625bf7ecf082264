//! What a logged-in session is doing: one request at a time, or several small ones.

use super::command::Command;
use super::effects::Context;
use super::get::{self, Download};
use super::put::{self, Upload};
use super::several::Several;
use super::{command, explain};
use crate::job::{Job, Outcome};
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
    /// Several at once.
    Several(Several),
}

impl Task {
    /// Begins a request: what it is, and its first job. None if it is refused.
    pub(super) fn begin(request: Request, cx: &mut Context<'_>) -> Option<(Self, Job)> {
        let id = request.id;
        match request.op {
            Op::Get(what) => Some(get::start(id, what, cx)),
            Op::Put(what) => put::start(id, what, cx),
            Op::Login(_) => {
                cx.fx.refuse(id, Refusal::new(Code::BadRequest, "somebody is logged in; log out first"));
                None
            }
            // Answered where they are read.
            Op::Ping | Op::Abort { .. } | Op::PutEnd(_) | Op::Logout | Op::Info => {
                cx.fx.refuse(id, explain::unsupported());
                None
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
            Self::Several(several) => several.on_outcome(outcome, cx),
        }
    }

    /// Goes on when something else happened: chunks came, bytes were sent, it was doomed.
    pub(super) fn go_on(self, cx: &mut Context<'_>) -> Self {
        match self {
            Self::Get(download) => download.go_on(cx),
            Self::Put(upload) => upload.go_on(cx),
            Self::Command(command) => command.go_on(cx),
            Self::Several(several) => several.go_on(cx),
            Self::Idle => Self::Idle,
        }
    }

    /// It is the request of this id, or one of several.
    pub(super) fn has(&self, id: u64) -> bool {
        match self {
            Self::Idle => false,
            Self::Command(command) => command.id() == Some(id),
            Self::Get(download) => download.id == id,
            Self::Put(upload) => upload.id == id,
            Self::Several(several) => several.has(id),
        }
    }

    /// How many requests it is.
    pub(super) fn requests(&self) -> usize {
        match self {
            Self::Idle => 0,
            Self::Command(_) | Self::Get(_) | Self::Put(_) => 1,
            Self::Several(several) => several.len(),
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
            Self::Several(several) => several.is_waiting(),
        }
    }
}
