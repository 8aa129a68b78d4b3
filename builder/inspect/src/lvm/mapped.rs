//! The bytes of a logical volume.
//!
//! In: runs of bytes of physical volumes. Out: one source. Never: a byte between runs: the caller has put them one after the other.

use std::io;
use std::rc::Rc;

use super::super::budget::Budget;
use super::super::source::Source;

/// A part of a volume, in one piece on a physical volume.
pub(super) struct Run {
    /// Its first byte in the volume.
    pub(super) at: u64,
    /// Its length.
    pub(super) len: u64,
    /// The physical volume.
    pub(super) source: Rc<dyn Source>,
    /// Its first byte there.
    pub(super) place: u64,
}

/// Runs, one after the other.
pub(super) struct Mapped {
    runs: Vec<Run>,
    len: u64,
}

impl Mapped {
    /// `runs` is not empty; they follow each other from 0 to `len`.
    pub(super) fn new(runs: Vec<Run>, len: u64) -> Mapped {
        Mapped { runs, len }
    }
}

impl Source for Mapped {
    fn len(&self) -> u64 {
        self.len
    }

    fn budget(&self) -> &Budget {
        self.runs[0].source.budget()
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let (mut at, mut rest) = (at, bytes);
        let mut index = self.runs.partition_point(|run| run.at + run.len <= at);
        while !rest.is_empty() {
            let Some(run) = self.runs.get(index) else {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "past the end of a logical volume"));
            };
            let from = at - run.at;
            let now = usize::try_from(run.len - from).unwrap_or(usize::MAX).min(rest.len());
            let (head, tail) = rest.split_at_mut(now);
            run.source.read_at(run.place + from, head)?;
            (at, rest, index) = (at + now as u64, tail, index + 1);
        }
        Ok(())
    }
}
