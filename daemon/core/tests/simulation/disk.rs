//! A disk in memory that keeps apart what was synced and what was not, and forgets at a crash what it may.
//!
//! A file's bytes are durable after its own `sync`, a name after that of its directory; a rename is one step, as journals make it. Until then a crash
//! keeps any part of it: some writes and not others, half a write in steps of a sector, a size without its bytes, some names and not others.
//!
//! An *ordered* disk has one journal for all names, as ext4 and XFS do: each sync makes durable what was done to names before, and a crash keeps
//! what was done up to some moment. A disk that is not keeps just what was asked for, and of the rest whatever it likes.
//!
//! A crash leaves nothing of a file that has no name. On a disk that is not ordered a sync of it keeps nothing, for it is gone at a crash in any case, and its
//! first name is durable only with everything else; not each disk has such files.
//!
//! A `Watch` makes all of it durable. When that fails it takes what was not durable of every file with it, and each file tells of that once more when it
//! is synced by itself.

use fastrand::Rng;
use ftp_core::vfs::{Entries, Facts, Folder, OpenFile, Storage, Time, Watch};
use ftp_proto::message::Kind;
use rustix::io::Errno;
use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The unit in which a disk writes.
const SECTOR: usize = 512;
/// The folder of all users.
const USERS: usize = 0;

/// What goes wrong, and at which call from now on, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The call fails and changes nothing; a failed sync loses for good what it should have kept.
    Fail(u64, Errno),
    /// The next sync fails, of whatever kind.
    FailSync(Errno),
    /// If it is a write or a read, only half of it is done.
    Short(u64),
    /// The code that makes the call panics.
    Panic(u64),
    /// The power fails before the call: it and all later ones fail.
    Crash(u64),
}

impl Trouble {
    /// Some trouble at one of so many calls from now on.
    pub fn any(rng: &mut Rng, calls: u64) -> Self {
        const ERRORS: [Errno; 4] = [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::INTR];
        let at = rng.u64(1..=calls);
        match rng.u8(0..5) {
            0 => Self::Short(at),
            1 => Self::FailSync(ERRORS[rng.usize(0..ERRORS.len())]),
            _ => Self::Fail(at, ERRORS[rng.usize(0..ERRORS.len())]),
        }
    }
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    nodes: Vec<Node>,
    /// Changes of directories that are not durable, in order.
    journal: Vec<Change>,
    /// Counts up at each change; the nanoseconds of all times.
    tick: u64,
    epoch: i64,
    ordered: bool,
    /// There are files without a name.
    unnamed: bool,
    /// Something was to go wrong; what, if it has not yet.
    planned: bool,
    trouble: Option<Trouble>,
    /// Off until the next start.
    dead: bool,
    /// How many syncs have failed.
    failures: u64,
}

#[derive(Debug)]
enum Node {
    File(FileNode),
    Dir(DirNode),
}

#[derive(Debug, Default)]
struct FileNode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// What was done to it since it was durable. Cleared and lost when a sync fails.
    writes: Vec<Write>,
    /// Something of it was lost, and nobody who syncs it was told.
    lost: bool,
    mtime: Time,
    ctime: Time,
    links: u64,
    /// It was made without a name.
    unnamed: bool,
}

#[derive(Debug, Default)]
struct DirNode {
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    time: Time,
}

#[derive(Debug)]
enum Write {
    Data(usize, Vec<u8>),
    Len(usize),
}

type Place = (usize, String);

/// One step in the life of a name.
#[derive(Debug, Clone)]
struct Change {
    node: usize,
    from: Option<Place>,
    to: Option<Place>,
}

impl Change {
    fn touches(&self, dir: usize) -> bool {
        [&self.from, &self.to].into_iter().flatten().any(|(at, _)| *at == dir)
    }

    /// It cannot be there without the other, which came before it.
    fn needs(&self, earlier: &Self) -> bool {
        let mine = [&self.from, &self.to].into_iter().flatten();
        self.node == earlier.node
            || mine.into_iter().any(|at| earlier.from.as_ref() == Some(at) || earlier.to.as_ref() == Some(at))
    }
}

