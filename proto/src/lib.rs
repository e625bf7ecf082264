//! The native wire protocol, as values.
//!
//! ```text
//! TLS plaintext ──▶ frame::Deframer ──▶ Frame::Message ──▶ message::Request / ServerMessage
//!                                  └──▶ Frame::Chunk   ──▶ tree::Tree ──▶ Root
//! ```
//!
//! Here are the bounds both ends rely on, names and paths that were checked once and are trusted afterwards, messages, frames,
//! the chunk tree and the sidecar of an unfinished file. Not here: sockets, files, clocks, randomness.
//! `PROTOCOL.md` beside this crate states the same for people and other languages.

pub mod digest;
pub mod error;
pub mod frame;
pub mod limits;
pub mod message;
pub mod path;
pub mod printable;
pub mod sidecar;
pub mod tree;

pub use digest::{Etag, Md5Sum, PrefixHash, Root, Value};
pub use error::{Code, WireFault};
pub use frame::{Chunk, Deframer, Frame};
pub use path::{Name, PathFault, UserName, VirtualPath};
pub use printable::{Blotted, Printable};
pub use tree::Tree;
