//! Removals at the server, asked for one after the other without a wait for each.

use super::Shell;
use crate::client::{Incoming, Window, request_len};
use crate::failure::Failure;
use ftp_proto::message::{Body, Op, Removed};
use ftp_proto::{Code, Printable, VirtualPath};
use std::time::Duration;

/// How long the daemon may take to stop what is in flight.
const STOP: Duration = Duration::from_secs(1);

/// One that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Removal<'a> {
    pub(super) path: &'a VirtualPath,
    pub(super) is_dir: bool,
}

impl Removal<'_> {
    /// That failure, with the path that it is about, and a word on what to do.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        let failure = failure.about(Printable(&self.path.to_string()));
        if failure.code() == Some(Code::NotEmpty) {
            return failure.hint(
                "what is in it came meanwhile, or has a name that cannot be listed: try again, or ask the administrator",
            );
        }
        failure
    }
}

/// What came of one: the bytes that are freed, or nothing if somebody else removed it.
pub(super) type Answer = Result<Option<u64>, Failure>;

/// Asks for all of `removals`, each with a `T` of whoever asks, and has `take` told what came of each, in order.
///
/// # Errors
/// What `take` says, or the connection broke, or Ctrl-C: the rest is stopped, and what went all the same is told as well.
pub(super) fn remove_all<'a, T: Copy>(
    shell: &mut Shell<'_>,
    removals: impl Iterator<Item = (Removal<'a>, T)>,
    take: &mut dyn FnMut(&mut Shell<'_>, T, Answer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut window = Window::writing(shell.session.client()?);
    let removed = go_through(shell, removals, &mut window, take);
    if removed.is_err() {
        for ((removal, what), body) in shell.session.under_way().stop(&mut window, STOP) {
            if let Some(body @ Body::Ok(_)) = body {
                let answer = answer(shell, removal, body);
                // Something else has failed before.
                let _too = take(shell, what, answer);
            }
        }
    }
    removed
}

fn go_through<'a, T: Copy>(
    shell: &mut Shell<'_>,
    removals: impl Iterator<Item = (Removal<'a>, T)>,
    window: &mut Window<(Removal<'a>, T)>,
    take: &mut dyn FnMut(&mut Shell<'_>, T, Answer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut removals = removals.peekable();
    loop {
        let client = shell.session.under_way();
        if window.wants_more() {
            while let Some((removal, what)) =
                removals.next_if(|(next, _)| window.has_room(request_len(next.path)))
            {
                let path = removal.path.clone();
                let op = if removal.is_dir { Op::Rmdir { path } } else { Op::Rm { path } };
                client.ask_ahead(window, op, (removal, what))?;
            }
        }
        let Some((removal, what)) = window.first().copied() else { return Ok(()) };
        let next = client.next_of(window, &mut || {});
        let body = match next.map_err(|failure| removal.failed(failure))? {
            None => return Err(Failure::interrupted()),
            Some(Incoming::Reply(body)) => body,
            Some(Incoming::Chunk(_)) => return Err(client.breach("a chunk that nobody asked for")),
        };
        window.done();
        let answer = answer(shell, removal, body);
        take(shell, what, answer)?;
    }
}

fn answer(shell: &mut Shell<'_>, removal: Removal<'_>, body: Body) -> Answer {
    let client = shell.session.under_way();
    match body {
        Body::Ok(_) if removal.is_dir => Ok(Some(0)),
        Body::Ok(removed) => Ok(Some(client.read::<Removed>(removed)?.bytes)),
        Body::Error(refusal) if refusal.code == Code::NotFound => Ok(None),
        Body::Error(refusal) => Err(Failure::refused(refusal)),
        Body::Begin(_) | Body::Page(_) => Err(client.breach("an answer to something else")),
    }
}
