//! The bounds of the daemon, in one place. A config may lower or raise them within reason; the protocol's own are in `ftp_proto::limits`.

use std::net::IpAddr;
use std::time::Duration;

/// From the connection to the end of the TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// From the end of the TLS handshake to a login.
pub const LOGIN: Duration = Duration::from_secs(15);
/// How long nothing may move in a transfer.
pub const STALLED: Duration = Duration::from_secs(60);
/// How long an unused token lasts.
pub const TOKEN: Duration = Duration::from_secs(15 * 60);
/// Failed logins are answered on a grid of this width, so that their time says nothing.
pub const LOGIN_GRID: Duration = Duration::from_millis(250);
/// How long a login may wait for the account's home to be read through.
pub const SURVEY: Duration = Duration::from_secs(30);

/// Password checks that may wait for a worker.
pub const LOGIN_QUEUE: usize = 32;
/// Password checks of one source that may be under way.
pub const LOGINS_PER_SOURCE: usize = 16;
/// The most tokens at once.
pub const TOKENS: usize = 65_536;
/// Sources whose failures are remembered.
pub const SOURCES: usize = 65_536;
/// Chunks in one job, and the most that wait for the next: what an upload holds is twice this, times the chunk.
pub const BATCH: usize = 4;
/// Bytes hashed in one job while a part is checked again.
pub const REHASH_SLICE: u64 = 64 * 1024 * 1024;
/// The most bytes of requests that wait in one session.
pub const REQUEST_BYTES: usize = 1024 * 1024;
/// A session takes no further request while this many bytes of replies wait.
pub const REPLY_BYTES: usize = 256 * 1024;
/// Memory that one password check may use; a user file that asks for more is refused.
pub const SCRYPT_BYTES: u64 = 256 * 1024 * 1024;

const _: () = assert!(BATCH * ftp_proto::limits::CHUNK <= 1024 * 1024, "a job is short");
const _: () = assert!(REQUEST_BYTES >= ftp_proto::limits::MESSAGE, "the largest request can wait");
const _: () = assert!(REPLY_BYTES >= ftp_proto::limits::MESSAGE, "the largest reply can wait");
const _: () = assert!(LOGINS_PER_SOURCE <= LOGIN_QUEUE, "one source cannot fill more than the queue");

/// Bounds that the config sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address at once.
    pub connections_per_address: usize,
    /// A session that asks for nothing for so long is closed.
    pub idle: Duration,
    /// How long transfers may go on after SIGTERM.
    pub drain: Duration,
    /// Files, directories and unfinished uploads of one user.
    pub entries: u64,
    /// Addresses that owe nothing, whatever comes from them: many people may be behind one.
    pub penalty_exempt: Vec<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_address: 1024,
            idle: Duration::from_secs(300),
            drain: Duration::from_secs(30),
            entries: 1_000_000,
            penalty_exempt: Vec::new(),
        }
    }
}
