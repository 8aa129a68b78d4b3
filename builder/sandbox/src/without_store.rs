//! Work of the driver with names that elements or hooks chose is done in a mount namespace in which there is neither store nor stage.
//!
//! In: work on descriptors that were opened beforehand, with names that elements or hooks chose. Out: its result. Never: a
//! path by which such a name could reach another image's layers or outputs, whatever the work does with it.

use std::thread;

use rustix::mount::{UnmountFlags, unmount};
use rustix::thread::UnshareFlags;

use crate::error::{Context, SandboxError};
use crate::{STAGE, STORE, kernel, mounts};

/// Does work on a thread of its own whose mount namespace has no store and no stage. Only the driver may ask for it.
pub fn without_store<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, SandboxError> {
    thread::scope(|scope| {
        let done = scope.spawn(|| {
            // A new mount namespace is a thread's own, as its root and working directory are from then on; see unshare(2).
            kernel::unshare(UnshareFlags::FS | UnshareFlags::NEWNS).context("leave the store's namespace")?;
            mounts::make_private()?;
            for place in [STORE, STAGE] {
                unmount(place, UnmountFlags::DETACH).context(format_args!("take away {place}"))?;
            }
            Ok(work())
        });
        done.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
