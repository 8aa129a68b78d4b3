//! What programs in a hook's namespace note for us: which file of environment.d is read, what was asked of the shims, the
//! environment.
//!
//! In: a namespace in which nothing of the hook's has run. Out: what was noted, at the hook's end. Never: a path opened after
//! the hook has begun: it may have put a fifo, a link or a file without end there. What is read is what was made.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{CWD, Mode, OFlags, fchmod, openat};

use super::error::{Doing, SandboxError};
use super::exec;
use super::stage::Report;

/// A note longer than this is cut: it is data of a hook, and a hook may write anything.
const LONGEST: usize = 1 << 20;

/// The files, open since before the hook.
pub(super) struct Records {
    record: File,
    reading: File,
    environment: File,
}

impl Records {
    /// Makes them, open to every user of the namespace.
    pub(super) fn make() -> Result<Records, SandboxError> {
        Ok(Records {
            record: make(exec::RECORD)?,
            reading: make(exec::READING)?,
            environment: make(exec::ENVIRONMENT)?,
        })
    }

    /// What they hold now that the hook has ended with this code.
    pub(super) fn report(&self, code: i32) -> Report {
        Report {
            code,
            reading: text(&self.reading),
            record: text(&self.record),
            environment: text(&self.environment),
            overran: false,
        }
    }
}

fn make(path: &str) -> Result<File, SandboxError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::RUSR | Mode::WUSR).doing(format_args!("make {path}"))?;
    fchmod(&file, Mode::from_raw_mode(0o666)).doing(format_args!("open {path} to everyone"))?;
    Ok(file.into())
}

/// A note that cannot be read is none.
fn text(file: &File) -> String {
    let mut bytes = vec![0; LONGEST];
    let mut len = 0;
    while let Ok(more @ 1..) = file.read_at(&mut bytes[len..], len as u64) {
        len += more;
    }
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}
