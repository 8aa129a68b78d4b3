//! What a person asks of a boot.
//!
//! In: options of the command line. Out: a value. Never: a look at the files that it names.

use std::path::PathBuf;
use std::time::Duration;

use dibber_model::arch::Firmware;
use dibber_model::{Arch, Bytes, Platform};

/// How the guest's processor is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accel {
    /// KVM where `/dev/kvm` can be opened, else emulation.
    #[default]
    Auto,
    /// Hardware virtualisation.
    Kvm,
    /// Emulation.
    Tcg,
}

/// A boot to be made.
#[derive(Clone, Debug)]
pub struct BootRequest {
    /// Raw or qcow2 image of the disk.
    pub disk: Option<PathBuf>,
    /// A kernel that is started instead of what the disk starts by itself.
    pub direct: Option<DirectKernel>,
    /// The machine's architecture.
    pub arch: Arch,
    /// The platform within it, which decides on the emulated processor.
    pub platform: Option<Platform>,
    /// Its firmware, instead of the usual one.
    pub firmware: Option<Firmware>,
    /// Size that the snapshot's disk is grown to, if larger than the image.
    pub disk_size: Option<Bytes>,
    /// Takes the backing files that the image names; without, such an image is refused.
    pub allow_backing: bool,
    /// Lets the guest reach the network; without, only its ssh port is reached from here.
    pub network: bool,
    /// Keeps what the guest wrote in this qcow2 file.
    pub keep_overlay: Option<PathBuf>,
    /// Memory of the guest.
    pub memory: Bytes,
    /// How its processor is run.
    pub accel: Accel,
    /// Makes it a test: success is this text on the console within this time.
    pub expect: Option<Expectation>,
}

/// A kernel that QEMU loads by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectKernel {
    /// The kernel.
    pub kernel: PathBuf,
    /// Its initrd or initramfs.
    pub initrd: Option<PathBuf>,
    /// Its arguments; the architecture's console is added if they name none.
    pub append: String,
}

/// What a test waits for.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Text to appear on the serial console.
    pub text: String,
    /// How long to wait for it.
    pub timeout: Duration,
}
