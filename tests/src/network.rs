//! A network of one's own: two hosts with a wire between them that loses packets. Network namespaces, so it needs root.

use std::process::Command;

/// The address of the server's host.
pub const SERVER: &str = "10.99.0.1";
const CLIENT: &str = "10.99.0.2";

/// One of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Its address is [`SERVER`].
    Server,
    /// The other.
    Client,
}

/// Two hosts and a wire; they are gone when this is dropped.
#[derive(Debug)]
pub struct Network {
    hosts: [String; 2],
}

fn call(command: &mut Command) -> Result<(), String> {
    let said = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&said.stderr).trim()))
}

fn ip(line: &str) -> Result<(), String> {
    call(Command::new("ip").args(line.split(' ')))
}

impl Network {
    /// Makes both and connects them.
    ///
    /// # Errors
    /// It is not allowed here, or `ip` or `nft` is missing.
    pub fn new() -> Result<Self, String> {
        let hosts = ["server", "client"].map(|name| format!("ftp-{}-{name}", std::process::id()));
        let network = Self { hosts };
        let [server, client] = &network.hosts;
        for host in [server, client] {
            ip(&format!("netns add {host}"))?;
            ip(&format!("-n {host} link set lo up"))?;
        }
        ip(&format!("link add wire netns {server} type veth peer name wire netns {client}"))?;
        for (host, address) in [(server, SERVER), (client, CLIENT)] {
            ip(&format!("-n {host} addr add {address}/24 dev wire"))?;
            ip(&format!("-n {host} link set wire up"))?;
        }
        network.lose(0)?;
        Ok(network)
    }

    /// From now on so many of a hundred packets are lost, in each direction.
    ///
    /// # Errors
    /// The kernel has no rule for that.
    pub fn lose(&self, percent: u32) -> Result<(), String> {
        for host in [Host::Server, Host::Client] {
            // A table that is not there cannot be deleted.
            let rules = format!(
                "table inet loss {{}}; delete table inet loss; table inet loss {{ chain arriving {{ type filter hook input priority 0; numgen random mod 100 < {percent} drop; }}; }}"
            );
            call(self.on(host, "nft").arg(rules))?;
        }
        Ok(())
    }

    /// A program on one of the hosts, to be given its arguments.
    #[must_use]
    pub fn on(&self, host: Host, program: &str) -> Command {
        let [server, client] = &self.hosts;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", if host == Host::Server { server } else { client }, program]);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in &self.hosts {
            let _not_made = ip(&format!("netns del {host}"));
        }
    }
}
