//! `diskimage-builder`: builds the images of dib's YAML files, one after the other.
//!
//! In: files. Out: each image's files, and the command of each on standard error, as dib prints it. Never: a later image left out because
//! an earlier one failed, unless that is asked for.

use std::path::{Path, PathBuf};

use clap::Args;
use dibber_plan::TextSource;
use dibber_plan::dib::{Definition, definitions, is_tripleo};
use dibber_sandbox::interrupts::Interrupts;

use super::{as_dib_ends, build, variables};
use crate::exit::Exit;
use crate::report::Problem;
use crate::terminal::print_stderr;

/// `diskimage-builder`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Files with lists of images, in dib's format; entries of one `imagename` are one image.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the commands that the images come to, and build nothing.
    #[arg(long)]
    dry_run: bool,
    /// Build no further image when one has failed.
    #[arg(long)]
    stop_on_failure: bool,
}

/// Builds every image of the files.
pub(crate) fn build_list(args: &ListArgs, stop: &Interrupts) -> Result<Exit, Problem> {
    let mut last = Exit::Ok;
    for definition in read(&args.files).map_err(as_dib_ends)? {
        print_stderr(format!("{definition}\n"));
        if args.dry_run {
            continue;
        }
        match build_one(&definition, stop).unwrap_or_else(build::tell) {
            Exit::Ok => {}
            Exit::Interrupted => return Ok(Exit::Interrupted),
            // dib's own command ends with 1 whatever happened to an image.
            _ => last = Exit::Fault,
        }
        if last != Exit::Ok && args.stop_on_failure {
            break;
        }
    }
    Ok(last)
}

fn build_one(definition: &Definition, stop: &Interrupts) -> Result<Exit, Problem> {
    let mut environment = variables();
    environment.extend(definition.environment.iter().map(|set| (set.name.clone(), set.value.clone())));
    let command = build::command(definition.program, &definition.words, &environment)?;
    build::build(&command, &environment, stop)
}

/// The commands of the files.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Definition>, Problem> {
    let sources = sources(files)?;
    if let Some(source) = sources.iter().find(|source| is_tripleo(source)) {
        let why = format!(
            "{0} is an image file, as TripleO has them, and not a list of images: `dibber build {0}` builds it",
            source.origin
        );
        return Err(Problem::new(Exit::Fault, why));
    }
    definitions(&sources).map_err(|fault| Problem::from(dibber_plan::PlanError::from(fault)))
}

/// The texts of the files.
pub(super) fn sources(files: &[PathBuf]) -> Result<Vec<TextSource>, Problem> {
    let read = |path: &PathBuf| {
        let wrong = |why: String| Problem::new(Exit::Input, format!("{}: {why}", path.display()));
        let bytes = dibber_fs::text::bytes(Path::new(path)).map_err(|error| wrong(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".into()))?;
        Ok(TextSource { origin: path.display().to_string(), text })
    };
    files.iter().map(read).collect()
}
