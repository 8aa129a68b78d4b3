//! The options that `build` and `plan` share, and the plans that they lead to.
//!
//! In: arguments. Out: scanned sources and plans. Never: a plan of some images where another is wrong.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use dibber_engine::scan::{BUILT_IN, SourcePlaces, scan};
use dibber_model::time::EPOCHS;
use dibber_model::{Arch, Platform, Target};
use dibber_plan::output::{OUTPUTS, OutputKind};
use dibber_plan::{ElementSource, Plan, Proxies, Request, SourceSet};
use dibber_store::Store;

use crate::embedded::EmbeddedFiles;
use crate::exit::Exit;
use crate::report::Problem;

/// A variable for hooks.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    name: String,
    value: String,
}

/// The variable that says the same as `--elements-order`.
const ELEMENTS_ORDER: &str = "DIBBER_ELEMENTS_ORDER";

/// Which of two elements of one name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ElementsOrder {
    /// That of the directories of elements, as dib has it.
    PathFirst,
    /// The built-in one.
    BuiltinFirst,
}

impl ElementsOrder {
    /// For commands that have no option for it.
    pub(crate) fn of_environment() -> Result<Self, Problem> {
        let word = std::env::var(ELEMENTS_ORDER).unwrap_or_default();
        match word.is_empty() {
            true => Ok(ElementsOrder::PathFirst),
            false => clap::ValueEnum::from_str(&word, false).map_err(|_| {
                let why = format!("{ELEMENTS_ORDER}=`{word}`: there are path-first and builtin-first");
                Problem::new(Exit::Usage, why)
            }),
        }
    }
}

/// What is asked for, for `build` and `plan`.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// Image names, or image files (paths ending in .yaml or .yml).
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// Directories of elements, searched before the built-in elements; the first that has an element wins.
    #[arg(
        long,
        env = "ELEMENTS_PATH",
        value_delimiter = ':',
        value_name = "DIR[:DIR]",
        value_parser = clap::builder::OsStringValueParser::new(),
        hide_env_values = true
    )]
    pub(crate) elements_path: Vec<OsString>,
    /// Which of two elements of one name is taken: one of the directories of elements, or the built-in one.
    #[arg(long, env = ELEMENTS_ORDER, value_enum, value_name = "ORDER", default_value_t = ElementsOrder::PathFirst)]
    pub(crate) elements_order: ElementsOrder,
    /// Add an element.
    #[arg(short = 'e', long = "element", value_name = "NAME")]
    pub(crate) elements: Vec<String>,
    /// Install these packages too.
    #[arg(short = 'p', long = "packages", value_delimiter = ',', value_name = "NAME[,NAME]")]
    pub(crate) packages: Vec<String>,
    /// Set a variable for hooks.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<Variable>,
    #[arg(
        long,
        help = format!("Build for these architectures: {}", Arch::spellings()),
        value_delimiter = ',',
        value_name = "ARCH[,ARCH]",
        value_parser = dibber_plan::image::arch
    )]
    pub(crate) arch: Vec<Arch>,
    /// Build for these platforms of the architecture, such as p9.
    #[arg(long, value_delimiter = ',', value_name = "NAME[,NAME]")]
    pub(crate) platform: Vec<Platform>,
    /// Build for these targets: architectures, or platforms with their architecture, such as aarch64 or p9-ppc64le.
    #[arg(
        long = "target",
        value_delimiter = ',',
        value_name = "TARGET[,TARGET]",
        value_parser = dibber_plan::image::target,
        conflicts_with_all = ["arch", "platform"]
    )]
    pub(crate) targets: Vec<Target>,
    /// Build for every target that the image file lists.
    #[arg(long, conflicts_with_all = ["arch", "platform", "targets"])]
    pub(crate) all_targets: bool,
    /// Disk layout: a layout's name, `partition`, or a block-device config file.
    #[arg(long, value_name = "LAYOUT")]
    pub(crate) layout: Option<String>,
    #[arg(
        short = 't',
        long = "outputs",
        value_delimiter = ',',
        value_name = "KIND[,KIND]",
        help = format!("Output formats: {}", known_outputs()),
        long_help = outputs_help()
    )]
    pub(crate) outputs: Vec<String>,
    /// Directory for the image files.
    #[arg(short = 'o', long, default_value = ".", value_name = "DIR")]
    pub(crate) output_dir: PathBuf,
    /// Directory of the cache; default: $XDG_CACHE_HOME/dibber or ~/.cache/dibber.
    #[arg(long, env = "DIBBER_CACHE", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Timestamp to use as the current time, in seconds since 1970; default: the date of the package archive.
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        value_name = "SECONDS",
        allow_negative_numbers = true,
        value_parser = epoch
    )]
    pub(crate) source_date_epoch: Option<i64>,
    /// Use no network, and let no hook use it: package archives and sources are used as they were last fetched.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Ask the network again for what earlier builds have recorded, such as the state of package archives.
    #[arg(long, conflicts_with = "offline")]
    pub(crate) refresh: bool,
}

