//! `FILE.json`: what a person, Glance or ironic wants to know of one file.
//!
//! In: facts of the plan, the layout and the pouring. Out: JSON that is a function of them. Never: a secret, a clock.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use dibber_deploy::structure::{self, Structure};
use dibber_fs::Dir;
use dibber_model::{Digest, DiskLayout, LvKind, PartContents, PartKind, PlacedVg, TableKind};
use dibber_packages::Package;
use dibber_plan::Role;
use serde::{Deserialize, Serialize};

/// No sidecar that is longer is read, in bytes.
pub(crate) const LONGEST: u64 = 16 << 20;

/// The content of a sidecar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The file that this describes.
    pub file: String,
    /// What it is: `qcow2`, `raw`, `vmlinuz`, `initrd` ...
    pub kind: String,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// Length of the disk in it, in bytes, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_bytes: Option<u64>,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// SHA-512 of the file, in hexadecimal: what Glance calls `os_hash_value`.
    pub sha512: String,
    /// Image name.
    pub image: String,
    /// Architecture, under the kernel's name.
    pub arch: String,
    /// Platform, if it is for one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Digest over everything that the file is a function of.
    pub id: Digest,
    /// The program and its version.
    pub builder: String,
    /// Programs that the bytes depend on besides the builder, with their versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub depends_on_tools: BTreeMap<String, String>,
    /// The time that stands in for now, in seconds since 1970.
    pub source_date_epoch: i64,
    /// Where packages came from.
    pub archive: ArchiveFacts,
    /// Release of the kernel in the image (`uname -r`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_release: Option<String>,
    /// Arguments that the image wants its kernel to have, beside its root and its console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_args: Option<String>,
    /// The disk, for files that hold one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskFacts>,
    /// What the file is to whoever deploys it: `disk`, `kernel`, `ramdisk` or `tree`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What ironic takes a disk for, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<StructureFacts>,
    /// Glance's `min_disk`: GiB that a machine's disk must have, the disk's length rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_disk: Option<u64>,
    /// Glance's `min_ram`: MiB that a machine must have, if the image file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ram: Option<u64>,
    /// Glance properties to be set on the image.
    pub properties: BTreeMap<String, String>,
    /// Elements, in resolved order.
    pub elements: Vec<String>,
    /// Installed packages.
    pub packages: Vec<Package>,
}

impl Sidecar {
    /// The text of the sidecar of a file under this name, which is the only thing that differs between links.
    pub(super) fn text(&self, name: &str) -> Vec<u8> {
        let sidecar = Sidecar { file: name.into(), ..self.clone() };
        let mut text =
            serde_json::to_vec_pretty(&sidecar).expect("its keys are text, and a vector takes every write");
        text.push(b'\n');
        text
    }
}

/// Reads a sidecar by its name in a directory; `None` where there is none. What is no sidecar is `InvalidData`.
pub(super) fn read(dir: &Dir, name: &str) -> io::Result<Option<Sidecar>> {
    match dir.read(name, LONGEST) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The sidecar of a file, by the file's path; `None` where there is none. What is no sidecar is `InvalidData`.
pub fn sidecar_of(file: &Path) -> io::Result<Option<Sidecar>> {
    match beside(file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of `FILE.json`, bounded, of a regular file only.
pub fn beside(file: &Path) -> io::Result<Vec<u8>> {
    let mut name = file.as_os_str().to_os_string();
    name.push(".json");
    dibber_fs::read_file(Path::new(&name), LONGEST)
}

/// Whole disk or partition, by ironic's rule over the properties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StructureFacts {
    /// Which.
    pub is: Structure,
    /// Why, in words.
    pub why: String,
}

impl StructureFacts {
    /// What these properties say.
    pub fn of(properties: &BTreeMap<String, String>) -> StructureFacts {
        let inferred = structure::of_properties(properties);
        StructureFacts { is: inferred.structure, why: inferred.why.to_string() }
    }
}

/// Where packages came from, and of which day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFacts {
    /// Mirror, if the image file names one. Without user name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// Snapshot that it was pinned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// `Date:` of each Release file used, by its URL.
    pub release_dates: BTreeMap<String, String>,
}

/// The disk's identity and shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFacts {
    /// `gpt`, `mbr` or `none`.
    pub table: String,
    /// Disk GUID or disk signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Logical sector size, in bytes.
    pub sector_bytes: u64,
    /// Partitions in the order of their places.
    pub partitions: Vec<PartitionFacts>,
    /// Volume groups of LVM on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volume_groups: Vec<VolumeGroupFacts>,
}

