//! A local certificate authority and a certificate for the server, for those who have no other.

use crate::tls::{self, TlsConfigFault};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a server's certificate lasts, in days: what browsers and other careful clients accept at most.
pub const DAYS: u32 = 397;
/// How long the authority lasts, in days. Clients hold it, so it should outlive many renewals; its key can be kept offline.
const CA_DAYS: u32 = 3650;
/// A client whose clock is a little behind must not find the certificate not yet valid.
const EARLIER: Duration = Duration::from_secs(3600);

/// What to make.
#[derive(Debug, Clone)]
pub struct CertRequest {
    /// The folder for `ca.pem`, `ca.key`, `server.pem` and `server.key`; made if it is missing.
    pub out: PathBuf,
    /// Names of the server. Without any name or address: `localhost`, this machine's name, and the loopback addresses.
    pub names: Vec<String>,
    /// Addresses of the server.
    pub ips: Vec<IpAddr>,
    /// How long the server's certificate lasts.
    pub days: u32,
    /// A server's certificate that is there is replaced. The authority is kept.
    pub force: bool,
    /// With `force`: the authority is replaced too; every client needs the new `ca.pem`.
    pub new_ca: bool,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The files, in the order in which they were written.
    pub files: Vec<PathBuf>,
    /// The authority was there already and signed this one too.
    pub ca_reused: bool,
    /// The fingerprint of the server's certificate.
    pub server: String,
    /// The fingerprint of the authority's.
    pub ca: String,
    /// What the server's certificate is for.
    pub subjects: Vec<String>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CertFault(pub String);

impl From<rcgen::Error> for CertFault {
    fn from(error: rcgen::Error) -> Self {
        Self(format!("the certificate cannot be made: {error}"))
    }
}

impl From<TlsConfigFault> for CertFault {
    fn from(fault: TlsConfigFault) -> Self {
        Self(fault.0)
    }
}

/// The fingerprint of the first certificate in a PEM file.
///
/// # Errors
/// There is none, or the file cannot be read.
pub fn fingerprint(pem: &Path) -> Result<String, CertFault> {
    Ok(tls::fingerprint(&tls::chain(pem)?[0]))
}

/// Makes the authority, unless it is there, and a certificate for the server that it signs.
///
/// # Errors
/// A file is there that may not be replaced, a name is no host name, or the folder cannot be written.
pub fn make(request: &CertRequest) -> Result<Made, CertFault> {
    let file = |name: &str| request.out.join(name);
    let (ca_pem, ca_key) = (file("ca.pem"), file("ca.key"));
    let (server_pem, server_key) = (file("server.pem"), file("server.key"));
    for path in [&server_pem, &server_key] {
        if path.exists() && !request.force {
            return Err(CertFault(format!(
                "{} exists; nothing was changed. --force makes a new server certificate (signed by the same CA)",
                path.display()
            )));
        }
    }
    let ca_reused = match (ca_pem.exists(), ca_key.exists()) {
        (true, true) => !(request.force && request.new_ca),
        (false, false) => false,
        (pem, _) => {
            let (there, missing) = if pem { (&ca_pem, &ca_key) } else { (&ca_key, &ca_pem) };
            return Err(CertFault(format!(
                "{} is there and {} is not; nothing was changed. Bring it back, or move the other away to start with a new CA",
                there.display(),
                missing.display()
            )));
        }
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&request.out)
        .map_err(|error| written(&request.out, &error))?;
    // Nothing is written before all names are good.
    let subjects = subjects(request);
    let params = server_params(request, &subjects)?;
    let mut files = Vec::new();
    let (issuer, ca_text) =
        if ca_reused { old_ca(&ca_pem, &ca_key)? } else { new_ca(&ca_pem, &ca_key, &mut files)? };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let leaf = params.signed_by(&key, &issuer)?;
    write(&server_key, &key.serialize_pem(), 0o600, &mut files)?;
    write(&server_pem, &format!("{}{ca_text}", leaf.pem()), 0o644, &mut files)?;
    let ca = fingerprint(&ca_pem)?;
    Ok(Made { files, ca_reused, server: tls::fingerprint(leaf.der()), ca, subjects })
}

fn old_ca(pem: &Path, key: &Path) -> Result<(Issuer<'static, KeyPair>, String), CertFault> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| CertFault(format!("{}: {error}", path.display())))
    };
    let (text, key_text) = (read(pem)?, read(key)?);
    let issuer = Issuer::from_ca_cert_pem(&text, KeyPair::from_pem(&key_text)?)?;
    Ok((issuer, text))
}

