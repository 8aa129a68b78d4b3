//! What ids are made of, as digests that must stay: a field or a variant that is renamed changes none of them.
//!
//! In: values with everything set. Out: their digests. Never: a digest that is written anew without a bump of what it is part of
//! (`GENERATION` of steps, the domain word of set ids): results that were kept, and ids that Glance holds, would mean other bytes.

use dibber_model::{
    Bytes, Digest, DiskSpec, FsKind, FsSpec, Fstab, Identify, Loader, MkfsOptions, PartContents, PartKind,
    PartSpec, SectorSize, SizeRule, TableKind,
};
use dibber_plan::output::OutputKind;
use dibber_plan::{Action, DeclaredNode, NodeKind, Qcow2Compression, RamdiskCompression};
use uuid::Uuid;

fn filesystem(kind: FsKind) -> FsSpec {
    FsSpec {
        name: "mkfs_root".into(),
        kind,
        label: "cloudimg-rootfs".into(),
        uuid: Uuid::from_u128(1),
        mount: Some("/".parse().expect("a mount point")),
        fstab: Some(Fstab { options: "rw".into(), dump_freq: 1, passno: 2 }),
        options: MkfsOptions {
            inode_ratio: Some(4096),
            journal: Some(Bytes::mib(64)),
            reserved_percent: Some(5),
            grow_to: Some(Bytes::gib(10)),
            ..MkfsOptions::default()
        },
    }
}

fn part(kind: PartKind, size: SizeRule, contents: PartContents) -> PartSpec {
    PartSpec { name: "root".into(), number: Some(3), kind, size, contents }
}

fn disks() -> Vec<DiskSpec> {
    let gpt = PartKind::Gpt { type_guid: Uuid::from_u128(2), guid: Uuid::from_u128(3), attributes: 4 };
    let mbr = PartKind::Mbr { type_byte: 0x83, active: true, primary: false };
    let content = SizeRule::Content { min: Some(Bytes(1)), max: None };
    let table = |table, sector, parts| DiskSpec {
        groups: Vec::new(),
        name: "image0".into(),
        table,
        sector,
        size: Some(Bytes::gib(4)),
        align: 1 << 20,
        bios_boot: true,
        parts,
    };
    vec![
        table(
            TableKind::Gpt { disk: Uuid::from_u128(5) },
            SectorSize::B4096,
            vec![
                part(gpt.clone(), SizeRule::Exact(Bytes::mib(1)), PartContents::Loader(Loader::Bios)),
                part(gpt.clone(), SizeRule::Exact(Bytes::mib(8)), PartContents::Loader(Loader::Prep)),
                part(gpt, SizeRule::Free { share: 10_000 }, PartContents::Fs(filesystem(FsKind::Ext4))),
            ],
        ),
        table(
            TableKind::Mbr { disk: 6 },
            SectorSize::B512,
            vec![
                part(mbr.clone(), content, PartContents::Fs(filesystem(FsKind::Vfat))),
                part(mbr, content, PartContents::Nothing),
            ],
        ),
        table(
            TableKind::Bare,
            SectorSize::B512,
            vec![part(PartKind::Bare, content, PartContents::Fs(filesystem(FsKind::Swap)))],
        ),
    ]
}

fn short<T: Identify>(values: &[T]) -> Vec<String> {
    values.iter().map(|value| Identify::digest(value).short()).collect()
}

#[test]
fn disks_stay() {
    assert_eq!(short(&disks()), ["86c774d1ff82", "018e9df7216f", "4ed54f3fdb5e"]);
}

#[test]
fn actions_stay() {
    let all = [
        Action::Script { path: "install.d/10-ssh".into() },
        Action::InstallPackages,
        Action::UninstallPackages,
        Action::ImagePackages,
        Action::InstallStatic,
        Action::InstallBin,
        Action::FetchSources,
        Action::Manifests,
        Action::Divert,
        Action::TakeBackDiversions,
        Action::Fstab,
    ];
    let parts: Vec<String> = short(&all);
    assert_eq!(Digest::of(parts.join(" ").as_bytes()).short(), "0a6bc8a6c581", "{parts:?}");
    let different: std::collections::BTreeSet<&String> = parts.iter().collect();
    assert_eq!(different.len(), all.len());
}

#[test]
fn outputs_stay() {
    // A format that is added changes no id of the others.
    let names: Vec<String> = ["qcow2", "raw", "tar", "initramfs"].map(String::from).into();
    let kinds: Vec<OutputKind> = names.iter().filter_map(|name| OutputKind::of_name(name)).collect();
    assert_eq!(
        Identify::digest(&kinds[..]),
        Identify::digest(&names[..]),
        "formats enter ids by their words"
    );
    let qcow2 = [Qcow2Compression::Plain, Qcow2Compression::Zlib, Qcow2Compression::Zstd];
    let ramdisk = [
        RamdiskCompression::Plain,
        RamdiskCompression::Gzip,
        RamdiskCompression::Zstd,
        RamdiskCompression::Xz,
    ];
    let node = |what| DeclaredNode { path: "/dev/x".into(), what };
    let nodes = [
        node(NodeKind::Block { major: 1, minor: 2, mode: 0o600 }),
        node(NodeKind::Char { major: 1, minor: 2, mode: 0o600 }),
        node(NodeKind::SelinuxLabel("system_u:object_r:etc_t:s0".into())),
    ];
    let parts: Vec<Digest> = [
        Identify::digest(&kinds[..]),
        Identify::digest(&qcow2[..]),
        Identify::digest(&ramdisk[..]),
        Identify::digest(&nodes[..]),
    ]
    .into();
    let parts: Vec<String> = parts.iter().map(Digest::short).collect();
    assert_eq!(parts, ["84f1bb1b0275", "160246bab5c7", "1c2271e4e63b", "adbb7c19a9ac"]);
}
