//! How `ls` and `lls` show what is in a directory.

use super::{Given, Shell};
use crate::event::Event;
use crate::failure::Failure;
use crate::show;
use ftp_proto::Printable;
use ftp_proto::message::Kind;
use getopts::Options;
use rustix::termios::tcgetwinsize;
use std::cmp::Ordering;
use std::ops::Range;
use unicode_width::UnicodeWidthStr as _;

/// The options of both.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("-l", "with sizes and dates (UTC)"),
    ("-1", "one name per line, as when nobody looks"),
    ("-a", "names that begin with a dot too"),
    ("-t", "the newest first"),
    ("-S", "the largest first"),
    ("-r", "the other way round"),
    ("-h", "sizes as 3.1 GiB, which they always are"),
];

/// Between columns.
const GAP: usize = 2;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) mtime: i64,
}

impl Row<'_> {
    fn shown(&self) -> String {
        Printable(self.name).to_string() + if self.kind == Kind::Dir { "/" } else { "" }
    }

    /// A pattern or a path names the folder too; what counts is the last name.
    fn is_hidden(&self) -> bool {
        self.name.rsplit('/').next().is_some_and(|name| matches!(name.chars().next(), Some('.')))
    }
}

/// Many entries, close together: a directory may have hundreds of thousands.
#[derive(Debug, Default)]
pub(super) struct Rows {
    names: String,
    rows: Vec<Packed>,
}

/// A row whose name is somewhere else.
#[derive(Debug)]
struct Packed {
    name: Range<u32>,
    kind: Kind,
    size: u64,
    mtime: i64,
}

impl Rows {
    /// Takes one more. Names beyond 4 GiB of them have no place; the client takes far fewer of a server.
    pub(super) fn push(&mut self, row: Row<'_>) {
        let end = self.names.len() + row.name.len();
        if let (Ok(start), Ok(end)) = (u32::try_from(self.names.len()), u32::try_from(end)) {
            self.names.push_str(row.name);
            let Row { kind, size, mtime, .. } = row;
            self.rows.push(Packed { name: start..end, kind, size, mtime });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.rows.iter().map(|row| row.unpacked(&self.names))
    }

    fn retain(&mut self, keep: impl Fn(Row<'_>) -> bool) {
        self.rows.retain(|row| keep(row.unpacked(&self.names)));
    }

    fn sort(&mut self, order: impl Fn(&Row<'_>, &Row<'_>) -> Ordering) {
        let names = &self.names;
        self.rows.sort_unstable_by(|a, b| order(&a.unpacked(names), &b.unpacked(names)));
    }

    /// Sorts by name, and says whether two have the same.
    pub(super) fn has_twins(&mut self) -> bool {
        self.sort(|a, b| a.name.cmp(b.name));
        self.rows.windows(2).any(|pair| self.name(&pair[0]) == self.name(&pair[1]))
    }

    fn name(&self, row: &Packed) -> &str {
        row.unpacked(&self.names).name
    }

    /// The names, and which of them are directories'.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = (&str, bool)> {
        self.iter().map(|row| (row.name, row.kind == Kind::Dir))
    }
}

impl<'a> FromIterator<Row<'a>> for Rows {
    fn from_iter<I: IntoIterator<Item = Row<'a>>>(rows: I) -> Self {
        let mut all = Self::default();
        rows.into_iter().for_each(|row| all.push(row));
        all
    }
}

impl Packed {
    fn unpacked<'a>(&self, names: &'a str) -> Row<'a> {
        // Both are places in the same text.
        let name = self.name.start as usize..self.name.end as usize;
        let Self { kind, size, mtime, .. } = *self;
        Row { name: names.get(name).unwrap_or_default(), kind, size, mtime }
    }
}

/// What the options ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    long: bool,
    lines: bool,
    all: bool,
    by_time: bool,
    by_size: bool,
    reverse: bool,
}

impl Style {
    pub(super) fn options(options: &mut Options) {
        for name in ["l", "1", "a", "t", "S", "r", "h"] {
            options.optflagmulti(name, "", "");
        }
    }

    pub(super) fn of(given: &Given) -> Self {
        let has = |name| given.opt_present(name);
        Self {
            long: has("l"),
            lines: has("1"),
            all: has("a"),
            by_time: has("t"),
            by_size: has("S"),
            reverse: has("r"),
        }
    }

    fn order(self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        let order = match self {
            Self { by_time: true, .. } => b.mtime.cmp(&a.mtime),
            Self { by_size: true, .. } => b.size.cmp(&a.size),
            _ => Ordering::Equal,
        };
        let order = order.then_with(|| a.name.cmp(b.name));
        if self.reverse { order.reverse() } else { order }
    }

