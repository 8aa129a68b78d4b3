//! Trees that nobody thought of.

use dibber_format::ext4::{Ext4Params, measure};
use dibber_model::{
    Bytes, Content, Inode, InodeId, Kind, Meta, MkfsOptions, Rdev, Source, Timestamp, Tree, Xattr,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::compare::equal;
use super::trees::noise;
use super::{image, params};

/// A name, and what it stands for.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Add { parent: Index, name: Vec<u8>, inode: Inode },
    Link { parent: Index, name: Vec<u8>, to: Index },
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no slash, no NUL", |byte| !matches!(byte, b'/' | 0));
    let name = prop_oneof![
        3 => vec(b'a'..=b'z', 1..12),
        1 => vec(byte.clone(), 1..40),
        1 => vec(byte, 200..256),
    ];
    name.prop_filter("a name", |name| !matches!(&name[..], b"." | b".."))
}

fn attributes() -> impl Strategy<Value = Vec<Xattr>> {
    let name =
        prop_oneof!["user\\.[a-z]{1,30}", "trusted\\.[a-z]{1,30}", Just("security.selinux".to_owned())];
    let size = prop_oneof![4 => 0..60usize, 1 => 60..900usize];
    prop_oneof![
        3 => Just(Vec::new()),
        1 => btree_map(name, size, 0..4).prop_map(|map| {
            map.into_iter()
                .map(|(name, size)| Xattr { name: name.into_bytes().into(), value: noise(size, 7).into() })
                .collect()
        }),
    ]
}

pub(crate) fn metadata() -> impl Strategy<Value = Meta> {
    // e2fsck doubts the years between; `times_that_e2fsck_doubts` has them.
    let secs = prop_oneof![-(1i64 << 31)..(3 << 32) - (1 << 31), 3i64 << 32..(1 << 34) - (1 << 31)];
    (0..0o10000u16, any::<u32>(), any::<u32>(), secs, 0..1_000_000_000u32, attributes()).prop_map(
        |(mode, uid, gid, secs, nanos, xattrs)| {
            // The kernel takes the id of all ones for none.
            let id = |id: u32| id.min(u32::MAX - 1);
            Meta { mode, uid: id(uid), gid: id(gid), mtime: Timestamp { secs, nanos }, xattrs }
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let step = prop_oneof![1..50u64, 1000..30_000u64];
    (vec((step.clone(), step), 0..8), any::<bool>(), 0..20_000u64).prop_map(|(steps, from_start, after)| {
        let (mut data, mut at) = (Vec::new(), 0);
        for (n, (gap, len)) in steps.into_iter().enumerate() {
            let start = if n == 0 && from_start { 0 } else { at + gap };
            at = start + len;
            data.push(start..at);
        }
        Content { len: at + after, data, source: Source::Inline(noise(at as usize, 8).into()) }
    })
}

fn kinds() -> impl Strategy<Value = Kind> {
    let rdev = (0..4096u32, 0..1u32 << 20).prop_map(|(major, minor)| Rdev { major, minor });
    prop_oneof![
        4 => Just(Kind::Dir(Default::default())),
        6 => content().prop_map(Kind::File),
        2 => vec(b'a'..=b'z', 1..120).prop_map(|target| Kind::Symlink(target.into())),
        1 => rdev.clone().prop_map(Kind::CharDev),
        1 => rdev.prop_map(Kind::BlockDev),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Step> {
    let place = || (any::<Index>(), names());
    prop_oneof![
        6 => (place(), metadata(), kinds()).prop_map(|((parent, name), mut meta, kind)| {
            if !matches!(kind, Kind::Dir(_) | Kind::File(_)) {
                // The VFS keeps user attributes from anything else.
                meta.xattrs.retain(|xattr| !xattr.name.starts_with(b"user."));
            }
            Step::Add { parent, name, inode: Inode { meta, kind } }
        }),
        1 => (place(), any::<Index>()).prop_map(|((parent, name), to)| Step::Link { parent, name, to }),
    ]
}

/// Steps that do not apply (a name that exists, a second name for a directory) are left out.
pub(crate) fn grow(root: Meta, steps: Vec<Step>) -> Tree {
    let mut tree = Tree::new(root);
    let (mut dirs, mut others) = (vec![InodeId::ROOT], Vec::new());
    for step in steps {
        match step {
            Step::Add { parent, name, inode } => {
                let is_dir = matches!(inode.kind, Kind::Dir(_));
                if let Ok(id) = tree.add(*parent.get(&dirs), &name, inode) {
                    if is_dir { dirs.push(id) } else { others.push(id) }
                }
            }
            Step::Link { parent, name, to } if !others.is_empty() => {
                let _ = tree.link(*parent.get(&dirs), &name, *to.get(&others));
            }
            Step::Link { .. } => {}
        }
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_what_the_kernel_sees(
        root in metadata(),
        steps in vec(steps(), 0..150),
        more in prop_oneof![Just(0u64), 0..64u64 << 20, 0..2u64 << 30],
        inode_ratio in prop_oneof![Just(None), (4096..1u32 << 20).prop_map(Some)],
    ) {
        let tree = grow(root, steps);
        let params = Ext4Params { options: MkfsOptions { inode_ratio, ..MkfsOptions::default() }, ..params() };
        let Bytes(least) = measure(&tree, &params).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = image(dir.path(), (&tree, &[]), &params, least + more);
        equal(&path, (&tree, &[]), &params);
    }
}
