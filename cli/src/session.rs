//! A logged-in user: who, where in the home, and the connection, which is made anew when it was lost.

use crate::client::Client;
use crate::config::Config;
use crate::connect::Server;
use crate::failure::{Cause, Failure};
use crate::interrupt::Interrupt;
use crate::limit::Limit;
use crate::trust::Ask;
use ftp_proto::error::Code;
use ftp_proto::message::{Account, Entry, LoggedIn, Secret};
use ftp_proto::{UserName, VirtualPath};
use std::path::PathBuf;
use std::time::Duration;

/// A user's session.
pub struct Session {
    server: Server,
    interrupt: Interrupt,
    password: Secret,
    token: Secret,
    client: Client,
    /// Neither the token nor the password is good any more.
    over: bool,
    /// Who.
    pub user: UserName,
    /// The account at the login.
    pub account: Account,
    /// The current directory.
    pub cwd: VirtualPath,
    /// The directory before that one, for `cd -`.
    pub previous: VirtualPath,
    /// Where downloads go.
    pub download: PathBuf,
    /// Where uploads come from.
    pub upload: PathBuf,
    /// These two before the last `lcd`.
    pub left: (PathBuf, PathBuf),
    /// Files and bytes that moved.
    pub moved: (u64, u64),
}

impl Session {
    /// Goes to work over a connection that is logged in.
    ///
    /// # Errors
    /// A folder on this side is missing and cannot be made.
    pub fn begin(
        client: Client,
        logged_in: LoggedIn,
        password: Secret,
        server: &Server,
        interrupt: &Interrupt,
        config: &Config,
    ) -> Result<Self, Failure> {
        let user = logged_in.user;
        let (download, upload) = (config.download(&user)?, config.upload(&user)?);
        Ok(Self {
            server: server.clone(),
            interrupt: interrupt.clone(),
            password,
            token: logged_in.token,
            client,
            over: false,
            account: logged_in.account,
            cwd: VirtualPath::root(),
            previous: VirtualPath::root(),
            left: (download.clone(), upload.clone()),
            download,
            upload,
            user,
            moved: (0, 0),
        })
    }

    /// Ctrl-C.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// How fast bytes may move.
    #[must_use]
    pub fn limit(&self) -> &Limit {
        &self.server.limit
    }

    /// Where this session is logged in, as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// The host alone.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.server.host
    }

    /// Connects and logs in again. The server has to be one that is known.
    fn reconnect(&mut self) -> Result<(), Failure> {
        let ask: Ask<'_> =
            &mut |_| Err(Failure::new(Cause::Identity, "the server is not known any more").fatal());
        let mut client = Client::connect(&self.server, &self.interrupt, ask)?;
        let user = self.user.as_str();
        let logged_in = match client.login_again(user, &self.token) {
            // A token ends with the daemon, or unused.
            Err(failure) if failure.cause == Cause::Login && !client.is_broken() => {
                client.login(user, &self.password)
            }
            result => result,
        };
        let logged_in = logged_in.map_err(|failure| {
            if failure.code() != Some(Code::LoginRefused) {
                return failure;
            }
            self.over = true;
            let what =
                format!("{user} cannot log in any more: the account has another password now, or is gone");
            // What is left of a command would only be refused as well.
            Failure::new(Cause::Login, what).hint("log in again, or ask the administrator").fatal()
        })?;
        self.account = logged_in.account;
        self.token = logged_in.token;
        self.client = client;
        Ok(())
    }

    /// The user has to log in again with another password, or cannot.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The connection, made anew if the daemon has closed it meanwhile, as it does with sessions that ask for nothing for long.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn client(&mut self) -> Result<&mut Client, Failure> {
        if self.client.is_gone() {
            self.reconnect()?;
        }
        Ok(&mut self.client)
    }

    /// The connection as it is, in the middle of something.
    pub(crate) fn under_way(&mut self) -> &mut Client {
        &mut self.client
    }

    /// What is in a directory, if the server says so at once. Nothing is connected anew for it.
    pub fn list_within(&mut self, path: &VirtualPath, patience: Duration) -> Option<Vec<Entry>> {
        if self.client.is_gone() { None } else { self.client.list_within(path, patience).ok().flatten() }
    }

    /// Gives the connection back, logged out; none if it is broken. A server that does not answer is not waited for again.
    #[must_use]
    pub fn end(mut self) -> Option<Client> {
        (!self.client.is_broken() && self.client.logout().is_ok()).then_some(self.client)
    }
}
