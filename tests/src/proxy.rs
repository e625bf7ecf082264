//! A wire that can be cut: passes bytes on between a client and the daemon, counts them, and stops or is cut after so many.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is passed on at once, in bytes.
const BUFFER: usize = 16 * 1024;

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
    /// Where what the daemon says is cut, to the byte.
    down_cut_at: AtomicU64,
    /// Such a cut is a reset.
    resets: AtomicBool,
    /// What the daemon says is lost.
    mute: AtomicBool,
    /// How long a buffer from the daemon takes, in microseconds.
    slow: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
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
            down_cut_at: AtomicU64::new(u64::MAX),
            resets: AtomicBool::new(false),
            mute: AtomicBool::new(false),
            slow: AtomicU64::new(0),
            open: Mutex::default(),
            generation: AtomicU64::new(0),
        });
        let accepted = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let to = accepted.to.load(Ordering::SeqCst);
                let Ok(daemon) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                pass(&client, &daemon, &accepted, Way::Up);
                pass(&daemon, &client, &accepted, Way::Down);
                let mut open = accepted.open.lock().expect("whole");
                open.retain(|socket| socket.peer_addr().is_ok());
                open.extend([client, daemon]);
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

    /// Counts from 0 again; both ends are cut, in an orderly way or with a reset, when exactly so many bytes came from the daemon.
    pub fn cut_answer_at(&self, at: u64, reset: bool) {
        self.shared.resets.store(reset, Ordering::SeqCst);
        self.shared.down_cut_at.store(at, Ordering::SeqCst);
        self.restart(u64::MAX, u64::MAX);
    }

    /// From now on, what the daemon says gets lost; or no longer.
    pub fn mute(&self, mute: bool) {
        self.shared.mute.store(mute, Ordering::SeqCst);
    }

    /// From now on, what the daemon says comes at so many bytes per second at most; 0 for as fast as it can.
    pub fn slow(&self, rate: u64) {
        let micros = (BUFFER as u64 * 1_000_000).checked_div(rate).unwrap_or(0);
        self.shared.slow.store(micros, Ordering::SeqCst);
    }

    /// Bytes that came from the daemon.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.down.load(Ordering::SeqCst)
    }

    /// Cuts all connections of now, with all that is still in them.
    ///
    /// # Panics
    /// Never, unless another thread has.
    pub fn cut(&self) {
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        for socket in self.shared.open.lock().expect("whole").drain(..) {
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }

    /// Bytes in both directions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.shared.total()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Up,
    Down,
}

fn pass(from: &TcpStream, to: &TcpStream, shared: &Arc<Shared>, way: Way) {
    let (mut from, mut to) = (from.try_clone().expect("open"), to.try_clone().expect("open"));
    from.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    let shared = Arc::clone(shared);
    let generation = shared.generation.load(Ordering::SeqCst);
    std::thread::spawn(move || {
        let is_cut = || shared.generation.load(Ordering::SeqCst) != generation;
        let mut buffer = vec![0; BUFFER];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if is_cut() {
                break;
            }
            let count = if way == Way::Up { &shared.up } else { &shared.down };
            let before = count.fetch_add(n as u64, Ordering::SeqCst);
            if way == Way::Down {
                std::thread::sleep(Duration::from_micros(shared.slow.load(Ordering::SeqCst)));
                if shared.mute.load(Ordering::SeqCst) {
                    continue;
                }
                let left = shared.down_cut_at.load(Ordering::SeqCst).saturating_sub(before);
                if let Some(head) = usize::try_from(left).ok().and_then(|left| buffer[..n].get(..left)) {
                    let _gone = to.write_all(head);
                    if shared.resets.load(Ordering::SeqCst) {
                        let _gone = rustix::net::connect_unspec(&to);
                    }
                    break;
                }
            }
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
