//! The server's certificate and key, read and checked; what is wrong with them is said before anybody connects.

use ftp_proto::limits::ALPN;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The largest PEM file that is read.
const FILE: u64 = 1024 * 1024;
/// A certificate that ends within this is worth a word.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// What connections are made with.
#[derive(Clone)]
pub struct ServerTls {
    /// For new connections.
    pub config: Arc<ServerConfig>,
    /// Of the server's own certificate, as `SHA256:` and base64 without padding.
    pub fingerprint: String,
    /// When the certificate ends.
    pub not_after: SystemTime,
}

impl ServerTls {
    /// The certificate ends within 30 days.
    #[must_use]
    pub fn ends_soon(&self, now: SystemTime) -> bool {
        self.not_after < now + SOON
    }
}

/// What is wrong with the certificate or the key, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsConfigFault(pub String);

/// Reads a certificate chain and its key, and checks that they can serve.
///
/// # Errors
/// A file is missing, unreadable, encrypted, or of another kind; the key may be read by others or is of another certificate; the certificate is not
/// valid now.
pub fn load(certificate: &Path, private_key: &Path, now: SystemTime) -> Result<ServerTls, TlsConfigFault> {
    let chain = chain(certificate)?;
    let key = key(private_key)?;
    let leaf = &chain[0];
    let not_after = check_time(leaf, certificate, now)?;
    let fingerprint = fingerprint(leaf);
    let fault = |error: rustls::Error| match error {
        rustls::Error::InconsistentKeys(_) => TlsConfigFault(format!(
            "{} is not the key of the certificate in {}: use the two files that were made together",
            private_key.display(),
            certificate.display()
        )),
        error => {
            TlsConfigFault(format!("{}: the certificate cannot be used: {error}", certificate.display()))
        }
    };
    let mut config = ServerConfig::builder_with_provider(ftp_tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(fault)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(fault)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A session comes back by its own token; tickets would only cost memory and a secret to keep.
    config.send_tls13_tickets = 0;
    Ok(ServerTls { config: Arc::new(config), fingerprint, not_after })
}

/// The fingerprint of a certificate, as OpenSSH writes them.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    ftp_tls::fingerprint(certificate)
}