    /// Shows the entries: as they are asked for with `-l` or `-1`, else in columns on a screen and one per line elsewhere. `event` is that of one row. `chosen`:
    /// they were named, so that none of them is hidden.
    pub(super) fn show(
        self,
        shell: &Shell<'_>,
        mut rows: Rows,
        chosen: bool,
        event: impl for<'a> Fn(Row<'a>) -> Event<'a>,
    ) -> Result<(), Failure> {
        let before = rows.len();
        rows.retain(|row| self.all || chosen || !row.is_hidden());
        let hidden = before - rows.len();
        rows.sort(|a, b| self.order(a, b));
        let screen = shell.console.is_screen() && !shell.console.is_json();
        if screen && !self.long && !self.lines {
            let width = tcgetwinsize(rustix::stdio::stdout()).map_or(80, |size| usize::from(size.ws_col));
            for line in columns(&rows.iter().map(|row| row.shown()).collect::<Vec<_>>(), width) {
                shell.console.print(&line)?;
            }
        } else {
            for row in rows.iter() {
                shell.console.result(&event(row), || if self.long { long(&row) } else { row.shown() })?;
            }
        }
        if self.long || screen && !self.lines || shell.console.is_json() {
            total(shell, &rows, hidden)?;
        }
        Ok(())
    }
}

fn long(row: &Row<'_>) -> String {
    let size = if row.kind == Kind::File { show::size(row.size) } else { "-".into() };
    format!("{size:>10}  {}  {}", show::minute(row.mtime), row.shown())
}

fn total(shell: &Shell<'_>, rows: &Rows, hidden: usize) -> Result<(), Failure> {
    let of = |kind| rows.iter().filter(move |row| row.kind == kind);
    let (files, dirs) = (of(Kind::File).count() as u64, of(Kind::Dir).count() as u64);
    let bytes = of(Kind::File).map(|file| file.size).fold(0, u64::saturating_add);
    shell.console.tell(&Event::Total { files, dirs, bytes }, || {
        let mut line = format!("{}, {}", show::count(files, "file"), show::size(bytes));
        match dirs {
            0 => {}
            1 => line += ", 1 directory",
            dirs => line += &format!(", {dirs} directories"),
        }
        if hidden > 0 {
            line += &format!(", {hidden} hidden (ls -a shows them)");
        }
        line
    })
}

/// Names in columns, as many as fit, read from top to bottom.
fn columns(names: &[String], width: usize) -> Vec<String> {
    let widths: Vec<_> = names.iter().map(|name| name.width()).collect();
    let fits = |rows: usize| {
        let all: usize = widths.chunks(rows).map(|column| column.iter().max().unwrap_or(&0) + GAP).sum();
        all <= width + GAP
    };
    let rows = (1..=names.len()).find(|rows| fits(*rows)).unwrap_or(names.len());
    let columns: Vec<_> =
        widths.chunks(rows.max(1)).map(|column| column.iter().max().unwrap_or(&0) + GAP).collect();
    (0..rows)
        .map(|row| {
            let mut line = String::new();
            for (column, width) in columns.iter().enumerate() {
                let Some(name) = names.get(column * rows + row) else { break };
                line.push_str(name);
                line.extend(std::iter::repeat_n(' ', width - name.width()));
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_many_as_fit_and_wide_characters_are_wide() {
        let names = ["a", "bb", "資料/", "d", "e"].map(String::from);
        assert_eq!(columns(&names, 80), ["a  bb  資料/  d  e"]);
        assert_eq!(columns(&names, 12), ["a   資料/  e", "bb  d"]);
        assert_eq!(columns(&names, 3), ["a", "bb", "資料/", "d", "e"], "nothing is cut");
        assert_eq!(columns(&[], 80), Vec::<String>::new());
    }

    #[test]
    fn the_order_is_that_of_the_options() {
        let row = |name, size, mtime| Row { name, kind: Kind::File, size, mtime };
        let sorted = |style: Style| {
            let mut rows: Rows = [row("a", 1, 3), row("b", 3, 2), row("c", 2, 2)].into_iter().collect();
            rows.sort(|a, b| style.order(a, b));
            rows.iter().map(|row| row.name).collect::<String>()
        };
        let style = Style::default();
        assert_eq!(sorted(style), "abc");
        assert_eq!(sorted(Style { reverse: true, ..style }), "cba");
        assert_eq!(sorted(Style { by_time: true, ..style }), "abc");
        assert_eq!(sorted(Style { by_size: true, ..style }), "bca");
    }

    #[test]
    fn many_rows_are_close_together_and_twins_are_found() {
        let row = |name, size| Row { name, kind: Kind::File, size, mtime: -1 };
        let mut rows: Rows = [row("b", 1), row("", 2), row("a", u64::MAX)].into_iter().collect();
        assert!(!rows.has_twins());
        assert_eq!(rows.iter().collect::<Vec<_>>(), [row("", 2), row("a", u64::MAX), row("b", 1)]);
        rows.push(row("a", 3));
        assert!(rows.has_twins());
        assert!(size_of::<Packed>() <= 32);
    }
}
