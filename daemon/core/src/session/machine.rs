//! The session as a [`Machine`]: bytes and events in, the states' funnel, deadlines.

use super::effects::{Context, Effects};
use super::inbox::{Inbox, Item, Read};
use super::login::{self};
use super::state::{State, User};
use super::task::Task;
use super::{command, explain, several};
use crate::account::penalties::Offence;
use crate::audit::Audit;
use crate::limits::{HANDSHAKE, LOGIN, REPLY_BYTES, STALLED};
use crate::machine::{Action, ChannelId, Event, Machine};
use crate::registry::{Guest, Shared};
use ftp_proto::Code;
use ftp_proto::limits::PIPELINE;
use ftp_proto::message::{Done, Info, Op, Refusal, Request, TlsFacts};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

/// Requests that a guest may have waiting.
const GUEST_REQUESTS: usize = 4;
/// Bytes of answers that a guest may leave unread.
const GUEST_REPLY_BYTES: usize = 4 * 1024;

/// One connection that speaks `ftpd/1`.
#[derive(Debug)]
pub struct Session {
    pub(super) shared: Rc<Shared>,
    pub(super) peer: SocketAddr,
    pub(super) tls: TlsFacts,
    pub(super) state: State,
    pub(super) inbox: Inbox,
    pub(super) fx: Effects,
    pub(super) draining: bool,
    /// Somebody logged in, or tried a password.
    pub(super) tried: bool,
    /// There while nobody is.
    guest: Option<Guest>,
    /// When the client last asked for something.
    pub(super) asked: Instant,
    /// When bytes last moved, or a job came home.
    pub(super) moved: Instant,
}

impl Session {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(shared: &Rc<Shared>, peer: SocketAddr, now: Instant) -> Self {
        let mut session = Self {
            shared: Rc::clone(shared),
            peer,
            tls: TlsFacts::default(),
            state: State::Handshaking { until: now + HANDSHAKE },
            inbox: Inbox::default(),
            fx: Effects::default(),
            draining: false,
            tried: false,
            guest: Some(shared.count_guest()),
            asked: now,
            moved: now,
        };
        session.greet();
        session
    }

    /// The only place where the state changes.
    pub(super) fn enter(&mut self, next: State) -> State {
        self.fx.note(Audit::State { peer: self.peer, from: self.state.name(), to: next.name() });
        self.guest = match next {
            State::Handshaking { .. } | State::Guest { .. } | State::Entering { .. } => {
                self.guest.take().or_else(|| Some(self.shared.count_guest()))
            }
            State::User(_) | State::Leaving(_) | State::Gone => None,
        };
        std::mem::replace(&mut self.state, next)
    }

    /// Carries out what waits, as far as it can go now.
    pub(super) fn run(&mut self, now: Instant) {
        loop {
            match &mut self.state {
                State::Handshaking { .. } | State::Gone => return,
                State::Entering { .. } => return self.look(now),
                State::Guest { .. } => {
                    let Some(item) = self.inbox.pop_ready() else { return };
                    self.guest(now, item);
                }
                State::User(user) if user.task.is_idle() => {
                    if self.draining {
                        return self.close(now, "drain", Some(explain::shutting_down()));
                    }
                    // What was taken in by then waits as well: a short request can have a long answer.
                    if self.fx.outbox.message_bytes() >= REPLY_BYTES {
                        return;
                    }
                    let Some(item) = self.inbox.pop_ready() else { return };
                    self.user(now, item);
                }
                State::User(_) | State::Leaving(_) => {
                    self.task(now, None);
                    match &self.state {
                        State::User(user) if user.task.is_idle() => {}
                        State::Leaving(user) if user.task.is_idle() => {
                            self.enter(State::Gone);
                            return;
                        }
                        _ => return,
                    }
                }
            }
        }
    }

    fn guest(&mut self, now: Instant, item: Item) {
        match item {
            Item::Request(Request { id, op: Op::Login(login) }) => {
                let State::Guest { until } = self.state else { return };
                self.tried |= login.password.is_some() && login.token.is_none();
                let step = login::start(id, login, self.peer, now, &self.shared, &mut self.fx);
                self.step(now, until, step);
            }
            Item::Request(Request { id, .. }) => {
                self.inbox.not_begun(id);
                self.fx.refuse(id, explain::not_logged_in());
            }
            Item::Refused(id, refusal) => self.fx.refuse(id, refusal),
            Item::Chunk(_) | Item::End(_) => {}
        }
    }

