//! Requests that follow each other and whose work is one job.
//!
//! A client that sends its requests without waiting keeps many small ones waiting here. Each costs more in ways between threads than in work, and each
//! put of its own would wait for the disk on its own. So those that are a matter of one job go together, either changes or reads, and each still has
//! its own reservation, its own answer, in order, and its own end.

use super::effects::{Context, Who};
use super::put;
use super::task::Task;
use crate::fault::Fault;
use crate::job::{Job, Outcome};
use crate::limits::TOGETHER;
use ftp_proto::message::{Done, Get, Op, Put, Refusal, Request};
use std::collections::VecDeque;

/// Such requests, those that are not done with.
#[derive(Debug)]
pub(super) struct Several {
    members: VecDeque<Member>,
}

#[derive(Debug)]
struct Member {
    id: u64,
    task: Task,
    /// Its job, which came home undone.
    job: Option<Job>,
    /// Why it should end as soon as it can.
    doom: Option<Refusal>,
    /// The `abort` to answer when it has.
    abort: Option<u64>,
}

/// What may go together. Changes are all carried out once they are begun; reads are not where nobody waits for them any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change,
    Read,
}

impl Kind {
    /// None for what goes alone.
    fn of(op: &Op) -> Option<Self> {
        match op {
            Op::Put(Put { eager: true, .. })
            | Op::Mkdir { .. }
            | Op::Rmdir { .. }
            | Op::Rm { .. }
            | Op::Rename { .. } => Some(Self::Change),
            Op::Get(Get { offset: 0, .. }) | Op::Stat { .. } => Some(Self::Read),
            _ => None,
        }
    }
}

/// Whether a request may wait for others that could go with it.
pub(super) fn is_of_a_kind(op: &Op) -> bool {
    Kind::of(op).is_some()
}

/// Whether it would be begun now. One that would be refused has its turn when what is before it is done, and perhaps has made room.
fn would_begin(op: &Op, who: &Who) -> bool {
    match op {
        Op::Put(put) => put::would_begin(put, who),
        Op::Mkdir { .. } => who.tenant.ledger().has_an_entry(),
        _ => true,
    }
}

/// Begins a request, and with it those that follow and can go with it.
pub(super) fn start(first: Request, cx: &mut Context<'_>) -> Task {
    let kind = Kind::of(&first.op);
    let mut next = Some(first);
    let (mut members, mut jobs) = (VecDeque::new(), Vec::new());
    while let Some(request) = next.take() {
        let id = request.id;
        if let Some((task, job)) = Task::begin(request, cx) {
            members.push_back(Member { id, task, job: None, doom: None, abort: None });
            jobs.push(job);
        }
        if kind.is_some() && !members.is_empty() && members.len() < TOGETHER {
            let who = cx.who;
            next = cx
                .inbox
                .pop_ready_if(|request| Kind::of(&request.op) == kind && would_begin(&request.op, who));
        }
    }
    submit(jobs, cx);
    if members.len() > 1 {
        return Task::Several(Several { members });
    }
    members.pop_front().map_or(Task::Idle, |member| member.task)
}

fn submit(mut jobs: Vec<Job>, cx: &mut Context<'_>) {
    match jobs.len() {
        0 => {}
        1 => cx.fx.submit(jobs.remove(0)),
        _ => cx.fx.submit(Job::Several(jobs)),
    }
}

impl Member {
    /// Its job is under way.
    fn is_at_work(&self) -> bool {
        self.job.is_none() && !self.task.is_waiting()
    }

    fn step(&mut self, cx: &mut Context<'_>, step: impl FnOnce(Task, &mut Context<'_>) -> Task) {
        let doom = cx.doom.or(self.doom.as_ref());
        let mut cx = Context { now: cx.now, fx: &mut *cx.fx, inbox: &mut *cx.inbox, who: cx.who, doom };
        self.task = step(std::mem::take(&mut self.task), &mut cx);
    }

    fn on_outcome(&mut self, outcome: Outcome, cx: &mut Context<'_>) {
        self.step(cx, |task, cx| task.on_outcome(outcome, cx));
    }

    /// It is not begun, and nobody wants it any more.
    fn withdraw(&mut self, cx: &mut Context<'_>) {
        if let Some(doom) = cx.doom.or(self.doom.as_ref()).cloned()
            && self.job.take().is_some()
        {
            let fault = Fault::Refused(Box::new(doom));
            let outcome = if matches!(self.task, Task::Get(_)) {
                Outcome::Read(Err(fault))
            } else {
                Outcome::Stat(Err(fault))
            };
            self.on_outcome(outcome, cx);
        }
    }
}

impl Several {
    /// Goes on when a job came home.
    pub(super) fn on_outcome(mut self, outcome: Outcome, cx: &mut Context<'_>) -> Task {
        match outcome {
            Outcome::Several(outcomes, rest) => {
                let done = outcomes.len();
                self.members
                    .iter_mut()
                    .zip(outcomes)
                    .for_each(|(member, outcome)| member.on_outcome(outcome, cx));
                self.members.iter_mut().skip(done).zip(rest).for_each(|(member, job)| member.job = Some(job));
            }
            Outcome::Panicked => {
                let at_work = self.members.iter_mut().filter(|member| member.is_at_work());
                at_work.for_each(|member| member.on_outcome(Outcome::Panicked, cx));
            }
            outcome => {
                if let Some(member) = self.members.iter_mut().find(|member| member.is_at_work()) {
                    member.on_outcome(outcome, cx);
                }
            }
        }
        self.settle(cx)
    }

    /// Goes on when bytes were sent, or some are doomed.
    pub(super) fn go_on(mut self, cx: &mut Context<'_>) -> Task {
        for member in self.members.iter_mut().filter(|member| member.job.is_none()) {
            member.step(cx, Task::go_on);
        }
        self.settle(cx)
    }

    /// Lets go of those that are done with. What is not begun is, when all before it is on its way.
    fn settle(mut self, cx: &mut Context<'_>) -> Task {
        self.members.iter_mut().for_each(|member| member.withdraw(cx));
        self.members.retain(|member| {
            let is_over = member.task.is_idle();
            if let Some(abort) = member.abort.filter(|_| is_over) {
                cx.fx.ok(abort, &Done {});
            }
            !is_over
        });
        if !cx.fx.job {
            submit(self.members.iter_mut().map_while(|member| member.job.take()).collect(), cx);
        }
        if self.members.is_empty() { Task::Idle } else { Task::Several(self) }
    }

    /// Stops one of them, which the `abort` of that id asks for. Gives an earlier `abort`, to be answered.
    pub(super) fn abort(&mut self, id: u64, target: u64, refusal: Refusal) -> Option<u64> {
        let member = self.members.iter_mut().find(|member| member.id == target)?;
        member.doom.get_or_insert(refusal);
        member.abort.replace(id)
    }

    /// One of them has this id.
    pub(super) fn has(&self, id: u64) -> bool {
        self.members.iter().any(|member| member.id == id)
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// They wait for the client and not for a job.
    pub(super) fn is_waiting(&self) -> bool {
        !self.members.iter().any(Member::is_at_work)
    }
}
