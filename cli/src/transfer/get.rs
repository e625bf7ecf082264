//! A download.

use super::Report;
use super::local::Part;
use super::place::Place;
use super::writer::Writer;
use crate::client::{Client, Incoming};
use crate::failure::{Cause, Failure, shown};
use crate::interrupt::Interrupt;
use crate::watch::Watch;
use ftp_proto::message::{Body, Get, GetBegin, GetEnd, Kept, Op};
use ftp_proto::sidecar::Sidecar;
use ftp_proto::{Code, Etag, PrefixHash, Tree, VirtualPath};
use std::path::Path;
use std::thread;
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
        None => start(client, whole(remote, md5), watch),
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
    receive(client, id, remote, part, place, &begin, watch)
}

/// Has the server look at its file from here on: bytes did not have the values that it kept of them, and that can be its disk or the way here.
fn look_again(
    client: &mut Client,
    remote: &VirtualPath,
    part: &Part<'_>,
    begin: &GetBegin,
    watch: &mut dyn Watch,
) -> Result<u64, Failure> {
    watch.note("what arrived is not what was uploaded; having the server check its file");
    let md5 = part.md5().is_some();
    let (offset, etag) = (part.offset(), Some(begin.etag));
    let rest = Get { path: remote.clone(), offset, etag, md5, kept: Kept::Check };
    let (id, again) = start(client, rest, watch)?;
    if again.prefix != part.tree().prefix() || (again.etag, again.size) != (begin.etag, begin.size) {
        client.abort(id)?;
        return Err(Failure::new(Cause::Verification, "the server's file is another one than a moment ago"));
    }
    Ok(id)
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
    let rest = Get { path: remote.clone(), offset, etag: Some(etag), md5, kept: Kept::Use };
    match start(client, rest, watch) {
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
    start(client, whole(remote, md5), watch)
}

/// All of a file, whichever version it is.
fn whole(remote: &VirtualPath, md5: bool) -> Get {
    Get { path: remote.clone(), offset: 0, etag: None, md5, kept: Kept::Use }
}

fn start(client: &mut Client, get: Get, watch: &mut dyn Watch) -> Result<(u64, GetBegin), Failure> {
    let offset = get.offset;
    let id = client.send(Op::Get(get))?;
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

/// Passes chunks on until the answer comes; none if one cannot be kept.
fn take(
    client: &mut Client,
    id: u64,
    writer: &mut Writer<'_, '_>,
    watch: &mut dyn Watch,
) -> Result<Option<Body>, Failure> {
    loop {
        match client.wait(id, &mut || watch.at(writer.offset()))? {
            Incoming::Chunk(chunk) => {
                if !writer.push(chunk) {
                    return Ok(None);
                }
                while let Some(chunk) = writer.spent() {
                    client.recycle(chunk);
                }
                watch.at(writer.offset());
            }
            Incoming::Reply(body) => return Ok(Some(body)),
        }
    }
}

fn receive(
    client: &mut Client,
    mut id: u64,
    remote: &VirtualPath,
    mut part: Part<'_>,
    place: &Place,
    begin: &GetBegin,
    watch: &mut dyn Watch,
) -> Result<Report, Failure> {
    let resumed = part.offset();
    let began = Instant::now();
    let mut may_look_again = begin.kept;
    watch.begin(begin.size, resumed);
    let end: GetEnd = loop {
        let (back, taken, failure) = thread::scope(|scope| {
            let mut writer = Writer::new(scope, part);
            let taken = take(client, id, &mut writer, watch);
            let (part, failure) = writer.end();
            (part, taken, failure)
        });
        part = back;
        watch.at(part.offset());
        let answer = taken?;
        if let Some(Body::Error(refusal)) = answer {
            let changed = refusal.code == Code::Changed;
            let failure = Failure::refused(refusal);
            if changed {
                part.discard();
                return Err(failure.hint("nothing was put in place; run the same command to fetch it afresh"));
            }
            return Err(failure);
        }
        if let Some(failure) = failure {
            if answer.is_none() {
                client.abort(id)?;
            }
            if failure.cause != Cause::Verification || !std::mem::take(&mut may_look_again) {
                return Err(failure);
            }
            id = look_again(client, remote, &part, begin, watch)?;
            continue;
        }
        match answer {
            Some(Body::Ok(value)) => break client.read(value)?,
            _ => return Err(client.breach("an answer of another kind")),
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
