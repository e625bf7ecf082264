//! The file that a log is in: whole lines or none of a line, and a count of those that it had no room for.

use super::line::Value;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The operator is told of lost lines this often at most.
const TELL: Duration = Duration::from_secs(5);

/// What only grows at its end.
pub(super) trait Append: io::Write {
    /// Takes the last bytes away again.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

impl Append for File {
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        let len = self.metadata()?.len();
        self.set_len(len.saturating_sub(bytes))
    }
}

/// Opens a log, 0600.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let open = File::options().append(true).create(true).mode(0o600).open(path);
    open.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// A file to go on with: whoever rotates logs moves the old one away.
pub(super) type Next<F> = Arc<Mutex<Option<F>>>;

/// Gives a log its next file.
pub(super) fn replace<F>(next: &Next<F>, file: F) {
    *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
}

/// Writes whole lines, each with one `write`. It never fails: it counts.
pub(super) struct Lines<F: Append, T: FnMut(u64, &io::Error)> {
    file: F,
    next: Next<F>,
    /// Is told how many lines were lost since it was told last, and why the last one was.
    tell: T,
    told: Option<Instant>,
    untold: u64,
    /// Lines that were lost and are not mentioned in the file.
    lost: u64,
    why: String,
    /// The file ends with a piece of a line that could not be cut off.
    torn: bool,
}

impl<F: Append, T: FnMut(u64, &io::Error)> Lines<F, T> {
    pub(super) fn new(file: F, next: Next<F>, tell: T) -> Self {
        Self { file, next, tell, told: None, untold: 0, lost: 0, why: String::new(), torn: false }
    }

    /// The line that stands for those that are not there.
    fn note(&self) -> String {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let (lost, why) = (self.lost, Value(&self.why));
        format!("{now} note=\"lines could not be written\" count={lost} why={why}\n")
    }

    /// Puts all of it at the end, or nothing.
    fn put(&mut self, text: &[u8]) -> io::Result<()> {
        if self.torn {
            write_all(&mut self.file, b"\n").map_err(|(error, _)| error)?;
            self.torn = false;
        }
        write_all(&mut self.file, text).map_err(|(error, written)| {
            self.torn = written > 0 && self.file.cut(written).is_err();
            error
        })
    }

    fn lose(&mut self, error: &io::Error) {
        self.lost += 1;
        self.untold += 1;
        self.why = error.to_string();
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.told = Some(Instant::now());
            (self.tell)(std::mem::take(&mut self.untold), error);
        }
    }
}

/// On failure, how much was written before it as well.
fn write_all(file: &mut impl io::Write, text: &[u8]) -> Result<(), (io::Error, u64)> {
    let mut written = 0;
    while written < text.len() {
        match file.write(&text[written..]) {
            Ok(0) => return Err((io::ErrorKind::WriteZero.into(), written as u64)),
            Ok(n) => written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((error, written as u64)),
        }
    }
    Ok(())
}

impl<F: Append, T: FnMut(u64, &io::Error)> io::Write for Lines<F, T> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(file) = self.next.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.file = file;
            self.torn = false;
        }
        let put = if self.lost == 0 {
            self.put(line)
        } else {
            // Together, or what little room there is fills with notes.
            let text = [self.note().as_bytes(), line].concat();
            self.put(&text)
        };
        match put {
            Ok(()) => self.lost = 0,
            Err(error) => self.lose(&error),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<F: Append, T: FnMut(u64, &io::Error)> Drop for Lines<F, T> {
    fn drop(&mut self) {
        if self.lost > 0 {
            let note = self.note();
            // There is no later.
            let _no_room = self.put(note.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A disk with little room.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<State>>);

    struct State {
        text: Vec<u8>,
        room: usize,
        can_cut: bool,
    }

    impl Disk {
        fn new(room: usize, can_cut: bool) -> Self {
            Self(Arc::new(Mutex::new(State { text: Vec::new(), room, can_cut })))
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("whole").text.clone()).expect("text")
        }

        fn make_room(&self, room: usize) {
            self.0.lock().expect("whole").room = room;
        }
    }

    impl io::Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().expect("whole");
            let n = disk.room.min(bytes.len());
            if n == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            disk.room -= n;
            disk.text.extend(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Append for Disk {
        fn cut(&mut self, bytes: u64) -> io::Result<()> {
            let mut disk = self.0.lock().expect("whole");
            if !disk.can_cut {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let bytes = usize::try_from(bytes).expect("small");
            let len = disk.text.len() - bytes;
            disk.text.truncate(len);
            disk.room += bytes;
            Ok(())
        }
    }

    const LINE: &[u8] = b"one line of a log\n";

    /// Writes 100 lines to a disk with room for two and a half, then one more when there is room again. Returns what is in the file.
    fn filled(can_cut: bool) -> (String, Vec<u64>) {
        let disk = Disk::new(LINE.len() * 5 / 2, can_cut);
        let mut told = Vec::new();
        let mut lines = Lines::new(disk.clone(), Next::default(), |lost, _: &io::Error| told.push(lost));
        for _ in 0..100 {
            lines.write_all(LINE).expect("never");
        }
        disk.make_room(10_000);
        lines.write_all(LINE).expect("never");
        lines.write_all(LINE).expect("never");
        drop(lines);
        (disk.text(), told)
    }

    #[test]
    fn a_full_disk_costs_whole_lines_and_their_number_is_told() {
        for can_cut in [true, false] {
            let (text, told) = filled(can_cut);
            let mut lines: Vec<_> = text.lines().collect();
            if !can_cut {
                // Half of a line is by itself.
                assert_eq!(lines.remove(2), "one line ", "{text}");
            }
            let whole = std::str::from_utf8(LINE).expect("text").trim_end();
            assert_eq!([lines[0], lines[1], lines[3], lines[4]], [whole; 4], "{text}");
            assert!(lines[2].contains(" note=\"lines could not be written\" count=98 why="), "{text}");
            assert_eq!(lines.len(), 5, "{text}");
            // At once, and then not with each line.
            assert!(told[0] == 1 && told.len() < 50, "{told:?}");
        }
    }

    #[test]
    fn what_was_lost_is_told_at_the_end_at_the_latest() {
        let disk = Disk::new(0, true);
        let mut lines = Lines::new(disk.clone(), Next::default(), |_, _: &io::Error| {});
        lines.write_all(LINE).expect("never");
        disk.make_room(1000);
        drop(lines);
        assert!(disk.text().ends_with('\n') && disk.text().contains("count=1 "), "{}", disk.text());
    }

    #[test]
    fn the_next_file_gets_the_next_line_and_the_number_of_those_lost() {
        let (old, new, next) = (Disk::new(4, false), Disk::new(1000, true), Next::default());
        let mut lines = Lines::new(old.clone(), Arc::clone(&next), |_, _: &io::Error| {});
        lines.write_all(LINE).expect("never");
        replace(&next, new.clone());
        lines.write_all(LINE).expect("never");
        assert_eq!(old.text(), "one ");
        assert!(new.text().contains(" count=1 ") && new.text().ends_with("\none line of a log\n"));
        assert_eq!(new.text().lines().count(), 2);
    }

    #[test]
    fn the_end_of_a_real_file_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut file = open(&path).expect("made");
        file.write_all(b"whole\nhalf").expect("written");
        file.cut(4).expect("cut");
        file.write_all(b"next\n").expect("written");
        assert_eq!(std::fs::read_to_string(path).expect("there"), "whole\nnext\n");
    }
}
