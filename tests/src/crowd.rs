//! Many connections from many addresses, each by hand: what a crowd that means no good can do.

use crate::wire::frame;
use ftp_proto::{Deframer, Frame};
use ftp_tls::Pump;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long one of the crowd waits for the daemon.
const PATIENCE: Duration = Duration::from_secs(15);

/// Lets this process have as many sockets as it may.
///
/// # Panics
/// Never: it asks for what is allowed.
pub fn allow_many() {
    let most = rustix::process::getrlimit(Resource::Nofile).maximum;
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("allowed");
}

/// The address of the `n`th of the crowd; none is that of an ordinary client.
#[must_use]
pub fn address(n: u64) -> Ipv4Addr {
    let part = |n: u64| u8::try_from(n % 250).expect("small");
    Ipv4Addr::new(127, 1 + part(n / 62_500), part(n / 250), 1 + part(n))
}

/// Connects to a port of 127.0.0.1 from another address of this machine.
///
/// # Errors
/// As the system says.
pub fn dial(from: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(from, 0))?;
    rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// What the crowd knows of TLS.
#[derive(Clone)]
pub struct Crowd {
    config: Arc<ClientConfig>,
    port: u16,
}

impl Crowd {
    /// A crowd that comes to this port and trusts this CA.
    ///
    /// # Panics
    /// The CA cannot be read.
    #[must_use]
    pub fn new(port: u16, ca: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).expect("a CA")).expect("a CA");
        let mut config = ClientConfig::builder_with_provider(ftp_tls::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has it")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![ftp_proto::limits::ALPN.to_vec()];
        Self { config: config.into(), port }
    }

    fn pump(&self) -> Pump {
        let name = ServerName::try_from("127.0.0.1").expect("an address");
        let mut pump = Pump::client(Arc::clone(&self.config), name).expect("a client");
        pump.advance(&mut |_| 0).expect("the client speaks first");
        pump
    }

    /// The first bytes of a handshake.
    #[must_use]
    pub fn hello(&self) -> Vec<u8> {
        self.pump().outgoing().to_vec()
    }

    /// A connection without a word.
    ///
    /// # Errors
    /// As the system says.
    pub fn dial(&self, from: Ipv4Addr) -> io::Result<TcpStream> {
        dial(from, self.port)
    }

    /// A connection that was greeted.
    ///
    /// # Errors
    /// The daemon does not take it.
    pub fn enter(&self, from: Ipv4Addr) -> io::Result<Guest> {
        let mut guest = Guest {
            socket: self.dial(from)?,
            pump: self.pump(),
            deframer: Deframer::new(),
            messages: VecDeque::new(),
        };
        guest.deframer.allow_chunks(true);
        while guest.pump.is_handshaking() {
            guest.flush()?;
            guest.fill()?;
        }
        guest.flush()?;
        guest.message()?;
        Ok(guest)
    }
}

/// One of the crowd, with a connection that was greeted.
pub struct Guest {
    socket: TcpStream,
    pump: Pump,
    deframer: Deframer,
    messages: VecDeque<Value>,
}

impl Guest {
    /// Sends bytes as they are, encrypted.
    ///
    /// # Errors
    /// The connection is gone, or nobody reads at the other end.
    pub fn raw(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.pump.encrypt(bytes).map_err(io::Error::other)?;
            bytes = &bytes[taken..];
            self.flush()?;
        }
        Ok(())
    }

    /// Sends a request with this id.
    ///
    /// # Errors
    /// As [`Guest::raw`].
    ///
    /// # Panics
    /// `members` is no object.
    pub fn send(&mut self, id: u64, mut members: Value) -> io::Result<()> {
        members.as_object_mut().expect("an object").insert("id".into(), id.into());
        self.raw(&frame(1, members.to_string().as_bytes()))
    }

    /// Lets go of buffers: it says nothing for a while.
    pub fn rest(&mut self) {
        self.pump.shrink();
        self.deframer.shrink();
    }

    /// Asks for a login and waits for the answer.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn login(&mut self, user: &str, password: &str) -> io::Result<Value> {
        self.send(1, json!({"op": "login", "user": user, "password": password}))?;
        self.message()
    }

    /// The next message.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn message(&mut self) -> io::Result<Value> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            self.fill()?;
        }
    }

    /// Waits until the daemon ends the connection; false if it does not within some seconds.
    #[must_use]
    pub fn is_ended(mut self) -> bool {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.pump.outgoing().is_empty() {
            let n = self.socket.write(self.pump.outgoing())?;
            self.pump.sent(n);
        }
        Ok(())
    }

    fn fill(&mut self) -> io::Result<()> {
        let n = self.socket.read(self.pump.room())?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.pump.filled(n);
        let (deframer, messages) = (&mut self.deframer, &mut self.messages);
        let mut take = |bytes: &[u8]| {
            let mut taken = 0;
            while taken < bytes.len() {
                let Ok((n, frame)) = deframer.push(&bytes[taken..]) else { return bytes.len() };
                taken += n;
                if let Some(Frame::Message(text)) = frame {
                    messages.extend(serde_json::from_slice::<Value>(&text).ok());
                }
            }
            taken
        };
        self.pump.advance(&mut take).map_err(io::Error::other)
    }
}
