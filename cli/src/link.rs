//! What the client speaks over: something that carries frames.

use crate::failure::Failure;
use ftp_proto::Frame;
use std::time::Duration;

/// Carries frames between a client and a daemon. [`Connection`](crate::connect::Connection) does so over TLS.
pub trait Link: Send + Sync {
    /// Sends all of `bytes`; what comes in meanwhile waits for [`Link::frame`]. Calls `tick` now and then while nothing can be sent.
    ///
    /// # Errors
    /// The connection is lost, nothing moves for too long, or for a second and Ctrl-C was pressed.
    fn send(&mut self, bytes: &[u8], tick: &mut dyn FnMut()) -> Result<(), Failure>;
    /// The next frame, or none when none came for a tenth of a second.
    ///
    /// # Errors
    /// The connection is lost, or nothing moved for too long.
    fn frame(&mut self) -> Result<Option<Frame>, Failure>;
    /// A frame that is there already.
    ///
    /// # Errors
    /// The connection is lost.
    fn frame_at_hand(&mut self) -> Result<Option<Frame>, Failure>;
    /// The daemon has closed the connection, or it was cut.
    fn is_ended(&self) -> bool;
    /// How long nothing has moved.
    fn silence(&self) -> Duration;
    /// From now on, silence is counted anew.
    fn begin_wait(&mut self);
    /// Waits no longer than this for a server from now on; gives what it was before.
    fn set_timeout(&mut self, timeout: Duration) -> Duration;
    /// Whether a limit of the rate is left aside for now.
    fn hurry(&mut self, hurried: bool) {
        let _there_is_none = hurried;
    }
    /// Whether more is sent at once after what is sent from now on: then the end of it may wait for that.
    fn follow(&mut self, follows: bool) {
        let _nothing_waits = follows;
    }
    /// Gives back the buffer of a chunk.
    fn recycle(&mut self, buffer: Vec<u8>);
}
