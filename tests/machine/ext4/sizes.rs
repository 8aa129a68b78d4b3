//! The least size is exact, and every larger one works.

use dibber_format::ext4::{Ext4Error, Ext4Params, measure, write};
use dibber_model::{Bytes, MkfsOptions, Tree};
use dibber_tests::accepts;

use super::compare::equal;
use super::trees::{Sapling, dir, everything, file, noise, on_disk};
use super::{image, params, skeleton, text};

/// Writes at the least size, and is refused one block below it.
fn is_exact(tree: &Tree, params: &Ext4Params) -> u64 {
    let Bytes(least) = measure(tree, params).expect("the tree is sound");
    assert_eq!(least % 4096, 0);
    let dir = tempfile::tempdir().expect("make a directory");
    skeleton(dir.path(), tree, params, least);
    for has in [least - 1, least - 4096, least / 2, 0] {
        let refused = write(tree, params, has).expect_err("too small");
        assert_eq!(refused, Ext4Error::NoRoom { needs: least, has: has / 4096 * 4096 });
    }
    least
}

#[test]
fn the_least_size_is_exact() {
    let empty = is_exact(&Sapling::new().0, &params());
    assert!(empty < 5 << 20, "{empty}: little more than the journal of 4 MiB");
    is_exact(&everything(), &params());
    for mib in [100, 120, 122, 124, 126, 250, 260, 1000, 2100] {
        let mut tree = Sapling::new();
        tree.add("data", on_disk(4 << 30, &[0..1, 1 << 20..mib << 20]));
        let least = is_exact(&tree.0, &params());
        assert!(least > (mib - 1) << 20);
    }
}

#[test]
fn the_least_image_holds_the_tree() {
    let tree = everything();
    let Bytes(least) = measure(&tree, &params()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree, &[]), &params(), least);
    equal(&path, (&tree, &[]), &params());
}

#[test]
fn every_size_above_the_least_works() {
    let mut tree = Sapling::new();
    tree.add("file", file(noise(100_000, 1)));
    let Bytes(least) = measure(&tree.0, &params()).unwrap();
    let group = 128 << 20;
    let mut sizes: Vec<u64> = (0..20).map(|n| least + n * 4096).collect();
    for groups in [1, 2, 3, 4, 9, 15, 16, 17, 27, 32, 64, 65] {
        let at = groups * group;
        sizes.extend([at - 4096, at, at + 1, at + 4096, at + (1 << 20), at + (5 << 20), at + (70 << 20)]);
    }
    let dir = tempfile::tempdir().unwrap();
    for size in sizes {
        image(dir.path(), (&tree.0, &[]), &params(), size);
    }
}

#[test]
fn terabytes_cost_nothing() {
    let mut tree = Sapling::new();
    tree.add("file", file(noise(100_000, 1)));
    let dir = tempfile::tempdir().unwrap();
    let extents = write(&tree.0, &params(), 1 << 40).unwrap();
    assert!(extents.covered() < 40 << 20, "{} bytes of metadata", extents.covered());
    image(dir.path(), (&tree.0, &[]), &params(), 1 << 40);
    let too_large = write(&tree.0, &params(), (16 << 40) + 4096).unwrap_err();
    assert!(matches!(too_large, Ext4Error::TooLarge { .. }), "{too_large}");
}

#[test]
fn options_are_kept() {
    let options = MkfsOptions {
        inode_ratio: Some(4096),
        journal: Some(Bytes::mib(8)),
        reserved_percent: Some(1),
        grow_to: Some(Bytes::gib(64)),
        ..MkfsOptions::default()
    };
    let params = Ext4Params { options, ..params() };
    is_exact(&everything(), &params);
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&everything(), &[]), &params, 256 << 20);
    let said = accepts("dumpe2fs", &["-h", text(&path)]);
    let has = |line: &str| {
        let squeezed: Vec<String> =
            said.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(squeezed.iter().any(|l| l == line), "{line}: {said}");
    };
    has("Inode count: 65536");
    has("Total journal blocks: 2048");
    has("Reserved block count: 655");
    // 64 GiB are 512 groups, whose descriptors take 8 blocks; one is in use.
    has("Reserved GDT blocks: 7");
}

#[test]
fn more_inodes_than_the_ratio_gives() {
    let mut tree = Sapling::new();
    for n in 0..300 {
        let sub = tree.add(format!("d{n}"), dir());
        for m in 0..120 {
            tree.under(sub, format!("f{m}"), file(""));
        }
    }
    // 36,300 inodes are more than one group's bitmap has bits.
    let least = is_exact(&tree.0, &params());
    assert!(least > 128 << 20 && least < 140 << 20, "{least}");
    let coarse = MkfsOptions { inode_ratio: Some(1 << 20), ..MkfsOptions::default() };
    is_exact(&tree.0, &Ext4Params { options: coarse, ..params() });
}
