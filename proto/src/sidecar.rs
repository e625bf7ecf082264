//! The file beside an unfinished transfer: what the part will be, then the value of each chunk it should hold.
//!
//! ```text
//! "ftpdcv1\n" | u32 length of the JSON | JSON of Sidecar | BLAKE3 of all before, 32 bytes | value | value | …
//! ```
//!
//! The values are what *was received*; after a crash the part's bytes are hashed again and count only as far as they agree with these.

use crate::digest::{Etag, Value};
use crate::limits::{PATH, VALUE};
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"ftpdcv1\n";
/// The longest header: a path whose every byte is escaped, and the fixed members.
pub const HEADER_MAX: usize = 8 + 4 + 6 * PATH + 512 + 32;

/// What a part will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The path at the server.
    pub path: String,
    /// The whole size.
    pub size: u64,
    /// The modification time to give the file, in seconds since 1970.
    pub mtime: i64,
    /// For a download: the version it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<Etag>,
}

/// The bytes are not a sidecar's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the sidecar of an unfinished transfer")]
pub struct NotASidecar;

impl Sidecar {
    /// The header as bytes; values follow it.
    ///
    /// # Panics
    /// Never: a sidecar is plain JSON, far below 4 GiB.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a sidecar is plain JSON");
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&u32::try_from(json.len()).expect("a path is short").to_be_bytes());
        bytes.extend_from_slice(&json);
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        bytes
    }

    /// Reads the header at the front of `bytes` (at least [`HEADER_MAX`] of them, or the whole file) and says how long it is.
    ///
    /// # Errors
    /// Torn, or something else.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), NotASidecar> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(NotASidecar)?;
        let (len, rest) = rest.split_first_chunk().ok_or(NotASidecar)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| NotASidecar)?;
        let json = rest.get(..len).ok_or(NotASidecar)?;
        let check = rest.get(len..len + 32).ok_or(NotASidecar)?;
        let header = MAGIC.len() + 4 + len;
        if blake3::hash(&bytes[..header]).as_bytes() != check {
            return Err(NotASidecar);
        }
        let sidecar = serde_json::from_slice(json).map_err(|_| NotASidecar)?;
        Ok((sidecar, header + 32))
    }
}

/// The values in `bytes`, which follow a header; a torn last one is left out.
pub fn values(bytes: &[u8]) -> impl Iterator<Item = Value> {
    bytes.as_chunks::<VALUE>().0.iter().map(|value| Value(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_damage_to_the_header_is_seen() {
        let sidecar = Sidecar { path: "/a b/ü".into(), size: 1 << 40, mtime: -5, etag: Some(Etag([3; 16])) };
        let mut bytes = sidecar.encode();
        bytes.extend_from_slice(&[1; 2 * VALUE + 5]);
        let (read, len) = Sidecar::decode(&bytes).expect("whole");
        assert_eq!(read, sidecar);
        assert_eq!(values(&bytes[len..]).count(), 2);
        for at in 0..len {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            assert_eq!(Sidecar::decode(&torn), Err(NotASidecar), "flipped at {at}");
            assert_eq!(Sidecar::decode(&bytes[..at]), Err(NotASidecar), "cut at {at}");
        }
    }
}
