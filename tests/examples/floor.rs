//! Says what a file's way costs without a network or a protocol: reads it chunk by chunk, hashes, seals, opens, hashes again and writes it, in one thread and one
//! buffer, as the two ends of a transfer must between them. Prints the seconds of processor time for 10^9 bytes.
//!
//! `floor FROM TO`

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ftp_proto::limits::CHUNK;
use ftp_proto::tree;
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The plaintext of one TLS record, in bytes (RFC 8446, section 5.1).
const RECORD: usize = 16 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let mut names = std::env::args().skip(1);
    let (Some(from), Some(to)) = (names.next(), names.next()) else { return Err("floor FROM TO".into()) };
    let (from, to) = (File::open(from)?, File::create(to)?);
    let size = from.metadata()?.len();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16])?);
    let (mut buffer, mut sealed) = (vec![0; CHUNK], Vec::new());
    let (mut offset, mut record) = (0, 0_u64);
    let began = processor_time();
    while offset < size {
        let chunk = &mut buffer[..tree::chunk_len(size, offset)];
        from.read_exact_at(chunk, offset)?;
        let value = tree::value(size, offset, chunk);
        for plain in chunk.chunks_mut(RECORD) {
            let mut nonce = [0; NONCE_LEN];
            nonce[..8].copy_from_slice(&record.to_be_bytes());
            record += 1;
            let tag =
                key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), plain)?;
            sealed.clear();
            sealed.extend_from_slice(plain);
            key.open_separate_gather(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &sealed,
                tag.as_ref(),
                plain,
            )?;
        }
        if tree::value(size, offset, chunk) != value {
            return Err("what was opened is not what was sealed".into());
        }
        to.write_all_at(chunk, offset)?;
        offset += chunk.len() as u64;
    }
    #[expect(clippy::cast_precision_loss, reason = "it is printed with three digits")]
    let bytes = size as f64;
    println!("{:.3}", (processor_time() - began) * 1e9 / bytes);
    Ok(())
}

/// Seconds of processor time that this thread has used.
fn processor_time() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    std::time::Duration::try_from(now).map_or(0.0, |time| time.as_secs_f64())
}
