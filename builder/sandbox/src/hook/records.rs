//! What programs in a hook's namespace note for us: which file of environment.d is read, what was asked of the shims, the
//! environment.
//!
//! In: a namespace in which nothing of the hook's has run. Out: what was noted, at the hook's end. Never: a path opened after
//! the hook has begun: it may have put a fifo, a link or a file without end there. What is read is what was made.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{CWD, Mode, OFlags, fchmod, openat};

use crate::error::{Context, SandboxError};
use crate::hook::exec;
use crate::messages::HookReport;

/// A note longer than this is cut: it is data of a hook, and a hook may write anything.
const LONGEST: usize = 1 << 20;

/// The files, open since before the hook.
pub(crate) struct Records {
    record: File,
    reading: File,
    environment: File,
}

impl Records {
    /// Makes them, open to every user of the namespace.
    pub(crate) fn make() -> Result<Records, SandboxError> {
        Ok(Records {
            record: make_file(exec::RECORD)?,
            reading: make_file(exec::READING)?,
            environment: make_file(exec::ENVIRONMENT)?,
        })
    }

    /// What they hold now that the hook has ended with this code.
    pub(crate) fn report(&self, code: i32) -> HookReport {
        HookReport {
            code,
            reading: read_note(&self.reading),
            record: read_note(&self.record),
            environment: read_note(&self.environment),
            overran: false,
        }
    }
}

fn make_file(path: &str) -> Result<File, SandboxError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::RUSR | Mode::WUSR).context(format_args!("make {path}"))?;
    fchmod(&file, Mode::from_raw_mode(0o666)).context(format_args!("open {path} to everyone"))?;
    Ok(file.into())
}

/// A note that cannot be read is none.
fn read_note(file: &File) -> String {
    let mut bytes = vec![0; LONGEST];
    let mut len = 0;
    while let Ok(more @ 1..) = file.read_at(&mut bytes[len..], len as u64) {
        len += more;
    }
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}
