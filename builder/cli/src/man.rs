//! `dibber man`: manual pages, made of the same words as `--help`.
//!
//! In: a command's name, or none for the whole. Out: a page in roff. Never: a page that says something else than the help.

use clap::{Args, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;
use crate::report::Problem;
use crate::terminal::print_stdout;

/// `dibber man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command to print the page of; default: dibber itself.
    pub(crate) command: Option<String>,
    /// List the commands that have a page.
    #[arg(long, conflicts_with = "command")]
    pub(crate) list: bool,
}

/// Prints a page.
pub(crate) fn man(args: &ManArgs) -> Result<Exit, Problem> {
    let mut whole = Cli::command();
    // Only then commands know that they are of dibber.
    whole.build();
    if args.list {
        let shown = whole.get_subcommands().filter(|command| !command.is_hide_set());
        let names: Vec<&str> = shown.map(clap::Command::get_name).collect();
        return Ok(print_stdout(names.join("\n")));
    }
    let page = match &args.command {
        None => clap_mangen::Man::new(whole),
        Some(name) => {
            let unknown = || {
                Problem::new(
                    Exit::Usage,
                    format!("dibber has no command `{name}`; `dibber man --list` prints all"),
                )
            };
            clap_mangen::Man::new(whole.find_subcommand(name).ok_or_else(unknown)?.clone())
        }
    };
    let mut text = Vec::new();
    page.render(&mut text).map_err(Problem::fault)?;
    Ok(print_stdout(String::from_utf8_lossy(&text)))
}
