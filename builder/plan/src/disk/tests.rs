//! Block-device configs of dib's own shapes, and breaches of its grammar.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use dibber_model::{
    Arch, Bytes, DiskSpec, FsKind, Loader, MkfsOptions, PartContents, PartKind, SectorSize, Seed, SizeRule,
    TableKind,
};

use super::choose::DEFAULT_LAYOUT;
use super::{DiskDefaults, disk_spec, fstab, mkfs_options, variables};
use crate::source::TextSource;
use crate::yaml::{Fault, read};

pub(super) fn defaults(arch: Arch) -> DiskDefaults {
    DiskDefaults {
        arch,
        seed: Seed::from_names(["test"]),
        size: None,
        block_size: None,
        fs_type: None,
        root_label: None,
        mkfs: MkfsOptions::default(),
    }
}

pub(super) fn disk(text: &str, defaults: &DiskDefaults) -> Result<DiskSpec, Fault> {
    let source = TextSource { origin: "disk.yaml".into(), text: text.into() };
    disk_spec(&read(&Arc::new(source))?, defaults)
}

const EFI_TREE: &str = "\
- local_loop:
    name: image0
- partitioning:
    base: image0
    label: gpt
    partitions:
      - name: ESP
        type: EF00
        size: 550MiB
        mkfs:
          type: vfat
          mount:
            mount_point: /boot/efi
            fstab: {options: umask=0077, fsck-passno: 1}
      - name: BSP
        type: 'EF02'
        size: 8MiB
      - name: root
        type: 8300
        size: 100%
        mkfs:
          mount:
            mount_point: /
            fstab: {options: 'defaults,discard', fsck-passno: 1}
";

const EFI_GRAPH: &str = "\
- fstab: {base: mount_mkfs_root, options: 'defaults,discard', fsck-passno: 1}
- mount: {base: mkfs_root, mount_point: /}
- mkfs: {name: mkfs_root, base: root}
- fstab: {base: esp_mount, options: umask=0077, fsck-passno: 1}
- mount: {name: esp_mount, base: mkfs_ESP, mount_point: /boot/efi}
- mkfs: {base: ESP, type: vfat}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - {name: ESP, base: image0, type: EF00, size: 550MiB}
      - {name: BSP, base: partitioning_image0, type: EF02, size: 8MiB}
      - {name: root, size: 100%}
- local_loop: {name: image0}
";

/// What identifies a FAT to blkid and GRUB is no UUID.
#[test]
fn fat_without_a_label_is_found_by_its_volume_id() {
    let text = "- local_loop: {name: image0, size: 4GiB, mkfs: {type: vfat, label: '', mount: {mount_point: /, fstab: {options: defaults}}}}\n";
    let found = disk(text, &defaults(Arch::X86_64)).unwrap();
    let id = found.root().unwrap().blkid_uuid();
    assert_eq!(id.len(), "1A2B-3C4D".len());
    assert_eq!(fstab(&found), ["UUID=", &id, " / vfat defaults 0 2\n"].concat());
    assert_eq!(variables(&found)["DIB_ROOT_UUID"], id);
}

#[test]
fn tree_and_graph_make_one_disk() {
    let tree = disk(EFI_TREE, &defaults(Arch::X86_64)).unwrap();
    assert_eq!(tree, disk(EFI_GRAPH, &defaults(Arch::X86_64)).unwrap());
    assert!(tree.bios_boot && tree.size.is_none() && tree.align == 1 << 20);
    let names: Vec<&str> = tree.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["ESP", "BSP", "root"]);
    assert_eq!(tree.parts[0].size, SizeRule::Exact(Bytes::mib(550)));
    assert_eq!(tree.parts[1].contents, PartContents::Loader(Loader::Bios));
    assert_eq!(tree.parts[2].size, SizeRule::Free { share: 10_000 });
    let root = tree.root().unwrap();
    assert_eq!((root.label.as_str(), root.kind), ("cloudimg-rootfs", FsKind::Ext4));
    assert_eq!((root.options.inode_ratio, root.options.journal), (Some(4096), Some(Bytes::mib(64))));
    assert_eq!(
        fstab(&tree),
        "LABEL=cloudimg-rootfs / ext4 defaults,discard 0 1\nLABEL=MKFS_ESP /boot/efi vfat umask=0077 0 1\n"
    );
    let found = variables(&tree);
    assert_eq!(found["DIB_MOUNTPOINTS"], "/|/boot/efi");
    assert_eq!(found["DIB_ROOT_UUID"], root.uuid.to_string());
    assert_eq!(
        found["IMAGE_BLOCK_DEVICES"],
        "[image0]=/dev/dibber/image0 [ESP]=/dev/dibber/ESP [BSP]=/dev/dibber/BSP [root]=/dev/dibber/root"
    );
}

