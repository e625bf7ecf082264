//! What a client's first bytes have to pass: a ClientHello that offers our application protocol.
//!
//! rustls refuses a client whose offers do not overlap with the server's, but takes one that offers none (RFC 7301, section 3.2 leaves that open). A
//! server that speaks one protocol must not: that is what cross-protocol attacks like ALPACA live on.

use rustls::server::Acceptor;

/// `fatal`, `no_application_protocol` (RFC 7301, section 3.2), as a record in plain text.
const NO_APPLICATION_PROTOCOL: &[u8] = &[21, 3, 3, 0, 2, 2, 120];

/// What the gate says of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not all here yet.
    Wait,
    /// It may go on.
    Pass,
    /// It may not: send this, and close.
    Refuse(Vec<u8>, &'static str),
}

/// Looks at the first bytes; they are left where they are.
pub(crate) struct Gate {
    protocols: Vec<Vec<u8>>,
    /// Only a parser here.
    acceptor: Acceptor,
    seen: usize,
}

impl Gate {
    pub(crate) fn new(protocols: Vec<Vec<u8>>) -> Self {
        Self { protocols, acceptor: Acceptor::default(), seen: 0 }
    }

    /// Looks at all bytes of the connection so far.
    pub(crate) fn look(&mut self, bytes: &[u8]) -> Verdict {
        let mut new = &bytes[self.seen..];
        self.seen = bytes.len();
        while !new.is_empty() {
            if self.acceptor.read_tls(&mut new).is_err() {
                return Verdict::Refuse(Vec::new(), "a ClientHello that is too long");
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let offers = accepted.client_hello().alpn().is_some_and(|mut offers| {
                        offers.any(|offer| self.protocols.iter().any(|ours| ours == offer))
                    });
                    return if offers {
                        Verdict::Pass
                    } else {
                        Verdict::Refuse(
                            NO_APPLICATION_PROTOCOL.to_vec(),
                            "a client that does not offer our protocol by ALPN",
                        )
                    };
                }
                Err((_, mut alert)) => {
                    let mut bytes = Vec::new();
                    // Writing to memory does not fail.
                    let _written = alert.write_all(&mut bytes);
                    return Verdict::Refuse(bytes, "something that is not a TLS ClientHello");
                }
            }
        }
        Verdict::Wait
    }
}
