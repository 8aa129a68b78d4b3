//! qcow2, for reading (QEMU's docs/interop/qcow2.txt).
//!
//! QEMU's own tools read more of qcow2 than an image to be inspected may ask for: backing files, external data, encryption. Those are refused
//! here by name, and the rest is read cluster by cluster.
//!
//! In: a file of version 2 or 3, whose clusters may be absent, zero, plain, or compressed by deflate or zstd. Out: the bytes of
//! the disk. Never: a backing file opened, a table trusted or held, or more memory than a few clusters.

mod expand;
pub mod header;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::ShowError;
use super::budget::Budget;
use super::source::{Container, Source, read_up_to};
use expand::expand;
use header::{Codec, HEAD, Header};

/// Bits of an L1 or L2 entry that hold a place in the file.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Bytes of unpacked clusters that are kept, for the next read beside the last.
const CACHE_BYTES: u64 = 16 << 20;

/// Where a cluster of the disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClusterPlace {
    Zero,
    Plain(u64),
    Compressed { at: u64, len: u64 },
}

/// An open qcow2 file.
pub(super) struct Qcow2 {
    file: Rc<dyn Source>,
    budget: Rc<Budget>,
    header: Header,
    codec: Codec,
    /// Unpacked clusters by their places in the file, the last used first.
    kept: RefCell<VecDeque<(u64, Rc<[u8]>)>>,
}

impl Qcow2 {
    pub(super) fn open(file: Rc<dyn Source>, budget: Rc<Budget>) -> Result<Qcow2, ShowError> {
        let header = Header::parse(&read_up_to(&*file, 0, HEAD)?, file.len())?;
        let codec = header.readable(file.len())?;
        Ok(Qcow2 { file, budget, header, codec, kept: RefCell::default() })
    }

    pub(super) fn container(&self) -> Container {
        Container {
            format: "qcow2",
            version: Some(self.header.version),
            compression: Some(if self.codec == Codec::Zstd { "zstd" } else { "zlib" }),
            cluster_bytes: Some(self.cluster()),
            virtual_bytes: self.header.size,
            file_bytes: self.file.len(),
        }
    }

    fn cluster(&self) -> u64 {
        1 << self.header.cluster_bits
    }

    /// Where cluster `index` of the disk is. An L2 table is one cluster of 8-byte entries.
    fn place(&self, index: u64) -> io::Result<ClusterPlace> {
        let entries = self.cluster() / 8;
        let at = (index / entries).checked_mul(8).and_then(|at| at.checked_add(self.header.l1_at));
        let at = at.ok_or_else(|| damaged("the L1 table lies past 2^64 bytes"))?;
        let l2 = self.entry(at, "the L1 table")? & OFFSET;
        if l2 == 0 {
            return Ok(ClusterPlace::Zero);
        }
        if !l2.is_multiple_of(self.cluster()) {
            return Err(damaged(format!("an L2 table at {l2}, which is not the start of a cluster")));
        }
        let entry = self.entry(l2 + index % entries * 8, "an L2 table")?;
        decode(&self.header, entry).map_err(damaged)
    }

    fn entry(&self, at: u64, table: &str) -> io::Result<u64> {
        let mut entry = [0; 8];
        self.file.read_at(at, &mut entry).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => damaged(format!("{table} at {at}: {e}")),
            _ => e,
        })?;
        Ok(u64::from_be_bytes(entry))
    }

    /// Bytes of the file. The last cluster of a file may be short; QEMU reads zeros there.
    fn raw(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let file = self.file.len();
        let there = file.saturating_sub(at).min(bytes.len() as u64);
        if there == 0 {
            return Err(damaged(format!(
                "a cluster at {at}, and the file has {file} bytes: it is cut short"
            )));
        }
        let (real, past) = bytes.split_at_mut(there as usize);
        past.fill(0);
        self.file.read_at(at, real)
    }

    /// A cluster of the disk that was compressed, whole, from memory if it was asked for lately.
    fn unpacked(&self, at: u64, len: u64) -> io::Result<Rc<[u8]>> {
        let mut kept = self.kept.borrow_mut();
        if let Some(found) = kept.iter().position(|(known, _)| *known == at)
            && let Some(hit) = kept.remove(found)
        {
            kept.push_front(hit.clone());
            return Ok(hit.1);
        }
        // Who compresses keeps what does not become shorter as it is, so no stream is longer than its cluster; the length is in sectors.
        let len = len.min(self.cluster() + 512);
        self.budget.unpack(len, self.cluster())?;
        let mut stream = vec![0; len as usize];
        self.raw(at, &mut stream)?;
        let bytes = expand(&stream, self.cluster() as usize, self.codec);
        let bytes: Rc<[u8]> =
            bytes.map_err(|why| damaged(format!("the compressed cluster at {at} {why}")))?.into();
        kept.push_front((at, Rc::clone(&bytes)));
        kept.truncate(usize::try_from(CACHE_BYTES >> self.header.cluster_bits).unwrap_or(1).clamp(4, 256));
        Ok(bytes)
    }
}

impl Source for Qcow2 {
    fn len(&self) -> u64 {
        self.header.size
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        if at.checked_add(bytes.len() as u64).is_none_or(|end| end > self.header.size) {
            let message =
                format!("{} bytes at {at} are past the disk's {} bytes", bytes.len(), self.header.size);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        let mut done = 0;
        while done < bytes.len() {
            let here = at + done as u64;
            let skip = (here % self.cluster()) as usize;
            let now = (self.cluster() as usize - skip).min(bytes.len() - done);
            let target = &mut bytes[done..done + now];
            match self.place(here / self.cluster())? {
                ClusterPlace::Zero => {
                    self.budget.spend(now as u64)?;
                    target.fill(0);
                }
                // Places in the file are below 2^56.
                ClusterPlace::Plain(at) => self.raw(at + skip as u64, target)?,
                ClusterPlace::Compressed { at, len } => {
                    target.copy_from_slice(&self.unpacked(at, len)?[skip..skip + now]);
                }
            }
            done += now;
        }
        Ok(())
    }
}

/// An entry of an L2 table.
fn decode(header: &Header, entry: u64) -> Result<ClusterPlace, String> {
    if entry >> 62 & 1 == 1 {
        // The length is counted in sectors from the one that `at` is in, less one.
        let bits = 62 - (header.cluster_bits - 8);
        let at = entry & ((1 << bits) - 1);
        let sectors = (entry >> bits & ((1 << (header.cluster_bits - 8)) - 1)) + 1;
        return Ok(ClusterPlace::Compressed { at, len: sectors * 512 - at % 512 });
    }
    let at = entry & OFFSET;
    if at == 0 || (header.version == 3 && entry & 1 == 1) {
        return Ok(ClusterPlace::Zero);
    }
    if !at.is_multiple_of(1 << header.cluster_bits) {
        return Err(format!("a cluster at {at}, which is not a multiple of the cluster size"));
    }
    Ok(ClusterPlace::Plain(at))
}

fn damaged(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the qcow2 file is damaged: {why}"))
}

#[cfg(test)]
mod tests;
