//! What one core can do of what a transfer or a login is made of, for `scripts/bench.sh`.
//!
//! `limits aes128 | blake3`: 10^6 bytes a second of one thread. `limits password`: checks of a password a second, on all cores at once.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use ftp_core::account::password::Cost;
use ftp_proto::limits::CHUNK;
use ftp_proto::message::Secret;
use ftp_proto::tree;
use std::error::Error;
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
        _ => return Err("limits aes128 | blake3 | password".into()),
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
