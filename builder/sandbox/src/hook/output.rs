//! What a hook prints, line by line as it is printed, and its report at the end.
//!
//! In: two pipes and a channel. Out: lines, then a report. Never: a wait that a hook can draw out beyond its time.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::Child;
use std::time::{Duration, Instant};

use dibber_model::redact::Redact;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::channel::Channel;
use crate::error::{Context, SandboxError};
use crate::messages::HookReport;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Who is told the lines.
type LineSink<'a> = dyn FnMut(OutputStream, &[u8]) + 'a;

/// The exit code of a hook that ended without a report: as if SIGKILL had ended it.
const EXIT_KILLED: i32 = 128 + 9;

/// A hook's two pipes, and who is told what comes out of them.
pub(crate) struct HookOutput<'a> {
    out: Pipe,
    err: Pipe,
    redact: &'a Redact,
    line: &'a mut LineSink<'a>,
}

impl<'a> HookOutput<'a> {
    /// The output of a process that was launched with pipes.
    pub(crate) fn new(child: &mut Child, redact: &'a Redact, line: &'a mut LineSink<'a>) -> HookOutput<'a> {
        let out = Pipe::new(OutputStream::Out, child.stdout.take().expect("launched with pipes"));
        let err = Pipe::new(OutputStream::Err, child.stderr.take().expect("launched with pipes"));
        HookOutput { out, err, redact, line }
    }

    /// Hears lines and the report until the hook's last process is gone: by itself, or because its time is over.
    pub(crate) fn follow(
        mut self,
        channel: &mut Channel,
        time: Option<Duration>,
    ) -> Result<HookReport, SandboxError> {
        let (begun, mut overran) = (Instant::now(), false);
        let mut report: Option<HookReport> = None;
        while self.out.open || self.err.open || report.is_none() {
            // One that has reported, or is being ended, takes no time of its own any more.
            let left = time
                .filter(|_| !overran && report.is_none())
                .map(|time| time.saturating_sub(begun.elapsed()));
            if left == Some(Duration::ZERO) {
                overran = true;
                channel.shut_down_sending().context("end the hook")?;
                continue;
            }
            let ready = self.wait(report.is_none().then_some(&*channel), left)?;
            if ready.out {
                self.out.read_lines(self.redact, self.line).context("read the hook's output")?;
            }
            if ready.err {
                self.err.read_lines(self.redact, self.line).context("read the hook's errors")?;
            }
            if ready.channel {
                let killed = HookReport { code: EXIT_KILLED, ..HookReport::default() };
                report = Some(channel.receive().unwrap_or(killed));
            }
        }
        let report = report.expect("the loop ends with a report");
        Ok(HookReport { overran, ..report })
    }

    /// Waits until something can be read.
    fn wait(&self, channel: Option<&Channel>, most: Option<Duration>) -> Result<Ready, SandboxError> {
        let sources = [
            self.out.open.then(|| self.out.source.as_fd()),
            self.err.open.then(|| self.err.source.as_fd()),
            channel.map(AsFd::as_fd),
        ];
        let mut fds: Vec<PollFd<'_>> =
            sources.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        // More than a kernel's clock can count is for ever.
        let most = most.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut fds, most.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
            other => other.context("wait for the hook")?,
        };
        let mut polled = fds.iter();
        let [out, err, channel] = sources
            .map(|source| source.is_some() && polled.next().is_some_and(|fd| !fd.revents().is_empty()));
        Ok(Ready { out, err, channel })
    }
}

/// What can be read.
#[derive(Default)]
struct Ready {
    out: bool,
    err: bool,
    channel: bool,
}

trait ReadAsFd: Read + AsFd {}
impl<T: Read + AsFd> ReadAsFd for T {}

/// A pipe cut into lines.
struct Pipe {
    stream: OutputStream,
    source: Box<dyn ReadAsFd>,
    open: bool,
    rest: Vec<u8>,
}

/// A line longer than this is told in pieces.
const LONGEST_LINE: usize = 64 << 10;

impl Pipe {
    fn new(stream: OutputStream, source: impl Read + AsFd + 'static) -> Pipe {
        Pipe { stream, source: Box::new(source), open: true, rest: Vec::new() }
    }

    fn read_lines(&mut self, redact: &Redact, line: &mut LineSink<'_>) -> io::Result<()> {
        let mut bytes = [0; 8192];
        let got = self.source.read(&mut bytes)?;
        self.open = got > 0;
        self.rest.extend_from_slice(&bytes[..got]);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            line(self.stream, &self.rest[..end]);
            self.rest.drain(..=end);
        }
        if !self.rest.is_empty() && (!self.open || self.rest.len() > LONGEST_LINE) {
            let cut = if self.open { redact.cut(&self.rest) } else { self.rest.len() };
            line(self.stream, &self.rest[..cut]);
            self.rest.drain(..cut);
        }
        Ok(())
    }
}
