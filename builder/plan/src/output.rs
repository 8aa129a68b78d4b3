//! Output formats: one row for each.
//!
//! A row says what a format is called, what its file is to whoever deploys it, how it comes about, and what others call it. The
//! command line, image files, their JSON Schema, the programs that a build asks for, names of files, sidecars and uploads all ask
//! the row. A format that qemu-img writes, as VMDK and VHDX, is a row and nothing else; one of our own needs its writer as well.
//!
//! In: a word of `outputs:` or of dib's `-t`. Out: an [`OutputKind`], and everything that follows from it. Never: a guess.

mod origin;

use dibber_model::{Hasher, Identify};
use serde::{Deserialize, Serialize};

pub use origin::{DiskContainer, OutputOrigin, OutputTool, Role, TreeArchive};

/// A kind of file that an image comes out as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OutputKind {
    /// The disk in a qcow2 container.
    Qcow2,
    /// The disk, sparse.
    Raw,
    /// The disk as a fixed VHD.
    Vhd,
    /// The disk as VHDX, through qemu-img.
    Vhdx,
    /// The disk as a stream-optimised VMDK, through qemu-img.
    Vmdk,
    /// The disk as VDI, through qemu-img.
    Vdi,
    /// The tree as a tar archive.
    Tar,
    /// The same, through gzip.
    Tgz,
    /// The tree as squashfs, through mksquashfs.
    Squashfs,
    /// The tree as a container image, in the archive that `docker load` takes and that is an OCI image layout, too.
    Docker,
    /// The tree as a container image, as an OCI image layout in an archive.
    Oci,
    /// The tree as an App Container Image.
    Aci,
    /// The kernel.
    Vmlinuz,
    /// The initial ramdisk that matches it.
    Initrd,
    /// The kernel that boots the tree as a ramdisk.
    Kernel,
    /// The whole tree as a ramdisk: a compressed cpio archive.
    Initramfs,
}

/// What is true of an output format.
#[derive(Clone, Copy, Debug)]
pub struct OutputFacts {
    /// The format.
    pub kind: OutputKind,
    /// The word for it.
    pub name: &'static str,
    /// The extension of its file, without the dot.
    pub extension: &'static str,
    /// What it is, for help and the JSON Schema.
    pub help: &'static str,
    /// How it comes about, which says what it is to whoever deploys it.
    pub origin: OutputOrigin,
    /// How Glance is given it; none where Glance is not given it as a disk.
    pub glance: Option<GlanceFormat>,
}

/// A disk's format, as Glance is given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlanceFormat {
    /// Glance's `disk_format`.
    pub disk_format: &'static str,
    /// How soon it is taken for an upload where there are several, the lowest first.
    pub rank: u8,
}

/// A row of a format whose extension is its name, and that Glance is not given as a disk.
const fn row(kind: OutputKind, name: &'static str, origin: OutputOrigin, help: &'static str) -> OutputFacts {
    OutputFacts { kind, name, extension: name, help, origin, glance: None }
}

/// One row for each format, in the order in which they are listed for people.
pub const OUTPUTS: [OutputFacts; 16] = [
    OutputFacts {
        glance: Some(GlanceFormat { disk_format: "qcow2", rank: 0 }),
        ..row(
            OutputKind::Qcow2,
            "qcow2",
            OutputOrigin::Disk(DiskContainer::Qcow2),
            "the disk in a qcow2 container",
        )
    },
    OutputFacts {
        glance: Some(GlanceFormat { disk_format: "raw", rank: 1 }),
        ..row(OutputKind::Raw, "raw", OutputOrigin::Disk(DiskContainer::Raw), "the disk as it is, sparse")
    },
    OutputFacts {
        glance: Some(GlanceFormat { disk_format: "vhd", rank: 4 }),
        ..row(OutputKind::Vhd, "vhd", OutputOrigin::Disk(DiskContainer::FixedVhd), "the disk as a fixed VHD")
    },
    OutputFacts {
        glance: Some(GlanceFormat { disk_format: "vhdx", rank: 3 }),
        ..row(
            OutputKind::Vhdx,
            "vhdx",
            // As Hyper-V makes them.
            OutputOrigin::ByQemuImg { format: "vhdx", options: "subformat=dynamic" },
            "the disk as a dynamic VHDX",
        )
    },
    OutputFacts {
        glance: Some(GlanceFormat { disk_format: "vmdk", rank: 2 }),
        ..row(
            OutputKind::Vmdk,
            "vmdk",
            // Compressed, as ESX and OVF import it.
            OutputOrigin::ByQemuImg { format: "vmdk", options: "subformat=streamOptimized" },
            "the disk as a stream-optimised VMDK",
        )
    },
    OutputFacts {
        glance: Some(GlanceFormat { disk_format: "vdi", rank: 5 }),
        ..row(
            OutputKind::Vdi,
            "vdi",
            // As VirtualBox makes them.
            OutputOrigin::ByQemuImg { format: "vdi", options: "static=off" },
            "the disk as a dynamic VDI",
        )
    },
    row(OutputKind::Tar, "tar", OutputOrigin::Archive(TreeArchive::Tar), "the files, as a tar archive"),
    row(OutputKind::Tgz, "tgz", OutputOrigin::Archive(TreeArchive::Tgz), "the same, compressed by gzip"),
    OutputFacts {
        // dib's extension for it.
        extension: "squash",
        ..row(
            OutputKind::Squashfs,
            "squashfs",
            OutputOrigin::Archive(TreeArchive::Squashfs),
            "the files, as squashfs",
        )
    },
    OutputFacts {
        extension: "docker.tar",
        ..row(
            OutputKind::Docker,
            "docker",
            OutputOrigin::Archive(TreeArchive::Container { for_docker: true }),
            "the files as a container image, which docker load, podman and skopeo take",
        )
    },
    OutputFacts {
        extension: "oci.tar",
        ..row(
            OutputKind::Oci,
            "oci",
            OutputOrigin::Archive(TreeArchive::Container { for_docker: false }),
            "the files as a container image, as an OCI archive",
        )
    },
    row(
        OutputKind::Aci,
        "aci",
        OutputOrigin::Archive(TreeArchive::Aci),
        "the files as an App Container Image",
    ),
    row(OutputKind::Vmlinuz, "vmlinuz", OutputOrigin::Kernel, "the disk's kernel"),
    row(OutputKind::Initrd, "initrd", OutputOrigin::Initrd, "the initial ramdisk that matches it"),
    row(OutputKind::Kernel, "kernel", OutputOrigin::Kernel, "the kernel of a ramdisk image"),
    row(
        OutputKind::Initramfs,
        "initramfs",
        OutputOrigin::Initramfs,
        "all files as one ramdisk, which that kernel boots",
    ),
];

