//! The client against a server that it trusts and that misbehaves: ten thousand listings and transfers, and the worst of each kind by itself.
//!
//! `HOSTILE_ANSWERS` says how many answers the first test takes.

use ftp_tests::arena::Seen;
use ftp_tests::evil::{Evil, case_of, content};
use ftp_tests::process::watch;
use ftp_tests::sample;
use ftp_tests::stage::{DEADLINE, Stage, sound};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// As many as are taken where nothing else is said.
const ANSWERS: u64 = 10_000;
/// Commands of one client.
const SCRIPT: u64 = 1250;
/// The most memory that a client may have had where no listing is long, in KiB.
const MEMORY: u64 = 32 * 1024;

fn answers() -> u64 {
    let text = std::env::var("HOSTILE_ANSWERS").ok();
    text.map_or(ANSWERS, |text| text.parse().expect("HOSTILE_ANSWERS is a number"))
}

/// The commands of all clients, so that each table of cases goes round.
fn commands(count: u64) -> Vec<String> {
    let mut commands = Vec::new();
    let mut next = [0_u64; 6];
    let mut number = |table: usize| {
        next[table] += 1;
        next[table] - 1
    };
    for turn in 0.. {
        if commands.len() as u64 >= count {
            return commands;
        }
        match turn % 9 {
            0..=3 => commands.push(format!("ls {} l{}", if turn % 2 == 0 { "-l" } else { "-1" }, number(0))),
            4 | 5 => {
                let n = number(1);
                commands.push(format!("get g{n}{}", if n % 2 == 0 { " md5" } else { "" }));
            }
            6 => {
                let n = number(2);
                // The third attempt is honest; some are left as the second one ended.
                let attempts = if n / 8 % 2 == 0 { 2 } else { 3 };
                commands.extend((0..attempts).map(|_| format!("get r{n}")));
            }
            7 => commands.push(format!("get -r t{}", number(3))),
            _ => {
                let (put, word) = (number(4), number(5));
                let file = if put % 5 == 0 { "small.bin" } else { "large.bin" };
                let md5 = if put % 2 == 0 { " md5" } else { "" };
                commands.push(format!("put -o p{put} ../up/{file}{md5}"));
                let verb = ["cd", "mkdir", "rm", "rmdir", "sum", "md5", "mv -f", "info", "quota", "parts"];
                let verb = verb[usize::try_from(turn / 9).expect("few") % verb.len()];
                commands.push(match verb {
                    "info" | "quota" | "parts" => verb.to_owned(),
                    "mv -f" => format!("mv -f w{word} w{word}"),
                    verb => format!("{verb} w{word}; cd"),
                });
            }
        }
    }
    commands
}

/// The downloads in which a whole file comes, with the hash that was said: nothing is wrong with it, whatever else is said of it.
const WHOLE: [&str; 5] = [
    "a download: honest",
    "a download: a wild time",
    "a download: a wrong MD5",
    "a download: another name than was asked for",
    "a download: a wild entry",
];

/// Everything in the folder for downloads was asked for, and what is whole is what an honest server has.
fn as_asked(downloads: &BTreeMap<PathBuf, Seen>) -> u64 {
    let mut whole = 0;
    for (path, seen) in downloads {
        let names: Vec<_> = path.iter().map(|name| name.to_str().expect("UTF-8")).collect();
        let first =
            names[0].strip_suffix(".cv").or_else(|| names[0].strip_suffix(".bad")).unwrap_or(names[0]);
        let first = first.strip_suffix(".part").unwrap_or(first);
        let (letter, digits) = first.split_at(1);
        let asked = ["g", "r", "t"].contains(&letter) && digits.bytes().all(|digit| digit.is_ascii_digit());
        assert!(asked && !digits.is_empty(), "nobody asked for {path:?}");
        assert!(letter == "t" || names.len() == 1, "nobody asked for {path:?}");
        assert!(names[1..].iter().all(|name| name.starts_with("ok")), "nobody asked for {path:?}");
        let leaf = names[names.len() - 1];
        match seen {
            Seen::Folder(_) => assert_eq!(letter, "t", "nobody asked for a folder {path:?}"),
            Seen::File(..) if [".part", ".part.cv", ".part.bad"].iter().any(|end| leaf.ends_with(end)) => {}
            Seen::File(hash, ..) => {
                assert_eq!(*hash, blake3::hash(&content(leaf)), "{path:?} is not what was to come");
                let case = case_of(names[0]).expect("it was asked for");
                assert!(letter != "g" || WHOLE.contains(&case), "{path:?} did not come whole: {case}");
                whole += 1;
            }
            other => panic!("{path:?} is {other:?}"),
        }
    }
    whole
}

#[test]
fn ten_thousand_hostile_answers_do_no_harm() {
    let mut stage = Stage::new();
    let up = stage.arena.folder.join("up");
    fs::create_dir(&up).expect("made");
    sample::file(&up.join("small.bin"), 5, 1000);
    sample::file(&up.join("large.bin"), 6, 600_000);
    stage.arena.remember();
    let commands = commands(answers());
    let scripts: Vec<_> = commands.chunks(usize::try_from(SCRIPT).expect("few")).collect();
    let (next, peak) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(script) =
                    scripts.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("few"))
                {
                    let name = format!("the commands from {:?} on", script[0]);
                    let file = stage.site.path(&format!("{}.ftp", script[0].replace([' ', '/'], "_")));
                    let text = script.iter().fold(String::new(), |mut text, line| {
                        writeln!(text, "{line}").expect("memory");
                        text
                    });
                    fs::write(&file, text).expect("written");
                    let mut client = stage.client();
                    client.arg("-k").arg("-b").arg(&file);
                    let watched = watch(client, DEADLINE);
                    sound(&watched, &name);
                    peak.fetch_max(watched.peak, Ordering::Relaxed);
                }
            });
        }
    });
    stage.arena.untouched("ten thousand answers");
    let whole = as_asked(&stage.arena.downloads());
    let played = stage.evil.played();
    let never: Vec<_> = Evil::cases().filter(|case| !played.contains_key(case)).collect();
    assert!(never.is_empty() || answers() < ANSWERS, "never played: {never:?}");
    println!("trials: {}", played.values().sum::<u64>());
    println!(
        "{} commands, {} answers of {} kinds, {whole} whole files, at most {} KiB",
        commands.len(),
        played.values().sum::<u64>(),
        played.len(),
        peak.load(Ordering::Relaxed)
    );
    // An MD5 was asked for, and was wrong.
    assert!(!stage.arena.down.join("g18").exists() && case_of("g18") == Some("a download: a wrong MD5"));
    // The honest ones came through.
    for name in ["g0", "r8", "t0/ok-a", "t0/ok-d/ok-b"] {
        assert!(stage.arena.down.join(name).exists(), "{name} did not arrive");
    }
    let peak = peak.load(Ordering::Relaxed);
    assert!(peak < MEMORY, "a client took {peak} KiB");
}
