//! The tree of an image, cut at its mount points into one tree for each filesystem, and the bytes of each filesystem.
//!
//! In: the captured tree and the disk's spec. Out: measured sizes, then extents. Never: a second walk of the disk.

use std::collections::BTreeMap;

use dibber_format::disk::{BootCode, DiskContent};
use dibber_format::filesystem::{FilesystemError, Making, writer};
use dibber_format::grub;
use dibber_format::lvm::{self, LvmMaking};
use dibber_model::extent::ExtentError;
use dibber_model::{
    Arch, Bytes, DiskLayout, DiskSpec, Extent, Extents, FsSpec, Inode, InodeId, Kind, Loader, Meta,
    PartContents, Piece, Placed, Seed, Timestamp, Tree,
};

use crate::bootloader::GrubCores;

/// Why a filesystem could not be made of its tree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartError {
    /// The filesystem cannot hold it.
    #[error("{holder}: {source}")]
    Filesystem {
        /// The partition or the logical volume.
        holder: String,
        /// What is in the way.
        source: FilesystemError,
    },
    /// A volume group cannot be written.
    #[error(transparent)]
    Lvm(#[from] lvm::LvmError),
    /// The images in the tree are not GRUB's.
    #[error(transparent)]
    Grub(#[from] grub::GrubError),
    /// A core is larger than its partition.
    #[error("partition {part}: its boot loader does not fit: {source}")]
    Core {
        /// Partition name.
        part: String,
        /// What does not fit.
        source: ExtentError,
    },
    /// A mount point is no directory in the tree.
    #[error("{holder} is mounted on {path}, which is no directory in the image")]
    MountPoint {
        /// The partition or the logical volume.
        holder: String,
        /// The path.
        path: String,
    },
}

/// What every filesystem of an image is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilesystemSettings {
    /// Where identities come from.
    pub seed: Seed,
    /// The time that stands in for now.
    pub epoch: Timestamp,
    /// The target's architecture.
    pub arch: Arch,
}

/// Cuts the tree at the mount points: one tree for each partition or logical volume that holds a filesystem, by its name.
pub(crate) fn split(mut tree: Tree, disk: &DiskSpec) -> Result<BTreeMap<String, Tree>, PartError> {
    let mut mounted: Vec<(&str, &FsSpec)> = Vec::new();
    let mut trees = BTreeMap::new();
    for (holder, fs) in disk.held_filesystems() {
        match fs.mount.is_some() && fs.kind.facts().holds_files {
            true => mounted.push((holder, fs)),
            false => drop(trees.insert(holder.to_string(), Tree::new(root_meta()))),
        }
    }
    // Deepest first, so that /boot/efi leaves /boot before /boot leaves /.
    let depth = |fs: &FsSpec| {
        fs.mount.as_ref().map_or(0, |m| m.relative().split('/').filter(|s| !s.is_empty()).count())
    };
    mounted.sort_by_key(|(_, fs)| std::cmp::Reverse(depth(fs)));
    for (holder, fs) in mounted {
        let path = fs.mount.as_ref().map_or("", |mount| mount.relative());
        if path.is_empty() {
            trees.insert(holder.to_string(), std::mem::replace(&mut tree, Tree::new(root_meta())));
            continue;
        }
        let no_directory = || PartError::MountPoint { holder: words(disk, holder), path: format!("/{path}") };
        make_directories(&mut tree, path).ok_or_else(no_directory)?;
        trees.insert(holder.to_string(), tree.split_off(path.as_bytes()).ok_or_else(no_directory)?);
    }
    Ok(trees)
}

fn root_meta() -> Meta {
    Meta { mode: 0o755, ..Meta::default() }
}

fn make_directories(tree: &mut Tree, path: &str) -> Option<()> {
    let mut at = InodeId::ROOT;
    for name in path.split('/') {
        let known = tree.entries(at).find(|(entry, _)| *entry == name.as_bytes()).map(|(_, id)| id);
        at = match known {
            Some(id) => id,
            None => {
                let meta = Meta { mtime: tree.inode(at).meta.mtime, ..root_meta() };
                tree.add(at, name.as_bytes(), Inode { meta, kind: Kind::Dir(BTreeMap::new()) }).ok()?
            }
        };
    }
    matches!(tree.inode(at).kind, Kind::Dir(_)).then_some(())
}

