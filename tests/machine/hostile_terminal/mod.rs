//! What hostile hooks, names, files and servers reach: not the terminal, no password, and no end that is put off.
//!
//! In: elements, image files, sets and servers that are bad on purpose. Out: what is printed, byte by byte; exit codes; what
//! others see in /proc while it runs. Never: a network but loopback.

mod ends;
mod excerpts;
mod lost;
mod secrets;
mod server;
mod servers;
mod shown;
mod times;

use std::process::{Command, Output};

/// Runs, with bytes as they are.
fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{:?}: {e}", command.get_program()))
}

/// Standard output, then standard error.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
