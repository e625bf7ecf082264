//! Whether the server is the one it should be: a CA, a pinned fingerprint, or what was seen at the first contact.

mod known_hosts;

use crate::failure::{Cause, Failure, shown};
use ftp_proto::Printable;
use ftp_tls::TlsFault;
use known_hosts::KnownHosts;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The SHA-256 of a server's certificate (DER), as `SHA256:` and unpadded base64, the way OpenSSH writes those of keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(ftp_tls::fingerprint(certificate))
    }

    /// Reads what `ftp-admin fingerprint` prints; spaces do not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let digits = text.strip_prefix("SHA256:")?.trim_end_matches('=');
        let fine =
            digits.len() == 43 && digits.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/');
        fine.then(|| Self(format!("SHA256:{digits}")))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How to decide.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The chain must verify with these CAs (PEM), and the name must match.
    Ca(PathBuf),
    /// The certificate must have this fingerprint.
    Pinned(Fingerprint),
    /// As `known_hosts` says; an unknown server is accepted and noted.
    AcceptNew(PathBuf),
    /// As `known_hosts` says; an unknown server is asked about with `Ask`.
    Known(PathBuf),
}

/// What is shown about a server that is new.
#[derive(Debug, Clone)]
pub struct NewServer {
    /// As `host:port`.
    pub address: String,
    /// Its certificate's fingerprint.
    pub fingerprint: Fingerprint,
    /// What the certificate says, such as `self-signed, valid to 2027-11-23, name 'ftpd.local'`; printable.
    pub description: String,
}

/// Asks the user whether to trust a new server. Answers `Ok(true)` to trust; an error when nobody can be asked.
pub type Ask<'a> = &'a mut dyn FnMut(&NewServer) -> Result<bool, Failure>;

/// What is known before the handshake.
pub(crate) enum Verdict {
    Ca(RootCertStore),
    Pinned(Fingerprint),
    New,
}

impl Trust {
    pub(crate) fn verdict(&self, address: &str) -> Result<Verdict, Failure> {
        match self {
            Self::Ca(path) => Ok(Verdict::Ca(roots(path)?)),
            Self::Pinned(pin) => Ok(Verdict::Pinned(pin.clone())),
            Self::AcceptNew(path) | Self::Known(path) => {
                let known = KnownHosts::load(path)?;
                Ok(known
                    .find(address)
                    .map_or(Verdict::New, |entry| Verdict::Pinned(entry.fingerprint.clone())))
            }
        }
    }

    /// A first contact: asks, if that is to be done, and notes the server.
    pub(crate) fn meet(
        &self,
        address: &str,
        fingerprint: &Fingerprint,
        description: String,
        ask: Ask<'_>,
    ) -> Result<(), Failure> {
        let (path, asked) = match self {
            Self::Ca(_) | Self::Pinned(_) => return Ok(()),
            Self::AcceptNew(path) => (path, false),
            Self::Known(path) => (path, true),
        };
        let new = NewServer { address: address.to_owned(), fingerprint: fingerprint.clone(), description };
        if asked && !ask(&new)? {
            return Err(refused());
        }
        known_hosts::remember(path, address, fingerprint)
    }

    /// Says what it means that a server does not have the pinned fingerprint.
    pub(crate) fn explain(&self, address: &str, pin: &Fingerprint, failure: Failure) -> Failure {
        let Some(seen) = failure.message.strip_prefix(OTHER) else { return failure };
        match self {
            Self::Ca(_) => failure,
            Self::Pinned(_) => Failure::new(
                Cause::Identity,
                format!("the server's certificate is {seen}, not {pin}; nothing was sent"),
            )
            .hint("ask the administrator what 'ftp-admin fingerprint' prints now")
            .fatal(),
            Self::AcceptNew(path) | Self::Known(path) => {
                let known = KnownHosts::load(path).ok();
                let entry = known.as_ref().and_then(|known| known.find(address));
                let since = entry.and_then(|entry| entry.since.as_ref());
                let since = since.map_or_else(String::new, |date| format!("since {date} "));
                let place = entry.map_or_else(String::new, |entry| {
                    format!("\n          {since}(known_hosts line {})", entry.line)
                });
                let message = format!(
                    "the server's identity has CHANGED: not connecting, nothing was sent.\n  known   {pin}{place}\n  now     {seen}\n  Either the administrator renewed the certificate, or someone is in between."
                );
                Failure::new(Cause::Identity, message)
                    .hint(format!("Ask the administrator; if it is right:  ftp-cli --forget {address}"))
                    .fatal()
            }
        }
    }
}