/// One volume group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeGroupFacts {
    /// Its name.
    pub name: String,
    /// Its id, as `vgs -o vg_uuid` prints it.
    pub id: String,
    /// Bytes of an extent.
    pub extent_bytes: u64,
    /// Names of the partitions that are its physical volumes.
    pub partitions: Vec<String>,
    /// Its logical volumes.
    pub volumes: Vec<VolumeFacts>,
}

/// One logical volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFacts {
    /// Its name.
    pub name: String,
    /// Its id, as `lvs -o lv_uuid` prints it.
    pub id: String,
    /// Length in bytes.
    pub bytes: u64,
    /// `linear`, `thin-pool` or `thin`.
    pub kind: String,
    /// The filesystem in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<FilesystemFacts>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionFacts {
    /// Its name.
    pub name: String,
    /// Its number in the table; 0 without a table.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Type GUID, or MBR type byte.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub part_type: Option<String>,
    /// PARTUUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// The filesystem in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<FilesystemFacts>,
}

/// One filesystem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesystemFacts {
    /// `ext4`, `vfat`, `swap`.
    pub kind: String,
    /// Its label.
    pub label: String,
    /// Its UUID, or FAT's volume id, as `blkid` prints it.
    pub uuid: String,
    /// Where it is mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_point: Option<String>,
}

impl DiskFacts {
    /// The facts of a placed disk.
    pub fn of(layout: &DiskLayout) -> DiskFacts {
        let (table, id) = match layout.spec().table {
            TableKind::Bare => ("none", None),
            TableKind::Gpt { disk } => ("gpt", Some(disk.to_string())),
            TableKind::Mbr { disk } => ("mbr", Some(format!("{disk:08x}"))),
        };
        let partitions = layout.parts().iter().map(|part| {
            let (part_type, guid) = match &part.spec.kind {
                PartKind::Bare => (None, None),
                PartKind::Gpt { type_guid, guid, .. } => {
                    (Some(type_guid.to_string()), Some(guid.to_string()))
                }
                PartKind::Mbr { type_byte, .. } => (Some(format!("0x{type_byte:02x}")), None),
            };
            PartitionFacts {
                name: part.spec.name.clone(),
                number: part.number,
                start: part.start,
                bytes: part.len,
                part_type,
                guid,
                filesystem: match &part.spec.contents {
                    PartContents::Fs(fs) => Some(FilesystemFacts::of(fs)),
                    _ => None,
                },
            }
        });
        DiskFacts {
            table: table.into(),
            id,
            sector_bytes: layout.spec().sector.bytes(),
            partitions: partitions.collect(),
            volume_groups: layout.groups().iter().map(VolumeGroupFacts::of).collect(),
        }
    }
}

impl VolumeGroupFacts {
    fn of(group: &PlacedVg) -> VolumeGroupFacts {
        let volumes = group.lvs.iter().map(|lv| VolumeFacts {
            name: lv.spec.name.clone(),
            id: lv.spec.id.to_string(),
            bytes: group.bytes(lv),
            kind: match lv.spec.kind {
                LvKind::Linear => "linear",
                LvKind::Pool => "thin-pool",
                LvKind::Thin { .. } => "thin",
            }
            .into(),
            filesystem: lv.spec.fs.as_ref().map(FilesystemFacts::of),
        });
        VolumeGroupFacts {
            name: group.spec.name.clone(),
            id: group.spec.id.to_string(),
            extent_bytes: group.spec.extent.0,
            partitions: group.pvs.iter().map(|pv| pv.spec.part.clone()).collect(),
            volumes: volumes.collect(),
        }
    }
}

impl FilesystemFacts {
    fn of(fs: &dibber_model::FsSpec) -> FilesystemFacts {
        FilesystemFacts {
            kind: fs.kind.name().into(),
            label: fs.label.clone(),
            uuid: fs.blkid_uuid(),
            mount_point: fs.mount.as_ref().map(|mount| mount.as_str().into()),
        }
    }
}
