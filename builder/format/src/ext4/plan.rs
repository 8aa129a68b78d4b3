//! The whole filesystem, decided: the one plan that measuring and writing share.
//!
//! In: a surveyed tree, options, and maybe a size. Out: geometry, placement and size. Never: a byte of the filesystem.

use super::GROUP_BLOCKS;
use super::geometry::{Geometry, GeometryNeeds};
use super::options::Options;
use super::place::Placement;
use super::survey::Survey;
use super::{BLOCK, Ext4Error};

/// Most groups: 16 TiB, since the resize inode's pointers are 32 bits wide.
const GROUPS_MAX: u32 = 1 << 17;
/// The same in bytes.
const BYTES_MAX: u64 = GROUPS_MAX as u64 * GROUP_BLOCKS * BLOCK;

/// A filesystem of a certain size.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) geometry: Geometry,
    pub(super) placement: Placement,
    /// Its size in blocks.
    pub(super) blocks: u64,
    pub(super) options: Options,
}

/// Plans filesystems for one tree.
#[derive(Clone, Copy)]
pub(super) struct Planner<'s, 't> {
    pub(super) survey: &'s Survey<'t>,
    pub(super) options: Options,
}

impl Planner<'_, '_> {
    /// The smallest filesystem that holds the tree.
    ///
    /// Free blocks are used from the lowest up, and nothing but the number of groups decides where fixed structures
    /// are. So for each number of groups the end of the last structure is the least size, and the first number of
    /// groups whose blocks reach that far is the answer.
    pub(super) fn smallest(self) -> Result<Plan, Ext4Error> {
        if let Some(plan) = self.smallest_of_one_group() {
            return Ok(plan);
        }
        let (mut groups, mut needs) = (2, 0);
        while groups <= GROUPS_MAX {
            match self.laid_out(groups, GROUP_BLOCKS) {
                Some(plan) if plan.blocks <= Geometry::start(groups) => return Ok(plan),
                // More groups have more structures, so fewer than the tree reaches now will not do. One less is tried
                // all the same: other gaps between structures may spare a file a block of its extent tree.
                Some(plan) => {
                    needs = plan.blocks;
                    let reached = u32::try_from(needs.div_ceil(GROUP_BLOCKS)).unwrap_or(u32::MAX);
                    groups = (reached - 1).max(groups + 1);
                }
                None => groups += 1,
            }
        }
        Err(Ext4Error::TooLarge { has: needs.saturating_mul(BLOCK), max: BYTES_MAX })
    }

    /// A filesystem of so many blocks, or of the most of them that can be used.
    pub(super) fn of(self, blocks: u64) -> Result<Plan, Ext4Error> {
        let max = BYTES_MAX / BLOCK;
        if blocks > max {
            return Err(Ext4Error::TooLarge { has: blocks.saturating_mul(BLOCK), max: BYTES_MAX });
        }
        // A last group too short for its own structures, or for what they take from the tree, is left out, as mke2fs
        // does.
        let whole = blocks / GROUP_BLOCKS * GROUP_BLOCKS;
        for size in [blocks, whole] {
            if let Some(plan) = self.exactly(size) {
                return Ok(plan);
            }
        }
        let smallest = self.smallest()?;
        if smallest.blocks <= blocks {
            return Ok(smallest);
        }
        Err(Ext4Error::NoRoom { needs: smallest.blocks * BLOCK, has: blocks.saturating_mul(BLOCK) })
    }

    fn exactly(self, blocks: u64) -> Option<Plan> {
        let groups = u32::try_from(blocks.div_ceil(GROUP_BLOCKS)).ok().filter(|groups| *groups > 0)?;
        let plan = self.laid_out(groups, blocks)?;
        (plan.blocks <= blocks).then_some(Plan { blocks, ..plan })
    }

    /// With one group the inodes depend on the size: from the least size upwards, each step is needed by the one
    /// before, so the first size that suffices for its own inodes is the least.
    fn smallest_of_one_group(self) -> Option<Plan> {
        let mut blocks = 1;
        while blocks <= GROUP_BLOCKS {
            let plan = self.laid_out(1, blocks)?;
            if plan.blocks <= blocks {
                return Some(Plan { blocks, ..plan });
            }
            blocks = plan.blocks;
        }
        None
    }

    /// Everything placed, in so many groups, as if the last had no end; `blocks` of the plan is where it must not end
    /// before.
    fn laid_out(self, groups: u32, blocks: u64) -> Option<Plan> {
        let needs = GeometryNeeds { last_ino: self.survey.last_ino, blocks, options: self.options };
        let geometry = Geometry::new(groups, needs)?;
        let placement = Placement::new(self.survey, &geometry);
        let into_last_group = Geometry::start(groups - 1) + 1;
        let blocks = placement.end.max(geometry.fixed_end()).max(into_last_group);
        Some(Plan { geometry, placement, blocks, options: self.options })
    }
}
