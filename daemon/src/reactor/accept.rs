//! Listening sockets: new connections within bounds, also when the process runs out of file descriptors.

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long listening pauses when there are no file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// The most connections that one pass takes.
const BUDGET: usize = 64;

/// Connections that the kernel keeps for us while we are at something else. The usual 128 are gone in a burst, and who comes then waits for a second.
const BACKLOG: i32 = 1024;

/// All listening sockets.
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
    /// Set by an event; stays set until `accept` says that there are none.
    pending: bool,
    /// Not registered until then.
    paused: Option<Instant>,
    /// Given up to accept and close a connection when there are no descriptors left.
    reserve: Option<File>,
}

impl Listeners {
    /// Binds the addresses; their tokens are 0 and on.
    pub(super) fn bind(addresses: &[SocketAddr], registry: &Registry) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for address in addresses {
            let bound = TcpListener::bind(*address).and_then(|socket| {
                rustix::net::listen(&socket, BACKLOG)?;
                Ok(socket)
            });
            sockets.push(bound.map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })?);
        }
        let mut listeners = Self { sockets, pending: true, paused: None, reserve: reserve() };
        listeners.register(registry)?;
        Ok(listeners)
    }

    fn register(&mut self, registry: &Registry) -> io::Result<()> {
        for (index, socket) in self.sockets.iter_mut().enumerate() {
            registry.register(socket, Token(index), Interest::READABLE)?;
        }
        self.pending = true;
        Ok(())
    }

    /// The addresses with their real ports.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(TcpListener::local_addr).collect()
    }

    /// Whether a token is one of ours; connections wait then.
    pub(super) fn on_event(&mut self, token: Token) -> bool {
        let ours = token.0 < self.sockets.len();
        self.pending |= ours;
        ours
    }

    /// There may be connections to take without waiting.
    pub(super) fn is_pending(&self) -> bool {
        self.pending && self.paused.is_none() && !self.sockets.is_empty()
    }

    /// When listening goes on after a pause.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.paused
    }

    /// Goes on after a pause.
    pub(super) fn on_time(&mut self, now: Instant, registry: &Registry) -> io::Result<()> {
        if self.paused.is_some_and(|at| at <= now) {
            self.paused = None;
            self.reserve = self.reserve.take().or_else(reserve);
            self.register(registry)?;
        }
        Ok(())
    }

    /// The connections that wait, at most [`BUDGET`] of them. An error is one of accepting, such as no more descriptors; listening pauses then.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        registry: &Registry,
    ) -> (Vec<(TcpStream, SocketAddr)>, Option<io::Error>) {
        let mut taken = Vec::new();
        for index in 0..self.sockets.len() {
            while taken.len() < BUDGET {
                match self.sockets[index].accept() {
                    Ok(connection) => taken.push(connection),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if is_of_connection(&error) => {}
                    Err(error) => {
                        // The oldest waits no longer, and the rest for a moment: otherwise we would spin.
                        self.reserve = None;
                        drop(self.sockets[index].accept());
                        self.reserve = reserve();
                        self.pause(now, registry);
                        return (taken, Some(error));
                    }
                }
            }
        }
        self.pending = taken.len() == BUDGET;
        (taken, None)
    }

    fn pause(&mut self, now: Instant, registry: &Registry) {
        for socket in &mut self.sockets {
            // Registered or not, it is not looked at before the time.
            let _registered = registry.deregister(socket);
        }
        self.paused = Some(now + PAUSE);
    }

    /// Stops listening.
    pub(super) fn close(&mut self) {
        self.sockets.clear();
        self.paused = None;
    }
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Errors of the one connection that was about to be taken (see accept(2), "Error handling").
fn is_of_connection(error: &io::Error) -> bool {
    let codes = [
        Errno::CONNABORTED,
        Errno::INTR,
        Errno::PROTO,
        Errno::PERM,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTUNREACH,
    ];
    Errno::from_io_error(error).is_some_and(|errno| codes.contains(&errno))
}
