//! One line of progress: a name, how far it is, how fast, and a bar in what is left of the width.

use super::screen::cut;
use pbr::ProgressBar;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The fewest columns that a bar is drawn in.
const BAR: usize = 8;
const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// Draws bars.
pub(super) struct Bar {
    pbr: ProgressBar<Drawn>,
    drawn: Drawn,
}

/// What pbr writes to; it panics when a write fails, and this one does not.
#[derive(Clone, Default)]
struct Drawn(Rc<RefCell<Vec<u8>>>);

impl Write for Drawn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a line says.
pub(super) struct Text<'a> {
    pub(super) name: &'a str,
    pub(super) done: u64,
    pub(super) total: u64,
    /// How much, of how much.
    pub(super) percent: u64,
    /// `11.2 MiB/s  0:24`, or what is in its place.
    pub(super) pace: String,
    /// The columns that the name has; none for as many as it takes.
    pub(super) name_columns: Option<usize>,
    /// Something after the bar.
    pub(super) end: &'a str,
}

impl Bar {
    pub(super) fn new() -> Self {
        let drawn = Drawn::default();
        let mut pbr = ProgressBar::on(drawn.clone(), 1);
        pbr.format("[=> ]");
        pbr.show_speed = false;
        pbr.show_time_left = false;
        pbr.show_counter = false;
        pbr.show_percent = false;
        Self { pbr, drawn }
    }

    /// A line with a bar, at most `columns` wide.
    pub(super) fn line(&mut self, text: &Text<'_>, columns: usize) -> String {
        // pbr leaves two columns free at the end: there the terminal shows ^C.
        let end = if text.end.is_empty() { String::new() } else { format!("  {}", text.end) };
        let room = columns.saturating_sub(end.width());
        let words = text.words(room.saturating_sub(BAR));
        // pbr counts characters, of which some have two columns, and some none.
        let width = room + words.chars().count();
        self.pbr.set_width(Some(width.saturating_sub(words.width())));
        self.pbr.total = text.total.max(1);
        self.pbr.message(&format!("{words} "));
        self.pbr.set(if text.total == 0 { 1 } else { text.done.min(text.total) });
        let drawn = std::mem::take(&mut *self.drawn.0.borrow_mut());
        let drawn = String::from_utf8_lossy(&drawn);
        let line = drawn.trim_start_matches('\r').trim_end();
        format!("{}{end}", cut(line, room))
    }
}

impl Text<'_> {
    /// Everything but the bar, with as many parts as fit.
    pub(super) fn words(&self, room: usize) -> String {
        let name = self.name(room);
        let percent = format!("{:>3}%", self.percent);
        let amount = amount(self.done, self.total, self.name_columns.is_some());
        let pace = &self.pace;
        let variants = [
            format!("{name}  {percent}  {amount}  {pace}"),
            format!("{name}  {percent}  {pace}"),
            format!("{name}  {percent}"),
        ];
        let fits = |variant: &&String| variant.width() <= room;
        variants.iter().find(fits).unwrap_or(&variants[2]).clone()
    }

    /// Everything, with nothing to fit into.
    pub(super) fn plain(&self) -> String {
        let (amount, pace) = (amount(self.done, self.total, false), &self.pace);
        let pace = pace.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}  {}%  {}  {pace}", self.name, self.percent, amount.trim())
    }

    /// A line with a message in place of the pace and the bar.
    pub(super) fn message(&self, message: &str, short: &str, columns: usize) -> String {
        let percent = format!("{:>3}%", self.percent);
        let amount = amount(self.done, self.total, false);
        let name = self.name(columns.saturating_sub(short.width() + 8));
        let variants = [
            format!("{name}  {percent}  {amount}  {message}"),
            format!("{name}  {percent}  {message}"),
            format!("{name}  {percent}  {short}"),
        ];
        let fits = |variant: &&String| variant.width() <= columns;
        variants.iter().find(fits).unwrap_or(&variants[2]).clone()
    }

    /// The name, shortened in its middle when it takes more than its share.
    fn name(&self, room: usize) -> String {
        let most = self.name_columns.unwrap_or_else(|| (room / 3).max(12));
        let name = shorten(self.name, most);
        let padding = self.name_columns.unwrap_or(0).saturating_sub(name.width());
        format!("{name}{}", " ".repeat(padding))
    }
}

