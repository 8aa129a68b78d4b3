use dibber_model::{Content, Inode, Meta};

use super::*;

/// A tree with these paths: `PATH -> TARGET` is a link, `PATH/` a directory, all else a file.
fn tree(paths: &[&str]) -> Tree {
    let mut tree = Tree::new(Meta::default());
    for line in paths {
        let (path, target) = line.split_once(" -> ").map_or((*line, None), |(path, to)| (path, Some(to)));
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let mut at = InodeId::ROOT;
        for (depth, name) in names.iter().enumerate() {
            let known = tree.entries(at).find(|(entry, _)| *entry == name.as_bytes()).map(|(_, id)| id);
            let is_leaf = depth + 1 == names.len() && !path.ends_with('/');
            let kind = match target {
                _ if !is_leaf => Kind::Dir(Default::default()),
                Some(to) => Kind::Symlink(to.as_bytes().into()),
                None => Kind::File(Content::inline(path.as_bytes())),
            };
            at = known.unwrap_or_else(|| {
                tree.add(at, name.as_bytes(), Inode { meta: Meta::default(), kind }).unwrap()
            });
        }
    }
    tree
}

/// The kernel taken, as `RELEASE KERNEL RAMDISK`, and `no modules` where there are none.
fn taken(paths: &[&str]) -> String {
    let tree = tree(paths);
    let Some(kernel) = newest(&tree) else { return "none".into() };
    let name = |id| {
        let path = tree.walk().into_iter().find(|(_, other)| *other == id).map(|(path, _)| path);
        String::from_utf8(path.unwrap_or_default()).unwrap()
    };
    let ramdisk = kernel.initrd.map_or("-".into(), name);
    let modules = if kernel.has_modules { "" } else { " no modules" };
    format!("{} {} {ramdisk}{modules}", kernel.release, name(kernel.vmlinuz))
}

#[test]
fn the_newest_kernel_brings_its_own_ramdisk() {
    let mut paths = vec![
        "boot/vmlinuz-6.1.0-9",
        "boot/vmlinuz-6.1.0-40",
        "boot/initrd.img-6.1.0-9",
        "boot/config-6.1.0-40",
    ];
    assert_eq!(taken(&paths), "6.1.0-40 boot/vmlinuz-6.1.0-40 - no modules");
    paths.extend(["boot/initrd.img-6.1.0-40", "usr/lib/modules/6.1.0-40/", "lib -> usr/lib"]);
    assert_eq!(taken(&paths), "6.1.0-40 boot/vmlinuz-6.1.0-40 boot/initrd.img-6.1.0-40");
    let candidates = ["boot/vmlinuz-6.2.0-rc8", "boot/vmlinuz-6.2.0", "lib/modules/6.2.0/"];
    assert_eq!(taken(&candidates), "6.2.0 boot/vmlinuz-6.2.0 -");
    assert_eq!(taken(&["boot/grub/grub.cfg", "etc/fstab"]), "none");
}

