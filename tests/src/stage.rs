//! A client before a server that it trusts and that misbehaves, in a place where it is seen what it touches.

use crate::arena::Arena;
use crate::evil::{Evil, Hand, Then};
use crate::process::{Watched, watch};
use crate::site::Site;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

/// How long a client may take. None has to wait for anything but the disk.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// What is shown of the output of a client that failed.
const TAIL: usize = 2000;

/// The place.
pub struct Stage {
    /// Certificates and the like.
    pub site: Site,
    /// The server.
    pub evil: Evil,
    /// The folder for downloads, and what is around it.
    pub arena: Arena,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// With a server that has a case for every path.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let site = Site::new();
        let evil = Evil::start(&site);
        Self::with(site, evil)
    }

    /// With an answer of one's own, where it has one.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn answering(custom: impl Fn(&mut Hand) -> io::Result<Option<Then>> + Send + Sync + 'static) -> Self {
        let site = Site::new();
        let evil = Evil::answering(&site, custom);
        Self::with(site, evil)
    }

    fn with(site: Site, evil: Evil) -> Self {
        fs::write(site.path("alice.pw"), "a password of alice\n").expect("written");
        fs::set_permissions(site.path("alice.pw"), fs::Permissions::from_mode(0o600)).expect("chmod");
        let arena = Arena::new(site.path("arena"));
        Self { site, evil, arena }
    }

    /// A client that works in the folder for downloads.
    #[must_use]
    pub fn client(&self) -> Command {
        let mut command = self.site.cli(self.evil.port, "alice");
        command.current_dir(&self.arena.down).args(["--retries", "none", "--timeout", "20"]);
        command
    }

    /// Runs commands, each whatever came of the one before, and looks whether the client and everything around it came through.
    ///
    /// # Panics
    /// They did not.
    pub fn run(&self, commands: &str) -> Watched {
        let mut command = self.client();
        command.args(["-k", "-c", commands]);
        let watched = watch(command, DEADLINE);
        sound(&watched, commands);
        self.arena.untouched(commands);
        watched
    }
}

/// What no terminal should get: control characters but for the end of a line, and what turns or hides text.
fn drives_a_terminal(c: char) -> bool {
    let turns_or_hides = matches!(u32::from(c),
        0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe_0000..=0xe_007f);
    turns_or_hides || (c.is_control() && c != '\n')
}

/// Insists that a client ended by itself and in time, did not panic, and wrote only what a terminal may see.
///
/// # Panics
/// It did not.
pub fn sound(watched: &Watched, what: &str) {
    let (ran, took) = (&watched.ran, watched.took);
    let tail = ran.err.char_indices().rev().nth(TAIL).map_or(0, |(at, _)| at);
    let tail = format!("code {}, {took:?}, at last:\n{}", ran.code, &ran.err[tail..]);
    assert!(!watched.overdue, "{what}: it did not end: {tail}");
    assert!(ran.code != 101 && ran.code >= 0 && !ran.err.contains("panicked"), "{what}: {tail}");
    let text = std::str::from_utf8(&watched.wrote).unwrap_or_else(|error| panic!("{what}: {error}: {tail}"));
    let bad = text.lines().find(|line| line.chars().any(drives_a_terminal));
    assert!(bad.is_none(), "{what}: {bad:?}");
}
