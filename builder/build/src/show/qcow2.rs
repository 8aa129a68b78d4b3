//! qcow2, for reading (QEMU's docs/interop/qcow2.txt).
//!
//! In: a file of version 2 or 3, whose clusters may be absent, zero, plain, or compressed by deflate or zstd. Out: the bytes of
//! the disk. Never: a backing file opened, a table trusted, or more memory than a few clusters.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::ShowError;
use super::field::{be32, be64};
use super::source::{Container, Source};

/// Bits of an L1 or L2 entry that hold a place in the file.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Bytes of clusters and tables that are kept, for the next read beside the last.
const CACHE_BYTES: u64 = 16 << 20;
/// Largest window of a zstd frame, as a power of two: what every decoder must support (RFC 8878, 3.1.1.1.2).
const ZSTD_WINDOW_LOG: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Deflate,
    Zstd,
}

/// What the header says, checked.
#[derive(Debug)]
struct Header {
    version: u32,
    cluster_bits: u32,
    /// Length of the disk in bytes.
    size: u64,
    l1_at: u64,
    codec: Codec,
}

/// Where a cluster of the disk is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Zero,
    Plain(u64),
    Compressed { at: u64, len: u64 },
}

/// An open qcow2 file.
pub(super) struct Qcow2 {
    file: File,
    file_len: u64,
    header: Header,
    kept: RefCell<VecDeque<(u64, Rc<[u8]>)>>,
}

impl Qcow2 {
    pub(super) fn open(file: File, file_len: u64) -> Result<Qcow2, ShowError> {
        // 112 bytes is the longest header with a meaning known here.
        let mut head = vec![0; file_len.min(112) as usize];
        file.read_exact_at(&mut head, 0)?;
        let header = Header::parse(&head, file_len)?;
        Ok(Qcow2 { file, file_len, header, kept: RefCell::default() })
    }

    pub(super) fn container(&self) -> Container {
        Container {
            format: "qcow2",
            version: Some(self.header.version),
            compression: Some(if self.header.codec == Codec::Zstd { "zstd" } else { "zlib" }),
            cluster_bytes: Some(self.cluster()),
            virtual_bytes: self.header.size,
            file_bytes: self.file_len,
        }
    }

    fn cluster(&self) -> u64 {
        1 << self.header.cluster_bits
    }

    /// Where cluster `index` of the disk is. An L2 table is one cluster of 8-byte entries.
    fn place(&self, index: u64) -> io::Result<Place> {
        let entries = self.cluster() / 8;
        let mut l1 = [0; 8];
        let at = (index / entries).checked_mul(8).and_then(|at| at.checked_add(self.header.l1_at));
        let at = at.ok_or_else(|| damaged("the L1 table lies past 2^64 bytes"))?;
        self.file.read_exact_at(&mut l1, at).map_err(|e| damaged(format!("the L1 table at {at}: {e}")))?;
        let l2 = u64::from_be_bytes(l1) & OFFSET;
        if l2 == 0 {
            return Ok(Place::Zero);
        }
        if !l2.is_multiple_of(self.cluster()) {
            return Err(damaged(format!("an L2 table at {l2}, which is not the start of a cluster")));
        }
        let table = self.keep(l2, || self.raw(l2, self.cluster()))?;
        let entry = be64(&table, (index % entries) as usize * 8);
        self.header.decode(entry).map_err(damaged)
    }

    /// `len` bytes of the file. The last cluster of a file may be short; QEMU reads zeros there.
    fn raw(&self, at: u64, len: u64) -> io::Result<Vec<u8>> {
        let there = self.file_len.saturating_sub(at).min(len);
        if there == 0 {
            let file = self.file_len;
            return Err(damaged(format!(
                "a cluster at {at}, and the file has {file} bytes: it is cut short"
            )));
        }
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes[..there as usize], at)?;
        Ok(bytes)
    }

    /// A cluster of the disk, whole.
    fn load(&self, place: &Place) -> io::Result<Vec<u8>> {
        match *place {
            Place::Zero => Ok(vec![0; self.cluster() as usize]),
            Place::Plain(at) => self.raw(at, self.cluster()),
            Place::Compressed { at, len } => {
                let stream = self.raw(at, len)?;
                expand(&stream, self.cluster() as usize, self.header.codec)
                    .map_err(|why| damaged(format!("the compressed cluster at {at} {why}")))
            }
        }
    }

    /// What `load` gives, from memory if it was asked for lately. Keys of tables and clusters are places in the file.
    fn keep(&self, key: u64, load: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<Rc<[u8]>> {
        let mut kept = self.kept.borrow_mut();
        if let Some(found) = kept.iter().position(|(known, _)| *known == key)
            && let Some(hit) = kept.remove(found)
        {
            kept.push_front(hit.clone());
            return Ok(hit.1);
        }
        let bytes: Rc<[u8]> = load()?.into();
        kept.push_front((key, Rc::clone(&bytes)));
        kept.truncate(usize::try_from(CACHE_BYTES >> self.header.cluster_bits).unwrap_or(1).clamp(4, 256));
        Ok(bytes)
    }
}

impl Source for Qcow2 {
    fn len(&self) -> u64 {
        self.header.size
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
                Place::Zero => target.fill(0),
                place @ (Place::Plain(at) | Place::Compressed { at, .. }) => {
                    let cluster = self.keep(at, || self.load(&place))?;
                    target.copy_from_slice(&cluster[skip..skip + now]);
                }
            }
            done += now;
        }
        Ok(())
    }
}

