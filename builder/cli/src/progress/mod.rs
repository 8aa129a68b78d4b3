//! What a person, a log or a program sees while a build runs. On a terminal, one line for each image is redrawn; a log would be full of
//! those, so elsewhere a line is printed for each thing that ended.
//!
//! In: events. Out: a live line on a terminal, plain lines elsewhere, or JSON. Never: a decision.

mod member_line;

use std::io::IsTerminal;
use std::time::Instant;

use dibber_engine::build_set::WatchSet;
use dibber_engine::event::{Event, MemberOutcome};
use dibber_model::Bytes;
use dibber_plan::Plan;
use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::printable::{self, printable};
use crate::terminal::{self, print_stdout};
use member_line::{LineState, MemberLine, TICK, live_line, on_line, time_left};

/// How events are shown.
enum ProgressDisplay {
    /// A line for each running member that is redrawn, on a terminal.
    Live(MultiProgress),
    /// A line for each thing that ended.
    Plain,
    /// Every event as JSON on standard output.
    Json,
}

impl ProgressDisplay {
    /// Live where standard error is a terminal that can redraw a line, plain otherwise.
    fn of_terminal() -> ProgressDisplay {
        let redraws = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        match std::io::stderr().is_terminal() && redraws {
            true => ProgressDisplay::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            false => ProgressDisplay::Plain,
        }
    }
}

/// How progress is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgressOptions {
    /// As JSON.
    pub(crate) json: bool,
    /// With what hooks print.
    pub(crate) verbose: bool,
}

/// Shows the events of a set.
pub(crate) struct Progress {
    face: ProgressDisplay,
    verbose: bool,
    members: Vec<MemberLine>,
}

impl Progress {
    /// For one piece of work that is no build.
    pub(crate) fn alone() -> Self {
        let member = MemberLine::default();
        let progress =
            Progress { face: ProgressDisplay::of_terminal(), verbose: false, members: vec![member] };
        progress.start_line(&mut progress.members[0].state());
        progress
    }

    /// JSON where asked for, else as the terminal allows.
    pub(crate) fn new(options: ProgressOptions, plans: &[Plan]) -> Self {
        let ProgressOptions { json, verbose } = options;
        let face = if json { ProgressDisplay::Json } else { ProgressDisplay::of_terminal() };
        let one_image = plans.iter().all(|plan| plan.image == plans[0].image);
        let member = |plan: &Plan| {
            let label = match (plans.len(), one_image) {
                (1, _) => String::new(),
                (_, true) => format!("[{}] ", plan.target),
                (_, false) => format!("[{}] ", plan.basename()),
            };
            MemberLine::new(plan.image.clone(), plan.target.to_string(), label)
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
            ProgressDisplay::Live(all) => drop(all.println(terminal::shown(line))),
            ProgressDisplay::Plain => terminal::print_stderr(line),
            ProgressDisplay::Json => {}
        }
    }

    /// Warns of something that is about no member.
    pub(crate) fn warn(&self, text: &str) {
        match &self.face {
            ProgressDisplay::Json => print_json(&Event::Warning { text: text.to_string() }, None),
            _ => self.say(&format!("  warning: {}", terminal::indented(text))),
        }
    }

    /// Several members are about to be built.
    pub(crate) fn set_started(&self, count: usize, jobs: usize, estimate: Option<f64>) {
        let last = estimate.map(|s| format!(", about {} as they went last time", duration(s)));
        self.say(&format!("set of {count}: {jobs} at a time{}", last.unwrap_or_default()));
    }

    fn set_current(&self, member: &MemberLine, state: &mut LineState, text: String) {
        state.now = text;
        if let Some(bar) = &state.bar {
            bar.set_message(on_line(&format!("{}{}{}", member.label, state.now, time_left(state))));
        }
    }

    fn start_line(&self, state: &mut LineState) {
        if let ProgressDisplay::Live(all) = &self.face {
            state.bar = Some(all.add(live_line()));
        }
    }

