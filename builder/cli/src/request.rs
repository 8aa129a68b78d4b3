//! What the command line asks for, as plans.
//!
//! In: arguments. Out: scanned sources and plans. Never: a plan of some images where another is wrong.

use std::path::{Path, PathBuf};

use dibber_engine::scan::{Places, scan};
use dibber_model::Arch;
use dibber_plan::{OutputKind, Plan, Request, SourceSet};
use dibber_store::Store;

use crate::args::RequestArgs;
use crate::embedded::Carried;
use crate::exit::Exit;
use crate::report::Problem;

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
    let carried = Carried::all();
    let places = Places {
        elements: &args.elements_path,
        images: &files,
        layouts: layout_file.as_slice(),
        embedded: &carried.files(),
    };
    let sources = scan(&places).map_err(|e| Problem::new(Exit::Input, e))?;
    let plans = dibber_plan::plan(&sources, &request(args, names)?).map_err(Problem::from)?;
    Ok((sources, plans))
}

/// A name stands for the built-in image file of that name, unless a file that is given has such an image.
fn check_names(names: &[String], files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let built_in = Carried::images();
    let given = files.iter().any(|file| file.extension().is_some());
    for name in names.iter().filter(|name| !built_in.contains(name)) {
        if !given {
            let near = dibber_plan::yaml::nearest(name, built_in.iter().map(String::as_str));
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
    request.variables = args.variables.iter().cloned().collect();
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
