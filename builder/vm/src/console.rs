//! The serial console of a running guest: the person's own, or watched for a text.
//!
//! In: a command to start, and who reads what the guest says. Out: a verdict. Never: a guest left running; a verdict or an interrupt
//! that waits for the reader.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use dibber_sandbox::attended;
use dibber_sandbox::interrupts::Interrupts;

use super::{BootError, BootRequest, Expectation};

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
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long a guest may take to shut down when its overlay is kept.
const SHUTDOWN: Duration = Duration::from_secs(90);

/// A boot whose console is watched.
pub(super) struct ConsoleWatch<'a> {
    pub(super) request: &'a BootRequest,
    /// The monitor's socket.
    pub(super) monitor: &'a Path,
    pub(super) stop: &'a Interrupts,
}

impl ConsoleWatch<'_> {
    /// Starts the guest and stays with it to its end.
    pub(super) fn run(
        &self,
        command: &mut Command,
        reader: Box<dyn Write + Send>,
    ) -> Result<Verdict, BootError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |e: std::io::Error| BootError::Failed { program: program.clone(), said: e.to_string() };
        let end_of = |guest: &mut Guest, verdict: Verdict| match attended::wait(&mut guest.0, self.stop)
            .map_err(failed)?
        {
            None => Ok(Verdict::Interrupted),
            Some(status) if status.success() => Ok(verdict),
            // A guest that switches itself off is no failure of QEMU's.
            Some(status) => Err(BootError::Ended { program: program.clone(), how: status.to_string() }),
        };
        let Some(expect) = &self.request.expect else {
            let mut guest = Guest(attended::spawn(command).map_err(failed)?);
            return end_of(&mut guest, Verdict::Ended);
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut guest = Guest(attended::spawn(command).map_err(failed)?);
        let console = Console::new(&mut guest.0, reader);
        let verdict = match console.wait_for(expect, self.stop) {
            Verdict::Died => end_of(&mut guest, Verdict::Died),
            verdict => Ok(verdict),
        };
        console.discard_rest();
        if self.request.keep_overlay.is_some() && matches!(verdict, Ok(Verdict::Seen { .. })) {
            power_down(&mut guest.0, self.monitor, self.stop);
        }
        drop(guest);
        console.finish(self.stop);
        verdict
    }
}

/// Ends the guest when it goes out of scope, whatever happened.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        // It has the terminal in its hands, and gives it back when it is asked to end.
        attended::terminate(&mut self.0);
    }
}

/// What a guest says, on its way to who waits for a text and to who reads it. A reader that does not read holds up the guest, and
/// nobody else.
struct Console {
    /// Ends when the guest's end of the console is closed and all of it was passed on.
    said: Receiver<Vec<u8>>,
    /// Whether nobody wants to know any more.
    is_over: Arc<AtomicBool>,
}

impl Console {
    fn new(guest: &mut Child, reader: Box<dyn Write + Send>) -> Console {
        let mut from = guest.stdout.take().expect("standard output was piped when the guest was started");
        let (sender, said) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let mut reader = Some(reader);
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                // A guest that shuts down must find its console drained.
                if over.load(Ordering::SeqCst) {
                    continue;
                }
                let _ = sender.send(buffer[..n].to_vec());
                // One that cannot take it remembers why, and is asked no more.
                reader.take_if(|to| to.write_all(&buffer[..n]).and_then(|()| to.flush()).is_err());
            }
        });
        Console { said, is_over }
    }

    /// Waits until the text appears, time is up, or the guest's console is closed.
    fn wait_for(&self, expect: &Expectation, stop: &Interrupts) -> Verdict {
        let start = Instant::now();
        let mut seen = Vec::new();
        loop {
            let left = expect.timeout.saturating_sub(start.elapsed());
            if stop.is_interrupted() {
                return Verdict::Interrupted;
            }
            match self.said.recv_timeout(left.min(POLL_INTERVAL)) {
                Ok(bytes) => {
                    seen.extend_from_slice(&bytes);
                    if contains(&seen, expect.text.as_bytes()) {
                        return Verdict::Seen { after: start.elapsed() };
                    }
                    // Only a tail that could begin the text is worth keeping.
                    let keep = seen.len().saturating_sub(expect.text.len());
                    seen.drain(..keep);
                }
                Err(RecvTimeoutError::Timeout) if left > POLL_INTERVAL => {}
                Err(RecvTimeoutError::Timeout) => return Verdict::TimedOut,
                Err(RecvTimeoutError::Disconnected) => return Verdict::Died,
            }
        }
    }

    /// From now on it is drained, and goes nowhere.
    fn discard_rest(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Waits until the reader has the last of it, as every program waits for who reads it. The guest must have ended.
    fn finish(&self, stop: &Interrupts) {
        while !stop.is_interrupted()
            && self.said.recv_timeout(POLL_INTERVAL) != Err(RecvTimeoutError::Disconnected)
        {}
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
    while start.elapsed() < SHUTDOWN && !stop.is_interrupted() && matches!(guest.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(socket);
}
