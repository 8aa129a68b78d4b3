//! dib's phases, in their order, and the side of the chroot on which their hooks run.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// A phase of the build (`diskimage_builder/lib/disk-image-create`). Ordered as they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Phase {
    /// Makes the root filesystem.
    Root,
    /// Stages data for later hooks.
    ExtraData,
    /// Prepares the package system.
    PreInstall,
    /// Installs.
    Install,
    /// Configures what was installed.
    PostInstall,
    /// Last touch from outside, before sizes are taken.
    PostRoot,
    /// dib's legacy override of the block device.
    BlockDevice,
    /// Outside, with the final filesystems in place.
    PreFinalise,
    /// Inside, with the final filesystems in place: boot loaders.
    Finalise,
    /// Takes things out: kernel, initrd, manifests.
    Cleanup,
}

/// Where a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Outside the tree, in a sandbox that sees the host read-only.
    Host,
    /// Inside the tree.
    Chroot,
}

/// What there is to know of a phase.
struct PhaseRow {
    phase: Phase,
    name: &'static str,
    side: Side,
}

const PHASES: [PhaseRow; 10] = [
    PhaseRow { phase: Phase::Root, name: "root", side: Side::Host },
    PhaseRow { phase: Phase::ExtraData, name: "extra-data", side: Side::Host },
    PhaseRow { phase: Phase::PreInstall, name: "pre-install", side: Side::Chroot },
    PhaseRow { phase: Phase::Install, name: "install", side: Side::Chroot },
    PhaseRow { phase: Phase::PostInstall, name: "post-install", side: Side::Chroot },
    PhaseRow { phase: Phase::PostRoot, name: "post-root", side: Side::Host },
    PhaseRow { phase: Phase::BlockDevice, name: "block-device", side: Side::Host },
    PhaseRow { phase: Phase::PreFinalise, name: "pre-finalise", side: Side::Host },
    PhaseRow { phase: Phase::Finalise, name: "finalise", side: Side::Chroot },
    PhaseRow { phase: Phase::Cleanup, name: "cleanup", side: Side::Host },
];

impl Phase {
    /// Every phase, in the order in which they run.
    pub fn all() -> impl Iterator<Item = Phase> {
        PHASES.iter().map(|row| row.phase)
    }

    fn row(self) -> &'static PhaseRow {
        PHASES.iter().find(|row| row.phase == self).expect("PHASES has a row for every variant")
    }

    /// The name as `break=` wants it: `pre-install`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The phase whose hooks live in a directory such as `pre-install.d`.
    pub fn of_directory(dir: &str) -> Option<Phase> {
        dir.strip_suffix(".d").and_then(|name| name.parse().ok())
    }

    /// The directory of its hooks: `pre-install.d`.
    pub fn directory(self) -> String {
        alloc::format!("{}.d", self.name())
    }

    /// Where its hooks run.
    pub fn side(self) -> Side {
        self.row().side
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no phase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown phase `{0}`")]
pub struct UnknownPhase(pub String);

impl FromStr for Phase {
    type Err = UnknownPhase;
    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        PHASES
            .iter()
            .find(|row| row.name == text)
            .map(|row| row.phase)
            .ok_or_else(|| UnknownPhase(text.to_string()))
    }
}

impl TryFrom<String> for Phase {
    type Error = UnknownPhase;
    fn try_from(text: String) -> Result<Self, UnknownPhase> {
        text.parse()
    }
}

impl From<Phase> for String {
    fn from(phase: Phase) -> String {
        phase.name().to_string()
    }
}
