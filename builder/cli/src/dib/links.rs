//! `dibber links`: makes the links by which dib's commands are found.
//!
//! In: a directory. Out: links to this program in it. Never: somebody else's file replaced.
#![expect(clippy::disallowed_methods, reason = "a directory that the person named")]

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use clap::Args;

use super::NAMES;
use crate::exit::Exit;
use crate::report::Problem;
use crate::terminal::print_stdout;

/// `dibber links`.
#[derive(Debug, Args)]
pub(crate) struct LinksArgs {
    /// The directory to make the links in, such as ~/.local/bin; a directory that comes first in PATH takes the place of dib's own.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Makes them.
pub(crate) fn links(args: &LinksArgs) -> Result<Exit, Problem> {
    let program = std::env::current_exe().map_err(Problem::fault)?;
    fs::create_dir_all(&args.dir).map_err(|error| fault(&args.dir, &error))?;
    for name in NAMES {
        let link = args.dir.join(name);
        match symlink(&program, &link) {
            Ok(()) => {}
            Err(_) if fs::read_link(&link).is_ok_and(|target| target == program) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let why = format!(
                    "{} is there, and is no link to dibber; remove it, or name another directory",
                    link.display()
                );
                return Err(Problem::new(Exit::Output, why));
            }
            Err(error) => return Err(fault(&link, &error)),
        }
        print_stdout(format!("{} -> {}", link.display(), program.display()));
    }
    Ok(Exit::Ok)
}

fn fault(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Exit::Output, format!("{}: {error}", path.display()))
}
