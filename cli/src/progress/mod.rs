//! How transfers go, for the eye and for programs. The only place where bars are drawn, by pbr.
//!
//! pbr draws the bar and nothing else: its own rate counts what an earlier attempt had brought, and its time left is in whole minutes. Several files have a
//! line for the file and one for all; `screen` paints them over in place.

mod count;
mod line;
mod meter;
mod screen;
mod status;

pub use count::Count;
pub use status::answer_signals;

use crate::console::Console;
use crate::event::{Event, Op};
use crate::show;
use crate::watch::Watch;
use line::{Bar, Text, percent};
use meter::Meter;
use screen::Screen;
use status::Running;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often lines are painted, and what SIGUSR1 says is made anew.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a line is printed where there is no terminal.
const LINES: Duration = Duration::from_secs(10);
/// How often a program is told.
const EVENTS: Duration = Duration::from_secs(1);
/// How long it is shown that the connection is there again.
const RECONNECTED: Duration = Duration::from_secs(3);
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
    Bar(Box<Bar>),
    Lines,
    Events,
    Off,
}

impl Mode {
    fn of(console: &Console, when: When) -> Self {
        let terminal =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        match when {
            When::Never => Self::Off,
            When::Auto | When::Always if console.is_json() => Self::Events,
            When::Auto | When::Always if terminal => Self::Bar(Box::new(Bar::new())),
            When::Always => Self::Lines,
            When::Auto => Self::Off,
        }
    }

    fn period(&self) -> Duration {
        match self {
            Self::Bar(_) | Self::Off => REDRAW,
            Self::Lines => LINES,
            Self::Events => EVENTS,
        }
    }
}

/// The file that is under way.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// What it is called on the screen; already printable.
    pub label: String,
    /// Which way; none for neither.
    pub op: Option<Op>,
    /// At the server.
    pub remote: String,
    /// On this side.
    pub local: String,
    /// As far as it is known before it begins.
    pub size: u64,
}

/// The files of a transfer of several.
struct Batch {
    files: u64,
    bytes: u64,
    /// Files and bytes that were dealt with.
    past: (u64, u64),
    /// What was shown last: it never goes back.
    percent: u64,
    meter: Meter,
}

/// What is going on with the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing yet.
    Waiting,
    /// What is there from an earlier attempt is compared.
    Checking,
    Moving,
    /// The other end verifies, and makes durable.
    Finishing,
}

/// Shows how one transfer, or one of several files, goes.
pub struct Progress<'a> {
    console: &'a Console,
    mode: Mode,
    screen: Arc<Mutex<Screen>>,
    running: Running,
    batch: Option<Batch>,
    subject: Subject,
    stage: Stage,
    /// What is compared of what is there, and all of that.
    checked: (u64, u64),
    size: u64,
    done: u64,
    /// Where this attempt began.
    from: u64,
    /// The most that any attempt had.
    most: u64,
    /// An attempt had more than all before it.
    news: bool,
    meter: Meter,
    drawn: Option<Instant>,
    was_lost: bool,
    /// Since when it goes on after that.
    reconnected: Option<Instant>,
}

impl<'a> Progress<'a> {
    /// Of one file.
    #[must_use]
    pub fn one(console: &'a Console, when: When) -> Self {
        let screen = Arc::new(Mutex::new(Screen::stderr()));
        Self {
            console,
            mode: Mode::of(console, when),
            running: Running::new(&screen),
            screen,
            batch: None,
            subject: Subject::default(),
            stage: Stage::Waiting,
            checked: (0, 0),
            size: 0,
            done: 0,
            from: 0,
            most: 0,
            news: false,
            meter: Meter::new(0),
            drawn: None,
            was_lost: false,
            reconnected: None,
        }
    }

    /// Of several, with so many bytes together.
    #[must_use]
    pub fn many(console: &'a Console, when: When, files: u64, bytes: u64) -> Self {
        let batch = Batch { files, bytes, past: (0, 0), percent: 0, meter: Meter::new(0) };
        Self { batch: Some(batch), ..Self::one(console, when) }
    }

