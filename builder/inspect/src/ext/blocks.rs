//! The bytes of the filesystem, as they are after its journal was replayed.
//!
//! In: the bytes of a partition, and which blocks the journal has newer copies of. Out: bytes at places. Never: a place past the
//! end that the superblock gives.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ShowError;
use crate::budget::Budget;
use crate::source::Source;

use super::superblock::Superblock;

/// What the journal begins its own blocks with.
pub(super) const JOURNAL_MAGIC: [u8; 4] = [0xc0, 0x3b, 0x39, 0x98];

/// A newer copy of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// The block of the filesystem that it is in.
    pub(super) block: u64,
    /// Whether the block begins with [`JOURNAL_MAGIC`], which is zeros in the copy.
    pub(super) escaped: bool,
}

/// Blocks that the journal has newer copies of.
pub(super) type Replayed = BTreeMap<u64, Copied>;

/// An open filesystem's blocks.
pub(super) struct Blocks {
    source: Rc<dyn Source>,
    pub(super) superblock: Superblock,
    pub(super) replayed: Replayed,
}

impl Blocks {
    pub(super) fn new(source: &Rc<dyn Source>, superblock: Superblock) -> Blocks {
        Blocks { source: Rc::clone(source), superblock, replayed: Replayed::new() }
    }

    /// What reading the image may still cost.
    pub(super) fn budget(&self) -> &Budget {
        self.source.budget()
    }

    /// Fills `bytes` from byte `at` of the filesystem.
    pub(super) fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), ShowError> {
        let Superblock { block, blocks, .. } = self.superblock;
        // The superblock was refused if its blocks have more than 2^64 bytes.
        if at.checked_add(bytes.len() as u64).is_none_or(|end| end > block * blocks) {
            let why = format!("{} bytes at {at} of {} are pointed at", bytes.len(), block * blocks);
            return Err(ShowError::damaged("filesystem", why));
        }
        if self.replayed.is_empty() {
            return Ok(self.source.read_at(at, bytes)?);
        }
        let mut done = 0;
        while done < bytes.len() {
            let here = at + done as u64;
            let now = ((block - here % block) as usize).min(bytes.len() - done);
            self.read_block(here, &mut bytes[done..done + now])?;
            done += now;
        }
        Ok(())
    }

    /// Fills `bytes`, which all are in one block.
    fn read_block(&self, at: u64, bytes: &mut [u8]) -> Result<(), ShowError> {
        let Superblock { block, blocks, .. } = self.superblock;
        let Some(copy) = self.replayed.get(&(at / block)) else { return Ok(self.source.read_at(at, bytes)?) };
        if copy.block >= blocks {
            return Err(ShowError::damaged("journal", format!("block {} of {blocks}", copy.block)));
        }
        self.source.read_at(copy.block * block + at % block, bytes)?;
        if copy.escaped {
            let magic = JOURNAL_MAGIC.iter().skip((at % block).min(4) as usize);
            bytes.iter_mut().zip(magic).for_each(|(byte, magic)| *byte = *magic);
        }
        Ok(())
    }

    /// A block, whole.
    pub(super) fn block(&self, number: u64) -> Result<Vec<u8>, ShowError> {
        let Superblock { block, blocks, .. } = self.superblock;
        if number >= blocks {
            return Err(ShowError::damaged("filesystem", format!("block {number} of {blocks}")));
        }
        let mut bytes = vec![0; block as usize];
        self.read(number * block, &mut bytes)?;
        Ok(bytes)
    }
}
