//! The one program: what a person types, and what the sandbox calls by other names.
//!
//! In: arguments. Out: an exit code. Never: a decision; those are taken in the crates below.

mod args;
mod boot;
mod build;
mod cache;
mod check_flavor;
mod doctor;
mod embedded;
mod exit;
mod new;
mod plan;
mod progress;
mod report;
mod request;
mod select;
mod show;
mod summary;
mod upload;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use exit::Exit;
use report::Problem;

fn main() -> ExitCode {
    answer_as_another();
    let cli = Cli::parse();
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            problem.print();
            problem.exit.into()
        }
    }
}

/// Inside the sandbox this file stands in for other programs, and is its own worker; it is told by the name it is called by.
fn answer_as_another() {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let (name, arguments) = (name.to_string_lossy(), arguments.collect::<Vec<_>>());
    let stand_in = || dibber_shim::main(&name, &arguments);
    if let Some(code) = stand_in().or_else(|| dibber_build::commands::main(&name, &arguments)) {
        std::process::exit(code);
    }
    dibber_build::sandbox::enter(dibber_build::worker::work);
}

fn run(cli: &Cli) -> Result<Exit, Problem> {
    match &cli.command {
        Command::Build(args) => build::build(args),
        Command::Plan(args) => plan::plan(args),
        Command::Boot(args) => boot::boot(args),
        Command::Show(args) => show::show(args),
        Command::Upload(args) => upload::upload(args),
        Command::Select(args) => select::select(args),
        Command::CheckFlavor(args) => check_flavor::check_flavor(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::New(args) => new::new(args).map(say).map_err(|e| Problem::new(Exit::Input, e)),
        Command::Schema => Ok(say(dibber_plan::schema())),
        Command::Cache(args) => cache::cache(args),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "dibber", &mut std::io::stdout());
            Ok(Exit::Ok)
        }
    }
}

/// Prints the answer of a command. A reader that closes the pipe early is content.
fn say(text: impl AsRef<str>) -> Exit {
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref().trim_end());
    Exit::Ok
}
