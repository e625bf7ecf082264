//! Files that arrive whole, several at once.
//!
//! ```text
//!  write each ──▶ make all durable ──▶ put each in place ──▶ make their names durable
//! ```
//!
//! What a disk takes most of the time for is to make something durable, and it takes hardly longer for many files than for one. Each file has its own
//! end; but where all were made durable together and that failed, all have failed.

use super::part_id;
use super::sink::{Published, PutFailed, check, part_name, stored};
use crate::fault::{During as _, Fault};
use crate::vfs::{Folder, Home, Near, OpenFile, Synced, Watch};
use ftp_proto::digest::Md5;
use ftp_proto::message::{Put, PutEnd};
use ftp_proto::{Chunk, Code, Etag, Tree};
use std::sync::Arc;

/// From so many files on, the whole disk is made durable at once; fewer are synced one by one, which waits for nobody else's bytes.
const ALL_AT_ONCE: usize = 4;

/// A file of at most one chunk, as it came.
#[derive(Debug)]
pub struct Small {
    /// What is asked.
    pub put: Put,
    /// Its only chunk; none for an empty file.
    pub chunk: Option<Chunk>,
    /// What it should be.
    pub end: PutEnd,
    /// An earlier attempt at the same path may have left something.
    pub leftover: bool,
}

/// Checks, writes, makes durable and puts in place, in order. Leaves no parts, also none of earlier attempts. The results are in the order of the files.
///
/// # Errors
/// Of each file as of [`Sink::finish`](super::Sink::finish); `left` is 0 unless the disk fails.
pub fn store(home: &Home, files: &[Small]) -> Vec<Result<Published, PutFailed>> {
    let mut results = Vec::with_capacity(files.len());
    let mut group = Group::new(home, files.len());
    for (number, file) in files.iter().enumerate() {
        let mut place = group.find_place(file);
        if place.is_err() && !group.members.is_empty() {
            // What it lacks may be what is to come before it.
            results.extend(std::mem::replace(&mut group, Group::new(home, files.len() - number)).end());
            place = group.find_place(file);
        }
        group.write(file, place);
    }
    results.extend(group.end());
    results
}

/// Files that are made durable together.
struct Group<'a> {
    home: &'a Home,
    near: Near,
    /// Since before the first byte was written; none if there are few, or nothing is to be made durable.
    watch: Option<Box<dyn Watch>>,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    file: &'a Small,
    id: Etag,
    /// What an earlier attempt left is gone, or never was; a loss of power does not bring it back.
    sure: bool,
    /// How far it has come, or why it came no further.
    state: Result<State<'a>, Fault>,
}

enum State<'a> {
    Written(Place<'a>, Written),
    InPlace(Place<'a>, Published),
}

/// A file that is whole, and not in place.
struct Written {
    file: Box<dyn OpenFile>,
    /// It has the name of its part; otherwise none.
    is_part: bool,
}

/// A directory and a name in it.
type Place<'a> = (Arc<dyn Folder>, &'a str);

impl<'a> Group<'a> {
    fn new(home: &'a Home, files: usize) -> Self {
        let watch = if files >= ALL_AT_ONCE { home.watch() } else { None };
        Self { home, near: Near::default(), watch, members: Vec::new() }
    }

