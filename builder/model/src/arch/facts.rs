//! What there is to know about an architecture.
//!
//! In: nothing. Out: the shape of a file in `known/`. Never: an architecture's name.

use core::fmt;

use uuid::Uuid;

use crate::disk::Loader;
use crate::size::Bytes;

/// Everything that differs from one architecture to the next. A file in `known/` fills it in; nothing else in the program
/// names an architecture.
#[derive(Debug)]
pub struct Facts {
    /// Where it stands in lists; those of one rank are listed by name.
    pub rank: u8,
    /// The kernel's name, as `uname -m` prints it. File names, sidecars and Glance's `hw_architecture` have it.
    pub kernel_name: &'static str,
    /// `dpkg --print-architecture`, and the `ARCH` that elements see.
    pub debian_name: &'static str,
    /// Go's name, which container images have as their `architecture`.
    pub oci_name: &'static str,
    /// What else people call it.
    pub aliases: &'static [&'static str],
    /// Rust's `std::env::consts::ARCH` on such a machine, which for some does not tell the byte order.
    pub rust_name: &'static str,
    /// Images without a tag count as of this architecture, and its own are also called by their plain name.
    pub untagged: bool,
    /// How its programs begin.
    pub elf: Elf,
    /// Debian's multiarch triplet: the directory below `usr/lib` that has its libraries.
    pub triplet: &'static str,
    /// Real path of the dynamic loader below the root, as Debian's libc6 installs it.
    pub dynamic_loader: &'static str,
    /// QEMU's name of it as a target of user emulation: `qemu-NAME`, or `qemu-NAME-static`.
    pub qemu_user: &'static str,
    /// Page size of the usual kernel, which the header of a swap space counts in.
    pub page: Bytes,
    /// The element that lays out the disk of `vm` where none is asked for (dib's `_arg_defaults_hack`).
    pub block_device: &'static str,
    /// Partition type of a root filesystem: Discoverable Partitions Specification, UAPI.2, "Partition names".
    pub root_type: Uuid,
    /// The serial console as `console=` of the kernel's command line takes it.
    pub console: &'static str,
    /// GRUB's core images that lie outside every filesystem.
    pub cores: &'static [Core],
    /// EFI: what firmware looks for in a removable disk's `EFI/BOOT` (UEFI 2.10, section 3.5.1.1), such as `BOOTX64.EFI`.
    pub efi_name: Option<&'static str>,
    /// Glance's properties of its images.
    pub glance: Glance,
    /// The machine to boot its images in.
    pub machine: Option<Machine>,
}

/// The start of an ELF file (System V ABI, chapter 4, "ELF Header").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elf {
    /// `EI_CLASS`: 1 for 32 bits, 2 for 64.
    pub class: u8,
    /// `EI_DATA`: 1 for little-endian, 2 for big-endian.
    pub data: u8,
    /// `e_machine`, as in the kernel's `include/uapi/linux/elf-em.h`.
    pub machine: u16,
}

/// Bytes of an ELF header up to and with `e_machine`.
pub const ELF_HEAD: usize = 20;

impl Elf {
    /// Whether its numbers are little-endian.
    pub fn is_little_endian(self) -> bool {
        self.data == 1
    }

    /// What programs and shared objects of this kind begin with, as binfmt_misc compares it: `e_ident`, `e_type` 2
    /// (executable), `e_machine`.
    pub fn magic(self) -> [u8; ELF_HEAD] {
        let mut magic = [0; ELF_HEAD];
        magic[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', self.class, self.data, 1]);
        magic[16..18].copy_from_slice(&self.number(2));
        magic[18..].copy_from_slice(&self.number(self.machine));
        magic
    }

    /// Bits of [`Elf::magic`] that count: all but `EI_OSABI` (GNU programs have 3 there), and the bit of `e_type` that
    /// tells 2 from 3 (position-independent).
    pub fn mask(self) -> [u8; ELF_HEAD] {
        let mut mask = [0xff; ELF_HEAD];
        mask[7] = 0;
        mask[16..18].copy_from_slice(&self.number(0xfffe));
        mask
    }

    fn number(self, number: u16) -> [u8; 2] {
        if self.is_little_endian() { number.to_le_bytes() } else { number.to_be_bytes() }
    }
}

/// A core image of GRUB.
#[derive(Debug)]
pub struct Core {
    /// Where on the disk it lies.
    pub place: Loader,
    /// `grub-mkimage -O`, and the directory below `usr/lib/grub`.
    pub platform: &'static str,
    /// Debian's package of it.
    pub package: &'static str,
    /// Modules that only this platform has.
    pub modules: &'static [&'static str],
    /// Further arguments of grub-mkimage.
    pub arguments: &'static [&'static str],
}

/// Properties that Glance's images get, as Nova's libvirt driver and ironic read them.
#[derive(Debug)]
pub struct Glance {
    /// `hw_machine_type`: the machine type of libvirt.
    pub machine_type: &'static str,
    /// `hw_firmware_type` of an image whose disk does not settle it.
    pub firmware_type: Option<&'static str>,
}

/// How QEMU makes a whole machine of the architecture.
#[derive(Debug)]
pub struct Machine {
    /// The emulator.
    pub program: &'static str,
    /// Debian's package of it.
    pub package: &'static str,
    /// `-machine`.
    pub machine: &'static str,
    /// Further properties of `-machine` without which emulation (TCG) refuses or complains.
    pub emulated: &'static str,
    /// `-cpu` under emulation where no platform says otherwise; `None` leaves it to QEMU. Under KVM it is the host's.
    pub cpu: Option<&'static str>,
    /// Further arguments of QEMU.
    pub arguments: &'static [&'static str],
    /// Firmwares, the usual one first.
    pub firmwares: &'static [FirmwareFacts],
}

/// Firmware of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// What QEMU starts with by itself: SeaBIOS, SLOF.
    Bios,
    /// EDK II's: OVMF, AAVMF.
    Uefi,
    /// The same with Microsoft's keys enrolled and Secure Boot enforced.
    SecureBoot,
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Firmware::Bios => "bios",
            Firmware::Uefi => "uefi",
            Firmware::SecureBoot => "secureboot",
        })
    }
}

/// A firmware that machines of an architecture can have.
#[derive(Debug)]
pub struct FirmwareFacts {
    /// Which.
    pub kind: Firmware,
    /// What people call it.
    pub name: &'static str,
    /// Further properties of `-machine` that it needs.
    pub machine: &'static str,
    /// Further arguments of QEMU that it needs.
    pub arguments: &'static [&'static str],
    /// Where distributions keep it: code, and the template of its variables. Empty: QEMU brings it.
    pub files: &'static [(&'static str, &'static str)],
    /// Debian's package of the files.
    pub package: &'static str,
}