fn new_ca(
    pem: &Path,
    key_path: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<(Issuer<'static, KeyPair>, String), CertFault> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name =
        named(&format!("ftp-daemon local CA ({})", host_name().unwrap_or_else(|| "this machine".into())));
    valid(&mut params, CA_DAYS)?;
    let text = params.self_signed(&key)?.pem();
    write(key_path, &key.serialize_pem(), 0o600, files)?;
    write(pem, &text, 0o644, files)?;
    Ok((Issuer::new(params, key), text))
}

fn server_params(request: &CertRequest, subjects: &[String]) -> Result<CertificateParams, CertFault> {
    let mut params = CertificateParams::default();
    for subject in subjects {
        params.subject_alt_names.push(match subject.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName(
                host(subject)?.try_into().map_err(|_| CertFault(format!("'{subject}' is no host name")))?,
            ),
        });
    }
    params.distinguished_name = named(subjects.first().map_or("ftp-daemon", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, request.days)?;
    Ok(params)
}

fn host(name: &str) -> Result<String, CertFault> {
    let checked = rustls::pki_types::DnsName::try_from(name.to_owned());
    checked.map(|name| name.as_ref().to_owned()).map_err(|_| CertFault(format!("'{name}' is no host name")))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn valid(params: &mut CertificateParams, days: u32) -> Result<(), CertFault> {
    let from = SystemTime::now() - EARLIER;
    params.not_before = from.into();
    params.not_after = (from + Duration::from_secs(u64::from(days) * 86_400)).into();
    let mut serial = [0; 16];
    getrandom::fill(&mut serial)
        .map_err(|error| CertFault(format!("the system gives no randomness: {error}")))?;
    // Positive, as RFC 5280, section 4.1.2.2 asks.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(())
}

fn subjects(request: &CertRequest) -> Vec<String> {
    let mut subjects = request.names.clone();
    subjects.extend(request.ips.iter().map(ToString::to_string));
    if subjects.is_empty() {
        subjects.push("localhost".into());
        subjects.extend(host_name().filter(|name| host(name).is_ok()));
        subjects.extend(["127.0.0.1".into(), "::1".into()]);
    }
    let mut seen = std::collections::HashSet::new();
    subjects.retain(|subject| seen.insert(subject.clone()));
    subjects
}

fn host_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Writes a whole file under another name first, so that none is ever half there, and with its mode from the first byte.
fn write(path: &Path, text: &str, mode: u32, files: &mut Vec<PathBuf>) -> Result<(), CertFault> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let result = (|| {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")),
        )?
        .sync_all()
    })();
    result.map_err(|error| written(path, &error))?;
    files.push(path.to_owned());
    Ok(())
}

fn written(path: &Path, error: &io::Error) -> CertFault {
    CertFault(format!("{}: cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{ServerName, UnixTime};
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::Arc;

    fn request(out: &Path) -> CertRequest {
        let (names, ips) = (vec!["ftp.example".to_owned()], vec!["192.0.2.7".parse().expect("an address")]);
        CertRequest { out: out.to_owned(), names, ips, days: DAYS, force: false, new_ca: false }
    }

    fn verifies(out: &Path, name: &str) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(tls::chain(&out.join("ca.pem")).expect("there").remove(0)).expect("a CA");
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), ftp_tls::provider())
            .build()
            .expect("good");
        let chain = tls::chain(&out.join("server.pem")).expect("there");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn the_chain_verifies_for_its_names_and_no_other_and_keys_are_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("certs");
        let made = make(&request(&out)).expect("made");
        assert_eq!(made.files.len(), 4);
        assert!(verifies(&out, "ftp.example") && verifies(&out, "192.0.2.7"));
        assert!(!verifies(&out, "localhost") && !verifies(&out, "192.0.2.8"));
        for key in ["ca.key", "server.key"] {
            assert_eq!(fs::metadata(out.join(key)).expect("there").mode() & 0o777, 0o600);
        }
        let loaded = tls::load(&out.join("server.pem"), &out.join("server.key"), &out, SystemTime::now())
            .expect("serves");
        assert_eq!(loaded.fingerprint, made.server);
        let left =
            loaded.not_after.duration_since(SystemTime::now()).expect("in the future").as_secs() / 86_400;
        assert_eq!(left, u64::from(DAYS) - 1);
    }

    #[test]
    fn a_name_that_is_none_leaves_no_file_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = vec!["ftp.example".to_owned(), "not a name".to_owned()];
        let refused = make(&CertRequest { names, ..request(folder.path()) }).expect_err("no name").0;
        assert!(refused.contains("'not a name' is no host name"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn nothing_is_replaced_unless_forced_and_the_authority_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = make(&request(folder.path())).expect("made");
        let refused = make(&request(folder.path())).expect_err("exists").0;
        assert!(refused.contains("server.pem exists") && refused.contains("--force"), "{refused}");
        assert_eq!(fingerprint(&folder.path().join("server.pem")).expect("there"), first.server);
        let renewed = make(&CertRequest { force: true, ..request(folder.path()) }).expect("made");
        assert!(renewed.ca_reused && renewed.ca == first.ca && renewed.server != first.server);
        assert!(verifies(folder.path(), "ftp.example"));
        let anew = make(&CertRequest { force: true, new_ca: true, ..request(folder.path()) }).expect("made");
        assert!(anew.ca != first.ca && verifies(folder.path(), "ftp.example"));
        fs::remove_file(folder.path().join("ca.key")).expect("there");
        assert!(
            make(&CertRequest { force: true, ..request(folder.path()) })
                .expect_err("half a CA")
                .0
                .contains("ca.key")
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for bad in ["", "a b", "x/../y", "-"] {
            let request = CertRequest { names: vec![bad.to_owned()], ..request(folder.path()) };
            assert!(make(&request).is_err(), "{bad}");
        }
    }
}
