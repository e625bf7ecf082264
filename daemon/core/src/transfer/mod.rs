//! The files of transfers: a download's source, an upload's part.
//!
//! Both read or write chunk by chunk and keep the [`Tree`](ftp_proto::Tree) of the values, so that the root is known at the end without reading again.
//! Everything here blocks: only workers call it.

mod beside;
mod group;
mod kept;
mod scrub;
mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use beside::{Alone, Hands, Help};
pub use group::{Small, store};
pub use scrub::Scrubbed;
pub use sink::{Appended, Published, PutFailed, Sink};
pub use source::{Read, Source};

use ftp_proto::{Etag, VirtualPath};

/// The name of the part for an upload to `path`: the same path has the same part.
#[must_use]
pub fn part_id(path: &VirtualPath) -> Etag {
    let mut hasher = blake3::Hasher::new_derive_key("ftpd 2026 part id v1");
    hasher.update(path.to_string().as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Etag(id)
}
