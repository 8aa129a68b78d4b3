//! Volume groups: how large their physical volumes must be, and which extents each logical volume has.
//!
//! In: a group, what its content needs, and its partitions where they are placed. Out: sizes for partitions that take them from
//! the group, then extents. Never: a partition's place.
//!
//! The rules, where lvm2 leaves a choice:
//!
//! - Extents are of 4 MiB, and the first begins 1 MiB into its partition, as pvcreate aligns it.
//! - A given size is rounded up to extents, so nobody gets less than was asked for; shares are rounded down, so that they always fit.
//! - Volumes take extents in the order in which they are listed, and physical volumes are filled in theirs.
//! - Where no partition has a given size, the group is as large as its volumes want, and so that shares of it hold.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use dibber_model::{
    Bytes, LvKind, LvSegment, LvSize, LvSpec, PartContents, PartKind, PartSpec, Placed, PlacedLv, PlacedPv,
    PlacedVg, SizeRule, VgSpec,
};

use crate::LayoutError;
use crate::pool;
use crate::want::Needs;

/// Where the first extent begins, from the start of its partition (`default_data_alignment` of lvm.conf(5)).
const FIRST: u64 = 1 << 20;

/// A group whose extents are counted.
struct Group<'a> {
    spec: &'a VgSpec,
    /// The disk's needs, by extents of this group.
    needs: Needs<'a>,
    /// Partitions that are as large as the group wants.
    open: Vec<&'a PartSpec>,
    /// Whether some size of the disk's or of a partition's decides how many extents there are.
    sized: bool,
}

impl<'a> Group<'a> {
    fn new(needs: &Needs<'a>, spec: &'a VgSpec) -> Group<'a> {
        let disk = needs.spec;
        let parts = spec.pvs.iter().filter_map(|pv| disk.parts.iter().find(|part| part.name == pv.part));
        let (mut open, mut shared) = (Vec::new(), false);
        for part in parts {
            match part.size {
                SizeRule::Exact(_) => {}
                SizeRule::Free { .. } if disk.size.is_some() => shared = true,
                _ => open.push(part),
            }
        }
        let sized = shared || open.is_empty();
        Group { spec, needs: Needs { unit: spec.extent.0, ..*needs }, open, sized }
    }

    /// What the rules for partitions say of a volume.
    fn as_part(&self, lv: &LvSpec) -> PartSpec {
        let size = match lv.size {
            LvSize::Rule(rule) => rule,
            LvSize::Extents(_) | LvSize::Group { .. } => SizeRule::Content { min: None, max: None },
        };
        let contents = lv.fs.clone().map_or(PartContents::Nothing, PartContents::Fs);
        PartSpec { name: lv.name.clone(), number: None, kind: PartKind::Bare, size, contents }
    }

    /// Extents that a volume has. `free` is what is left of a group of known size.
    fn count(&self, lv: &LvSpec, total: u64, free: Option<u64>) -> Result<u64, LayoutError> {
        let part = self.as_part(lv);
        let extent = self.spec.extent.0;
        let given = |count: u64| {
            let bytes = count.checked_mul(extent).ok_or_else(|| self.needs.too_large())?;
            self.needs.check(&part, bytes, "its extents")?;
            Ok(count)
        };
        match lv.size {
            LvSize::Extents(count) => given(count),
            LvSize::Group { share } => given(share_of(total, share)),
            LvSize::Rule(SizeRule::Content { .. }) if lv.kind == LvKind::Pool => self.thin_volumes(lv),
            LvSize::Rule(_) => {
                let free = free.filter(|_| self.sized).map(|free| free.saturating_mul(extent));
                Ok(self.needs.len(&part, free)? / extent)
            }
        }
    }

    /// Extents that the volumes of a pool pretend to have: as many as its content may need.
    fn thin_volumes(&self, pool: &LvSpec) -> Result<u64, LayoutError> {
        let of_pool = |lv: &&LvSpec| matches!(&lv.kind, LvKind::Thin { pool: its } if *its == pool.name);
        let counts = self.spec.lvs.iter().filter(of_pool).map(|lv| self.count(lv, 0, None));
        counts.sum::<Result<u64, _>>().map(|count| count.max(1))
    }

    /// Extents that a volume takes from the group when it has `count`.
    fn taken(&self, lv: &LvSpec, count: u64) -> u64 {
        match lv.kind {
            LvKind::Linear => count,
            LvKind::Pool => count.saturating_add(pool::metadata_extents(self.spec.extent, count)),
            LvKind::Thin { .. } => 0,
        }
    }

    /// Extents that all volumes want together, in a group that is as large as that.
    fn wanted(&self) -> Result<u64, LayoutError> {
        let (mut fixed, mut least, mut shares, mut spare) = (0u64, 0u64, 0u64, 0u64);
        for lv in &self.spec.lvs {
            if let LvSize::Group { share } = lv.size {
                // So large that a share of it holds the content.
                let needed =
                    self.needs.roomy_or_nothing(&self.as_part(lv))?.div_ceil(self.spec.extent.0).max(1);
                least = least.max(needed.saturating_mul(ALL).div_ceil(u64::from(share.max(1))));
                shares += u64::from(share);
                continue;
            }
            let count = self.count(lv, 0, None)?;
            fixed = fixed.saturating_add(self.taken(lv, count));
            if lv.kind == LvKind::Pool {
                spare = spare.max(pool::metadata_extents(self.spec.extent, count));
            }
        }
        fixed = fixed.saturating_add(spare);
        if fixed > 0 && shares < ALL {
            least = least.max(fixed.saturating_mul(ALL).div_ceil(ALL - shares));
        }
        Ok(least.max(fixed).max(1))
    }
}

