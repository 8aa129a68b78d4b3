//! The header of a qcow2 file (QEMU's docs/interop/qcow2.txt).
//!
//! In: the first bytes of a file. Out: what they say, its shape checked, and which other files it asks for. Never: such a file
//! opened.

use super::super::ShowError;
use super::super::field::{be32, be64, byte};

/// What every qcow2 file begins with.
pub const MAGIC: &[u8] = b"QFI\xfb";
/// First bytes in which all lies that is read here: the largest cluster.
pub const HEAD: usize = 2 << 20;
/// Longest name of a backing file, in bytes.
const NAME_MAX: u32 = 1023;
/// Header extension that names the backing file's format.
const BACKING_FORMAT: u32 = 0xe279_2aca;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Deflate,
    Zstd,
}

/// Another file that supplies what this one has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backing {
    /// Its name, which may be one of QEMU's pseudo-protocols.
    pub name: Vec<u8>,
    /// Its format, if the header says.
    pub format: Option<Vec<u8>>,
}

/// What the header says.
#[derive(Clone, Debug)]
pub struct Header {
    pub(super) version: u32,
    pub(super) cluster_bits: u32,
    /// Length of the disk in bytes.
    pub size: u64,
    pub(super) l1_at: u64,
    l1_size: u64,
    /// The file that it shows where it has nothing itself.
    pub backing: Option<Backing>,
    encryption: u32,
    /// Features without which the file is not understood.
    incompatible: u64,
    compression: u8,
}

impl Header {
    /// Out of the first [`HEAD`] bytes of a file of `file_len` bytes, or all of a shorter one.
    pub fn parse(head: &[u8], file_len: u64) -> Result<Header, ShowError> {
        let bad = |why: String| Err(ShowError::damaged("qcow2 header", why));
        let version = be32(head, 4);
        if head.len() < 72 || (version == 3 && head.len() < 104) {
            return bad(format!("the file has {file_len} bytes, less than a header"));
        }
        if !(2..=3).contains(&version) {
            return bad(format!("version {version}; there are 2 and 3"));
        }
        let cluster_bits = be32(head, 20);
        if !(9..=21).contains(&cluster_bits) {
            return bad(format!("clusters of 2^{cluster_bits} bytes; they have 2^9 to 2^21"));
        }
        let (incompatible, length) = if version == 3 { (be64(head, 72), be32(head, 100)) } else { (0, 72) };
        let first = &head[..head.len().min(1 << cluster_bits)];
        Ok(Header {
            version,
            cluster_bits,
            size: be64(head, 24),
            l1_at: be64(head, 40),
            l1_size: be32(head, 36).into(),
            backing: backing(first, length as usize)?,
            encryption: be32(head, 32),
            incompatible,
            compression: if length > 104 { byte(head, 104) } else { 0 },
        })
    }

    /// Whether its data are in a file of their own, which it names.
    pub fn has_data_file(&self) -> bool {
        self.incompatible >> 2 & 1 == 1
    }

    /// Refuses what is not read here.
    pub(super) fn readable(&self, file_len: u64) -> Result<Codec, ShowError> {
        if self.backing.is_some() {
            return refuse("has a backing file, which dibber does not open");
        }
        if self.encryption != 0 {
            return refuse("is encrypted");
        }
        let codec = self.features()?;
        let bad = |why: String| Err(ShowError::damaged("qcow2 header", why));
        let Header { size, l1_size, l1_at, cluster_bits, .. } = *self;
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
        Ok(codec)
    }

    /// Incompatible features, in words; those that change nothing for a reader pass.
    fn features(&self) -> Result<Codec, ShowError> {
        for (bit, what) in [
            (1, "is marked corrupt (mend it with qemu-img check -r all IMAGE)"),
            (2, "keeps its data in an external file"),
            (4, "has extended L2 entries (subclusters)"),
        ] {
            if self.incompatible >> bit & 1 == 1 {
                return refuse(what);
            }
        }
        // Bit 0, dirty, is about reference counts; bit 3 says that compression_type is not deflate.
        let unknown = self.incompatible & !0b1_1111;
        if unknown != 0 {
            return refuse(&format!("has unknown incompatible features {unknown:#x}"));
        }
        match (self.incompatible >> 3 & 1, self.compression) {
            (0, 0) => Ok(Codec::Deflate),
            (1, 1) => Ok(Codec::Zstd),
            (_, kind) => refuse(&format!("has the unknown compression type {kind}")),
        }
    }
}

/// Name and format of the backing file, which lie in the first cluster.
fn backing(first: &[u8], header_len: usize) -> Result<Option<Backing>, ShowError> {
    let (at, len) = (be64(first, 8), be32(first, 16));
    if at == 0 {
        return Ok(None);
    }
    let name = usize::try_from(at).ok().and_then(|at| first.get(at..at.checked_add(len as usize)?));
    let Some(name) = name.filter(|_| len <= NAME_MAX) else {
        let why = format!("the name of its backing file, {len} bytes at {at}, is not in the first cluster");
        return Err(ShowError::damaged("qcow2 header", why));
    };
    let mut extension = header_len;
    let mut format = None;
    while let kind @ 1.. = be32(first, extension) {
        let len = be32(first, extension.saturating_add(4)) as usize;
        let from = extension.saturating_add(8);
        let Some(data) = from.checked_add(len).and_then(|end| first.get(from..end)) else { break };
        if kind == BACKING_FORMAT {
            format = Some(data.to_vec());
        }
        extension = from.saturating_add(len.saturating_add(7) & !7);
    }
    Ok(Some(Backing { name: name.to_vec(), format }))
}

fn refuse<T>(feature: &str) -> Result<T, ShowError> {
    Err(ShowError::Unsupported { feature: feature.to_string() })
}
