//! What every process of the sandbox needs: a user namespace to be root of, a parent to end with, children to wait for.
//!
//! In: channels and process ids. Out: exit codes as shells have them. Never: a process that outlives the one that waits for it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};
use rustix::thread::UnshareFlags;

use crate::channel::Channel;
use crate::error::{Context, SandboxError};
use crate::messages::report_stage;
use crate::{kernel, remedy};

/// The exit code of a process of the sandbox that failed for reasons of its own (EX_OSERR of sysexits.h).
pub(crate) const EXIT_SANDBOX_FAILED: i32 = 71;

/// The namespaces that a worker and a hook have besides that of users.
pub(crate) const NAMESPACES: UnshareFlags =
    UnshareFlags::NEWNS.union(UnshareFlags::NEWPID).union(UnshareFlags::NEWIPC).union(UnshareFlags::NEWUTS);

/// A new user namespace, whose map the process at the other end writes; then its root.
pub(crate) fn enter_user_namespace(channel: &mut Channel) -> Result<(), SandboxError> {
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    kernel::unshare(UnshareFlags::NEWUSER)
        .map_err(|e| SandboxError::Missing(remedy::user_namespace_refused(&e)))?;
    report_stage(channel, Ok(()))?;
    channel.receive_bytes().context("hear that ids are mapped")?;
    let (user, group) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    set_thread_res_gid(group, group, group).context("become root's group inside")?;
    set_thread_groups(&[]).context("leave the host's groups")?;
    set_thread_res_uid(user, user, user).context("become root inside")
}

/// A pipe whose one end the parent holds and whose other end the child: it is closed when the parent ends.
pub(crate) struct ParentGuard {
    pub(crate) child_end: OwnedFd,
    pub(crate) parent_end: OwnedFd,
}

impl ParentGuard {
    /// Both ends, for a process that is about to fork.
    pub(crate) fn new() -> Result<ParentGuard, SandboxError> {
        let (child_end, parent_end) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).context("make a pipe")?;
        Ok(ParentGuard { child_end, parent_end })
    }
}

/// Ties this process to its parent's life. The guard's end tells of a parent that was gone before the kernel was told.
pub(crate) fn die_with_parent(child_end: &OwnedFd) -> Result<(), SandboxError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("tie this process to its parent")?;
    let mut fds = [PollFd::new(child_end, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).context("look for the parent")?;
    if fds[0].revents().contains(PollFlags::HUP) {
        std::process::exit(EXIT_SANDBOX_FAILED);
    }
    Ok(())
}

/// Waits for process 1 of a namespace. The end of the process at the other end of the channel, or of its sending, is its end too.
pub(crate) fn watch(channel: &Channel, child: Pid) -> i32 {
    let Ok(process) = rustix::process::pidfd_open(child, PidfdFlags::empty()) else {
        return wait_for(child);
    };
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(channel.as_fd(), PollFlags::RDHUP),
        ];
        let waited = poll(&mut fds, None);
        let gone = fds[1].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR);
        if waited.is_ok() && gone {
            // Its being gone already is as good.
            let _ = rustix::process::pidfd_send_signal(&process, Signal::KILL);
            return wait_for(child);
        }
        if waited.is_ok() && !fds[0].revents().is_empty() {
            return wait_for(child);
        }
    }
}

/// Waits for a child; its exit code, or 128 and the signal that ended it, as shells have it.
fn wait_for(child: Pid) -> i32 {
    loop {
        match rustix::process::waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => return exit_code(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => return EXIT_SANDBOX_FAILED,
        }
    }
}

/// Waits for every child until that one has ended; the end of process 1 is the end of all others.
pub(crate) fn reap_until(child: Pid) -> i32 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => return exit_code(status),
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return EXIT_SANDBOX_FAILED,
        }
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    status
        .exit_status()
        .or(status.terminating_signal().map(|signal| 128 + signal))
        .unwrap_or(EXIT_SANDBOX_FAILED)
}
