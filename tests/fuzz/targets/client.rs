//! The client, fed whatever a server may send: it does not panic or hoard, takes nothing for granted that it has to check, puts only whole files in
//! place, and what it tells can be shown.
#![no_main]

use ftp_cli::client::{Client, ENTRIES};
use ftp_cli::failure::Failure;
use ftp_cli::interrupt::Interrupt;
use ftp_cli::link::Link;
use ftp_cli::transfer::{Folder, Report, get, put};
use ftp_cli::trust::Fingerprint;
use ftp_cli::watch::Watch;
use ftp_fuzz::is_plain;
use ftp_fuzz::memory::within;
use ftp_fuzz::script::{CONTENT, ETAG, LARGEST, Script, root};
use ftp_proto::limits::{CHUNK, MESSAGE};
use ftp_proto::message::{Body, Reply, Secret};
use ftp_proto::sidecar::Sidecar;
use ftp_proto::{Code, Deframer, Frame, VirtualPath, tree};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

/// The first request is a login, not one of chance.
const LOGIN: usize = 0;
/// The server greets before what the input has.
const GREETS: usize = 1;

const HELLO: &[u8] =
    br#"{"hello":{"software":"fuzz","protocol":1,"chunk":262144,"pipeline":64,"idle_seconds":300}}"#;

/// What a server has to say, and then it is gone.
struct Said {
    bytes: Vec<u8>,
    at: usize,
    deframer: Deframer,
    ended: bool,
}

impl Said {
    fn new(bytes: Vec<u8>) -> Self {
        let mut deframer = Deframer::new();
        deframer.set_message_max(MESSAGE);
        deframer.allow_chunks(true);
        Self { bytes, at: 0, deframer, ended: false }
    }

    fn next(&mut self) -> Result<Option<Frame>, Failure> {
        while self.at < self.bytes.len() {
            let (taken, frame) = self
                .deframer
                .push(&self.bytes[self.at..])
                .map_err(|fault| Failure::protocol(&fault.to_string()))?;
            self.at += taken;
            if let Some(Frame::Message(json)) = &frame
                && let Ok(Reply { body: Body::Error(refusal), .. }) = serde_json::from_slice(json)
                && refusal.code == Code::Busy
            {
                // The client would wait for as long as it is told.
                break;
            }
            if frame.is_some() {
                return Ok(frame);
            }
        }
        self.ended = true;
        Ok(None)
    }
}

impl Link for Said {
    fn send(&mut self, bytes: &[u8], _: &mut dyn FnMut()) -> Result<(), Failure> {
        let mut deframer = Deframer::new();
        deframer.set_message_max(MESSAGE);
        deframer.allow_chunks(true);
        let sent = deframer.push(bytes).expect("the client keeps to the framing");
        assert!(sent.0 == bytes.len() && sent.1.is_some(), "one whole frame");
        if self.ended { Err(Failure::lost("the server is gone")) } else { Ok(()) }
    }

    fn frame(&mut self) -> Result<Option<Frame>, Failure> {
        match self.next()? {
            None => Err(Failure::lost("the server is gone")),
            frame => Ok(frame),
        }
    }

    fn frame_at_hand(&mut self) -> Result<Option<Frame>, Failure> {
        self.next()
    }

    fn is_ended(&self) -> bool {
        self.ended
    }

    fn silence(&self) -> Duration {
        Duration::ZERO
    }

    fn begin_wait(&mut self) {}

    fn set_timeout(&mut self, timeout: Duration) -> Duration {
        timeout
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        self.deframer.recycle(buffer);
    }
}

/// Looks at what it is told of a transfer.
#[derive(Default)]
struct Seen(u64);

impl Watch for Seen {
    fn checking(&mut self, _done: u64, _total: u64) {}
    fn begin(&mut self, _size: u64, resumed: u64) {
        self.0 = resumed;
    }
    fn at(&mut self, bytes: u64) {
        assert!(bytes >= self.0, "it goes on, not back");
        self.0 = bytes;
    }
    fn finishing(&mut self) {}
    fn note(&mut self, line: &str) {
        assert!(is_plain(line), "{line:?}");
    }
}

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("ftp-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("small"), &CONTENT[..900]).expect("a file");
    fs::write(folder.join("large"), &CONTENT[..]).expect("a file");
    folder
});

