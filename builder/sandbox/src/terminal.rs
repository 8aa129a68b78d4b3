//! The person's terminal, lent to a shell of the sandbox: this process stands between the two and copies bytes.
//!
//! In: the master of the shell's own terminal. Out: what is typed goes in, what is printed comes out, until the shell has
//! ended. Never: the person's terminal open in any other process, left in a mode of the shell's, or answering the shell after
//! its end.
#![expect(clippy::disallowed_methods, reason = "the terminal of the person who calls")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use signal_hook::SigId;
use signal_hook::consts::SIGWINCH;

use crate::channel::Channel;
use crate::kernel;

/// One shell at a time: members of a set that stop together take turns.
static TURN: Mutex<()> = Mutex::new(());

/// How long the terminal may take to answer what the shell asked it; then it has nothing more to say.
const ANSWER: Duration = Duration::from_millis(300);

/// Ends any sequence that the shell left unfinished (CAN), and what makes a terminal type by itself: reports of the mouse, of
/// focus, of pasted text. Then asks for the terminal's status (DSR of ECMA-48), whose answer comes after all earlier ones.
const CALM_DOWN: &[u8] = b"\x18\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?2004l\x1b[5n";

/// The answer of a terminal that is well.
const WELL: &[u8] = b"\x1b[0n";

/// Lends the terminal to the shell that the driver is about to start; see [`crate::Worker::lend_terminal`].
pub(crate) fn lend(shells: &mut Channel, stop: BorrowedFd<'_>, told: impl FnOnce(bool)) -> io::Result<()> {
    let terminal = Terminal::open();
    told(terminal.is_some());
    shells.send(&terminal.is_some())?;
    let Some(terminal) = terminal else { return Ok(()) };
    if wait(vec![readable(shells.as_fd()), readable(stop)], None)?[1] {
        return Ok(());
    }
    match shells.receive_descriptor()? {
        Some(master) => {
            let ended = relay(&terminal, &File::from(master), shells, stop);
            let hurry = wait(vec![readable(stop)], Some(Duration::ZERO))?[0];
            terminal.silence(if hurry { ANSWER } else { 4 * ANSWER });
            ended
        }
        // The shell could not be started; the driver says why.
        None => Ok(()),
    }
}

/// The person's terminal. It has its former mode again when this is dropped.
struct Terminal {
    tty: File,
    mode: Termios,
    _turn: MutexGuard<'static, ()>,
}

impl Terminal {
    /// That of this process's session, if it has one.
    fn open() -> Option<Terminal> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let tty = File::options().read(true).write(true).custom_flags(flags).open("/dev/tty").ok()?;
        let mode = tcgetattr(&tty).ok()?;
        Some(Terminal { tty, mode, _turn: turn })
    }

    /// Every byte as it is typed, Ctrl-C too: what it means, the shell's terminal decides.
    fn make_raw(&self) -> io::Result<()> {
        let mut raw = self.mode.clone();
        raw.make_raw();
        Ok(rustix::io::retry_on_intr(|| tcsetattr(&self.tty, OptionalActions::Now, &raw))?)
    }

    /// Waits for the answers to what the shell asked the terminal, and throws them away with whatever else was typed. A dumb
    /// terminal answers nothing. After this time it is cut short: a person who interrupts does not wait.
    fn silence(&self, most: Duration) {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if !dumb && (&self.tty).write_all(CALM_DOWN).is_err() {
            return;
        }
        let (mut heard, end) = (Vec::new(), Instant::now() + most);
        while Instant::now() < end && !heard.ends_with(WELL) {
            let mut bytes = [0; 256];
            match wait(vec![readable(self.tty.as_fd())], Some(ANSWER)) {
                Ok(ready) if ready[0] => match (&self.tty).read(&mut bytes) {
                    Ok(got @ 1..) => heard.extend_from_slice(&bytes[..got]),
                    _ => return,
                },
                _ => return,
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no mode. It must not stop this process, should that be in the background by now.
        let _ = kernel::while_in_background(|| tcsetattr(&self.tty, OptionalActions::Flush, &self.mode));
    }
}

/// Word of every change of the terminal's size.
struct Resizes {
    heard: UnixStream,
    id: SigId,
}

impl Resizes {
    fn new() -> io::Result<Resizes> {
        let (heard, told) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        Ok(Resizes { heard, id: signal_hook::low_level::pipe::register(SIGWINCH, told)? })
    }

    /// Gives the shell's terminal the size of the person's.
    fn carry_over(&self, from: &File, to: &File) {
        let mut bytes = [0; 64];
        while (&self.heard).read(&mut bytes).is_ok_and(|got| got > 0) {}
        // A terminal without a size is none that needs it.
        let _ = tcgetwinsize(from).and_then(|size| tcsetwinsize(to, size));
    }
}

impl Drop for Resizes {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.id);
    }
}

