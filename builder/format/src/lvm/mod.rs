//! LVM: physical volumes as lvm2 leaves them, without a device mapper.
//!
//! A linear volume is a range of bytes, or several, behind the head of a physical volume; so the writers of filesystems need not know of it.
//! The head is a label, an area for metadata with its first text in it, and room for the texts that lvm2 will write behind that.
//!
//! In: a placed group and the bytes of its volumes. Out: the bytes of each of its partitions. Never: a device, or a look at the
//! groups of the machine that builds.
//!
//! After lvm2's `lib/label/label.c`, `lib/format_text/layout.h` and `lib/format_text/export.c`.

mod crc;
mod head;
mod text;
mod thin;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use dibber_model::{Extents, LvKind, LvSegment, PlacedLv, PlacedVg, Seed, Timestamp};

pub use head::METADATA_BYTES;

/// What a group is made with, besides its volumes.
#[derive(Clone, Copy, Debug)]
pub struct LvmMaking {
    /// Where identities come from.
    pub seed: Seed,
    /// The time that stands in for now.
    pub epoch: Timestamp,
}

/// Why a group cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LvmError {
    /// More than half of the ring in which lvm2 writes the next text behind the last.
    #[error(
        "volume group `{group}`: its metadata has {wanted} bytes, and lvm2 could change it within {available} only; give it fewer volumes"
    )]
    LongText {
        /// The group.
        group: String,
        /// Length of the text.
        wanted: u64,
        /// What two texts of have room beside each other.
        available: u64,
    },
    /// A pool whose volumes hold more than it does.
    #[error(
        "volume group `{group}`: the volumes of thin pool `{pool}` need {wanted} bytes of {what}, and it has {available}; make it larger"
    )]
    PoolFull {
        /// The group.
        group: String,
        /// The pool.
        pool: String,
        /// `data` or `metadata`.
        what: &'static str,
        /// What they need.
        wanted: u64,
        /// What there is.
        available: u64,
    },
    /// Content longer than its volume.
    #[error(
        "volume group `{group}`: the content of `{volume}` has {wanted} bytes, and the volume {available}"
    )]
    TooLong {
        /// The group.
        group: String,
        /// The volume.
        volume: String,
        /// Length of the content.
        wanted: u64,
        /// Length of the volume.
        available: u64,
    },
}

/// The bytes of a group's partitions, by their names. `volumes` are what its logical volumes hold, by theirs; one that holds nothing
/// may be left out.
///
/// # Errors
/// Metadata or content that does not fit.
pub fn write(
    group: &PlacedVg,
    volumes: &BTreeMap<String, Extents>,
    making: &LvmMaking,
) -> Result<BTreeMap<String, Extents>, LvmError> {
    let text = text::text(group, making);
    let mut parts: Vec<Vec<(u64, Extents)>> = Vec::new();
    for pv in &group.pvs {
        parts.push(head::head(group, pv, &text)?);
    }
    for lv in &group.lvs {
        let content = volumes.get(&lv.spec.name);
        let (available, wanted) = (group.bytes(lv), content.map_or(0, Extents::len));
        if wanted > available {
            let (group, volume) = (group.spec.name.clone(), lv.spec.name.clone());
            return Err(LvmError::TooLong { group, volume, wanted, available });
        }
        match (&lv.spec.kind, content) {
            (LvKind::Linear, Some(content)) => lay(group, &lv.segments, content, &mut parts),
            (LvKind::Pool, _) => {
                let thin: Vec<_> = thin_volumes(group, &lv.spec.name)
                    .map(|lv| thin::ThinVolume { content: volumes.get(&lv.spec.name) })
                    .collect();
                let metadata =
                    lv.metadata.iter().map(|segment| segment.count).sum::<u64>() * group.spec.extent.0;
                let pool = thin::pool(group, lv, &thin, metadata)?;
                lay(group, &lv.segments, &pool.data, &mut parts);
                lay(group, &lv.metadata, &pool.metadata, &mut parts);
            }
            // A thin volume is laid with its pool.
            (LvKind::Thin { .. }, _) | (LvKind::Linear, None) => {}
        }
    }
    let whole = group.pvs.iter().zip(parts).map(|(pv, parts)| {
        let part = Extents::compose(pv.len, parts);
        (
            pv.spec.part.clone(),
            part.expect("a placed group has disjoint volumes behind the heads of its partitions"),
        )
    });
    Ok(whole.collect())
}

/// The volumes of a thin pool, in the order of their device ids, which begin with 1.
fn thin_volumes<'a>(group: &'a PlacedVg, pool: &'a str) -> impl Iterator<Item = &'a PlacedLv> {
    group.lvs.iter().filter(move |lv| matches!(&lv.spec.kind, LvKind::Thin { pool: its } if its == pool))
}

/// Lays bytes onto runs of extents, one after the other.
fn lay(group: &PlacedVg, segments: &[LvSegment], content: &Extents, parts: &mut [Vec<(u64, Extents)>]) {
    let extent = group.spec.extent.0;
    let mut at = 0;
    for segment in segments {
        let place = group.pvs[segment.pv].first + segment.start * extent;
        let end = at + segment.count * extent;
        parts[segment.pv].push((place, content.cut(at..end)));
        at = end;
    }
}
