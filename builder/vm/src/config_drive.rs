//! The config drive of a test boot: metadata and user data for cloud-init, on a FAT filesystem.
//!
//! In: a one-time password, a file. Out: a small disk labelled `config-2`. Never: anything that outlives the boot.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use dibber_export::{Container, Files, Stamp, Target, WriteOptions, pour};
use dibber_format::fat::{self, FatParams};
use dibber_model::{Content, FileRef, Inode, InodeId, Kind, Meta, SectorSize, Seed, Timestamp, Tree};

use super::BootError;
use super::inherited_file::InheritedFile;

/// Large enough for its three files; small enough to be FAT12.
const SIZE: u64 = 1 << 20;

/// Layout of OpenStack's config drive version 2: `openstack/latest/{meta_data.json,user_data}`.
pub(super) fn write(drive: &InheritedFile, password: &str) -> Result<(), BootError> {
    let failed = |e: &dyn std::fmt::Display| BootError::ConfigDrive(e.to_string());
    let meta_data = serde_json::json!({
        "uuid": Seed::from_names(["dibber boot"]).uuid("instance", 0).to_string(),
        "name": "dibber-boot",
        "hostname": "dibber-boot",
        "availability_zone": "nova",
    });
    let user_data = format!(
        "#cloud-config\nssh_pwauth: true\ndisable_root: false\nchpasswd:\n  expire: false\n  users:\n  \
         - {{name: root, password: \"{password}\", type: text}}\n"
    );
    let mut tree = Tree::new(root_owned(0o755));
    let openstack = tree.add(InodeId::ROOT, b"openstack", directory()).map_err(|e| failed(&e))?;
    let latest = tree.add(openstack, b"latest", directory()).map_err(|e| failed(&e))?;
    tree.add(latest, b"meta_data.json", file(meta_data.to_string())).map_err(|e| failed(&e))?;
    tree.add(latest, b"network_data.json", file(String::from("{}"))).map_err(|e| failed(&e))?;
    tree.add(latest, b"user_data", file(user_data)).map_err(|e| failed(&e))?;
    let params = FatParams {
        label: fat::label("config-2").map_err(|e| failed(&e))?,
        volume_id: 1,
        epoch: Timestamp::default(),
        hidden_sectors: 0,
        sector: SectorSize::B512,
    };
    let extents = fat::write(&tree, &params, SIZE).map_err(|e| failed(&e))?;
    let target = Target { file: &drive.file, path: &drive.name, container: Container::Raw, sums: false };
    let options = WriteOptions { threads: 1, progress: &|_| () };
    pour(&extents, &NoFiles, &[target], options).map(drop).map_err(|e| failed(&e))
}

/// The drive's files are all in memory.
struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: FileRef) -> io::Result<File> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn name(&self, _: FileRef) -> PathBuf {
        PathBuf::new()
    }
    fn stamp(&self, _: FileRef) -> Option<Stamp> {
        None
    }
}

fn root_owned(mode: u16) -> Meta {
    Meta { mode, ..Meta::default() }
}

fn directory() -> Inode {
    Inode { meta: root_owned(0o755), kind: Kind::Dir(Default::default()) }
}

fn file(text: String) -> Inode {
    Inode { meta: root_owned(0o644), kind: Kind::File(Content::inline(text.into_bytes())) }
}
