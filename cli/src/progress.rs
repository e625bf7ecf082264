//! The progress bar. The only user of pbr.
//!
//! pbr draws the bar and finds its width; the text before it is ours, because pbr's own rate counts what an earlier attempt had brought, and its time
//! left is in whole minutes. What pbr writes goes through `Line`, which cannot fail: pbr panics when a write does.

use crate::console::{Console, clean};
use crate::show;
use crate::watch::Watch;
use pbr::ProgressBar;
use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How often the bar is drawn.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a line is printed where there is no terminal.
const LINES: Duration = Duration::from_secs(10);
/// Silence after which the transfer is shown as stalled.
const STALLED: Duration = Duration::from_secs(5);
/// Below this, reading back what is here takes no time worth showing, in bytes.
const WORTH_SHOWING: u64 = 64 * 1024 * 1024;

/// When progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// A bar on a terminal, else nothing.
    #[default]
    Auto,
    /// A bar on a terminal, else a line every ten seconds.
    Always,
    /// Nothing.
    Never,
}

enum Mode {
    Bar(Box<ProgressBar<Line>>),
    Lines,
    Off,
}

/// Shows how one transfer, or a tree of them, goes.
pub struct Progress<'a> {
    console: &'a Console,
    mode: Mode,
    label: String,
    /// Bytes of all files, when there are several; then they are what the percentage is of.
    total: Option<u64>,
    /// Bytes of the files before this one.
    before: u64,
    size: u64,
    meter: Meter,
    drawn: Option<Instant>,
    /// Something is on the bar's line.
    on_screen: bool,
}

impl<'a> Progress<'a> {
    /// Of one file, or of several with `total` bytes together.
    #[must_use]
    pub fn new(console: &'a Console, when: When, total: Option<u64>) -> Self {
        let terminal =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let mode = match when {
            When::Never => Mode::Off,
            When::Auto | When::Always if terminal => Mode::Bar(Box::new(bar())),
            When::Always => Mode::Lines,
            When::Auto => Mode::Off,
        };
        let meter = Meter::new(0);
        Self {
            console,
            mode,
            label: String::new(),
            total,
            before: 0,
            size: 0,
            meter,
            drawn: None,
            on_screen: false,
        }
    }

    /// Several files are shown as one.
    #[must_use]
    pub fn is_tree(&self) -> bool {
        self.total.is_some()
    }

    /// The next file.
    pub fn file(&mut self, label: &str) {
        label.clone_into(&mut self.label);
    }

    /// The file is done, or given up: its bytes count as dealt with.
    pub fn file_done(&mut self, size: u64) {
        self.before = self.before.saturating_add(size);
        if self.total.is_some() {
            self.meter.rebase(self.before);
        } else {
            self.close();
        }
    }

    /// Leaves the bar as it is and goes to a new line.
    pub fn close(&mut self) {
        if std::mem::take(&mut self.on_screen) {
            let _ = io::stderr().lock().write_all(b"\n");
        }
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.on_screen) {
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }

    fn draw(&mut self, text: &str, done: u64, total: u64, last: bool) {
        let period = if matches!(self.mode, Mode::Lines) { LINES } else { REDRAW };
        if !last && self.drawn.is_some_and(|drawn| drawn.elapsed() < period) {
            return;
        }
        match &mut self.mode {
            Mode::Bar(bar) => {
                let width = columns();
                let label = shorten(&self.label, (width / 3).max(12));
                // pbr counts characters, of which some have two columns.
                let more = label.width().saturating_sub(label.chars().count());
                bar.set_width(Some(width.saturating_sub(more)));
                bar.total = total.max(1);
                bar.message(&format!("{label}  {text} "));
                bar.set(done.min(total));
                self.on_screen = true;
            }
            Mode::Lines if self.drawn.is_some() || !last => {
                self.console.complain(&format!("{}  {text}", self.label));
            }
            Mode::Lines | Mode::Off => {}
        }
        self.drawn = Some(Instant::now());
    }

    fn show(&mut self, bytes: u64, last: bool) {
        let (done, total) = match self.total {
            Some(total) => (self.before.saturating_add(bytes), total),
            None => (bytes, self.size),
        };
        self.meter.at(done);
        let text = format!("{}  {}", how_far(done, total), self.meter.pace(total));
        self.draw(&text, done, total, last);
    }
}

impl Watch for Progress<'_> {
    fn checking(&mut self, done: u64, total: u64) {
        if total >= WORTH_SHOWING {
            let text = format!("checking what is here  {}", how_far(done, total));
            self.draw(&text, done, total, false);
        }
    }

    fn begin(&mut self, size: u64, resumed: u64) {
        self.size = size;
        self.drawn = None;
        if self.total.is_none() {
            self.meter = Meter::new(resumed);
        } else {
            self.meter.rebase(self.before.saturating_add(resumed));
        }
        if resumed > 0 {
            self.clear();
            let percent = percent(resumed, size);
            self.console.note(&format!(
                "{}: the {} that are there already are the same on both sides (BLAKE3); resuming at {percent}%",
                self.label,
                show::size(resumed)
            ));
        }
        self.show(resumed, false);
    }

    fn at(&mut self, bytes: u64) {
        self.show(bytes, bytes == self.size && self.total.is_none());
    }

    fn finishing(&mut self) {
        if self.size > 0 && self.drawn.is_some() {
            let size = self.size;
            self.show(size, false);
        }
    }

    fn note(&mut self, line: &str) {
        self.clear();
        let label = &self.label;
        self.console.note(&format!("{label}: {line}"));
    }
}