    fn find_place(&mut self, file: &'a Small) -> Result<Place<'a>, Fault> {
        if file.put.path.is_root() {
            return Err(Fault::refused(Code::IsADirectory, "/ is a directory"));
        }
        self.near.parent(self.home, &file.put.path)
    }

    fn write(&mut self, file: &'a Small, place: Result<Place<'a>, Fault>) {
        let id = part_id(&file.put.path);
        let mut sure = true;
        let state = place.and_then(|place| {
            let written = write(self.home, self.watch.as_deref(), file, &*place.0, id, &mut sure)?;
            Ok(State::Written(place, written))
        });
        self.members.push(Member { file, id, sure, state });
    }

    fn end(mut self) -> Vec<Result<Published, PutFailed>> {
        self.make_durable();
        self.put_in_place();
        self.make_names_durable();
        self.results()
    }

    fn make_durable(&mut self) {
        let home = self.home;
        let written = self.members.iter_mut().filter(|member| member.state.is_ok());
        let written: Vec<_> = written.collect();
        let all = self.watch.as_ref().filter(|_| !written.is_empty()).map(|watch| watch.sync());
        for member in written {
            let Ok(State::Written(_, written)) = &member.state else { continue };
            let synced = match all {
                Some(synced) => synced.during("make files durable"),
                None => home.sync_file(&*written.file),
            };
            if let Err(fault) = synced {
                // Nobody knows what of it is on the disk: none of it is believed.
                member.state = Err(fault);
            }
        }
    }

    fn put_in_place(&mut self) {
        for Member { file: Small { put, end, .. }, id, sure, state } in &mut self.members {
            let Ok(State::Written((dir, leaf), written)) = &state else { continue };
            *state = put_in_place(self.home, written, (&**dir, leaf), *id, put, sure).map(|replaced| {
                let stored = stored(&*written.file, put, end);
                State::InPlace((Arc::clone(dir), *leaf), Published { stored, replaced, unsynced: None })
            });
        }
    }

    /// Where all was synced at once, so are the names: that of a file that had none is more than a line in a directory.
    fn make_names_durable(&mut self) {
        let is_in_place = |member: &Member<'_>| matches!(member.state, Ok(State::InPlace(..)));
        let watch = self.watch.as_ref().filter(|_| self.members.iter().any(is_in_place));
        let all = watch.map(|watch| watch.sync());
        let mut synced = Synced::default();
        for member in &mut self.members {
            let Ok(State::InPlace((dir, _), published)) = &mut member.state else { continue };
            let result = all.unwrap_or_else(|| synced.names(self.home, dir));
            published.unsynced = result.during("make a directory durable").err();
        }
    }

    /// Drops what there is of those that failed.
    fn results(self) -> Vec<Result<Published, PutFailed>> {
        let home = self.home;
        let mut dropped = false;
        let ends: Vec<_> = self
            .members
            .into_iter()
            .map(|member| match member.state {
                Ok(State::InPlace(_, published)) => Ok(published),
                Ok(State::Written(..)) => Err((Fault::Bug("a file was not put in place"), None)),
                Err(fault) => {
                    let gone = home.unlink_upload(member.id);
                    dropped |= matches!(gone, Ok(true));
                    Err((fault, gone.ok().filter(|_| member.sure)))
                }
            })
            .collect();
        let is_gone = !dropped || home.sync_parts().is_ok();
        let left = |had: Option<bool>| had.filter(|had| !had || is_gone).map(|_| 0);
        ends.into_iter().map(|end| end.map_err(|(fault, had)| PutFailed { fault, left: left(had) })).collect()
    }
}

/// Checks the bytes and writes them: to a file without a name, of which a crash leaves nothing, or to a part where there are none.
fn write(
    home: &Home,
    watch: Option<&dyn Watch>,
    file: &Small,
    dir: &dyn Folder,
    id: Etag,
    sure: &mut bool,
) -> Result<Written, Fault> {
    let Small { put, chunk, end, leftover } = file;
    let data = chunk.as_ref().map_or(&[][..], Chunk::data);
    let mut tree = Tree::new();
    if let Some(chunk) = chunk {
        tree.push(check(put.size, 0, chunk)?);
    }
    if data.len() as u64 != put.size {
        return Err(Fault::refused(Code::BadRequest, "put_end came with chunks missing"));
    }
    if put.md5 && end.md5.is_none() {
        return Err(Fault::refused(Code::BadRequest, "the put promised an MD5 and put_end has none"));
    }
    let md5 = put.md5.then(|| {
        let mut md5 = Md5::default();
        md5.update(data);
        md5.finish()
    });
    if tree.root() != end.root || (md5.is_some() && md5 != end.md5) {
        return Err(Fault::refused(
            Code::DigestMismatch,
            "the file arrived with another hash than it was sent with",
        ));
    }
    if *leftover {
        drop_leftover(home, id, sure)?;
    }
    let unnamed = home.unnamed(dir, watch)?;
    let is_part = unnamed.is_none();
    let file = unnamed.map_or_else(|| create(home, id, sure), Ok)?;
    file.write_all_at(data, 0).during("write a file")?;
    file.set_mtime(put.mtime).during("set a file's time")?;
    Ok(Written { file, is_part })
}

/// Gives a file its name. One that replaces another has to have that of its part before.
fn put_in_place(
    home: &Home,
    Written { file, is_part }: &Written,
    (dir, leaf): (&dyn Folder, &str),
    id: Etag,
    put: &Put,
    sure: &mut bool,
) -> Result<Option<u64>, Fault> {
    if !is_part && home.name(&**file, dir, leaf, &put.path)? {
        return Ok(None);
    }
    let part = part_name(id);
    if !is_part && !home.name_part(&**file, &part)? {
        drop_leftover(home, id, sure)?;
        if !home.name_part(&**file, &part)? {
            return Err(Fault::Bug("a part that was removed is there"));
        }
    }
    home.place(&part, dir, leaf, &put.path)
}

fn create(home: &Home, id: Etag, sure: &mut bool) -> Result<Box<dyn OpenFile>, Fault> {
    let name = part_name(id);
    if let Some(part) = home.new_part(&name)? {
        return Ok(part);
    }
    drop_leftover(home, id, sure)?;
    home.new_part(&name)?.ok_or(Fault::Bug("a part that was removed is there"))
}

fn drop_leftover(home: &Home, id: Etag, sure: &mut bool) -> Result<(), Fault> {
    home.drop_upload(id).inspect_err(|_| *sure = false)
}