impl Header {
    fn parse(head: &[u8], file_len: u64) -> Result<Header, ShowError> {
        let bad = |why: String| Err(ShowError::damaged("qcow2 header", why));
        let version = be32(head, 4);
        if head.len() < 72 || (version == 3 && head.len() < 104) {
            return bad(format!("the file has {file_len} bytes, less than a header"));
        }
        if !(2..=3).contains(&version) {
            return bad(format!("version {version}; there are 2 and 3"));
        }
        if be64(head, 8) != 0 {
            return refuse("has a backing file, which dibber does not open");
        }
        let cluster_bits = be32(head, 20);
        if !(9..=21).contains(&cluster_bits) {
            return bad(format!("clusters of 2^{cluster_bits} bytes; they have 2^9 to 2^21"));
        }
        if be32(head, 32) != 0 {
            return refuse("is encrypted");
        }
        let codec = if version == 3 { features(head)? } else { Codec::Deflate };
        let (size, l1_size, l1_at) = (be64(head, 24), u64::from(be32(head, 36)), be64(head, 40));
        // An L2 table of one cluster maps cluster/8 clusters.
        let covered = u128::from(l1_size) << (2 * cluster_bits - 3);
        if covered < u128::from(size) {
            return bad(format!(
                "its L1 table of {l1_size} entries maps {covered} bytes of a disk of {size}"
            ));
        }
        let needed =
            u64::try_from(u128::from(size).div_ceil(1 << (2 * cluster_bits - 3))).unwrap_or(u64::MAX);
        if needed.checked_mul(8).and_then(|len| len.checked_add(l1_at)).is_none_or(|end| end > file_len) {
            return bad(format!("its L1 table at {l1_at} is past the end of the file, {file_len}"));
        }
        Ok(Header { version, cluster_bits, size, l1_at, codec })
    }

    /// An entry of an L2 table.
    fn decode(&self, entry: u64) -> Result<Place, String> {
        if entry >> 62 & 1 == 1 {
            // The length is counted in sectors from the one that `at` is in, less one.
            let bits = 62 - (self.cluster_bits - 8);
            let at = entry & ((1 << bits) - 1);
            let sectors = (entry >> bits & ((1 << (self.cluster_bits - 8)) - 1)) + 1;
            return Ok(Place::Compressed { at, len: sectors * 512 - at % 512 });
        }
        let at = entry & OFFSET;
        if at == 0 || (self.version == 3 && entry & 1 == 1) {
            return Ok(Place::Zero);
        }
        if !at.is_multiple_of(1 << self.cluster_bits) {
            return Err(format!("a cluster at {at}, which is not a multiple of the cluster size"));
        }
        Ok(Place::Plain(at))
    }
}

/// Incompatible features, in words; those that change nothing for a reader pass.
fn features(head: &[u8]) -> Result<Codec, ShowError> {
    let bits = be64(head, 72);
    for (bit, what) in [
        (1, "is marked corrupt (mend it with qemu-img check -r all IMAGE)"),
        (2, "keeps its data in an external file"),
        (4, "has extended L2 entries (subclusters)"),
    ] {
        if bits >> bit & 1 == 1 {
            return refuse(what);
        }
    }
    // Bit 0, dirty, is about reference counts; bit 3 says that compression_type is not deflate.
    if bits & !0b1_1111 != 0 {
        return refuse(&format!("has unknown incompatible features {:#x}", bits & !0b1_1111));
    }
    let kind = if be32(head, 100) > 104 { head.get(104).copied().unwrap_or(0) } else { 0 };
    match (bits >> 3 & 1, kind) {
        (0, 0) => Ok(Codec::Deflate),
        (1, 1) => Ok(Codec::Zstd),
        (_, kind) => refuse(&format!("has the unknown compression type {kind}")),
    }
}

fn refuse<T>(feature: &str) -> Result<T, ShowError> {
    Err(ShowError::Unsupported { feature: feature.to_string() })
}

fn damaged(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the qcow2 file is damaged: {why}"))
}

/// One cluster out of its stream, which sector padding or another stream may follow.
fn expand(stream: &[u8], cluster: usize, codec: Codec) -> Result<Vec<u8>, String> {
    let mut out = vec![0; cluster];
    let len = match codec {
        Codec::Deflate => {
            let mut inflate = flate2::Decompress::new(false);
            let ended = inflate.decompress(stream, &mut out, flate2::FlushDecompress::Finish);
            ended.map_err(|e| format!("is no deflate stream: {e}"))?;
            inflate.total_out()
        }
        Codec::Zstd => unzstd(stream, &mut out).map_err(|e| format!("is no zstd frame: {e}"))? as u64,
    };
    if len != cluster as u64 {
        return Err(format!("gives {len} bytes of {cluster}"));
    }
    Ok(out)
}

fn unzstd(stream: &[u8], out: &mut [u8]) -> io::Result<usize> {
    use zstd::stream::raw::{DParameter, Decoder, Operation};
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
    let (mut read, mut written) = (0, 0);
    loop {
        let status = decoder.run_on_buffers(&stream[read..], &mut out[written..])?;
        read += status.bytes_read;
        written += status.bytes_written;
        let stuck = status.bytes_read == 0 && status.bytes_written == 0;
        if status.remaining == 0 || written == out.len() || stuck {
            return Ok(written);
        }
    }
}

#[cfg(test)]
mod tests;
