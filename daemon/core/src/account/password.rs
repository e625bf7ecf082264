//! scrypt password hashes as PHC strings. What they cost is bounded before any of them is checked.

use crate::fault::{During as _, Fault};
use crate::limits::SCRYPT_BYTES;
use ftp_proto::message::Secret;
use scrypt::password_hash::phc;
use scrypt::{Params, scrypt};
use std::sync::OnceLock;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A scrypt PHC string that was checked: `$scrypt$ln=17,r=8,p=1$salt$hash` within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Checks a PHC string: `ln` 10 to 20, `r` 1 to 32, `p` 1 to 16, at most [`SCRYPT_BYTES`] of memory and four times that of work,
    /// a salt of at least 8 bytes, an output of 16 to 64.
    ///
    /// # Errors
    /// Not scrypt, damaged, or out of the bounds.
    pub fn parse(text: &str) -> Result<Self, NotAPasswordHash> {
        Parsed::new(text).map(|_| Self(text.to_owned()))
    }

    /// Hashes a password with a fresh salt. Blocks for the time that the parameters say.
    ///
    /// # Errors
    /// No randomness.
    pub fn new(password: &Secret, cost: Cost) -> Result<Self, Fault> {
        let mut salt = [0; SALT];
        random(&mut salt).during("taking random bytes for a salt")?;
        Parsed::of(cost, &salt)
            .and_then(|made| made.with_output(password))
            .map_err(|_| Fault::Bug("a scrypt cost out of bounds"))
    }

    /// A hash that nothing matches and that costs what `self` costs to check.
    ///
    /// It has the parameters and lengths of `self` and a salt that this process drew once, so a check runs the same scrypt. Its output is all
    /// zeros: to find a password for that is as hard as for any other.
    #[must_use]
    pub fn decoy(&self) -> Self {
        let parsed = self.parsed();
        decoy(parsed.params, parsed.salt.len(), parsed.output.len())
    }

    /// Whether `password` is the one. Blocks for the time that the parameters say; compares in constant time.
    ///
    /// One with a NUL never is: scrypt begins with an HMAC, which fills its key up with NULs, so that they would not be told apart.
    #[must_use]
    pub fn matches(&self, password: &Secret) -> bool {
        let parsed = self.parsed();
        let mut buffer = Zeroizing::new([0; phc::Output::MAX_LENGTH]);
        let output = &mut buffer[..parsed.output.len()];
        scrypt(password.expose().as_bytes(), &parsed.salt, &parsed.params, output).is_ok()
            && bool::from(output.ct_eq(parsed.output.as_bytes()))
            && !password.expose().contains('\0')
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parsed(&self) -> Parsed {
        Parsed::new(&self.0).expect("checked when it was made")
    }
}

/// The fields of a PHC string, within bounds.
struct Parsed {
    params: Params,
    salt: phc::Salt,
    output: phc::Output,
}

impl Parsed {
    fn new(text: &str) -> Result<Self, NotAPasswordHash> {
        let hash = phc::PasswordHash::new(text).map_err(|_| NotAPasswordHash)?;
        let number = |key: &str| hash.params.get_decimal(key).ok_or(NotAPasswordHash);
        let (ln, r, p) = (number("ln")?, number("r")?, number("p")?);
        let only = hash.algorithm == scrypt::phc::ALG_ID
            && hash.version.is_none()
            && hash.params.iter().count() == 3;
        let (Some(salt), Some(output), true) = (hash.salt, hash.hash, only) else {
            return Err(NotAPasswordHash);
        };
        if output.len() < 16 {
            return Err(NotAPasswordHash);
        }
        Ok(Self { params: params(ln, r, p)?, salt, output })
    }

    /// The fields of a hash that is to be made; its output is not there yet.
    fn of(cost: Cost, salt: &[u8]) -> Result<Self, NotAPasswordHash> {
        if !(10..=17).contains(&cost.log_n) {
            return Err(NotAPasswordHash);
        }
        Ok(Self {
            params: Params::new(cost.log_n, Params::RECOMMENDED_R, Params::RECOMMENDED_P)
                .map_err(|_| NotAPasswordHash)?,
            salt: phc::Salt::new(salt).map_err(|_| NotAPasswordHash)?,
            output: phc::Output::new(&[0; Params::RECOMMENDED_LEN]).map_err(|_| NotAPasswordHash)?,
        })
    }