fn bar() -> ProgressBar<Line> {
    let mut bar = ProgressBar::on(Line, 1);
    bar.format("[=> ]");
    bar.show_speed = false;
    bar.show_time_left = false;
    bar.show_counter = false;
    bar.show_percent = false;
    bar
}

fn percent(done: u64, total: u64) -> u64 {
    if total == 0 { 100 } else { u64::try_from(u128::from(done) * 100 / u128::from(total)).unwrap_or(100) }
}

/// `61%  427.0 MiB of 700.0 MiB`, all in columns.
fn how_far(done: u64, total: u64) -> String {
    format!("{:>3}%  {:>10} of {}", percent(done, total), show::size(done), show::size(total))
}

/// A name in exactly `width` columns: what does not fit goes from its middle.
fn shorten(name: &str, width: usize) -> String {
    let columns = name.width();
    if columns <= width {
        return format!("{name}{}", " ".repeat(width.min(24).saturating_sub(columns)));
    }
    let half = (width - 1) / 2;
    let take = |chars: &mut dyn Iterator<Item = char>| {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += c.width().unwrap_or(0);
                used <= half
            })
            .collect::<Vec<_>>()
    };
    let head: String = take(&mut name.chars()).into_iter().collect();
    let tail: String = take(&mut name.chars().rev()).into_iter().rev().collect();
    format!("{head}…{tail}")
}

/// The rate of now, smoothed, and the time to go. Counts only what moved in this run.
struct Meter {
    last: u64,
    sampled: Instant,
    moved: Instant,
    /// Bytes per second, once something is known.
    rate: Option<f64>,
}

/// How long one sample of the rate takes.
const SAMPLE: Duration = Duration::from_millis(250);

impl Meter {
    fn new(at: u64) -> Self {
        let now = Instant::now();
        Self { last: at, sampled: now, moved: now, rate: None }
    }

    /// Skips bytes that did not move now.
    fn rebase(&mut self, at: u64) {
        self.last = self.last.max(at);
    }

    fn at(&mut self, bytes: u64) {
        let now = Instant::now();
        let gone = now - self.sampled;
        if gone < SAMPLE {
            return;
        }
        let moved = bytes.saturating_sub(self.last);
        if moved > 0 {
            self.moved = now;
        }
        // Sizes of files are far below what a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "a rate for the eye")]
        let rate = moved as f64 / gone.as_secs_f64();
        self.rate = Some(self.rate.map_or(rate, |old| old * 0.8 + rate * 0.2));
        (self.last, self.sampled) = (bytes.max(self.last), now);
    }

    /// `11.2 MiB/s  0:24`, or how long nothing has come.
    fn pace(&self, total: u64) -> String {
        let quiet = self.moved.elapsed();
        if quiet > STALLED {
            return format!("stalled {} s", quiet.as_secs());
        }
        let Some(rate) = self.rate.filter(|rate| *rate >= 1.0) else {
            return format!("{:>11}  --:--", "");
        };
        #[expect(clippy::cast_precision_loss, reason = "a time for the eye")]
        let left = Duration::try_from_secs_f64(total.saturating_sub(self.last) as f64 / rate)
            .unwrap_or(Duration::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for the eye, not negative"
        )]
        let rate = rate as u64;
        format!("{:>9}/s  {}", show::size(rate), show::clock(left))
    }
}

/// What pbr draws on: the line of the cursor, cut to nothing but text that fits.
struct Line;

/// As much of a text as has so many columns.
fn cut(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > columns
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// Columns of a line on the terminal: one less than there are, so that no terminal wraps it.
fn columns() -> usize {
    tcgetwinsize(rustix::stdio::stderr()).map_or(80, |size| usize::from(size.ws_col)).saturating_sub(1)
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\r').trim_end();
        if !text.is_empty() {
            let _ =
                io::stderr().lock().write_all(format!("\r{}\x1b[K", cut(&clean(text), columns())).as_bytes());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_columns() {
        assert_eq!(shorten("a.iso", 12).width(), 12);
        for name in ["a-very-long-name-of-a-file.tar.gz", "日本語の長い名前のファイル.txt"] {
            let short = shorten(name, 15);
            assert!(short.width() <= 15 && short.contains('…'), "{short}");
        }
    }

    #[test]
    fn a_line_is_cut_by_columns_and_not_by_characters() {
        assert_eq!(cut("a 10%", 80), "a 10%");
        assert_eq!(cut("日本語", 5), "日本");
        assert_eq!(cut("日本語", 0), "");
    }

    #[test]
    fn the_rate_leaves_out_what_was_there_before() {
        let mut meter = Meter::new(90);
        meter.sampled -= Duration::from_secs(1);
        meter.at(100);
        let rate = meter.rate.expect("sampled");
        assert!((5.0..=10.0).contains(&rate), "{rate}");
        assert_eq!((percent(0, 0), percent(1, 3), percent(u64::MAX, u64::MAX)), (100, 33, 100));
    }
}
