//! The least size is exact, and every larger one works.

use dibber_format::xfs::{XfsError, XfsParams, measure, write};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Bytes, Tree};

use crate::ext4::trees::{Sapling, dir, file, noise, on_disk};

use super::{LEAST, equal, everything, image, params, skeleton};

/// Writes at the least size, and is refused below it.
fn is_exact(tree: &Tree, params: &XfsParams) -> u64 {
    let Bytes(least) = measure(tree, params).expect("the tree is sound");
    assert_eq!(least % 4096, 0);
    let dir = tempfile::tempdir().expect("make a directory");
    skeleton(dir.path(), tree, params, least);
    for has in [least - 1, least - 4096, least / 2, 0] {
        // Not the extents themselves, which would be printed.
        let refused = write(tree, params, has).map(|extents| extents.len()).expect_err("too small");
        let (needs, has) = (least, has / 4096 * 4096);
        let expected = match least {
            LEAST => XfsError::TooSmall { min: needs, has },
            _ => XfsError::NoRoom { needs, has },
        };
        assert_eq!(refused, expected);
    }
    least
}

#[test]
fn the_least_size_of_xfs_is_exact() {
    assert_eq!(is_exact(&Sapling::new().0, &params()), LEAST);
    assert_eq!(is_exact(&everything(), &params()), LEAST);
    let rmapbt = XfsOptions { rmapbt: Some(true), ..XfsOptions::default() };
    // Around what groups of the least size hold, and beyond.
    for mib in [60, 200, 225, 240, 500, 1000, 5000] {
        let mut tree = Sapling::new();
        tree.add("data", on_disk(20 << 30, &[0..1, 1 << 20..mib << 20]));
        for options in [XfsOptions::default(), rmapbt.clone()] {
            let least = is_exact(&tree.0, &XfsParams { options, ..params() });
            assert!(least > (mib - 1) << 20, "{least}");
            // Log, headers, what the kernel keeps, and no more: 72 MiB and two per cent.
            assert!(least <= LEAST.max((mib << 20) * 102 / 100 + (72 << 20)), "{least} for {mib} MiB");
        }
    }
}

#[test]
fn the_least_xfs_of_much_holds_it() {
    let mut tree = Sapling(everything());
    for n in 0..200 {
        tree.add(format!("megabyte-{n}"), file(noise(2 << 20, n)));
    }
    let Bytes(least) = measure(&tree.0, &params()).unwrap();
    assert!(least > LEAST);
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree.0, &[]), &params(), least);
    equal(&path, (&tree.0, &[]), &params());
}

#[test]
fn every_size_of_xfs_above_the_least_works() {
    let mut tree = Sapling::new();
    tree.add("file", file(noise(100_000, 1)));
    let mut sizes: Vec<u64> = (0..9).map(|n| LEAST + n * 4096).collect();
    for mib in [301, 512, 1024, 4096, 16 << 10, 128 << 10, 200 << 10, 1 << 20] {
        let at = mib << 20;
        sizes.extend([at - 4096, at, at + 1, at + 4096 * 3]);
    }
    // Groups of a terabyte: the last one is short, or too short to be one.
    sizes.extend([4 << 40, (4 << 40) + (10 << 20), (4 << 40) + (40 << 20)]);
    let dir = tempfile::tempdir().unwrap();
    for size in sizes {
        skeleton(dir.path(), &tree.0, &params(), size);
    }
    let too_large = write(&tree.0, &params(), (16 << 40) + 4096).unwrap_err();
    assert!(matches!(too_large, XfsError::TooLarge { .. }), "{too_large}");
}

#[test]
fn inodes_fill_more_than_a_group() {
    let mut tree = Sapling::new();
    for n in 0..1600 {
        let sub = tree.add(format!("d{n}"), dir());
        for m in 0..120 {
            tree.under(sub, format!("f{m}"), file(""));
        }
    }
    // 193,600 inodes of 512 bytes are 95 MiB, and a group of the least xfs has 75.
    assert_eq!(is_exact(&tree.0, &params()), LEAST);
    let rmapbt = XfsOptions { rmapbt: Some(true), inode_size: Some(2048), ..XfsOptions::default() };
    is_exact(&tree.0, &XfsParams { options: rmapbt, ..params() });
}
