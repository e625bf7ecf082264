//! Becoming a user, and nobody again.

use super::Client;
use crate::failure::Failure;
use ftp_proto::Code;
use ftp_proto::message::{Done, LoggedIn, Login, Op, Secret};
use std::time::{Duration, Instant};

/// How long a login is asked for again while the daemon is busy; well below the 15 s after which it closes.
const BUSY: Duration = Duration::from_secs(8);
/// How long the daemon is waited for by a user who wants to go.
const GOODBYE: Duration = Duration::from_secs(2);

impl Client {
    /// Becomes a user; answers `busy` are waited out as the daemon says, if that takes a few seconds at most.
    ///
    /// # Errors
    /// [`Cause::Login`](crate::failure::Cause::Login) if it is refused.
    pub fn login(&mut self, user: &str, password: &Secret) -> Result<LoggedIn, Failure> {
        self.log_in(&Login { user: user.to_owned(), password: Some(password.clone()), token: None })
    }

    /// Becomes a user again, with the token of an earlier login.
    ///
    /// # Errors
    /// As [`Client::login`]; the token may have ended.
    pub fn login_again(&mut self, user: &str, token: &Secret) -> Result<LoggedIn, Failure> {
        self.log_in(&Login { user: user.to_owned(), password: None, token: Some(token.clone()) })
    }

    fn log_in(&mut self, login: &Login) -> Result<LoggedIn, Failure> {
        let end = Instant::now() + BUSY;
        loop {
            let result = self.ask::<LoggedIn>(Op::Login(login.clone()));
            if result.as_ref().is_ok_and(|logged_in| logged_in.user.as_str() != login.user) {
                return Err(self.breach("a login as somebody else"));
            }
            let failure = match result {
                Err(failure) if failure.code() == Some(Code::Busy) && !self.broken => failure,
                result => return result,
            };
            let seconds = failure.refusal.as_ref().and_then(|refusal| refusal.retry_seconds).unwrap_or(1);
            let pause = Duration::from_secs(seconds.max(1));
            if pause > end.saturating_duration_since(Instant::now()) {
                return Err(failure.hint(format!("try again in {seconds} s")));
            }
            self.sleep(pause)?;
        }
    }

    fn sleep(&self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            if self.interrupt.is_set() {
                return Err(Failure::interrupted());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Becomes nobody; the connection stays.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn logout(&mut self) -> Result<(), Failure> {
        let timeout = self.link.set_timeout(GOODBYE);
        let result = self.ask::<Done>(Op::Logout).map(|_| ());
        self.link.set_timeout(timeout);
        result
    }
}
