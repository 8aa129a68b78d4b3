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
    /// The smallest filesystem that holds the tree: one block less does not.
    ///
    /// What finds no place is asked for in addition until all does. That may be too much, as other groups leave other rests at their
    /// ends; so the border between what holds the tree and what does not is looked for below.
    pub(super) fn smallest(self) -> Result<Plan, XfsError> {
        let (mut refused, mut blocks) = (None, BLOCKS_MIN);
        while let Some(geometry) = Geometry::new(blocks, self.options) {
            let placement = Placement::new(self.survey, &geometry);
            if placement.beyond == 0 {
                let plan = Plan { geometry, placement };
                return Ok(match refused {
                    Some(refused) => self.between(refused, plan),
                    None => plan,
                });
            }
            refused = Some(blocks);
            blocks += placement.beyond;
        }
        Err(XfsError::TooLarge { has: blocks.saturating_mul(BLOCK), max: BLOCKS_MAX * BLOCK })
    }

    /// A plan with which the next smaller one fails, between a size that does not hold the tree and a plan that does.
    fn between(self, mut refused: u64, mut plan: Plan) -> Plan {
        while plan.blocks() - refused > 1 {
            let middle = refused + (plan.blocks() - refused) / 2;
            match self.exactly(middle) {
                // A short last group may be left out: then the size is not the middle, but still above what was refused.
                Some(smaller) if smaller.blocks() > refused => plan = smaller,
                _ => refused = middle,
            }
        }
        plan
    }

    fn exactly(self, blocks: u64) -> Option<Plan> {
        let geometry = Geometry::new(blocks, self.options)?;
        let placement = Placement::new(self.survey, &geometry);
        (placement.beyond == 0).then_some(Plan { geometry, placement })
    }

    /// A filesystem of so many blocks, or of the most of them that can be used.
    pub(super) fn of(self, blocks: u64) -> Result<Plan, XfsError> {
        if blocks > BLOCKS_MAX {
            return Err(XfsError::TooLarge { has: blocks.saturating_mul(BLOCK), max: BLOCKS_MAX * BLOCK });
        }
        if let Some(plan) = self.exactly(blocks) {
            return Ok(plan);
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
