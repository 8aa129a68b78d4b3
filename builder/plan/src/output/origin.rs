//! How an output comes about, and what it is to whoever deploys it.
//!
//! In: a row's origin. Out: its role, and the program of others that writes it, if one does. Never: a format by name.

use core::fmt;

use serde::{Deserialize, Serialize};

/// How a file comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputOrigin {
    /// From the disk, by a writer of our own.
    Disk(DiskContainer),
    /// From the disk, by `qemu-img convert -O FORMAT -o OPTIONS`. Its bytes depend on that program.
    ByQemuImg {
        /// qemu-img's word for the format.
        format: &'static str,
        /// Its options.
        options: &'static str,
    },
    /// From the tree.
    Archive(TreeArchive),
    /// The whole tree as a ramdisk.
    Initramfs,
    /// One file of the tree: its kernel.
    Kernel,
    /// One file of the tree: its kernel's ramdisk.
    Initrd,
}

/// Containers of disks that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskContainer {
    /// The bytes as they are, zeros as holes.
    Raw,
    /// qcow2, version 3.
    Qcow2,
    /// The bytes, and the footer of a fixed VHD.
    FixedVhd,
}

/// Archives of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeArchive {
    /// tar, pax format.
    Tar,
    /// The same through gzip.
    Tgz,
    /// A container image of one layer.
    Container {
        /// Whether Docker's own manifest is in it.
        for_docker: bool,
    },
    /// The same as tar, below `rootfs`, with a manifest beside.
    Aci,
    /// squashfs, by mksquashfs. Its bytes depend on that program.
    Squashfs,
}

/// A program that writes a format, and Debian's package that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputTool {
    /// Its name in `PATH`.
    pub program: &'static str,
    /// The package.
    pub package: &'static str,
}

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

impl OutputOrigin {
    /// What it is to whoever deploys it.
    pub fn role(self) -> Role {
        match self {
            OutputOrigin::Disk(_) | OutputOrigin::ByQemuImg { .. } => Role::Disk,
            OutputOrigin::Kernel => Role::Kernel,
            OutputOrigin::Initrd | OutputOrigin::Initramfs => Role::Ramdisk,
            OutputOrigin::Archive(_) => Role::Tree,
        }
    }

    /// The program of others that writes it, if one does.
    pub fn tool(self) -> Option<OutputTool> {
        match self {
            OutputOrigin::ByQemuImg { .. } => Some(OutputTool { program: "qemu-img", package: "qemu-utils" }),
            OutputOrigin::Archive(TreeArchive::Squashfs) => {
                Some(OutputTool { program: "mksquashfs", package: "squashfs-tools" })
            }
            OutputOrigin::Archive(
                TreeArchive::Tar | TreeArchive::Tgz | TreeArchive::Container { .. } | TreeArchive::Aci,
            )
            | OutputOrigin::Disk(_)
            | OutputOrigin::Initramfs
            | OutputOrigin::Kernel
            | OutputOrigin::Initrd => None,
        }
    }
}
