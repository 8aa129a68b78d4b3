//! What dib's commands print: every line that hooks print, with the time before it, on standard output and in the log file.
//!
//! Programs that run dib read this (Zuul, nodepool, scripts that grep for `Image file`), so it is dib's form, and not that of `dibber build`.
//!
//! In: events. Out: lines. Never: a line of a hook that a terminal would obey.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use dibber_engine::build_set::WatchSet;
use dibber_engine::event::Event;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::exit::Exit;
use crate::printable::printable;
use crate::progress::duration;
use crate::report::Problem;
use crate::terminal::print_stdout;

/// Where lines go.
pub(super) struct Log {
    file: Option<Mutex<File>>,
    is_quiet: bool,
    has_times: bool,
}

impl Log {
    /// As `--logfile`, `DIB_QUIET` and `DIB_NO_TIMESTAMP` have it: with a log file and without `DIB_QUIET`, nothing is printed.
    pub(super) fn open(logfile: Option<&str>, get: impl Fn(&str) -> Option<String>) -> Result<Log, Problem> {
        let quiet = get("DIB_QUIET").filter(|value| !value.is_empty());
        let is_quiet = quiet.map_or(logfile.is_some(), |value| value == "1");
        let has_times = get("DIB_NO_TIMESTAMP").as_deref() != Some("1");
        let file = logfile.map(|path| open(Path::new(path))).transpose()?;
        if let Some(path) = logfile {
            print_stdout(format!("Output logs going to: {path}"));
        }
        Ok(Log { file: file.map(Mutex::new), is_quiet, has_times })
    }

    /// A line of our own.
    pub(super) fn say(&self, line: &str) {
        self.line(line.as_bytes());
    }

    fn line(&self, line: &[u8]) {
        let now = Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%3f");
        if let Some(file) = &self.file {
            let whole = [format!("{now} | ").as_bytes(), line, b"\n"].concat();
            // A log that cannot be written ends no build.
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&whole);
        }
        if !self.is_quiet {
            let text = printable(line);
            match self.has_times {
                true => print_stdout(format!("{now} | {text}")),
                false => print_stdout(text),
            };
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a path that the person named")]
fn open(path: &Path) -> Result<File, Problem> {
    let file = File::options().append(true).create(true).open(path);
    file.map_err(|error| Problem::new(Exit::Fault, format!("the log file {}: {error}", path.display())))
}

impl WatchSet for Log {
    fn emit(&self, _member: usize, event: Event) {
        match event {
            Event::Output { line, bytes } if bytes.is_empty() => {
                self.line(line.trim_end_matches('\r').as_bytes());
            }
            Event::Output { bytes, .. } => self.line(&bytes),
            Event::StepStarted { phase, name, element, .. } => {
                self.say(&format!("dib-run-parts Running {phase}.d/{name} ({element})"));
            }
            Event::StepCached { phase, name, element } => {
                self.say(&format!("dib-run-parts Kept from an earlier build: {phase}.d/{name} ({element})"));
            }
            Event::StepWaiting { phase, name } => {
                self.say(&format!("dib-run-parts Waiting for another build that runs {phase}.d/{name}"));
            }
            Event::StepFinished { phase, name, seconds } => {
                self.say(&format!("dib-run-parts {phase}.d/{name} completed in {}", duration(seconds)));
            }
            Event::StageFinished { stage, seconds } => {
                self.say(&format!("{}: {}", stage.name(), duration(seconds)));
            }
            Event::Warning { text } => {
                text.lines().for_each(|line| self.say(&format!("WARNING: {line}")));
            }
            Event::ShellOpened { point } => {
                self.say(&format!("At stage {point}: a debug shell. Exit it to go on."));
            }
            Event::ShellClosed => self.say("Resuming"),
            Event::ImageStarted { .. }
            | Event::StageStarted { .. }
            | Event::StageProgress { .. }
            | Event::OutputReady { .. }
            | Event::ImageFinished { .. }
            | Event::MemberEnded { .. } => {}
        }
    }
}
