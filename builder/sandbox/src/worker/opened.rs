//! What the worker opens before it is in its root, where these paths no longer are.
//!
//! In: what the person's process named. Out: descriptors. Never: another file or directory than the one that was named.
#![expect(clippy::disallowed_methods, reason = "this program, and emulators of the host")]

use std::fs::File;
use std::os::fd::OwnedFd;

use crate::error::{Context, SandboxError};
use crate::given::{self, TakenFile};
use crate::messages::SandboxConfig;

/// What the person's side named, open.
pub(crate) struct OpenedGrants {
    pub(crate) store: OwnedFd,
    pub(crate) stage: OwnedFd,
    pub(crate) given: Vec<TakenFile>,
}

impl OpenedGrants {
    /// Opens it in the namespace of whoever asks.
    pub(crate) fn open(config: &SandboxConfig) -> Result<OpenedGrants, SandboxError> {
        Ok(OpenedGrants {
            store: config.store.mount()?,
            stage: config.stage.mount()?,
            given: given::take_all(&config.given, config.as_root)?,
        })
    }
}

/// Programs that are copied into the sandbox.
pub(crate) struct Programs {
    /// This one.
    pub(crate) own: File,
    pub(crate) emulator: Option<File>,
}

impl Programs {
    /// Opens them.
    pub(crate) fn open(config: &SandboxConfig) -> Result<Programs, SandboxError> {
        let own = File::open("/proc/self/exe").context("open this program")?;
        let emulator = config.emulator.as_ref().map(|found| {
            File::open(&found.program).context(format_args!("open {}", found.program.display()))
        });
        Ok(Programs { own, emulator: emulator.transpose()? })
    }
}
