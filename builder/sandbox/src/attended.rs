//! Programs of the host that the person's own process runs, such as QEMU. None is left alone: this process waits for its end,
//! ends it when the person interrupts, and the kernel ends it with this process.
//!
//! In: a command. Out: how it ended, and what it said last. Never: a program, or a child of it, that runs on after an interrupt;
//! a program that outlives the process that started it, also when that is killed.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, kill_process_group, pidfd_open, prlimit,
};

use crate::interrupts::{Interrupts, Wake};
use crate::kernel;

/// So much of what a program says last is kept, in bytes.
const TAIL_MAX: usize = 64 << 10;
/// How long a program that was asked to end may take: it may have a terminal to put in order.
const GRACE: Duration = Duration::from_millis(400);

/// A program that ended by itself.
pub struct ProgramEnd {
    /// Its exit status.
    pub status: ExitStatus,
    /// The end of what it printed on standard error, if that was taken.
    pub stderr_tail: Vec<u8>,
}

/// Runs a program with nothing to read, nobody to hear its standard output, and no file of more than `largest` bytes to write.
/// `None` if the person interrupted: then it has ended, and what it had started too.
pub fn run(command: &mut Command, largest: u64, stop: &Interrupts) -> io::Result<Option<ProgramEnd>> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut program = Attended(spawn(command.process_group(0))?);
    // Where the caller has a lower limit, it stays.
    let had = getrlimit(Resource::Fsize).maximum;
    let most = Some(had.map_or(largest, |had| had.min(largest)));
    let most = Rlimit { current: most, maximum: most };
    prlimit(Some(pid(&program.0)), Resource::Fsize, most)?;
    let mut said = program.0.stderr.take();
    let ended = pidfd_open(pid(&program.0), PidfdFlags::empty())?;
    let mut kept = Vec::new();
    while let Some(pipe) = &mut said {
        match stop.wait_for(&[pipe.as_fd(), ended.as_fd()], None)? {
            Wake::Interrupted => return Ok(None),
            // What it started may hold the pipe for longer than it lives itself.
            Wake::Readable(1) => break,
            Wake::Readable(_) | Wake::TimedOut => {
                let mut bytes = [0; 4096];
                match pipe.read(&mut bytes)? {
                    0 => said = None,
                    n => kept.extend_from_slice(&bytes[..n]),
                }
                kept.drain(..kept.len().saturating_sub(TAIL_MAX));
            }
        }
    }
    let status = wait(&mut program.0, stop)?;
    Ok(status.map(|status| ProgramEnd { status, stderr_tail: kept }))
}

/// Starts a program that ends, by SIGKILL, when the calling thread does, whatever ends that.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    kernel::die_with_caller(command);
    command.spawn()
}

/// Waits for a program's end. `None` if the person interrupted: then it may still run.
pub fn wait(child: &mut Child, stop: &Interrupts) -> io::Result<Option<ExitStatus>> {
    let ended = pidfd_open(pid(child), PidfdFlags::empty())?;
    match stop.wait_for(&[ended.as_fd()], None)? {
        Wake::Interrupted => Ok(None),
        Wake::Readable(_) | Wake::TimedOut => child.wait().map(Some),
    }
}

/// A program in a process group of its own, which ends with this.
struct Attended(Child);

impl Drop for Attended {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        // Errors mean that there is nobody left.
        let _ = kill_process_group(pid(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Asks a program to end, and ends it if it does not.
pub fn terminate(child: &mut Child) {
    // Errors mean that it has ended already.
    let _ = rustix::process::kill_process(pid(child), Signal::TERM);
    let start = Instant::now();
    while start.elapsed() < GRACE && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}
