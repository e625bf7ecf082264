//! From a name and a password to a user, without telling a guesser anything.
//!
//! ```text
//!            ┌── token ─────────────────────┐
//!  start ────┼── Checking (scrypt) ── right ─┴─▶ Waiting ──▶ Surveying ──▶ admitted
//!            │        │                          └── the home is known ──────▲
//!            │      wrong
//!            └────────┴──▶ Failing (until the next point of the grid) ──▶ refused
//! ```

use super::effects::{Effects, Who};
use crate::account::penalties::Offence;
use crate::account::user_file::User;
use crate::audit::{Audit, LoginEvent};
use crate::fault::Fault;
use crate::job::{Job, Outcome};
use crate::limits::{LOGIN_GRID, SURVEY};
use crate::registry::{Check, Shared, Tenancy, Tenant};
use ftp_proto::message::{Login, Refusal};
use ftp_proto::{Code, UserName};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a login looks whether another session's survey of the same home is done.
const LOOK: Duration = Duration::from_millis(20);
/// Refusals are spread by up to this much, by the name.
const JITTER_MICROS: u64 = 4000;

/// A login that is under way.
#[derive(Debug)]
pub(super) struct Entering {
    pub(super) id: u64,
    peer: SocketAddr,
    /// As it was given.
    given: String,
    by: &'static str,
    started: Instant,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// A job compares; this is the account it would be.
    Checking { account: Option<(UserName, User)>, _place: Check },
    /// It was wrong, and is said to be at this time.
    Failing { at: Instant, why: &'static str, refusal: Refusal },
    /// Another session's job reads the home through, or an earlier account of that name is being closed.
    Waiting { name: UserName, user: User, since: Instant, look: Instant },
    /// Our job reads the home through.
    Surveying { name: UserName, user: User, tenant: Rc<Tenant> },
}

/// Where a step leads.
#[derive(Debug)]
pub(super) enum Step {
    /// It goes on.
    Still(Entering),
    /// It is this user now; by this means, after so long.
    Admitted { id: u64, who: Who, by: &'static str, took: Duration },
    /// It is refused, and it was said and noted.
    Refused,
}

/// Begins a login.
pub(super) fn start(
    id: u64,
    login: Login,
    peer: SocketAddr,
    now: Instant,
    shared: &Rc<Shared>,
    fx: &mut Effects,
) -> Step {
    let by = if login.token.is_some() { "token" } else { "password" };
    let given = login.user.clone();
    let attempt = |stage| Entering { id, peer, given: given.clone(), by, started: now, stage };
    let name = UserName::new(&login.user).ok();
    let account = name.and_then(|name| shared.user(&name).map(|user| (name, user)));
    // A token is no guess: who has one may go on, whatever others at the address did.
    if let (Some(token), Some((name, user))) = (&login.token, &account)
        && shared.tokens().accept(now, token, name, user)
    {
        let stage = Stage::Waiting { name: name.clone(), user: user.clone(), since: now, look: now };
        return attempt(stage).look(now, shared, fx);
    }
    if let Some(owed) = shared.owed(now, peer.ip()) {
        let refusal =
            busy("too many failed logins or broken connections from your address", owed.as_secs() + 1);
        return refuse(id, peer, &login.user, "penalty", refusal, fx);
    }
    match (login.token, login.password) {
        // It ended with the daemon or with its account, or unused.
        (Some(_), _) => attempt(failing("bad_token", &login.user, now, now)).still(),
        (None, Some(password)) => {
            let Some(place) = shared.begin_check(peer.ip()) else {
                let refusal = busy("too many logins from your address at once", 2);
                return refuse(id, peer, &login.user, "address_queue", refusal, fx);
            };
            let hash =
                account.as_ref().map_or_else(|| shared.decoy(&login.user), |(_, user)| user.password.clone());
            fx.submit(Job::Verify { hash, password });
            attempt(Stage::Checking { account, _place: place }).still()
        }
        (None, None) => {
            let refusal = Refusal::new(Code::BadRequest, "a login needs a password or a token");
            refuse(id, peer, &login.user, "no_password", refusal, fx)
        }
    }
}

fn busy(message: &str, seconds: u64) -> Refusal {
    let hint = format!("try again in {seconds} s");
    Refusal { retry_seconds: Some(seconds), ..Refusal::new(Code::Busy, message) }.hint(hint)
}

fn refuse(
    id: u64,
    peer: SocketAddr,
    user: &str,
    why: &'static str,
    refusal: Refusal,
    fx: &mut Effects,
) -> Step {
    let event = LoginEvent::Refused { why, code: refusal.code };
    fx.note(Audit::Login { peer, user: user.to_owned(), event });
    fx.refuse(id, refusal);
    Step::Refused
}

/// The stage of a login that failed: the answer waits for the grid.
fn failing(why: &'static str, given: &str, started: Instant, now: Instant) -> Stage {
    let steps = now.saturating_duration_since(started).as_nanos() / LOGIN_GRID.as_nanos() + 1;
    let hash = blake3::hash(given.as_bytes());
    let spread = hash.as_bytes().iter().fold(0, |sum, byte| (sum * 256 + u64::from(*byte)) % JITTER_MICROS);
    let at = started + LOGIN_GRID * u32::try_from(steps).unwrap_or(u32::MAX) + Duration::from_micros(spread);
    let refusal = Refusal::new(Code::LoginRefused, "the user and the password do not go together");
    Stage::Failing { at, why, refusal }
}

impl Entering {
    fn still(self) -> Step {
        Step::Still(self)
    }