#[test]
fn loader_places_follow_the_architecture() {
    let arm = disk(EFI_TREE, &defaults(Arch::Aarch64)).unwrap();
    assert!(!arm.bios_boot && arm.parts[1].contents == PartContents::Nothing);
    let mut large = defaults(Arch::X86_64);
    large.block_size = Some("4096".into());
    let large = disk(EFI_TREE, &large).unwrap();
    assert!(
        large.sector == SectorSize::B4096
            && !large.bios_boot
            && large.parts[1].contents == PartContents::Nothing
    );
    for (label, kind) in [("gpt", "0x4100"), ("mbr", "0x41")] {
        let text = alloc::format!(
            "- local_loop: {{name: image0, size: 4GiB}}\n- partitioning:\n    base: image0\n    label: {label}\n    partitions:\n\
             \x20     - {{name: boot, type: {kind}, size: 8MiB}}\n      - {{name: root, size: 100%, mkfs: {{mount: {{mount_point: /}}}}}}\n"
        );
        let power = disk(&text, &defaults(Arch::Ppc64le)).unwrap();
        assert_eq!(power.parts[0].contents, PartContents::Loader(Loader::Prep), "{label}");
        assert!(!power.bios_boot && power.size == Some(Bytes::gib(4)));
        assert_eq!(disk(&text, &defaults(Arch::X86_64)).unwrap().bios_boot, label == "mbr");
    }
}

#[test]
fn mbr_flags_types_and_swap() {
    let text = "\
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: mbr
    align: 4MiB
    partitions:
      - {name: root, flags: [boot, primary], size: 50%, mkfs: {label: 'my root', mount: {mount_point: /, fstab: }}}
      - {name: d1, size: 50.25%, mkfs: {type: ext4, opts: '-i 65536', mount: {mount_point: /srv/a b, fstab: {dump-freq: 1}}}}
      - {name: sw, type: '82', size: 1G, mkfs: {type: swap, mount: {mount_point: none, fstab: {}}}}
";
    let fault = disk(text, &defaults(Arch::X86_64)).unwrap_err().to_string();
    assert!(fault.contains("disk.yaml:7:") && fault.contains("`fstab` (a mapping)"), "{fault}");
    let spec = disk(&text.replace("fstab: }", "fstab: {}}"), &defaults(Arch::X86_64)).unwrap();
    assert_eq!(spec.align, 4 << 20);
    assert!(matches!(spec.table, TableKind::Mbr { disk } if disk != 0));
    let kinds: Vec<PartKind> = spec.parts.iter().map(|part| part.kind.clone()).collect();
    assert_eq!(kinds[0], PartKind::Mbr { type_byte: 0x83, active: true, primary: true });
    assert_eq!(kinds[2], PartKind::Mbr { type_byte: 0x82, active: false, primary: false });
    assert_eq!(spec.parts[1].size, SizeRule::Free { share: 5025 });
    assert_eq!(
        fstab(&spec),
        "LABEL=my\\040root / ext4 defaults 0 2\nLABEL=mkfs_d1 /srv/a\\040b ext4 defaults 1 2\nLABEL=mkfs_sw none swap sw 0 0\n"
    );
}

#[test]
fn our_keys_of_partitions() {
    let text = "\
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - name: root
        number: 3
        guid: 9e1a2d38-c612-4316-aa26-8b49521e5a8b
        attributes: [legacy-boot, read-only]
        size: content
        min: 1GiB
        max: 4GiB
        mkfs: {uuid: 0fc63daf-8483-4772-8e79-3d69d8477de4, mount: {mount_point: /}}
";
    let spec = disk(text, &defaults(Arch::X86_64)).unwrap();
    let part = &spec.parts[0];
    assert_eq!(part.number, Some(3));
    assert_eq!(part.size, SizeRule::Content { min: Some(Bytes::gib(1)), max: Some(Bytes::gib(4)) });
    let PartKind::Gpt { guid, attributes, .. } = part.kind else { panic!("not a GPT entry") };
    assert_eq!(
        (guid.to_string().as_str(), attributes),
        ("9e1a2d38-c612-4316-aa26-8b49521e5a8b", 1 << 2 | 1 << 60)
    );
    assert_eq!(spec.root().unwrap().uuid.to_string(), "0fc63daf-8483-4772-8e79-3d69d8477de4");
    let other = disk(EFI_TREE, &defaults(Arch::X86_64)).unwrap();
    let (PartKind::Gpt { guid: a, .. }, PartKind::Gpt { guid: b, .. }) =
        (&other.parts[0].kind, &other.parts[1].kind)
    else {
        panic!("not GPT entries")
    };
    assert_ne!(a, b);
}

