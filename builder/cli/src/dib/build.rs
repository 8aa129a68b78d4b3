//! `disk-image-create` and `ramdisk-image-create`, from their words to the files.
//!
//! In: words and the caller's environment. Out: files as dib names them. Never: a half of them: what is built is built in a directory of
//! its own, and put in place when all of it is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dibber_engine::archive::{AskedReleases, Network};
use dibber_engine::breakpoints::Breakpoints;
use dibber_engine::build_member::Built;
use dibber_engine::build_set::{self, EndedMember, MemberResult};
use dibber_engine::event::Event;
use dibber_engine::settings::BuildSettings;
use dibber_imageset::SetEntry;
use dibber_plan::dib::{Command, ImageFile, Program, image_file};
use dibber_plan::{Plan, Proxies, Request, TextSource};
use dibber_sandbox::Isolation;
use dibber_sandbox::interrupts::Interrupts;

use super::as_dib_ends;
use super::log::Log;
use super::place::Place;
use super::publish::Publication;
use crate::exit::Exit;
use crate::report::Problem;
use crate::request::{self, ElementsOrder};
use crate::terminal::print_stderr;
use dibber_engine::build_set::WatchSet;

type Environment = BTreeMap<String, String>;

/// Reads the words.
pub(super) fn command(
    program: Program,
    words: &[String],
    environment: &Environment,
) -> Result<Command, Problem> {
    Command::read(program, words, environment)
        .map_err(|error| Problem::new(Exit::Fault, format!("{}: {error}", program.name())))
}

/// The image file of a command, with what its variables name by path.
pub(super) fn image_file_of(command: &mut Command, environment: &Environment) -> Result<ImageFile, Problem> {
    if command.elements.is_empty() {
        let why = format!(
            "{}: no element is given, and one of them has to make the operating system, such as debian-minimal",
            command.program.name()
        );
        return Err(Problem::new(Exit::Fault, why));
    }
    if let Some(config) = command.variables.get_mut("DIB_BLOCK_DEVICE_CONFIG")
        && let Some(path) = config.strip_prefix("file://")
    {
        *config = text_of(path.trim_end(), "DIB_BLOCK_DEVICE_CONFIG")?;
    }
    let manifest = environment.get("ACI_MANIFEST").filter(|path| !path.is_empty());
    let manifest = manifest.map(|path| text_of(path, "ACI_MANIFEST")).transpose()?;
    Ok(image_file(command, environment, manifest.as_deref()))
}

fn text_of(path: &str, variable: &str) -> Result<String, Problem> {
    let wrong = |why: String| Problem::new(Exit::Fault, format!("{variable}: {path}: {why}"));
    let bytes = dibber_fs::text::bytes(Path::new(path)).map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".into()))
}

/// Builds, and puts the files in place.
pub(super) fn build(
    command: &Command,
    environment: &Environment,
    stop: &Interrupts,
) -> Result<Exit, Problem> {
    built(command, environment, stop).map_err(as_dib_ends)
}

fn built(command: &Command, environment: &Environment, stop: &Interrupts) -> Result<Exit, Problem> {
    let mut command = command.clone();
    let file = image_file_of(&mut command, environment)?;
    let get = |name: &str| environment.get(name).cloned();
    let place = Place::new(&command.path)?;
    let log = Log::open(command.options.logfile.as_deref(), get)?;
    let plan = plan(&command, file, environment, &log)?;
    let settings = settings(&command, environment, &place)?;
    let locked = place.lock()?;
    let _deferral = stop.defer_exit().map_err(Problem::fault)?;
    let plans = [plan];
    let ended = build_set::build(&plans, &settings, &log, stop).pop();
    let set = match ended.ok_or(Exit::Interrupted).and_then(|member| finished(member, &log)) {
        Ok(set) => set,
        Err(exit) => {
            // What a failed build leaves in its directory is nobody's; the next one removes what this one cannot.
            let _ = locked.clear();
            return Ok(exit);
        }
    };
    let overwrite = get("OVERWRITE_OLD_IMAGE").is_some_and(|value| !matches!(value.as_str(), "" | "0"));
    let checksums = command.checksums;
    Publication { place: &place, locked: &locked, checksums, overwrite, log: &log }.publish(&set)?;
    log.say("Build completed successfully");
    crate::build::trim(crate::build::cache_limit()?, &settings, stop)?;
    Ok(Exit::Ok)
}

