//! The harness's end: sets the rules, and is told where an operation stopped.

use super::rule::{Op, Order, Report, Rule};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// How long a daemon may take to connect.
const PATIENCE: Duration = Duration::from_secs(20);

/// A line to one daemon.
pub struct Control {
    reports: BufReader<UnixStream>,
    orders: UnixStream,
}

/// An operation that is stopped until [`Control::go`].
#[derive(Debug, Clone)]
pub struct Stop {
    /// What it is.
    pub op: Op,
    /// The name it is about.
    pub name: String,
    /// The how manyth it is that its rule met.
    pub nth: u64,
}

impl Control {
    /// Waits for a daemon that was told of this socket.
    ///
    /// # Panics
    /// It does not connect.
    #[must_use]
    pub fn accept(listener: &UnixListener) -> Self {
        listener.set_nonblocking(true).expect("a socket");
        let end = Instant::now() + PATIENCE;
        let orders = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("no daemon: {error}"),
            }
        };
        orders.set_nonblocking(false).expect("a socket");
        Self { reports: BufReader::new(orders.try_clone().expect("a descriptor")), orders }
    }

    /// Puts these rules in force, and no others. Nothing may be stopped.
    ///
    /// # Panics
    /// The daemon is gone.
    pub fn arm(&mut self, rules: &[Rule]) {
        self.order(&Order::Arm(rules.to_vec()));
        match self.report() {
            Some(Report::Armed) => {}
            other => panic!("not armed: {other:?}"),
        }
    }

    /// How many operations each rule has met. Nothing may be stopped.
    ///
    /// # Panics
    /// The daemon is gone.
    pub fn count(&mut self) -> Vec<u64> {
        self.order(&Order::Count);
        match self.report() {
            Some(Report::Counted(counts)) => counts,
            other => panic!("not counted: {other:?}"),
        }
    }

    /// Waits until an operation is stopped; none when the daemon is gone.
    ///
    /// # Panics
    /// It says something else.
    pub fn stopped(&mut self) -> Option<Stop> {
        match self.report()? {
            Report::Stopped { op, name, nth } => Some(Stop { op, name, nth }),
            other => panic!("not stopped: {other:?}"),
        }
    }

    /// Lets the operation that is stopped go on.
    ///
    /// # Panics
    /// The daemon is gone.
    pub fn go(&mut self) {
        self.order(&Order::Go);
    }

    fn order(&mut self, order: &Order) {
        let mut line = serde_json::to_string(order).expect("values only");
        line.push('\n');
        self.orders.write_all(line.as_bytes()).expect("the daemon listens");
    }

    fn report(&mut self) -> Option<Report> {
        let mut line = String::new();
        // A killed daemon may reset the connection.
        match self.reports.read_line(&mut line) {
            Ok(1..) => Some(serde_json::from_str(&line).expect("a report")),
            Ok(0) | Err(_) => None,
        }
    }
}