/// Copies until the driver says that the shell has ended, the worker is gone, or `stop` can be read.
fn relay(terminal: &Terminal, master: &File, shells: &mut Channel, stop: BorrowedFd<'_>) -> io::Result<()> {
    let resizes = Resizes::new()?;
    rustix::io::ioctl_fionbio(master, true)?;
    // The pair's line discipline does what the person's did: erasing, interrupting.
    let _ = tcsetattr(master, OptionalActions::Now, &terminal.mode);
    resizes.carry_over(&terminal.tty, master);
    terminal.make_raw()?;
    let mut typed = ByteRelay::new(&terminal.tty, master);
    let mut printed = ByteRelay::new(master, &terminal.tty);
    loop {
        let both = [typed.waits_for(), printed.waits_for()];
        let fixed = [shells.as_fd(), stop, resizes.heard.as_fd()].map(readable);
        let pause = both.iter().any(Option::is_none).then_some(ByteRelay::PAUSE);
        let all: Vec<_> = fixed.into_iter().chain(both.into_iter().flatten()).collect();
        let ready = wait(all, pause)?;
        if ready[1] {
            return Ok(());
        }
        if ready[2] {
            resizes.carry_over(&terminal.tty, master);
        }
        typed.go()?;
        printed.go()?;
        if ready[0] {
            // A worker that ended without a word is met by whoever reads its events.
            let _ = shells.receive_descriptor();
            return printed.empty(stop);
        }
    }
}

/// Bytes on their way in one direction. Neither end is ever waited for here: both are told not to block.
struct ByteRelay<'a> {
    from: &'a File,
    to: &'a File,
    held: Vec<u8>,
    /// The last reading found nobody at the other end of `from`, which may change: programs close a terminal and open it.
    deserted: bool,
}

impl<'a> ByteRelay<'a> {
    /// How long a terminal that nobody has open is left alone.
    const PAUSE: Duration = Duration::from_millis(100);

    fn new(from: &'a File, to: &'a File) -> ByteRelay<'a> {
        ByteRelay { from, to, held: Vec::new(), deserted: false }
    }

    fn waits_for(&mut self) -> Option<PollFd<'a>> {
        match self.held.is_empty() {
            false => Some(writable(self.to.as_fd())),
            true if std::mem::take(&mut self.deserted) => None,
            true => Some(readable(self.from.as_fd())),
        }
    }

    /// Reads what there is, if nothing is held, and writes what can be written. False where there was nothing to do.
    fn go(&mut self) -> io::Result<bool> {
        if self.held.is_empty() {
            let mut bytes = [0; 4096];
            match (&mut &*self.from).read(&mut bytes) {
                Ok(0) => self.deserted = true,
                Ok(got) => self.held.extend_from_slice(&bytes[..got]),
                Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => self.deserted = true,
                Err(error) if is_idle(&error) => {}
                Err(error) => return Err(error),
            }
        }
        match (&mut &*self.to).write(&self.held) {
            Ok(put) => Ok(self.held.drain(..put).count() > 0),
            Err(error) if is_idle(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes what is left to read after the other end's end.
    fn empty(&mut self, stop: BorrowedFd<'_>) -> io::Result<()> {
        while self.go()? || !self.held.is_empty() {
            if !self.held.is_empty() && wait(vec![writable(self.to.as_fd()), readable(stop)], None)?[1] {
                break;
            }
        }
        Ok(())
    }
}

fn is_idle(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn readable(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}

fn writable(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::OUT)
}

/// Waits until one of them is ready; which are.
fn wait(mut fds: Vec<PollFd<'_>>, most: Option<Duration>) -> io::Result<Vec<bool>> {
    let most = most
        .map(|time| Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() });
    rustix::io::retry_on_intr(|| poll(&mut fds, most.as_ref()))?;
    Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
}