/// The set that a member came to, or how the command ends without one.
fn finished(member: EndedMember, log: &Log) -> Result<SetEntry, Exit> {
    match member.result {
        MemberResult::Succeeded(Built::New(set) | Built::Kept(set)) => Ok(set),
        MemberResult::NotStarted => Err(Exit::Interrupted),
        MemberResult::Failed(failure)
        | MemberResult::Unbuildable(failure)
        | MemberResult::Interrupted(failure) => {
            log.say(&format!("ERROR: {}", failure.message));
            let code = failure.hook.as_ref().and_then(|hook| u8::try_from(hook.end.code).ok());
            // The log of the build goes with its directory; its lines were printed.
            let problem = Problem::from(dibber_engine::failure::Failure { log: None, ..failure });
            problem.print();
            Err(code.filter(|code| *code != 0).map_or_else(|| as_dib_ends(problem).exit, Exit::Other))
        }
    }
}

/// Reads the elements, and plans.
fn plan(command: &Command, file: ImageFile, environment: &Environment, log: &Log) -> Result<Plan, Problem> {
    for note in &command.notes {
        log.emit(0, Event::Warning { text: note.clone() });
    }
    let path = environment.get("ELEMENTS_PATH").cloned().unwrap_or_default();
    let path = request::directories(&path.split(':').map(Into::into).collect::<Vec<_>>());
    let order = ElementsOrder::of_environment()?;
    let mut sources = request::scan_sources(&path, order, &[], &[])?;
    sources.images.push(TextSource { origin: command.program.name().into(), text: file.text });
    log.say(&format!("Building elements: {}", command.elements.join(" ")));
    if let Some(text) = request::hidden(&sources) {
        log.emit(0, Event::Warning { text });
    }
    let mut asked = Request::on(request::host()?);
    asked.images = vec![file.name];
    asked.plain_names = true;
    asked.epoch = environment
        .get("SOURCE_DATE_EPOCH")
        .map(|text| request::epoch(text))
        .transpose()
        .map_err(|why| Problem::new(Exit::Fault, format!("SOURCE_DATE_EPOCH: {why}")))?;
    if !command.options.clear_environment {
        let proxies =
            Proxies::names().filter_map(|name| Some((name.clone(), environment.get(&name)?.clone())));
        asked.variables.extend(proxies);
    }
    let mut plans = dibber_plan::plan(&sources, &asked).map_err(Problem::from)?;
    let plan = plans.pop().ok_or_else(|| Problem::new(Exit::Fault, "the command means no image"))?;
    log.say(&format!("Expanded element dependencies to: {}", plan.names.join(" ")));
    let unread = dibber_plan::dib::unread(&plan, command);
    for text in plan.warnings.iter().cloned().chain(unread) {
        log.emit(0, Event::Warning { text });
    }
    Ok(plan)
}

fn settings(command: &Command, environment: &Environment, place: &Place) -> Result<BuildSettings, Problem> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let cache = get("DIBBER_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(command.image_cache.as_ref()?).join("dibber")));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut breakpoints = Breakpoints::from_list(get("break").map_or("", String::as_str))
        .map_err(|error| Problem::new(Exit::Fault, error))?;
    breakpoints.command = get("break_cmd").filter(|text| !matches!(text.trim(), "sh" | "bash")).cloned();
    breakpoints.outside = get("break_outside_target").is_some();
    Ok(BuildSettings {
        output_dir: place.set_dir(),
        store: request::store_path(cache.as_ref())?,
        // As dib, which asks for what is new unless it is told not to.
        network: if command.offline { Network::Offline } else { Network::Refresh },
        asked: AskedReleases::default(),
        began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs().cast_signed()),
        threads,
        jobs: 1,
        breakpoints,
        accelerate: true,
        isolation: Isolation::Auto,
    })
}

/// Tells a problem of a command among several.
pub(super) fn tell(problem: Problem) -> Exit {
    problem.print();
    print_stderr("");
    as_dib_ends(problem).exit
}
