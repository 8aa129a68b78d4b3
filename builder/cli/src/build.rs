//! `dibber build`.
//!
//! In: arguments. Out: files, and their paths on standard output. Never: a later image left out because an earlier failed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dibber_engine::archive::{Asked, Network};
use dibber_engine::breakpoints::{Breaks, Point};
use dibber_engine::build_member::{self, Settings};
use dibber_engine::build_set::{self, Ended, Member, Watch};
use dibber_engine::event::Event;
use dibber_plan::Plan;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::Store;

use crate::args::{BuildArgs, RequestArgs};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::report::Problem;
use crate::{request, summary};

/// Builds every member that is asked for, several at a time.
pub(crate) fn build(args: &BuildArgs, stop: &Interrupts) -> Result<Exit, Problem> {
    let (sources, plans) = request::plans(&args.request)?;
    let settings = settings(args)?;
    let _tidily = stop.tidily().map_err(Problem::fault)?;
    let progress = Progress::new((args.json, args.verbose), &plans);
    for (name, origin) in &sources.shadowed {
        progress.warn(&format!("element {name} of {origin} is hidden by an earlier one"));
    }
    for (at, plan) in plans.iter().enumerate() {
        for text in plan.warnings.iter().cloned() {
            progress.emit(at, Event::Warning { text });
        }
    }
    let jobs = jobs(args, &settings);
    if plans.len() > 1 {
        let estimate = Store::open(&settings.store).ok().and_then(|s| build_set::estimate(&plans, &s, jobs));
        progress.set_started(plans.len(), jobs.min(plans.len()), estimate);
    }
    let start = Instant::now();
    let ended = build_set::build(&plans, (&settings, jobs), &progress, stop);
    progress.finish();
    let mut last = Exit::Ok;
    for (plan, member) in plans.iter().zip(&ended) {
        let exit = report(plan, member, &progress);
        // Ctrl-C ended them all; else the first that failed says how.
        if last == Exit::Ok || exit == Exit::Interrupted {
            last = exit;
        }
    }
    if plans.len() > 1 {
        progress.say(&summary::table(&plans, &ended, start.elapsed().as_secs_f64()));
    }
    if last == Exit::Ok {
        trim(args, &settings, stop)?;
    }
    Ok(last)
}

/// Says what went wrong with a member, and how the program ends because of it.
fn report(plan: &Plan, member: &Member, progress: &Progress) -> Exit {
    match (&member.ended, member.ended.failure()) {
        (Ended::NotStarted, _) => Exit::Interrupted,
        (_, Some(failure)) => {
            let problem = Problem::from(failure.clone());
            match progress.is_many() {
                true => problem.print_about(&plan.stem()),
                false => problem.print(),
            }
            problem.exit
        }
        _ => Exit::Ok,
    }
}

/// Members at a time. A shell at a break point wants the terminal for itself.
fn jobs(args: &BuildArgs, settings: &Settings) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match settings.breaks.is_empty() {
        true => args.jobs.unwrap_or(processors).max(1),
        false => 1,
    }
}

/// Keeps the cache below its limit; the checkpoints of this build are the most recently used.
fn trim(args: &BuildArgs, settings: &Settings, stop: &Interrupts) -> Result<(), Problem> {
    let size = build_member::size(&settings.store)?;
    if size > args.cache_limit {
        build_member::prune(&settings.store, Some(args.cache_limit), false, stop)?;
    }
    Ok(())
}

fn settings(args: &BuildArgs) -> Result<Settings, Problem> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Settings {
        output_dir: args.request.output_dir.clone(),
        store: request::store_path(args.request.cache_dir.as_ref())?,
        network: network(&args.request),
        asked: Asked::default(),
        began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed()),
        threads: args.threads.map_or(processors, usize::from).max(1),
        breaks: breaks(args)?,
        accelerate: !args.no_accelerate,
    })
}

/// dib's variables, and the options that say the same.
fn breaks(args: &BuildArgs) -> Result<Breaks, Problem> {
    let mut breaks = Breaks::at(&args.break_at).map_err(|e| Problem::new(Exit::Usage, e))?;
    if args.shell_on_error {
        breaks = breaks.and(Point::AfterError);
    }
    breaks.command =
        args.break_command.clone().filter(|command| !matches!(command.trim(), "" | "sh" | "bash"));
    breaks.outside = args.break_outside.as_ref().is_some_and(|value| !value.is_empty());
    Ok(breaks)
}

/// Whether the network may be asked.
pub(crate) fn network(args: &RequestArgs) -> Network {
    match (args.offline, args.refresh) {
        (true, _) => Network::Offline,
        (_, true) => Network::Refresh,
        _ => Network::WhereUnknown,
    }
}