    /// Leaves the terminal to a shell.
    fn hide_lines(&self, state: &LineState) {
        if let (ProgressDisplay::Live(all), Some(bar)) = (&self.face, &state.bar) {
            bar.disable_steady_tick();
            all.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    fn show_lines(&self, state: &LineState) {
        if let (ProgressDisplay::Live(all), Some(bar)) = (&self.face, &state.bar) {
            all.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
        }
    }

    /// Takes the live lines away, so that what is printed next stands alone.
    pub(crate) fn finish(&self) {
        for member in &self.members {
            let mut state = member.state();
            if let Some(bar) = state.bar.take() {
                bar.finish_and_clear();
            }
        }
    }

    fn show(&self, member: &MemberLine, event: &Event) {
        let mut state = member.state();
        let say = |line: String| self.say(&format!("{}{line}", member.label));
        match event {
            Event::ImageStarted { image, target, steps, estimate } => {
                let (started, steps) = (Some(Instant::now()), *steps);
                *state = LineState { started, estimate: *estimate, steps, ..LineState::default() };
                self.start_line(&mut state);
                let last = estimate.map(|s| format!(", {} last time", duration(s))).unwrap_or_default();
                say(format!("{image} for {target}: {steps} steps{last}"));
            }
            Event::StepCached { .. } => {
                state.step += 1;
                state.cached += 1;
            }
            Event::StepStarted { phase, name, element, why, .. } => {
                self.show_step_start(member, &mut state, &format!("{phase} {name} ({element})"), why);
            }
            Event::StepWaiting { phase, name } => {
                let text = format!("waiting for {phase} {name}, which another build runs");
                self.set_current(member, &mut state, text);
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
                self.hide_lines(&state);
            }
            Event::ShellClosed => self.show_lines(&state),
            Event::StepFinished { phase, name, seconds } => {
                say(format!("  {phase:<12} {name:<34} {:>8}", duration(*seconds)));
            }
            Event::Warning { text } => say(format!("  warning: {}", terminal::indented(text))),
            Event::OutputReady { path, bytes } => say(format!("  {path}  {}", Bytes(*bytes))),
            Event::MemberEnded { outcome, why, .. } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                if *outcome == MemberOutcome::Kept {
                    say("  nothing changed; the files are as they were".to_string());
                }
                if let Some(why) = why.as_ref().filter(|_| self.is_many()) {
                    say(format!("{}: {}", outcome.name(), terminal::indented(why)));
                }
            }
            Event::StageStarted { stage, bytes } => {
                self.show_stage_start(member, &mut state, stage.name(), *bytes);
            }
            Event::StageProgress { bytes } => show_stage_advance(member, &state, *bytes),
            Event::StageFinished { stage, seconds } => say(stage_line(stage.name(), *seconds)),
            Event::ImageFinished { image, target, seconds } => {
                say(format!("{image} for {target}: done in {}", duration(*seconds)));
            }
        }
    }

    fn show_step_start(&self, member: &MemberLine, state: &mut LineState, step: &str, why: &str) {
        if state.cached > 0 {
            self.say(&format!("{}  {} steps cached; going on from here: {why}", member.label, state.cached));
            state.cached = 0;
        }
        state.step += 1;
        let text = format!("[{}/{}] {step}", state.step, state.steps);
        self.set_current(member, state, text);
    }

    fn show_stage_start(&self, member: &MemberLine, state: &mut LineState, stage: &str, bytes: Option<u64>) {
        if state.cached > 0 {
            self.say(&format!("{}  {} steps cached", member.label, state.cached));
            state.cached = 0;
        }
        state.stage_bytes = bytes;
        self.set_current(member, state, stage.to_string());
    }

    /// Work that is no build's begins.
    pub(crate) fn stage_started(&self, stage: &str, bytes: Option<u64>) {
        for member in &self.members {
            self.show_stage_start(member, &mut member.state(), stage, bytes);
        }
    }

    /// Some more of its bytes are done.
    pub(crate) fn stage_advanced(&self, bytes: u64) {
        for member in &self.members {
            show_stage_advance(member, &member.state(), bytes);
        }
    }

    /// It ended.
    pub(crate) fn stage_finished(&self, stage: &str, seconds: f64) {
        self.say(&stage_line(stage, seconds));
    }
}

fn show_stage_advance(member: &MemberLine, state: &LineState, bytes: u64) {
    if let (Some(bar), Some(total)) = (&state.bar, state.stage_bytes.filter(|b| *b > 0)) {
        let done = format!("{} of {}", Bytes(bytes), Bytes(total));
        bar.set_message(on_line(&format!("{}{} {done}", member.label, state.now)));
    }
}

fn stage_line(stage: &str, seconds: f64) -> String {
    format!("  {stage:<47} {:>8}", duration(seconds))
}

impl WatchSet for Progress {
    fn emit(&self, member: usize, event: Event) {
        let member = &self.members[member];
        match self.face {
            ProgressDisplay::Json => print_json(&event, Some(member)),
            _ => self.show(member, &event),
        }
    }
}

/// The event, and the member that it is about.
fn print_json(event: &Event, member: Option<&MemberLine>) {
    let Ok(mut value) = serde_json::to_value(event) else { return };
    if let (Some(map), Some(member)) = (value.as_object_mut(), member) {
        for (key, text) in [("image", &member.image), ("target", &member.target)] {
            map.entry(key).or_insert_with(|| text.as_str().into());
        }
    }
    // A reader that went away ends nothing: the build's result is the files.
    print_stdout(printable::json(value.to_string()));
}

/// Seconds, for people: `0.4 s`, `12 s`, `3 min 5 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{whole} s") } else { format!("{} min {} s", whole / 60, whole % 60) }
}
