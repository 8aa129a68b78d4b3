//! x
use dibber_format::ext4::{Ext4Params, measure, write};
use dibber_model::*;
use dibber_tests::*;
use std::collections::BTreeMap;

fn params() -> Ext4Params {
    Ext4Params {
        label: "root".into(),
        uuid: Seed::from_names(["a"]).uuid("fs", 0),
        hash_seed: Seed::from_names(["a"]).uuid("hash", 0),
        epoch: Timestamp { secs: 1_700_000_000, nanos: 5 },
        options: MkfsOptions::default(),
        mount_point: "/".into(),
    }
}

#[test]
fn quick() {
    let mut tree = Tree::new(Meta { mode: 0o755, ..Meta::default() });
    let d = tree
        .add(
            InodeId::ROOT,
            b"d",
            Inode { meta: Meta { mode: 0o700, ..Meta::default() }, kind: Kind::Dir(BTreeMap::new()) },
        )
        .unwrap();
    for n in 0..3000 {
        tree.add(
            d,
            format!("file-with-a-long-name-{n}").as_bytes(),
            Inode {
                meta: Meta { mode: 0o644, ..Meta::default() },
                kind: Kind::File(Content::inline(vec![n as u8; n])),
            },
        )
        .unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let min = measure(&tree, &params()).unwrap();
    for len in [min.0, 64 << 20, 1 << 30, 5 << 30] {
        let extents = write(&tree, &params(), len).unwrap();
        let image = dir.path().join("i");
        write_image(&extents, &[], &image);
        println!("{min} {len} {}", accepts("e2fsck", &["-fn", image.to_str().unwrap()]));
        println!("{}", accepts("dumpe2fs", &["-h", image.to_str().unwrap()]));
    }
}
