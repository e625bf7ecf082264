use super::*;
use rustix::fs::{CWD, RenameFlags};
use std::sync::atomic::{AtomicBool, Ordering};

/// Swaps two names for as long as it lives.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapper {
    fn start(one: PathBuf, other: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).expect("swapped");
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn race_swap_of_a_directory_and_a_link_never_lets_a_byte_out() {
    let ground = Ground::new();
    ground.mkdir("d/dir");
    ground.write("d/file", "inside");
    ground.write("d/dir/file", "inside");
    symlink(ground.outside(), ground.at("link")).expect("a link");
    let before = snapshot(&ground.outside());
    let swapper = Swapper::start(ground.at("d"), ground.at("link"));

    let (mut inside, mut refused) = (0, 0);
    for _ in 0..20_000 {
        for name in ["/d/file", "/d/dir/file"] {
            match ground.read(name) {
                Ok(text) => {
                    assert_eq!(text, "inside");
                    inside += 1;
                }
                Err(fault) => {
                    let code = fault.refusal().code;
                    assert!(matches!(code, Code::NameRefused | Code::NotADirectory), "{fault}");
                    refused += 1;
                }
            }
        }
    }
    assert!(inside > 0 && refused > 0, "both sides of the swap were met: {inside} and {refused}");
    let (mut made, mut refused) = (0, 0);
    for turn in 0..3_000 {
        let deep = ["/d", "/d/dir"][turn % 2];
        let results = [
            ground.publish(&format!("{deep}/up")).is_ok(),
            ground.home.mkdir(&path(&format!("{deep}/made"))).is_ok(),
            ground.home.rename(&path(&format!("{deep}/up")), &path(&format!("{deep}/up2")), true).is_ok(),
            ground.home.rm(&path(&format!("{deep}/up2"))).is_ok(),
            ground.home.rmdir(&path(&format!("{deep}/made"))).is_ok(),
        ];
        made += results.iter().filter(|done| **done).count();
        refused += results.iter().filter(|done| !**done).count();
    }
    assert!(made > 0 && refused > 0, "both sides of the swap were met: {made} and {refused}");
    assert!(snapshot(&ground.outside()) == before, "nothing outside was changed");

    // The same race against plain calls is lost: what was held above is no accident.
    let mut out = (false, false);
    for turn in 0..2_000_000 {
        out.0 |= fs::read(ground.at("d/file")).is_ok_and(|bytes| bytes == b"secret");
        out.1 |= fs::write(ground.at(&format!("d/naive{}", turn % 7)), "out").is_ok()
            && ground.outside().join(format!("naive{}", turn % 7)).exists();
        if out == (true, true) {
            break;
        }
    }
    assert_eq!(out, (true, true), "plain calls read and write outside");
    drop(swapper);
}
