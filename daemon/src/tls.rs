//! The server's certificate and key, read and checked; what is wrong with them is said before anybody connects.

use ftp_proto::limits::ALPN;
use rustix::fs::{Mode, OFlags};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read as _};
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
/// A file is missing, unreadable, encrypted, or of another kind; the key may be read by others, belongs to somebody else or is of another
/// certificate; the certificate is not valid now. The key has to be root's or ours, or, when we are root, of the owner of `data`: the daemon's user.
pub fn load(
    certificate: &Path,
    private_key: &Path,
    data: &Path,
    now: SystemTime,
) -> Result<ServerTls, TlsConfigFault> {
    let chain = chain(certificate)?;
    let key = key(private_key, data)?;
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
    // OpenSSL's clients name AES-256-GCM first, which costs more, and the SHA-384 that goes with it more still.
    config.ignore_client_order = true;
    // A session comes back by its own token; tickets would only cost memory and a secret to keep.
    config.send_tls13_tickets = 0;
    // What is said to everybody needs not wait for the client's last word: it goes with our own (RFC 8446, 2: data from the server before the client's Finished).
    config.send_half_rtt_data = true;
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
    let text = read(&open(path, "certificate")?, path)?;
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

fn key(path: &Path, data: &Path) -> Result<PrivateKeyDer<'static>, TlsConfigFault> {
    let fault = |what: &str| TlsConfigFault(format!("{}: {what}", path.display()));
    let file = open(path, "private key")?;
    // Of the file that is read, whatever the name leads to by then.
    let facts = file.metadata().map_err(|error| fault(&format!("it cannot be looked at: {error}")))?;
    let mode = facts.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(fault(&format!("others may read the private key (mode {mode:04o}): chmod 600 it")));
    }
    let us = rustix::process::geteuid().as_raw();
    let daemons = || std::fs::metadata(data).is_ok_and(|data| data.uid() == facts.uid());
    if facts.uid() != us && facts.uid() != 0 && !(us == 0 && daemons()) {
        return Err(fault("the private key belongs to another user: it must be root's or the daemon's"));
    }
    let text = read(&file, path)?;
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

/// Opens a regular file; never waits for the other end of a FIFO.
fn open(path: &Path, what: &str) -> Result<File, TlsConfigFault> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map(File::from).map_err(|error| {
        let error = io::Error::from(error);
        let missing = error.kind() == io::ErrorKind::NotFound;
        let hint = if missing { "make one with scripts/mkcert.sh" } else { "check who may read it" };
        TlsConfigFault(format!("{}: the {what} cannot be read: {error}; {hint}", path.display()))
    })?;
    if file.metadata().is_ok_and(|facts| facts.is_file()) {
        Ok(file)
    } else {
        Err(TlsConfigFault(format!("{}: the {what} is not a regular file", path.display())))
    }
}

fn read(file: &File, path: &Path) -> Result<Vec<u8>, TlsConfigFault> {
    let mut text = Vec::new();
    let read = file.take(FILE).read_to_end(&mut text);
    read.map_err(|error| TlsConfigFault(format!("{}: it cannot be read: {error}", path.display())))?;
    Ok(text)
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
        load(&cert_path, &key_path, folder.path(), then()).map_err(|fault| fault.0)
    }

    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * 86_400)
    }

    #[test]
    fn a_key_that_others_may_read_or_write_is_refused() {
        let (certificate, key) = pair(19_000..21_000);
        for mode in 0o600..=0o777 {
            let checked = check(&certificate, &key, mode);
            assert_eq!(checked.is_ok(), mode & 0o077 == 0, "{mode:o}");
            assert!(checked.err().is_none_or(|error| error.contains("chmod 600")), "{mode:o}");
        }
    }

    #[test]
    fn a_key_is_roots_or_the_daemons() {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED: only root can give a file away");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let (certificate, key) = pair(19_000..21_000);
        std::fs::write(at("c.pem"), certificate).expect("written");
        std::fs::write(at("k.pem"), key).expect("written");
        std::fs::set_permissions(at("k.pem"), std::fs::Permissions::from_mode(0o600)).expect("ours");
        std::fs::create_dir(at("data")).expect("made");
        for (keys, datas, good) in
            [(0, 0, true), (4711, 4711, true), (0, 4711, true), (4711, 0, false), (4711, 4712, false)]
        {
            std::os::unix::fs::chown(at("k.pem"), Some(keys), None).expect("root may");
            std::os::unix::fs::chown(at("data"), Some(datas), None).expect("root may");
            let loaded = load(&at("c.pem"), &at("k.pem"), &at("data"), then());
            assert_eq!(loaded.is_ok(), good, "the key of {keys} beside data of {datas}");
            assert!(loaded.err().is_none_or(|fault| fault.0.contains("another user")));
        }
    }

    /// They are files of a renewing program, often, behind links: what counts is the file that is read.
    #[test]
    fn what_is_no_file_is_refused_at_once_and_a_link_is_looked_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let (certificate, key) = pair(19_000..21_000);
        std::fs::write(at("c.pem"), certificate).expect("written");
        std::fs::write(at("k.pem"), key).expect("written");
        for link in ["c", "k"] {
            std::os::unix::fs::symlink(at(&format!("{link}.pem")), at(link)).expect("a link");
        }
        let check = |certificate: &str, key: &str| {
            load(&at(certificate), &at(key), folder.path(), then()).err().map(|fault| fault.0)
        };
        for (mode, want) in [(0o600, None), (0o644, Some("chmod 600"))] {
            std::fs::set_permissions(at("k.pem"), std::fs::Permissions::from_mode(mode)).expect("ours");
            let told = check("c", "k");
            assert_eq!(told.is_some(), want.is_some(), "{told:?}");
            assert!(told.is_none_or(|told| want.is_some_and(|want| told.contains(want))));
        }
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        for (certificate, key) in [("fifo", "k"), ("c", "fifo"), (".", "k"), ("c", ".")] {
            let told = check(certificate, key).unwrap_or_default();
            assert!(told.contains("not a regular file"), "{certificate} {key}: {told}");
        }
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
        let error =
            load(nowhere, nowhere, nowhere, SystemTime::now()).err().map(|fault| fault.0).unwrap_or_default();
        assert!(error.contains("mkcert.sh"), "{error}");
    }
}
