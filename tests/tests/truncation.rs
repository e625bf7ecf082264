//! Downloads whose stream is cut, in an orderly way or by a reset, after any number of bytes: what is not whole is never called so.
//!
//! `DOWNLOAD_CUTS` says how many there are.

use ftp_cli::client::Client;
use ftp_cli::connect::Server;
use ftp_cli::failure::{Cause, Failure};
use ftp_cli::interrupt::Interrupt;
use ftp_cli::transfer::{self, Folder, Report};
use ftp_cli::trust::Trust;
use ftp_proto::VirtualPath;
use ftp_proto::message::Secret;
use ftp_tests::accounts::{self, PASSWORD};
use ftp_tests::proxy::Proxy;
use ftp_tests::quiet::Silent;
use ftp_tests::sample;
use ftp_tests::site::Site;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const SIZE: u64 = 1_000_000;

struct Scene {
    server: Server,
    token: Secret,
    target: PathBuf,
}

impl Scene {
    fn get(&self) -> Result<Report, Failure> {
        let mut client = Client::connect(&self.server, &Interrupt::default(), &mut |_| Ok(false))?;
        client.login_again("alice", &self.token)?;
        let folder = Folder::open(self.target.parent().expect("in a folder"))?;
        let place = folder.place(self.target.file_name().expect("a name"));
        let remote = VirtualPath::new("/file").expect("a path");
        transfer::get(&mut client, &remote, &place, false, &Interrupt::default(), &mut Silent)
    }

    /// Everything in the folder but what an unfinished download leaves.
    fn files(&self) -> usize {
        let entries = fs::read_dir(self.target.parent().expect("in a folder")).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        names.filter(|name| !name.ends_with(".part") && !name.ends_with(".part.cv")).count()
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_is_never_a_whole_download() {
    let began = Instant::now();
    let cuts = sample::count("DOWNLOAD_CUTS", 240);
    let site = Site::new();
    site.set_accounts(&accounts::of(["alice"]));
    let daemon = site.start();
    let proxy = Proxy::new(daemon.port);
    let trust = || Trust::Ca(site.path("certs/ca.pem"));
    let server = |port| Server::new("127.0.0.1", port, trust(), Duration::from_secs(20));
    let mut first =
        Client::connect(&server(daemon.port), &Interrupt::default(), &mut |_| Ok(false)).expect("open");
    let token = first.login("alice", &Secret::new(PASSWORD.to_owned())).expect("logged in").token;
    let source = site.home_of("alice").join("file");
    sample::file(&source, 1, SIZE);
    let right = sample::hash(&source);
    fs::create_dir(site.work().join("down")).expect("made");
    let scene = Scene { server: server(proxy.port), token, target: site.work().join("down/file") };
    assert_eq!(scene.get().expect("nothing is cut").root.0, *right.as_bytes());
    let all = proxy.answered();
    fs::remove_file(&scene.target).expect("there");
    let (mut cut, mut whole, mut resumed) = (0, 0, 0);
    for number in 0..cuts {
        // The last bytes are those in which a length or a hash is all that is missing.
        let from = if number % 4 == 0 { all - 200 } else { 0 };
        let at = from + sample::number(number, all - from);
        proxy.cut_answer_at(at, number % 2 == 0);
        match scene.get() {
            Err(failure) => {
                assert_eq!(failure.cause, Cause::Connection, "cut at {at} of {all}: {failure:?}");
                assert_eq!(scene.files(), 0, "cut at {at} of {all}: there is a file");
                cut += 1;
            }
            Ok(report) => {
                // All came before the cut: records are not always of the same size.
                assert!(at > SIZE && report.root.0 == *right.as_bytes(), "cut at {at} of {all}: {report:?}");
                whole += 1;
            }
        }
        // Every other time it goes on from there, otherwise it begins anew.
        if number % 3 == 0 {
            proxy.cut_answer_at(u64::MAX, false);
            let report = scene.get().expect("nothing is cut");
            resumed += u64::from(report.resumed > 0);
        }
        if scene.target.exists() {
            assert_eq!(sample::hash(&scene.target), right, "cut at {at} of {all}");
        }
        for entry in fs::read_dir(site.work().join("down")).expect("a folder") {
            fs::remove_file(entry.expect("an entry").path()).expect("ours");
        }
    }
    println!("trials: {cut}");
    println!("{cut} cuts, {whole} came too late, {resumed} went on from a part, in {:.1?}", began.elapsed());
    assert!(cut > cuts * 8 / 10 && resumed > 0, "{cut} of {cuts}");
}
