//! A pseudo-terminal for one shell, from the sandbox's own instance of devpts: a process with the person's terminal open could type
//! there.
//!
//! In: the hook's /dev. Out: the master, for the person's process to relay; the slave, which the shell starts on. Never: a
//! terminal that somebody outside of the sandbox types at.
#![expect(clippy::disallowed_methods, reason = "a device of a file system that was just mounted")]

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;

/// Both ends of a pseudo-terminal.
pub(crate) struct Pty {
    /// What the person's process reads and writes.
    pub(crate) master: OwnedFd,
    /// What the shell has as standard input, output and errors: /dev/pts/0.
    pub(crate) slave: OwnedFd,
}

impl Pty {
    /// Opens a pair. Where a hook's mount lies over /dev/pts, what is opened is refused unless it is a terminal's master, and
    /// then it is of an instance that the hook could make, which is as good (pts(4)).
    pub(crate) fn open() -> io::Result<Pty> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let master = rustix::fs::open("/dev/pts/ptmx", flags, Mode::empty())?;
        rustix::pty::unlockpt(&master)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
        Ok(Pty { master, slave })
    }
}

/// In the shell's process, the leader of a session without a terminal: makes this one the session's, and all three streams.
pub(crate) fn adopt(slave: &OwnedFd) -> io::Result<()> {
    rustix::process::ioctl_tiocsctty(slave)?;
    rustix::stdio::dup2_stdin(slave)?;
    rustix::stdio::dup2_stdout(slave)?;
    rustix::stdio::dup2_stderr(slave)?;
    Ok(())
}
