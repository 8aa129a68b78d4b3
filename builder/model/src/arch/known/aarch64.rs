//! 64-bit Arm.

use uuid::uuid;

use crate::arch::facts::{Elf, Facts, Firmware, FirmwareFacts, Glance, Machine};
use crate::size::Bytes;

pub(super) const FACTS: Facts = Facts {
    rank: 2,
    kernel_name: "aarch64",
    debian_name: "arm64",
    oci_name: "arm64",
    aliases: &[],
    rust_name: "aarch64",
    untagged: false,
    elf: Elf { class: 2, data: 1, machine: 183 },
    triplet: "aarch64-linux-gnu",
    dynamic_loader: "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
    qemu_user: "aarch64",
    page: Bytes(4 << 10),
    block_device: "block-device-efi",
    root_type: uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae"),
    console: "ttyAMA0,115200",
    cores: &[],
    efi_name: Some("BOOTAA64.EFI"),
    glance: Glance { machine_type: "virt", firmware_type: Some("uefi") },
    machine: Some(Machine {
        program: "qemu-system-aarch64",
        package: "qemu-system-arm",
        machine: "virt",
        emulated: "",
        cpu: Some("cortex-a57"),
        arguments: &[],
        firmwares: &[FirmwareFacts {
            kind: Firmware::Uefi,
            name: "AAVMF",
            machine: "",
            arguments: &[],
            // Debian and Ubuntu, Fedora.
            files: &[
                ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
                (
                    "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
                    "/usr/share/edk2/aarch64/vars-template-pflash.raw",
                ),
            ],
            package: "qemu-efi-aarch64",
        }],
    }),
};
