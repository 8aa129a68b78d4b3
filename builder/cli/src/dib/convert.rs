//! `dibber convert`: prints the image file that says what a command of dib's, or a file of dib's or TripleO's, says.
//!
//! In: files, or a command behind `--`. Out: an image file on standard output. Never: anything built.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use dibber_plan::dib::{Program, is_tripleo};
use dibber_plan::image;

use super::{build, list, texts, variables};
use crate::exit::Exit;
use crate::report::Problem;
use crate::terminal::{print_stderr, raw_stdout};

/// `dibber convert`.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Files in the format of dib's command diskimage-builder, or TripleO's image files; several are merged.
    #[arg(value_name = "FILE", required_unless_present = "command")]
    files: Vec<PathBuf>,
    /// A command, as in: dibber convert -- DIB_RELEASE=trixie disk-image-create -o image debian-minimal vm. Variables of the
    /// environment count as they do for the command itself.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "files")]
    command: Vec<OsString>,
}

/// A command with the variables that are over the environment's.
struct Wanted {
    program: Program,
    words: Vec<String>,
    environment: Vec<(String, String)>,
}

/// Prints it.
pub(crate) fn convert(args: &ConvertArgs) -> Result<Exit, Problem> {
    let text = match args.command.is_empty() {
        false => of_commands(vec![of_words(&texts(&args.command)?)?])?,
        true => of_files(&args.files)?,
    };
    // The file is the person's own: nothing in it is masked.
    let written = raw_stdout().write_all(text.as_bytes());
    Ok(if written.is_ok() { Exit::Ok } else { Exit::Fault })
}

fn of_files(files: &[PathBuf]) -> Result<String, Problem> {
    let sources = list::sources(files)?;
    if sources.iter().all(is_tripleo) {
        let merged =
            image::merged(&sources).map_err(|fault| Problem::from(dibber_plan::PlanError::from(fault)))?;
        return Ok(image::text_of(&merged));
    }
    let wanted = list::read(files)?.into_iter().map(|definition| Wanted {
        program: definition.program,
        words: definition.words,
        environment: definition.environment.into_iter().map(|set| (set.name, set.value)).collect(),
    });
    of_commands(wanted.collect())
}

/// Assignments, then the program, then its words.
fn of_words(words: &[String]) -> Result<Wanted, Problem> {
    let is_assignment = |word: &&String| word.contains('=') && !word.starts_with('-');
    let assignments: Vec<&String> = words.iter().take_while(is_assignment).collect();
    let rest = &words[assignments.len()..];
    let name = rest.first().and_then(|word| Path::new(word).file_name()).and_then(|name| name.to_str());
    let Some(program) = name.and_then(super::program) else {
        let why =
            "a command begins with disk-image-create or ramdisk-image-create, or with variables before it";
        return Err(Problem::new(Exit::Usage, why));
    };
    let environment = assignments.iter().filter_map(|word| word.split_once('='));
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Ok(Wanted { program, words: rest[1..].to_vec(), environment })
}

fn of_commands(all: Vec<Wanted>) -> Result<String, Problem> {
    let mut text = String::from("disk_images:\n");
    for Wanted { program, words, environment: over } in all {
        let mut environment = variables();
        environment.extend(over);
        let mut command = build::command(program, &words, &environment)?;
        let file = build::image_file_of(&mut command, &environment)?;
        for note in &command.notes {
            print_stderr(format!("warning: {note}"));
        }
        for option in command.not_in_image_files() {
            print_stderr(format!(
                "warning: {option} is of the command and not of the image: the image file does not have it"
            ));
        }
        text += file.text.strip_prefix("disk_images:\n").unwrap_or(&file.text);
    }
    Ok(text)
}
