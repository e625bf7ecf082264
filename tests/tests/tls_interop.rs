//! Programs that are not ours: OpenSSL, GnuTLS, Python. What should be accepted is, and what should not is refused cleanly.

use ftp_tests::binaries::root;
use ftp_tests::sample;
use ftp_tests::site::{Ran, Site, run};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const SUITES: [&str; 3] =
    ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];

fn openssl(site: &Site, port: u16, arguments: &[&str]) -> Ran {
    // It stays until its input ends, so that what the daemon says is seen.
    let mut command = Command::new("sh");
    let line = format!(
        "sleep 1 | timeout 10 openssl s_client -connect 127.0.0.1:{port} -CAfile {} -verify_return_error {} 2>&1",
        site.path("certs/ca.pem").display(),
        arguments.join(" ")
    );
    command.arg("-c").arg(line);
    run(command, "")
}

#[test]
fn openssl_is_accepted_with_each_suite_and_the_chain_verifies() {
    let site = Site::new();
    let daemon = site.start();
    for suite in SUITES {
        let ran = openssl(&site, daemon.port, &["-alpn", "ftpd/1", "-tls1_3", "-ciphersuites", suite]);
        for part in ["Verification: OK", "ALPN protocol: ftpd/1", "TLSv1.3", suite, "\"hello\""] {
            assert!(ran.out.contains(part), "{part} with {suite}: {}", ran.out);
        }
    }
    let all = openssl(&site, daemon.port, &["-alpn", "ftpd/1", "-ciphersuites", &SUITES.join(":")]);
    assert!(all.out.contains("Cipher is TLS_AES_128_GCM_SHA256"), "the daemon's order counts: {}", all.out);
    let named = openssl(&site, daemon.port, &["-alpn", "ftpd/1", "-verify_hostname", "localhost"]);
    assert!(named.out.contains("Verification: OK"), "{}", named.out);
    let other = openssl(&site, daemon.port, &["-alpn", "ftpd/1", "-verify_hostname", "other.example"]);
    assert!(!other.out.contains("\"hello\""), "{}", other.out);
}

#[test]
fn gnutls_is_accepted_with_each_suite() {
    let site = Site::new();
    let daemon = site.start();
    for (suite, priority) in [
        ("AES-256-GCM", "+AES-256-GCM"),
        ("AES-128-GCM", "+AES-128-GCM"),
        ("CHACHA20-POLY1305", "+CHACHA20-POLY1305"),
    ] {
        let mut command = Command::new("sh");
        let line = format!(
            "sleep 1 | timeout 10 gnutls-cli --x509cafile {} --alpn ftpd/1 --priority 'NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:{priority}' -p {} 127.0.0.1 2>&1",
            site.path("certs/ca.pem").display(),
            daemon.port
        );
        command.arg("-c").arg(line);
        let ran = run(command, "");
        for part in ["certificate is trusted", "ftpd/1", suite, "hello"] {
            assert!(ran.out.contains(part), "{part} with {suite}: {}", ran.out);
        }
    }
}

#[test]
fn what_does_not_speak_our_language_is_refused_cleanly() {
    let site = Site::new();
    let daemon = site.start();
    for (arguments, alert) in [
        (&["-alpn", "ftpd/1", "-tls1_2"][..], "protocol version"),
        (&["-tls1_3"], "no application protocol"),
        (&["-alpn", "h2", "-tls1_3"], "no application protocol"),
        (&["-alpn", "http/1.1,ftp", "-tls1_3"], "no application protocol"),
    ] {
        let ran = openssl(&site, daemon.port, arguments);
        assert!(ran.out.contains(alert) && !ran.out.contains("\"hello\""), "{arguments:?}: {}", ran.out);
    }
    for plain in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"USER alice\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"SSH-2.0-x\r\n",
        // Where a connection comes from is what the kernel says, whatever stands in front.
        b"PROXY TCP4 192.0.2.1 127.0.0.1 1 9999\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\0\x01\x27\x0f",
    ] {
        let mut socket = TcpStream::connect(("127.0.0.1", daemon.port)).expect("open");
        socket.set_read_timeout(Some(Duration::from_secs(15))).expect("a socket");
        socket.write_all(plain).expect("open");
        let mut answer = Vec::new();
        let _reset = socket.read_to_end(&mut answer);
        // At most a TLS alert; nothing about us.
        assert!(answer.len() <= 7 && answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
    }
    let ran = openssl(&site, daemon.port, &["-alpn", "ftpd/1"]);
    assert!(ran.out.contains("\"hello\""), "the daemon serves on: {}", ran.out);
}