/// The least that the content of each partition or logical volume needs, by its name.
pub(crate) fn measure(
    trees: &BTreeMap<String, Tree>,
    disk: &DiskSpec,
    settings: &FilesystemSettings,
) -> Result<BTreeMap<String, Bytes>, PartError> {
    let mut sizes = BTreeMap::new();
    for (holder, fs) in disk.held_filesystems() {
        let Some(tree) = trees.get(holder) else { continue };
        let making = making(fs, disk, 0, settings);
        let size = writer(fs.kind).measure(tree, &making).map_err(fault(disk, holder))?;
        sizes.insert(holder.to_string(), size);
    }
    Ok(sizes)
}

/// The bytes of every partition that holds a filesystem or volumes, at its placed size, by partition name.
pub(crate) fn write(
    trees: &BTreeMap<String, Tree>,
    layout: &DiskLayout,
    settings: &FilesystemSettings,
) -> Result<BTreeMap<String, Extents>, PartError> {
    let disk = layout.spec();
    let bytes = |holder: &str, fs: &FsSpec, start: u64, len: u64| {
        let Some(tree) = trees.get(holder) else { return Ok(None) };
        let making = making(fs, disk, start, settings);
        writer(fs.kind).write(tree, &making, len).map(Some).map_err(fault(disk, holder))
    };
    let mut parts = BTreeMap::new();
    for placed in layout.parts() {
        if let PartContents::Fs(fs) = &placed.spec.contents {
            let made = bytes(&placed.spec.name, fs, placed.start, placed.len)?;
            parts.extend(made.map(|made| (placed.spec.name.clone(), made)));
        }
    }
    for group in layout.groups() {
        let mut volumes = BTreeMap::new();
        for lv in &group.lvs {
            let Some(fs) = &lv.spec.fs else { continue };
            // A volume begins where its group puts it, which no filesystem should count from.
            let made = bytes(&lv.spec.name, fs, 0, group.bytes(lv))?;
            volumes.extend(made.map(|made| (lv.spec.name.clone(), made)));
        }
        let making = LvmMaking { seed: settings.seed, epoch: settings.epoch };
        parts.extend(lvm::write(group, &volumes, &making)?);
    }
    Ok(parts)
}

/// What the writer of a filesystem is told, for a partition that begins at a byte of a disk.
fn making<'a>(spec: &'a FsSpec, disk: &DiskSpec, start: u64, settings: &FilesystemSettings) -> Making<'a> {
    let FilesystemSettings { seed, epoch, arch } = *settings;
    Making { spec, sector: disk.sector, start, seed, epoch, page: arch.facts().page }
}

fn fault(disk: &DiskSpec, holder: &str) -> impl FnOnce(FilesystemError) -> PartError + use<> {
    let holder = words(disk, holder);
    move |source| PartError::Filesystem { holder, source }
}

/// A partition or a logical volume, as errors call it.
fn words(disk: &DiskSpec, holder: &str) -> String {
    match disk.parts.iter().any(|part| part.name == holder) {
        true => format!("partition {holder}"),
        false => format!("logical volume {holder}"),
    }
}

/// Adds the boot loader's cores to the partitions that are their places, patched for where they lie.
pub(crate) fn with_loaders(
    mut parts: BTreeMap<String, Extents>,
    layout: &DiskLayout,
    cores: &GrubCores,
) -> Result<DiskContent, PartError> {
    let mut boot_code = None;
    for placed in layout.parts() {
        let PartContents::Loader(place) = placed.spec.contents else { continue };
        let Some(core) = cores.cores.get(&place) else { continue };
        let bytes = match (place, &cores.boot_img) {
            (Loader::Bios, Some(boot_img)) => {
                let (first, core) = grub::bios(boot_img, core, placed.start / SECTOR)?;
                boot_code = Some(BootCode { first, gap: None });
                core
            }
            _ => core.clone(),
        };
        parts.insert(placed.spec.name.clone(), at_start(bytes, placed)?);
    }
    if let (None, Some(boot_img), Some(core)) = (&boot_code, &cores.boot_img, cores.cores.get(&Loader::Bios))
    {
        // Without a partition of its own, core.img lies in the gap after the MBR, from the second sector on.
        let (first, core) = grub::bios(boot_img, core, 1)?;
        boot_code = Some(BootCode { first, gap: Some(core) });
    }
    Ok(DiskContent { parts, boot_code })
}

/// GRUB i386-pc counts in these, whatever the table counts in.
const SECTOR: u64 = 512;

fn at_start(bytes: Vec<u8>, placed: &Placed) -> Result<Extents, PartError> {
    Extents::new(placed.len, vec![Extent { at: 0, piece: Piece::bytes(bytes) }])
        .map_err(|source| PartError::Core { part: placed.spec.name.clone(), source })
}