    /// Goes on when a job came home.
    pub(super) fn on_outcome(
        mut self,
        outcome: Outcome,
        now: Instant,
        shared: &Rc<Shared>,
        fx: &mut Effects,
    ) -> Step {
        match (self.stage, outcome) {
            (Stage::Checking { account, .. }, Outcome::Verified(right)) => {
                let given = account.is_some();
                // The account may have been changed while the job ran.
                let account = account.filter(|(name, user)| right && shared.still(name, user).is_some());
                self.stage = match account {
                    Some((name, user)) => Stage::Waiting { name, user, since: now, look: now },
                    None => {
                        let why = if given { "wrong_password" } else { "unknown_user" };
                        let (peer, offence) = (self.peer, Offence::WrongLogin);
                        let slowed = shared.charge(now, peer.ip(), offence);
                        fx.note(Audit::Charged { peer, offence, slowed });
                        failing(why, &self.given, self.started, now)
                    }
                };
                self.look(now, shared, fx)
            }
            (Stage::Surveying { name, user, tenant }, Outcome::Surveyed(Ok((home, survey)))) => {
                let user = shared.still(&name, &user).unwrap_or(user);
                shared.open(&tenant, &user, home, &survey);
                self.stage = Stage::Waiting { name, user, since: now, look: now };
                self.look(now, shared, fx)
            }
            (stage, outcome) => {
                if let Stage::Surveying { tenant, .. } = &stage {
                    *tenant.tenancy.borrow_mut() = Tenancy::Unknown { doubtful: true };
                }
                let fault = match outcome {
                    Outcome::Surveyed(Err(fault)) => fault,
                    Outcome::Panicked => Fault::Bug("a job panicked"),
                    _ => Fault::Bug("a job came home to the wrong login"),
                };
                let user = UserName::new(&self.given).ok();
                fx.note(Audit::Failed { peer: self.peer, user, what: fault.to_string() });
                refuse(self.id, self.peer, &self.given, "home", fault.refusal(), fx)
            }
        }
    }

    /// Goes on when its time has come.
    pub(super) fn look(mut self, now: Instant, shared: &Rc<Shared>, fx: &mut Effects) -> Step {
        match self.stage {
            Stage::Failing { at, why, refusal } if at <= now => {
                refuse(self.id, self.peer, &self.given, why, refusal, fx)
            }
            Stage::Waiting { name, user, since, look } if look <= now => {
                if now.saturating_duration_since(since) > SURVEY {
                    return refuse(
                        self.id,
                        self.peer,
                        &self.given,
                        "survey",
                        busy("your files are being counted", 10),
                        fx,
                    );
                }
                self.stage = Stage::Waiting { name, user, since, look: now + LOOK };
                self.enter(now, shared, fx)
            }
            stage => {
                self.stage = stage;
                self.still()
            }
        }
    }

    fn enter(mut self, now: Instant, shared: &Rc<Shared>, fx: &mut Effects) -> Step {
        let (name, user, since, look) = match self.stage {
            Stage::Waiting { name, user, since, look } => (name, user, since, look),
            stage => {
                self.stage = stage;
                return self.still();
            }
        };
        // It may have been changed while others were waited for.
        let Some(user) = shared.still(&name, &user) else {
            let refusal = Refusal::new(Code::LoginRefused, "the account was changed");
            return refuse(self.id, self.peer, &self.given, "account_changed", refusal, fx);
        };
        let Some(tenant) = shared.tenant(&name, &user) else {
            self.stage = Stage::Waiting { name, user, since, look };
            return self.still();
        };
        let mut doubtful = false;
        let home = match &mut *tenant.tenancy.borrow_mut() {
            Tenancy::Open { home, .. } => Some(Arc::clone(home)),
            Tenancy::Surveying => {
                self.stage = Stage::Waiting { name, user, since, look };
                return self.still();
            }
            unknown @ Tenancy::Unknown { .. } => {
                doubtful = matches!(unknown, Tenancy::Unknown { doubtful: true });
                *unknown = Tenancy::Surveying;
                None
            }
        };
        let Some(home) = home else {
            fx.submit(Job::Survey {
                storage: shared.storage(),
                user: name.clone(),
                durability: shared.durability(),
                doubtful,
            });
            self.stage = Stage::Surveying { name, user, tenant };
            return self.still();
        };
        let who = Who { peer: self.peer, name, user, tenant, home };
        let took = now.saturating_duration_since(self.started);
        Step::Admitted { id: self.id, who, by: self.by, took }
    }

    /// The lane for password checks is full.
    pub(super) fn rejected(self, fx: &mut Effects) -> Step {
        refuse(self.id, self.peer, &self.given, "queue_full", busy("too many logins at once", 5), fx)
    }

    /// Nobody waits for the answer any more: only the log has to know of a failure.
    pub(super) fn abandon(self, fx: &mut Effects) {
        if let Stage::Failing { why, refusal, .. } = self.stage {
            refuse(self.id, self.peer, &self.given, why, refusal, fx);
        }
    }

    /// There is no time left to wait for it.
    pub(super) fn say_busy(&self, fx: &mut Effects) {
        refuse(
            self.id,
            self.peer,
            &self.given,
            "too_slow",
            busy("the server could not check it in time", 5),
            fx,
        );
    }

    /// When it wants to be looked at again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Failing { at, .. } => Some(at),
            Stage::Waiting { look, .. } => Some(look),
            Stage::Checking { .. } | Stage::Surveying { .. } => None,
        }
    }
}
