//! A wire that can be cut: passes bytes on between a client and the daemon, counts them, and stops or is cut after so many.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

/// The wire.
pub struct Proxy {
    /// Where clients connect.
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: AtomicU16,
    up: AtomicU64,
    down: AtomicU64,
    cut_at: AtomicU64,
    hold_at: AtomicU64,
    /// Connections of an earlier generation pass nothing on.
    generation: AtomicU64,
}

impl Shared {
    fn total(&self) -> u64 {
        self.up.load(Ordering::SeqCst) + self.down.load(Ordering::SeqCst)
    }
}

impl Proxy {
    /// A wire to a port of 127.0.0.1.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn new(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            to: to.into(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            cut_at: AtomicU64::new(u64::MAX),
            hold_at: AtomicU64::new(u64::MAX),
            generation: AtomicU64::new(0),
        });
        let accepted = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let to = accepted.to.load(Ordering::SeqCst);
                let Ok(daemon) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                pass(&client, &daemon, &accepted, |shared| &shared.up);
                pass(&daemon, &client, &accepted, |shared| &shared.down);
            }
        });
        Self { port, shared }
    }

    /// Where connections lead from now on.
    pub fn lead_to(&self, port: u16) {
        self.shared.to.store(port, Ordering::SeqCst);
    }

    /// Counts from 0 again; both ends are cut when `cut_at` bytes went through, and nothing more goes through from `hold_at` on.
    pub fn restart(&self, cut_at: u64, hold_at: u64) {
        self.shared.cut_at.store(cut_at, Ordering::SeqCst);
        self.shared.hold_at.store(hold_at, Ordering::SeqCst);
        self.shared.up.store(0, Ordering::SeqCst);
        self.shared.down.store(0, Ordering::SeqCst);
    }

    /// Cuts all connections of now, with all that is still in them.
    pub fn cut(&self) {
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Bytes in both directions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.shared.total()
    }
}

fn pass(from: &TcpStream, to: &TcpStream, shared: &Arc<Shared>, count: fn(&Shared) -> &AtomicU64) {
    let (mut from, mut to) = (from.try_clone().expect("open"), to.try_clone().expect("open"));
    from.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    let shared = Arc::clone(shared);
    let generation = shared.generation.load(Ordering::SeqCst);
    std::thread::spawn(move || {
        let is_cut = || shared.generation.load(Ordering::SeqCst) != generation;
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if is_cut() {
                break;
            }
            count(&shared).fetch_add(n as u64, Ordering::SeqCst);
            while shared.total() > shared.hold_at.load(Ordering::SeqCst) && !is_cut() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if is_cut()
                || shared.total() > shared.cut_at.load(Ordering::SeqCst)
                || to.write_all(&buffer[..n]).is_err()
            {
                break;
            }
        }
        let _gone = from.shutdown(Shutdown::Both);
        let _gone = to.shutdown(Shutdown::Both);
    });
}
