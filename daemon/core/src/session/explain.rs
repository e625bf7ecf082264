//! Refusals of requests that could not be read.

use ftp_proto::message::Refusal;
use ftp_proto::{Code, VirtualPath};
use serde::Deserialize;

/// Why a request with a known `op` could not be read: a path that breaks the rules, or something else.
pub(super) fn members(json: &[u8]) -> Refusal {
    #[derive(Deserialize)]
    struct Paths {
        path: Option<String>,
        from: Option<String>,
        to: Option<String>,
    }
    if let Ok(paths) = serde_json::from_slice::<Paths>(json) {
        for path in [paths.path, paths.from, paths.to].into_iter().flatten() {
            if let Err(fault) = VirtualPath::new(&path) {
                return Refusal::new(Code::NameRefused, fault.to_string());
            }
        }
    }
    Refusal::new(Code::BadRequest, "a member of the request is missing or is not what it should be")
}

/// Whether a request that could not be read is an eager put, so that its chunk and its end follow.
pub(super) fn is_eager_put(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Eager {
        op: String,
        eager: bool,
    }
    serde_json::from_slice::<Eager>(json).is_ok_and(|put| put.eager && put.op == "put")
}

/// For an `op` that is not known.
pub(super) fn unsupported() -> Refusal {
    Refusal::new(Code::Unsupported, "this server does not know that request")
}

/// For a request before login.
pub(super) fn not_logged_in() -> Refusal {
    Refusal::new(Code::NotLoggedIn, "log in first")
}

/// For a request while the daemon ends.
pub(super) fn shutting_down() -> Refusal {
    Refusal::new(Code::ShuttingDown, "the server is ending")
        .hint("try again in a moment; unfinished transfers can be resumed")
}
