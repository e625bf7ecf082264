//! What sessions share on the reactor's thread: accounts, ledgers, tokens, penalties, and the bounds that a reload may change.

use crate::account::password::PasswordHash;
use crate::account::penalties::{Offence, Penalties};
use crate::account::user_file::{User, Users};
use crate::limits::LOGINS_PER_SOURCE;
use crate::quota::Ledger;
use crate::tokens::Tokens;
use crate::vfs::{Durability, Home, Storage, Survey};
use crate::{Fault, Limits};
use ftp_proto::{Etag, UserName};
use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a decoy costs while there is no account to take the cost from.
const DECOY: &str =
    "$scrypt$ln=17,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What the sessions of a daemon start from.
#[derive(Debug)]
pub struct Setup {
    /// The bounds.
    pub limits: Limits,
    /// What an `ok` has to survive.
    pub durability: Durability,
    /// Where the homes are.
    pub storage: Arc<dyn Storage>,
    /// The accounts.
    pub users: Users,
    /// Name and version, for the greeting.
    pub software: String,
    /// When the daemon started.
    pub now: Instant,
}

/// The state that all sessions share. One thread only.
#[derive(Debug)]
pub struct Shared {
    durability: Durability,
    storage: Arc<dyn Storage>,
    software: String,
    started: Instant,
    limits: RefCell<Limits>,
    users: RefCell<Users>,
    tenants: RefCell<HashMap<UserName, Rc<Tenant>>>,
    tokens: RefCell<Tokens>,
    penalties: RefCell<Penalties>,
    checking: RefCell<HashMap<IpAddr, usize>>,
    guests: Cell<usize>,
}

impl Shared {
    /// What a daemon starts with.
    #[must_use]
    pub fn new(setup: Setup) -> Rc<Self> {
        Rc::new(Self {
            durability: setup.durability,
            storage: setup.storage,
            software: setup.software,
            started: setup.now,
            limits: RefCell::new(setup.limits),
            users: RefCell::new(setup.users),
            tenants: RefCell::default(),
            tokens: RefCell::default(),
            penalties: RefCell::default(),
            checking: RefCell::default(),
            guests: Cell::default(),
        })
    }

    /// Other bounds or accounts from now on. Tell every session [`Event::AccountsChanged`](crate::machine::Event::AccountsChanged) afterwards.
    pub fn reload(&self, limits: Option<Limits>, users: Option<Users>) {
        if let Some(limits) = limits {
            *self.limits.borrow_mut() = limits;
        }
        if let Some(users) = users {
            *self.users.borrow_mut() = users;
        }
        let (limits, users) = (self.limits.borrow(), self.users.borrow());
        let mut tenants = self.tenants.borrow_mut();
        // The ledger of a removed account goes with its last session: one that comes later is another account.
        tenants.retain(|name, tenant| users.users.contains_key(name) || Rc::strong_count(tenant) > 1);
        for (name, tenant) in tenants.iter() {
            if let (Some(user), Tenancy::Open { ledger, .. }) =
                (users.users.get(name), &mut *tenant.tenancy.borrow_mut())
            {
                ledger.set_limits(user.quota, limits.entries);
            }
        }
    }

