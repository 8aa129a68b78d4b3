//! The serial console of a running guest: the person's own, or watched for a text.
//!
//! In: a command to start. Out: a verdict. Never: a guest left running.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{BootError, BootRequest, Expectation};
use crate::attended;
use crate::interrupts::Interrupts;

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The guest was switched off, or the person left.
    Ended,
    /// The expected text appeared.
    Seen {
        /// After how long.
        after: Duration,
    },
    /// It did not appear in time.
    TimedOut,
    /// QEMU ended before it appeared.
    Died,
    /// The person interrupted.
    Interrupted,
}

/// Between two looks at whether the person has interrupted.
const GLANCE: Duration = Duration::from_millis(200);
/// How long a guest may take to shut down when its overlay is kept.
const SHUTDOWN: Duration = Duration::from_secs(90);

/// Starts the guest and stays with it to its end.
pub(super) fn watch(
    command: &mut Command,
    request: &BootRequest,
    monitor: &Path,
    stop: &Interrupts,
) -> Result<Verdict, BootError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |e: std::io::Error| BootError::Failed { program: program.clone(), said: e.to_string() };
    let Some(expect) = &request.expect else {
        let mut guest = Guest(command.spawn().map_err(failed)?);
        let ended = attended::wait(&mut guest.0, stop).map_err(failed)?;
        return Ok(if ended.is_some() { Verdict::Ended } else { Verdict::Interrupted });
    };
    let mut guest = Guest(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?);
    let verdict = wait_for(&mut guest.0, expect, stop);
    if request.keep_overlay.is_some() && matches!(verdict, Verdict::Seen { .. }) {
        power_down(&mut guest.0, monitor, stop);
    }
    Ok(verdict)
}

/// Ends the guest when it goes out of scope, whatever happened.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        // It has the terminal in its hands, and gives it back when it is asked to end.
        attended::end(&mut self.0);
    }
}

/// Copies the console to standard output until the text appears, time is up, or the guest ends.
fn wait_for(guest: &mut Child, expect: &Expectation, stop: &Interrupts) -> Verdict {
    let start = Instant::now();
    let mut console = guest.stdout.take().expect("standard output was piped when the guest was started");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = console.read(&mut buffer) {
            // Nobody listens once the text was seen, but a guest that shuts down must find its console drained.
            let _ = sender.send(buffer[..n].to_vec());
        }
    });
    let mut seen = Vec::new();
    loop {
        let left = expect.timeout.saturating_sub(start.elapsed());
        if stop.heard() {
            return Verdict::Interrupted;
        }
        match receiver.recv_timeout(left.min(GLANCE)) {
            Ok(bytes) => {
                let mut terminal = std::io::stdout().lock();
                let _ = terminal.write_all(&bytes).and_then(|()| terminal.flush());
                seen.extend_from_slice(&bytes);
                if contains(&seen, expect.text.as_bytes()) {
                    return Verdict::Seen { after: start.elapsed() };
                }
                // Only a tail that could begin the text is worth keeping.
                let keep = seen.len().saturating_sub(expect.text.len());
                seen.drain(..keep);
            }
            Err(RecvTimeoutError::Timeout) if left > GLANCE => {}
            Err(RecvTimeoutError::Timeout) => return Verdict::TimedOut,
            Err(RecvTimeoutError::Disconnected) => return Verdict::Died,
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}

/// Presses the power button, so that what the guest wrote reaches its filesystems, and waits for it to go.
fn power_down(guest: &mut Child, monitor: &Path, stop: &Interrupts) {
    let pressed = UnixStream::connect(monitor).and_then(|mut socket| {
        socket.write_all(b"system_powerdown\n")?;
        Ok(socket)
    });
    let Ok(socket) = pressed else { return };
    let start = Instant::now();
    while start.elapsed() < SHUTDOWN && !stop.heard() && matches!(guest.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(socket);
}
