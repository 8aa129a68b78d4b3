//! Names of what comes out.
//!
//! In: a word of `outputs:` or of dib's `-t`. Out: an [`OutputKind`], and the extension of its file. Never: a guess.

use core::fmt;
use serde::{Deserialize, Serialize};

use crate::plan::OutputKind;

/// What a file is to whoever deploys it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The disk in some container.
    Disk,
    /// A kernel.
    Kernel,
    /// The initial ramdisk of a kernel.
    Ramdisk,
    /// The files themselves, in an archive.
    Tree,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Disk => "disk",
            Role::Kernel => "kernel",
            Role::Ramdisk => "ramdisk",
            Role::Tree => "tree",
        })
    }
}

/// Each kind, the word for it, and its file's extension.
const NAMES: [(OutputKind, &str, &str); 12] = [
    (OutputKind::Qcow2, "qcow2", "qcow2"),
    (OutputKind::Raw, "raw", "raw"),
    (OutputKind::Vhd, "vhd", "vhd"),
    (OutputKind::Vhdx, "vhdx", "vhdx"),
    (OutputKind::Vmdk, "vmdk", "vmdk"),
    (OutputKind::Tar, "tar", "tar"),
    (OutputKind::Tgz, "tgz", "tgz"),
    // dib writes this one as `.squash`.
    (OutputKind::Squashfs, "squashfs", "squash"),
    (OutputKind::Vmlinuz, "vmlinuz", "vmlinuz"),
    (OutputKind::Initrd, "initrd", "initrd"),
    (OutputKind::Kernel, "kernel", "kernel"),
    (OutputKind::Initramfs, "initramfs", "initramfs"),
];

impl OutputKind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = OutputKind> {
        NAMES.iter().map(|(kind, _, _)| *kind)
    }

    /// The kind that a word names.
    pub fn of_name(word: &str) -> Option<OutputKind> {
        NAMES.iter().find(|(_, name, _)| *name == word).map(|(kind, _, _)| *kind)
    }

    fn row(self) -> &'static (OutputKind, &'static str, &'static str) {
        NAMES.iter().find(|(kind, _, _)| *kind == self).expect("NAMES has a row for every variant")
    }

    /// The word for it: `qcow2`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The extension of its file, without the dot.
    pub fn extension(self) -> &'static str {
        self.row().2
    }

    /// What its file is to whoever deploys it.
    pub fn role(self) -> Role {
        match self {
            OutputKind::Qcow2 | OutputKind::Raw | OutputKind::Vhd | OutputKind::Vhdx | OutputKind::Vmdk => {
                Role::Disk
            }
            OutputKind::Vmlinuz | OutputKind::Kernel => Role::Kernel,
            OutputKind::Initrd | OutputKind::Initramfs => Role::Ramdisk,
            OutputKind::Tar | OutputKind::Tgz | OutputKind::Squashfs => Role::Tree,
        }
    }

    /// Whether it is the disk in some container.
    pub fn is_disk(self) -> bool {
        self.role() == Role::Disk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_leads_back() {
        for (kind, name, extension) in NAMES {
            assert_eq!(OutputKind::of_name(name), Some(kind));
            assert_eq!((kind.name(), kind.extension()), (name, extension));
        }
    }
}
