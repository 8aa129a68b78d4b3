//! What a person, a log or a program sees while a build runs.
//!
//! In: events. Out: a live line on a terminal, plain lines elsewhere, or JSON. Never: a decision.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dibber_build::event::{Event, Events};
use dibber_model::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two drawings of the live line.
const TICK: Duration = Duration::from_millis(120);

/// How events are shown.
enum Face {
    /// A line that is redrawn, on a terminal.
    Live(ProgressBar),
    /// A line for each thing that ended.
    Plain,
    /// Every event as JSON on standard output.
    Json,
}

/// Shows the events of a build.
pub(crate) struct Progress {
    face: Face,
    verbose: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    started: Option<Instant>,
    estimate: Option<f64>,
    steps: usize,
    step: usize,
    cached: usize,
    stage_bytes: Option<u64>,
    /// What is being done now; heads the live line.
    now: String,
}

impl Progress {
    /// Live where standard error is a terminal that can redraw a line, plain otherwise, JSON where asked for.
    pub(crate) fn new(json: bool, verbose: bool) -> Self {
        let face = if json {
            Face::Json
        } else if std::io::stderr().is_terminal()
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
        {
            Face::Live(live_line())
        } else {
            Face::Plain
        };
        Progress { face, verbose, state: Mutex::default() }
    }

    fn say(&self, line: &str) {
        match &self.face {
            Face::Live(bar) => bar.println(line),
            Face::Plain => eprintln!("{line}"),
            Face::Json => {}
        }
    }

    fn now(&self, state: &mut State, text: String) {
        state.now = text;
        if let Face::Live(bar) = &self.face {
            bar.set_message(format!("{}{}", state.now, left(state)));
        }
    }

    /// Tells something that is no event.
    pub(crate) fn note(&self, text: &str) {
        self.say(&format!("  {text}"));
    }

    /// Leaves the terminal to a shell.
    fn rest(&self) {
        if let Face::Live(bar) = &self.face {
            bar.disable_steady_tick();
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    fn go_on(&self) {
        if let Face::Live(bar) = &self.face {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
        }
    }

    /// Takes the live line away, so that what is printed next stands alone.
    pub(crate) fn finish(&self) {
        if let Face::Live(bar) = &self.face {
            bar.finish_and_clear();
        }
    }

    fn show(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::ImageStarted { image, target, steps, estimate } => {
                *state = State {
                    started: Some(Instant::now()),
                    estimate: *estimate,
                    steps: *steps,
                    ..State::default()
                };
                let last = estimate.map(|s| format!(", {} last time", duration(s))).unwrap_or_default();
                self.say(&format!("{image} for {target}: {steps} steps{last}"));
            }
            Event::StepCached { .. } => {
                state.step += 1;
                state.cached += 1;
            }
            Event::StepStarted { phase, name, element, why, .. } => {
                if state.cached > 0 {
                    self.say(&format!("  {} steps cached; going on from here: {why}", state.cached));
                    state.cached = 0;
                }
                state.step += 1;
                let text = format!("[{}/{}] {phase} {name} ({element})", state.step, state.steps);
                self.now(&mut state, text);
            }
            Event::Output { line } if self.verbose => self.say(&format!("    {line}")),
            Event::Output { line } => {
                let text = format!("{}: {}", state.now, line.trim());
                if let Face::Live(bar) = &self.face {
                    bar.set_message(text);
                }
            }
            Event::ShellOpened { point } => {
                self.say(&format!(
                    "  at {point}: a shell; what it changes in the tree stays, and `exit` goes on"
                ));
                self.rest();
            }
            Event::ShellClosed => self.go_on(),
            Event::StepFinished { phase, name, seconds } => {
                self.say(&format!("  {phase:<12} {name:<34} {:>8}", duration(*seconds)));
            }
            Event::StageStarted { stage, bytes } => {
                if state.cached > 0 {
                    self.say(&format!("  {} steps cached", state.cached));
                    state.cached = 0;
                }
                state.stage_bytes = *bytes;
                self.now(&mut state, stage.clone());
            }
            Event::StageProgress { bytes } => {
                if let (Face::Live(bar), Some(total)) = (&self.face, state.stage_bytes.filter(|b| *b > 0)) {
                    bar.set_message(format!("{} {} of {}", state.now, Bytes(*bytes), Bytes(total)));
                }
            }
            Event::StageFinished { stage, seconds } => {
                self.say(&format!("  {stage:<47} {:>8}", duration(*seconds)));
            }
            Event::Warning { text } => self.say(&format!("  warning: {text}")),
            Event::OutputReady { path, bytes } => self.say(&format!("  {path}  {}", Bytes(*bytes))),
            Event::ImageFinished { image, target, seconds } => {
                self.say(&format!("{image} for {target}: done in {}", duration(*seconds)));
            }
        }
    }
}

impl Events for Progress {
    fn emit(&self, event: Event) {
        if let Face::Json = self.face {
            if let Ok(line) = serde_json::to_string(&event) {
                // A reader that went away ends nothing: the build's result is the files.
                let _ = writeln!(std::io::stdout().lock(), "{line}");
            }
            return;
        }
        self.show(&event);
    }
}

fn live_line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// What is left of the time that the last build took, while there is any.
fn left(state: &State) -> String {
    let passed = state.started.map_or(0.0, |s| s.elapsed().as_secs_f64());
    match state.estimate {
        Some(whole) if whole > passed + 1.0 => format!(", about {} left", duration(whole - passed)),
        _ => String::new(),
    }
}

/// Seconds, for people: `0.4 s`, `12 s`, `3 min 5 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{whole} s") } else { format!("{} min {} s", whole / 60, whole % 60) }
}