/// Reads everything, and plans what is asked for.
pub(crate) fn plans(args: &RequestArgs) -> Result<(SourceSet, Vec<Plan>), Problem> {
    let (mut files, mut names) = (Vec::new(), Vec::new());
    for image in &args.images {
        let is_file = image.ends_with(".yaml") || image.ends_with(".yml") || image.contains('/');
        if !is_file {
            names.push(image.clone());
        }
        files.push(PathBuf::from(image));
    }
    if !names.is_empty() {
        check_names(&names, &mut files)?;
    }
    let layout_file = args.layout.as_deref().filter(|layout| is_layout_file(layout)).map(PathBuf::from);
    let path = directories(&args.elements_path);
    let sources = scan_sources(&path, args.elements_order, &files, layout_file.as_slice())?;
    let mut plans = dibber_plan::plan(&sources, &request(args, names)?).map_err(Problem::from)?;
    plans.iter_mut().for_each(|plan| warn_of_elements(plan, &sources));
    for plan in plans.iter_mut().filter(|_| !args.offline) {
        plan.warnings.extend(unused_proxies(plan));
    }
    Ok((sources, plans))
}

/// Reads elements, image files and layouts, and what the program has of each.
pub(crate) fn scan_sources(
    path: &[PathBuf],
    order: ElementsOrder,
    images: &[PathBuf],
    layouts: &[PathBuf],
) -> Result<SourceSet, Problem> {
    let carried = EmbeddedFiles::all();
    let places = SourcePlaces {
        elements: path,
        images,
        layouts,
        embedded: &carried.files(),
        builtin_first: order == ElementsOrder::BuiltinFirst,
    };
    scan(&places).map_err(|e| Problem::new(Exit::Input, e))
}

/// Names that are listed; a whole tree hides dozens.
const LISTED: usize = 12;

