//! The one program: what a person types, and what the sandbox calls by other names.
//!
//! In: arguments. Out: an exit code. Never: a decision; those are taken in the crates below. Nothing is printed but by [`terminal`].
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod boot;
mod build;
mod cache;
mod check_flavor;
mod doctor;
mod embedded;
mod excerpt;
mod exit;
mod new;
mod plan;
mod progress;
mod report;
mod request;
mod select;
mod show;
mod summary;
mod terminal;
mod text;
mod upload;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use dibber_model::printable;
use dibber_sandbox::interrupts::Interrupts;

use args::{Cli, Command};
use exit::Exit;
use report::Problem;
use terminal::say;

fn main() -> ExitCode {
    answer_as_another();
    std::panic::set_hook(Box::new(|panic| terminal::tell(format!("error: dibber is at fault: {panic}"))));
    let ended = Interrupts::catch()
        .map_err(Problem::fault)
        .and_then(|stop| Cli::try_parse().map_or_else(|told| Ok(say_clap(&told)), |cli| run(&cli, &stop)));
    let exit = ended.unwrap_or_else(|problem| {
        problem.print();
        problem.exit
    });
    terminal::end(exit).into()
}

/// Help, the version, or what is wrong with the arguments: in colours, unless it quotes what a terminal obeys.
fn say_clap(told: &clap::Error) -> Exit {
    // The plain form leaves out what looks like an escape sequence, also of an argument.
    let (drawn, wrong) = (told.render().ansi().to_string(), told.use_stderr());
    let plain = printable::without_colours(&drawn);
    let colours = terminal::has_colours(wrong) && terminal::shown(&plain) == plain;
    match (wrong, colours) {
        (true, true) => terminal::tell_drawn(&drawn),
        (true, false) => terminal::tell(plain.trim_end()),
        (false, true) => terminal::say_drawn(&drawn),
        (false, false) => drop(say(plain)),
    }
    if wrong { Exit::Usage } else { Exit::Ok }
}

/// Inside the sandbox this file stands in for other programs, and is its own worker; it is told by the name it is called by.
fn answer_as_another() {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let (name, arguments) = (name.to_string_lossy(), arguments.collect::<Vec<_>>());
    let stand_in = || dibber_shim::main(&name, &arguments);
    if let Some(code) = stand_in().or_else(|| dibber_engine::dib_commands::main(&name, &arguments)) {
        std::process::exit(code);
    }
    dibber_sandbox::enter(dibber_engine::worker::work);
}

fn run(cli: &Cli, stop: &Interrupts) -> Result<Exit, Problem> {
    match &cli.command {
        Command::Build(args) => build::build(args, stop),
        Command::Plan(args) => plan::plan(args),
        Command::Boot(args) => boot::boot(args, stop),
        Command::Show(args) => show::show(args),
        Command::Upload(args) => upload::upload(args),
        Command::Select(args) => select::select(args),
        Command::CheckFlavor(args) => check_flavor::check_flavor(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::New(args) => new::new(args).map(say),
        Command::Schema => Ok(say(dibber_plan::schema())),
        Command::Cache(args) => cache::cache(args, stop),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "dibber", &mut script);
            Ok(say(String::from_utf8_lossy(&script)))
        }
    }
}
