//! Disks to try things on.
//!
//! In: nothing. Out: specs of the usual shapes, with fixed identities, and content for them. Never: a check.

use std::collections::BTreeMap;

use dibber_format::disk::{BootCode, DiskContent};
use dibber_format::fat::{self, FatParams};
use dibber_format::swap;
use dibber_layout::{Measured, solve};
use dibber_model::MountPoint;
use dibber_model::{
    Bytes, DiskLayout, DiskSpec, Extents, FsKind, FsSpec, Fstab, Loader, Meta, MkfsOptions, PartContents,
    PartKind, PartSpec, SectorSize, SizeRule, TableKind, Timestamp, Tree,
};
use uuid::{Uuid, uuid};

/// Partition types, as sgdisk's codes EF00, EF02, 4100, 8200 and 8300 mean them.
pub const ESP: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
/// BIOS boot.
pub const BIOS: Uuid = uuid!("21686148-6449-6e6f-744e-656564454649");
/// PReP boot.
pub const PREP: Uuid = uuid!("9e1a2d38-c612-4316-aa26-8b49521e5a8b");
/// Linux swap.
pub const SWAP: Uuid = uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f");
/// Linux filesystem.
pub const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");

/// All that is free.
pub const REST: SizeRule = SizeRule::Free { share: 10_000 };
/// As the content wants.
pub const CONTENT: SizeRule = SizeRule::Content { min: None, max: None };

/// `n` MiB, exactly.
pub fn mib(n: u64) -> SizeRule {
    SizeRule::Exact(Bytes::mib(n))
}

/// A UUID that is recognised in a dump.
pub fn id(n: u8) -> Uuid {
    Uuid::from_bytes([0xd1, 0xbb, 0xe2, 0, 0, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0, 0, n])
}

/// A filesystem, mounted where `mount` says unless that is empty.
pub fn fs(kind: FsKind, label: &str, mount: &str, n: u8) -> PartContents {
    PartContents::Fs(FsSpec {
        name: format!("mkfs_{label}"),
        kind,
        label: label.to_string(),
        uuid: id(n),
        mount: (!mount.is_empty()).then(|| mount.parse::<MountPoint>().expect("a mount point")),
        fstab: Some(Fstab { options: "defaults".to_string(), dump_freq: 0, passno: 1 }),
        options: MkfsOptions::default(),
    })
}

/// A partition of a GPT.
pub fn gpt_part(name: &str, type_guid: Uuid, size: SizeRule, contents: PartContents) -> PartSpec {
    let n = name.bytes().fold(0x40u8, u8::wrapping_add);
    let kind = PartKind::Gpt { type_guid, guid: id(n), attributes: 0 };
    PartSpec { name: name.to_string(), number: None, kind, size, contents }
}

/// A partition of an MBR.
pub fn mbr_part(name: &str, (type_byte, active, primary): (u8, bool, bool), size: SizeRule) -> PartSpec {
    let kind = PartKind::Mbr { type_byte, active, primary };
    PartSpec { name: name.to_string(), number: None, kind, size, contents: PartContents::Nothing }
}

/// A disk with sectors of 512 bytes, aligned to 1 MiB.
pub fn disk(table: TableKind, size: Option<Bytes>, parts: Vec<PartSpec>) -> DiskSpec {
    let bios_boot = false;
    DiskSpec {
        name: "image0".to_string(),
        table,
        sector: SectorSize::B512,
        size,
        align: 1 << 20,
        bios_boot,
        parts,
        groups: Vec::new(),
    }
}

/// The identity of every GPT disk here.
pub const GPT: TableKind = TableKind::Gpt { disk: uuid!("d15c0000-0000-8000-8000-000000000001") };
/// The identity of every MBR disk here.
pub const MBR: TableKind = TableKind::Mbr { disk: 0xd15c_0001 };

/// What `overcloud-full` has on x86_64: starts by BIOS and by UEFI.
pub fn hybrid() -> DiskSpec {
    let parts = vec![
        gpt_part("ESP", ESP, mib(64), fs(FsKind::Vfat, "ESP", "/boot/efi", 1)),
        gpt_part("BSP", BIOS, mib(1), PartContents::Loader(Loader::Bios)),
        gpt_part("root", LINUX, CONTENT, fs(FsKind::Ext4, "cloudimg-rootfs", "/", 2)),
    ];
    DiskSpec { bios_boot: true, ..disk(GPT, None, parts) }
}

/// A root on an MBR disk that starts by BIOS.
pub fn mbr() -> DiskSpec {
    let mut root = mbr_part("root", (0x83, true, true), REST);
    root.contents = fs(FsKind::Ext4, "cloudimg-rootfs", "/", 2);
    DiskSpec { bios_boot: true, ..disk(MBR, Some(Bytes::gib(2)), vec![root]) }
}

/// A partition image.
pub fn bare() -> DiskSpec {
    let contents = fs(FsKind::Ext4, "img-rootfs", "/", 2);
    let root =
        PartSpec { name: "root".to_string(), number: None, kind: PartKind::Bare, size: CONTENT, contents };
    disk(TableKind::Bare, None, vec![root])
}

/// The layout of a disk whose content needs 9 MiB everywhere, with loaders of the usual size.
pub fn laid(spec: &DiskSpec) -> DiskLayout {
    let content = spec.parts.iter().map(|part| (part.name.clone(), Bytes::mib(9))).collect();
    let loaders = BTreeMap::from([(Loader::Bios, Bytes(40_000)), (Loader::Prep, Bytes(200_000))]);
    solve(spec, &Measured { content }, &loaders).unwrap_or_else(|e| panic!("{e}"))
}

/// Something for every partition that wants content: real FAT and swap, holes for the rest.
pub fn content(layout: &DiskLayout) -> DiskContent {
    let mut parts = BTreeMap::new();
    for part in layout.parts() {
        let extents = match &part.spec.contents {
            PartContents::Fs(fs) if fs.kind == FsKind::Vfat => {
                let [a, b, c, d, ..] = fs.uuid.into_bytes();
                let params = FatParams {
                    label: fat::label(&fs.label).expect("the samples fit"),
                    volume_id: u32::from_le_bytes([a, b, c, d]),
                    epoch: Timestamp::from_secs(1_700_000_000),
                    hidden_sectors: (part.start / layout.spec().sector.bytes()) as u32,
                    sector: layout.spec().sector,
                };
                fat::write(&Tree::new(Meta::default()), &params, part.len).expect("the samples fit")
            }
            PartContents::Fs(fs) if fs.kind == FsKind::Swap => {
                swap::write(&fs.label, fs.uuid, part.len, 4096).expect("the samples fit")
            }
            _ => Extents::hole(part.len),
        };
        parts.insert(part.spec.name.clone(), extents);
    }
    let boot_code = layout.spec().bios_boot.then(|| BootCode {
        first: [0xb0; 440],
        gap: matches!(layout.spec().table, TableKind::Mbr { .. }).then(|| vec![0xc0; 40_448]),
    });
    DiskContent { parts, boot_code }
}