impl Default for State {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        // All of it was a minute ago: nobody has to wait until a file is settled.
        let epoch = i64::try_from(now).expect("before the end of time") - 60;
        let nodes = vec![Node::Dir(DirNode::default())];
        Self {
            nodes,
            journal: Vec::new(),
            tick: 0,
            epoch,
            ordered: false,
            unnamed: true,
            planned: false,
            trouble: None,
            dead: false,
            failures: 0,
        }
    }
}

impl State {
    /// Every call begins here.
    fn call(&mut self) -> Result<(), Errno> {
        if self.dead {
            return Err(Errno::IO);
        }
        let Some(Trouble::Fail(at, _) | Trouble::Short(at) | Trouble::Panic(at) | Trouble::Crash(at)) =
            &mut self.trouble
        else {
            return Ok(());
        };
        *at -= 1;
        if *at > 0 {
            return Ok(());
        }
        match self.trouble {
            Some(Trouble::Fail(_, errno)) => {
                self.trouble = None;
                Err(errno)
            }
            Some(Trouble::Panic(_)) => {
                self.trouble = None;
                panic!("as it was told to")
            }
            Some(Trouble::Crash(_)) => {
                self.trouble = None;
                self.dead = true;
                Err(Errno::IO)
            }
            // It waits at zero for a call that can be cut short.
            Some(Trouble::Short(_)) => {
                self.trouble = Some(Trouble::Short(1));
                Ok(())
            }
            Some(Trouble::FailSync(_)) | None => Ok(()),
        }
    }

    /// Every sync begins here.
    fn call_to_sync(&mut self) -> Result<(), Errno> {
        self.call()?;
        match self.trouble {
            Some(Trouble::FailSync(errno)) => {
                self.trouble = None;
                Err(errno)
            }
            _ => Ok(()),
        }
    }

    /// How much of `len` bytes this call moves.
    fn share(&mut self, len: usize) -> usize {
        if self.trouble == Some(Trouble::Short(1)) && len > 1 {
            self.trouble = None;
            return len / 2;
        }
        len
    }

    fn now(&mut self) -> Time {
        self.tick += 1;
        (self.epoch, self.tick)
    }

    fn dir(&mut self, at: usize) -> Result<&mut DirNode, Errno> {
        match &mut self.nodes[at] {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(Errno::NOTDIR),
        }
    }

    fn file(&mut self, at: usize) -> Result<&mut FileNode, Errno> {
        match &mut self.nodes[at] {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(Errno::ISDIR),
        }
    }

    fn find(&mut self, dir: usize, leaf: &str) -> Result<usize, Errno> {
        self.dir(dir)?.live.get(leaf).copied().ok_or(Errno::NOENT)
    }

    fn facts(&self, at: usize) -> Facts {
        let (kind, size, mtime, ctime, links) = match &self.nodes[at] {
            Node::File(file) => (Kind::File, file.live.len() as u64, file.mtime, file.ctime, file.links),
            Node::Dir(dir) => (Kind::Dir, 0, dir.time, dir.time, 1),
        };
        Facts { device: 1, inode: at as u64, kind, size, mtime, ctime, links }
    }

    fn make(&mut self, dir: usize, leaf: &str, node: Node) -> Result<usize, Errno> {
        if self.dir(dir)?.live.contains_key(leaf) {
            return Err(Errno::EXIST);
        }
        let at = self.nodes.len();
        self.nodes.push(node);
        self.change(Change { node: at, from: None, to: Some((dir, leaf.to_owned())) });
        Ok(at)
    }

