//! Containers that only qemu-img writes, made from a scratch raw file.
//!
//! In: a raw image. Out: a vmdk, vhdx or what else it writes, and the version of qemu-img, as the bytes depend on it (and hold random
//! identifiers of its making). Never: the raw file changed or removed.

use std::path::Path;

use super::PourError;
use super::tool::Tool;

const QEMU_IMG: Tool = Tool { program: "qemu-img", package: "qemu-utils", version_flag: "--version" };

/// What qemu-img is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Conversion<'a> {
    /// `-O`.
    pub format: &'a str,
    /// `-o`.
    pub options: &'a str,
    /// `-c`.
    pub compressed: bool,
}

/// Converts a raw image, and tells qemu-img's version. Not reproducible: the sidecar must say so.
pub fn convert_raw(raw: &Path, to: &Path, conversion: Conversion<'_>) -> Result<String, PourError> {
    let Conversion { format, options, compressed } = conversion;
    let fail = |source| PourError::Tool { path: to.to_path_buf(), source };
    let version = QEMU_IMG.version().map_err(fail)?;
    let mut command = QEMU_IMG.command();
    command.args(["convert", "-f", "raw", "-O", format, "-o", options]);
    command.args(compressed.then_some("-c")).arg("--").arg(raw).arg(to);
    let running = QEMU_IMG.start(&mut command).map_err(fail)?;
    QEMU_IMG.finish(running).map_err(fail)?;
    Ok(version)
}
