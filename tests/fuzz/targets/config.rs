//! The configs of the daemon and of the client: what is accepted is within bounds, what is not is told in printable words.
#![no_main]

use ftp_daemon::config::Config;
use ftp_fuzz::is_plain;
use ftp_fuzz::memory::within;
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::path::Path;

fn daemon(text: &str) {
    let file = Path::new("etc/ftp-daemon.ron");
    match Config::parse(file, text) {
        Ok(config) => {
            let limits = &config.limits;
            assert!((1..=100_000).contains(&limits.connections));
            assert!((1..=100_000).contains(&limits.connections_per_address));
            assert!((10..=86_400).contains(&limits.idle.as_secs()));
            assert!(limits.drain.as_secs() <= 3_600);
            assert!((1..=1_000_000_000).contains(&limits.entries));
            assert!((1..=64).contains(&config.listen.len()));
            let fixed = config.listen.iter().filter(|address| address.port() != 0);
            assert_eq!(
                fixed.clone().collect::<HashSet<_>>().len(),
                fixed.count(),
                "no address is there twice"
            );
            for path in [&config.certificate, &config.private_key, &config.data, &config.log.folder] {
                assert!(path.starts_with("etc") || path.is_absolute());
                assert!(!path.as_os_str().as_encoded_bytes().contains(&0));
            }
        }
        Err(fault) => {
            assert!(fault.0.starts_with("etc/ftp-daemon.ron:") && is_plain(&fault.0), "{:?}", fault.0);
        }
    }
}

fn client(text: &str) {
    if let Err(failure) = ftp_cli::config::Config::parse(Path::new("ftp-cli.ron"), text) {
        assert!(is_plain(&failure.message), "{:?}", failure.message);
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    within(256 * 1024 + 256 * data.len(), || {
        daemon(text);
        client(text);
    });
});
