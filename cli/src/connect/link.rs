//! Frames over the connection: sent whole, taken one by one.

use super::{Connection, TICK};
use crate::failure::Failure;
use crate::link::Link;
use ftp_proto::Frame;
use std::time::{Duration, Instant};

/// Ctrl-C gives up a connection on which what was begun cannot be sent to its end within this, however fast it may go.
const STUCK: Duration = Duration::from_secs(1);

impl Link for Connection {
    fn send(&mut self, bytes: &[u8], tick: &mut dyn FnMut()) -> Result<(), Failure> {
        let (mut rest, mut interrupted) = (bytes, None);
        self.begin_wait();
        while !rest.is_empty() {
            let taken = self.pump.encrypt(rest).map_err(|fault| self.end(&fault))?;
            rest = &rest[taken..];
            // As long as it can be encrypted it is only passed on; when the socket is full it is waited for, and what comes is taken.
            if taken == 0 {
                self.turn(TICK)?;
                tick();
            } else if !self.is_held() {
                self.flush()?;
            }
            self.check_end()?;
            self.check_time()?;
            if self.interrupt.is_set() {
                let since = *interrupted.get_or_insert_with(|| {
                    self.bucket.hurry(true);
                    Instant::now()
                });
                // Half a message is on its way, so that nothing else can be said: the connection is given up.
                if since.elapsed() > STUCK {
                    return Err(Failure::interrupted().fatal());
                }
            }
        }
        if interrupted.is_some() {
            self.bucket.hurry(false);
        }
        Ok(())
    }

    fn set_timeout(&mut self, timeout: Duration) -> Duration {
        std::mem::replace(&mut self.timeout, timeout)
    }

    fn frame(&mut self) -> Result<Option<Frame>, Failure> {
        if self.frames.is_empty() {
            self.turn(TICK)?;
        }
        if let Some(frame) = self.frames.pop_front() {
            return Ok(Some(frame));
        }
        self.check_end()?;
        self.check_time()?;
        Ok(None)
    }

    fn frame_at_hand(&mut self) -> Result<Option<Frame>, Failure> {
        if self.frames.is_empty() {
            self.turn(Duration::ZERO)?;
        }
        Ok(self.frames.pop_front())
    }

    fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    fn silence(&self) -> Duration {
        self.moved.elapsed()
    }

    fn begin_wait(&mut self) {
        (self.moved, self.crept) = (Instant::now(), 0);
    }

    fn hurry(&mut self, hurried: bool) {
        self.bucket.hurry(hurried);
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        self.deframer.recycle(buffer);
    }

    fn follow(&mut self, follows: bool) {
        self.follows = follows;
    }
}
