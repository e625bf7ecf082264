//! A download.

use super::Report;
use super::local::Part;
use super::place::Place;
use crate::client::{Client, Incoming};
use crate::failure::{Cause, Failure, shown};
use crate::interrupt::Interrupt;
use crate::watch::Watch;
use ftp_proto::message::{Body, Get, GetBegin, GetEnd, Kept, Op};
use ftp_proto::sidecar::Sidecar;
use ftp_proto::{Code, Etag, PrefixHash, Tree, VirtualPath};
use std::path::Path;
use std::time::Instant;

/// Downloads `remote` to `place`, through its sibling `<name>.part` and its sidecar `<name>.part.cv`. Ctrl-C, a lost connection and a full disk keep the part.
///
/// # Errors
/// What happened and what to do; after [`Cause::Interrupted`] the client can still be used unless `fatal` is set.
pub fn get(
    client: &mut Client,
    remote: &VirtualPath,
    place: &Place,
    md5: bool,
    interrupt: &Interrupt,
    watch: &mut dyn Watch,
) -> Result<Report, Failure> {
    let (mut part, found) = Part::open(place, md5)?;
    let etag = found.as_ref().filter(|found| found.path == remote.to_string()).and_then(|found| found.etag);
    let begun = match etag {
        Some(etag) => {
            part.check(interrupt, watch)?;
            go_on(client, remote, md5, &mut part, etag, watch)
        }
        None => start(client, remote, md5, 0, None, watch),
    };
    let (id, begin) = match begun {
        Ok(begun) => begun,
        Err(failure) => {
            if etag.is_none() || part.offset() == 0 {
                part.discard();
            }
            return Err(failure);
        }
    };
    if part.offset() == 0 {
        let what = Sidecar {
            path: remote.to_string(),
            size: begin.size,
            mtime: begin.mtime,
            etag: Some(begin.etag),
        };
        if let Err(failure) = part.restart(what) {
            client.abort(id)?;
            return Err(failure);
        }
    }
    receive(client, id, part, place, &begin, watch)
}

/// Goes on with a part if it is of the version that is at the server, else from 0.
fn go_on(
    client: &mut Client,
    remote: &VirtualPath,
    md5: bool,
    part: &mut Part<'_>,
    etag: Etag,
    watch: &mut dyn Watch,
) -> Result<(u64, GetBegin), Failure> {
    let offset = part.offset();
    let same = |begin: &GetBegin, part: &Part<'_>| {
        begin.prefix == part.tree().prefix() && begin.etag == etag && begin.size == part.size()
    };
    match start(client, remote, md5, offset, Some(etag), watch) {
        Ok((id, begin)) if same(&begin, part) => return Ok((id, begin)),
        Ok((id, _)) => {
            client.abort(id)?;
            watch.note("what is here is not the beginning of the server's file; starting again");
        }
        Err(failure) if failure.code() == Some(Code::Changed) => {
            watch.note("the file changed on the server since; starting again");
        }
        Err(failure) => return Err(failure),
    }
    part.restart(Sidecar { path: remote.to_string(), size: 0, mtime: 0, etag: None })?;
    start(client, remote, md5, 0, None, watch)
}

fn start(
    client: &mut Client,
    remote: &VirtualPath,
    md5: bool,
    offset: u64,
    etag: Option<Etag>,
    watch: &mut dyn Watch,
) -> Result<(u64, GetBegin), Failure> {
    let id = client.send(Op::Get(Get { path: remote.clone(), offset, etag, md5, kept: Kept::Use }))?;
    match client.wait_watched(id, watch)? {
        Body::Begin(value) => {
            let begin: GetBegin = client.read(value)?;
            if offset == 0 && begin.prefix != empty() {
                return Err(client.breach("a prefix of nothing that is not"));
            }
            Ok((id, begin))
        }
        Body::Error(refusal) => Err(Failure::refused(refusal)),
        Body::Ok(_) | Body::Page(_) => Err(client.breach("a download that does not begin")),
    }
}

fn empty() -> PrefixHash {
    Tree::new().prefix()
}

fn receive(
    client: &mut Client,
    id: u64,
    mut part: Part<'_>,
    place: &Place,
    begin: &GetBegin,
    watch: &mut dyn Watch,
) -> Result<Report, Failure> {
    let resumed = part.offset();
    let began = Instant::now();
    watch.begin(begin.size, resumed);
    let end: GetEnd = loop {
        match client.wait(id, &mut || watch.at(part.offset()))? {
            Incoming::Chunk(chunk) => {
                let appended = part.append(chunk.value(), chunk.data());
                client.recycle(chunk);
                if let Err(failure) = appended {
                    client.abort(id)?;
                    return Err(failure);
                }
                watch.at(part.offset());
            }
            Incoming::Reply(Body::Ok(value)) => break client.read(value)?,
            Incoming::Reply(Body::Error(refusal)) => {
                let changed = refusal.code == Code::Changed;
                let failure = Failure::refused(refusal);
                if changed {
                    part.discard();
                    return Err(
                        failure.hint("nothing was put in place; run the same command to fetch it afresh")
                    );
                }
                return Err(failure);
            }
            Incoming::Reply(_) => return Err(client.breach("an answer of another kind")),
        }
    };
    let took = began.elapsed();
    watch.finishing();
    if part.offset() != begin.size {
        return Err(client.breach("a download that ends too early"));
    }
    let (root, md5) = (part.tree().root(), part.md5());
    if root != end.root || (md5.is_some() && md5 != end.md5) {
        let (name, path) = (shown(Path::new(place.name())), shown(&place.path()));
        let kept = match part.condemn() {
            Ok(bad) => format!("Kept as {}; ", shown(Path::new(&bad))),
            Err(_) => String::new(),
        };
        let what = format!(
            "{name}: arrived DAMAGED (BLAKE3 here {root}, server {}). {kept}{path} was not touched.",
            end.root
        );
        return Err(
            Failure::new(Cause::Verification, what).hint("Run the same command again to fetch it afresh.")
        );
    }
    let size = begin.size;
    part.publish()?;
    Ok(Report { size, resumed, moved: size - resumed, took, root, md5 })
}
