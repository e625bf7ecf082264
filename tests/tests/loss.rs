//! A network that loses packets. It needs root, for a network of its own, and is skipped without.

use ftp_tests::binaries::binary;
use ftp_tests::network::{Host, Network, SERVER};
use ftp_tests::sample;
use ftp_tests::site::{Daemon, Site, run};
use std::fs;
use std::io::Write as _;
use std::process::Command;

const SIZE: u64 = 3_000_000;

#[test]
fn what_is_lost_on_the_way_is_not_missing_at_the_end() {
    let network = match Network::new() {
        Ok(network) => network,
        Err(why) => {
            let _nobody_reads = writeln!(std::io::stderr(), "SKIPPED: lost packets: {why}");
            return;
        }
    };
    let count = sample::count("LOSSY_TRANSFERS", 3);
    let site = Site::new();
    site.user("alice", "none");
    let certs = site.path("certs");
    let certs = certs.to_str().expect("UTF-8");
    site.admin(&["cert", "--out", certs, "--ip", SERVER, "--force"], "").expect(0);
    let config = fs::read_to_string(site.config()).expect("there");
    let both = format!("\"127.0.0.1:0\", \"{SERVER}:9999\"");
    fs::write(site.config(), config.replace("\"127.0.0.1:0\"", &both)).expect("written");
    let mut daemon = network.on(Host::Server, binary("ftp-daemon").to_str().expect("UTF-8"));
    daemon.arg("-c").arg(site.config());
    let _daemon = Daemon::spawn(daemon);

    let here = site.cli(9999, "alice");
    let client = |commands: &str| {
        let mut command: Command = network.on(Host::Client, here.get_program().to_str().expect("UTF-8"));
        command.current_dir(site.work()).env("HOME", site.path("home"));
        let arguments =
            here.get_args().map(|argument| if argument == "127.0.0.1" { SERVER.as_ref() } else { argument });
        command.args(arguments).args(["--retries", "20", "-c", commands]);
        run(command, "")
    };
    for round in 0..count {
        let percent = [0, 1, 5][usize::try_from(round % 3).expect("few")];
        network.lose(percent).expect("as before");
        sample::file(&site.work().join("here"), round, SIZE);
        let sent = sample::hash(&site.work().join("here"));
        client("put -o there here").expect(0);
        assert_eq!(sample::hash(&site.home_of("alice").join("there")), sent, "up, {percent} % lost");
        client("get -o back there").expect(0);
        assert_eq!(sample::hash(&site.work().join("back")), sent, "down, {percent} % lost");
        client("rm there").expect(0);
        fs::remove_file(site.work().join("back")).expect("there");
    }
    println!("trials: {}", 2 * count);
}
