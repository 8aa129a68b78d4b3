//! The bytes of a disk, whatever file they are in.
//!
//! In: a file, or bytes. Out: something to read at any place. Never: more than a few clusters held in memory, or reads without
//! end (`budget`).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use serde::Serialize;

use super::budget::Budget;

/// Bytes at places.
pub(super) trait Source {
    /// Length in bytes.
    fn len(&self) -> u64;
    /// Fills `bytes` from `at`; reading past the end is an error.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// What reading the image may still cost.
    fn budget(&self) -> &Budget;
}

/// The file around a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Container {
    /// `raw` or `qcow2`.
    pub format: &'static str,
    /// Version of qcow2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How a qcow2 file compresses the clusters that it compresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<&'static str>,
    /// Bytes in a cluster of a qcow2 file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_bytes: Option<u64>,
    /// Length of the disk.
    pub virtual_bytes: u64,
    /// Length of the file.
    pub file_bytes: u64,
}

/// A file as it is.
pub(super) struct Raw {
    pub(super) file: File,
    pub(super) len: u64,
    pub(super) budget: Rc<Budget>,
}

impl Source for Raw {
    fn len(&self) -> u64 {
        self.len
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        inside(self.len, at, bytes.len())?;
        self.budget.spend(bytes.len() as u64)?;
        self.file.read_exact_at(bytes, at)
    }
}

/// Bytes in memory.
pub(super) struct Memory {
    bytes: Vec<u8>,
    budget: Rc<Budget>,
}

impl Memory {
    pub(super) fn new(bytes: Vec<u8>, budget: Rc<Budget>) -> Memory {
        Memory { bytes, budget }
    }
}

impl Source for Memory {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        inside(self.len(), at, bytes.len())?;
        self.budget.spend(bytes.len() as u64)?;
        let at = at as usize;
        bytes.copy_from_slice(&self.bytes[at..at + bytes.len()]);
        Ok(())
    }
}

/// A stretch of a source: a partition.
pub(super) struct Window {
    source: Rc<dyn Source>,
    start: u64,
    len: u64,
}

impl Window {
    /// `len` bytes from `start`; the caller has checked that they are there, and reading checks again.
    pub(super) fn new(source: &Rc<dyn Source>, start: u64, len: u64) -> Window {
        Window { source: Rc::clone(source), start, len }
    }
}

impl Source for Window {
    fn len(&self) -> u64 {
        self.len
    }

    fn budget(&self) -> &Budget {
        self.source.budget()
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        inside(self.len, at, bytes.len())?;
        let at = self.start.checked_add(at).ok_or_else(|| io::Error::other("a partition past 2^64 bytes"))?;
        self.source.read_at(at, bytes)
    }
}

/// Up to `len` bytes from `at`; fewer at the end.
pub(super) fn read_up_to(source: &dyn Source, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let left = source.len().saturating_sub(at);
    let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(len)];
    source.read_at(at, &mut bytes)?;
    Ok(bytes)
}

fn inside(len: u64, at: u64, want: usize) -> io::Result<()> {
    if at.checked_add(want as u64).is_some_and(|end| end <= len) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!(
            "{want} bytes at {at} are wanted, and there are {len} bytes: the image is cut short or damaged"
        ),
    ))
}
