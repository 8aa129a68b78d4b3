//! How much work and memory an image may ask of its reader.
//!
//! In: what each read cost, what is held, and what was printed meanwhile. Out: an error as soon as the reader works without end and
//! nothing comes of it. Never: a clock: the same image is read, or refused, on every machine; a bound for each filesystem, of which an
//! image may have thousands.

use std::cell::Cell;
use std::io;

/// Most bytes that are read or unpacked with nothing printed: what any sound image needs many times over, and a second or two
/// of work.
pub(super) const WORK_MAX: u64 = 1 << 30;
/// What a read costs besides its bytes: a call of the system takes as long as copying these.
const READ: u64 = 512;
/// What looking at one thing costs that is already in memory, such as a name or a copy's number.
const ENTRY: u64 = 128;
/// Most copies of blocks that the journals of an image have together, those being read among them: a journal of 4 GiB in which
/// every block is one.
pub(super) const COPIES_MAX: usize = 1 << 20;
/// What a compressed byte costs: a stream that is made of the tables of codes alone takes 14 ns for each, three times what unpacking
/// takes for each byte that comes out.
const PACKED: u64 = 4;
/// What one printed thing earns besides its bytes: the largest cluster of a qcow2 file, unpacked.
const CLUSTER: u64 = (1 + PACKED) * (2 << 20);

/// Bytes that may still be read or unpacked, and copies that are held.
pub(super) struct Budget {
    left: Cell<u64>,
    copies: Cell<usize>,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget { left: Cell::new(WORK_MAX), copies: Cell::new(0) }
    }

    /// Takes the price of `bytes` read or unpacked at once.
    pub(super) fn spend(&self, bytes: u64) -> io::Result<()> {
        match self.left.get().checked_sub(bytes.saturating_add(READ)) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err(io::Error::other(format!(
                    "more than {} MiB would have to be read to find out what is in it: the image is damaged, or made \
                     to keep its readers busy",
                    WORK_MAX >> 20
                )))
            }
        }
    }

    /// Takes the price of unpacking so many bytes into so many.
    pub(super) fn unpack(&self, packed: u64, bytes: u64) -> io::Result<()> {
        self.spend(packed.saturating_mul(PACKED).saturating_add(bytes))
    }

    /// Takes the price of looking at so many things that were read before.
    pub(super) fn look_at(&self, entries: usize) -> io::Result<()> {
        self.spend((entries as u64).saturating_mul(ENTRY))
    }

    /// How many copies of blocks there is memory for, besides those that are held.
    pub(super) fn copies_left(&self) -> usize {
        COPIES_MAX.saturating_sub(self.copies.get())
    }

    /// Notes that so many more copies are held, for as long as the image is open.
    pub(super) fn hold_copies(&self, count: usize) {
        self.copies.set(self.copies.get().saturating_add(count));
    }

    /// Gives back, as so many bytes were printed: reading them may have taken unpacking a cluster.
    pub(super) fn printed(&self, bytes: u64) {
        let earned = bytes.saturating_mul(2).saturating_add(CLUSTER);
        self.left.set(self.left.get().saturating_add(earned).min(WORK_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_and_printing_renews_it() {
        let budget = Budget::new();
        assert!(budget.spend(WORK_MAX - READ).is_ok());
        assert!(budget.spend(0).is_err());
        budget.printed(0);
        assert!(budget.spend(CLUSTER - READ).is_ok() && budget.spend(0).is_err());
        budget.printed(u64::MAX);
        assert!(budget.spend(WORK_MAX).is_err());
        budget.printed(u64::MAX);
        assert!(budget.look_at(usize::MAX).is_err());
    }

    #[test]
    fn copies_are_counted_together() {
        let budget = Budget::new();
        budget.hold_copies(COPIES_MAX - 1);
        assert_eq!(budget.copies_left(), 1);
        budget.hold_copies(usize::MAX);
        assert_eq!(budget.copies_left(), 0);
    }
}