    /// The bounds of now.
    pub fn limits(&self) -> Ref<'_, Limits> {
        self.limits.borrow()
    }

    /// Name and version of the daemon.
    pub fn software(&self) -> &str {
        &self.software
    }

    /// When the daemon started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What an `ok` has to survive.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Where the homes are.
    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// The account of that name, if there is one.
    pub fn user(&self, name: &UserName) -> Option<User> {
        self.users.borrow().users.get(name).cloned()
    }

    /// The account of that name as it is now, if whoever was let in as `user` may stay.
    pub fn still(&self, name: &UserName, user: &User) -> Option<User> {
        self.user(name).filter(|now| user.stays(now))
    }

    /// A hash that nothing matches, for a name without an account. The same name always gets the cost of the same account.
    pub fn decoy(&self, name: &str) -> PasswordHash {
        let users = self.users.borrow();
        let count = users.users.len();
        let pick = blake3::hash(name.as_bytes())
            .as_bytes()
            .iter()
            .fold(0usize, |sum, byte| (sum * 256 + usize::from(*byte)) % count.max(1));
        users.users.values().nth(pick).map_or_else(
            || PasswordHash::parse(DECOY).expect("a constant within the bounds"),
            |user| user.password.decoy(),
        )
    }

    /// How long a source still has to wait before it may log in, if it has to.
    pub fn owed(&self, now: Instant, source: IpAddr) -> Option<Duration> {
        self.penalties.borrow().owed(now, source).filter(|_| !self.is_exempt(source))
    }

    /// Charges a source, if it is not one of those that never pay. Says whether it begins to have to wait.
    pub fn charge(&self, now: Instant, source: IpAddr, offence: Offence) -> bool {
        !self.is_exempt(source) && self.penalties.borrow_mut().charge(now, source, offence)
    }

    fn is_exempt(&self, source: IpAddr) -> bool {
        self.limits.borrow().penalty_exempt.contains(&source.to_canonical())
    }

    /// The tokens.
    pub fn tokens(&self) -> RefMut<'_, Tokens> {
        self.tokens.borrow_mut()
    }

    /// The connections on which nobody is logged in.
    pub fn guests(&self) -> usize {
        self.guests.get()
    }

    /// Counts a connection among them.
    pub(crate) fn count_guest(self: &Rc<Self>) -> Guest {
        self.guests.set(self.guests.get() + 1);
        Guest(Rc::clone(self))
    }

    /// Takes a place among the password checks of a source; none when they are all taken.
    pub fn begin_check(self: &Rc<Self>, source: IpAddr) -> Option<Check> {
        let mut checking = self.checking.borrow_mut();
        let count = checking.entry(source).or_default();
        if *count >= LOGINS_PER_SOURCE {
            return None;
        }
        *count += 1;
        Some(Check { shared: Rc::clone(self), source })
    }

    /// The holdings of an account, known or not yet; a doubtful ledger is dropped when nobody uses it, so that the home is counted anew.
    /// None while sessions of an earlier account of that name have files open.
    pub fn tenant(&self, name: &UserName, user: &User) -> Option<Rc<Tenant>> {
        let mut tenants = self.tenants.borrow_mut();
        let mut doubtful = false;
        if let Some(tenant) = tenants.get(name) {
            doubtful = tenant.is_doubtful();
            let is_used = Rc::strong_count(tenant) > 1;
            if tenant.id == user.id && (is_used || !doubtful) {
                return Some(Rc::clone(tenant));
            }
            if is_used {
                return None;
            }
        }
        let tenant = Rc::new(Tenant {
            id: user.id,
            tenancy: RefCell::new(Tenancy::Unknown { doubtful }),
            open: RefCell::default(),
        });
        tenants.insert(name.clone(), Rc::clone(&tenant));
        Some(tenant)
    }

    /// Puts the ledger of a home in place, once it has been read through.
    pub fn open(&self, tenant: &Tenant, user: &User, home: Arc<Home>, survey: &Survey) {
        self.close_idle_homes();
        let ledger = Ledger::new(survey, user.quota, self.limits.borrow().entries);
        *tenant.tenancy.borrow_mut() = Tenancy::Open { home, ledger: Box::new(ledger) };
    }

    /// Homes stay open when their users go, for the ledger is good as long as they do; but no more than there may be connections, so that the
    /// descriptors last. What is closed is counted anew at the next login.
    fn close_idle_homes(&self) {
        let tenants = self.tenants.borrow();
        let is_open = |tenant: &&Rc<Tenant>| matches!(&*tenant.tenancy.borrow(), Tenancy::Open { .. });
        let open = tenants.values().filter(is_open).count();
        let too_many = (open + 1).saturating_sub(self.limits.borrow().connections);
        let idle = tenants.values().filter(is_open).filter(|tenant| Rc::strong_count(tenant) == 1);
        for tenant in idle.take(too_many) {
            let doubtful = tenant.is_doubtful();
            *tenant.tenancy.borrow_mut() = Tenancy::Unknown { doubtful };
        }
    }
}

/// A connection on which nobody is logged in; counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Guest(Rc<Shared>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.guests.set(self.0.guests.get() - 1);
    }
}

/// A place among the password checks of a source; given back when dropped.
#[derive(Debug)]
pub struct Check {
    shared: Rc<Shared>,
    source: IpAddr,
}

impl Drop for Check {
    fn drop(&mut self) {
        let mut checking = self.shared.checking.borrow_mut();
        if let Some(count) = checking.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                checking.remove(&self.source);
            }
        }
    }
}

/// What an account holds; shared by its sessions.
#[derive(Debug)]
pub struct Tenant {
    id: u64,
    /// How far its home is known.
    pub tenancy: RefCell<Tenancy>,
    /// Parts that a session or a job works on.
    pub open: RefCell<HashSet<Etag>>,
}

/// How far a home is known.
#[derive(Debug)]
pub enum Tenancy {
    /// Nobody has looked, or not since a job failed half-way.
    Unknown {
        /// What is there may not be durable.
        doubtful: bool,
    },
    /// One session's job is reading it through; others wait.
    Surveying,
    /// It is known, and the ledger is exact from here on.
    Open {
        /// Its folders.
        home: Arc<Home>,
        /// What it holds and may hold.
        ledger: Box<Ledger>,
    },
}

impl Tenant {
    fn is_doubtful(&self) -> bool {
        matches!(&*self.tenancy.borrow(), Tenancy::Open { ledger, .. } if ledger.is_doubtful())
    }

    /// A job may have failed half-way: then the ledger is to be counted anew.
    pub(crate) fn settle<T>(&self, result: &Result<T, Fault>) {
        if !matches!(result, Ok(_) | Err(Fault::Refused(_))) {
            self.ledger().doubt();
        }
    }

    /// The ledger.
    ///
    /// # Panics
    /// If the home is not open: only a session that is logged in may ask.
    pub fn ledger(&self) -> RefMut<'_, Ledger> {
        RefMut::map(self.tenancy.borrow_mut(), |tenancy| match tenancy {
            Tenancy::Open { ledger, .. } => &mut **ledger,
            Tenancy::Unknown { .. } | Tenancy::Surveying => panic!("a logged-in session's home is open"),
        })
    }
}
