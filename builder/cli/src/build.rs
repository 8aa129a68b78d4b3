//! `dibber build`.
//!
//! In: arguments. Out: files, and their paths on standard output. Never: a later image left out because an earlier failed.

use dibber_build::answers::Network;
use dibber_build::breaks::{Breaks, Point};
use dibber_build::conversation;
use dibber_build::event::{Event, Events};
use dibber_build::set::{self, Built, Settings};

use crate::args::{BuildArgs, RequestArgs};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::report::Problem;
use crate::request;

/// Builds every image that is asked for, one after the other.
pub(crate) fn build(args: &BuildArgs) -> Result<Exit, Problem> {
    let (sources, plans) = request::plans(&args.request)?;
    let settings = settings(args)?;
    let stop = conversation::interrupts().map_err(|e| Problem::new(Exit::Fault, e))?;
    let progress = Progress::new(args.json, args.verbose);
    for (name, origin) in &sources.shadowed {
        progress
            .emit(Event::Warning { text: format!("element {name} of {origin} is hidden by an earlier one") });
    }
    let mut last = Exit::Ok;
    for plan in &plans {
        for text in plan.warnings.iter().cloned() {
            progress.emit(Event::Warning { text });
        }
        match set::build(plan, &settings, &progress, &stop) {
            Ok(built) => report(&built, &progress),
            Err(failure) => {
                progress.finish();
                let problem = Problem::from(failure);
                problem.print();
                last = problem.exit;
                if last == Exit::Interrupted {
                    return Ok(last);
                }
            }
        }
    }
    if last == Exit::Ok {
        trim(args, &settings, &stop)?;
    }
    progress.finish();
    Ok(last)
}

fn report(built: &Built, progress: &Progress) {
    if let Built::Kept(_) = built {
        progress.note("nothing changed; the files are as they were");
    }
}

/// Keeps the cache below its limit; the checkpoints of this build are the most recently used.
fn trim(args: &BuildArgs, settings: &Settings, stop: &conversation::Interrupts) -> Result<(), Problem> {
    let size = set::size(&settings.store)?;
    if size > args.cache_limit {
        set::prune(&settings.store, Some(args.cache_limit), false, stop)?;
    }
    Ok(())
}

fn settings(args: &BuildArgs) -> Result<Settings, Problem> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Settings {
        output_dir: args.request.output_dir.clone(),
        store: request::store_path(args.request.cache_dir.as_ref())?,
        network: network(&args.request),
        threads: args.threads.unwrap_or(processors).max(1),
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
