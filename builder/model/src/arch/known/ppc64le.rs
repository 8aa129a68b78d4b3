//! 64-bit little-endian POWER.

use uuid::uuid;

use crate::arch::facts::{Core, Elf, Facts, Firmware, FirmwareFacts, Glance, Machine};
use crate::disk::Loader;
use crate::size::Bytes;

pub(super) const FACTS: Facts = Facts {
    rank: 1,
    kernel_name: "ppc64le",
    debian_name: "ppc64el",
    oci_name: "ppc64le",
    aliases: &[],
    rust_name: "powerpc64",
    untagged: false,
    elf: Elf { class: 2, data: 1, machine: 21 },
    triplet: "powerpc64le-linux-gnu",
    dynamic_loader: "usr/lib/powerpc64le-linux-gnu/ld64.so.2",
    qemu_user: "ppc64le",
    // Debian's kernels: CONFIG_PPC_64K_PAGES.
    page: Bytes(64 << 10),
    block_device: "block-device-mbr",
    root_type: uuid!("c31c45e6-3f39-412e-80fb-4809c4980599"),
    console: "hvc0",
    cores: &[Core {
        place: Loader::Prep,
        platform: "powerpc-ieee1275",
        package: "grub-ieee1275-bin",
        modules: &[],
        // The ELF note that tells CHRP firmware how to load it.
        arguments: &["--note"],
    }],
    efi_name: None,
    glance: Glance { machine_type: "pseries", firmware_type: None },
    machine: Some(Machine {
        program: "qemu-system-ppc64",
        package: "qemu-system-ppc",
        machine: "pseries",
        // TCG has none of these mitigations, and warns of each at start.
        emulated: ",cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken",
        cpu: Some("power9"),
        // With a screen, SLOF and GRUB would talk to it.
        arguments: &["-vga", "none"],
        firmwares: &[FirmwareFacts {
            kind: Firmware::Bios,
            name: "SLOF",
            machine: "",
            arguments: &[],
            files: &[],
            package: "",
        }],
    }),
};
