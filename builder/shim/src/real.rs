//! The program that a stand-in stands in for.
//!
//! In: its name and words. Out: its exit code, and what it said. Never: a stand-in again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PLACES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// How one ended whose words are heard, and not yet told.
pub(crate) struct Ended {
    pub(crate) code: i32,
    said: Output,
}

impl Ended {
    /// Tells what it said, as if it were not this program that called it.
    pub(crate) fn tell(&self) {
        print!("{}", String::from_utf8_lossy(&self.said.stdout));
        eprint!("{}", String::from_utf8_lossy(&self.said.stderr));
    }
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    PLACES.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

/// Runs it, and passes its exit code on.
pub(crate) fn run(name: &str, words: &[String]) -> i32 {
    let Some(program) = found(name) else { return 127 };
    match Command::new(&program).args(words).status() {
        Ok(status) => status.code().unwrap_or(1),
        Err(error) => not_started(name, &program, &error),
    }
}

/// Runs it to see whether it succeeds. `Err` is the exit code where it could not be started.
pub(crate) fn try_run(name: &str, words: &[String]) -> Result<Ended, i32> {
    let program = found(name).ok_or(127)?;
    let said = Command::new(&program).args(words).output();
    let said = said.map_err(|error| not_started(name, &program, &error))?;
    Ok(Ended { code: said.status.code().unwrap_or(1), said })
}

/// What it prints, whatever its exit code.
pub(crate) fn output(name: &str, words: &[&str]) -> std::io::Result<String> {
    let program = find(name).ok_or(std::io::ErrorKind::NotFound)?;
    Ok(String::from_utf8_lossy(&Command::new(program).args(words).output()?.stdout).into_owned())
}

fn found(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        eprintln!("{name}: not installed");
    }
    found
}

fn not_started(name: &str, program: &Path, error: &std::io::Error) -> i32 {
    eprintln!("{name}: cannot start {}: {error}", program.display());
    126
}
