//! Disks with volume groups to try things on.
//!
//! In: sizes and names. Out: specs with fixed identities, and real filesystems in their volumes. Never: a check.

use std::collections::BTreeMap;

use dibber_format::disk::{DiskContent, compose};
use dibber_format::filesystem::{Making, writer};
use dibber_format::lvm::{self, LvmMaking};
use dibber_layout::{Loaders, Measured, solve};
use dibber_model::{
    Bytes, Content, DiskLayout, DiskSpec, Extents, FsKind, Inode, InodeId, Kind, LvKind, LvSize, LvSpec,
    LvmId, Meta, PartContents, PvSpec, Seed, SizeRule, Timestamp, Tree, VgSpec,
};

use crate::disks::{GPT, disk, fs, gpt_part};

/// The time of everything here.
pub const EPOCH: Timestamp = Timestamp::from_secs(1_700_000_000);

fn seed() -> Seed {
    Seed::from_names(["lvm"])
}

fn id(role: &str) -> LvmId {
    LvmId::of(&seed(), role)
}

/// A volume of ext4, mounted on `/NAME`, or on `/` if it is called root.
pub fn volume(name: &str, size: LvSize) -> LvSpec {
    let mount = if name == "root" { "/".to_string() } else { format!("/{name}") };
    let n = name.bytes().fold(0x20u8, u8::wrapping_add);
    let PartContents::Fs(fs) = fs(FsKind::Ext4, &name[..name.len().min(16)], &mount, n) else {
        unreachable!()
    };
    let fs = dibber_model::FsSpec { name: format!("mkfs_{name}"), ..fs };
    LvSpec { name: name.to_string(), id: id(&format!("lv {name}")), kind: LvKind::Linear, size, fs: Some(fs) }
}

/// So many MiB.
pub fn exactly(mib: u64) -> LvSize {
    LvSize::Rule(SizeRule::Exact(Bytes::mib(mib)))
}

/// A GPT disk of so large physical volumes, all in one group.
pub fn grouped(name: &str, pvs: &[SizeRule], size: Option<Bytes>, lvs: Vec<LvSpec>) -> DiskSpec {
    let lvm = uuid::uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928");
    let parts = pvs.iter().enumerate();
    let parts = parts.map(|(n, rule)| gpt_part(&format!("part{n}"), lvm, *rule, PartContents::Pv)).collect();
    let pv = |n| PvSpec { name: format!("pv{n}"), part: format!("part{n}"), id: id(&format!("pv {n}")) };
    let pvs = (0..pvs.len()).map(pv).collect();
    let group = VgSpec { name: name.to_string(), id: id("vg"), extent: VgSpec::EXTENT, pvs, lvs };
    DiskSpec { groups: vec![group], ..disk(GPT, size, parts) }
}

/// What the tree of a volume has in `etc/words`: so much of it that a large one reaches over every boundary.
pub fn words(name: &str, len: usize) -> Vec<u8> {
    (0u64..).flat_map(|n| format!("{name} {n}\n").into_bytes()).take(len).collect()
}

/// A tree of one directory, `etc`, with one file, `words`; in a root, there is an fstab too, if the disk has more.
fn tree(spec: &DiskSpec, name: &str, len: usize) -> Tree {
    let meta = |mode| Meta { mode, mtime: EPOCH, ..Meta::default() };
    let mut tree = Tree::new(meta(0o755));
    let etc = tree.add(InodeId::ROOT, b"etc", Inode { meta: meta(0o755), kind: Kind::Dir(BTreeMap::new()) });
    let file = Inode { meta: meta(0o644), kind: Kind::File(Content::inline(words(name, len))) };
    let etc = etc.expect("a new name");
    tree.add(etc, b"words", file).expect("a new name");
    if name == "root" {
        let fstab = Kind::File(Content::inline(dibber_plan::fstab(spec).into_bytes()));
        tree.add(etc, b"fstab", Inode { meta: meta(0o644), kind: fstab }).expect("a new name");
    }
    tree
}

/// A disk with its volumes filled, each with a file of `len` bytes.
pub fn filled(spec: &DiskSpec, len: usize) -> (DiskLayout, Extents) {
    let seed = seed();
    let making =
        |fs| Making { spec: fs, sector: spec.sector, start: 0, seed, epoch: EPOCH, page: Bytes::kib(4) };
    let mut measured = Measured::default();
    for (holder, fs) in spec.held_filesystems() {
        let size = writer(fs.kind).measure(&tree(spec, holder, len), &making(fs)).expect("a small tree");
        measured.content.insert(holder.to_string(), size);
    }
    let layout = solve(spec, &measured, &Loaders::new()).unwrap_or_else(|error| panic!("{error}"));
    let mut content = DiskContent::default();
    for group in layout.groups() {
        let mut volumes = BTreeMap::new();
        for lv in &group.lvs {
            let Some(fs) = &lv.spec.fs else { continue };
            let bytes = writer(fs.kind).write(&tree(spec, &lv.spec.name, len), &making(fs), group.bytes(lv));
            volumes.insert(lv.spec.name.clone(), bytes.expect("measured"));
        }
        content.parts.extend(lvm::write(group, &volumes, &LvmMaking { seed, epoch: EPOCH }).expect("placed"));
    }
    let image = compose(&layout, content).expect("all that the layout asks for");
    (layout, image)
}