/// A kernel and the ramdisk that it boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootPair {
    /// The kernel's format.
    pub kernel: OutputKind,
    /// The ramdisk's.
    pub ramdisk: OutputKind,
}

/// Kernels and ramdisks that belong together: those of ramdisk images, and those of disks.
pub const BOOT_PAIRS: [BootPair; 2] = [
    BootPair { kernel: OutputKind::Kernel, ramdisk: OutputKind::Initramfs },
    BootPair { kernel: OutputKind::Vmlinuz, ramdisk: OutputKind::Initrd },
];

/// The words of all formats, for tables that are made before the program runs.
pub(crate) const WORDS: [&str; OUTPUTS.len()] = {
    let mut words = [""; OUTPUTS.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = OUTPUTS[at].name;
        at += 1;
    }
    words
};

impl OutputKind {
    /// What an image comes out as for whoever does not say.
    pub const USUAL: OutputKind = OutputKind::Qcow2;

    /// Every kind.
    pub fn all() -> impl Iterator<Item = OutputKind> {
        OUTPUTS.iter().map(|facts| facts.kind)
    }

    /// The kind that a word names.
    pub fn of_name(word: &str) -> Option<OutputKind> {
        OUTPUTS.iter().find(|facts| facts.name == word).map(|facts| facts.kind)
    }

    /// Its row.
    pub fn facts(self) -> &'static OutputFacts {
        OUTPUTS.iter().find(|facts| facts.kind == self).expect("OUTPUTS has a row for every kind")
    }

    /// The word for it: `qcow2`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The extension of its file, without the dot.
    pub fn extension(self) -> &'static str {
        self.facts().extension
    }

    /// How it comes about.
    pub fn origin(self) -> OutputOrigin {
        self.facts().origin
    }

    /// What its file is to whoever deploys it.
    pub fn role(self) -> Role {
        self.origin().role()
    }

    /// Whether it is the disk in some container.
    pub fn is_disk(self) -> bool {
        self.role() == Role::Disk
    }

    /// Whether all files of the tree are in it, and not the disk.
    pub fn is_whole_tree(self) -> bool {
        matches!(self.origin(), OutputOrigin::Archive(_) | OutputOrigin::Initramfs)
    }
}

impl Identify for OutputKind {
    fn identify(&self, hasher: &mut Hasher) {
        self.name().identify(hasher);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_word_leads_back() {
        for facts in &OUTPUTS {
            assert_eq!(OutputKind::of_name(facts.name), Some(facts.kind));
            assert_eq!(facts.kind.facts().name, facts.name);
        }
        let extensions: BTreeSet<&str> = OUTPUTS.iter().map(|facts| facts.extension).collect();
        assert_eq!(extensions.len(), OUTPUTS.len(), "an extension leads to one format");
    }

    /// Glance is given one disk, and which one is never a matter of two equal ranks.
    #[test]
    fn disks_have_a_place_among_uploads() {
        let given: Vec<&OutputFacts> = OUTPUTS.iter().filter(|facts| facts.glance.is_some()).collect();
        let ranks: BTreeSet<u8> = given.iter().filter_map(|facts| Some(facts.glance?.rank)).collect();
        assert_eq!(ranks.len(), given.len());
        assert!(given.iter().all(|facts| facts.kind.is_disk()));
    }
}