    fn change(&mut self, change: Change) {
        let now = self.now();
        if let Some((dir, leaf)) = &change.from
            && let Node::Dir(dir) = &mut self.nodes[*dir]
        {
            dir.live.remove(leaf);
            dir.time = now;
        }
        let mut replaced = None;
        if let Some((dir, leaf)) = &change.to
            && let Node::Dir(dir) = &mut self.nodes[*dir]
        {
            replaced = dir.live.insert(leaf.clone(), change.node);
            dir.time = now;
        }
        let gone = if change.to.is_none() { Some(change.node) } else { replaced };
        if let Some(Node::File(file)) = gone.and_then(|at| self.nodes.get_mut(at)) {
            (file.links, file.ctime) = (0, now);
        }
        if let (Some(_), Node::File(file)) = (&change.to, &mut self.nodes[change.node]) {
            file.ctime = now;
        }
        self.journal.push(change);
    }

    /// Makes everything durable.
    fn sync(&mut self) {
        self.commit(|_, _| true);
        for node in &mut self.nodes {
            if let Node::File(file) = node {
                file.sync();
            }
        }
    }

    /// Nothing that is not durable by now will ever be.
    fn lose(&mut self) {
        self.failures += 1;
        for node in &mut self.nodes {
            if let Node::File(file) = node {
                file.lost |= !file.writes.is_empty();
                file.writes.clear();
            }
        }
    }

    /// Makes changes durable, and all that they need.
    fn commit(&mut self, chosen: impl Fn(usize, &Change) -> bool) {
        let mut keep: Vec<bool> =
            self.journal.iter().enumerate().map(|(at, change)| chosen(at, change)).collect();
        for later in (0..self.journal.len()).rev() {
            for earlier in 0..later {
                keep[earlier] |= keep[later] && self.journal[later].needs(&self.journal[earlier]);
            }
        }
        let mut keep = keep.into_iter();
        let (kept, rest) =
            std::mem::take(&mut self.journal).into_iter().partition(|_| keep.next() == Some(true));
        self.journal = rest;
        let kept: Vec<Change> = kept;
        for change in kept {
            if let Some((dir, leaf)) = &change.from
                && let Node::Dir(dir) = &mut self.nodes[*dir]
                && dir.durable.get(leaf) == Some(&change.node)
            {
                dir.durable.remove(leaf);
            }
            if let Some((dir, leaf)) = change.to
                && let Node::Dir(dir) = &mut self.nodes[dir]
            {
                dir.durable.insert(leaf, change.node);
            }
        }
    }
}

impl FileNode {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        write(&mut self.live, at, bytes);
        self.writes.push(Write::Data(at, bytes.to_vec()));
    }

    fn sync(&mut self) {
        // What an earlier sync failed to write is clean and stays lost.
        for done in std::mem::take(&mut self.writes) {
            match done {
                Write::Data(at, bytes) => write(&mut self.durable, at, &bytes),
                Write::Len(len) => self.durable.resize(len, 0),
            }
        }
    }

    /// What a crash leaves of it.
    fn crash(&mut self, rng: &mut Rng) {
        for done in std::mem::take(&mut self.writes) {
            match (done, rng.u8(0..5)) {
                (Write::Data(at, bytes), 0 | 1) => write(&mut self.durable, at, &bytes),
                (Write::Data(at, bytes), 2) => {
                    let sectors = rng.usize(0..=bytes.len().div_ceil(SECTOR));
                    write(&mut self.durable, at, &bytes[..(sectors * SECTOR).min(bytes.len())]);
                }
                (Write::Data(at, bytes), 3) if self.durable.len() < at + bytes.len() => {
                    self.durable.resize(at + bytes.len(), 0);
                }
                (Write::Len(len), 0..=2) => self.durable.resize(len, 0),
                _ => {}
            }
        }
        self.live.clone_from(&self.durable);
        self.links = 0;
    }
}

fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Disk {
    pub fn new(ordered: bool, unnamed: bool) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.state();
            (state.ordered, state.unnamed) = (ordered, unnamed);
        }
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A job that panics leaves no call half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.state();
        state.call()?;
        Ok(state)
    }

    /// What goes wrong next. Says whether what was to go wrong before has done so.
    pub fn trouble(&self, trouble: Option<Trouble>) -> bool {
        let mut state = self.state();
        let met = state.planned && state.trouble.is_none();
        (state.planned, state.trouble) = (trouble.is_some(), trouble);
        met
    }

    /// The power has failed.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The power fails, and comes back.
    pub fn crash(&self, rng: &mut Rng) {
        let mut state = self.state();
        let count = state.journal.len();
        if state.ordered {
            let kept = rng.usize(0..=count);
            state.commit(|at, _| at < kept);
        } else {
            let kept: Vec<bool> = (0..count).map(|_| rng.bool()).collect();
            state.commit(|at, _| kept[at]);
        }
        state.journal.clear();
        (state.dead, state.trouble) = (false, None);
        for node in &mut state.nodes {
            match node {
                Node::File(file) => file.crash(rng),
                Node::Dir(dir) => dir.live.clone_from(&dir.durable),
            }
        }
        let mut reached = vec![USERS];
        while let Some(at) = reached.pop() {
            let below =
                state.dir(at).map(|dir| dir.live.values().copied().collect::<Vec<_>>()).unwrap_or_default();
            for at in below {
                match &mut state.nodes[at] {
                    Node::File(file) => file.links += 1,
                    Node::Dir(_) => reached.push(at),
                }
            }
        }
    }

    /// Calls `see` for each file of a user: in which folder, its path, its bytes, and a number that changes with them.
    pub fn walk(&self, user: &str, mut see: impl FnMut(&str, &str, &[u8], (usize, Time))) {
        let mut state = self.state();
        let Ok(folder) = state.find(USERS, user) else { return };
        for top in ["home", "parts"] {
            let Ok(at) = state.find(folder, top) else { continue };
            let mut below = vec![(String::new(), at)];
            while let Some((path, at)) = below.pop() {
                match &state.nodes[at] {
                    Node::File(file) => see(top, &path, &file.live, (at, file.mtime)),
                    Node::Dir(dir) => {
                        below.extend(dir.live.iter().map(|(name, at)| (format!("{path}/{name}"), *at)))
                    }
                }
            }
        }
    }

    /// The bytes of a user's files and unfinished uploads.
    pub fn used(&self, user: &str) -> u64 {
        let mut state = self.state();
        let Ok(folder) = state.find(USERS, user) else { return 0 };
        let mut bytes = 0;
        let mut below: Vec<usize> = state.find(folder, "home").into_iter().collect();
        let parts = state.find(folder, "parts").ok();
        let parts = parts.and_then(|at| state.dir(at).ok()).map(|dir| &dir.live);
        below.extend(
            parts.into_iter().flatten().filter(|(name, _)| name.ends_with(".part")).map(|(_, at)| *at),
        );
        while let Some(at) = below.pop() {
            match &state.nodes[at] {
                Node::File(file) => bytes += file.live.len() as u64,
                Node::Dir(dir) => below.extend(dir.live.values()),
            }
        }
        bytes
    }

    /// Whether there is such a directory in a user's home.
    pub fn has_dir(&self, user: &str, path: &str) -> bool {
        let mut state = self.state();
        let names = [user, "home"].into_iter().chain(path.split('/').filter(|name| !name.is_empty()));
        let found = names.into_iter().try_fold(USERS, |at, name| state.find(at, name));
        found.is_ok_and(|at| matches!(state.nodes[at], Node::Dir(_)))
    }
}

impl Storage for Disk {
    fn users(&self) -> Result<Box<dyn Folder>, Errno> {
        drop(self.call()?);
        Ok(Box::new(Dir { disk: self.clone(), at: USERS }))
    }

    fn sync(&self) -> Result<(), Errno> {
        self.call()?.sync();
        Ok(())
    }
}

#[derive(Debug)]
struct Since {
    disk: Disk,
    failures: u64,
}

impl Watch for Since {
    fn sync(&self) -> Result<(), Errno> {
        let mut state = self.disk.state();
        if let Err(error) = state.call_to_sync() {
            if !state.dead {
                state.lose();
            }
            return Err(error);
        }
        state.sync();
        if state.failures == self.failures { Ok(()) } else { Err(Errno::IO) }
    }
}

