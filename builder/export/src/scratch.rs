//! Containers that only qemu-img writes, made from a scratch raw file.
//!
//! In: a raw image. Out: vmdk or vhdx, and the version of qemu-img, as the bytes depend on it (and hold random
//! identifiers of its making). Never: the raw file changed or removed.

use std::path::Path;

use super::PourError;
use super::tool::Tool;

const QEMU_IMG: Tool = Tool { program: "qemu-img", package: "qemu-utils", version_flag: "--version" };

/// A container that is made by qemu-img.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// VMDK, stream-optimised (compressed), as ESX and OVF import it.
    Vmdk,
    /// VHDX, dynamic, for Hyper-V.
    Vhdx,
}

/// Converts a raw image, and tells qemu-img's version. Not reproducible: the sidecar must say so.
pub fn convert(raw: &Path, to: &Path, foreign: Foreign) -> Result<String, PourError> {
    let fail = |source| PourError::Tool { path: to.to_path_buf(), source };
    let version = QEMU_IMG.version().map_err(fail)?;
    let (format, option) = match foreign {
        Foreign::Vmdk => ("vmdk", "subformat=streamOptimized"),
        Foreign::Vhdx => ("vhdx", "subformat=dynamic"),
    };
    let mut command = QEMU_IMG.command();
    command.args(["convert", "-f", "raw", "-O", format, "-o", option]).arg("--").arg(raw).arg(to);
    let running = QEMU_IMG.start(&mut command).map_err(fail)?;
    QEMU_IMG.finish(running).map_err(fail)?;
    Ok(version)
}