/// Elements that lost to others of their names, in one line: those of the program, then those of the path.
pub(crate) fn hidden(sources: &SourceSet) -> Option<String> {
    let (carried, others): (Vec<_>, Vec<_>) =
        sources.shadowed.iter().partition(|(_, origin)| origin == BUILT_IN);
    let names = |all: &[&(String, String)], told: fn(&(String, String)) -> String| {
        let mut text = all.iter().take(LISTED).map(|one| told(one)).collect::<Vec<_>>().join(", ");
        if all.len() > LISTED {
            text += &format!(" and {} more", all.len() - LISTED);
        }
        text
    };
    let mut parts = Vec::new();
    if !carried.is_empty() {
        let count = carried.len();
        let told = names(&carried, |(name, _)| name.clone());
        parts.push(format!("{count} built-in elements are hidden by those of the path: {told}"));
    }
    if !others.is_empty() {
        let told = names(&others, |(name, origin)| format!("{name} ({origin})"));
        parts.push(format!("hidden by earlier ones of the same name: {told}"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What `lint` calls an error and planning has not said: the build goes on, as dib's does. The program's own elements have none, and what an
/// image file says is no element of anybody's.
fn warn_of_elements(plan: &mut Plan, sources: &SourceSet) {
    let is_read =
        |element: &&ElementSource| element.origin != BUILT_IN && sources.elements.contains_key(&element.name);
    for finding in plan.elements.iter().filter(is_read).flat_map(dibber_lint::spoilt) {
        let told = finding.to_string();
        if !plan.warnings.contains(&told) {
            plan.warnings.push(told);
        }
    }
}

/// The directories of a path. One that is empty, or that begins or ends with a colon, is what scripts make of an empty variable.
pub(crate) fn directories(path: &[OsString]) -> Vec<PathBuf> {
    path.iter().filter(|part| !part.is_empty()).map(PathBuf::from).collect()
}

/// Proxies that the person's environment has. Hooks see nothing of that, so each must be declared, and whoever relies on an
/// exported one is told. Its value may hold a password.
fn unused_proxies(plan: &Plan) -> Option<String> {
    let is_exported = |name: &String| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxies = &plan.archive.proxies;
    // Only one spelling of a name need be declared.
    let is_declared = |name: &String| proxies.has(name) || proxies.has(&name.to_ascii_lowercase());
    let names: Vec<String> =
        Proxies::names().filter(|name| is_exported(name) && !is_declared(name)).collect();
    let first = names.first()?;
    Some(format!(
        "hooks do not see {}, which the environment has: declare what they are to use, as in --env {first}=\"${first}\"",
        names.join(", ")
    ))
}

/// A name stands for the built-in image file of that name, unless a file that is given has such an image.
fn check_names(names: &[String], files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let built_in = EmbeddedFiles::images();
    let given = files.iter().any(|file| file.extension().is_some());
    for name in names.iter().filter(|name| !built_in.contains(name)) {
        if !given {
            let near = dibber_plan::nearest(name, built_in.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("built in are {}", built_in.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            let message = format!(
                "there is no image {name}; {hint}; an image file is given by its path, such as ./{name}.yaml"
            );
            return Err(Problem::new(Exit::Input, message));
        }
        files.retain(|file| file != Path::new(name));
    }
    Ok(())
}

fn is_layout_file(layout: &str) -> bool {
    layout.ends_with(".yaml") || layout.ends_with(".yml") || layout.contains('/')
}

fn request(args: &RequestArgs, names: Vec<String>) -> Result<Request, Problem> {
    let mut request = Request::on(host()?);
    request.images = names;
    request.arches = args.arch.clone();
    request.platforms = args.platform.clone();
    request.targets = args.targets.clone();
    request.all_targets = args.all_targets;
    request.elements = args.elements.clone();
    request.packages = args.packages.clone();
    request.variables =
        args.variables.iter().cloned().map(|variable| (variable.name, variable.value)).collect();
    request.epoch = args.source_date_epoch;
    request.layout = args.layout.as_deref().map(|layout| match is_layout_file(layout) {
        true => Path::new(layout).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        false => layout.to_string(),
    });
    for word in &args.outputs {
        let kind = OutputKind::of_name(word).ok_or_else(|| {
            Problem::new(Exit::Usage, format!("unknown output `{word}`; there are {}", known_outputs()))
        })?;
        request.outputs.push(kind);
    }
    Ok(request)
}

/// Every format with what it is.
fn outputs_help() -> String {
    let lines = OUTPUTS.iter().map(|facts| format!("\n  {:<10} {}", facts.name, facts.help));
    format!("Output formats, with commas between them:{}", lines.collect::<String>())
}

fn known_outputs() -> String {
    OutputKind::all().map(OutputKind::name).collect::<Vec<_>>().join(", ")
}

/// The architecture of this machine.
pub(crate) fn host() -> Result<Arch, Problem> {
    let name = std::env::consts::ARCH;
    Arch::of_rust(name, cfg!(target_endian = "little")).ok_or_else(|| {
        Problem::new(Exit::Machine, format!("dibber does not know this machine's architecture, {name}"))
    })
}

/// Where the store is: the option, or the usual places.
pub(crate) fn store_path(option: Option<&PathBuf>) -> Result<PathBuf, Problem> {
    match option {
        Some(path) => Ok(path.clone()),
        None => Store::usual_place().map_err(Problem::fault),
    }
}

fn variable(text: &str) -> Result<Variable, String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fits) {
        return Err(format!("`{name}` cannot name a variable"));
    }
    Ok(Variable { name: name.to_string(), value: value.to_string() })
}

pub(crate) fn epoch(text: &str) -> Result<i64, String> {
    let (first, last) = (EPOCHS.start(), EPOCHS.end());
    let seconds = text.parse().ok().filter(|seconds| EPOCHS.contains(seconds));
    seconds.ok_or_else(|| {
        format!("write a whole number of seconds since 1970, from {first} to {last} (the year 2106)")
    })
}
