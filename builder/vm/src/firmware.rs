//! Which firmware a machine starts with, and where distributions keep it.
//!
//! In: architecture and wish. Out: paths of code and variables. Never: a copy; that is the machine's.

use std::path::{Path, PathBuf};

use dibber_model::Arch;
use dibber_model::arch::{Firmware, FirmwareFacts, Machine};

use super::BootError;

/// Code and variable store of a UEFI firmware.
#[derive(Debug, PartialEq)]
pub(super) struct Uefi {
    pub(super) code: PathBuf,
    pub(super) variables: PathBuf,
}

/// The wished firmware of a machine, or its usual one.
pub(super) fn choose(
    arch: Arch,
    machine: &'static Machine,
    wish: Option<Firmware>,
) -> Result<&'static FirmwareFacts, BootError> {
    let Some(what) = wish else {
        return machine.firmwares.first().ok_or(BootError::NoMachine { arch });
    };
    machine.firmwares.iter().find(|known| known.kind == what).ok_or_else(|| {
        let known: Vec<String> = machine.firmwares.iter().map(|known| known.kind.to_string()).collect();
        BootError::WrongFirmware { what, arch, instead: known.join(" or ") }
    })
}

/// The files of a firmware, below `root`; `None` is what QEMU brings itself.
pub(super) fn find_files(arch: Arch, what: &FirmwareFacts, root: &Path) -> Result<Option<Uefi>, BootError> {
    if what.files.is_empty() {
        return Ok(None);
    }
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let found = what
        .files
        .iter()
        .map(|(code, variables)| Uefi { code: below(code), variables: below(variables) })
        .find(|uefi| uefi.code.exists() && uefi.variables.exists());
    found.map(Some).ok_or_else(|| BootError::NoFirmware {
        what: what.kind,
        arch,
        looked: what.files.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(", "),
        package: what.package,
    })
}
