//! One machine and its link, and the turn in which they meet.

use super::link::{Link, Over};
use super::token::ConnId;
use super::workers::Workers;
use crate::logging::Logs;
use ftp_core::machine::{Action, ChannelId, Event, Machine};
use ftp_tls::Spares;
use std::net::SocketAddr;
use std::time::Instant;

const CH: ChannelId = ChannelId::CONTROL;
/// Bytes that a connection may move before the next has its turn, when few wait.
pub(super) const BUDGET: usize = 256 * 1024;
/// The same however many wait: what is encrypted and written at once.
const BUDGET_LEAST: usize = ftp_tls::ENCRYPT;
/// What all of a round may move together, if it does not take less than that: a word that comes in between waits so long.
const ROUND: usize = 2 * 1024 * 1024;

/// Bytes that each of so many connections may move in a round.
pub(super) fn budget(waiting: usize) -> usize {
    (ROUND / waiting.max(1)).clamp(BUDGET_LEAST, BUDGET)
}

/// A connection. Its machine outlives its link until its last job has come home.
pub(super) struct Conn {
    id: ConnId,
    peer: SocketAddr,
    machine: Box<dyn Machine>,
    link: Option<Link>,
    opened: bool,
    /// The peer's `close_notify` was told to the machine.
    told_closed: bool,
    /// When the timers will look at it.
    pub(super) timer: Option<Instant>,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing more can be done now.
    Idle,
    /// The budget is spent, and there may be more: it must have another turn without waiting for an event, for there will be none.
    Again,
    /// Nothing is left of it.
    Gone,
}

impl Conn {
    pub(super) fn new(id: ConnId, peer: SocketAddr, machine: Box<dyn Machine>, link: Link) -> Self {
        Self { id, peer, machine, link: Some(link), opened: false, told_closed: false, timer: None }
    }

    /// From where it came.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Its link, if it still has one.
    pub(super) fn link(&mut self) -> Option<&mut Link> {
        self.link.as_mut()
    }

    /// Tells the machine something.
    pub(super) fn tell(&mut self, now: Instant, event: Event, workers: &Workers, logs: &Logs) {
        self.machine.on_event(now, event);
        self.act(now, workers, logs);
    }

    /// When it has to be looked at without an event.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let link = self.link.as_ref().and_then(Link::deadline);
        let machine = self.machine.deadline().filter(|_| self.link.as_ref().is_none_or(Link::is_open));
        match (link, machine) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Its time has come.
    pub(super) fn on_time(&mut self, now: Instant, workers: &Workers, logs: &Logs) {
        if self.link.as_ref().and_then(Link::deadline).is_some_and(|at| at <= now) {
            self.lose(now, workers, logs);
        }
        if self.machine.deadline().is_some_and(|at| at <= now) {
            self.tell(now, Event::Timeout, workers, logs);
        }
    }

    /// While the daemon drains, it should be let go on.
    pub(super) fn is_busy(&self) -> bool {
        self.link.is_some() || self.machine.is_busy()
    }

    /// Moves what can be moved, at most `budget` bytes.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        budget: usize,
        spares: &mut Spares,
        workers: &Workers,
        logs: &Logs,
    ) -> Turn {
        let mut moved = 0;
        if let Some(link) = &mut self.link {
            link.lend(spares);
        }
        while moved < budget && self.link.is_some() {
            match self.step(now, workers, logs) {
                Ok(0) => break,
                Ok(n) => moved += n,
                Err(over) => {
                    if let Over::Failed(why) = &over {
                        logs.lost(self.peer, why);
                    }
                    if matches!(over, Over::PeerClosed) && !self.told_closed {
                        self.tell(now, Event::PeerClosed(CH), workers, logs);
                    }
                    self.lose(now, workers, logs);
                }
            }
        }
        if let Some(link) = &mut self.link {
            link.give_back(spares);
        }
        if self.link.is_none() && !self.machine.has_job() {
            return Turn::Gone;
        }
        if moved >= budget && self.link.is_some() { Turn::Again } else { Turn::Idle }
    }

    /// One round: socket to machine, machine to socket. Says how many bytes moved, or took part in a change; 0 when nothing can.
    fn step(&mut self, now: Instant, workers: &Workers, logs: &Logs) -> Result<usize, Over> {
        let Some(link) = &mut self.link else { return Ok(0) };
        let mut moved = 0;
        let wanted = link.is_handshaking() || !link.is_open() || self.machine.wants_input(CH);
        let read = if wanted { link.read()? } else { 0 };
        moved += read;
        if read > 0 || (link.holds_input() && self.opened && self.machine.wants_input(CH)) {
            let (machine, opened) = (&mut self.machine, self.opened);
            let mut taken = 0;
            let mut take = |bytes: &[u8]| {
                let n = if opened && machine.wants_input(CH) { machine.on_bytes(now, CH, bytes) } else { 0 };
                taken += n;
                n
            };
            if let Err(fault) = link.advance(now, &mut take) {
                logs.lost(self.peer, &fault.to_string());
                self.machine.on_event(now, Event::Lost(CH));
            }
            moved += taken;
        }
        if !self.opened && !link.is_handshaking() && link.is_open() {
            self.opened = true;
            moved += 1;
            self.machine.on_event(now, Event::Opened(CH, link.facts()));
        }
        if self.opened && !self.told_closed && link.is_closed_by_peer() {
            self.told_closed = true;
            self.machine.on_event(now, Event::PeerClosed(CH));
        }
        self.act(now, workers, logs);
        let Some(link) = &mut self.link else { return Ok(moved) };
        // As much as is written at once: the end of a chunk goes with the beginning of the next.
        loop {
            let encrypted = link.encrypt(self.machine.pending(CH))?;
            if encrypted == 0 {
                break;
            }
            self.machine.sent(now, CH, encrypted);
            moved += encrypted;
        }
        moved += link.write()?;
        link.finish(!self.machine.pending(CH).is_empty())?;
        self.act(now, workers, logs);
        Ok(moved)
    }

    /// Does what the machine asks for.
    fn act(&mut self, now: Instant, workers: &Workers, logs: &Logs) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Submit(job) => {
                    if let Err(job) = workers.submit(self.id, self.machine.account(), job) {
                        self.machine.on_event(now, Event::Rejected(*job));
                    }
                }
                Action::Close(_) => {
                    if let Some(link) = &mut self.link {
                        link.close(now);
                    }
                }
                Action::Note(audit) => logs.audit(audit),
            }
        }
    }

    /// The link is over.
    fn lose(&mut self, now: Instant, workers: &Workers, logs: &Logs) {
        if self.link.take().is_some() {
            self.tell(now, Event::Lost(CH), workers, logs);
        }
    }
}
