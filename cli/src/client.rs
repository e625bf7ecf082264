//! The protocol from the client's side: one method per request.

use crate::connect::{Connection, Server};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::trust::{Ask, Fingerprint};
use ftp_proto::message::{Account, Entry, Info, LoggedIn, PartEntry, PartsRemoved, Secret, Sum};
use ftp_proto::{Etag, VirtualPath};

/// A connection that speaks `ftpd/1`.
pub struct Client {
    #[expect(dead_code, reason = "a sketch of the interface")]
    connection: Connection,
}

impl Client {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn connect(_server: &Server, _interrupt: &Interrupt, _ask: Ask<'_>) -> Result<Self, Failure> {
        unimplemented!()
    }

    /// The server's certificate's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        unimplemented!()
    }

    /// Becomes a user; answers `busy` are waited out as the daemon says, up to the timeout.
    ///
    /// # Errors
    /// [`Cause::Login`](crate::failure::Cause::Login) if it is refused.
    pub fn login(&mut self, _user: &str, _password: &Secret) -> Result<LoggedIn, Failure> {
        unimplemented!()
    }

    /// Becomes nobody; the connection stays.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn logout(&mut self) -> Result<(), Failure> {
        unimplemented!()
    }

    /// Is the daemon there?
    ///
    /// # Errors
    /// The connection is lost.
    pub fn ping(&mut self) -> Result<(), Failure> {
        unimplemented!()
    }

    /// The account and the connection.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn info(&mut self) -> Result<Info, Failure> {
        unimplemented!()
    }

    /// The account only.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn account(&mut self) -> Result<Account, Failure> {
        unimplemented!()
    }

    /// One entry.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn stat(&mut self, _path: &VirtualPath) -> Result<Entry, Failure> {
        unimplemented!()
    }

    /// All entries of a directory, sorted by name. At most 1,000,000.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn list(&mut self, _path: &VirtualPath) -> Result<Vec<Entry>, Failure> {
        unimplemented!()
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn mkdir(&mut self, _path: &VirtualPath) -> Result<(), Failure> {
        unimplemented!()
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn rmdir(&mut self, _path: &VirtualPath) -> Result<(), Failure> {
        unimplemented!()
    }

    /// Removes a file; the bytes that were freed.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn rm(&mut self, _path: &VirtualPath) -> Result<u64, Failure> {
        unimplemented!()
    }

    /// Gives an entry another path.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn rename(&mut self, _from: &VirtualPath, _to: &VirtualPath, _replace: bool) -> Result<(), Failure> {
        unimplemented!()
    }

    /// Hashes a file at the server.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn sum(&mut self, _path: &VirtualPath, _md5: bool) -> Result<Sum, Failure> {
        unimplemented!()
    }

    /// The unfinished uploads.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn parts(&mut self) -> Result<Vec<PartEntry>, Failure> {
        unimplemented!()
    }

    /// Drops one unfinished upload, or all.
    ///
    /// # Errors
    /// As the daemon says.
    pub fn parts_rm(&mut self, _part: Option<Etag>) -> Result<PartsRemoved, Failure> {
        unimplemented!()
    }
}
