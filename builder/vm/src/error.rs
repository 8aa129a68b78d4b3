//! Why an image could not be booted, or did not boot.
//!
//! In: what QEMU, the machine or the image lacks. Out: sentences with place, cause and what to do. Never: QEMU's own words alone.

use std::path::PathBuf;

use dibber_fs::PathError;
use dibber_model::arch::Firmware;
use dibber_model::{Arch, Bytes};

/// Why an image could not be booted, or did not boot.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A program is missing.
    #[error("{program} is not installed; on Debian: apt install {package}")]
    Missing {
        /// The program.
        program: String,
        /// Debian's package of it.
        package: &'static str,
    },
    /// No firmware file of this kind was found.
    #[error("no {what} firmware for {arch}: looked for {looked}; on Debian: apt install {package}")]
    NoFirmware {
        /// Which firmware.
        what: Firmware,
        /// For which architecture.
        arch: Arch,
        /// The paths that were tried.
        looked: String,
        /// Debian's package of it.
        package: &'static str,
    },
    /// This firmware does not exist for the architecture.
    #[error("{arch} has no {what} firmware; use --firmware {instead}")]
    WrongFirmware {
        /// Which firmware.
        what: Firmware,
        /// For which architecture.
        arch: Arch,
        /// What there is.
        instead: String,
    },
    /// QEMU is not known to have a machine of this architecture.
    #[error("no machine of QEMU is known for {arch}: its images can be built, and not booted here")]
    NoMachine {
        /// The architecture.
        arch: Arch,
    },
    /// There is neither a disk nor a kernel.
    #[error("nothing to boot; name an image, or --kernel")]
    Nothing,
    /// Arguments, and no kernel to give them to.
    #[error("--append is for a kernel that is started directly; name one with --kernel")]
    NoKernel,
    /// A kernel's initramfs is not where its name says.
    #[error("{kernel} needs its initramfs, and there is no {looked}; name it with --initrd")]
    NoInitramfs {
        /// The kernel.
        kernel: PathBuf,
        /// The files that were looked for.
        looked: String,
    },
    /// A file could not be read or made.
    #[error(transparent)]
    File(#[from] PathError),
    /// An image that asks for what a machine does not get.
    #[error("{}: {why}", path.display())]
    Refused {
        /// The image.
        path: PathBuf,
        /// What it asks for, and what to do.
        why: String,
    },
    /// The overlay to keep exists already.
    #[error("{0} exists; name another file for --keep-overlay, or remove it")]
    OverlayExists(PathBuf),
    /// The disk asked for is smaller than the image.
    #[error("--disk-size {asked} is less than the image's {has}; a disk can only grow")]
    TooSmall {
        /// What was asked for.
        asked: Bytes,
        /// What the image has.
        has: Bytes,
    },
    /// A program failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: String,
        /// What it said.
        said: String,
    },
    /// QEMU failed before the guest was through, or could not run it at all.
    #[error("{program} failed ({how}); what it said of that stands above")]
    Ended {
        /// The program.
        program: String,
        /// Its exit code, or the signal that ended it.
        how: String,
    },
    /// The person interrupted before the guest was started.
    #[error("interrupted")]
    Interrupted,
    /// The config drive could not be made.
    #[error("config drive: {0}")]
    ConfigDrive(String),
}
