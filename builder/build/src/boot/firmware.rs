//! Which firmware a machine starts with, and where distributions keep it.
//!
//! In: architecture and wish. Out: paths of code and variables. Never: a copy; that is the machine's.

use std::fmt;
use std::path::PathBuf;

use dibber_model::Arch;

use super::BootError;

/// Firmware of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS on x86_64, SLOF on ppc64le: what QEMU starts with by itself.
    Bios,
    /// OVMF or AAVMF.
    Uefi,
    /// OVMF with Microsoft's keys enrolled and Secure Boot enforced.
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

/// Code and variable store of a UEFI firmware.
pub(super) struct Uefi {
    pub(super) code: PathBuf,
    pub(super) variables: PathBuf,
}

/// Debian and Ubuntu, Fedora, openSUSE: (code, variables).
const OVMF: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
];
const OVMF_SECURE: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"),
    ("/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin", "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin"),
];
const AAVMF: &[(&str, &str)] = &[
    ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
    ("/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "/usr/share/edk2/aarch64/vars-template-pflash.raw"),
];

/// The files of the wished firmware; `None` is what QEMU brings itself.
pub(super) fn find(arch: Arch, what: Firmware) -> Result<Option<Uefi>, BootError> {
    let (known, package) = match (arch, what) {
        (Arch::X86_64 | Arch::Ppc64le, Firmware::Bios) => return Ok(None),
        (Arch::X86_64, Firmware::Uefi) => (OVMF, "ovmf"),
        (Arch::X86_64, Firmware::SecureBoot) => (OVMF_SECURE, "ovmf"),
        (Arch::Aarch64, Firmware::Uefi) => (AAVMF, "qemu-efi-aarch64"),
        (Arch::Aarch64, _) => {
            return Err(BootError::WrongFirmware { what, arch, instead: "--firmware uefi" });
        }
        (Arch::Ppc64le, _) => {
            return Err(BootError::WrongFirmware { what, arch, instead: "--firmware bios" });
        }
    };
    let found = known
        .iter()
        .map(|(code, variables)| Uefi { code: code.into(), variables: variables.into() })
        .find(|uefi| uefi.code.exists() && uefi.variables.exists());
    let looked = || known.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| BootError::NoFirmware { what, arch, looked: looked(), package })
}
