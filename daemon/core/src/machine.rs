//! The contract between the reactor and a protocol: bytes and events in, bytes and actions out.
//!
//! A machine has no socket, clock or thread. After *every* call that takes `&mut self` the reactor drains [`Machine::poll_action`] to `None`,
//! then looks at [`Machine::pending`], [`Machine::wants_input`] and [`Machine::deadline`] anew.

use crate::audit::Audit;
use crate::job::{Job, Outcome};
use ftp_proto::message::TlsFacts;
use std::time::Instant;

/// One of the connections that a machine speaks on. The native protocol has one, [`ChannelId::CONTROL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelId(pub u8);

impl ChannelId {
    /// The first connection of a machine.
    pub const CONTROL: Self = Self(0);
}

/// One protocol on one connection. Made when the connection is accepted; outlives its socket until its last job has come home.
pub trait Machine {
    /// Takes decrypted bytes and says how many it took; the rest is offered again when [`Machine::wants_input`] is true.
    fn on_bytes(&mut self, now: Instant, channel: ChannelId, bytes: &[u8]) -> usize;
    /// Is told what happened.
    fn on_event(&mut self, now: Instant, event: Event);
    /// What the reactor should do now; `None` when there is nothing more.
    fn poll_action(&mut self) -> Option<Action>;
    /// The front of what the peer should get next: contiguous, not all there is. Empty when there is nothing.
    fn pending(&self, channel: ChannelId) -> &[u8];
    /// Is told that the first `n` bytes of [`Machine::pending`] are on their way.
    fn sent(&mut self, now: Instant, channel: ChannelId, n: usize);
    /// Whether it would take bytes now. False holds the peer back by TCP.
    fn wants_input(&self, channel: ChannelId) -> bool;
    /// When it wants [`Event::Timeout`]; an absolute time that can change after any call.
    fn deadline(&self) -> Option<Instant>;
    /// Whether the daemon should let it go on while it drains.
    fn is_busy(&self) -> bool;
    /// A job that it submitted is not home yet: even without a socket it must not be dropped.
    fn has_job(&self) -> bool;
    /// The account that its jobs belong to, once somebody is logged in: those of one account have a bound in common.
    fn account(&self) -> Option<u64>;
}

/// What a machine is told.
#[derive(Debug)]
pub enum Event {
    /// The handshake is done.
    Opened(ChannelId, TlsFacts),
    /// A job came home.
    Done(Outcome),
    /// The lane of a job is full; the job was not begun.
    Rejected(Job),
    /// [`Machine::deadline`] has passed.
    Timeout,
    /// The peer said orderly that it sends no more.
    PeerClosed(ChannelId),
    /// The connection broke or was closed; nothing can be sent any more. Jobs still come home.
    Lost(ChannelId),
    /// The accounts were read anew.
    AccountsChanged,
    /// The daemon is ending: finish what runs, take nothing new.
    Drain,
    /// The time to drain is over: close.
    DrainOver,
}

/// What a machine asks for.
#[derive(Debug)]
pub enum Action {
    /// Run this on a worker. At most one per machine is under way.
    Submit(Job),
    /// Send what is pending, then `close_notify`, and close.
    Close(ChannelId),
    /// Write this to a log.
    Note(Audit),
}
