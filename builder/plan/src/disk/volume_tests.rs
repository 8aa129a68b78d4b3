//! LVM in block-device configs of dib's own shapes, and breaches of its grammar.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Arch, Bytes, LvKind, LvSize, PartContents, PartKind, SizeRule};

use super::tests::{defaults, disk};
use super::{fstab, variables, with_room};

/// As in dib's own fixtures: what stands around is a list of nodes, and `lvm` names what its lists stand on.
const GRAPH: &str = "\
- local_loop: {name: image0}
- partitioning:
    base: image0
    name: mbr
    label: mbr
    partitions:
      - {name: root, base: image0, flags: [boot, primary], size: 3G}
      - {name: data, flags: [primary], size: 1G}
- lvm:
    base: [root]
    name: lvm
    pvs:
      - {name: pv, options: ['--force'], base: root}
      - {name: pv1, base: data}
    vgs:
      - {name: vg, base: [pv, pv1], options: ['--force']}
    lvs:
      - {name: lv_root, base: vg, size: 1800M}
      - {name: lv-swap, base: vg, extents: 25}
      - {name: lv_var, base: vg, extents: 40%VG}
      - {name: lv_home, base: vg, extents: 100%FREE}
- mkfs: {name: fs_root, base: lv_root, label: img-rootfs, type: ext4}
- mount: {name: mount_root, base: fs_root, mount_point: /}
- fstab: {base: mount_root, options: 'rw,relatime', fsck-passno: 1}
- mkfs: {name: fs_swap, base: lv-swap, type: swap}
- mount: {name: mount_swap, base: fs_swap, mount_point: none}
- fstab: {base: mount_swap, options: sw}
- mkfs: {name: fs_var, base: lv_var, type: ext4}
- mount: {name: mount_var, base: fs_var, mount_point: /var}
- fstab: {base: mount_var, options: 'nodev,nofail'}
";

const TREE: &str = "\
- local_loop: {name: image0}
- partitioning:
    base: image0
    name: mbr
    label: mbr
    partitions:
      - {name: root, flags: [boot, primary], size: 3G}
      - {name: data, flags: [primary], size: 1G}
- lvm:
    name: lvm
    pvs:
      - {name: pv, base: root}
      - {name: pv1, base: data}
    vgs:
      - {name: vg, base: [pv, pv1]}
    lvs:
      - name: lv_root
        base: vg
        size: 1800M
        mkfs:
          name: fs_root
          label: img-rootfs
          type: ext4
          mount: {mount_point: /, fstab: {options: 'rw,relatime', fsck-passno: 1}}
      - {name: lv-swap, base: vg, extents: 25}
      - {name: lv_var, base: vg, extents: 40%PVS}
      - {name: lv_home, base: vg, size: 100%}
- mkfs:
    name: fs_swap
    base: lv-swap
    type: swap
    mount: {mount_point: none, fstab: {options: sw}}
- mkfs:
    name: fs_var
    base: lv_var
    type: ext4
    mount: {mount_point: /var, fstab: {options: 'nodev,nofail'}}
";