#[test]
fn pythons_ssl_sees_tls_1_3_and_our_protocol() {
    let site = Site::new();
    let daemon = site.start();
    let script = "import socket, ssl, sys\n\
        context = ssl.create_default_context(cafile=sys.argv[2])\n\
        context.set_alpn_protocols(['ftpd/1'])\n\
        with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as plain:\n\
        \x20   with context.wrap_socket(plain, server_hostname='127.0.0.1') as tls:\n\
        \x20       print(tls.version(), tls.selected_alpn_protocol(), tls.recv(4096)[5:])\n";
    let mut command = Command::new("python3");
    command.args(["-c", script, &daemon.port.to_string()]).arg(site.path("certs/ca.pem"));
    let ran = run(command, "").expect(0);
    assert!(ran.out.starts_with("TLSv1.3 ftpd/1") && ran.out.contains("hello"), "{ran:?}");
}

/// Which saves everybody who connects a journey there and back.
#[test]
fn the_greeting_does_not_wait_for_the_clients_last_word() {
    let site = Site::new();
    let daemon = site.start();
    let script = "import socket, ssl, sys\n\
        context = ssl.create_default_context(cafile=sys.argv[2])\n\
        context.set_alpn_protocols(['ftpd/1'])\n\
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()\n\
        tls = context.wrap_bio(come, go, server_hostname='127.0.0.1')\n\
        plain = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 15)\n\
        def until(step):\n\
        \x20   while True:\n\
        \x20       try:\n\
        \x20           return step()\n\
        \x20       except ssl.SSLWantReadError:\n\
        \x20           if not tls.version():\n\
        \x20               plain.sendall(go.read())\n\
        \x20           come.write(plain.recv(65536) or sys.exit('closed'))\n\
        until(tls.do_handshake)\n\
        print(until(lambda: tls.read(4096))[5:], go.pending > 0)\n\
        tls.write(b'\\0\\0\\0\\x14\\1{\"id\":1,\"op\":\"ping\"}')\n\
        plain.sendall(go.read())\n\
        print(until(lambda: tls.read(4096))[5:])\n";
    let mut command = Command::new("python3");
    command.args(["-c", script, &daemon.port.to_string()]).arg(site.path("certs/ca.pem"));
    let ran = run(command, "").expect(0);
    let (greeting, answer) = ran.out.split_once('\n').expect("two lines");
    assert!(greeting.contains("hello") && greeting.ends_with("True"), "it came first: {ran:?}");
    assert!(answer.contains("\"re\":1"), "and then it goes on: {ran:?}");
}

#[test]
fn a_client_written_from_the_protocols_page_works() {
    let site = Site::new();
    site.user("alice", "50M");
    let daemon = site.start();
    let python = |words: &[&str]| {
        let mut command = Command::new("python3");
        command.arg(root().join("tests/python/ftpd_client.py")).args(["127.0.0.1", &daemon.port.to_string()]);
        command.arg(site.path("certs/ca.pem")).arg("alice").arg(site.path("alice.pw")).args(words);
        command.current_dir(site.work());
        run(command, "")
    };
    for (name, size) in [("empty", 0), ("one", 1), ("chunk", 262_144), ("more", 262_145), ("three", 3 << 20)]
    {
        sample::file(&site.path("work").join(name), size, size);
        python(&["put", name, &format!("/{name}")]).expect(0);
        assert_eq!(
            sample::hash(&site.home_of("alice").join(name)),
            sample::hash(&site.path("work").join(name))
        );
        python(&["get", &format!("/{name}"), "back"]).expect(0);
        assert_eq!(sample::hash(&site.path("work/back")), sample::hash(&site.path("work").join(name)));
        let sum = python(&["sum", &format!("/{name}")]).expect(0);
        assert!(sum.out.contains(&sample::hash(&site.path("work").join(name)).to_string()), "{sum:?}");
    }
    let list = python(&["list", "/"]).expect(0);
    assert!(
        ["empty", "one", "chunk", "more", "three"].iter().all(|name| list.out.contains(name)),
        "{list:?}"
    );
    let missing = python(&["get", "/nothing", "back"]);
    assert!(missing.code != 0 && (missing.err + &missing.out).contains("not_found"));
}
