//! Every number that both ends rely on, tied together by assertions.

/// The application protocol of the TLS handshake.
pub const ALPN: &[u8] = b"ftpd/1";
/// The protocol version in the greeting.
pub const PROTOCOL: u32 = 1;
/// The default TCP port.
pub const DEFAULT_PORT: u16 = 9999;

/// Bytes of a file in one chunk; a power of two of BLAKE3's own 1,024-byte leaves.
pub const CHUNK: usize = 256 * 1024;
/// Bytes of a chunk's value.
pub const VALUE: usize = 32;
/// Bytes of a frame's header: the length, then the kind.
pub const HEADER: usize = 5;
/// The largest payload of a chunk frame.
pub const CHUNK_PAYLOAD: usize = VALUE + CHUNK;
/// The largest message before login, in bytes.
pub const MESSAGE_GUEST: usize = 4 * 1024;
/// The largest message after login, in bytes.
pub const MESSAGE: usize = 64 * 1024;

/// The most requests a client may leave unanswered.
pub const PIPELINE: usize = 256;
/// The most request bytes a client may leave unanswered while a download, listing or sum runs, with those that stop them.
pub const PIPELINE_WHILE_READING: usize = 32 * 1024;

/// The longest virtual path, in bytes.
pub const PATH: usize = 4096;
/// The longest name, in bytes.
pub const NAME: usize = 255;
/// The most names in a path.
pub const DEPTH: usize = 64;
/// The longest password, in bytes.
pub const PASSWORD: usize = 512;
/// The largest size, offset or id: what JSON numbers carry exactly everywhere.
pub const INTEGER: u64 = 1 << 53;
/// The most entries in one page of a listing.
pub const PAGE_ENTRIES: usize = 256;
/// The most JSON bytes of one page of a listing.
pub const PAGE_BYTES: usize = 48 * 1024;

const _: () = assert!(CHUNK.is_power_of_two() && CHUNK.is_multiple_of(1024), "a chunk is a BLAKE3 subtree");
const _: () = assert!(MESSAGE_GUEST <= MESSAGE, "logging in takes nothing away");
const _: () = assert!(PATH < MESSAGE_GUEST + 1, "a path fits every message");
const _: () = assert!(PAGE_BYTES + 2 * NAME * 6 < MESSAGE, "a page and one more escaped name fit a message");
const _: () = assert!(DEPTH * 2 <= PATH, "the deepest path can be spelled");
