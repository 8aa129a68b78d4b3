//! What Glance should hold of a set: images with names, formats, properties and digests.
//!
//! In: what was read of a set (`set_image`). Out: types. Never: a request.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dibber_model::{Arch, Digest, Platform, Target};

/// Which images of a set.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Their names; none is all.
    pub names: Vec<String>,
    /// Only this architecture.
    pub arch: Option<Arch>,
    /// Only this platform.
    pub platform: Option<Platform>,
}

/// One image of a set for one target, as Glance should hold it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Image name.
    pub image: String,
    /// What it is built for.
    pub target: Target,
    /// Kernel and ramdisk.
    pub pair: Option<Pair>,
    /// The disk; with a pair, a partition's, which names the pair.
    pub disk: Option<DesiredImage>,
    /// Files that Glance is not given.
    pub left: Vec<FileLeft>,
}

/// A kernel and a ramdisk that belong together.
#[derive(Clone, Debug)]
pub struct Pair {
    /// `aki`.
    pub kernel: DesiredImage,
    /// `ari`.
    pub ramdisk: DesiredImage,
}

/// What Glance calls the format of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    /// `disk_format`: `qcow2`, `raw`, `aki`, `ari` ...
    pub disk: &'static str,
    /// `container_format`: `bare`, `aki`, `ari`.
    pub container: &'static str,
}

/// A file that Glance is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLeft {
    /// Its name.
    pub name: String,
    /// The reason.
    pub why: &'static str,
}

/// One image that Glance should hold.
#[derive(Clone, Debug)]
pub struct DesiredImage {
    /// Name in Glance.
    pub name: String,
    /// Its formats.
    pub formats: Formats,
    /// GiB that a machine's disk must have.
    pub min_disk: u64,
    /// MiB of memory that a machine must have.
    pub min_ram: u64,
    /// Properties.
    pub properties: BTreeMap<String, String>,
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its SHA-512, in hexadecimal.
    pub sha512: String,
}

impl DesiredImage {
    /// Whether ironic takes it for a whole disk: by `img_type`, and by the lack of a kernel where that is not said.
    pub(super) fn is_whole_disk(&self) -> bool {
        self.properties.get("img_type").is_none_or(|kind| kind != "partition")
    }
}
