//! Thirty-two users at once, four sessions each: everybody stays at home, and nobody gets a byte more than the quota.

use ftp_cli::client::Client;
use ftp_cli::connect::Server;
use ftp_cli::failure::Failure;
use ftp_cli::interrupt::Interrupt;
use ftp_cli::transfer::{self, Folder};
use ftp_cli::trust::Trust;
use ftp_proto::message::{Account, Kind, Secret};
use ftp_proto::{Code, VirtualPath};
use ftp_tests::quiet::Silent;
use ftp_tests::sample;
use ftp_tests::site::{Flag, Site};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const USERS: u64 = 32;
const SESSIONS: u64 = 4;
const ROUNDS: u64 = 12;

fn path(text: &str) -> VirtualPath {
    VirtualPath::new(text).expect("a path")
}

fn quota(user: u64) -> u64 {
    1_000_000 + user * 12_347
}

/// Bytes of the files below a folder.
/// What counts for a user: the home and the parts, and not the values that the daemon keeps.
fn counted(user: &Path) -> u64 {
    ["home", "parts"].iter().map(|name| bytes_in(&user.join(name))).sum()
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(facts) if facts.is_dir() => bytes_in(&entry.path()),
        // A file may go while it is looked for; values beside a part are not the user's.
        Ok(facts) if entry.path().extension().is_none_or(|end| end != "cv") => facts.size(),
        _ => 0,
    };
    entries.filter_map(Result::ok).map(size).sum()
}

struct Work<'a> {
    client: Client,
    site: &'a Site,
    user: u64,
    session: u64,
    refused: u64,
}

impl Work<'_> {
    fn round(&mut self, round: u64) -> Result<(), Failure> {
        let seed = self.user * 1_000_000 + self.session * 1000 + round;
        let size = sample::number(seed, 500_000);
        let local = self.site.work().join(format!("{seed}.bin"));
        sample::file(&local, seed, size);
        // Two names for four sessions: they get in each other's way.
        let remote = path(&format!("/shared/{}.bin", sample::number(seed + 7, 6)));
        let interrupt = Interrupt::default();
        match transfer::put(
            &mut self.client,
            &local,
            &remote,
            round.is_multiple_of(3),
            &interrupt,
            &mut Silent,
        ) {
            Ok(report) => assert_eq!(report.root.0, *sample::hash(&local).as_bytes()),
            Err(failure) => self.expect(&failure, &[Code::QuotaExceeded, Code::Conflict])?,
        }
        let own = path(&format!("/own-{}", self.session));
        match round % 4 {
            0 => drop(self.client.mkdir(&own)),
            1 => drop(self.client.rmdir(&own)),
            2 => match self.client.rm(&remote) {
                Ok(_) => {}
                Err(failure) => self.expect(&failure, &[Code::NotFound, Code::Conflict])?,
            },
            _ => {
                let place = Folder::open(&self.site.work())?.place(format!("{seed}.back"));
                match transfer::get(&mut self.client, &remote, &place, false, &interrupt, &mut Silent) {
                    Ok(report) => assert_eq!(report.root.0, *sample::hash(&place.path()).as_bytes()),
                    Err(failure) => self.expect(&failure, &[Code::NotFound, Code::Changed])?,
                }
            }
        }
        // Nobody sees anybody else.
        let names = self.client.list(&VirtualPath::root())?;
        let names: Vec<_> =
            names.iter().filter_map(|entry| Some(entry.name.as_ref()?.as_str().to_owned())).collect();
        assert!(
            names.iter().all(|name| name == "shared" || name.starts_with("own-") || name == "mine"),
            "{names:?}"
        );
        let mine = self.client.stat(&path("/mine"))?;
        assert_eq!((mine.kind, mine.size), (Kind::File, self.user + 1));
        let account = self.client.account()?;
        assert!(account.used <= quota(self.user), "{account:?}");
        std::fs::remove_file(local).expect("ours");
        Ok(())
    }

    fn expect(&mut self, failure: &Failure, codes: &[Code]) -> Result<(), Failure> {
        if !failure.code().is_some_and(|code| codes.contains(&code)) {
            return Err(failure.clone());
        }
        self.refused += u64::from(failure.code() == Some(Code::QuotaExceeded));
        Ok(())
    }
}

