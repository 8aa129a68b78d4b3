//! Ctrl-C, SIGTERM and SIGHUP end the program at once, unless it has something to clean up: then whoever cleans up is told, and has a
//! moment for it.
//!
//! In: signals. Out: exit code 130. Never: a wait that outlasts them: an archive, a server, a lock or a file that does not
//! answer keeps nobody from ending.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::kernel;

/// What a shell takes for "interrupted": 128 and the number of SIGINT. See `docs/exit-codes.md`.
const INTERRUPTED: i32 = 130;

/// How long whoever cleans up may take. What is left after that, the next build clears.
const CLEANUP_MAX: Duration = Duration::from_millis(800);

/// Whether the person has asked this program to end.
pub struct Interrupts {
    /// Becomes readable with the first signal, and stays so.
    signalled: OwnedFd,
    /// Whether the signal itself ends the program.
    exits_at_once: Arc<AtomicBool>,
}

impl AsFd for Interrupts {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signalled.as_fd()
    }
}

impl Interrupts {
    /// Catches the signals from now on: each ends the program at once, but while exits are [deferred](Interrupts::defer_exit).
    /// One that whoever started the program had it ignore stays ignored, as SIGHUP does under nohup(1). Call once, before there are
    /// threads.
    pub fn catch() -> io::Result<Interrupts> {
        let (signalled, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let exits_at_once = Arc::new(AtomicBool::new(true));
        let signals = [SIGINT, SIGTERM, SIGHUP];
        kernel::unblock(&signals)?;
        for signal in signals.into_iter().filter(|signal| !kernel::is_ignored(*signal)) {
            signal_hook::flag::register_conditional_shutdown(
                signal,
                INTERRUPTED,
                Arc::clone(&exits_at_once),
            )?;
            signal_hook::low_level::pipe::register(signal, File::from(write.try_clone()?))?;
        }
        Ok(Interrupts { signalled, exits_at_once })
    }

    /// Whether the person has interrupted.
    pub fn is_interrupted(&self) -> bool {
        self.wait_for(&[], Some(Duration::ZERO)).is_ok_and(|woken| woken == Wake::Interrupted)
    }

    /// From now on an interrupt is heard by whoever waits for it, who then cleans up and ends. If that takes longer than
    /// 0.8 s, or nobody waits, the program ends all the same. Ends when the deferral is dropped.
    pub fn defer_exit(&self) -> io::Result<ExitDeferral<'_>> {
        let (done, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let signalled = self.signalled.try_clone()?;
        self.exits_at_once.store(false, Ordering::SeqCst);
        let deferral = ExitDeferral { interrupts: self, _tell: tell };
        thread::Builder::new().spawn(move || {
            if wait(&[signalled.as_fd(), done.as_fd()], None).is_ok_and(|ready| ready == 0)
                && wait(&[done.as_fd()], Some(CLEANUP_MAX)).is_err()
            {
                signal_hook::low_level::exit(INTERRUPTED);
            }
        })?;
        Ok(deferral)
    }

    /// Waits until one of these can be read or is closed, the person interrupts, or time is up. An interrupt goes first.
    pub fn wait_for(&self, others: &[BorrowedFd<'_>], time: Option<Duration>) -> io::Result<Wake> {
        let all: Vec<BorrowedFd<'_>> =
            std::iter::once(self.signalled.as_fd()).chain(others.iter().copied()).collect();
        match wait(&all, time) {
            Ok(0) => Ok(Wake::Interrupted),
            Ok(other) => Ok(Wake::Readable(other - 1)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(Wake::TimedOut),
            Err(error) => Err(error),
        }
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The person interrupted.
    Interrupted,
    /// There is something to be read from this one, by its place.
    Readable(usize),
    /// Time is up.
    TimedOut,
}

/// While this lives, interrupts are heard rather than fatal; see [`Interrupts::defer_exit`].
pub struct ExitDeferral<'a> {
    interrupts: &'a Interrupts,
    /// Its end tells the watching thread.
    _tell: OwnedFd,
}

impl Drop for ExitDeferral<'_> {
    fn drop(&mut self) {
        self.interrupts.exits_at_once.store(true, Ordering::SeqCst);
    }
}

/// The index of the first that can be read or is closed; an error of kind `TimedOut` if none is in time.
fn wait(fds: &[BorrowedFd<'_>], time: Option<Duration>) -> io::Result<usize> {
    let end = time.map(|time| Instant::now() + time);
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, left.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if let Some(ready) = polled.iter().position(|fd| !fd.revents().is_empty()) {
            return Ok(ready);
        }
    }
}
