//! A disk whose power can be cut: ext4 in an image, on which nothing lasts before it is synced.
//!
//! The kernel writes the file system to the image when something is synced, and otherwise not for a long time. So a copy of the image
//! is what a disk holds at the moment when the power is cut. It needs root, for the mounts.

use crate::site::run;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of an image. The files of a workload have to fit, and it is copied often.
const SIZE: u64 = 24 * 1024 * 1024;

/// A file with a file system.
#[derive(Debug)]
pub struct Image(PathBuf);

/// A mounted image; it is unmounted when this is dropped.
#[derive(Debug)]
pub struct Mounted(PathBuf);

fn call(program: &str, arguments: &[&str], paths: &[&Path]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).args(paths);
    let ran = run(command, "");
    if ran.code == 0 { Ok(()) } else { Err(format!("{program}: {}{}", ran.out, ran.err)) }
}

/// Why there can be no power cuts on this machine, if there cannot.
#[must_use]
pub fn missing(scratch: &Path) -> Option<String> {
    let try_it = || Image::make(scratch.join("try.image"))?.mount(&scratch.join("try")).map(drop);
    try_it().err()
}

impl Image {
    /// Makes a file with an empty file system.
    ///
    /// # Errors
    /// There is no room, or no `mkfs.ext4`.
    pub fn make(path: PathBuf) -> Result<Self, String> {
        let file = File::create(&path).map_err(|error| error.to_string())?;
        file.set_len(SIZE).map_err(|error| error.to_string())?;
        call("mkfs.ext4", &["-q", "-F", "-m", "0", "-J", "size=4"], &[&path])?;
        Ok(Self(path))
    }

    /// Mounts it. The journal is not written out by time.
    ///
    /// # Errors
    /// It is not allowed, or the file system is broken.
    pub fn mount(&self, at: &Path) -> Result<Mounted, String> {
        fs::create_dir_all(at).map_err(|error| error.to_string())?;
        call("mount", &["-o", "loop,commit=600"], &[&self.0, at])?;
        Ok(Mounted(at.to_owned()))
    }

    /// Copies what is on the disk now.
    ///
    /// # Panics
    /// There is no room.
    #[must_use]
    pub fn cut(&self, to: PathBuf) -> Self {
        fs::copy(&self.0, &to).expect("room");
        Self(to)
    }

    /// The hash of all of it.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(&fs::read(&self.0).expect("readable"))
    }

    /// Looks for damage. It must not be mounted.
    ///
    /// # Errors
    /// What there is.
    pub fn check(&self) -> Result<(), String> {
        call("e2fsck", &["-f", "-n"], &[&self.0])
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

impl Mounted {
    /// Has everything written to the image, as the kernel does now and then by itself.
    ///
    /// # Panics
    /// The image is full.
    pub fn sync(&self) {
        rustix::fs::syncfs(File::open(&self.0).expect("mounted")).expect("written");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A daemon that was just killed may hold it for a moment; then it goes when that is gone.
        if call("umount", &[], &[&self.0]).is_err() {
            let _gone = call("umount", &["--lazy"], &[&self.0]);
        }
    }
}