#[derive(Debug)]
struct Dir {
    disk: Disk,
    at: usize,
}

impl Dir {
    fn open_file(&self, state: &mut State, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        let at = state.find(self.at, leaf)?;
        state.file(at)?;
        Ok(Box::new(File { disk: self.disk.clone(), at }))
    }
}

fn text(name: &OsStr) -> &str {
    name.to_str().expect("the simulation has only names that are text")
}

impl Folder for Dir {
    fn directory(&self, path: &OsStr) -> Result<Box<dyn Folder>, Errno> {
        let mut state = self.disk.call()?;
        let mut at = self.at;
        for name in text(path).split('/').filter(|name| *name != ".") {
            at = state.find(at, name)?;
        }
        state.dir(at)?;
        Ok(Box::new(Self { disk: self.disk.clone(), at }))
    }

    fn facts(&self) -> Result<Facts, Errno> {
        Ok(self.disk.call()?.facts(self.at))
    }

    fn look(&self, leaf: &OsStr) -> Result<Facts, Errno> {
        let mut state = self.disk.call()?;
        let at = state.find(self.at, text(leaf))?;
        Ok(state.facts(at))
    }

    fn entries(&self) -> Result<Box<dyn Entries>, Errno> {
        let mut state = self.disk.call()?;
        let names = state.dir(self.at)?.live.keys().map(OsString::from).collect::<Vec<_>>();
        Ok(Box::new(Names(names.into_iter())))
    }

    fn open(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        let mut state = self.disk.call()?;
        let at = state.find(self.at, leaf)?;
        Ok(Box::new(File { disk: self.disk.clone(), at }))
    }

    fn edit(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        let mut state = self.disk.call()?;
        self.open_file(&mut state, leaf)
    }

    fn create(&self, leaf: &str) -> Result<Box<dyn OpenFile>, Errno> {
        let mut state = self.disk.call()?;
        let now = state.now();
        let file = FileNode { links: 1, mtime: now, ctime: now, ..FileNode::default() };
        state.make(self.at, leaf, Node::File(file))?;
        self.open_file(&mut state, leaf)
    }

    fn create_unnamed(&self) -> Result<Box<dyn OpenFile>, Errno> {
        let mut state = self.disk.call()?;
        if !state.unnamed {
            return Err(Errno::OPNOTSUPP);
        }
        let now = state.now();
        let at = state.nodes.len();
        state.nodes.push(Node::File(FileNode {
            mtime: now,
            ctime: now,
            unnamed: true,
            ..FileNode::default()
        }));
        Ok(Box::new(File { disk: self.disk.clone(), at }))
    }

    fn link(&self, file: &dyn OpenFile, leaf: &str) -> Result<(), Errno> {
        let node = (file as &dyn Any).downcast_ref::<File>().ok_or(Errno::XDEV)?.at;
        let mut state = self.disk.call()?;
        if leaf == "." || state.dir(self.at)?.live.contains_key(leaf) {
            return Err(Errno::EXIST);
        }
        state.file(node)?.links += 1;
        state.change(Change { node, from: None, to: Some((self.at, leaf.to_owned())) });
        Ok(())
    }

    fn mkdir(&self, leaf: &str) -> Result<(), Errno> {
        self.disk.call()?.make(self.at, leaf, Node::Dir(DirNode::default())).map(|_| ())
    }

    fn rmdir(&self, leaf: &str) -> Result<(), Errno> {
        let mut state = self.disk.call()?;
        let node = state.find(self.at, leaf)?;
        if !state.dir(node)?.live.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        state.change(Change { node, from: Some((self.at, leaf.to_owned())), to: None });
        Ok(())
    }

    fn unlink(&self, leaf: &str) -> Result<(), Errno> {
        let mut state = self.disk.call()?;
        let node = state.find(self.at, leaf)?;
        state.file(node)?;
        state.change(Change { node, from: Some((self.at, leaf.to_owned())), to: None });
        Ok(())
    }

