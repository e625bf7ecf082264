//! Small files that came whole: written where they will be, but without a name, until they are durable. Of one that nobody named the kernel leaves nothing, whatever
//! ended the program.

use super::place::Place;
use crate::failure::Failure;
use rustix::fs::{Timespec, Timestamps};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write as _;

/// A file without a name.
#[derive(Debug)]
pub(crate) struct Unnamed(File);

impl Unnamed {
    /// Whether the disk of a place has such files, and they can be named.
    pub(crate) fn are_possible(place: &Place) -> bool {
        place.can_have_unnamed()
    }

    /// Writes one for a place, with the time that it is to have.
    pub(crate) fn write(place: &Place, data: &[u8], mtime: i64) -> Result<Self, Failure> {
        let failed = |error| Failure::local(&place.path(), "write it", &error);
        let mut file = place.unnamed().map_err(|errno| failed(errno.into()))?;
        file.write_all(data).map_err(failed)?;
        let time = Timespec { tv_sec: mtime, tv_nsec: 0 };
        rustix::fs::futimens(&file, &Timestamps { last_access: time, last_modification: time })
            .map_err(|errno| Failure::local(&place.path(), "put it in place", &errno.into()))?;
        Ok(Self(file))
    }

    /// Has the disk begin with it; nothing is waited for.
    pub(crate) fn write_back(&self, place: &Place) {
        place.write_back(&self.0);
    }

    /// Makes it durable, and then gives it its name; false if it cannot have that: something else has it by now and `replaces` is not set, or the system has its own reasons.
    pub(crate) fn publish(self, place: &Place, replaces: bool) -> Result<bool, Failure> {
        let failed = |error| Failure::local(&place.path(), "put it in place", &error);
        self.0.sync_all().map_err(failed)?;
        match place.link(&self.0, replaces) {
            Ok(()) => Ok(true),
            Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::ROFS)) => Err(failed(errno.into())),
            Err(_) => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Folder;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::sync::Arc;

    #[test]
    fn a_file_gets_its_name_whole_or_leaves_nothing_and_takes_nobodys_name_unasked() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Arc::new(Folder::open(place.path()).expect("there"));
        if !Unnamed::are_possible(&folder.one_of_many("x")) {
            return;
        }
        let read = |name: &str| fs::read_to_string(place.path().join(name)).expect("there");
        let write = |name: &str, text: &str| {
            let place = folder.one_of_many(name);
            (Unnamed::write(&place, text.as_bytes(), 1_700_000_000).expect("written"), place)
        };
        drop(write("dropped", "lost"));
        assert_eq!(fs::read_dir(place.path()).expect("there").count(), 0);
        let (file, new) = write("new", "first");
        assert!(file.publish(&new, false).expect("named"));
        let facts = fs::metadata(place.path().join("new")).expect("there");
        assert_eq!((read("new").as_str(), facts.mtime(), facts.nlink()), ("first", 1_700_000_000, 1));
        // Somebody was faster.
        let (file, new) = write("new", "second");
        assert!(!file.publish(&new, false).expect("not named") && read("new") == "first");
        let (file, new) = write("new", "third");
        assert!(file.publish(&new, true).expect("named") && read("new") == "third");
        // A link is replaced and not followed, and a folder is neither.
        symlink("new", place.path().join("link")).expect("made");
        fs::create_dir(place.path().join("dir")).expect("made");
        let (file, link) = write("link", "fourth");
        assert!(file.publish(&link, true).expect("named"));
        assert!(
            fs::symlink_metadata(place.path().join("link")).expect("there").is_file()
                && read("new") == "third"
        );
        let (file, dir) = write("dir", "fifth");
        assert!(!file.publish(&dir, true).expect("not named"));
        let mut names: Vec<_> = fs::read_dir(place.path())
            .expect("there")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["dir", "link", "new"]);
    }
}
