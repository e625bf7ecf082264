//! The one thread that has all sockets: it polls, gives each ready connection a turn, and never blocks.
//!
//! ```text
//!   poll ──▶ ready ──▶ conn.turn(budget) ──▶ ready (Again) │ wait (Idle) │ gone
//!     ▲        ▲
//!     │        └── outcomes (workers) · timers · messages (control) · accept
//!     └── waker
//! ```
//!
//! mio is edge-triggered: what is not read now is not announced again. So a connection whose budget is spent goes to the back of the queue, and while the
//! queue is not empty the poll does not wait.

mod accept;
mod bound;
mod conn;
mod link;
mod queue;
mod ready;
#[cfg(test)]
mod tests;
mod timers;
mod token;
mod workers;

use crate::logging::Logs;
use accept::Listeners;
pub use bound::Bound;
use conn::{Conn, Turn, budget};
use ftp_core::Limits;
use ftp_core::account::user_file::Users;
use ftp_core::job::Outcome;
use ftp_core::limits::CONNECTIONS_IN_DEBT;
use ftp_core::machine::{Event, Machine};
use ftp_tls::Spares;
use link::Link;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use ready::Ready;
use rustls::ServerConfig;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};
use timers::Timers;
use token::{ConnId, FIRST, Slots};
pub(crate) use workers::EACH;
use workers::Workers;

/// The waker's token; those of the listeners are below, those of connections above.
const WAKER: Token = Token(FIRST - 1);

/// What the reactor serves with: makes machines, and is told of new settings.
pub trait Host {
    /// The connections on which nobody is logged in.
    fn guests(&self) -> usize;
    /// Whether nobody at an address may log in for a while.
    fn owes(&self, now: Instant, address: IpAddr) -> bool;
    /// The machine for a connection that was just accepted.
    fn machine(&mut self, peer: SocketAddr, now: Instant) -> Box<dyn Machine>;
    /// Other limits or accounts from now on.
    fn reload(&mut self, limits: Option<Limits>, users: Option<Users>);
}

/// What other threads tell the reactor.
pub enum Message {
    /// Other settings from now on; each of them is checked already.
    Reload {
        /// The bounds.
        limits: Option<Limits>,
        /// The accounts.
        users: Option<Users>,
        /// The certificate, for new connections.
        tls: Option<Arc<ServerConfig>>,
    },
    /// End: at first by letting transfers finish, the second time at once.
    Terminate,
}

/// A way to tell the reactor.
#[derive(Clone)]
pub struct Mailbox {
    sender: Sender<Message>,
    waker: Arc<Waker>,
}

impl Mailbox {
    /// Sends a message. False when the reactor is gone.
    pub fn send(&self, message: Message) -> bool {
        self.sender.send(message).is_ok() && self.waker.wake().is_ok()
    }
}

/// The loop and all it owns.
pub struct Reactor<H> {
    poll: Poll,
    host: H,
    tls: Arc<ServerConfig>,
    limits: Limits,
    logs: Arc<Logs>,
    listeners: Listeners,
    conns: Slots<Conn>,
    per_address: HashMap<IpAddr, usize>,
    ready: Ready,
    timers: Timers,
    workers: Workers,
    outcomes: Receiver<(ConnId, Outcome)>,
    messages: Receiver<Message>,
    /// For the buffers of whose turn it is.
    spares: Spares,
    drain: Drain,
    /// Decides who is turned away when many who are not logged in are here.
    dice: Box<dyn FnMut() -> u32>,
    /// Called once in each round, as a sign of life.
    alive: Box<dyn FnMut(Instant)>,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    No,
    Until(Instant),
    /// Told to close at once; until then they must have.
    Over(Instant),
}

/// How long closing connections have, once the time to drain is over.
const CLOSING: Duration = Duration::from_secs(3);