/// A tree's files, and what is taken of them: the release, the kernel, the initial ramdisk.
type KernelTree = (&'static str, &'static [&'static str], &'static str);

const DISTRIBUTIONS: &[KernelTree] = &[
    (
        "Fedora",
        &["lib -> usr/lib", "usr/lib/modules/6.8.5-301.fc40/vmlinuz", "boot/initramfs-6.8.5-301.fc40.img"],
        "6.8.5-301.fc40 usr/lib/modules/6.8.5-301.fc40/vmlinuz boot/initramfs-6.8.5-301.fc40.img",
    ),
    (
        "ostree",
        &["usr/lib/modules/6.8.5/vmlinuz", "usr/lib/modules/6.8.5/initramfs.img"],
        "6.8.5 usr/lib/modules/6.8.5/vmlinuz usr/lib/modules/6.8.5/initramfs.img",
    ),
    (
        "SUSE",
        &[
            "usr/lib/modules/6.4.0-1-default/vmlinuz",
            "boot/vmlinuz-6.4.0-1-default -> ../usr/lib/modules/6.4.0-1-default/vmlinuz",
            "boot/vmlinuz -> vmlinuz-6.4.0-1-default",
            "boot/vmlinux-6.4.0-1-default.gz",
            "boot/initrd-6.4.0-1-default",
        ],
        "6.4.0-1-default usr/lib/modules/6.4.0-1-default/vmlinuz boot/initrd-6.4.0-1-default",
    ),
    (
        "Arch",
        &[
            "usr/lib/modules/6.9.1-arch1-1/vmlinuz",
            "boot/vmlinuz-linux",
            "boot/initramfs-linux.img",
            "boot/initramfs-linux-fallback.img",
        ],
        "6.9.1-arch1-1 boot/vmlinuz-linux boot/initramfs-linux.img",
    ),
    (
        "Alpine",
        &[
            "lib/modules/6.6.31-0-lts/",
            "lib/modules/6.6.31-0-virt/",
            "boot/vmlinuz-virt",
            "boot/initramfs-virt",
        ],
        "6.6.31-0-virt boot/vmlinuz-virt boot/initramfs-virt",
    ),
    (
        "Gentoo",
        &["lib/modules/6.6.30-gentoo/", "boot/kernel-6.6.30-gentoo", "boot/initramfs-6.6.30-gentoo.img"],
        "6.6.30-gentoo boot/kernel-6.6.30-gentoo boot/initramfs-6.6.30-gentoo.img",
    ),
    (
        "a link of Debian's",
        &[
            "vmlinuz -> boot/kernel.bin",
            "boot/kernel.bin",
            "initrd.img -> boot/rd",
            "boot/rd",
            "lib/modules/6.1.0/",
        ],
        "6.1.0 boot/kernel.bin boot/rd",
    ),
    (
        "links alone",
        &[
            "vmlinuz -> /opt/k/vmlinuz-6.1.0",
            "opt/k/vmlinuz-6.1.0",
            "lib/modules/6.1.0/",
            "boot/initrd.img-6.1.0",
        ],
        "6.1.0 opt/k/vmlinuz-6.1.0 boot/initrd.img-6.1.0",
    ),
    (
        "a kernel built by hand",
        &["boot/Image.gz", "lib/modules/6.10.0/", "boot/initrd.img"],
        "6.10.0 boot/Image.gz boot/initrd.img",
    ),
    (
        "kernel-install",
        &["usr/lib/modules/6.8.5/modules.dep", "boot/0123abc/6.8.5/linux", "boot/0123abc/6.8.5/initrd"],
        "6.8.5 boot/0123abc/6.8.5/linux boot/0123abc/6.8.5/initrd",
    ),
];

#[test]
fn kernels_where_distributions_keep_them() {
    for (what, paths, right) in DISTRIBUTIONS {
        assert_eq!(taken(paths), *right, "{what}");
    }
}

#[test]
fn what_was_put_aside_is_taken_only_where_nothing_else_is() {
    let old = ["boot/vmlinuz-6.2.0.old", "boot/initrd.img-6.2.0", "lib/modules/6.2.0/"];
    assert_eq!(taken(&old), "6.2.0 boot/vmlinuz-6.2.0.old boot/initrd.img-6.2.0");
    let both = [&old[..], &["boot/vmlinuz-6.2.0"]].concat();
    assert_eq!(taken(&both), "6.2.0 boot/vmlinuz-6.2.0 boot/initrd.img-6.2.0");
    let older = [&old[..], &["boot/vmlinuz-6.1.0", "lib/modules/6.1.0/"]].concat();
    assert_eq!(taken(&older), "6.1.0 boot/vmlinuz-6.1.0 -");
    for leftover in
        ["vmlinuz-9.bak", "vmlinuz-9.rpmsave", "vmlinuz-9.dpkg-new", "vmlinuz-9-rescue", "vmlinuz-9~"]
    {
        let leftover = format!("boot/{leftover}");
        assert_eq!(taken(&[&leftover]), "none", "{leftover}");
    }
}

#[test]
fn links_stay_in_the_tree_and_end() {
    assert_eq!(taken(&["boot/vmlinuz-1 -> vmlinuz-1"]), "none");
    assert_eq!(taken(&["boot/vmlinuz-1 -> /etc/passwd"]), "none");
    assert_eq!(taken(&["boot/vmlinuz-1 -> ../../../k", "k", "lib/modules/1/"]), "1 k -");
    assert_eq!(
        taken(&["boot -> usr/boot", "usr/boot/vmlinuz-2", "lib/modules/2/"]),
        "2 usr/boot/vmlinuz-2 -"
    );
}

/// dib's patterns, which fit the end of names as a shell's do.
#[test]
fn patterns_choose_among_kernels() {
    let tree = tree(&[
        "boot/vmlinuz-6.1.0-9-cloud",
        "boot/vmlinuz-6.1.0-40-cloud",
        "boot/vmlinuz-6.12.1-rt",
        "boot/initrd.img-6.1.0-40-cloud",
        "boot/initrd.img-6.12.1-rt",
        "lib/modules/6.1.0-40-cloud/",
    ]);
    let chosen = |kernel: &str, initrd: &str| {
        let patterns = [("DIB_BAREMETAL_KERNEL_PATTERN", kernel), ("DIB_BAREMETAL_INITRD_PATTERN", initrd)];
        let variables = patterns.map(|(name, text)| (name.to_string(), text.to_string())).into();
        let kernel = wanted(&tree, &variables).expect("a kernel");
        format!("{} {} {}", kernel.release, kernel.initrd.is_some(), kernel.has_modules)
    };
    assert_eq!(chosen("vmlinuz-*-cloud", "initrd*-cloud"), "6.1.0-40-cloud true true");
    assert_eq!(chosen("vmlinuz-*-cloud", "no*"), "6.1.0-40-cloud false true");
    // One without the other says nothing.
    assert_eq!(chosen("vmlinuz-*-cloud", ""), "6.12.1-rt true false");
}
