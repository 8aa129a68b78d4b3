//! The one program, `dibber`. A person starts it with a command; inside the sandbox the same file runs under other names, as the worker, as
//! dib's commands, and in the place of programs such as mount, so nothing else need be installed there.
//!
//! In: arguments. Out: an exit code. Never: a decision; those are taken in the crates below. Nothing is printed but by [`terminal`].
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod boot;
mod build;
mod cache;
mod check_flavor;
mod dib;
mod doctor;
mod embedded;
mod excerpt;
mod exit;
mod json;
mod lint;
mod man;
mod new;
mod plan;
mod progress;
mod report;
mod request;
mod select;
mod show;
mod summary;
mod terminal;
mod upload;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use dibber_model::printable;
use dibber_plan::dib::Program;
use dibber_sandbox::interrupts::Interrupts;

use args::{Cli, Command};
use dib::Called;
use exit::Exit;
use report::Problem;
use terminal::print_stdout;

fn main() -> ExitCode {
    run_as_stand_in_or_worker();
    std::panic::set_hook(Box::new(|panic| {
        terminal::print_stderr(format!("error: dibber is at fault: {panic}"));
    }));
    let ended =
        Interrupts::catch().map_err(Problem::fault).and_then(|stop| match dib::called(std::env::args_os()) {
            Called::Create(program, words) => dib::create(program, &words, &stop),
            Called::Other(words) => {
                Cli::try_parse_from(words).map_or_else(|told| Ok(print_clap(&told)), |cli| run(&cli, &stop))
            }
        });
    let exit = ended.unwrap_or_else(|problem| {
        problem.print();
        problem.exit
    });
    terminal::exit_after_output(exit).into()
}

/// Help, the version, or what is wrong with the arguments: in colours, unless it quotes what a terminal obeys.
fn print_clap(told: &clap::Error) -> Exit {
    // The plain form leaves out what looks like an escape sequence, also of an argument.
    let (drawn, wrong) = (told.render().ansi().to_string(), told.use_stderr());
    let plain = printable::without_colours(&drawn);
    let colours = terminal::has_colours(wrong) && terminal::shown(&plain) == plain;
    match (wrong, colours) {
        (true, true) => terminal::print_stderr_drawn(&drawn),
        (true, false) => terminal::print_stderr(plain.trim_end()),
        (false, true) => terminal::print_stdout_drawn(&drawn),
        (false, false) => drop(print_stdout(plain)),
    }
    if wrong { Exit::Usage } else { Exit::Ok }
}

/// In the sandbox this file stands in for other programs, and is its own worker; it is told by the name it is called by.
fn run_as_stand_in_or_worker() {
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
        Command::Lint(args) => lint::lint(args),
        Command::New(args) => new::new(args).map(print_stdout),
        Command::Schema => Ok(print_stdout(dibber_plan::schema())),
        Command::Cache(args) => cache::cache(args, stop),
        Command::DiskImageCreate { words } => dib::create(Program::DiskImageCreate, words, stop),
        Command::RamdiskImageCreate { words } => dib::create(Program::RamdiskImageCreate, words, stop),
        Command::DiskimageBuilder(args) => dib::build_list(args, stop),
        Command::Convert(args) => dib::convert(args),
        Command::Links(args) => dib::links(args),
        Command::Man(args) => man::man(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "dibber", &mut script);
            Ok(print_stdout(String::from_utf8_lossy(&script)))
        }
    }
}
