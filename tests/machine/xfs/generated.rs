//! Trees that nobody thought of.

use dibber_format::xfs::{XfsParams, measure};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Bytes, InodeId, Kind, SectorSize, Tree, Xattr};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::ext4::generated::{grow, metadata, steps};
use crate::ext4::trees::noise;

use super::{equal, image, params};

fn options() -> impl Strategy<Value = XfsOptions> {
    let maybe = || prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let inode_size = prop_oneof![3 => Just(None), 1 => Just(Some(1024)), 1 => Just(Some(2048))];
    (inode_size, maybe(), maybe(), maybe(), maybe(), maybe()).prop_map(
        |(inode_size, sparse_inodes, large_extent_counts, finobt, reflink, rmapbt)| XfsOptions {
            inode_size,
            sparse_inodes,
            large_extent_counts,
            finobt,
            reflink,
            rmapbt,
            ..XfsOptions::default()
        },
    )
}

/// Attributes in number and of length, for one inode.
fn attributes() -> impl Strategy<Value = (Index, usize, Vec<usize>)> {
    let size = prop_oneof![4 => 0..300usize, 2 => 300..5000usize, 1 => 5000..65_537usize];
    (any::<Index>(), 1..60usize, vec(size, 1..5))
}

/// Gives attributes to inodes of a tree, and every device a number that xfs has.
fn adorn(tree: &mut Tree, attributes: &[(Index, usize, Vec<usize>)]) {
    for (index, count, sizes) in attributes {
        let id = InodeId(index.index(tree.inode_count()) as u32);
        let sizes = sizes.iter().cycle();
        let xattrs = &mut tree.inode_mut(id).meta.xattrs;
        for (n, size) in (0..*count).zip(sizes) {
            let name = format!("trusted.More{}{n}", "-".repeat(n * 7 % 100));
            xattrs.push(Xattr { name: name.into_bytes().into(), value: noise(*size, n as u32).into() });
        }
        xattrs.sort();
        xattrs.dedup_by(|a, b| a.name == b.name);
    }
    for n in 0..tree.inode_count() as u32 {
        if let Kind::BlockDev(rdev) | Kind::CharDev(rdev) = &mut tree.inode_mut(InodeId(n)).kind {
            (rdev.major, rdev.minor) = (rdev.major % (1 << 9), rdev.minor % (1 << 18));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_what_the_kernel_sees_in_xfs(
        root in metadata(),
        steps in vec(steps(), 0..150),
        attributes in vec(attributes(), 0..6),
        more in prop_oneof![Just(0u64), 0..64u64 << 20, 0..20u64 << 30],
        options in options(),
        large_sectors in any::<bool>(),
    ) {
        let mut tree = grow(root, steps);
        adorn(&mut tree, &attributes);
        let sector = if large_sectors { SectorSize::B4096 } else { SectorSize::B512 };
        let params = XfsParams { options, sector, ..params() };
        let Bytes(least) = measure(&tree, &params).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = image(dir.path(), (&tree, &[]), &params, least + more);
        equal(&path, (&tree, &[]), &params);
    }
}
