//! Transfers that are broken off: by the end of the client, of the daemon, of the connection. Both ways, at 20 points each.

use ftp_proto::limits::CHUNK;
use ftp_tests::proxy::Proxy;
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Site, eventually};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const SIZE: u64 = 24 * 1024 * 1024 + 12_345;
const POINTS: u64 = 20;
/// What the handshake, the login and the messages take, and 2 % for records.
const OVERHEAD: u64 = 64 * 1024 + SIZE / 50;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Up,
    Down,
}

struct Scene {
    site: Site,
    daemon: Daemon,
    proxy: Proxy,
    way: Way,
}

impl Scene {
    fn new(way: Way) -> Self {
        let site = Site::new();
        site.user("alice", "none");
        let daemon = site.start();
        let proxy = Proxy::new(daemon.port);
        site.script(daemon.port, "alice", "pwd").expect(0);
        Self { site, daemon, proxy, way }
    }

    fn source(&self) -> PathBuf {
        match self.way {
            Way::Up => self.site.path("work/file.bin"),
            Way::Down => self.site.home_of("alice").join("file.bin"),
        }
    }

    fn target(&self) -> PathBuf {
        match self.way {
            Way::Up => self.site.home_of("alice").join("file.bin"),
            Way::Down => self.site.path("work/file.bin"),
        }
    }

    /// Bytes of the target that an earlier attempt left.
    fn left(&self) -> u64 {
        let folder = match self.way {
            Way::Up => self.site.path("var/users/alice/parts"),
            Way::Down => self.site.work(),
        };
        let parts = fs::read_dir(folder).expect("a folder").filter_map(Result::ok);
        let parts = parts.filter(|entry| entry.path().extension().is_some_and(|end| end == "part"));
        parts.map(|entry| entry.metadata().expect("there").len()).sum()
    }

    fn client(&self) -> Command {
        let verb = if self.way == Way::Up { "put" } else { "get" };
        let mut command = self.site.cli(self.proxy.port, "alice");
        command.args(["-c", &format!("{verb} file.bin")]);
        command
    }

