//! Which blocks a journal has newer copies of (Linux, include/linux/jbd2.h and fs/jbd2/recovery.c).
//!
//! In: the journal's inode. Out: for each block of the filesystem, the copy of the last transaction that was committed. Never: a
//! write, a transaction without its commit, or more copies than memory is set aside for in the whole image.

use std::collections::BTreeMap;

use crate::ShowError;
use crate::budget::COPIES_MAX;
use crate::field::{be16, be32, byte};

use super::blocks::{Blocks, Copied, JOURNAL_MAGIC, Replayed};
use super::inode::Inode;
use super::map;
use super::sum::crc;

/// Features of a journal, all that are known: revocations, 64 bits, asynchronous commits, checksums of versions 2 and 3.
const KNOWN: u32 = 0x1f;
const WIDE: u32 = 0x2;
const SUMS_2: u32 = 0x8;
const SUMS_3: u32 = 0x10;

const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOCATION: u32 = 5;

/// A journal's own superblock, and where its blocks are.
struct Journal<'a> {
    blocks: &'a Blocks,
    inode: Inode,
    /// Blocks of the journal, the superblock among them.
    len: u64,
    /// The first block that the log may use.
    first: u64,
    features: u32,
    /// What checksums begin with, where there are any.
    seed: Option<u32>,
}

/// A block of the log that is told apart by a header.
struct Record {
    kind: u32,
    bytes: Vec<u8>,
}

/// Where in the log the reader is.
struct Cursor {
    at: u64,
    sequence: u32,
    /// Blocks that were gone through.
    seen: u64,
}

/// A tag of a descriptor block.
struct Tag {
    /// The number of the block that is copied.
    number: u64,
    flags: u32,
}

/// What a transaction brings, until its commit makes it count.
#[derive(Default)]
struct Transaction {
    copies: Vec<(u64, Copied)>,
    revoked: Vec<u64>,
}

impl Transaction {
    /// Numbers of blocks that it holds.
    fn len(&self) -> usize {
        self.copies.len() + self.revoked.len()
    }
}

/// Reads the log in inode `number`.
pub(super) fn replay(blocks: &Blocks, number: u32) -> Result<Replayed, ShowError> {
    let inode = Inode::read(blocks, number)?;
    inode.readable()?;
    let mut head = vec![0; blocks.superblock.block as usize];
    let at = place(blocks, &inode, 0)?;
    blocks.read(at * blocks.superblock.block, &mut head)?;
    let start = be32(&head, 0x1c);
    let journal = Journal::open(blocks, inode, &head)?;
    // A journal that starts nowhere has nothing to replay.
    if start == 0 { Ok(Replayed::new()) } else { journal.log(u64::from(start), be32(&head, 0x18)) }
}

/// The block of the filesystem that holds block `logical` of the journal.
fn place(blocks: &Blocks, inode: &Inode, logical: u64) -> Result<u64, ShowError> {
    let run = map::run(blocks, inode, logical)?;
    run.at.ok_or_else(|| ShowError::damaged("journal", format!("its block {logical} is a hole")))
}