    fn rename(&self, leaf: &str, to: &dyn Folder, to_leaf: &str, replace: bool) -> Result<(), Errno> {
        let to = (to as &dyn Any).downcast_ref::<Self>().ok_or(Errno::XDEV)?;
        let mut state = self.disk.call()?;
        let node = state.find(self.at, leaf)?;
        let (from, to) = ((self.at, leaf.to_owned()), (to.at, to_leaf.to_owned()));
        match state.find(to.0, to_leaf) {
            Ok(_) if !replace => return Err(Errno::EXIST),
            Ok(there) if matches!(state.nodes[there], Node::Dir(_)) => return Err(Errno::ISDIR),
            _ => {}
        }
        if from != to {
            state.change(Change { node, from: Some(from), to: Some(to) });
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Errno> {
        let mut state = self.disk.state();
        state.call_to_sync()?;
        let (at, ordered) = (self.at, state.ordered);
        let is_first = |change: &Change, nodes: &[Node]| {
            change.from.is_none() && matches!(&nodes[change.node], Node::File(file) if file.unnamed)
        };
        let first: Vec<bool> = state.journal.iter().map(|change| is_first(change, &state.nodes)).collect();
        state.commit(|number, change| ordered || (change.touches(at) && !first[number]));
        Ok(())
    }

    fn watch(&self) -> Result<Box<dyn Watch>, Errno> {
        let failures = self.disk.call()?.failures;
        Ok(Box::new(Since { disk: self.disk.clone(), failures }))
    }
}

#[derive(Debug)]
struct Names(std::vec::IntoIter<OsString>);

impl Entries for Names {
    fn next(&mut self) -> Option<Result<OsString, Errno>> {
        self.0.next().map(Ok)
    }
}

#[derive(Debug)]
struct File {
    disk: Disk,
    at: usize,
}

fn index(n: u64) -> usize {
    usize::try_from(n).expect("small")
}

impl FileExt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.call()?;
        let share = state.share(buffer.len());
        let bytes = &state.file(self.at)?.live;
        let from = index(offset).min(bytes.len());
        let len = share.min(bytes.len() - from);
        buffer[..len].copy_from_slice(&bytes[from..from + len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.call()?;
        let share = state.share(bytes.len());
        let now = state.now();
        let file = state.file(self.at)?;
        file.write(index(offset), &bytes[..share]);
        (file.mtime, file.ctime) = (now, now);
        Ok(share)
    }
}

impl OpenFile for File {
    fn facts(&self) -> io::Result<Facts> {
        Ok(self.disk.call()?.facts(self.at))
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.call()?;
        let now = state.now();
        let file = state.file(self.at)?;
        file.live.resize(index(size), 0);
        file.writes.push(Write::Len(index(size)));
        (file.mtime, file.ctime) = (now, now);
        Ok(())
    }

    fn set_mtime(&self, seconds: i64) -> io::Result<()> {
        let mut state = self.disk.call()?;
        let now = state.now();
        let file = state.file(self.at)?;
        (file.mtime, file.ctime) = ((seconds, 0), now);
        Ok(())
    }

    /// What reaches the disk before a sync is up to chance, told or not.
    fn begin_sync(&self, _offset: u64, _len: u64) {}

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let called = state.call_to_sync();
        let dead = state.dead;
        let file = state.file(self.at)?;
        if let Err(error) = called {
            if !dead {
                // The pages count as clean from now on, and no later sync writes them.
                file.writes.clear();
                state.failures += 1;
            }
            return Err(error.into());
        }
        if std::mem::take(&mut file.lost) {
            return Err(Errno::IO.into());
        }
        let ordered = state.ordered;
        let file = state.file(self.at)?;
        if ordered || file.links > 0 {
            file.sync();
        }
        if ordered {
            state.commit(|_, _| true);
        }
        Ok(())
    }
}
