//! How a session begins and ends: greeting, login, deadlines, the end of the connection.

use super::explain;
use super::login::Step;
use super::machine::{Begin, Session};
use super::state::{State, User};
use super::task::Task;
use crate::account::penalties::Offence;
use crate::audit::{Audit, LoginEvent};
use crate::job::Outcome;
use crate::limits::{LOGIN, TOKEN};
use crate::machine::{Action, ChannelId, Machine as _};
use ftp_proto::Code;
use ftp_proto::limits::{CHUNK, PIPELINE, PROTOCOL};
use ftp_proto::message::{Greeting, Hello, LoggedIn, Refusal, Reply, TlsFacts};
use std::time::Instant;

impl Session {
    /// The first word, which is for everybody: it waits from the beginning for TLS to allow it.
    pub(super) fn greet(&mut self) {
        let hello = Hello {
            software: self.shared.software().to_owned(),
            protocol: PROTOCOL,
            chunk: CHUNK as u64,
            pipeline: u32::try_from(PIPELINE).unwrap_or(u32::MAX),
            idle_seconds: self.shared.limits().idle.as_secs(),
        };
        self.fx.say(&Greeting { hello });
    }

    pub(super) fn opened(&mut self, now: Instant, facts: TlsFacts) {
        self.tls = facts;
        self.enter(State::Guest { until: now + LOGIN });
    }

    pub(super) fn step(&mut self, now: Instant, until: Instant, step: Step) {
        match step {
            Step::Still(entering) => {
                self.enter(State::Entering { entering: Box::new(entering), until });
            }
            Step::Refused => {
                self.enter(State::Guest { until });
            }
            Step::Admitted { id, who, by, took } => {
                let token = self.shared.tokens().grant(now, &who.name, &who.user);
                let token = match token {
                    Ok(token) => token,
                    Err(fault) => {
                        self.fx.note(Audit::Failed {
                            peer: self.peer,
                            user: Some(who.name),
                            what: fault.to_string(),
                        });
                        self.fx.refuse(id, fault.refusal());
                        self.enter(State::Guest { until });
                        return;
                    }
                };
                let account = who.tenant.ledger().account();
                let user = who.name.clone();
                self.fx.ok(
                    id,
                    &LoggedIn { user, token: token.clone(), token_seconds: TOKEN.as_secs(), account },
                );
                let event = LoginEvent::Accepted { by, took };
                self.fx.note(Audit::Login { peer: self.peer, user: who.name.to_string(), event });
                self.inbox.set_user(true);
                self.tried = true;
                (self.asked, self.moved) = (now, now);
                let task = Task::Idle;
                let user =
                    User { who, token, since: now, task, doom: None, abort: None, received: 0, sent: 0 };
                self.enter(State::User(Box::new(user)));
                self.task(now, Some(Begin::Noting));
            }
        }
    }

    /// Lets a login go on, by its time or by a job.
    pub(super) fn login(&mut self, now: Instant, outcome: Option<Outcome>) {
        let State::Entering { entering, until } = self.enter_quietly() else { return };
        let step = match outcome {
            Some(outcome) => entering.on_outcome(outcome, now, &self.shared, &mut self.fx),
            None => entering.look(now, &self.shared, &mut self.fx),
        };
        match step {
            Step::Still(entering) if !self.fx.mute || self.fx.job => {
                self.state = State::Entering { entering: Box::new(entering), until };
            }
            Step::Still(entering) => {
                entering.abandon(&mut self.fx);
                self.enter(State::Gone);
            }
            _ if self.fx.mute => {
                self.enter(State::Gone);
            }
            step => self.step(now, until, step),
        }
    }

    /// Takes the login out to be stepped; put back within the same call.
    pub(super) fn enter_quietly(&mut self) -> State {
        match self.state {
            State::Entering { .. } => std::mem::replace(&mut self.state, State::Gone),
            _ => State::Gone,
        }
    }

    pub(super) fn look(&mut self, now: Instant) {
        if self.fx.mute {
            return;
        }
        let State::Entering { entering, until } = &self.state else { return };
        let due = entering.deadline().is_some_and(|at| at <= now);
        if now >= *until && !due {
            entering.say_busy(&mut self.fx);
            self.close(now, "too_slow", None);
        } else if due {
            self.login(now, None);
            if !matches!(self.state, State::Entering { .. }) {
                self.run(now);
            }
        }
    }

