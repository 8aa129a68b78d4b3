//! What holds for a disk where its block-device config says nothing.
//!
//! In: an image file, the variables and the request, through `image_planner`. Out: values. Never: a key of the config itself.

use alloc::string::String;
use dibber_model::{Arch, Bytes, MkfsOptions, Seed};

/// What the image says about its disk, apart from the config.
#[derive(Clone, Debug)]
pub(crate) struct DiskDefaults {
    /// Its architecture: which boot loader places count.
    pub arch: Arch,
    /// Where identities come from.
    pub seed: Seed,
    /// Size of the disk where the config gives none.
    pub size: Option<Bytes>,
    /// Sectors, over the config: `DIB_BLOCK_SIZE`.
    pub block_size: Option<String>,
    /// `FS_TYPE`: kind of `mkfs_root` where the config gives none.
    pub fs_type: Option<String>,
    /// `ROOT_LABEL`, for the same.
    pub root_label: Option<String>,
    /// Choices for `mkfs_root`.
    pub mkfs: MkfsOptions,
}

/// A number of GiB, as `DIB_IMAGE_SIZE` and `--image-size` say it. dib counts a fraction in KiB, and rounds it up to the next 64.
pub(crate) fn image_size(text: &str) -> Option<Bytes> {
    let size = Bytes::of_units(text, Bytes::gib(1))?;
    Bytes(size.0 >> 10 << 10).round_up(64 << 10)
}