    fn spawn(&self) -> Child {
        let mut command = self.client();
        command.args(["--retries", "none"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("it starts")
    }

    /// A new file, and none at the target.
    fn fresh(&self, seed: u64) {
        sample::file(&self.source(), seed, SIZE);
        let _none = fs::remove_file(self.target());
        assert_eq!(self.left(), 0, "nothing is left of the last round");
    }

    /// Goes on to the end, and checks that what was there is not sent again.
    fn finish(&self, point: u64) {
        let whole = self.left() / CHUNK as u64 * CHUNK as u64;
        self.proxy.restart(u64::MAX, u64::MAX);
        let ran = ftp_tests::site::run(self.client(), "").expect(0);
        // Who is killed may have written the last chunk and not yet its value.
        assert!(whole <= CHUNK as u64 || ran.err.contains("resuming."), "{point}: {ran:?}");
        let (moved, most) = (self.proxy.total(), SIZE - whole + CHUNK as u64 + OVERHEAD);
        assert!(moved <= most, "{:?} at {point}: {moved} bytes moved, {whole} were there", self.way);
        self.check();
    }

    fn check(&self) {
        assert_eq!(sample::hash(&self.target()), sample::hash(&self.source()));
        assert_eq!(self.left(), 0);
    }
}

/// Where a round breaks: somewhere between the login and the last bytes.
fn point(seed: u64) -> u64 {
    20_000 + sample::number(seed, SIZE)
}

fn kill_the_client(way: Way, base: u64) {
    let scene = Scene::new(way);
    for round in 0..POINTS {
        let at = point(base + round);
        scene.fresh(base + round);
        scene.proxy.restart(u64::MAX, at);
        let mut client = scene.spawn();
        eventually("the transfer reaches the point", || scene.proxy.total() >= at);
        client.kill().expect("it runs");
        client.wait().expect("ours");
        scene.proxy.cut();
        scene.finish(at);
    }
}

fn kill_the_daemon(way: Way, base: u64) {
    let mut scene = Scene::new(way);
    for round in 0..POINTS {
        let at = point(base + round);
        scene.fresh(base + round);
        scene.proxy.restart(u64::MAX, at);
        let mut client = scene.spawn();
        eventually("the transfer reaches the point", || scene.proxy.total() >= at);
        scene.daemon.signal(rustix::process::Signal::KILL);
        scene.daemon.wait();
        scene.proxy.cut();
        assert_eq!(client.wait().expect("ours").code(), Some(3));
        scene.daemon = scene.site.start();
        scene.proxy.lead_to(scene.daemon.port);
        scene.finish(at);
    }
}

fn cut_the_connection(way: Way, base: u64) {
    let scene = Scene::new(way);
    for round in 0..POINTS {
        let at = point(base + round);
        scene.fresh(base + round);
        scene.proxy.restart(at, u64::MAX);
        let mut client = scene.spawn();
        assert_eq!(client.wait().expect("ours").code(), Some(3), "cut at {at}");
        scene.finish(at);
    }
}

#[test]
fn uploads_survive_the_end_of_the_client() {
    kill_the_client(Way::Up, 1000);
}

#[test]
fn downloads_survive_the_end_of_the_client() {
    kill_the_client(Way::Down, 2000);
}

#[test]
fn uploads_survive_the_end_of_the_daemon() {
    kill_the_daemon(Way::Up, 3000);
}

#[test]
fn downloads_survive_the_end_of_the_daemon() {
    kill_the_daemon(Way::Down, 4000);
}

#[test]
fn uploads_survive_the_end_of_the_connection() {
    cut_the_connection(Way::Up, 5000);
}

#[test]
fn downloads_survive_the_end_of_the_connection() {
    cut_the_connection(Way::Down, 6000);
}

#[test]
fn a_client_goes_on_by_itself_when_the_connection_is_cut() {
    for way in [Way::Up, Way::Down] {
        let scene = Scene::new(way);
        scene.fresh(7);
        scene.proxy.restart(SIZE / 2, u64::MAX);
        let healer = std::thread::scope(|scope| {
            scope.spawn(|| {
                eventually("it is cut", || scene.proxy.total() > SIZE / 2);
                std::thread::sleep(std::time::Duration::from_millis(200));
                scene.proxy.restart(u64::MAX, u64::MAX);
            });
            ftp_tests::site::run(scene.client(), "")
        });
        let ran = healer.expect(0);
        assert!(ran.err.contains("again in 1s (1 of 5)") && ran.err.contains("resuming."), "{ran:?}");
        scene.check();
    }
}

#[test]
fn what_is_asked_before_a_transfer_is_asked_again_when_the_connection_is_cut() {
    let site = Site::new();
    site.user("alice", "none");
    let daemon = site.start();
    let proxy = Proxy::new(daemon.port);
    sample::file(&site.path("work/file.bin"), 1, 1000);
    site.script(proxy.port, "alice", "mkdir dir\nput file.bin\nput -o dir/file.bin file.bin").expect(0);
    proxy.restart(u64::MAX, u64::MAX);
    site.script(proxy.port, "alice", "pwd").expect(0);
    // The login, and the end of the connection, which is shorter than any answer.
    let login = proxy.answered();
    for (command, about) in [
        ("get -o here.bin file.bin", "file.bin"),
        ("get -f -o again.bin d*/f*", "d*/f*"),
        ("put -o dir/ file.bin", "dir/"),
        ("put -o other.bin file.bin", "other.bin"),
        ("put file.bin here.bin", "quota"),
        ("verify file.bin", "file.bin"),
        ("mirror get dir", "dir"),
        ("du dir", "dir"),
    ] {
        proxy.cut_answer_at(login, false);
        let ran = std::thread::scope(|scope| {
            scope.spawn(|| {
                eventually("it is cut", || proxy.answered() > login);
                std::thread::sleep(std::time::Duration::from_millis(200));
                proxy.cut_answer_at(u64::MAX, false);
            });
            site.script(proxy.port, "alice", command)
        });
        let ran = ran.expect(0);
        assert!(ran.err.contains(&format!("{about}: connection lost")), "{command}: {ran:?}");
        assert!(ran.err.contains("again in 1s (1 of 5)"), "{command}: {ran:?}");
    }
}

#[test]
fn a_source_that_changed_is_never_spliced() {
    for way in [Way::Up, Way::Down] {
        let scene = Scene::new(way);
        for (round, same_size) in [(1, true), (2, false)] {
            scene.fresh(round);
            scene.proxy.restart(SIZE / 2, u64::MAX);
            assert_eq!(scene.spawn().wait().expect("ours").code(), Some(3));
            eventually("something is left", || scene.left() > 0);
            let size = if same_size { SIZE } else { SIZE + 1 };
            let times = fs::metadata(scene.source()).expect("there");
            sample::file(&scene.source(), round + 100, size);
            // Even with the old time it is another file.
            let file = fs::File::options().write(true).open(scene.source()).expect("there");
            file.set_modified(times.modified().expect("a time")).expect("set");
            scene.proxy.restart(u64::MAX, u64::MAX);
            let ran = ftp_tests::site::run(scene.client(), "").expect(0);
            assert!(!ran.err.contains("resuming."), "{ran:?}");
            assert!(!same_size || ran.err.contains("starting again"), "{ran:?}");
            scene.check();
        }
    }
}

#[test]
fn a_part_with_a_flipped_bit_is_used_up_to_there() {
    use std::os::unix::fs::FileExt as _;
    for way in [Way::Up, Way::Down] {
        let scene = Scene::new(way);
        scene.fresh(9);
        scene.proxy.restart(SIZE / 2, u64::MAX);
        assert_eq!(scene.spawn().wait().expect("ours").code(), Some(3));
        eventually("the daemon lets go", || scene.left() > 4 * CHUNK as u64);
        let folder =
            if way == Way::Up { scene.site.path("var/users/alice/parts") } else { scene.site.work() };
        let part = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .find(|path| path.extension().is_some_and(|end| end == "part"))
            .expect("a part");
        let file = fs::File::options().read(true).write(true).open(part).expect("there");
        let mut byte = [0];
        let at = 3 * CHUNK as u64 + 77;
        file.read_exact_at(&mut byte, at).expect("there");
        file.write_all_at(&[byte[0] ^ 1], at).expect("written");
        scene.proxy.restart(u64::MAX, u64::MAX);
        let ran = ftp_tests::site::run(scene.client(), "").expect(0);
        assert!(ran.err.contains("the 768 KiB already"), "three chunks are good: {ran:?}");
        scene.check();
    }
}

/// The limit of a file's size is as good as a full disk, and lies within a chunk.
#[test]
fn a_download_that_the_disk_has_no_room_for_keeps_what_fits_and_goes_on() {
    let scene = Scene::new(Way::Down);
    scene.fresh(11);
    scene.proxy.restart(u64::MAX, u64::MAX);
    for (blocks, chunks) in [(10_000, 39), (10_400, 40)] {
        let client = scene.client();
        let mut limited = Command::new("bash");
        limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "bash"]);
        limited.arg(client.get_program()).args(client.get_args());
        limited.current_dir(client.get_current_dir().expect("a folder"));
        limited.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = ftp_tests::site::run(limited, "");
        assert!(ran.code != 0 && ran.err.contains("file.bin.part: cannot write it"), "{ran:?}");
        assert_eq!(scene.left(), chunks * CHUNK as u64, "whole chunks: {ran:?}");
    }
    scene.finish(0);
}
