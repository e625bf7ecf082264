//! A wire that can be cut: passes bytes on between a client and the daemon, counts them, and cuts after so many.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The wire.
pub struct Proxy {
    /// Where clients connect.
    pub port: u16,
    /// Bytes towards the daemon.
    pub up: Arc<AtomicU64>,
    /// Bytes towards the clients.
    pub down: Arc<AtomicU64>,
    /// Both ends are cut when so many bytes went through in all.
    pub limit: Arc<AtomicU64>,
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
        let proxy = Self {
            port,
            up: Arc::default(),
            down: Arc::default(),
            limit: Arc::new(AtomicU64::new(u64::MAX)),
        };
        let (up, down, limit) = (Arc::clone(&proxy.up), Arc::clone(&proxy.down), Arc::clone(&proxy.limit));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(daemon) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let (up, down, limit) = (Arc::clone(&up), Arc::clone(&down), Arc::clone(&limit));
                pass(&client, &daemon, Arc::clone(&up), Arc::clone(&down), Arc::clone(&limit));
                pass(&daemon, &client, down, up, limit);
            }
        });
        proxy
    }

    /// Bytes in both directions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.up.load(Ordering::SeqCst) + self.down.load(Ordering::SeqCst)
    }
}

fn pass(
    from: &TcpStream,
    to: &TcpStream,
    count: Arc<AtomicU64>,
    other: Arc<AtomicU64>,
    limit: Arc<AtomicU64>,
) {
    let (mut from, mut to) = (from.try_clone().expect("open"), to.try_clone().expect("open"));
    from.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let all = count.fetch_add(n as u64, Ordering::SeqCst) + n as u64 + other.load(Ordering::SeqCst);
            if all > limit.load(Ordering::SeqCst) || to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _gone = from.shutdown(Shutdown::Both);
        let _gone = to.shutdown(Shutdown::Both);
    });
}