#[test]
fn bare_filesystem_takes_the_image_s_wishes() {
    let mut defaults = defaults(Arch::X86_64);
    defaults.root_label = Some("img".into());
    defaults.size = Some(Bytes::gib(2));
    defaults.mkfs.reserved_percent = Some(1);
    let spec = disk(DEFAULT_LAYOUT, &defaults).unwrap();
    assert_eq!((spec.table, spec.size), (TableKind::Bare, Some(Bytes::gib(2))));
    assert_eq!(fstab(&spec), "LABEL=img / ext4 defaults 0 1\n");
    assert_eq!(spec.root().unwrap().options.reserved_percent, Some(1));
    assert_eq!(variables(&spec)["IMAGE_BLOCK_DEVICES"], "[image0]=/dev/dibber/image0");
    defaults.fs_type = Some("zfs".into());
    let fault = disk(DEFAULT_LAYOUT, &defaults).unwrap_err().to_string();
    assert!(fault.contains("no writer for filesystem `zfs`"), "{fault}");
}

#[test]
fn a_root_of_xfs_has_options_and_a_label_of_its_own() {
    let mut defaults = defaults(Arch::X86_64);
    defaults.fs_type = Some("xfs".into());
    defaults.mkfs = mkfs_options("-m rmapbt=1 -s size=4096").unwrap();
    // dib gives a journal's size to ext4 alone.
    defaults.mkfs.journal = Some(Bytes::mib(64));
    let spec = disk(DEFAULT_LAYOUT, &defaults).unwrap();
    assert_eq!(fstab(&spec), "LABEL=img-rootfs / xfs defaults 0 1\n");
    let options = &spec.root().unwrap().options;
    assert_eq!((options.journal, options.xfs.rmapbt), (None, Some(true)));
    assert_eq!(options.xfs.sector, Some(SectorSize::B4096));
    defaults.mkfs = mkfs_options("-i 8192").unwrap();
    let fault = disk(DEFAULT_LAYOUT, &defaults).unwrap_err().to_string();
    assert!(fault.contains("`mkfs_root` is xfs: options of mke2fs were given"), "{fault}");
    defaults.fs_type = None;
    defaults.mkfs = mkfs_options("-i size=1024").unwrap();
    let fault = disk(DEFAULT_LAYOUT, &defaults).unwrap_err().to_string();
    assert!(fault.contains("`mkfs_root` is ext4: options of mkfs.xfs were given"), "{fault}");
}

/// A disk of one GPT partition `root`, mounted on /, and whatever else is given.
fn around(more: &str) -> String {
    alloc::format!(
        "- local_loop: {{name: image0}}\n- partitioning:\n    base: image0\n    label: gpt\n    partitions:\n      - name: root\n        size: 100%\n        mkfs:\n          mount: {{mount_point: /}}\n{more}"
    )
}

/// Each text is refused with a message that begins so.
fn are_refused(cases: &[(String, &str)]) {
    for (text, message) in cases {
        let fault = disk(text, &defaults(Arch::X86_64)).map(|_| ()).unwrap_err().to_string();
        assert!(fault.starts_with(message), "{text}\n got: {fault}\nwant: {message}");
    }
}

#[test]
fn breaches_of_nodes_name_place_cause_and_mend() {
    are_refused(&[
        ("- bad: {}\n".to_string(), "disk.yaml:1:3: `bad` is not a plugin"),
        (
            "- mounts: {}\n".into(),
            "disk.yaml:1:3: `mounts` is not a plugin of block-device configs; did you mean `mount`?",
        ),
        (
            "- local_loop: {name: a}\n  mkfs: {base: a}\n".into(),
            "disk.yaml:1:3: a node has one key, its plugin, but this has 2",
        ),
        ("- local_loop\n".into(), "disk.yaml:1:3: a mapping of one key"),
        (
            "local_loop: {}\n".into(),
            "disk.yaml:1:1: a list of block-device nodes is expected here, not a mapping",
        ),
        ("[]\n".into(), "disk.yaml:1:1: no disk; add a node `local_loop`"),
        (
            around("- mkfs: {base: rot, type: ext4}\n"),
            "disk.yaml:10:16: `mkfs_rot` stands on `rot`, but no node is called that; did you mean `root`?",
        ),
        (
            around("- mount: {base: root, mount_point: /x}\n"),
            "disk.yaml:10:17: `mount_root`: mount cannot stand on partition `root`",
        ),
        (
            around("- local_loop: {name: image1}\n"),
            "disk.yaml:10:3: `image1` is one too many: an image has one disk",
        ),
        (around("- lvm: {name: lvm, base: [root], pvs: []}\n"), "disk.yaml:10:3: lvm needs the key `vgs`"),
        (
            around("- mkfs: {name: again, base: root, type: ext4}\n"),
            "disk.yaml:10:29: `root` carries both `mkfs_root` and `again`",
        ),
        (
            around("      - {name: root, size: 1M}\n"),
            "disk.yaml:10:9: duplicate node name `root`; the other one is in line 6",
        ),
    ]);
}