/// `427/700 MiB`, always in the same columns. `aligned` is for lines that stand below each other.
fn amount(done: u64, total: u64, aligned: bool) -> String {
    let unit = (0..UNITS.len() - 1).find(|unit| total < 1000 << (10 * unit)).unwrap_or(UNITS.len() - 1);
    let decimal = unit > 0 && total < 10 << (10 * unit);
    let number = |bytes: u64| {
        let tenths = (u128::from(bytes) * 10) >> (10 * unit);
        if decimal { format!("{}.{}", tenths / 10, tenths % 10) } else { (tenths / 10).to_string() }
    };
    let (done, total, unit) = (number(done), number(total), UNITS[unit]);
    let width = total.len();
    if aligned { format!("{done:>5}/{total:<5} {unit:<3}") } else { format!("{done:>width$}/{total} {unit}") }
}

/// How much of it is done, in hundredths.
pub(super) fn percent(done: u64, total: u64) -> u64 {
    if total == 0 {
        return 100;
    }
    u64::try_from(u128::from(done) * 100 / u128::from(total)).unwrap_or(100).min(100)
}

/// A name in at most `width` columns: what does not fit goes from its middle.
fn shorten(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let half = width.saturating_sub(1) / 2;
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

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const NAMES: [&str; 6] = [
        "a",
        "disk.iso",
        "a-very-long-name-of-a-file-that-is-longer-than-a-line-of-most-terminals-can-be-expected-to-be.tar.gz",
        "日本語の長い名前のファイル日本語の長い名前のファイル.txt",
        "e\u{301}te\u{301} 2026 e\u{301}te\u{301} 2026 e\u{301}te\u{301} 2026.pdf",
        "👍👍👍.png",
    ];

    fn text(name: &str, done: u64, total: u64) -> Text<'_> {
        let pace = " 11.2 MiB/s  0:24".to_owned();
        Text { name, done, total, percent: percent(done, total), pace, name_columns: None, end: "" }
    }

    #[test]
    fn a_line_has_the_name_how_far_how_fast_and_a_bar() {
        let line = Bar::new().line(&text("disk.iso", 427 * MIB, 700 * MIB), 79);
        let (words, bar) = line.split_once('[').expect("a bar");
        assert_eq!(words, "disk.iso   61%  427/700 MiB   11.2 MiB/s  0:24 ");
        assert!(bar.starts_with("====") && bar.contains("> ") && bar.ends_with(']'), "{line}");
        assert_eq!(line.width(), 77, "{line}");
    }

    #[test]
    fn no_name_and_no_width_makes_a_line_too_wide_or_loses_its_percentage() {
        for columns in [19, 49, 79, 199] {
            for name in NAMES {
                for (done, total) in [(0, 0), (1, 1), (5 * MIB, 7 * MIB), (u64::MAX, u64::MAX), (u64::MAX, 1)]
                {
                    let line = Bar::new().line(&text(name, done, total), columns);
                    assert!(line.width() <= columns - 2 && line.contains('%'), "{columns}: {line}");
                    assert!(columns < 40 || line.ends_with(']'), "{columns}: {line}");
                    let lost = text(name, done, total).message("lost, again in 4s", "lost", columns);
                    assert!(columns < 79 || lost.ends_with("lost, again in 4s"), "{lost}");
                }
            }
        }
    }

    #[test]
    fn a_wide_name_and_one_with_marks_leave_the_bar_where_it_is() {
        let widths = NAMES.map(|name| {
            let text = Text { name_columns: Some(16), ..text(name, MIB, 2 * MIB) };
            let line = Bar::new().line(&text, 79);
            (line.split_once('[').expect("a bar").0.width(), line.width())
        });
        assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
    }

    #[test]
    fn both_amounts_are_in_one_unit() {
        let amounts = [
            (0, 0, "0/0 B"),
            (7, 712, "  7/712 B"),
            (427 * MIB, 700 * MIB, "427/700 MiB"),
            (1, 1023 * MIB, "0.0/0.9 GiB"),
            (MIB, 3 << 30, "0.0/3.0 GiB"),
            (3 << 29, 31 << 30, " 1/31 GiB"),
        ];
        for (done, total, shown) in amounts {
            assert_eq!(amount(done, total, false), shown);
        }
        assert_eq!(amount(85 * MIB, 90 * MIB, true), "   85/90    MiB");
        assert_eq!((percent(0, 0), percent(1, 3), percent(u64::MAX, u64::MAX)), (100, 33, 100));
    }

    #[test]
    fn a_name_keeps_its_columns() {
        for name in NAMES {
            let short = shorten(name, 15);
            assert!(short.width() <= 15 && (short == name || short.contains('…')), "{short}");
        }
    }
}
