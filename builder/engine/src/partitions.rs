//! The tree of an image, cut at its mount points into one tree for each filesystem, and the bytes of each filesystem.
//!
//! In: the captured tree and the disk's spec. Out: measured sizes, then extents. Never: a second walk of the disk.

use std::collections::BTreeMap;

use dibber_format::disk::{BootCode, DiskContent};
use dibber_format::filesystem::{FilesystemError, Making, writer};
use dibber_format::grub;
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
    #[error("partition {part}: {source}")]
    Filesystem {
        /// Partition name.
        part: String,
        /// What is in the way.
        source: FilesystemError,
    },
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
    #[error("partition {part} is mounted on {path}, which is no directory in the image")]
    MountPoint {
        /// Partition name.
        part: String,
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

/// Cuts the tree at the mount points: one tree for each partition that holds a filesystem, by partition name.
pub(crate) fn split(mut tree: Tree, disk: &DiskSpec) -> Result<BTreeMap<String, Tree>, PartError> {
    let mut mounted: Vec<(&str, &FsSpec)> = Vec::new();
    let mut trees = BTreeMap::new();
    for part in &disk.parts {
        match &part.contents {
            PartContents::Fs(fs) if fs.mount.is_some() && fs.kind.facts().holds_files => {
                mounted.push((&part.name, fs));
            }
            PartContents::Fs(_) => drop(trees.insert(part.name.clone(), Tree::new(root_meta()))),
            _ => {}
        }
    }
    // Deepest first, so that /boot/efi leaves /boot before /boot leaves /.
    let depth = |fs: &FsSpec| {
        fs.mount.as_ref().map_or(0, |m| m.relative().split('/').filter(|s| !s.is_empty()).count())
    };
    mounted.sort_by_key(|(_, fs)| std::cmp::Reverse(depth(fs)));
    for (part, fs) in mounted {
        let path = fs.mount.as_ref().map_or("", |mount| mount.relative());
        if path.is_empty() {
            trees.insert(part.to_string(), std::mem::replace(&mut tree, Tree::new(root_meta())));
            continue;
        }
        let no_directory = || PartError::MountPoint { part: part.to_string(), path: format!("/{path}") };
        make_directories(&mut tree, path).ok_or_else(no_directory)?;
        trees.insert(part.to_string(), tree.split_off(path.as_bytes()).ok_or_else(no_directory)?);
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

/// The least that each partition's content needs, by partition name.
pub(crate) fn measure(
    trees: &BTreeMap<String, Tree>,
    disk: &DiskSpec,
    settings: &FilesystemSettings,
) -> Result<BTreeMap<String, Bytes>, PartError> {
    let mut sizes = BTreeMap::new();
    for part in &disk.parts {
        let (PartContents::Fs(fs), Some(tree)) = (&part.contents, trees.get(&part.name)) else { continue };
        let making = making(fs, disk, 0, settings);
        let size = writer(fs.kind).measure(tree, &making).map_err(fault(&part.name))?;
        sizes.insert(part.name.clone(), size);
    }
    Ok(sizes)
}

/// The bytes of every partition that holds a filesystem, at its placed size, by partition name.
pub(crate) fn write(
    trees: &BTreeMap<String, Tree>,
    layout: &DiskLayout,
    settings: &FilesystemSettings,
) -> Result<BTreeMap<String, Extents>, PartError> {
    let mut parts = BTreeMap::new();
    for placed in layout.parts() {
        if let (PartContents::Fs(fs), Some(tree)) = (&placed.spec.contents, trees.get(&placed.spec.name)) {
            let making = making(fs, layout.spec(), placed.start, settings);
            let bytes = writer(fs.kind).write(tree, &making, placed.len).map_err(fault(&placed.spec.name))?;
            parts.insert(placed.spec.name.clone(), bytes);
        }
    }
    Ok(parts)
}

/// What the writer of a filesystem is told, for a partition that begins at a byte of a disk.
fn making<'a>(spec: &'a FsSpec, disk: &DiskSpec, start: u64, settings: &FilesystemSettings) -> Making<'a> {
    let FilesystemSettings { seed, epoch, arch } = *settings;
    Making { spec, sector: disk.sector, start, seed, epoch, page: arch.facts().page }
}

fn fault(part: &str) -> impl FnOnce(FilesystemError) -> PartError + use<> {
    let part = part.to_string();
    move |source| PartError::Filesystem { part, source }
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