#[test]
fn thirty_two_users_with_four_sessions_each() {
    let site = Site::new();
    for user in 0..USERS {
        site.user(&format!("user{user}"), &quota(user).to_string());
    }
    let daemon = site.start();
    let trust = Trust::Ca(site.path("certs/ca.pem"));
    let server = Server::new("127.0.0.1", daemon.port, trust, Duration::from_secs(120));
    let connect = || Client::connect(&server, &Interrupt::default(), &mut |_| Ok(false)).expect("connected");
    // One login by password for each user; the other sessions come with its token.
    let mut firsts = Vec::new();
    for user in 0..USERS {
        let (mut client, name) = (connect(), format!("user{user}"));
        let logged_in = client.login(&name, &Secret::new(format!("password of {name}"))).expect("logged in");
        assert_eq!(logged_in.account.quota, Some(quota(user)));
        client.mkdir(&path("/shared")).expect("made");
        let mine = site.work().join(format!("mine-{user}"));
        sample::file(&mine, user, user + 1);
        transfer::put(&mut client, &mine, &path("/mine"), false, &Interrupt::default(), &mut Silent)
            .expect("put");
        firsts.push((client, logged_in.token));
    }
    let (over, refused) = (Flag::default(), Mutex::new(0));
    std::thread::scope(|scope| {
        let folders: Vec<_> =
            (0..USERS).map(|user| (user, site.path(&format!("var/users/user{user}")))).collect();
        let watched = over.clone();
        scope.spawn(move || {
            while !watched.is_raised() {
                for (user, folder) in &folders {
                    let bytes = counted(folder);
                    // A name that is put in place between two looks may be counted twice; a second look settles it.
                    assert!(
                        bytes <= quota(*user) || counted(folder) <= quota(*user),
                        "user{user} holds {bytes}"
                    );
                }
            }
        });
        let workers: Vec<_> = (0..USERS)
            .flat_map(|user| (0..SESSIONS).map(move |session| (user, session)))
            .map(|(user, session)| {
                let (site, refused, connect, firsts) = (&site, &refused, &connect, &firsts);
                scope.spawn(move || {
                    let mut client = connect();
                    client
                        .login_again(&format!("user{user}"), &firsts[usize::try_from(user).expect("few")].1)
                        .expect("logged in");
                    let mut work = Work { client, site, user, session, refused: 0 };
                    for round in 0..ROUNDS {
                        work.round(round).unwrap_or_else(|failure| panic!("user{user}: {failure:?}"));
                    }
                    *refused.lock().expect("whole") += work.refused;
                })
            })
            .collect();
        let ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>();
        over.raise();
        assert!(ended.iter().all(Result::is_ok), "every session did its work");
    });
    assert!(*refused.lock().expect("whole") > 20, "the quotas were reached");
    for (user, (client, _)) in firsts.iter_mut().enumerate() {
        let account: Account = client.account().expect("an answer");
        let disk = bytes_in(&site.path(&format!("var/users/user{user}")).join("home"))
            + bytes_in(&site.path(&format!("var/users/user{user}")).join("parts"));
        assert_eq!(account.used, disk, "the ledger of user{user} is what is on the disk");
        assert!(disk <= quota(user as u64));
    }
    let view = site.admin(&["view", "--json"], "").expect(0);
    let view: serde_json::Value = serde_json::from_str(&view.out).expect("JSON");
    assert_eq!(view.as_array().map(Vec::len), Some(usize::try_from(USERS).expect("few")));
}
