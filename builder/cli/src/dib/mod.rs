//! dib's own commands, by their own names: `disk-image-create`, `ramdisk-image-create` and `diskimage-builder`, as links to this program.
//!
//! They take dib's options, variables and files, and leave the files that dib leaves, under the names that it gives them. What they mean
//! is crate `plan`'s: each becomes an image file, which is built as any other. What is here is what touches the machine: the caller's
//! environment, the log, the names of the files.
//!
//! In: words as dib takes them. Out: files as dib names them, and its exit codes. Never: an option or a variable that is passed over in
//! silence.

mod build;
mod checksums;
mod convert;
mod environment;
mod help;
mod links;
mod list;
mod log;
mod place;
mod publish;

use std::ffi::OsString;
use std::path::Path;

use dibber_plan::dib::{OptionName, Program};
use dibber_sandbox::interrupts::Interrupts;

use crate::exit::Exit;
use crate::report::Problem;
use crate::terminal::print_stdout;

pub(crate) use convert::{ConvertArgs, convert};
pub(crate) use environment::{unused_by_dibber, variables};
pub(crate) use links::{LinksArgs, links};
pub(crate) use list::{ListArgs, build_list};

/// The names of the programs that this one stands for.
pub(crate) const NAMES: [&str; 3] = ["disk-image-create", "ramdisk-image-create", LIST];
const LIST: &str = "diskimage-builder";

/// What the program is to do, by its arguments.
#[derive(Debug)]
pub(crate) enum Called {
    /// One of the two commands that build one image, with its words.
    Create(Program, Vec<OsString>),
    /// Anything else: arguments for the parser, the program's name before them.
    Other(Vec<OsString>),
}

/// Looks at the name that the program is called by, then at the command. The words of dib's commands are read by dib's rules.
pub(crate) fn called(arguments: impl Iterator<Item = OsString>) -> Called {
    let all: Vec<OsString> = arguments.collect();
    let own = all.first().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str());
    let words = |from: usize| all.iter().skip(from).cloned().collect::<Vec<_>>();
    if let Some(program) = own.and_then(program) {
        return Called::Create(program, words(1));
    }
    if own == Some(LIST) {
        let command = [OsString::from("dibber"), OsString::from(LIST)];
        return Called::Other(command.into_iter().chain(words(1)).collect());
    }
    match all.get(1).and_then(|word| word.to_str()).and_then(program) {
        Some(program) => Called::Create(program, words(2)),
        None => Called::Other(all),
    }
}

fn program(name: &str) -> Option<Program> {
    [Program::DiskImageCreate, Program::RamdiskImageCreate].into_iter().find(|program| program.name() == name)
}

/// Runs `disk-image-create` or `ramdisk-image-create`.
pub(crate) fn create(program: Program, words: &[OsString], stop: &Interrupts) -> Result<Exit, Problem> {
    let words = texts(words)?;
    let environment = variables();
    let command = build::command(program, &words, &environment)?;
    match command.options.ask {
        Some(OptionName::Version) => {
            return Ok(print_stdout(concat!("dibber ", env!("CARGO_PKG_VERSION"))));
        }
        Some(_) => return Ok(print_stdout(help::text(program))),
        None => {}
    }
    build::build(&command, &environment, stop)
}

/// dib ends with 1 whatever is wrong, but for a hook, whose code is its own.
fn as_dib_ends(problem: Problem) -> Problem {
    match problem.exit {
        Exit::Ok | Exit::Interrupted | Exit::Other(_) => problem,
        _ => problem.ending(Exit::Fault),
    }
}

fn texts(words: &[OsString]) -> Result<Vec<String>, Problem> {
    let text = |word: &OsString| {
        let text = word.clone().into_string();
        text.map_err(|word| {
            Problem::new(Exit::Fault, format!("the argument {} is not UTF-8", word.display()))
        })
    };
    words.iter().map(text).collect()
}