    /// Charges the peer for a connection that ends before anybody is logged in; who tried to log in has paid for that, if it was wrong.
    pub(super) fn charge(&mut self, now: Instant, offence: Offence) {
        let is_guest = matches!(self.state, State::Handshaking { .. } | State::Guest { .. });
        if is_guest && !self.fx.mute && (!self.tried || offence == Offence::Nonsense) {
            let slowed = self.shared.charge(now, self.peer.ip(), offence);
            self.fx.note(Audit::Charged { peer: self.peer, offence, slowed });
        }
    }

    /// The connection is gone: nothing can be sent any more.
    pub(super) fn lost(&mut self, now: Instant) {
        if !self.fx.mute {
            self.charge(now, Offence::NoLogin);
            self.over(now, "lost");
        }
        self.fx.outbox.clear();
    }

    /// Ends the connection; `refusal` is said first.
    pub(super) fn close(&mut self, now: Instant, why: &'static str, refusal: Option<Refusal>) {
        if self.fx.mute {
            return;
        }
        if matches!(self.state, State::Handshaking { .. }) {
            // A greeting that could not be sent by now: the end does not wait for it.
            self.fx.outbox.clear();
        }
        self.fx.outbox.cut_off();
        if let Some(refusal) = refusal {
            self.fx.say(&Reply::error(0, refusal));
        }
        self.fx.actions.push_back(Action::Close(ChannelId::CONTROL));
        self.over(now, why);
    }

    /// The connection is over: what is open comes home, the rest is forgotten.
    pub(super) fn over(&mut self, now: Instant, why: &'static str) {
        self.fx.mute = true;
        self.inbox.clear();
        match &self.state {
            State::Entering { .. } if self.fx.job => {}
            State::Leaving(_) | State::Gone => {}
            State::Handshaking { .. } | State::Guest { .. } | State::Entering { .. } => {
                if let State::Entering { entering, .. } = self.enter(State::Gone) {
                    entering.abandon(&mut self.fx);
                }
            }
            State::User(_) => {
                let State::User(mut user) = self.enter(State::Gone) else { return };
                self.ended(now, &user, why);
                if !user.task.is_idle() {
                    user.doom = Some(Refusal::new(Code::Aborted, why));
                    self.enter(State::Leaving(user));
                    self.run(now);
                }
            }
        }
    }

    pub(super) fn ended(&mut self, now: Instant, user: &User, why: &'static str) {
        let (received, sent) = (user.received, user.sent);
        let after = now.saturating_duration_since(user.since);
        let event = LoginEvent::Ended { why, after, received, sent };
        self.fx.note(Audit::Login { peer: self.peer, user: user.who.name.to_string(), event });
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        match &self.state {
            State::Handshaking { .. } => {
                self.charge(now, Offence::TooSlow);
                self.close(now, "handshake_timeout", None);
            }
            State::Guest { .. } => {
                self.charge(now, Offence::NoLogin);
                self.close(
                    now,
                    "login_timeout",
                    Some(Refusal::new(Code::Timeout, "nobody logged in in time")),
                );
            }
            State::Entering { .. } => self.run(now),
            State::User(_) => {
                let (why, message) = match self.is_asked() {
                    false => ("idle", "nothing was asked for too long"),
                    true => ("stalled", "nothing moved for too long"),
                };
                self.close(
                    now,
                    why,
                    Some(
                        Refusal::new(Code::Timeout, message)
                            .hint("what was transferred is kept; log in again"),
                    ),
                );
            }
            State::Leaving(_) | State::Gone => {}
        }
    }

    /// Something is under way between the client and us.
    pub(super) fn is_asked(&self) -> bool {
        let busy = matches!(&self.state, State::User(user) if !user.task.is_idle());
        busy || !self.fx.outbox.is_empty() || !self.inbox.is_empty() || self.inbox.is_reading_put()
    }

    pub(super) fn drain(&mut self, now: Instant) {
        self.draining = true;
        let finish = matches!(&self.state, State::User(user) if !user.task.is_idle());
        if !finish {
            self.close(now, "drain", Some(explain::shutting_down()));
        }
    }

    pub(super) fn rest(&mut self) {
        let idle = matches!(&self.state, State::User(user) if user.task.is_idle());
        if idle && self.fx.outbox.is_empty() && self.inbox.is_empty() {
            self.fx.outbox.shrink();
            self.inbox.shrink();
        }
    }
}