/// Somebody does not trust a server, or does not say so.
#[must_use]
pub fn refused() -> Failure {
    Failure::new(Cause::Identity, "the server is not trusted; nothing was sent").fatal()
}

/// Forgets a server; false if it was not known.
///
/// # Errors
/// The file cannot be read or written.
pub fn forget(known_hosts: &Path, address: &str) -> Result<bool, Failure> {
    known_hosts::forget(known_hosts, address)
}

/// The text in front of a fingerprint that is not the pinned one, on its way through the record layer's error.
const OTHER: &str = "other certificate ";

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(ftp_tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
}

pub(crate) fn with_ca(roots: RootCertStore) -> Result<ClientConfig, Failure> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), ftp_tls::provider())
        .build()
        .map_err(|error| Failure::usage(format!("the CA cannot be used: {error}")))?;
    Ok(builder().with_webpki_verifier(verifier).with_no_client_auth())
}

pub(crate) fn with_pin(pin: Option<Fingerprint>) -> Result<ClientConfig, Failure> {
    let verifier = Arc::new(Pin { pin, provider: ftp_tls::provider() });
    Ok(builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn roots(path: &Path) -> Result<RootCertStore, Failure> {
    let wrong = |what: String| {
        Failure::usage(format!("{}: {what}", shown(path)))
            .hint("--ca takes the ca.pem that the server's administrator gives out")
    };
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut BufReader::new(file)) {
        let certificate = certificate.map_err(|error| wrong(format!("not a PEM file: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("not a CA's certificate: {error}")))?;
    }
    if roots.is_empty() { Err(wrong("there is no certificate in it".into())) } else { Ok(roots) }
}

/// Trusts the one certificate with the fingerprint, whatever it says; without one, any. That the server has the certificate's key is
/// checked in every case.
#[derive(Debug)]
struct Pin {
    pin: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen = Fingerprint::of(end_entity);
        match &self.pin {
            Some(pin) if *pin != seen => Err(rustls::Error::General(format!("{OTHER}{seen}"))),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is never spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What a failed handshake or record means to the user.
pub(crate) fn failure(fault: &TlsFault) -> Failure {
    let untrusted = |what: String| Failure::new(Cause::Identity, what).fatal();
    match fault {
        TlsFault::Tls(rustls::Error::General(text)) if text.starts_with(OTHER) => untrusted(text.clone()),
        TlsFault::Tls(rustls::Error::InvalidCertificate(error)) => {
            let (what, hint) = match error {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => (
                    "the server's certificate is not from the CA that --ca names".to_owned(),
                    "take the ca.pem of this server's administrator",
                ),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
                    "the server's certificate has expired".to_owned(),
                    "the administrator renews it with ftp-admin cert --force; or this machine's clock is wrong",
                ),
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    ("the server's certificate is not valid yet".to_owned(), "is this machine's clock right?")
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
                    "the server's certificate is for another name".to_owned(),
                    "use -s with a name or address that is in the certificate (ftp-admin cert --name, --ip)",
                ),
                other => (
                    format!("the server's certificate cannot be verified: {other:?}"),
                    "take --ca or --fingerprint as the administrator says",
                ),
            };
            untrusted(format!("{what}; nothing was sent")).hint(hint)
        }
        TlsFault::Tls(rustls::Error::InvalidMessage(_)) => {
            Failure::lost("what answers there does not speak TLS").hint("check the port")
        }
        TlsFault::Tls(rustls::Error::AlertReceived(alert)) => {
            Failure::lost(format!("the server refused the connection: {alert:?}"))
        }
        other => Failure::lost(format!("the encrypted connection failed: {other}")),
    }
}

/// The most characters of a name in a certificate that are shown.
const NAME: usize = 40;

/// What a certificate says, for the question at the first contact.
pub(crate) fn describe(certificates: &[CertificateDer<'_>]) -> String {
    let Some(Ok((_, certificate))) = certificates.first().map(|der| X509Certificate::from_der(der)) else {
        return "a certificate that cannot be read".to_owned();
    };
    let issuer = if certificate.issuer() == certificate.subject() {
        "self-signed".to_owned()
    } else {
        let name = certificate.issuer().iter_common_name().next().and_then(|name| name.as_str().ok());
        format!("signed by {}", quoted(name.unwrap_or("?")))
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<_> = names
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(quoted(name)),
            _ => None,
        })
        .take(4)
        .collect();
    let until = crate::show::date(certificate.validity().not_after.timestamp());
    match names.as_slice() {
        [] => format!("{issuer}, valid to {until}"),
        [name] => format!("{issuer}, valid to {until}, name {name}"),
        _ => format!("{issuer}, valid to {until}, names {}", names.join(", ")),
    }
}

/// A name that a certificate says, in quotes, and no more of it than fits beside a question.
fn quoted(name: &str) -> String {
    let end = name.char_indices().nth(NAME).map_or(name.len(), |(at, _)| at);
    format!("'{}{}'", Printable(&name[..end]), if end < name.len() { "..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_printed() {
        let text = format!("SHA256:{}", "aB3+/".repeat(9)).split_at(50).0.to_owned();
        assert_eq!(Fingerprint::parse(&text).map(|it| it.to_string()), Some(text.clone()));
        assert_eq!(
            Fingerprint::parse(&format!(" {}\n", text.replace("3+", "3 +"))).map(|it| it.to_string()),
            Some(text)
        );
        for bad in ["", "SHA256:", "SHA256:abc", "MD5:aa", "SHA1:xyz"] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_long_name_pushes_nothing_off_the_screen() {
        assert_eq!(quoted("ftpd.local"), "'ftpd.local'");
        assert_eq!(quoted(&"é".repeat(60_000)), format!("'{}...'", "é".repeat(NAME)));
    }

    #[test]
    fn a_server_is_remembered_and_a_change_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/known_hosts");
        let pin = Fingerprint(format!("SHA256:{}", "A".repeat(43)));
        let known = Trust::Known(file.clone());
        assert!(matches!(known.verdict("h:1"), Ok(Verdict::New)));
        let refused = known.meet("h:1", &pin, String::new(), &mut |_| Ok(false));
        assert_eq!(refused.expect_err("no").cause, Cause::Identity);
        assert!(matches!(known.verdict("h:1"), Ok(Verdict::New)));
        known.meet("h:1", &pin, String::new(), &mut |_| Ok(true)).expect("yes");
        let Ok(Verdict::Pinned(found)) = known.verdict("h:1") else { panic!("known") };
        assert_eq!(found, pin);
        assert!(matches!(known.verdict("h:2"), Ok(Verdict::New)));
        let failure = Failure::new(Cause::Identity, format!("{OTHER}SHA256:x"));
        let told = known.explain("h:1", &pin, failure);
        assert!(told.message.contains("CHANGED") && told.message.contains("line 1"), "{told}");
        assert!(forget(&file, "h:1").expect("done") && !forget(&file, "h:1").expect("done"));
        assert!(matches!(known.verdict("h:1"), Ok(Verdict::New)));
        // A line of an early version has no date, and what stands there may be anything.
        for (more, since) in [("", ""), (" sometime", ""), (" 2026-11-02", "since 2026-11-02 ")] {
            std::fs::write(&file, format!("# mine\n\nh:1 {pin}{more}\n")).expect("written");
            let told = known.explain("h:1", &pin, Failure::new(Cause::Identity, format!("{OTHER}SHA256:x")));
            assert!(told.message.contains(&format!("\n          {since}(known_hosts line 3)\n")), "{told}");
        }
        std::fs::write(&file, "garbage\n").expect("written");
        assert!(known.verdict("h:1").is_err(), "a damaged file is not an empty one");
    }
}
