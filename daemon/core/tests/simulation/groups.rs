//! Small files that are stored together, on the disk of the simulation.

use super::disk::{Disk, Trouble};
use super::library::{LARGE, LIBRARY};
use ftp_core::transfer::{Sink, Small, store};
use ftp_core::vfs::{Durability, Home};
use ftp_proto::message::{Put, PutEnd};
use ftp_proto::{Chunk, UserName, VirtualPath};
use rustix::io::Errno;
use std::sync::Arc;

fn put(path: &str, content: usize, eager: bool) -> Put {
    let path = VirtualPath::new(path).expect("good");
    Put { path, size: LIBRARY[content].size(), mtime: 7, eager, restart: false, md5: false }
}

#[test]
fn what_an_earlier_attempt_left_is_not_free_while_it_may_come_back() {
    for (durability, unnamed) in [
        (Durability::Full, true),
        (Durability::Full, false),
        (Durability::Fast, true),
        (Durability::Fast, false),
    ] {
        let disk = Disk::new(true, unnamed);
        let user = UserName::new("ada").expect("good");
        let home = Arc::new(Home::open(&disk, &user, durability).expect("a home"));
        let sink = Box::new(Sink::open(Arc::clone(&home), put("/f", LARGE, false)).expect("begun"));
        let chunk: &Chunk = &LIBRARY[LARGE].chunks[0];
        let left = sink.append(vec![chunk.clone()]).sink.expect("written").close();
        assert_eq!(left, Some(chunk.data().len() as u64));
        let file = |path| {
            let content = &LIBRARY[3];
            let end = PutEnd { root: content.root, md5: None };
            Small { put: put(path, 3, true), chunk: content.chunks.first().cloned(), end, leftover: true }
        };
        disk.trouble(Some(Trouble::FailSync(Errno::IO)));
        let results = store(&home, &[file("/e"), file("/f"), file("/g")]);
        disk.trouble(None);
        let left: Vec<_> = results
            .iter()
            .map(|result| result.as_ref().map_or_else(|failed| failed.left, |_| Some(9)))
            .collect();
        // Which sync fails is that of the removal, where there is one.
        let want = if durability == Durability::Full { [Some(9), None, Some(9)] } else { [Some(9); 3] };
        assert_eq!(left, want);
    }
}
