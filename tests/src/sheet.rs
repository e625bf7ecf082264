//! What a terminal has shown, compared with a drawing of it.
//!
//! A drawing is text as a person sees it, with holes for what differs from run to run:
//!
//! | hole | what fits |
//! |---|---|
//! | `{n}` | a number, with or without decimals |
//! | `{size}` | `712 B`, `3.1 GiB` |
//! | `{time}` | `0:24`, `1h 05m`, `--:--` |
//! | `{date}` | `2026-11-24` |
//! | `{hash}` | a hash or a fingerprint |
//! | `{bar}` | `[=====>   ]` |
//! | `{#}` | `[####----]` |
//! | `{any}` | anything but nothing |
//!
//! In a row with a bar, one blank stands for any number of them: its figures are aligned.

use crate::screen::{SIZES, Screen};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a screen may take to look as it should.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal whose rows are compared from the top down.
pub struct Sheet {
    /// The terminal.
    pub screen: Screen,
    /// Columns of it.
    pub columns: u16,
    name: String,
    /// The first row that was not compared yet.
    from: usize,
}

impl Sheet {
    /// Starts a program at a terminal of this size. `name` is what the screen is of.
    #[must_use]
    pub fn start(name: &str, program: &Command, size: (u16, u16)) -> Self {
        let name = format!("{name}-{}x{}", size.1, size.0);
        Self { screen: Screen::start_sized(program, size), columns: size.1, name, from: 0 }
    }

    /// Waits until everything below what was compared before looks like the drawing. Its last row, where the cursor is, is the first of the next drawing.
    ///
    /// # Panics
    /// It never does.
    pub fn shows(&mut self, drawing: &str) {
        let drawn: Vec<&str> = drawing.trim_end_matches('\n').lines().collect();
        let end = Instant::now() + PATIENCE;
        loop {
            let rows = self.screen.paper();
            let rows = rows.get(self.from..).unwrap_or_default();
            let same =
                rows.len() == drawn.len() && rows.iter().zip(&drawn).all(|(row, drawn)| fits(row, drawn));
            if same {
                self.from += drawn.len().saturating_sub(1);
                self.keep();
                return;
            }
            if Instant::now() > end {
                let wrong = rows.iter().zip(&drawn).position(|(row, drawn)| !fits(row, drawn));
                let wrong = wrong.unwrap_or_else(|| rows.len().min(drawn.len()));
                panic!(
                    "{}: row {wrong} is\n{:?}\nand not\n{:?}\n--- of\n{}\n--- drawn\n{drawing}",
                    self.name,
                    rows.get(wrong),
                    drawn.get(wrong),
                    rows.join("\n")
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types, and sees the drawing; what was typed is on its first row.
    ///
    /// # Panics
    /// As [`Sheet::shows`].
    pub fn types(&mut self, keys: &str, drawing: &str) {
        self.screen.keys(keys);
        self.shows(drawing);
    }

    /// Goes on below whatever is shown now.
    pub fn skip(&mut self) {
        self.from = self.screen.paper().len().saturating_sub(1);
    }

    /// The program ends with this code, and what is below what was compared before looks like the drawing.
    ///
    /// # Panics
    /// It does not.
    pub fn ends(mut self, code: i32, drawing: &str) {
        self.shows(drawing);
        let name = self.name.clone();
        let (ended, text) = self.screen.end();
        assert_eq!(ended, code, "{name}:\n{text}");
    }

    /// With `SCREENS=FOLDER` in the environment, what was shown is kept there.
    fn keep(&self) {
        let Some(folder) = std::env::var_os("SCREENS").map(PathBuf::from) else { return };
        std::fs::create_dir_all(&folder).expect("a folder");
        let text = self.screen.paper().join("\n") + "\n";
        std::fs::write(folder.join(format!("{}.txt", self.name)), text).expect("written");
    }
}

/// Runs a scenario at a terminal of 80x24 and at one of 200x50, both at once.
///
/// # Panics
/// It fails at either.
pub fn at_each_size(scenario: impl Fn((u16, u16)) + Sync) {
    let scenario = &scenario;
    std::thread::scope(|scope| {
        for size in SIZES {
            scope.spawn(move || scenario(size));
        }
    });
}

/// Whether a row looks like one of a drawing.
#[must_use]
pub fn fits(row: &str, drawn: &str) -> bool {
    let single = |text: &str| text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if drawn.contains("{bar}") {
        matches(&single(row), &single(drawn))
    } else {
        matches(row, drawn.trim_end())
    }
}

fn matches(row: &str, drawn: &str) -> bool {
    let Some((before, rest)) = drawn.split_once('{') else { return row == drawn };
    let Some((hole, after)) = rest.split_once('}') else { return false };
    let Some(row) = row.strip_prefix(before) else { return false };
    let ends = row.char_indices().map(|(at, c)| at + c.len_utf8());
    let ends: Vec<usize> = ends.filter(|end| fills(hole, &row[..*end])).collect();
    ends.into_iter().rev().any(|end| matches(&row[end..], after))
}

fn fills(hole: &str, text: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().is_ok() && text.ends_with(|c: char| c.is_ascii_digit());
    let within = |inner: &str| {
        text.len() > 2
            && text.starts_with('[')
            && text.ends_with(']')
            && text[1..text.len() - 1].chars().all(|c| inner.contains(c))
    };
    match hole {
        "n" => number(text),
        "size" => text.split_once(' ').is_some_and(|(figure, unit)| {
            number(figure) && ["B", "KiB", "MiB", "GiB", "TiB"].contains(&unit)
        }),
        "time" => {
            text == "--:--"
                || text.len() >= 4 && text.chars().all(|c| c.is_ascii_digit() || ":hm ".contains(c))
        }
        "date" => text.len() == 10 && text.chars().all(|c| c.is_ascii_digit() || c == '-'),
        "hash" => text.len() >= 32 && text.chars().all(|c| c.is_ascii_alphanumeric() || "+/".contains(c)),
        "bar" => within("=> "),
        "#" => within("#-"),
        "any" => true,
        other => panic!("no such hole: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_take_what_they_are_for_and_nothing_else() {
        for (row, drawn) in [
            ("login:", "login: "),
            ("TLS 1.3, 3 ms", "TLS 1.3, {n} ms"),
            ("a.iso   61%     427.0 MiB  0:24 [===>  ]", "a.iso {n}% {size} {time} {bar}"),
            ("since 2026-11-02 (line 3)", "since {date} (line {n})"),
            ("2.1 GiB of 5.0 GiB used [###---]", "{size} of {size} used {#}"),
        ] {
            assert!(fits(row, drawn), "{row}");
        }
        for (row, drawn) in [
            ("TLS 1.3, x ms", "TLS 1.3, {n} ms"),
            ("TLS 1.3, 3 ms more", "TLS 1.3, {n} ms"),
            ("TLS 1.3,  ms", "TLS 1.3, {n} ms"),
            ("a  1", "a {n}"),
            ("[=  x]", "{bar}"),
            ("2.1 MB", "{size}"),
            ("", "{any}"),
        ] {
            assert!(!fits(row, drawn), "{row}");
        }
    }
}
