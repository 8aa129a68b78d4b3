//! Foreign programs that make containers which are not written natively.
//!
//! In: a program and its arguments, never through a shell. Out: its version, or its last words. Never: its output on our
//! terminal, or the caller's environment beyond PATH.

use std::io::{self, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// How much of what a failed program said is passed on.
const LAST_LINES: usize = 10;

/// A foreign program that is missing or failed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It could not be started.
    #[error("`{program}` does not start: {source}; install the package {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Debian's package that has it.
        package: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// It ran and failed.
    #[error("`{program}` failed with {status}: {said}")]
    Failed {
        /// The program.
        program: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The last lines that it printed.
        said: String,
    },
}

/// A foreign program at work.
pub(super) struct Running {
    /// Its standard input, if that was asked for as a pipe.
    pub(super) stdin: Option<ChildStdin>,
    child: Child,
    said: JoinHandle<io::Result<Vec<u8>>>,
}

/// A foreign program.
pub(super) struct Tool {
    pub(super) program: &'static str,
    pub(super) package: &'static str,
    pub(super) version_flag: &'static str,
}

impl Tool {
    /// A command with nothing but PATH in its environment. `SOURCE_DATE_EPOCH` and the like would change its output
    /// behind our back.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env_clear().env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.stderr(Stdio::piped());
        command
    }

    /// Starts it; what it says is read all along, so that it never waits for us.
    pub(super) fn start(&self, command: &mut Command) -> Result<Running, ToolError> {
        let mut child = command.spawn().map_err(|source| self.missing(source))?;
        let mut stderr = child.stderr.take().expect("command() asks for standard error as a pipe");
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).map(|_| said)
        });
        Ok(Running { stdin: child.stdin.take(), child, said })
    }

    /// Waits for the end, and passes its last words on if it failed.
    pub(super) fn finish(&self, running: Running) -> Result<(), ToolError> {
        let Running { stdin, mut child, said } = running;
        drop(stdin);
        let status = child.wait().map_err(|source| self.missing(source))?;
        let said = said.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let said = lines[lines.len().saturating_sub(LAST_LINES)..].join("; ");
        Err(ToolError::Failed { program: self.program, status, said })
    }

    /// The first line of what it says of its version: what a sidecar records.
    pub(super) fn version(&self) -> Result<String, ToolError> {
        let output = self
            .command()
            .arg(self.version_flag)
            .stdout(Stdio::piped())
            .output()
            .map_err(|source| self.missing(source))?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said.lines().next().unwrap_or_default().trim().to_string())
    }

    fn missing(&self, source: io::Error) -> ToolError {
        ToolError::Missing { program: self.program, package: self.package, source }
    }
}