    fn with_output(mut self, password: &Secret) -> Result<PasswordHash, NotAPasswordHash> {
        let mut output = Zeroizing::new([0; Params::RECOMMENDED_LEN]);
        scrypt(password.expose().as_bytes(), &self.salt, &self.params, &mut *output)
            .map_err(|_| NotAPasswordHash)?;
        self.output = phc::Output::new(&*output).map_err(|_| NotAPasswordHash)?;
        Ok(PasswordHash(self.to_string()))
    }
}

impl std::fmt::Display for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ln, r, p) = (self.params.log_n(), self.params.r(), self.params.p());
        write!(f, "$scrypt$ln={ln},r={r},p={p}${}${}", self.salt, self.output)
    }
}

/// Parameters within bounds. They are bounded first: the library multiplies them before it knows that the product fits.
fn params(ln: u32, r: u32, p: u32) -> Result<Params, NotAPasswordHash> {
    if !(10..=20).contains(&ln) || !(1..=32).contains(&r) || !(1..=16).contains(&p) {
        return Err(NotAPasswordHash);
    }
    let memory = (128 * u64::from(r)) << ln;
    if memory > SCRYPT_BYTES || memory * u64::from(p) > 4 * SCRYPT_BYTES {
        return Err(NotAPasswordHash);
    }
    let ln = u8::try_from(ln).map_err(|_| NotAPasswordHash)?;
    Params::new(ln, r, p).map_err(|_| NotAPasswordHash)
}

/// The decoy with these parameters and lengths.
fn decoy(params: Params, salt: usize, output: usize) -> PasswordHash {
    static DRAWN: OnceLock<[u8; phc::Salt::MAX_LENGTH]> = OnceLock::new();
    let drawn = DRAWN.get_or_init(|| {
        let mut drawn = [0; phc::Salt::MAX_LENGTH];
        // Nothing rests on this salt being a secret, so zeros will do where randomness fails.
        let _ = random(&mut drawn);
        drawn
    });
    let zeros = [0; phc::Output::MAX_LENGTH];
    let decoy = Parsed {
        params,
        salt: phc::Salt::new(&drawn[..salt]).expect("as long as a salt that was checked"),
        output: phc::Output::new(&zeros[..output]).expect("as long as an output that was checked"),
    };
    PasswordHash(decoy.to_string())
}

fn random(bytes: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(bytes).map_err(|error| std::io::Error::other(error.to_string()))
}

/// Bytes of a fresh salt.
const SALT: usize = 16;

/// What a hash costs: scrypt with N = 2^`log_n`, r = 8, p = 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// 10 to 17.
    pub log_n: u8,
}

impl Cost {
    /// [`PasswordHash::decoy`] of a hash of this cost, for when there is no user at all.
    #[must_use]
    pub fn decoy(self) -> PasswordHash {
        let params = Params::new(self.log_n.clamp(10, 17), Params::RECOMMENDED_R, Params::RECOMMENDED_P);
        decoy(params.expect("within scrypt's bounds"), SALT, Params::RECOMMENDED_LEN)
    }
}

impl Default for Cost {
    /// 2^17: what OWASP's password storage page asks as the least.
    fn default() -> Self {
        Self { log_n: 17 }
    }
}

