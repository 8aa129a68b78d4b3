//! Why a build did not succeed, inside the worker.
//!
//! In: errors of all that a build does. Out: a failure, as the person's process is told of it. Never: the error itself in another process.

use std::io;
use std::path::PathBuf;

use dibber_export::{PourError, ToolError};
use dibber_store::StoreError;
use dibber_store::layers::LayerError;

use crate::bootloader::LoaderError;
use crate::capture::CaptureError;
use crate::failure::{self, Failure, FailureKind};
use crate::partitions::PartError;
use crate::steps::StepError;

/// A build's failure, inside the sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// A step did not succeed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tree could not be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The boot loader could not be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// A filesystem could not be made.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The disk could not be laid out.
    #[error(transparent)]
    Layout(#[from] dibber_layout::LayoutError),
    /// The disk's tables could not be made.
    #[error(transparent)]
    Disk(#[from] dibber_format::disk::DiskError),
    /// A VHD could not be made.
    #[error(transparent)]
    Vhd(#[from] dibber_format::vhd::VhdError),
    /// A cpio archive could not be made.
    #[error(transparent)]
    Cpio(#[from] dibber_format::cpio::CpioError),
    /// Content that does not fit together.
    #[error(transparent)]
    Extents(#[from] dibber_model::extent::ExtentError),
    /// A file could not be written.
    #[error(transparent)]
    Pour(#[from] PourError),
    /// No kernel to take out.
    #[error(
        "the kernel is wanted, and /boot has none; install a kernel package, or leave the element baremetal and the outputs vmlinuz, initrd and kernel out"
    )]
    NoKernel,
    /// A kernel without its ramdisk.
    #[error(
        "initrd is wanted, and /boot has none for kernel {release}; install initramfs-tools or dracut, or leave the output initrd out"
    )]
    NoInitrd {
        /// Its release.
        release: String,
    },
    /// A kernel without its modules.
    #[error(
        "the newest kernel in /boot is {release}, and the image has no modules for it; remove the stale kernel"
    )]
    NoModules {
        /// Its release.
        release: String,
    },
    /// Checksums that were asked for and not told.
    #[error("{path}: no checksums")]
    NoSums {
        /// The file.
        path: PathBuf,
    },
    /// A file of the tree that hooks have made unfit to be read.
    #[error("{path}: {source}")]
    DamagedFile {
        /// Its path in the tree.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BuildError {
    /// Whether a kept checkpoint did not hold what was written. It is dropped: the same build, begun again, goes on without it.
    pub(crate) fn is_of_corrupted_checkpoint(&self) -> bool {
        use StoreError::Corrupted;
        matches!(
            self,
            BuildError::Store(Corrupted { .. }) | BuildError::Step(StepError::Store(Corrupted { .. }))
        )
    }

    /// The failure as it crosses to the person's process.
    pub(crate) fn failure(self) -> Failure {
        let kind = self.kind();
        let message = self.to_string();
        let hook = match self {
            BuildError::Step(StepError::Hook(hook)) => Some(hook),
            _ => None,
        };
        Failure { kind, message, hook, log: None }
    }

    fn kind(&self) -> FailureKind {
        if failure::is_out_of_space(self) {
            return FailureKind::Space;
        }
        match self {
            BuildError::Pour(PourError::NoSpace { .. }) => FailureKind::Space,
            BuildError::Pour(PourError::Tool { source: ToolError::Missing { .. }, .. }) => {
                FailureKind::Machine
            }
            BuildError::Step(StepError::Hook(hook)) if hook.is_temporary() => FailureKind::Machine,
            BuildError::Step(StepError::Hook(_)) => FailureKind::Hook,
            BuildError::Step(
                StepError::Element(_)
                | StepError::NoTree
                | StepError::Layout { .. }
                | StepError::TreeGone { .. }
                | StepError::TooMuch { .. },
            ) => FailureKind::Input,
            BuildError::Step(StepError::Sandbox(error)) if error.is_of_hooks() => FailureKind::Input,
            BuildError::Step(StepError::Sandbox(_) | StepError::Layer(LayerError::Mount { .. })) => {
                FailureKind::Machine
            }
            BuildError::Loader(_)
            | BuildError::NoKernel
            | BuildError::NoInitrd { .. }
            | BuildError::Cpio(_)
            | BuildError::DamagedFile { .. }
            | BuildError::NoModules { .. } => FailureKind::Input,
            BuildError::Layout(_) | BuildError::Part(_) | BuildError::Disk(_) | BuildError::Vhd(_) => {
                FailureKind::Space
            }
            _ => FailureKind::Fault,
        }
    }
}