/// The certificates in a PEM file, the server's own first.
///
/// # Errors
/// There is none, or the file cannot be read.
pub fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsConfigFault> {
    let text = read(path, "certificate", "make one with scripts/mkcert.sh")?;
    let chain: Result<Vec<_>, _> = rustls_pemfile::certs(&mut text.as_slice()).collect();
    let chain =
        chain.map_err(|error| TlsConfigFault(format!("{}: not a PEM file: {error}", path.display())))?;
    if chain.is_empty() {
        return Err(TlsConfigFault(format!(
            "{}: there is no certificate in it; it should have a block that begins with '-----BEGIN CERTIFICATE-----'",
            path.display()
        )));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsConfigFault> {
    let fault = |what: &str| TlsConfigFault(format!("{}: {what}", path.display()));
    let facts = std::fs::metadata(path)
        .map_err(|error| missing(path, "private key", "make one with scripts/mkcert.sh", &error))?;
    let mode = facts.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(fault(&format!("others may read the private key (mode {mode:04o}): chmod 600 it")));
    }
    let us = rustix::process::geteuid().as_raw();
    if facts.uid() != us && facts.uid() != 0 && us != 0 {
        return Err(fault("the private key belongs to another user: it must be root's or ours"));
    }
    let text = read(path, "private key", "make one with scripts/mkcert.sh")?;
    let shown = String::from_utf8_lossy(&text);
    if shown.contains("ENCRYPTED") {
        return Err(fault(
            "the private key is encrypted, and a service cannot type a password: decrypt it with 'openssl pkey -in OLD -out NEW' and chmod 600 it",
        ));
    }
    let key = rustls_pemfile::private_key(&mut text.as_slice())
        .map_err(|error| fault(&format!("not a PEM file: {error}")))?;
    key.ok_or_else(|| fault("there is no private key in it; it should have a block that begins with '-----BEGIN PRIVATE KEY-----'"))
}

fn read(path: &Path, what: &str, hint: &str) -> Result<Vec<u8>, TlsConfigFault> {
    let file = File::open(path).map_err(|error| missing(path, what, hint, &error))?;
    let mut text = Vec::new();
    BufReader::new(file)
        .take(FILE)
        .read_to_end(&mut text)
        .map_err(|error| missing(path, what, hint, &error))?;
    Ok(text)
}

fn missing(path: &Path, what: &str, hint: &str, error: &io::Error) -> TlsConfigFault {
    let hint = if error.kind() == io::ErrorKind::NotFound { hint } else { "check who may read it" };
    TlsConfigFault(format!("{}: the {what} cannot be read: {error}; {hint}", path.display()))
}

fn check_time(leaf: &CertificateDer<'_>, path: &Path, now: SystemTime) -> Result<SystemTime, TlsConfigFault> {
    let fault = |what: String| TlsConfigFault(format!("{}: {what}", path.display()));
    let (_, parsed) = X509Certificate::from_der(leaf)
        .map_err(|error| fault(format!("the certificate cannot be read: {error}")))?;
    let time =
        |seconds: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let validity = parsed.validity();
    let (from, to) = (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
    let day = |time| humantime::format_rfc3339_seconds(time).to_string()[..10].to_owned();
    if now > to {
        return Err(fault(format!(
            "the certificate ended on {}: make a new one with scripts/mkcert.sh --force",
            day(to)
        )));
    }
    if now < from {
        return Err(fault(format!(
            "the certificate begins on {}: is the clock of this machine right?",
            day(from)
        )));
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use std::os::unix::fs::PermissionsExt as _;

    fn pair(days: std::ops::Range<i64>) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("good");
        let day = |n: i64| {
            let at =
                SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(n * 86_400).expect("after 1970"));
            at.into()
        };
        params.not_before = day(days.start);
        params.not_after = day(days.end);
        (params.self_signed(&key).expect("signed").pem(), key.serialize_pem())
    }

    fn check(certificate: &str, key: &str, mode: u32) -> Result<ServerTls, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let (cert_path, key_path) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        std::fs::write(&cert_path, certificate).expect("written");
        std::fs::write(&key_path, key).expect("written");
        std::fs::set_permissions(&key_path, std::fs::Permissions::from_mode(mode)).expect("ours");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * 86_400);
        load(&cert_path, &key_path, now).map_err(|fault| fault.0)
    }

    #[test]
    fn what_is_wrong_is_said_before_anybody_connects() {
        let (certificate, key) = pair(19_000..21_000);
        let good = check(&certificate, &key, 0o600).expect("good");
        assert!(
            good.fingerprint.starts_with("SHA256:") && good.fingerprint.len() == 7 + 43,
            "{}",
            good.fingerprint
        );
        let (other, _) = pair(19_000..21_000);
        let (old, old_key) = pair(18_000..19_999);
        let (new, new_key) = pair(20_001..21_000);
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let cases = [
            (&certificate, &key, 0o640, "chmod 600"),
            (&certificate, &key, 0o604, "chmod 600"),
            (&other, &key, 0o600, "not the key of the certificate"),
            (&old, &old_key, 0o600, "ended on"),
            (&new, &new_key, 0o600, "begins on"),
            (&certificate, &encrypted, 0o600, "encrypted"),
            (&certificate, &certificate, 0o600, "no private key"),
            (&key, &key, 0o600, "no certificate"),
            (&String::new(), &key, 0o600, "no certificate"),
        ];
        for (certificate, key, mode, want) in cases {
            let error = check(certificate, key, mode).err().unwrap_or_default();
            assert!(error.contains(want), "{want}: {error}");
        }
        let nowhere = Path::new("/nonexistent/x.pem");
        let error = load(nowhere, nowhere, SystemTime::now()).err().map(|fault| fault.0).unwrap_or_default();
        assert!(error.contains("mkcert.sh"), "{error}");
    }
}
