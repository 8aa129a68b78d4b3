//! What tests wait for, once that takes longer than ten seconds: a build from an archive, a boot under emulation.
//!
//! In: a command. Out: what it printed; a line on standard error while it runs, past the capture of the test harness. Never: a
//! time that decides a test.

use std::io::{Write, stderr};
use std::process::{Command, Output};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{current, scope};
use std::time::{Duration, Instant};

/// Before the first line; each further one comes after twice the time.
const FIRST: Duration = Duration::from_secs(10);

/// Runs a command to its end; a program that is missing fails the test by name.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = said(&line(command), || command.output());
    output.unwrap_or_else(|e| panic!("{program}: {e}; scripts/test installs the tools that the tests need"))
}

/// Does what may take long, and says what it is while it does.
pub fn said<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let test = current().name().unwrap_or_default().to_string();
    let (running, ended) = channel::<()>();
    scope(|scope| {
        scope.spawn(move || {
            let (begin, mut pause) = (Instant::now(), FIRST);
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let seconds = begin.elapsed().as_secs();
                // A closed standard error is no fault of the test.
                let _ = writeln!(stderr(), "{test}: {seconds} s in {what}");
                pause *= 2;
            }
        });
        // Dropped with the work's own end, a panic included: the thread is waited for.
        let _running = running;
        work()
    })
}

/// A command as one line that is no longer than a terminal is wide.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(100).collect();
    if short.len() < line.len() { format!("{short} ...") } else { line }
}