impl<H: Host> Reactor<H> {
    /// Starts the workers.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(
        bound: Bound,
        tls: Arc<ServerConfig>,
        limits: Limits,
        host: H,
        logs: Arc<Logs>,
    ) -> io::Result<Self> {
        let Bound { poll, waker, listeners, messages, cores, .. } = bound;
        let (done, outcomes) = mpsc::channel();
        let workers = Workers::start(cores, &done, &waker)?;
        Ok(Self {
            poll,
            host,
            tls,
            limits,
            logs,
            listeners,
            conns: Slots::default(),
            per_address: HashMap::new(),
            ready: Ready::default(),
            timers: Timers::default(),
            workers,
            outcomes,
            messages,
            spares: Spares::default(),
            drain: Drain::No,
            // Where there is no chance, it goes against who comes.
            dice: Box::new(|| getrandom::u32().unwrap_or(0)),
            alive: Box::new(|_| ()),
        })
    }

    /// Has `alive` called once in each round of the loop.
    pub fn on_round(&mut self, alive: impl FnMut(Instant) + 'static) {
        self.alive = Box::new(alive);
    }

    /// Serves until told to end, and then until all is ended.
    ///
    /// # Errors
    /// The poll fails: there is no way to go on.
    pub fn run(mut self, most: Duration) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            (self.alive)(now);
            if self.is_ended(now) {
                break;
            }
            match self.poll.poll(&mut events, Some(self.wait(now).min(most))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.on_event(
                    event.token(),
                    event.is_readable() || event.is_read_closed() || event.is_error(),
                    event.is_writable(),
                );
            }
            self.round()?;
        }
        self.workers.join();
        Ok(())
    }

    /// How long the poll may wait.
    fn wait(&self, now: Instant) -> Duration {
        if !self.ready.is_empty() || self.listeners.is_pending() {
            return Duration::ZERO;
        }
        let drain = match self.drain {
            Drain::No => None,
            Drain::Until(at) | Drain::Over(at) => Some(at),
        };
        let times = [self.timers.next(), self.listeners.deadline(), drain];
        let next = times.into_iter().flatten().min();
        // A millisecond more, for a poll that counts in milliseconds would come back too early.
        next.map_or(Duration::MAX, |at| at.saturating_duration_since(now) + Duration::from_millis(1))
    }

    fn on_event(&mut self, token: Token, readable: bool, writable: bool) {
        if token == WAKER || self.listeners.on_event(token) {
            return;
        }
        if let Some(id) = self.conns.of_token(token) {
            if let Some(link) = self.conns.at(id).and_then(Conn::link) {
                link.on_event(readable, writable);
            }
            self.ready.push(id);
        }
    }

    /// Everything but the poll: messages, outcomes, timers, new connections, and a turn for each that was ready.
    fn round(&mut self) -> io::Result<()> {
        while let Ok(message) = self.messages.try_recv() {
            self.on_message(message);
        }
        while let Ok((id, outcome)) = self.outcomes.try_recv() {
            match self.conns.at(id) {
                Some(conn) => {
                    conn.tell(Instant::now(), Event::Done(outcome), &self.workers, &self.logs);
                    self.ready.push(id);
                }
                None => self.workers.discard(outcome),
            }
        }
        let now = Instant::now();
        while let Some((at, id)) = self.timers.pop(now) {
            self.on_time(now, at, id);
        }
        self.listeners.on_time(now, self.poll.registry())?;
        if self.listeners.is_pending() {
            self.accept(now);
        }
        let waiting = self.ready.len();
        for _ in 0..waiting {
            if let Some(id) = self.ready.pop() {
                self.turn(id, budget(waiting));
            }
        }
        Ok(())
    }

    fn turn(&mut self, id: ConnId, budget: usize) {
        let Some(conn) = self.conns.at(id) else { return };
        let turn = conn.turn(Instant::now(), budget, &mut self.spares, &self.workers, &self.logs);
        match turn {
            Turn::Gone => return self.remove(id),
            Turn::Again => self.ready.push_spent(id),
            Turn::Idle => {}
        }
        self.schedule(id);
    }

    /// Enters the connection's deadline with the timers, if it is earlier than what they know.
    fn schedule(&mut self, id: ConnId) {
        let Some(conn) = self.conns.at(id) else { return };
        if let Some(at) = conn.deadline()
            && conn.timer.is_none_or(|known| at < known)
        {
            conn.timer = Some(at);
            self.timers.push(at, id);
        }
    }

    fn on_time(&mut self, now: Instant, at: Instant, id: ConnId) {
        let Some(conn) = self.conns.at(id) else { return };
        if conn.timer != Some(at) {
            return;
        }
        conn.timer = None;
        if conn.deadline().is_some_and(|at| at <= now) {
            conn.on_time(now, &self.workers, &self.logs);
        }
        self.ready.push(id);
    }

    fn accept(&mut self, now: Instant) {
        let (taken, error) = self.listeners.accept(now, self.poll.registry());
        if let Some(error) = error {
            self.logs.accept_failed(&error);
        }
        for (socket, peer) in taken {
            self.admit(now, socket, peer);
        }
    }

    /// Takes a connection in, if the bounds allow; otherwise it is closed.
    fn admit(&mut self, now: Instant, socket: TcpStream, peer: SocketAddr) {
        let of_address = self.per_address.get(&peer.ip()).copied().unwrap_or(0);
        let is_full = self.conns.len() >= self.limits.connections
            || of_address >= self.limits.connections_per_address
            || (of_address >= CONNECTIONS_IN_DEBT && self.host.owes(now, peer.ip()))
            || self.limits.guests.turn_away(self.host.guests(), &mut self.dice);
        if is_full {
            self.logs.turned_away(peer);
            return;
        }
        let mut link = match Link::new(socket, &self.tls) {
            Ok(link) => link,
            Err(fault) => return self.logs.lost(peer, &fault.to_string()),
        };
        let machine = self.host.machine(peer, now);
        let registry = self.poll.registry();
        let mut registered = Ok(());
        let id = self.conns.insert(|id| {
            registered =
                registry.register(link.source(), id.token(), Interest::READABLE | Interest::WRITABLE);
            Conn::new(id, peer, machine, link)
        });
        let Some(id) = id else { return };
        *self.per_address.entry(peer.ip()).or_default() += 1;
        match registered {
            Ok(()) => {
                self.ready.push(id);
                self.schedule(id);
            }
            Err(error) => {
                self.logs.lost(peer, &error.to_string());
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: ConnId) {
        let Some(conn) = self.conns.remove(id) else { return };
        let address = conn.peer().ip();
        if let Some(count) = self.per_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&address);
            }
        }
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Reload { limits, users, tls } => {
                if let Some(limits) = &limits {
                    self.limits.clone_from(limits);
                }
                if let Some(tls) = tls {
                    self.tls = tls;
                }
                self.host.reload(limits, users);
                self.tell_all(|| Event::AccountsChanged);
            }
            Message::Terminate => {
                let now = Instant::now();
                self.drain = match self.drain {
                    Drain::No => {
                        self.listeners.close();
                        self.tell_all(|| Event::Drain);
                        Drain::Until(now + self.limits.drain)
                    }
                    Drain::Until(_) => Drain::Until(now),
                    over @ Drain::Over(_) => over,
                };
            }
        }
    }

    fn tell_all(&mut self, event: impl Fn() -> Event) {
        for id in self.conns.ids() {
            if let Some(conn) = self.conns.at(id) {
                conn.tell(Instant::now(), event(), &self.workers, &self.logs);
                self.ready.push(id);
            }
        }
    }

    /// Whether the drain has come to its end.
    fn is_ended(&mut self, now: Instant) -> bool {
        let done = self.drain != Drain::No && self.all_done();
        match self.drain {
            Drain::No => false,
            _ if done => true,
            Drain::Until(at) if at <= now => {
                self.tell_all(|| Event::DrainOver);
                self.drain = Drain::Over(now + CLOSING);
                false
            }
            Drain::Until(_) => false,
            Drain::Over(at) => at <= now,
        }
    }

    fn all_done(&mut self) -> bool {
        let ids = self.conns.ids();
        ids.into_iter().all(|id| self.conns.at(id).is_none_or(|conn| !conn.is_busy()))
    }
}
