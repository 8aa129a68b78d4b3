//! What a person, a log or a program sees while a build runs.
//!
//! In: events. Out: a live line on a terminal, plain lines elsewhere, or JSON. Never: a decision.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dibber_engine::build_set::Watch;
use dibber_engine::event::Event;
use dibber_model::{Bytes, redact};
use dibber_plan::Plan;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printable::{self, printable};
use crate::terminal::{self, say};

/// Between two drawings of the live line.
const TICK: Duration = Duration::from_millis(120);

/// How events are shown.
enum Face {
    /// A line for each running member that is redrawn, on a terminal.
    Live(MultiProgress),
    /// A line for each thing that ended.
    Plain,
    /// Every event as JSON on standard output.
    Json,
}

impl Face {
    /// Live where standard error is a terminal that can redraw a line, plain otherwise.
    fn of_terminal() -> Face {
        let redraws = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        match std::io::stderr().is_terminal() && redraws {
            true => Face::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            false => Face::Plain,
        }
    }
}

/// Shows the events of a set.
pub(crate) struct Progress {
    face: Face,
    verbose: bool,
    members: Vec<Member>,
}

/// What is shown of one member.
struct Member {
    image: String,
    target: String,
    /// In front of its lines, where there are several.
    label: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
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
    /// For one piece of work that is no build.
    pub(crate) fn alone() -> Self {
        let member = Member {
            image: String::new(),
            target: String::new(),
            label: String::new(),
            state: Mutex::default(),
        };
        let progress = Progress { face: Face::of_terminal(), verbose: false, members: vec![member] };
        progress.started(&mut progress.members[0].state.lock().unwrap_or_else(PoisonError::into_inner));
        progress
    }

    /// JSON where asked for, else as the terminal allows.
    pub(crate) fn new((json, verbose): (bool, bool), plans: &[Plan]) -> Self {
        let face = if json { Face::Json } else { Face::of_terminal() };
        let one_image = plans.iter().all(|plan| plan.image == plans[0].image);
        let member = |plan: &Plan| Member {
            image: plan.image.clone(),
            target: plan.target.to_string(),
            label: match (plans.len(), one_image) {
                (1, _) => String::new(),
                (_, true) => format!("[{}] ", plan.target),
                (_, false) => format!("[{}] ", plan.basename()),
            },
            state: Mutex::default(),
        };
        Progress { face, verbose, members: plans.iter().map(member).collect() }
    }

    /// Whether there are several members.
    pub(crate) fn is_many(&self) -> bool {
        self.members.len() > 1
    }

    /// Prints a line that is about no member.
    pub(crate) fn say(&self, line: &str) {
        match &self.face {
            // What cannot be printed on a terminal cannot be told there either.
            Face::Live(all) => drop(all.println(terminal::shown(line))),
            Face::Plain => terminal::tell(line),
            Face::Json => {}
        }
    }

    /// Warns of something that is about no member.
    pub(crate) fn warn(&self, text: &str) {
        match &self.face {
            Face::Json => print_json(&Event::Warning { text: text.to_string() }, None),
            _ => self.say(&format!("  warning: {}", terminal::quoted(text))),
        }
    }

    /// Several members are about to be built.
    pub(crate) fn set_started(&self, count: usize, jobs: usize, estimate: Option<f64>) {
        let last = estimate.map(|s| format!(", about {} as they went last time", duration(s)));
        self.say(&format!("set of {count}: {jobs} at a time{}", last.unwrap_or_default()));
    }

    fn now(&self, member: &Member, state: &mut State, text: String) {
        state.now = text;
        if let Some(bar) = &state.bar {
            bar.set_message(on_line(&format!("{}{}{}", member.label, state.now, left(state))));
        }
    }

    fn started(&self, state: &mut State) {
        if let Face::Live(all) = &self.face {
            state.bar = Some(all.add(live_line()));
        }
    }