    /// Several files are shown.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        self.batch.is_some()
    }

    /// The file that is under way.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The next file.
    pub fn file(&mut self, subject: Subject) {
        (self.stage, self.size, self.done) = (Stage::Waiting, subject.size, 0);
        self.most = 0;
        self.subject = subject;
    }

    /// The file is done, or given up: its bytes count as dealt with.
    pub fn file_done(&mut self, size: u64) {
        self.news = true;
        match &mut self.batch {
            Some(batch) => {
                batch.past = (batch.past.0 + 1, batch.past.1.saturating_add(size));
                batch.meter.at(batch.past.1);
                self.done = 0;
                self.tick(false);
            }
            None => self.leave(""),
        }
    }

    /// Its bytes were there before: they say nothing about the rate.
    pub fn file_was_there(&mut self, size: u64) {
        if let Some(batch) = &mut self.batch {
            batch.meter.rebase(batch.past.1.saturating_add(size));
        }
        self.file_done(size);
    }

    /// An attempt brought more than all before it, since this was asked last.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// How far it is, as it was shown if it was: hundredths, and the files that are done, when there are several.
    #[must_use]
    pub fn standing(&mut self) -> (u64, Option<(u64, u64)>) {
        if !self.is_bar() {
            // Nothing else has looked for up to a second, or ever.
            self.total();
        }
        match &self.batch {
            Some(batch) => (batch.percent, Some((batch.past.0, batch.files))),
            None => (percent(self.done, self.size), None),
        }
    }

    /// Nothing of the file is there yet.
    #[must_use]
    pub fn is_at_start(&self) -> bool {
        self.done == 0 || self.stage != Stage::Moving
    }

    /// Leaves the lines as they are, with `end` after them, and goes to a new line.
    pub fn leave(&mut self, end: &str) {
        self.screen().leave(end);
    }

    /// Shows the last state of several files, and leaves it.
    pub fn close_batch(&mut self) {
        let moved = self.batch.as_ref().map_or(0, |batch| batch.meter.total);
        if moved == 0 || self.drawn.is_none() {
            return self.clear();
        }
        let both = self.name_columns();
        let columns = self.screen().columns();
        if let (Some((name, done, total, percent, _)), Some(batch)) = (self.total(), &self.batch) {
            let pace = batch.meter.mean(moved);
            let text = Text { name: &name, done, total, percent, pace, name_columns: Some(both), end: "" };
            if let Mode::Bar(bar) = &mut self.mode {
                let line = bar.line(&text, columns);
                self.screen().paint(&[line]);
            }
        }
        self.leave("");
    }

    /// Takes the lines away.
    pub fn clear(&mut self) {
        self.screen().clear();
    }

    /// The connection was lost; in so many seconds it is made anew.
    pub fn lost(&mut self, seconds: u64, attempt: u32, of: Option<u32>) {
        let limit = of.map_or_else(String::new, |of| format!(" of {of}"));
        let message = format!("connection lost; again in {seconds}s ({attempt}{limit}), Ctrl-C stops");
        let short = format!("lost; again in {seconds}s");
        self.running.set(format!("{}: {message}", self.subject.label));
        if matches!(self.mode, Mode::Bar(_)) {
            let columns = self.screen().columns();
            if self.stage == Stage::Checking {
                self.stage = Stage::Waiting;
            }
            let line = self.text(None).message(&message, &short, columns);
            let lines: Vec<_> = [line].into_iter().chain(self.batch_words(columns)).collect();
            self.screen().paint(&lines);
        }
    }

    /// The connection is to be made anew now.
    pub fn again(&mut self) {
        self.was_lost = true;
    }

    /// Where it is shown what happens while it happens.
    #[must_use]
    pub fn is_bar(&self) -> bool {
        matches!(self.mode, Mode::Bar(_))
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, name_columns: Option<usize>) -> Text<'_> {
        let (done, total) = match self.stage {
            Stage::Checking => self.checked,
            Stage::Waiting | Stage::Moving | Stage::Finishing => (self.done.min(self.size), self.size),
        };
        let pace = match self.stage {
            Stage::Waiting => format!("{:<17}", " waiting"),
            Stage::Checking => format!("{:<17}", " checking"),
            Stage::Moving => self.meter.pace(total),
            // The end is no time to guess: it took so long.
            Stage::Finishing => self.meter.mean(done.saturating_sub(self.from)),
        };
        let name = self.subject.label.as_str();
        // What is waited for may have any size.
        let percent = if self.stage == Stage::Waiting && total == 0 { 0 } else { percent(done, total) };
        Text { name, done, total, percent, pace, name_columns, end: "" }
    }

    /// The name, the bytes done and to do, and the pace of all files.
    fn total(&mut self) -> Option<(String, u64, u64, u64, String)> {
        let done = self.done.min(self.size);
        let batch = self.batch.as_mut()?;
        // Files come and go meanwhile: what was counted first stays the measure.
        let now = batch.past.1.saturating_add(done).min(batch.bytes);
        batch.meter.at(batch.past.1.saturating_add(done));
        let share = if batch.bytes == 0 {
            percent(batch.past.0.min(batch.files), batch.files)
        } else {
            percent(now, batch.bytes)
        };
        batch.percent = batch.percent.max(share);
        let name = format!("total ({}/{})", batch.past.0.min(batch.files), batch.files);
        Some((name, now, batch.bytes, batch.percent, batch.meter.pace(batch.bytes)))
    }

    fn batch_words(&mut self, columns: usize) -> Option<String> {
        let (name, done, total, percent, pace) = self.total()?;
        let text = Text { name: &name, done, total, percent, pace, name_columns: None, end: "" };
        Some(text.words(columns))
    }

    fn tick(&mut self, last: bool) {
        if !last && self.drawn.is_some_and(|drawn| drawn.elapsed() < self.mode.period()) {
            return;
        }
        self.meter.at(self.done);
        let total = self.total();
        let mut said = self.text(None).plain();
        if let Some((name, done, total, percent, pace)) = &total {
            let pace = pace.clone();
            let of = Text {
                name,
                done: *done,
                total: *total,
                percent: *percent,
                pace,
                name_columns: None,
                end: "",
            };
            said = format!("{}, {said}", of.plain());
        }
        match &self.mode {
            Mode::Bar(_) => self.paint(total),
            Mode::Lines if !last => self.console.complain(&said),
            // The first one has nothing to tell yet.
            Mode::Events if !last && self.drawn.is_some() => self.tell(),
            Mode::Lines | Mode::Events | Mode::Off => {}
        }
        self.running.set(said);
        self.drawn = Some(Instant::now());
    }

    /// The columns of a name, where two lines stand below each other.
    fn name_columns(&self) -> usize {
        (self.screen().columns() / 4).clamp(12, 24)
    }

    fn paint(&mut self, total: Option<(String, u64, u64, u64, String)>) {
        let columns = self.screen().columns();
        let both = total.is_some().then(|| self.name_columns());
        let mut text = self.text(both);
        let (name, pace) = (text.name.to_owned(), std::mem::take(&mut text.pace));
        let (done, size, share) = (text.done, text.total, text.percent);
        let fresh = self.reconnected.is_some_and(|at| at.elapsed() < RECONNECTED);
        let end = if fresh && self.stage == Stage::Moving { "reconnected" } else { "" };
        let Mode::Bar(bar) = &mut self.mode else { return };
        let text = Text { name: &name, done, total: size, percent: share, pace, name_columns: both, end };
        let mut lines = vec![bar.line(&text, columns)];
        if let Some((name, done, total, percent, pace)) = total {
            let text = Text { name: &name, done, total, percent, pace, name_columns: both, end: "" };
            lines.push(bar.line(&text, columns));
        }
        self.screen().paint(&lines);
    }

    fn tell(&self) {
        let (meter, file, done, total) = match &self.batch {
            Some(batch) => {
                (&batch.meter, None, batch.past.1.saturating_add(self.done).min(batch.bytes), batch.bytes)
            }
            None => (&self.meter, Some(self.subject.remote.as_str()), self.done, self.size),
        };
        let event = Event::Progress {
            file,
            bytes_done: done,
            bytes_total: total,
            rate: meter.rate(),
            eta_s: meter.left(total).map(|left| left.as_secs()),
        };
        // When stdout is closed the next result says so.
        let _gone = self.console.tell(&event, String::new);
    }

    fn say_checked(&mut self, resumed: u64) {
        let (side, like) = match self.subject.op {
            Some(Op::Put) => ("there", "here"),
            Some(Op::Get | Op::Verify) | None => ("here", "on the server"),
        };
        let had = show::short_size(resumed);
        let what = format!("the {had} already {side} ... same as {like} (BLAKE3), resuming.");
        self.note_above(&if self.batch.is_some() || self.mode.period() == LINES {
            format!("{}: checking {what}", self.subject.label)
        } else {
            format!("Checking {what}")
        });
    }

    /// Says something for a person; lines that are there come below it.
    pub fn note_above(&mut self, line: &str) {
        self.clear();
        self.console.note(line);
    }
}

