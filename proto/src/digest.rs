//! Hashes as types of their own, in hexadecimal on the wire.

use md5::Digest as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

macro_rules! hex_type {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(to_hex(&self.0, &mut [0; 2 * $len]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotHex;
            fn from_str(text: &str) -> Result<Self, NotHex> {
                let mut bytes = [0; $len];
                from_hex(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(to_hex(&self.0, &mut [0; 2 * $len]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

hex_type!(
    /// The BLAKE3 chaining value of one chunk (of a file of one chunk: its root).
    Value,
    32
);
hex_type!(
    /// The BLAKE3 hash of a whole file, as `b3sum` prints it.
    Root,
    32
);
hex_type!(
    /// The BLAKE3 hash of the values of a file's first chunks.
    PrefixHash,
    32
);
hex_type!(
    /// The MD5 of a whole file: for comparison with other programs, not for security.
    Md5Sum,
    16
);
hex_type!(
    /// The name of one version of a file; equal etags mean the same bytes.
    Etag,
    16
);

/// The text is not hexadecimal of the right length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hexadecimal hash of the right length")]
pub struct NotHex;

/// Every small file has several hashes, and each of them goes to the wire and to a log: digit by digit through a formatter is too slow.
fn to_hex<'a>(bytes: &[u8], text: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    std::str::from_utf8(text).unwrap_or_default()
}

fn from_hex(text: &str, bytes: &mut [u8]) -> Result<(), NotHex> {
    let digits = text.as_bytes();
    if digits.len() != 2 * bytes.len() {
        return Err(NotHex);
    }
    let mut all = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| NIBBLES[usize::from(digit)]);
        *byte = high << 4 | low & 15;
        all |= high | low;
    }
    if all < 16 { Ok(()) } else { Err(NotHex) }
}

/// What each digit stands for; 255 for what is none.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [255; 256];
    let mut nibble = 0;
    while nibble < 16 {
        let digit = b"0123456789abcdef"[nibble as usize];
        nibbles[digit as usize] = nibble;
        nibbles[digit.to_ascii_uppercase() as usize] = nibble;
        nibble += 1;
    }
    nibbles
};

/// An MD5 in progress.
#[derive(Clone, Default)]
pub struct Md5(md5::Md5);

impl Md5 {
    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Md5Sum {
        Md5Sum(self.0.finalize().into())
    }
}

impl fmt::Debug for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways_and_refuses_the_rest() {
        let sum = Md5::default().finish();
        assert_eq!(sum.to_string(), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(sum.to_string().parse(), Ok(sum));
        assert_eq!("D41D8CD98F00B204E9800998ECF8427E".parse(), Ok(sum));
        for bad in [
            "",
            "d4",
            "d41d8cd98f00b204e9800998ecf8427ee",
            "d41d8cd98f00b204e9800998ecf8427g",
            "g41d8cd98f00b204e9800998ecf8427e",
            "d41d8cd98f00b20/e9800998ecf8427e",
            "d41d8cd98f00b204e98009:8ecf8427e",
            "d41d8cd98f00b204e9800998ecf842\u{e9}",
        ] {
            assert_eq!(bad.parse::<Md5Sum>(), Err(NotHex), "{bad}");
        }
    }
}