    /// Leaves the terminal to a shell.
    fn rest(&self, state: &State) {
        if let (Face::Live(all), Some(bar)) = (&self.face, &state.bar) {
            bar.disable_steady_tick();
            all.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    fn go_on(&self, state: &State) {
        if let (Face::Live(all), Some(bar)) = (&self.face, &state.bar) {
            all.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
        }
    }

    /// Takes the live lines away, so that what is printed next stands alone.
    pub(crate) fn finish(&self) {
        for member in &self.members {
            let mut state = member.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(bar) = state.bar.take() {
                bar.finish_and_clear();
            }
        }
    }

    fn show(&self, member: &Member, event: &Event) {
        let mut state = member.state.lock().unwrap_or_else(PoisonError::into_inner);
        let say = |line: String| self.say(&format!("{}{line}", member.label));
        match event {
            Event::ImageStarted { image, target, steps, estimate } => {
                let (started, steps) = (Some(Instant::now()), *steps);
                *state = State { started, estimate: *estimate, steps, ..State::default() };
                self.started(&mut state);
                let last = estimate.map(|s| format!(", {} last time", duration(s))).unwrap_or_default();
                say(format!("{image} for {target}: {steps} steps{last}"));
            }
            Event::StepCached { .. } => {
                state.step += 1;
                state.cached += 1;
            }
            Event::StepStarted { phase, name, element, why, .. } => {
                if state.cached > 0 {
                    say(format!("  {} steps cached; going on from here: {why}", state.cached));
                    state.cached = 0;
                }
                state.step += 1;
                let text = format!("[{}/{}] {phase} {name} ({element})", state.step, state.steps);
                self.now(member, &mut state, text);
            }
            Event::StepWaiting { phase, name } => {
                let text = format!("waiting for {phase} {name}, which another build runs");
                self.now(member, &mut state, text);
            }
            Event::Output { line, .. } if self.verbose => {
                say(format!("    {}", printable(line.trim_end_matches('\r').as_bytes())));
            }
            Event::Output { line, .. } => {
                if let Some(bar) = &state.bar {
                    bar.set_message(on_line(&format!("{}{}: {}", member.label, state.now, line.trim())));
                }
            }
            Event::ShellOpened { point } => {
                say(format!("  at {point}: a shell; what it changes in the tree stays, and `exit` goes on"));
                self.rest(&state);
            }
            Event::ShellClosed => self.go_on(&state),
            Event::StepFinished { phase, name, seconds } => {
                say(format!("  {phase:<12} {name:<34} {:>8}", duration(*seconds)));
            }
            Event::Warning { text } => say(format!("  warning: {}", terminal::quoted(text))),
            Event::OutputReady { path, bytes } => say(format!("  {path}  {}", Bytes(*bytes))),
            Event::MemberEnded { outcome, why, .. } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                if outcome == "kept" {
                    say("  nothing changed; the files are as they were".to_string());
                }
                if let Some(why) = why.as_ref().filter(|_| self.is_many()) {
                    say(format!("{outcome}: {}", terminal::quoted(why)));
                }
            }
            stage => self.stage(member, &mut state, stage),
        }
    }

    /// Work outside of steps, and its end.
    fn stage(&self, member: &Member, state: &mut State, event: &Event) {
        let say = |line: String| self.say(&format!("{}{line}", member.label));
        match event {
            Event::StageStarted { stage, bytes } => {
                if state.cached > 0 {
                    say(format!("  {} steps cached", state.cached));
                    state.cached = 0;
                }
                state.stage_bytes = *bytes;
                self.now(member, state, stage.clone());
            }
            Event::StageProgress { bytes } => {
                if let (Some(bar), Some(total)) = (&state.bar, state.stage_bytes.filter(|b| *b > 0)) {
                    let done = format!("{} of {}", Bytes(*bytes), Bytes(total));
                    bar.set_message(on_line(&format!("{}{} {done}", member.label, state.now)));
                }
            }
            Event::StageFinished { stage, seconds } => {
                say(format!("  {stage:<47} {:>8}", duration(*seconds)));
            }
            Event::ImageFinished { image, target, seconds } => {
                say(format!("{image} for {target}: done in {}", duration(*seconds)));
            }
            _ => {}
        }
    }
}

impl Watch for Progress {
    fn emit(&self, member: usize, event: Event) {
        let member = &self.members[member];
        match self.face {
            Face::Json => print_json(&event, Some(member)),
            _ => self.show(member, &event),
        }
    }
}

/// The event, and the member that it is about.
fn print_json(event: &Event, member: Option<&Member>) {
    let Ok(mut value) = serde_json::to_value(event) else { return };
    if let (Some(map), Some(member)) = (value.as_object_mut(), member) {
        for (key, text) in [("image", &member.image), ("target", &member.target)] {
            map.entry(key).or_insert_with(|| text.as_str().into());
        }
    }
    // A reader that went away ends nothing: the build's result is the files.
    say(printable::json(value.to_string()));
}

/// A text of others on the live line, which is one.
fn on_line(text: &str) -> String {
    printable(redact::mask_urls(text).as_bytes())
}

fn live_line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
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
