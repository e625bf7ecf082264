//! What the kernel lets the daemon's own threads reach, by Landlock: a bug in our jail still meets a wall.
//!
//! ```text
//!  main ── binds ──▶ outer wall ── log writers, signals, accounts ──▶ inner wall ── reactor, workers
//!                    reads data, config, certificate                  writes below users/,
//!                    writes below users/ and the logs                 and reads nothing else
//! ```
//!
//! A wall holds for the thread that raises it and for those it starts from then on, and cannot be taken down. Behind either nothing is bound to a
//! port or connected, nothing is run, and no symbolic link or device is made. Descriptors that are open already stay as they are.

use crate::config::Config;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    PathBeneath, PathFd, PathFdError, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
    RulesetStatus, make_bitflags,
};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The rights on files that are denied where no rule grants them. Those that came later are about Unix sockets, and systemd's is one.
const FILES: ABI = ABI::V5;
/// The rights on the network that are denied; no rule grants any.
const NETWORK: ABI = ABI::V10;
/// Where what a terminal can do is described: stderr may be one.
const TERMINALS: [&str; 3] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];
/// The reactor keeps it open for the moment in which it has no other descriptor.
const NULL: &str = "/dev/null";

/// What to do when a folder is not the one around which the wall was put up.
const REPLACED: &str = "; the sandbox was put up at the start for the folders that were there then: if one of them was replaced, or another is meant now, restart the daemon (systemctl restart ftp-daemon)";

/// What may be reached behind a wall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Files, and folders with all below them, that are read.
    pub read: Vec<PathBuf>,
    /// Folders in which files and folders are read, made, written, renamed and removed.
    pub write: Vec<PathBuf>,
}

impl Reach {
    /// That of the whole process: what a reload reads, with whatever may be put in its place by then, and what is written.
    #[must_use]
    pub fn outer(config: &Config) -> Self {
        let mut read = vec![config.data.clone(), NULL.into()];
        read.extend(TERMINALS.map(PathBuf::from));
        for file in [&config.file, &config.certificate, &config.private_key] {
            read.extend(folders_of(file));
        }
        Self { read, write: vec![config.users(), config.log.folder.clone()] }
    }

    /// That of the threads that do what clients ask for.
    #[must_use]
    pub fn inner(config: &Config) -> Self {
        Self { read: vec![NULL.into()], write: vec![config.users()] }
    }
}

/// The folder that a file is named in, and that in which it is, if a link leads there. A file that is replaced is another one in the same folder.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| path.parent().map(|parent| Path::new(".").join(parent));
    [parent(file), file.canonicalize().ok().as_deref().and_then(parent)].into_iter().flatten().collect()
}

/// What stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wall {
    /// Landlock, as this version of its interface has it.
    Landlock(i32),
    /// None.
    Missing(&'static str),
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landlock(abi) => write!(f, "landlock ABI {abi} in force"),
            Self::Missing(why) => {
                write!(f, "no landlock ({why}): only the daemon itself keeps users to their homes")
            }
        }
    }
}

impl Wall {
    /// What else may be behind it when the kernel refuses a file to a thread behind this wall.
    #[must_use]
    pub fn hint(self) -> &'static str {
        if matches!(self, Self::Landlock(_)) { REPLACED } else { "" }
    }
}

/// Whether this thread is refused the reading of one of these files.
#[must_use]
pub fn is_refused(files: &[&Path]) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |file: &&Path| rustix::fs::open(*file, flags, Mode::empty());
    files.iter().any(|file| open(file).err() == Some(Errno::ACCESS))
}

/// The kernel has Landlock, and the wall could not be raised.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox cannot be set up: {0}; `sandbox: false` in the config does without")]
pub struct SandboxFault(String);

/// Raises a wall around this thread and those that it starts from now on. What is not there cannot be reached later either.
///
/// As much is denied as the kernel knows to. Before ABI 2 (Linux 5.19) a file cannot be moved between folders behind a wall, as uploads are: there
/// the wall is not raised at all.
///
/// # Errors
/// A path cannot be looked at, or the kernel refuses.
pub fn confine(reach: &Reach) -> Result<Wall, SandboxFault> {
    let fault = |error: &dyn fmt::Display| SandboxFault(error.to_string());
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)
        .and_then(|ruleset| {
            ruleset.set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(FILES))
        })
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(NETWORK)))
        .and_then(Ruleset::create)
        .map_err(|error| fault(&error))?;
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let write = read
        | make_bitflags!(AccessFs::{WriteFile | Truncate | Refer | MakeReg | MakeDir | RemoveFile | RemoveDir});
    let ruleset = allow(ruleset, &reach.read, read)?;
    let ruleset = allow(ruleset, &reach.write, write)?;
    let status = ruleset.restrict_self().map_err(|error| fault(&error))?;
    Ok(match (status.landlock, status.ruleset) {
        (LandlockStatus::NotImplemented, _) => {
            Wall::Missing("the kernel has it not, or a filter keeps it from us")
        }
        (LandlockStatus::NotEnabled, _) => Wall::Missing("it is not among the kernel's lsm= modules"),
        (_, RulesetStatus::NotEnforced) => Wall::Missing("the kernel's is too old: Linux 5.19 is needed"),
        (LandlockStatus::Available { effective_abi, kernel_abi }, _) => {
            Wall::Landlock(kernel_abi.unwrap_or(effective_abi as i32))
        }
    })
}

fn allow(
    mut ruleset: RulesetCreated,
    paths: &[PathBuf],
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, SandboxFault> {
    for path in paths {
        let open = match PathFd::new(path) {
            Ok(open) => open,
            Err(PathFdError::OpenCall { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(SandboxFault(error.to_string())),
        };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(FILES) };
        ruleset = ruleset
            .add_rule(PathBeneath::new(open, access))
            .map_err(|error| SandboxFault(format!("{}: {error}", path.display())))?;
    }
    Ok(ruleset)
}