fn path(text: &str) -> VirtualPath {
    VirtualPath::new(text).expect("good")
}

fn told<T>(result: Result<T, Failure>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(failure) => {
            assert!(is_plain(&failure.message), "{failure:?}");
            assert!(failure.hint.as_deref().is_none_or(is_plain), "{failure:?}");
            None
        }
    }
}

/// Does one of the things that can be done; says whether to go on.
fn ask(client: &mut Client, what: u8) {
    match what {
        0 => {
            let logged_in = told(client.login("ada", &Secret::new("right".into())));
            assert!(logged_in.is_none_or(|logged_in| logged_in.user.as_str() == "ada"));
        }
        1 => drop(told(client.logout())),
        2 => drop(told(client.ping())),
        3 => drop(told(client.info())),
        4 => drop(told(client.find(&path("/f")))),
        5 => {
            let Some(entries) = told(client.list(&path("/d"))) else { return };
            assert!(entries.len() <= ENTRIES && entries.iter().all(|entry| entry.name.is_some()));
            assert!(entries.is_sorted_by(|a, b| a.name < b.name), "each name once");
        }
        6 => drop(told(client.sum(&path("/f"), true))),
        7 => drop(told(client.parts())),
        8 => drop(told(client.parts_rm(None))),
        9 => drop(told(client.rm(&path("/f")))),
        10 => drop(told(client.mkdir(&path("/d")))),
        11 => drop(told(client.rename(&path("/f"), &path("/g"), true))),
        12 => download(client, false),
        13 => download(client, true),
        14 => upload(client, "small", 900),
        _ => upload(client, "large", LARGEST),
    }
}

fn download(client: &mut Client, resumes: bool) {
    let (whole, part, values) = (FOLDER.join("f"), FOLDER.join("f.part"), FOLDER.join("f.part.cv"));
    for file in [&whole, &part, &values] {
        let _none = fs::remove_file(file);
    }
    if resumes {
        let size = LARGEST as u64;
        let mut sidecar = Sidecar { path: "/f".into(), size, mtime: 7, etag: Some(ETAG) }.encode();
        sidecar.extend_from_slice(&tree::value(size, 0, &CONTENT[..CHUNK]).0);
        fs::write(&values, sidecar).expect("written");
        fs::write(&part, &CONTENT[..CHUNK]).expect("written");
    }
    let place = Folder::open(&FOLDER).expect("there").place("f");
    let report = told(get(client, &path("/f"), &place, false, &Interrupt::default(), &mut Seen::default()));
    match (report, fs::read(&whole)) {
        (None, Err(_)) => {}
        (Some(report), Ok(bytes)) => {
            assert_eq!((report.size, report.root), (bytes.len() as u64, root(&bytes)));
            assert!(!part.exists() && !values.exists(), "nothing is left beside a whole file");
        }
        (report, file) => panic!("{report:?}, and {:?} bytes are there", file.map(|bytes| bytes.len())),
    }
}

fn upload(client: &mut Client, name: &str, size: usize) {
    let (interrupt, local) = (Interrupt::default(), FOLDER.join(name));
    let report = told(put(client, &local, &path("/f"), false, &interrupt, &mut Seen::default()));
    if let Some(Report { size: sent, root: sum, .. }) = report {
        assert_eq!((sent, sum), (size as u64, root(&CONTENT[..size])));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(mut script) = Script::read(data) else { return };
    let mut bytes = if script.has(GREETS) { ftp_fuzz::script::frame(1, HELLO) } else { Vec::new() };
    bytes.extend(script.bytes());
    let most = 3 * 1024 * 1024 + 64 * bytes.len();
    let _folder = &*FOLDER;
    within(most, || {
        let link = Box::new(Said::new(bytes));
        let Some(mut client) = told(Client::over(link, Fingerprint::default(), &Interrupt::default())) else {
            return;
        };
        if script.has(LOGIN) {
            ask(&mut client, 0);
        }
        let more = [script.rng.u8(0..16), script.rng.u8(0..16)];
        for what in [script.seed % 16, script.seed / 16].into_iter().chain(more) {
            if client.is_broken() {
                return;
            }
            ask(&mut client, what);
        }
    });
});