#[test]
fn tree_and_graph_make_one_group() {
    let graph = disk(GRAPH, &defaults(Arch::X86_64)).unwrap();
    assert_eq!(graph, disk(TREE, &defaults(Arch::X86_64)).unwrap());
    assert!(graph.parts.iter().all(|part| part.contents == PartContents::Pv));
    let [group] = &graph.groups[..] else { panic!("one group") };
    assert_eq!((group.name.as_str(), group.extent), ("vg", Bytes::mib(4)));
    let pvs: Vec<(&str, &str)> = group.pvs.iter().map(|pv| (pv.name.as_str(), pv.part.as_str())).collect();
    assert_eq!(pvs, [("pv", "root"), ("pv1", "data")]);
    let sizes: Vec<LvSize> = group.lvs.iter().map(|lv| lv.size).collect();
    assert_eq!(
        sizes,
        [
            LvSize::Rule(SizeRule::Exact(Bytes(1_800_000_000))),
            LvSize::Extents(25),
            LvSize::Group { share: 4000 },
            LvSize::Rule(SizeRule::Free { share: 10_000 }),
        ]
    );
    assert!(group.lvs.iter().all(|lv| lv.kind == LvKind::Linear));
    let mut ids: Vec<_> = group.lvs.iter().map(|lv| lv.id).chain(group.pvs.iter().map(|pv| pv.id)).collect();
    ids.push(group.id);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[test]
fn hooks_and_fstab_see_the_filesystems_of_volumes() {
    let found = disk(GRAPH, &defaults(Arch::X86_64)).unwrap();
    assert_eq!(
        fstab(&found),
        "LABEL=img-rootfs / ext4 rw,relatime 0 1\nLABEL=fs_var /var ext4 nodev,nofail 0 2\nLABEL=fs_swap none swap sw 0 0\n"
    );
    let told = variables(&found);
    assert_eq!(told["DIB_MOUNTPOINTS"], "/|/var");
    assert_eq!(told["DIB_ROOT_ABSTRACTION"], "lvm");
    assert_eq!(told["DIB_ROOT_UUID"], found.root().unwrap().uuid.to_string());
    assert_eq!(
        told["IMAGE_BLOCK_DEVICES"],
        "[image0]=/dev/dibber/image0 [root]=/dev/dibber/root [data]=/dev/dibber/data [lv_root]=/dev/dibber/lv_root \
         [lv-swap]=/dev/dibber/lv-swap [lv_var]=/dev/dibber/lv_var [lv_home]=/dev/dibber/lv_home"
    );
    let (group, volume) = found.volume_of(found.root().unwrap()).unwrap();
    assert_eq!((group.name.as_str(), volume.name.as_str()), ("vg", "lv_root"));
}

#[test]
fn room_goes_to_the_volume_of_the_root() {
    let text = GRAPH.replace("lv_root, base: vg, size: 1800M", "lv_root, base: vg, size: content");
    let size = |text: &str| {
        let disk = with_room(disk(text, &defaults(Arch::X86_64)).unwrap(), Some(Bytes::mib(300)));
        disk.groups[0].lvs[0].size
    };
    assert_eq!(size(&text), LvSize::Rule(SizeRule::ContentAnd(Bytes::mib(300))));
    assert_eq!(size(GRAPH), LvSize::Rule(SizeRule::Exact(Bytes(1_800_000_000))));
}

#[test]
fn a_disk_can_be_a_physical_volume() {
    let text = "\
- local_loop: {name: image0, size: 4GiB}
- lvm:
    name: lvm
    pvs: [{name: pv, base: image0}]
    vgs: [{name: vg, base: [pv]}]
    lvs: [{name: lv_root, base: vg, size: 100%, mkfs: {type: ext4, mount: {mount_point: /}}}]
";
    let found = disk(text, &defaults(Arch::X86_64)).unwrap();
    assert_eq!(found.parts[0].contents, PartContents::Pv);
    assert_eq!(found.groups[0].pvs[0].part, "image0");
}

/// EDPM's shape: the menu on a partition, all else thin.
const THIN: &str = "\
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - {name: BSP, type: EF02, size: 8MiB}
      - name: boot
        type: BC13C2FF-59E6-4262-A352-B275FD6F7172
        size: 500MiB
        mkfs: {type: ext4, mount: {mount_point: /boot, fstab: {options: defaults}}}
      - {name: root, size: 4410MiB}
- lvm:
    name: lvm
    base: [root]
    pvs: [{name: pv, base: root, options: ['--force']}]
    vgs: [{name: vg, base: [pv], options: ['--force']}]
    lvs:
      - {name: lv_thinpool, type: thin-pool, base: vg, size: 4390MiB}
      - {name: lv_root, type: thin, thin-pool: lv_thinpool, base: vg, size: 3200MiB}
      - {name: lv_tmp, type: thin, thin-pool: lv_thinpool, base: vg, size: 208MiB}
- mkfs: {name: fs_root, base: lv_root, label: img-rootfs, type: ext4, mount: {mount_point: /, fstab: {options: defaults}}}
- mkfs: {name: fs_tmp, base: lv_tmp, type: ext4, mount: {mount_point: /tmp, fstab: {options: nodev}}}
";

#[test]
fn thin_volumes_name_their_pool() {
    let found = disk(THIN, &defaults(Arch::X86_64)).unwrap();
    let [group] = &found.groups[..] else { panic!("one group") };
    let kinds: Vec<&LvKind> = group.lvs.iter().map(|lv| &lv.kind).collect();
    let thin = LvKind::Thin { pool: "lv_thinpool".into() };
    assert_eq!(kinds, [&LvKind::Pool, &thin, &thin]);
    assert!(
        matches!(&found.parts[1].kind, PartKind::Gpt { type_guid, .. } if type_guid.to_string().starts_with("bc13c2ff"))
    );
    for (from, to, message) in [
        (
            "thin-pool: lv_thinpool, base: vg, size: 208MiB",
            "base: vg, size: 208MiB",
            "disk.yaml:20:9: thin volume `lv_tmp` needs a pool",
        ),
        (
            "type: thin, thin-pool: lv_thinpool, base: vg, size: 208MiB",
            "type: thin, thin-pool: lv_root, base: vg, size: 208MiB",
            "disk.yaml:20:47: thin volume `lv_tmp` needs a pool of its group",
        ),
        (
            "base: vg, size: 208MiB",
            "base: vg, extents: 5%VG",
            "disk.yaml:20:79: thin volume `lv_tmp` takes no extents",
        ),
        (
            "fs_tmp, base: lv_tmp",
            "fs_tmp, base: lv_thinpool",
            "disk.yaml:22:3: `lv_thinpool` is a thin pool, which holds no filesystem",
        ),
        (
            "mount_point: /boot",
            "mount_point: /srv",
            "disk.yaml:19:9: `lv_root` has the boot menu, and GRUB reads no thin volumes",
        ),
    ] {
        assert!(THIN.contains(from), "{from}");
        let fault =
            disk(&THIN.replacen(from, to, 1), &defaults(Arch::X86_64)).map(|_| ()).unwrap_err().to_string();
        assert!(fault.starts_with(message), "{to}\n got: {fault}\nwant: {message}");
    }
}

/// Each change of the graph is refused with a message that begins so.
fn are_refused(cases: &[(&str, &str, &str)]) {
    for (from, to, message) in cases {
        assert!(GRAPH.contains(from), "{from}");
        let text = GRAPH.replacen(from, to, 1);
        let fault = disk(&text, &defaults(Arch::X86_64)).map(|_| ()).unwrap_err().to_string();
        assert!(fault.starts_with(message), "{to}\n got: {fault}\nwant: {message}");
    }
}

#[test]
fn breaches_of_the_graph_name_place_cause_and_mend() {
    are_refused(&[
        ("    base: [root]\n    name: lvm\n", "", "disk.yaml:9:3: lvm needs the key `name`"),
        ("    vgs:\n", "    vgz:\n", "disk.yaml:15:5: unknown key `vgz`; did you mean `vgs`?"),
        ("name: pv1, base: data", "name: pv1", "disk.yaml:14:9: physical volume needs the key `base`"),
        (
            "name: pv1, base: data",
            "name: pv1, base: dta",
            "disk.yaml:14:27: `pv1` stands on `dta`, but no node is called that; did you mean `data`?",
        ),
        (
            "name: pv1, base: data",
            "name: pv1, base: root",
            "disk.yaml:14:27: `root` carries both `pv` and `pv1`",
        ),
        (
            "base: [pv, pv1]",
            "base: [pv, data]",
            "disk.yaml:16:31: volume group `vg` stands on `data`, which is none of `pvs`; name a physical volume",
        ),
        ("base: [pv, pv1]", "base: [pv, pv]", "disk.yaml:16:31: volume group `vg` has `pv` twice"),
        ("base: [pv, pv1]", "base: []", "disk.yaml:16:9: volume group `vg` has no physical volume"),
        ("base: [pv, pv1]", "base: [pv]", "disk.yaml:14:9: physical volume `pv1` is in no volume group"),
        (
            "    lvs:\n",
            "      - {name: vg2, base: [pv1]}\n    lvs:\n",
            "disk.yaml:14:9: physical volume `pv1` is in two groups, `vg` and `vg2`",
        ),
        (
            "    lvs:\n",
            "      - {name: vg, base: [pv1]}\n    lvs:\n",
            "disk.yaml:17:9: duplicate node name `vg`; the other one is in line 16",
        ),
        (
            "lv_root, base: vg",
            "lv_root, base: vgs",
            "disk.yaml:18:31: `lv_root` stands on `vgs`, but no node is called that; did you mean `vg`?",
        ),
        (
            "lv_root, base: vg",
            "lv_root, base: pv",
            "disk.yaml:18:31: `lv_root`: logical volume cannot stand on physical volume `pv`",
        ),
        (
            "fs_var, base: lv_var",
            "fs_var, base: data",
            "disk.yaml:14:9: `data` carries both filesystem `fs_var` and physical volume `pv1`",
        ),
        (
            "fs_var, base: lv_var",
            "fs_var, base: lv_root",
            "disk.yaml:28:30: `lv_root` carries both `fs_root` and `fs_var`",
        ),
    ]);
}

#[test]
fn breaches_of_volumes_name_place_cause_and_mend() {
    are_refused(&[
        ("vg, size: 1800M", "vg", "disk.yaml:18:9: logical volume `lv_root` has no size"),
        ("size: 1800M", "size: 0", "disk.yaml:18:41: logical volume `lv_root` has no size"),
        (
            "size: 1800M",
            "size: 1800M, extents: 5",
            "disk.yaml:18:57: `lv_root` has both `size` and `extents`; leave one of them out",
        ),
        ("extents: 25", "extents: 0", "disk.yaml:19:44: `0` is no number of extents"),
        ("extents: 40%VG", "extents: 40%ORIGIN", "disk.yaml:20:43: `40%ORIGIN` is no number of extents"),
        ("extents: 40%VG", "extents: 140%VG", "disk.yaml:20:43: `140%VG` is no number of extents"),
        ("size: 1800M", "size: 1 G i B", "disk.yaml:18:41: `1 G i B` is not a size"),
        (
            "size: 1800M",
            "size: 1800M, type: raid1",
            "disk.yaml:18:54: `lv_root`: volumes of type raid1 are not written; there are thin and thin-pool",
        ),
        (
            "size: 1800M",
            "size: 1800M, type: striped",
            "disk.yaml:18:54: `lv_root`: volumes of type striped are not written",
        ),
        ("size: 1800M", "size: 1800M, type: cache", "disk.yaml:18:54: `lv_root`: volumes of type cache"),
        ("size: 1800M", "size: 1800M, type: vdo", "disk.yaml:18:54: `lv_root`: volumes of type vdo"),
        (
            "size: 1800M",
            "size: 1800M, type: thin-pol",
            "disk.yaml:18:54: `lv_root`: `thin-pol` is no type of logical volumes",
        ),
        (
            "size: 1800M",
            "size: 1800M, options: ['-i', '2']",
            "disk.yaml:18:58: `lv_root`: the option `-i` of lvcreate is not supported",
        ),
        (
            "base: [pv, pv1], options: ['--force']",
            "base: [pv, pv1], options: ['-s', '8M']",
            "disk.yaml:16:47: `vg`: the option `-s` of vgcreate is not supported",
        ),
        (
            "size: 1800M",
            "size: 1800M, thin-pool: pool",
            "disk.yaml:18:59: `thin-pool` belongs to `type: thin`",
        ),
    ]);
}

#[test]
fn names_that_lvm2_does_not_take_are_refused() {
    are_refused(&[
        (
            "lv_home, base",
            "'-lv', base",
            "disk.yaml:21:16: logical volume `-lv`: names of LVM do not begin with",
        ),
        (
            "lv_home, base",
            "lv home, base",
            "disk.yaml:21:16: logical volume `lv home`: names of LVM hold the letters",
        ),
        (
            "lv_home, base",
            "a_tmeta, base",
            "disk.yaml:21:16: logical volume `a_tmeta`: lvm2 keeps such names",
        ),
        (
            "lv_home, base",
            "snapshot1, base",
            "disk.yaml:21:16: logical volume `snapshot1`: lvm2 keeps such names",
        ),
        ("lv_home, base", "'..', base", "disk.yaml:21:16: logical volume `..`: lvm2 takes no such name"),
    ]);
    let long = "l".repeat(128);
    are_refused(&[(
        "lv_home",
        &long,
        &["disk.yaml:21:16: logical volume `", &long, "`: names of LVM have at most 127"].concat(),
    )]);
    // 60 hyphens are 120 letters, and so the two names are too long together.
    let hyphens: String = ["l", &"-".repeat(62)].concat();
    are_refused(&[("lv_home", &hyphens, "disk.yaml:21:16: the device mapper would call this volume `vg-l-")]);
}

#[test]
fn a_group_does_not_take_a_name_of_dev() {
    let text = GRAPH.replace("name: vg,", "name: disk,").replace("base: vg", "base: disk");
    let fault = disk(&text, &defaults(Arch::X86_64)).unwrap_err().to_string();
    assert!(fault.starts_with("disk.yaml:16:16: volume group `disk`: its directory below /dev"), "{fault}");
}
