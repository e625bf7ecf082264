//! Small files that are stored together, on the disk of the simulation.

use super::disk::{Disk, Trouble};
use super::library::{LARGE, LIBRARY};
use ftp_core::job::{Job, Outcome};
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

#[test]
fn what_went_from_one_directory_is_made_durable_once_and_fails_together() {
    let disk = Disk::new(true, true);
    let user = UserName::new("ada").expect("good");
    let home = Arc::new(Home::open(&disk, &user, Durability::Full).expect("a home"));
    let path = |path| VirtualPath::new(path).expect("good");
    home.mkdir(&path("/d")).expect("made");
    let file = |path| {
        let content = &LIBRARY[3];
        let end = PutEnd { root: content.root, md5: None };
        Small { put: put(path, 3, true), chunk: content.chunks.first().cloned(), end, leftover: false }
    };
    let names = ["/a", "/b", "/d/c"];
    assert!(store(&home, &names.map(file)).iter().all(Result::is_ok));
    let rm = |name| Job::Rm { home: Arc::clone(&home), path: path(name) };
    let jobs = vec![
        rm("/a"),
        rm("/none"),
        rm("/b"),
        rm("/d/c"),
        Job::Rmdir { home: Arc::clone(&home), path: path("/d") },
    ];
    disk.trouble(Some(Trouble::FailSync(Errno::IO)));
    let Outcome::Several(outcomes, rest) = Job::Several(jobs).run() else { panic!("several") };
    disk.trouble(None);
    assert!(rest.is_empty());
    let is_done = |outcome: &Outcome| match outcome {
        Outcome::Removed(result) => result.is_ok(),
        Outcome::Changed(result) => result.is_ok(),
        _ => panic!("neither"),
    };
    // The first sync is that of the directory that /a and /b went from.
    assert_eq!(outcomes.iter().map(is_done).collect::<Vec<_>>(), [false, false, false, true, true]);
    assert!(names.iter().all(|name| home.stat(&path(name)).is_err()), "all went");
}