    fn user(&mut self, now: Instant, item: Item) {
        match item {
            Item::Request(Request { id, op: Op::Logout }) => {
                self.fx.ok(id, &Done {});
                self.inbox.set_user(false);
                if let State::User(user) = self.enter(State::Guest { until: now + LOGIN }) {
                    self.shared.tokens().revoke(&user.token);
                    self.ended(now, &user, "logout");
                }
            }
            Item::Request(Request { id, op: Op::Info }) => self.info(now, id),
            Item::Request(request) => self.task(now, Some(Begin::Request(request))),
            Item::Refused(id, refusal) => self.fx.refuse(id, refusal),
            Item::Chunk(_) | Item::End(_) => {}
        }
    }

    fn info(&mut self, now: Instant, id: u64) {
        let State::User(user) = &self.state else { return };
        let info = Info {
            user: user.who.name.clone(),
            account: user.who.tenant.ledger().account(),
            software: self.shared.software().to_owned(),
            peer: self.peer.to_string(),
            tls: self.tls.clone(),
            uptime_seconds: now.saturating_duration_since(self.shared.started()).as_secs(),
        };
        self.fx.ok(id, &info);
    }

    /// Lets the task of a user begin or go on.
    pub(super) fn task(&mut self, now: Instant, begin: Option<Begin>) {
        let (State::User(user) | State::Leaving(user)) = &mut self.state else { return };
        let User { who, task, doom, abort, .. } = &mut **user;
        let mut cx = Context { now, fx: &mut self.fx, inbox: &mut self.inbox, who, doom: doom.as_ref() };
        *task = match (std::mem::take(task), begin) {
            (_, Some(Begin::Request(request))) => several::start(request, &mut cx),
            (_, Some(Begin::Noting)) => command::note_login(&mut cx),
            (task, Some(Begin::Outcome(outcome))) => task.on_outcome(*outcome, &mut cx),
            (task, None) => task.go_on(&mut cx),
        };
        if task.is_idle() {
            self.asked = now;
            *doom = None;
            if let Some(id) = abort.take() {
                self.fx.ok(id, &Done {});
            }
        }
    }

    /// Stops a request that is not answered yet.
    fn abort(&mut self, now: Instant, id: u64, target: u64) {
        let refusal = Refusal::new(Code::Aborted, "aborted at your wish");
        if let State::User(user) = &mut self.state
            && user.task.has(target)
        {
            let earlier = match &mut user.task {
                Task::Several(several) => several.abort(id, target, refusal),
                _ => {
                    user.doom.get_or_insert(refusal);
                    user.abort.replace(id)
                }
            };
            if let Some(earlier) = earlier {
                self.fx.ok(earlier, &Done {});
            }
            self.inbox.abort_put(target);
            return self.task(now, None);
        }
        if self.inbox.cancel(target) {
            self.fx.refuse(target, refusal);
        } else {
            self.inbox.forget_put(target);
        }
        self.fx.ok(id, &Done {});
    }

    fn done(&mut self, now: Instant, outcome: crate::job::Outcome) {
        self.fx.job = false;
        self.moved = now;
        match self.state {
            State::Entering { .. } => self.login(now, Some(outcome)),
            _ => self.task(now, Some(Begin::Outcome(Box::new(outcome)))),
        }
        self.run(now);
    }
}

/// What a task begins or goes on with.
pub(super) enum Begin {
    Request(Request),
    Noting,
    Outcome(Box<crate::job::Outcome>),
}

