//! Downloads one file many times at once, each over a session of its own, and compares each with its hash.
//!
//! `downloads PORT CA USER PASSWORD_FILE PATH COUNT`: says `ready` when all are logged in, begins at a line from stdin, and prints how many seconds
//! the first and the last took.

use ftp_tests::wire::Wire;
use serde_json::json;
use std::error::Error;
use std::io::{Write as _, stdin, stdout};
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, ca, user, password, path, count] = arguments.as_slice() else {
        return Err("downloads PORT CA USER PASSWORD_FILE PATH COUNT".into());
    };
    let (port, count): (u16, usize) = (port.parse()?, count.parse()?);
    let password = std::fs::read_to_string(password)?;
    let mut sessions = vec![Wire::open(port, Path::new(ca))?];
    let answer = sessions[0].login(user, password.trim_end())?;
    let token = answer["ok"]["token"].as_str().ok_or_else(|| answer.to_string())?.to_owned();
    while sessions.len() < count {
        let mut wire = Wire::open(port, Path::new(ca))?;
        wire.ask(json!({"op": "login", "user": user, "token": token}))?;
        sessions.push(wire);
    }
    println!("ready");
    stdout().flush()?;
    stdin().read_line(&mut String::new())?;
    let (gate, start) = (Barrier::new(count), Instant::now());
    let took: Vec<Result<f64, String>> = thread::scope(|scope| {
        let running: Vec<_> = sessions
            .iter_mut()
            .map(|wire| {
                scope.spawn(|| {
                    gate.wait();
                    download(wire, path)?;
                    Ok(start.elapsed().as_secs_f64())
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("it panicked".into()))).collect()
    });
    let took = took.into_iter().collect::<Result<Vec<_>, _>>()?;
    let first = took.iter().copied().fold(f64::INFINITY, f64::min);
    let last = took.iter().copied().fold(0.0, f64::max);
    println!("{first:.4} {last:.4}");
    Ok(())
}

fn download(wire: &mut Wire, path: &str) -> Result<(), String> {
    let mut hash = blake3::Hasher::new();
    let answer = wire.get_to(path, &mut |bytes| {
        hash.update(bytes);
    })?;
    let same = answer["ok"]["root"].as_str() == Some(hash.finalize().to_hex().as_str());
    if same { Ok(()) } else { Err(format!("not what was sent: {answer}")) }
}