#[test]
fn a_partition_is_on_the_disk_of_its_table() {
    are_refused(&[(
        around("      - {name: p, base: image1, size: 1M}\n"),
        "disk.yaml:10:25: base `image1` of a partition contradicts its table's, `image0`; leave it out",
    )]);
}

#[test]
fn breaches_of_partitions_name_place_cause_and_mend() {
    let part = |keys: &str| around(&alloc::format!("      - {{name: p, {keys}}}\n"));
    are_refused(&[
        (part("size: 1M, typ: 8300"), "disk.yaml:10:29: unknown key `typ`; did you mean `type`?"),
        (part("size: 5 gib"), "disk.yaml:10:25: `5 gib` is not a size: its unit is unknown"),
        (part("size: 0"), "disk.yaml:10:25: partition `p` has no size"),
        (part("size: 120%"), "disk.yaml:10:25: `120%` is not a share"),
        (part("type: 8300"), "disk.yaml:10:9: partition needs the key `size`"),
        (part("size: 1M, type: 9999"), "disk.yaml:10:35: unknown GPT partition type `9999`"),
        (part("size: 1M, flags: [primary]"), "disk.yaml:10:37: a GPT has no primary partitions"),
        (
            part("size: 1M, flags: [bot]"),
            "disk.yaml:10:37: `bot` is not one of boot, primary; did you mean `boot`?",
        ),
        (part("size: 1M, min: 5M"), "disk.yaml:10:34: `min` and `max` belong to `size: content`"),
        (
            part("size: content, min: 5M, max: 1M"),
            "disk.yaml:10:25: partition `p`: min, 4.8 MiB, is more than max, 976.6 KiB",
        ),
        (
            part("size: 1M, mkfs: {type: btrfs}"),
            "disk.yaml:10:42: `mkfs_p`: no writer for filesystem `btrfs`",
        ),
        (part("size: 1M, mkfs: {}"), "disk.yaml:10:29: `mkfs_p` needs a `type`"),
        (
            part("size: 1M, mkfs: {type: vfat, label: far-too-long-label}"),
            "disk.yaml:10:55: label `FAR-TOO-LONG-LABEL` of `mkfs_p` has 18 bytes, but vfat holds 11",
        ),
        (
            part("size: 1M, mkfs: {type: ext4, label: cloudimg-rootfs}"),
            "disk.yaml:10:29: label `cloudimg-rootfs` is used more than once: `mkfs_root` and `mkfs_p`",
        ),
        (
            part("size: 1M, mkfs: {type: ext4, mount: {mount_point: /}}"),
            "disk.yaml:10:29: mount point / is used more than once",
        ),
        (
            part("size: 1M, mkfs: {type: ext4, mount: {mount_point: a}}"),
            "disk.yaml:10:69: `a` is not a mount point",
        ),
        (
            part("size: 1M, mkfs: {type: ext4, opts: -O bigalloc}"),
            "disk.yaml:10:54: `opts` of `mkfs_p`: `-O bigalloc` is not supported",
        ),
        (
            part("size: 1M, type: EF02, mkfs: {type: ext4}"),
            "disk.yaml:10:41: `p` is a BIOS boot partition, which holds no filesystem",
        ),
        (
            around("").replace("mount_point: /", "mount_point: /srv"),
            "disk.yaml:1:1: no filesystem is mounted on `/`",
        ),
        (
            around("").replace("image0}", "image0, block_size: 1024}"),
            "disk.yaml:1:42: sectors of 1024 bytes do not exist",
        ),
        (around("").replace("label: gpt", "label: dos"), "disk.yaml:4:12: `dos` is not one of gpt, mbr"),
    ]);
}
