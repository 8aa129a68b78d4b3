//! 64-bit x86.

use uuid::uuid;

use crate::arch::facts::{Core, Elf, Facts, Firmware, FirmwareFacts, Glance, Machine};
use crate::disk::Loader;
use crate::size::Bytes;

pub(super) const FACTS: Facts = Facts {
    rank: 0,
    kernel_name: "x86_64",
    debian_name: "amd64",
    oci_name: "amd64",
    aliases: &[],
    rust_name: "x86_64",
    untagged: true,
    elf: Elf { class: 2, data: 1, machine: 62 },
    triplet: "x86_64-linux-gnu",
    dynamic_loader: "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    qemu_user: "x86_64",
    page: Bytes(4 << 10),
    block_device: "block-device-mbr",
    root_type: uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
    console: "ttyS0,115200",
    cores: &[Core {
        place: Loader::Bios,
        platform: "i386-pc",
        package: "grub-pc-bin",
        modules: &["biosdisk", "serial"],
        arguments: &[],
    }],
    efi_name: Some("BOOTX64.EFI"),
    glance: Glance { machine_type: "q35", firmware_type: None },
    machine: Some(Machine {
        program: "qemu-system-x86_64",
        package: "qemu-system-x86",
        machine: "q35",
        emulated: "",
        cpu: None,
        arguments: &[],
        firmwares: &[
            FirmwareFacts {
                kind: Firmware::Bios,
                name: "SeaBIOS",
                machine: "",
                arguments: &[],
                files: &[],
                package: "",
            },
            FirmwareFacts {
                kind: Firmware::Uefi,
                name: "OVMF",
                machine: "",
                arguments: &[],
                // Debian and Ubuntu, Fedora, openSUSE.
                files: &[
                    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
                    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
                    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
                ],
                package: "ovmf",
            },
            FirmwareFacts {
                kind: Firmware::SecureBoot,
                name: "OVMF",
                machine: ",smm=on",
                // Without this, the guest could write the variables outside of system management mode.
                arguments: &["-global", "driver=cfi.pflash01,property=secure,value=on"],
                files: &[
                    ("/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
                    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"),
                    (
                        "/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin",
                        "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin",
                    ),
                ],
                package: "ovmf",
            },
        ],
    }),
};
