//! What `--verbose` says on stderr: each step of the protocol, never a secret.

use crate::console::clean;
use crate::event::Event;
use ftp_proto::message::{Body, Op};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Where steps are said, if anywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Steps {
    /// Nowhere.
    #[default]
    Silent,
    /// For a person, on stderr.
    Text,
    /// As events, on stdout.
    Json,
}

impl Steps {
    /// Says one.
    pub fn say(self, what: impl FnOnce() -> String) {
        // Whoever closed the other end does not want to know.
        let _ = match self {
            Self::Silent => Ok(()),
            Self::Text => writeln!(io::stderr().lock(), "* {}", clean(&what())),
            Self::Json => writeln!(io::stdout().lock(), "{}", Event::Step { message: &what() }.line()),
        };
    }
}

/// The requests that are not answered yet, as far as anybody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    steps: Steps,
    open: Vec<(u64, String, Instant)>,
}

impl Asked {
    pub(crate) fn new(steps: Steps) -> Self {
        Self { steps, open: Vec::new() }
    }

    /// A request was sent.
    pub(crate) fn sent(&mut self, id: u64, op: &Op) {
        // The end of an upload has the id of its begin.
        if self.steps != Steps::Silent && self.open.iter().all(|(open, ..)| *open != id) {
            self.open.push((id, described(op), Instant::now()));
        }
    }

    /// It was answered.
    pub(crate) fn answered(&mut self, id: u64, body: &Body) {
        let Some(at) = self.open.iter().position(|(open, ..)| *open == id) else { return };
        let how = match body {
            Body::Page(_) => return,
            Body::Begin(_) => "begins".to_owned(),
            Body::Ok(_) => "done".to_owned(),
            Body::Error(refusal) => {
                let code = serde_json::to_value(refusal.code).unwrap_or_default();
                format!("refused, {}", code.as_str().unwrap_or_default())
            }
        };
        let (_, what, since) = &self.open[at];
        self.steps.say(|| format!("{what}: {how} after {}", millis(since.elapsed())));
        if !matches!(body, Body::Begin(_)) {
            self.open.remove(at);
        }
    }
}

/// A time for the eye, as `1.2 ms`.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// What is asked, without what is secret.
fn described(op: &Op) -> String {
    let on = |name: &str, path: &dyn std::fmt::Display| {
        format!("{name} {}", ftp_proto::Printable(&path.to_string()))
    };
    match op {
        Op::Login(login) if login.token.is_some() => on("login with a token as", &login.user),
        Op::Login(login) => on("login as", &login.user),
        Op::Logout => "logout".to_owned(),
        Op::Ping => "ping".to_owned(),
        Op::Abort { .. } => "abort".to_owned(),
        Op::Info => "info".to_owned(),
        Op::Stat { path } => on("stat", path),
        Op::List { path } => on("list", path),
        Op::Mkdir { path } => on("mkdir", path),
        Op::Rmdir { path } => on("rmdir", path),
        Op::Rm { path } => on("rm", path),
        Op::Rename { from, to, .. } => {
            format!("{} to {}", on("rename", from), ftp_proto::Printable(&to.to_string()))
        }
        Op::Sum { path, md5, .. } => on(if *md5 { "sum with MD5" } else { "sum" }, path),
        Op::Parts => "parts".to_owned(),
        Op::PartsRm { .. } => "parts_rm".to_owned(),
        Op::Get(get) if get.offset > 0 => format!("{} from {}", on("get", &get.path), get.offset),
        Op::Get(get) => on("get", &get.path),
        Op::Put(put) => format!("{}, {} bytes", on("put", &put.path), put.size),
        Op::PutEnd(_) => "put_end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::message::{Login, Secret};

    #[test]
    fn a_step_has_no_secret_in_it() {
        let secret = || Some(Secret::new("hunter2-hunter2".into()));
        for (password, token) in [(secret(), None), (None, secret())] {
            let login = Op::Login(Login { user: "alice\x1b".into(), password, token });
            let text = described(&login);
            assert!(text.starts_with("login") && text.contains("alice"), "{text}");
            assert!(!text.contains("hunter2") && !text.contains('\x1b'), "{text}");
        }
    }
}
