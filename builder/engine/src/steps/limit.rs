//! Which limit a hook met, in words: the number, and the key of the image file that raises it.
//!
//! In: how a hook ended, what it printed last, its limits. Out: the rest of a sentence. Never: a limit named where nothing points
//! to it.

use dibber_model::Limits;

use dibber_sandbox::HookResult;

/// `SIGXFSZ` of signal(7), the same on every architecture that dibber runs on: a file grew beyond its limit.
const FILE_TOO_LARGE: i32 = 25;

/// What the C library says of the errors that limits lead to (EAGAIN of fork, EMFILE, EFBIG).
const NO_PROCESS: [&str; 2] = ["fork: Resource temporarily unavailable", "fork: retry: Resource temporarily"];
const NO_FILE: &str = "Too many open files";
const NO_SIZE: &str = "File too large";

/// The limit that a failed hook met, if it met one.
pub(super) fn met(end: &HookResult, tail: &[String], limits: &Limits) -> Option<String> {
    let printed = |text: &str| tail.iter().any(|line| line.contains(text));
    let Limits { processes, open_files, file_size, timeout } = limits;
    if let (true, Some(time)) = (end.overran, timeout) {
        return Some(format!(
            "it was ended after {time}, its time limit; `timeout:` in the image file gives each hook more, `timeout: none` all the time"
        ));
    }
    if end.code == 128 + FILE_TOO_LARGE || printed(NO_SIZE) {
        return Some(format!(
            "a file grew to {file_size}, the limit; `limits: {{file_size: ...}}` in the image file allows more"
        ));
    }
    if printed(NO_FILE) {
        return Some(format!(
            "a process had {open_files} files open, the limit; `limits: {{open_files: ...}}` in the image file allows more"
        ));
    }
    NO_PROCESS.iter().any(|text| printed(text)).then(|| {
        format!(
            "it had {processes} processes, the limit; `limits: {{processes: ...}}` in the image file allows more"
        )
    })
}