/// Hundredths of a percent in all.
const ALL: u64 = 10_000;

fn share_of(total: u64, share: u32) -> u64 {
    let count = u128::from(total) * u128::from(share) / u128::from(ALL);
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Bytes that partitions need for the groups on them, by the partition's name; none for one that has a size of its own.
pub(crate) fn part_needs(needs: &Needs<'_>) -> Result<BTreeMap<String, u64>, LayoutError> {
    let mut found = BTreeMap::new();
    for spec in &needs.spec.groups {
        let group = Group::new(needs, spec);
        if group.open.is_empty() {
            continue;
        }
        let wanted = if group.sized { 0 } else { group.wanted()? };
        let mut given = 0;
        for pv in &spec.pvs {
            let part = needs.spec.parts.iter().find(|part| part.name == pv.part);
            if let Some(SizeRule::Exact(size)) = part.map(|part| part.size) {
                given += needs.up(size.0)?.saturating_sub(FIRST) / spec.extent.0;
            }
        }
        // The first takes what the others leave wanted. One without an extent would be no physical volume.
        let others = group.open.len() as u64 - 1;
        let first = wanted.saturating_sub(given).saturating_sub(others).max(1);
        for (index, part) in group.open.iter().enumerate() {
            let count = if index == 0 { first } else { 1 };
            let bytes = count.checked_mul(spec.extent.0).and_then(|bytes| bytes.checked_add(FIRST));
            found.insert(part.name.clone(), bytes.ok_or_else(|| needs.too_large())?);
        }
    }
    Ok(found)
}

/// Gives every logical volume its extents.
pub(crate) fn place(needs: &Needs<'_>, parts: &[Placed]) -> Result<Vec<PlacedVg>, LayoutError> {
    needs.spec.groups.iter().map(|spec| place_group(&Group::new(needs, spec), parts)).collect()
}

fn place_group(group: &Group<'_>, parts: &[Placed]) -> Result<PlacedVg, LayoutError> {
    let Group { spec, .. } = group;
    let pvs = spec.pvs.iter().map(|pv| {
        let part =
            parts.iter().find(|part| part.spec.name == pv.part && part.spec.contents == PartContents::Pv);
        let part =
            part.ok_or_else(|| LayoutError::NoPv { group: spec.name.clone(), part: pv.part.clone() })?;
        match part.len.saturating_sub(FIRST) / spec.extent.0 {
            0 => Err(LayoutError::SmallPv {
                pv: pv.name.clone(),
                part: pv.part.clone(),
                available: Bytes(part.len),
                wanted: Bytes(FIRST + spec.extent.0),
            }),
            count => Ok(PlacedPv { spec: pv.clone(), start: part.start, len: part.len, first: FIRST, count }),
        }
    });
    let pvs = pvs.collect::<Result<Vec<_>, _>>()?;
    let total = pvs.iter().map(|pv| pv.count).sum();
    let mut free = FreeExtents { spec, total, runs: pvs.iter().map(|pv| pv.count).collect(), pv: 0, at: 0 };
    let (mut lvs, mut spare) = (Vec::new(), 0);
    for lv in &spec.lvs {
        let count = group.count(lv, total, Some(free.left()))?;
        let (segments, metadata) = match lv.kind {
            LvKind::Thin { .. } => (Vec::new(), Vec::new()),
            LvKind::Linear => (free.take(&lv.name, count)?, Vec::new()),
            LvKind::Pool => {
                let metadata = pool::metadata_extents(spec.extent, count);
                spare = metadata.max(spare);
                (free.take(&lv.name, count)?, free.take(&lv.name, metadata)?)
            }
        };
        lvs.push(PlacedLv { spec: lv.clone(), count, segments, metadata });
    }
    let spare = if spare > 0 { free.take(pool::SPARE, spare)? } else { Vec::new() };
    Ok(PlacedVg { spec: (*spec).clone(), pvs, lvs, spare })
}

/// Extents that nobody has yet.
struct FreeExtents<'a> {
    spec: &'a VgSpec,
    total: u64,
    /// Extents of each physical volume.
    runs: Vec<u64>,
    /// The physical volume that is filled, and its first free extent.
    pv: usize,
    at: u64,
}

impl FreeExtents<'_> {
    fn left(&self) -> u64 {
        self.runs[self.pv.min(self.runs.len())..].iter().sum::<u64>() - self.at
    }

    fn take(&mut self, volume: &str, count: u64) -> Result<Vec<LvSegment>, LayoutError> {
        let left = self.left();
        if count > left || count == 0 {
            let bytes = |count: u64| Bytes(count.saturating_mul(self.spec.extent.0));
            return Err(LayoutError::GroupFull {
                group: self.spec.name.clone(),
                volume: volume.into(),
                wanted: count.max(1),
                wanted_bytes: bytes(count.max(1)),
                available: left,
                available_bytes: bytes(left),
                total: self.total,
            });
        }
        let (mut missing, mut segments) = (count, Vec::new());
        while missing > 0 {
            let run = self.runs[self.pv] - self.at;
            let taken = run.min(missing);
            if taken > 0 {
                segments.push(LvSegment { pv: self.pv, start: self.at, count: taken });
            }
            missing -= taken;
            self.at += taken;
            if self.at == self.runs[self.pv] && self.pv + 1 < self.runs.len() {
                (self.pv, self.at) = (self.pv + 1, 0);
            }
        }
        Ok(segments)
    }
}
