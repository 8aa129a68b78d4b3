//! Standard output and standard error: the only way by which words leave the program.
//!
//! In: texts. Out: the same where the person, or a program, reads them, with nothing in them that a terminal obeys and no
//! password of a URL. Never: a panic because nobody reads or nothing fits; success where an answer could not be written.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use dibber_engine::failure::is_out_of_space;
use dibber_model::redact;
use dibber_sandbox::is_output_closed;

use crate::exit::Exit;
use crate::printable;

/// What the kernel says of a descriptor that is not open (errno(3)).
const EBADF: i32 = 9;

/// The first fault of standard output.
static FAULT: OnceLock<io::Error> = OnceLock::new();

/// Prints a part of the answer of a command, on standard output.
pub(crate) fn print_stdout(text: impl AsRef<str>) -> Exit {
    let mut line = shown(text.as_ref().trim_end());
    line.push('\n');
    // A fault is remembered, and told at the end.
    let _ = raw_stdout().write_all(line.as_bytes());
    Exit::Ok
}

/// Tells the person something, on standard error. Where nobody hears it, the exit code says it all the same.
pub(crate) fn print_stderr(text: impl AsRef<str>) {
    let mut line = shown(text.as_ref());
    line.push('\n');
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// A message that may quote others over several lines: none of theirs begins where one of ours does.
pub(crate) fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

/// Text as it is shown: see [`printable::lines`].
pub(crate) fn shown(text: &str) -> String {
    printable::lines(&redact::mask_urls(text)).into_owned()
}

/// Prints what is drawn already, and may have colours.
pub(crate) fn print_stdout_drawn(text: &str) {
    let _ = raw_stdout().write_all(text.as_bytes());
}

/// The same on standard error.
pub(crate) fn print_stderr_drawn(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether standard error, or else standard output, is a terminal that may be given colours.
pub(crate) fn has_colours(error: bool) -> bool {
    let is_terminal = if error { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    is_terminal && !is_dumb && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// Standard output as it is, for content that was asked for: bytes go out unchanged.
pub(crate) fn raw_stdout() -> RawStdout {
    RawStdout
}

/// See [`raw_stdout`].
pub(crate) struct RawStdout;

impl Write for RawStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        remember_error(check_is_open().and_then(|()| io::stdout().lock().write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        remember_error(io::stdout().lock().flush())
    }
}

/// The same for a thread of its own, which may have to wait for the reader: nobody who wants standard output then waits for it.
pub(crate) fn stdout_for_thread() -> io::Result<impl Write + Send> {
    Ok(ThreadStdout(io::stdout().as_fd().try_clone_to_owned()?.into()))
}

/// See [`stdout_for_thread`].
struct ThreadStdout(File);

impl Write for ThreadStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        remember_error(check_is_open().and_then(|()| self.0.write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What has the place of a closed standard output takes everything, and keeps nothing.
fn check_is_open() -> io::Result<()> {
    if is_output_closed() { Err(io::Error::from_raw_os_error(EBADF)) } else { Ok(()) }
}

fn remember_error<T>(result: io::Result<T>) -> io::Result<T> {
    result.inspect_err(|error| {
        if error.kind() != io::ErrorKind::Interrupted {
            let again = error.raw_os_error().map(io::Error::from_raw_os_error);
            // An earlier one stays.
            let _ = FAULT.set(again.unwrap_or_else(|| error.kind().into()));
        }
    })
}

/// Whether something could not be written on standard output.
pub(crate) fn has_output_failed() -> bool {
    FAULT.get().is_some()
}

/// How the program ends if it would end so: an answer that was lost is no success. A reader that went away is content.
pub(crate) fn exit_after_output(exit: Exit) -> Exit {
    // A fault is remembered.
    let _ = raw_stdout().flush();
    match FAULT.get() {
        Some(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
            print_stderr(format!("error: standard output: {fault}; what was to be printed is not there"));
            match exit {
                Exit::Ok if is_out_of_space(fault) => Exit::Space,
                Exit::Ok => Exit::Fault,
                other => other,
            }
        }
        _ => exit,
    }
}
