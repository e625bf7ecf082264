//! `check`: is this set-up sound? One line for each thing that was looked at.

use super::command::ConfigFile;
use super::console::Console;
use super::failure::Failure;
use super::folders::shown;
use super::owner::Owner;
use super::size::show;
use super::walk::{Part, walk};
use crate::config::Config;
use ftp_core::account::user_file::Users;
use ftp_proto::{Printable, UserName};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// What was found: fine, or a sentence on what is wrong and what to do.
type Finding = Result<String, String>;

pub(super) fn run(config: &ConfigFile, console: &mut dyn Console) -> Result<(), Failure> {
    let findings = look(&config.find()?);
    let mut problems = 0;
    for finding in findings {
        match finding {
            Ok(text) => console.print(&format!("ok       {text}"))?,
            Err(text) => {
                problems += 1;
                console.print(&format!("problem  {text}"))?;
            }
        }
    }
    match problems {
        0 => Ok(()),
        1 => Err(Failure::failed("there is 1 problem")),
        n => Err(Failure::failed(format!("there are {n} problems"))),
    }
}

fn look(file: &Path) -> Vec<Finding> {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(fault) => return vec![Err(format!("config: {fault}"))],
    };
    let mut findings = vec![Ok(format!("config {}", shown(file)))];
    findings.push(certificate(&config));
    let daemon = match data_folder(&config.data) {
        Ok(daemon) => daemon,
        Err(problem) => {
            findings.push(Err(problem));
            return findings;
        }
    };
    findings.push(Ok(format!("data folder {}", shown(&config.data))));
    findings.push(kernel(&config.data));
    findings.push(free_space(&config.data));
    match Users::load(&config.user_file()) {
        Ok(users) => {
            findings.push(Ok(format!(
                "user file {}, {} accounts",
                shown(&config.user_file()),
                users.users.len()
            )));
            findings.extend(folders(&config, &users, daemon));
        }
        Err(fault) => findings.push(Err(fault.to_string())),
    }
    findings
}

fn stat(what: &str, path: &Path) -> Result<rustix::fs::Stat, String> {
    rustix::fs::stat(path).map_err(|error| format!("{what} {}: {}", shown(path), io::Error::from(error)))
}

fn certificate(config: &Config) -> Finding {
    let now = SystemTime::now();
    let tls = crate::tls::load(&config.certificate, &config.private_key, &config.data, now)
        .map_err(|fault| fault.0)?;
    let days = tls.not_after.duration_since(now).unwrap_or_default().as_secs() / 86_400;
    if tls.ends_soon(now) {
        return Err(format!(
            "certificate {} ends in {days} days; make a new one with ftp-admin cert --force and send the daemon SIGHUP",
            shown(&config.certificate)
        ));
    }
    Ok(format!("certificate {}, {days} days left, {}", shown(&config.certificate), tls.fingerprint))
}