/// The text is not a scrypt PHC string within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scrypt PHC string within bounds ($scrypt$ln=17,r=8,p=1$...)")]
pub struct NotAPasswordHash;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const CHEAP: Cost = Cost { log_n: 10 };

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let hash = PasswordHash::new(&secret("correct horse"), CHEAP).expect("a hash");
        assert!(hash.matches(&secret("correct horse")));
        for wrong in
            ["", "correct hors", "correct horse ", "Correct horse", "correct horse\0", "correct horse\0\0"]
        {
            assert!(!hash.matches(&secret(wrong)), "{wrong}");
        }
        assert_eq!(PasswordHash::parse(hash.as_str()), Ok(hash));
    }

    #[test]
    fn the_same_password_has_another_hash_each_time() {
        let hash = || PasswordHash::new(&secret("x"), CHEAP).expect("a hash");
        assert_ne!(hash(), hash());
    }

    #[test]
    fn a_hash_by_another_implementation_is_understood() {
        // Made by Python: hashlib.scrypt(b"pencil", salt=bytes(range(16)), n=1024, r=8, p=1, dklen=32).
        let hash = PasswordHash::parse(PYTHON).expect("a hash");
        assert!(hash.matches(&secret("pencil")));
        assert!(!hash.matches(&secret("pencils")));
    }

    const PYTHON: &str =
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$6nhPEVsN+se56bORANZdgMaTpwHMOGdQtWQhkmsQvXY";

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let salt = "AAECAwQFBgcICQoLDA0ODw";
        let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let with = |params: &str| PasswordHash::parse(&format!("$scrypt${params}${salt}${hash}"));
        for fine in ["ln=10,r=8,p=1", "ln=17,r=8,p=1", "ln=18,r=8,p=4", "ln=13,r=8,p=10", "ln=20,r=2,p=1"] {
            assert!(with(fine).is_ok(), "{fine}");
        }
        for bad in [
            "ln=9,r=8,p=1",
            "ln=21,r=1,p=1",
            "ln=19,r=8,p=1",
            "ln=20,r=8,p=1",
            "ln=18,r=8,p=5",
            "ln=17,r=0,p=1",
            "ln=17,r=8,p=0",
            "ln=17,r=33,p=1",
            "ln=10,r=8,p=17",
            "ln=63,r=8,p=1",
            "ln=17,r=4294967295,p=4294967295",
            // Their product does not fit the 32 bits in which the library multiplies them.
            "ln=10,r=2222222228,p=2",
            "ln=10,r=65536,p=65536",
            "ln=10,r=8,p=536870912",
            "ln=266,r=8,p=1",
            "ln=10,r=8,p=1,p=1",
            "ln=10,r=8,p=1,r=2222222228",
            "ln=17,r=8",
            "r=8,p=1",
            "ln=17,r=8,p=1,x=1",
            "v=1$ln=17,r=8,p=1",
            "ln=-1,r=8,p=1",
            "ln=017,r=8,p=1",
            "",
        ] {
            assert_eq!(with(bad), Err(NotAPasswordHash), "{bad}");
        }
        for bad in [
            String::new(),
            "x".into(),
            "$".into(),
            format!("$scrypt$ln=17,r=8,p=1${salt}"),
            format!("$scrypt$ln=17,r=8,p=1$AAECAwQFBg${hash}"),
            format!("$scrypt$ln=17,r=8,p=1${salt}$AAAAAAAAAAAAAAAAAAAA"),
            format!("$scrypt$ln=17,r=8,p=1${salt}${hash}$"),
            format!("$scrypt$ln=17,r=8,p=1${salt}${hash} "),
            format!("$argon2id$ln=17,r=8,p=1${salt}${hash}"),
        ] {
            assert_eq!(PasswordHash::parse(&bad), Err(NotAPasswordHash), "{bad}");
        }
    }

    #[test]
    fn a_decoy_has_the_shape_of_the_real_one_and_matches_nothing() {
        let hash = PasswordHash::new(&secret("x"), CHEAP).expect("a hash");
        let decoy = hash.decoy();
        assert_eq!(decoy.as_str().len(), hash.as_str().len());
        assert_eq!(decoy.as_str().split('$').nth(2), hash.as_str().split('$').nth(2));
        assert!(!decoy.matches(&secret("x")) && !decoy.matches(&secret("")));
        assert_eq!(decoy, hash.decoy(), "the same for each unknown user");
        assert_eq!(decoy, CHEAP.decoy());
        assert_eq!(PasswordHash::parse(decoy.as_str()), Ok(decoy));
    }

    #[test]
    fn a_decoy_runs_a_real_scrypt() {
        let cost = |log_n| {
            let decoy = PasswordHash::new(&secret("x"), Cost { log_n }).expect("a hash").decoy();
            (0..3)
                .map(|_| {
                    let begun = Instant::now();
                    assert!(!decoy.matches(&secret("x")));
                    begun.elapsed()
                })
                .min()
                .expect("three")
        };
        let (cheap, dear) = (cost(10), cost(15));
        assert!(dear > cheap * 8, "32 times the work: {cheap:?}, {dear:?}");
    }

    #[test]
    fn a_cost_out_of_bounds_is_no_panic() {
        for log_n in [0, 9, 18, 255] {
            assert!(matches!(PasswordHash::new(&secret("x"), Cost { log_n }), Err(Fault::Bug(_))));
        }
    }
}
