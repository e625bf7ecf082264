//! What the reactor takes from the system before anybody is served: afterwards the process may be kept from it.

use super::accept::Listeners;
use super::{Mailbox, Message, WAKER};
use mio::{Poll, Waker};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// Sockets that listen, and a way to tell the reactor that will serve them.
pub struct Bound {
    pub(super) poll: Poll,
    pub(super) waker: Arc<Waker>,
    pub(super) listeners: Listeners,
    pub(super) messages: Receiver<Message>,
    /// What the process may use; the answer is in files.
    pub(super) cores: usize,
    sender: Sender<Message>,
}

impl Bound {
    /// Binds the addresses. Who connects waits until there is a reactor.
    ///
    /// # Errors
    /// An address cannot be listened on, or the system gives no descriptors.
    pub fn new(addresses: &[SocketAddr]) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let listeners = Listeners::bind(addresses, poll.registry())?;
        let (sender, messages) = mpsc::channel();
        let cores = thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Ok(Self { poll, waker, listeners, messages, cores, sender })
    }

    /// Where it listens, with real ports.
    ///
    /// # Errors
    /// The system does not say.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.addresses()
    }

    /// A way to tell the reactor.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        Mailbox { sender: self.sender.clone(), waker: Arc::clone(&self.waker) }
    }
}