impl Machine for Session {
    fn on_bytes(&mut self, now: Instant, _channel: ChannelId, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && self.wants_input(ChannelId::CONTROL) {
            let state = &self.state;
            let current = |id| match state {
                State::User(user) => user.task.has(id),
                State::Entering { entering, .. } => entering.id == id,
                _ => false,
            };
            let mut may_wait = false;
            match self.inbox.push(&bytes[taken..], &current) {
                Err(refusal) => {
                    self.charge(now, Offence::Nonsense);
                    self.close(now, "protocol", Some(refusal));
                    return bytes.len();
                }
                Ok((n, read)) => {
                    taken += n;
                    match read {
                        None => {}
                        Some(Read::Queued { may_wait: may }) => {
                            self.asked = now;
                            may_wait = may && matches!(self.state, State::User(_));
                        }
                        Some(Read::Ping(id)) => {
                            self.asked = now;
                            self.fx.ok(id, &Done {});
                        }
                        Some(Read::Abort { id, target }) => {
                            // What came before it may be under way.
                            self.run(now);
                            self.abort(now, id, target);
                        }
                    }
                }
            }
            // What is at hand goes together, as far as there is room.
            if !may_wait || taken == bytes.len() || !self.wants_input(ChannelId::CONTROL) {
                self.run(now);
            }
        }
        if taken > 0 {
            self.moved = now;
            if let State::User(user) = &mut self.state {
                user.received += taken as u64;
            }
            self.rest();
        }
        taken
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Opened(_, facts) => self.opened(now, facts),
            Event::Done(outcome) => self.done(now, outcome),
            Event::Rejected(_) => {
                self.fx.job = false;
                if let State::Entering { entering, until } = self.enter_quietly() {
                    let step = entering.rejected(&mut self.fx);
                    self.step(now, until, step);
                }
                self.run(now);
            }
            Event::Timeout => self.timeout(now),
            Event::PeerClosed(_) => {
                self.charge(now, Offence::NoLogin);
                self.close(now, "closed", None);
            }
            Event::Lost(_) => self.lost(now),
            Event::AccountsChanged => {
                let stale = matches!(&self.state, State::User(user)
                    if self.shared.still(&user.who.name, &user.who.user).is_none());
                if stale {
                    let refusal =
                        Refusal::new(Code::NotLoggedIn, "your account was changed").hint("log in again");
                    self.close(now, "account_changed", Some(refusal));
                }
            }
            Event::Drain => self.drain(now),
            Event::DrainOver => self.close(now, "drain", Some(explain::shutting_down())),
        }
        self.rest();
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.fx.actions.pop_front()
    }

    fn pending(&self, _channel: ChannelId) -> &[u8] {
        self.fx.outbox.front()
    }

    fn sent(&mut self, now: Instant, _channel: ChannelId, n: usize) {
        let of_chunks = self.fx.outbox.sent(n);
        self.moved = now;
        if let State::User(user) = &mut self.state {
            user.sent += of_chunks as u64;
        }
        if self.fx.outbox.front().is_empty() || of_chunks > 0 {
            self.run(now);
            self.rest();
        }
    }

    fn wants_input(&self, _channel: ChannelId) -> bool {
        if self.fx.mute {
            return false;
        }
        let (requests, bytes) = match &self.state {
            State::Guest { .. } | State::Entering { .. } => (GUEST_REQUESTS, GUEST_REPLY_BYTES),
            State::User(user) => (PIPELINE.saturating_sub(user.task.requests()), REPLY_BYTES),
            State::Handshaking { .. } | State::Leaving(_) | State::Gone => return false,
        };
        self.inbox.has_room(requests) && self.fx.outbox.message_bytes() < bytes
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Handshaking { until } | State::Guest { until } => Some(*until),
            // Only its job is waited for.
            State::Entering { .. } if self.fx.mute => None,
            State::Entering { entering, until } => {
                Some(entering.deadline().map_or(*until, |at| at.min(*until)))
            }
            State::User(user) if self.fx.job && !user.task.is_waiting() => None,
            State::User(_) if self.is_asked() => Some(self.moved + STALLED),
            State::User(_) => Some(self.asked + self.shared.limits().idle),
            State::Leaving(_) | State::Gone => None,
        }
    }

    fn is_busy(&self) -> bool {
        !matches!(self.state, State::Gone) || !self.fx.outbox.is_empty()
    }

    fn has_job(&self) -> bool {
        self.fx.job
    }

    fn account(&self) -> Option<u64> {
        match &self.state {
            State::User(user) | State::Leaving(user) => Some(user.who.user.id),
            _ => None,
        }
    }
}
