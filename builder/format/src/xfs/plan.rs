//! The whole filesystem, decided: the one plan that measuring and writing share.
//!
//! In: a surveyed tree, options, and maybe a size. Out: geometry, placement and size. Never: a byte of the filesystem.

use super::geometry::{BLOCKS_MAX, BLOCKS_MIN, Geometry};
use super::options::Options;
use super::place::Placement;
use super::survey::Survey;
use super::{BLOCK, XfsError};

/// A filesystem of a certain size.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) geometry: Geometry,
    pub(super) placement: Placement,
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
    /// What finds no place needs at least as many blocks more, so from the least size upwards no smaller one is passed over, but for
    /// those that other cuts between groups would spare a block of a map.
    pub(super) fn smallest(self) -> Result<Plan, XfsError> {
        let mut blocks = BLOCKS_MIN;
        while let Some(geometry) = Geometry::new(blocks, self.options) {
            let placement = Placement::new(self.survey, &geometry);
            if placement.beyond == 0 {
                return Ok(Plan { geometry, placement });
            }
            // From what was asked for, as a last group that is too short is left out.
            blocks += placement.beyond;
        }
        Err(XfsError::TooLarge { has: blocks.saturating_mul(BLOCK), max: BLOCKS_MAX * BLOCK })
    }

    /// A filesystem of so many blocks, or of the most of them that can be used.
    pub(super) fn of(self, blocks: u64) -> Result<Plan, XfsError> {
        if blocks > BLOCKS_MAX {
            return Err(XfsError::TooLarge { has: blocks.saturating_mul(BLOCK), max: BLOCKS_MAX * BLOCK });
        }
        if let Some(geometry) = Geometry::new(blocks, self.options) {
            let placement = Placement::new(self.survey, &geometry);
            if placement.beyond == 0 {
                return Ok(Plan { geometry, placement });
            }
        }
        let smallest = self.smallest()?;
        if smallest.blocks() <= blocks {
            return Ok(smallest);
        }
        let (needs, has) = (smallest.blocks() * BLOCK, blocks * BLOCK);
        // It is not the tree that asks for the least.
        Err(if smallest.blocks() == BLOCKS_MIN {
            XfsError::TooSmall { min: needs, has }
        } else {
            XfsError::NoRoom { needs, has }
        })
    }
}

impl Plan {
    fn blocks(&self) -> u64 {
        self.geometry.blocks
    }
}