impl<'a> Journal<'a> {
    fn open(blocks: &'a Blocks, inode: Inode, head: &[u8]) -> Result<Journal<'a>, ShowError> {
        let bad = |why: String| Err(ShowError::damaged("journal", why));
        let kind = be32(head, 4);
        if head[..4] != JOURNAL_MAGIC || !matches!(kind, 3 | 4) {
            return bad("its first block is no superblock".into());
        }
        let features = if kind == 4 { be32(head, 0x28) } else { 0 };
        if features & !KNOWN != 0 {
            return Err(ShowError::UnknownFilesystem(format!(
                "the filesystem has features that are not read: those of its journal are {features:#x}"
            )));
        }
        let (block, len, first) =
            (be32(head, 0x0c), u64::from(be32(head, 0x10)), u64::from(be32(head, 0x14)));
        let holds = inode.size / blocks.superblock.block;
        if u64::from(block) != blocks.superblock.block || len > holds || first == 0 || first >= len {
            return bad(format!("{len} blocks of {block} bytes from {first} on, in an inode of {holds}"));
        }
        let has_sums = features & (SUMS_2 | SUMS_3) != 0;
        if has_sums {
            let mut covered = head[..1024].to_vec();
            covered[0xfc..0x100].fill(0);
            if byte(head, 0x50) != 4 || crc(u32::MAX, &covered) != be32(head, 0xfc) {
                return bad("its superblock has a wrong checksum".into());
            }
        }
        let seed = has_sums.then(|| crc(u32::MAX, &head[0x30..0x40]));
        Ok(Journal { blocks, inode, len, first, features, seed })
    }

    /// Goes through the log until it ends: at a block that is no record, of another sequence, or with a wrong checksum.
    fn log(&self, start: u64, sequence: u32) -> Result<Replayed, ShowError> {
        let mut done = Replayed::new();
        let mut cursor = Cursor { at: start, sequence, seen: 0 };
        let mut open = Transaction::default();
        while let Some(record) = self.next(&mut cursor)? {
            let before = open.len();
            match record.kind {
                DESCRIPTOR => {
                    if !self.descriptor(&record.bytes, &mut cursor, &mut open)? {
                        break;
                    }
                }
                REVOCATION => self.revocations(&record.bytes, &mut open),
                COMMIT if self.sum_is_right(&record.bytes, 16) => {
                    commit(std::mem::take(&mut open), &mut done);
                    cursor.sequence = cursor.sequence.wrapping_add(1);
                }
                _ => break,
            }
            // A tag costs no read where blocks have no checksums.
            self.blocks.budget().look_at(open.len().saturating_sub(before))?;
            if done.len() + open.len() > self.blocks.budget().copies_left() {
                let why = format!("with it, the journals of the image have more than {COPIES_MAX} copies");
                return Err(ShowError::damaged("journal", why));
            }
        }
        Ok(done)
    }

    /// The next block of the log, whatever it holds; after the last comes the first. `None` after a whole round.
    fn advance(&self, cursor: &mut Cursor) -> Result<Option<u64>, ShowError> {
        if cursor.seen >= self.len || cursor.at < self.first || cursor.at >= self.len {
            return Ok(None);
        }
        let block = place(self.blocks, &self.inode, cursor.at)?;
        cursor.seen += 1;
        cursor.at = if cursor.at + 1 == self.len { self.first } else { cursor.at + 1 };
        Ok(Some(block))
    }

    /// The next record; `None` at the end of the log.
    fn next(&self, cursor: &mut Cursor) -> Result<Option<Record>, ShowError> {
        let Some(block) = self.advance(cursor)? else { return Ok(None) };
        let bytes = self.blocks.block(block)?;
        let ours = bytes[..4] == JOURNAL_MAGIC && be32(&bytes, 8) == cursor.sequence;
        let kind = be32(&bytes, 4);
        // Descriptors and revocations end with their checksum; a commit has it in its middle.
        let whole = kind == COMMIT || self.sum_is_right(&bytes, bytes.len() - 4);
        Ok((ours && whole).then_some(Record { kind, bytes }))
    }

    fn sum_is_right(&self, bytes: &[u8], at: usize) -> bool {
        let Some(seed) = self.seed else { return true };
        let mut covered = bytes.to_vec();
        covered[at..at + 4].fill(0);
        crc(seed, &covered) == be32(bytes, at)
    }

    /// Takes the copies that a descriptor names, which follow it in the log; `false` where the log ends.
    fn descriptor(
        &self,
        bytes: &[u8],
        cursor: &mut Cursor,
        open: &mut Transaction,
    ) -> Result<bool, ShowError> {
        let end = bytes.len() - if self.seed.is_some() { 4 } else { 0 };
        let mut at = 12;
        while at + self.tag_len() <= end {
            let Tag { number, flags } = self.tag(bytes, at);
            let Some(block) = self.advance(cursor)? else { return Ok(false) };
            if !self.copy_is_right(&bytes[at..], block, cursor.sequence)? {
                return Ok(false);
            }
            open.copies.push((number, Copied { block, escaped: flags & 1 != 0 }));
            // All but the first tag share a UUID and leave it out; the last one says so.
            at += self.tag_len() + if flags & 2 == 0 { 16 } else { 0 };
            if flags & 8 != 0 {
                break;
            }
        }
        Ok(true)
    }

    fn tag_len(&self) -> usize {
        match self.features {
            features if features & SUMS_3 != 0 => 16,
            features => {
                8 + if features & SUMS_2 != 0 { 2 } else { 0 } + if features & WIDE != 0 { 4 } else { 0 }
            }
        }
    }

    /// The tag at a place.
    fn tag(&self, bytes: &[u8], at: usize) -> Tag {
        let flags =
            if self.features & SUMS_3 != 0 { be32(bytes, at + 4) } else { be16(bytes, at + 6).into() };
        let high = if self.features & WIDE != 0 { u64::from(be32(bytes, at + 8)) } else { 0 };
        Tag { number: u64::from(be32(bytes, at)) | high << 32, flags }
    }

    /// Whether a copy has the checksum that its tag says.
    fn copy_is_right(&self, tag: &[u8], block: u64, sequence: u32) -> Result<bool, ShowError> {
        let Some(seed) = self.seed else { return Ok(true) };
        let sum = crc(crc(seed, &sequence.to_be_bytes()), &self.blocks.block(block)?);
        Ok(if self.features & SUMS_3 != 0 {
            sum == be32(tag, 12)
        } else {
            sum & 0xffff == u32::from(be16(tag, 4))
        })
    }

    fn revocations(&self, bytes: &[u8], open: &mut Transaction) {
        let step = if self.features & WIDE != 0 { 8 } else { 4 };
        // The count is of bytes, the header's 16 among them.
        let table = bytes.get(16..be32(bytes, 12) as usize).unwrap_or_default();
        let number = |entry: &[u8]| entry.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        open.revoked.extend(table.chunks_exact(step).map(number));
    }
}

/// Makes a transaction count. What it revoked is not to be replayed, from it or from those before it.
fn commit(transaction: Transaction, done: &mut Replayed) {
    done.extend(transaction.copies.into_iter().collect::<BTreeMap<_, _>>());
    for block in transaction.revoked {
        done.remove(&block);
    }
}
