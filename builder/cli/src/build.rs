//! `dibber build`: builds images and puts their files into the output directory.
//!
//! In: arguments. Out: files, and their paths on standard output. Never: a later image left out because an earlier failed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use dibber_engine::archive::{AskedReleases, Network};
use dibber_engine::breakpoints::{Breakpoint, Breakpoints};
use dibber_engine::build_set::{self, EndedMember, MemberResult, WatchSet};
use dibber_engine::cache;
use dibber_engine::event::Event;
use dibber_engine::settings::BuildSettings;
use dibber_model::Bytes;
use dibber_plan::Plan;
use dibber_sandbox::Isolation;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::Store;

use crate::exit::Exit;
use crate::progress::{Progress, ProgressOptions};
use crate::report::Problem;
use crate::request::RequestArgs;
use crate::{request, summary};

/// How large the cache may be unless somebody says so.
const CACHE_LIMIT: &str = "20GiB";

/// The same for commands that have no option for it.
pub(crate) fn cache_limit() -> Result<Bytes, Problem> {
    let written = std::env::var("DIBBER_CACHE_LIMIT").unwrap_or_else(|_| CACHE_LIMIT.into());
    written.parse().map_err(|error| Problem::new(Exit::Usage, format!("DIBBER_CACHE_LIMIT: {error}")))
}

/// `dibber build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// Threads for writing images, shared by all images of a set; default: one per processor. The files are the same with any number.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Run every program of a foreign architecture in the emulator; by default, native programs stand in for some. The files are
    /// the same either way.
    #[arg(long)]
    pub(crate) no_accelerate: bool,
    /// How far to keep hooks apart from what the build runs in: `namespaces` for all that docs/sandbox.md promises, `chroot` to do
    /// without a host name and a /proc of their own where these are refused, `auto` for `chroot` in a container and `namespaces` on
    /// a machine. The files are the same either way.
    #[arg(long, value_name = "HOW", value_parser = ["auto", "namespaces", "chroot"], default_value = "auto")]
    pub(crate) isolation: String,
    /// Number of images to build at the same time; default: one per processor.
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Print progress on standard output as JSON, one event per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the output of hooks, not only their names.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Open a shell in the sandbox when a hook fails; same as --break after-error.
    #[arg(long)]
    pub(crate) shell_on_error: bool,
    /// Open a shell at these breakpoints: before-PHASE, after-PHASE, after-error.
    #[arg(
        long = "break",
        env = "break",
        default_value = "",
        hide_default_value = true,
        value_name = "POINT[,POINT]"
    )]
    pub(crate) break_at: String,
    /// Run this command at each breakpoint instead of a shell.
    #[arg(long = "break-cmd", env = "break_cmd", value_name = "COMMAND")]
    pub(crate) break_command: Option<String>,
    /// Open the shell outside the image's tree, even in phases that run inside it; an empty value turns this off.
    #[arg(
        long = "break-outside-target",
        env = "break_outside_target",
        num_args = 0..=1,
        default_missing_value = "1",
        value_name = "1"
    )]
    pub(crate) break_outside: Option<String>,
    /// After the build, remove the least recently used checkpoints until the cache is no larger than this.
    #[arg(long, env = "DIBBER_CACHE_LIMIT", value_name = "SIZE", default_value = CACHE_LIMIT)]
    pub(crate) cache_limit: Bytes,
}

/// Builds every member that is asked for, several at a time.
pub(crate) fn build(args: &BuildArgs, stop: &Interrupts) -> Result<Exit, Problem> {
    let (sources, plans) = request::plans(&args.request)?;
    let settings = settings(args)?;
    let _deferral = stop.defer_exit().map_err(Problem::fault)?;
    let progress = Progress::new(ProgressOptions { json: args.json, verbose: args.verbose }, &plans);
    request::hidden(&sources)
        .iter()
        .chain(&crate::dib::unused_by_dibber(&plans))
        .for_each(|text| progress.warn(text));
    for (at, plan) in plans.iter().enumerate() {
        for text in plan.warnings.iter().cloned() {
            progress.emit(at, Event::Warning { text });
        }
    }
    if plans.len() > 1 {
        let estimate =
            Store::open(&settings.store).ok().and_then(|s| build_set::estimate(&plans, &s, settings.jobs));
        progress.set_started(plans.len(), settings.jobs.min(plans.len()), estimate);
    }
    let start = Instant::now();
    let ended = build_set::build(&plans, &settings, &progress, stop);
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
        trim(args.cache_limit, &settings, stop)?;
    }
    Ok(last)
}

/// Says what went wrong with a member, and how the program ends because of it.
fn report(plan: &Plan, member: &EndedMember, progress: &Progress) -> Exit {
    match (&member.result, member.result.failure()) {
        (MemberResult::NotStarted, _) => Exit::Interrupted,
        (_, Some(failure)) => {
            let problem = Problem::from(failure.clone());
            match progress.is_many() {
                true => problem.print_about(&plan.basename()),
                false => problem.print(),
            }
            problem.exit
        }
        _ => Exit::Ok,
    }
}

/// Members at a time. A shell at a breakpoint wants the terminal for itself.
fn jobs(args: &BuildArgs, breakpoints: &Breakpoints) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match breakpoints.is_empty() {
        true => args.jobs.unwrap_or(processors).max(1),
        false => 1,
    }
}

/// Keeps the cache below its limit; the checkpoints of this build are the most recently used.
pub(crate) fn trim(limit: Bytes, settings: &BuildSettings, stop: &Interrupts) -> Result<(), Problem> {
    let size = cache::size(&settings.store)?;
    if size > limit {
        cache::prune(&settings.store, Some(limit), false, stop)?;
    }
    Ok(())
}

fn settings(args: &BuildArgs) -> Result<BuildSettings, Problem> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let breakpoints = breakpoints(args)?;
    Ok(BuildSettings {
        output_dir: args.request.output_dir.clone(),
        store: request::store_path(args.request.cache_dir.as_ref())?,
        network: network(&args.request),
        asked: AskedReleases::default(),
        began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed()),
        threads: args.threads.map_or(processors, usize::from).max(1),
        jobs: jobs(args, &breakpoints),
        breakpoints,
        accelerate: !args.no_accelerate,
        isolation: isolation(&args.isolation),
    })
}

fn isolation(word: &str) -> Isolation {
    match word {
        "namespaces" => Isolation::Namespaces,
        "chroot" => Isolation::Chroot,
        _ => Isolation::Auto,
    }
}

/// dib's variables, and the options that say the same.
fn breakpoints(args: &BuildArgs) -> Result<Breakpoints, Problem> {
    let mut breakpoints = Breakpoints::from_list(&args.break_at).map_err(|e| Problem::new(Exit::Usage, e))?;
    if args.shell_on_error {
        breakpoints = breakpoints.with(Breakpoint::AfterError);
    }
    breakpoints.command =
        args.break_command.clone().filter(|command| !matches!(command.trim(), "" | "sh" | "bash"));
    breakpoints.outside = args.break_outside.as_ref().is_some_and(|value| !value.is_empty());
    Ok(breakpoints)
}

/// Whether the network may be asked.
fn network(args: &RequestArgs) -> Network {
    match (args.offline, args.refresh) {
        (true, _) => Network::Offline,
        (_, true) => Network::Refresh,
        _ => Network::WhereNotRecorded,
    }
}
