//! What is in an image, read back without mounting it.
//!
//! `dibber show` tells what is in an image, its own or anybody's: partitions, filesystems, files, packages. It shares no code with the writers, so
//! that it can also judge what they made.
//!
//! In: a raw or qcow2 file that anybody may have made. Out: its table, filesystems, files and packages. Never: a write, a
//! mount, or trust: every length and place is checked against what is there before it is used, nothing is held whose size the image
//! alone tells, and work without a result ends (`budget`).
#![forbid(unsafe_code)]

mod budget;
pub mod container;
mod disk;
mod error;
mod ext;
mod fat;
mod fat_dir;
mod field;
mod fstab;
mod gpt;
mod lvm;
mod mbr;
pub mod open;
mod packages;
mod probe;
pub mod qcow2;
mod report;
mod sidecar;
mod source;
mod table;
mod tree;
mod types;
mod volume;
mod walk;

use std::path::Path;

pub use disk::{Disk, FilesystemInfo, Partition, TableFound};
pub use error::ShowError;
pub use lvm::{LogicalVolume, VolumeGroup};
pub use report::{Report, System};
pub use sidecar::SidecarCheck;
pub use source::Container;
pub use tree::{Located, Tree};
pub use volume::{Entry, Kind, time};
pub use walk::Visit;

use container::Opened;
use dibber_packages::Package;
use table::ReadDisk;

/// An image whose partition table has been read.
pub struct Image {
    container: Container,
    disk: Disk,
    tree: Option<Tree>,
}

impl Image {
    /// Opens a raw or qcow2 file, and finds its partitions, filesystems and mount points.
    pub fn open(path: &Path) -> Result<Image, ShowError> {
        Image::of(container::open(path)?)
    }

    /// The same for a file's bytes in memory.
    pub fn of_bytes(bytes: Vec<u8>) -> Result<Image, ShowError> {
        Image::of(container::of_bytes(bytes)?)
    }

    fn of(Opened { container, source, budget }: Opened) -> Result<Image, ShowError> {
        let ReadDisk { mut disk, volumes } = table::read(&source)?;
        let tree = Tree::of(&mut disk, &volumes, &budget)?;
        Ok(Image { container, disk, tree })
    }

    /// The file that holds the disk.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// The disk's table.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The files, with every filesystem where the image's own fstab mounts it.
    pub fn tree(&self) -> Result<&Tree, ShowError> {
        self.tree.as_ref().ok_or_else(|| {
            let seen: Vec<String> = self
                .disk
                .filesystems()
                .map(|fs| fs.problem.clone().unwrap_or_else(|| fs.kind.clone()))
                .collect();
            ShowError::NoFiles {
                seen: if seen.is_empty() { "nothing known".into() } else { seen.join(", ") },
            }
        })
    }

    /// Installed packages, by the databases of dpkg and rpm; `None` if there is no such database.
    pub fn packages(&self) -> Result<Option<Vec<Package>>, ShowError> {
        packages::installed(self.tree()?)
    }
}
