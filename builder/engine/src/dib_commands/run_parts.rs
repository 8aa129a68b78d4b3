//! `dib-run-parts [--list] DIRECTORY`: runs the hooks of a directory in dib's order, for hooks and programs that call it.
//!
//! In: a directory of scripts, with `environment.d` beside it or not. Out: each script run; the exit code of the first that
//! fails. Never: a script whose name or mode dib's own would skip.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use dibber_plan::elements::run_parts;
use dibber_sandbox::environment_reader;
use rustix::io::Errno;

pub(super) fn main(arguments: &[String]) -> i32 {
    let (list, dir) = match arguments {
        [option, dir] if option == "--list" => (true, dir),
        [dir] if !dir.starts_with("--") => (false, dir),
        _ => {
            eprintln!("usage: dib-run-parts [--list] DIRECTORY");
            return 1;
        }
    };
    let dir = Path::new(dir);
    let scripts = match scripts(dir) {
        Ok(scripts) => scripts,
        Err(error) => {
            eprintln!("dib-run-parts: {}: {error}; it must be a directory of scripts", dir.display());
            return 1;
        }
    };
    if list {
        scripts.iter().for_each(|name| println!("{}", dir.join(name).display()));
        return 0;
    }
    run(dir, &scripts)
}

/// Names of what runs, in order.
fn scripts(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let runs = fs::metadata(entry.path())
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        if runs && run_parts::is_hook_name(&name) {
            names.push(name);
        }
    }
    names.sort_by(|a, b| run_parts::compare(a, b));
    Ok(names)
}

/// The files of environment.d beside the directory, in their order.
fn environment(dir: &Path) -> Vec<PathBuf> {
    let beside = dir.join("../environment.d");
    let entries = fs::read_dir(&beside).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| run_parts::is_environment_name(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

fn run(dir: &Path, scripts: &[String]) -> i32 {
    let environment = environment(dir);
    let mut times = Vec::new();
    for name in scripts {
        let script = dir.join(name);
        eprintln!("dib-run-parts Running {}", script.display());
        let start = Instant::now();
        let code = match end(&script, &environment) {
            Ok(status) => code(status),
            Err(error) => {
                eprintln!("dib-run-parts: cannot start {}: {error}", script.display());
                126
            }
        };
        if code != 0 {
            return code;
        }
        times.push((name, start.elapsed().as_secs_f64()));
        eprintln!("dib-run-parts {name} completed");
    }
    for (name, seconds) in times {
        eprintln!("dib-run-parts {name:<40} {seconds:>10.3}");
    }
    0
}

/// Runs a script to its end. One without a `#!` line bash reads, as it does where dib-run-parts starts it.
fn end(script: &Path, environment: &[PathBuf]) -> io::Result<ExitStatus> {
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc"]);
    if !environment.is_empty() {
        let (reader, count) = (environment_reader("/dev/null"), environment.len().to_string());
        return bash.args(["-c", &reader, "bash", &count]).args(environment).arg(script).status();
    }
    match Command::new(script).status() {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOEXEC) => {
            bash.arg("--").arg(script).status()
        }
        ended => ended,
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