/// Gives the daemon's user, whose the folder is.
fn data_folder(path: &Path) -> Result<Owner, String> {
    let stat = stat("data folder", path)
        .map_err(|problem| format!("{problem}; make it, owned by the daemon's user"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(format!("data folder {} is not a folder; correct `data` in the config", shown(path)));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(format!("data folder {} can be written to by others; run chmod go-w on it", shown(path)));
    }
    Ok(Owner::of(&stat))
}

/// Homes are entered by `openat2`, which Linux has since 5.6 and some containers forbid.
fn kernel(data: &Path) -> Finding {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(data, flags, Mode::empty())
        .and_then(|data| rustix::fs::openat2(data, ".", flags, Mode::empty(), ResolveFlags::BENEATH));
    match opened {
        Ok(_) => Ok("kernel has openat2".to_owned()),
        Err(Errno::ACCESS) => Err(format!(
            "data folder {} cannot be opened by you; look as root or as the daemon's user",
            shown(data)
        )),
        Err(error) => {
            let error = io::Error::from(error);
            Err(format!(
                "the kernel refuses openat2 ({error}): Linux 5.6 or later is needed, and a container that allows it"
            ))
        }
    }
}

fn free_space(data: &Path) -> Finding {
    let disk =
        rustix::fs::statvfs(data).map_err(|error| format!("free space: {}", io::Error::from(error)))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let text = format!("free space {} below {}", show(free), shown(data));
    if free < SPARE {
        return Err(format!("{text}: uploads will fail soon; make room or move the data folder"));
    }
    if disk.f_files > 0 && disk.f_favail < 1000 {
        return Err(format!(
            "{text}, but only {} more files: the file system is out of inodes",
            disk.f_favail
        ));
    }
    Ok(text)
}

/// Less than this is about to be none.
const SPARE: u64 = 256 * 1024 * 1024;

fn folders(config: &Config, users: &Users, daemon: Owner) -> Vec<Finding> {
    let folder = config.users();
    let mut findings = Vec::new();
    let names = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect::<BTreeSet<_>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && users.users.is_empty() => BTreeSet::new(),
        Err(error) => return vec![Err(format!("folder of all users {}: {error}", shown(&folder)))],
    };
    findings.extend(private_folder(&folder, daemon).err().map(Err));
    for name in users.users.keys() {
        if !names.contains(OsStr::new(name.as_str())) {
            findings.push(Ok(format!("folder of {name} is not there yet; the first login makes it")));
            continue;
        }
        let own = folder.join(name.as_str());
        let parts = [own.clone(), own.join("home"), own.join("parts"), own.join("trees")];
        let problem = on_one_file_system(&folder, name).err();
        let problem = problem.or_else(|| parts.iter().find_map(|path| private_folder(path, daemon).err()));
        let problem = problem.or_else(|| daemon.gets_into_all(config, name).err());
        let problem = problem.or_else(|| only_files(config, name).err());
        findings.push(problem.map_or_else(|| Ok(format!("folder of {name}")), Err));
    }
    for name in names {
        let text = name.to_string_lossy();
        let path = shown(&folder.join(&*name));
        if text.starts_with(".purge-") {
            findings.push(Err(format!("{path} is left of a purge that was stopped; run rm -r on it")));
        } else if UserName::new(&text).map_or(true, |name| !users.users.contains_key(&name)) {
            findings.push(Ok(format!("{path} belongs to no account (kept by ftp-admin rm without --purge)")));
        }
    }
    findings
}

/// What a session opens, as it does: never across the edge of a file system, over which no upload could be renamed.
fn on_one_file_system(users: &Path, name: &UserName) -> Result<(), String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    let Ok(folder) = rustix::fs::open(users, flags, Mode::empty()) else { return Ok(()) };
    let in_vain = format!("nobody can log in as {name}");
    let blind = format!("what a disk does to the files of {name} is not found");
    for (below, so) in [("", &in_vain), ("/home", &in_vain), ("/parts", &in_vain), ("/trees", &blind)] {
        let path = format!("{name}{below}");
        let opened = rustix::fs::openat2(&folder, &path, flags, Mode::empty(), resolve);
        if opened.is_err_and(|error| error == Errno::XDEV) {
            return Err(format!(
                "{} is a mount of its own, so {so}: homes, parts and trees have to be on one file system; unmount it, and \
                 mount all users at {} instead",
                shown(&users.join(path)),
                shown(users)
            ));
        }
    }
    Ok(())
}

/// Unfinished uploads are files: what is not one of them is removed at the first login, which a directory is not.
fn only_files(config: &Config, user: &UserName) -> Result<(), String> {
    let parts = config.users().join(user.as_str()).join("parts");
    let mut directory = None;
    let walked = walk(config, user, Part::Parts, &mut |found| {
        if found.kind() == FileType::Directory {
            directory.get_or_insert_with(|| parts.join(found.path()));
        }
        false
    });
    walked.map_err(|error| format!("{}: {}", shown(&parts), io::Error::from(error)))?;
    match directory {
        Some(path) => Err(format!(
            "{} is a directory among unfinished uploads, so nobody can log in as {user}; move it away",
            shown(&path)
        )),
        None => Ok(()),
    }
}

/// A folder that is one, and nobody else's business. One that is not there is made when it is needed.
fn private_folder(path: &Path, daemon: Owner) -> Result<(), String> {
    let stat = match rustix::fs::lstat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(format!("{}: {}", shown(path), io::Error::from(error))),
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        // The link is meant, and not what it leads to.
        let (above, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
        let above = shown(above);
        return Err(format!("{above}/{} is not a folder; move it away", Printable(&name.to_string_lossy())));
    }
    if stat.st_mode & 0o077 != 0 {
        let mode = stat.st_mode & 0o777;
        return Err(format!(
            "{} has mode {mode:03o}, so other users of this machine get in; run chmod 700 on it",
            shown(path)
        ));
    }
    daemon.owns(path, &stat)
}