impl Watch for Progress<'_> {
    fn waiting(&mut self) {
        self.tick(false);
    }

    fn checking(&mut self, done: u64, total: u64) {
        if total < WORTH_SHOWING {
            return;
        }
        if self.stage != Stage::Checking {
            (self.stage, self.drawn) = (Stage::Checking, None);
        }
        self.checked = (done, total);
        self.tick(false);
    }

    fn begin(&mut self, size: u64, resumed: u64) {
        (self.size, self.done, self.from) = (size, resumed, resumed);
        (self.stage, self.meter) = (Stage::Moving, Meter::new(resumed));
        self.most = self.most.max(resumed);
        if std::mem::take(&mut self.was_lost) {
            self.reconnected = Some(Instant::now());
        }
        if let Some(batch) = &mut self.batch {
            batch.meter.file(batch.past.1.saturating_add(resumed), resumed);
        } else {
            self.drawn = None;
        }
        if let (true, Some(op)) = (self.console.is_json(), self.subject.op) {
            let (file, local) = (self.subject.remote.as_str(), self.subject.local.as_str());
            let event = Event::Start { op, file, local, bytes: size, resumed_from: resumed };
            let _gone = self.console.tell(&event, String::new);
        } else if resumed > 0 {
            self.say_checked(resumed);
        }
        if size > 0 {
            self.tick(false);
        }
    }

    fn at(&mut self, bytes: u64) {
        self.done = bytes;
        if bytes > self.most {
            (self.most, self.news) = (bytes, true);
        }
        self.tick(false);
    }

    fn finishing(&mut self) {
        if self.size == 0 {
            return;
        }
        self.done = self.size;
        let last = self.stage == Stage::Moving && self.batch.is_none();
        if last {
            self.stage = Stage::Finishing;
        }
        self.tick(last);
    }

    fn note(&mut self, line: &str) {
        let line = format!("{}: {line}", self.subject.label);
        self.note_above(&line);
    }
}
