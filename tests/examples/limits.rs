//! What one core can do of what a transfer or a login is made of, for `scripts/bench.sh`.
//!
//! `limits aes128 | blake3`: 10^6 bytes a second of one thread. `limits password`: checks of a password a second, on all cores at once.
//! `limits durable FOLDER`: small files a second that one thread makes durable, many together, by the calls that the daemon does it with.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use ftp_core::account::password::Cost;
use ftp_core::limits::TOGETHER;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::Secret;
use ftp_proto::tree;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::fs::{futimens, linkat, openat, syncfs};
use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The plaintext of one TLS record, in bytes (RFC 8446, section 5.1).
const RECORD: usize = 16 * 1024;
/// How long each is done.
const TIME: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let what = std::env::args().nth(1).unwrap_or_default();
    let rate = match what.as_str() {
        "aes128" => {
            let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16])?);
            let (mut plain, mut record) = (vec![0; RECORD], 0_u64);
            each(RECORD, || {
                let mut nonce = [0; NONCE_LEN];
                nonce[..8].copy_from_slice(&record.to_be_bytes());
                record += 1;
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut plain).map(drop)
            })?
        }
        "blake3" => {
            let chunk = vec![7; CHUNK];
            each(CHUNK, || {
                std::hint::black_box(tree::value(4 * CHUNK as u64, 0, &chunk));
                Ok(())
            })?
        }
        "password" => passwords(),
        "durable" => durable(Path::new(&std::env::args().nth(2).ok_or("in which folder?")?))?,
        _ => return Err("limits aes128 | blake3 | password | durable FOLDER".into()),
    };
    println!("{rate:.1}");
    Ok(())
}

/// Does a thing of so many bytes until the time is over; 10^6 bytes a second.
fn each(bytes: usize, mut thing: impl FnMut() -> Result<(), Unspecified>) -> Result<f64, Unspecified> {
    let (start, mut done) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME {
        thing()?;
        done += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "it is a size of a buffer")]
    Ok(f64::from(done) * bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
}

/// Checks on all cores at once, a second.
fn passwords() -> f64 {
    const EACH: u32 = 4;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (hash, start) = (Cost::default().decoy(), Instant::now());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| (0..EACH).for_each(|_| assert!(!hash.matches(&Secret::new("a password".into())))));
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "it is a number of cores")]
    let checks = f64::from(EACH) * cores as f64;
    checks / start.elapsed().as_secs_f64()
}

/// Makes files of 1 KiB in a new folder: without a name, then all are made durable, then each gets its name, then those are made durable.
fn durable(folder: &Path) -> io::Result<f64> {
    const FILES: u32 = 10_000;
    std::fs::create_dir_all(folder)?;
    let folder = openat(CWD, folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let (data, start, mut done) = ([7; 1024], Instant::now(), 0);
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: 0, tv_nsec: 0 },
    };
    while done < FILES {
        let unnamed = || -> io::Result<File> {
            let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
            let mut file = File::from(openat(&folder, ".", flags, Mode::RUSR | Mode::WUSR)?);
            file.write_all(&data)?;
            futimens(&file, &times)?;
            Ok(file)
        };
        let files = (0..TOGETHER).map(|_| unnamed()).collect::<io::Result<Vec<_>>>()?;
        syncfs(&folder)?;
        for file in files {
            linkat(file, "", &folder, done.to_string(), AtFlags::EMPTY_PATH)?;
            done += 1;
        }
        syncfs(&folder)?;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}
