//! The line of one image on a terminal: what is being done, and how long it may still take.
//!
//! In: what events say. Out: one line that is redrawn. Never: more than a line; a text of others that a terminal obeys.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dibber_model::redact;
use indicatif::{ProgressBar, ProgressStyle};

use super::duration;
use crate::printable::printable;

/// Between two drawings of the live line.
pub(super) const TICK: Duration = Duration::from_millis(120);

/// What is shown of one member.
#[derive(Default)]
pub(super) struct MemberLine {
    pub(super) image: String,
    pub(super) target: String,
    /// In front of its lines, where there are several.
    pub(super) label: String,
    state: Mutex<LineState>,
}

impl MemberLine {
    /// The line of one target of an image.
    pub(super) fn new(image: String, target: String, label: String) -> Self {
        MemberLine { image, target, label, state: Mutex::default() }
    }

    /// What it shows now.
    pub(super) fn state(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a member's line shows.
#[derive(Default)]
pub(super) struct LineState {
    pub(super) bar: Option<ProgressBar>,
    pub(super) started: Option<Instant>,
    pub(super) estimate: Option<f64>,
    pub(super) steps: usize,
    pub(super) step: usize,
    pub(super) cached: usize,
    pub(super) stage_bytes: Option<u64>,
    /// What is being done now; heads the live line.
    pub(super) now: String,
}

/// A text of others on the live line, which is one.
pub(super) fn on_line(text: &str) -> String {
    printable(redact::mask_urls(text).as_bytes())
}

pub(super) fn live_line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// What is left of the time that the last build took, while there is any.
pub(super) fn time_left(state: &LineState) -> String {
    let passed = state.started.map_or(0.0, |s| s.elapsed().as_secs_f64());
    match state.estimate {
        Some(whole) if whole > passed + 1.0 => format!(", about {} left", duration(whole - passed)),
        _ => String::new(),
    }
}
