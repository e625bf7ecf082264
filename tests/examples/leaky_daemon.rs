//! The daemon, all of it, with a jail that leaks: at each login a worker tries what no jail should let anybody do, and says how it went.
//!
//! `FTPD_LEAK` names a folder of somebody else's.

use ftp_core::vfs::{Folder, Storage};
use rustix::io::Errno;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::{fs, io};

#[derive(Debug)]
struct Leaky {
    jail: Box<dyn Storage>,
    foreign: PathBuf,
    data: PathBuf,
}

impl Leaky {
    fn leak(&self) {
        let say = |what: &str, result: io::Result<()>| {
            let how = result.map_or_else(|error| format!("{:?}", error.kind()), |()| "done".to_owned());
            eprintln!("leak: {what}: {how}");
        };
        say("read", fs::read(self.foreign.join("secret")).map(drop));
        say("list", fs::read_dir(&self.foreign).map(drop));
        say("write", fs::write(self.foreign.join("planted"), "x"));
        say("remove", fs::remove_file(self.foreign.join("victim")));
        say("link", std::os::unix::fs::symlink(&self.foreign, self.data.join("users/link")));
        say("read the accounts", fs::read(self.data.join("users.ron")).map(drop));
        say("write the accounts", fs::write(self.data.join("users.ron.new"), "x"));
        say("write a log", fs::write(self.data.join("log/login.log.1"), "x"));
        say("read the key", fs::read(self.data.join("../certs/server.key")).map(drop));
        say("bind", TcpListener::bind("127.0.0.1:0").map(drop));
        // Nobody is there: without a wall it is refused by the other end.
        say("connect", TcpStream::connect("127.0.0.1:9").map(drop));
        say("write below users", fs::write(self.data.join("users/own"), "x"));
        eprintln!("leak: that was all");
    }
}

impl Storage for Leaky {
    fn users(&self) -> Result<Box<dyn Folder>, Errno> {
        self.leak();
        self.jail.users()
    }

    fn sync(&self) -> Result<(), Errno> {
        self.jail.sync()
    }
}

fn main() -> ExitCode {
    let foreign = PathBuf::from(std::env::var_os("FTPD_LEAK").expect("FTPD_LEAK names a folder"));
    ftp_daemon::daemon::main_on(&|jail| {
        let data = foreign.join("../var");
        Arc::new(Leaky { jail: Box::new(jail), foreign: foreign.clone(), data })
    })
}
