//! The bytes of a disk, whatever file they are in.
//!
//! In: a path. Out: something to read at any place. Never: more than a few clusters held in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use serde::Serialize;

use super::ShowError;
use super::qcow2::Qcow2;

/// Bytes at places.
pub(super) trait Source {
    /// Length in bytes.
    fn len(&self) -> u64;
    /// Fills `bytes` from `at`; reading past the end is an error.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;
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

/// A raw file.
struct Raw {
    file: File,
    len: u64,
}

impl Source for Raw {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        inside(self.len, at, bytes.len())?;
        self.file.read_exact_at(bytes, at)
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

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        inside(self.len, at, bytes.len())?;
        let at = self.start.checked_add(at).ok_or_else(|| io::Error::other("a partition past 2^64 bytes"))?;
        self.source.read_at(at, bytes)
    }
}

/// Up to `len` bytes from `at`; fewer at the end.
pub(super) fn some(source: &dyn Source, at: u64, len: usize) -> io::Result<Vec<u8>> {
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

/// Opens a file as what its first bytes say it is.
pub(super) fn open(path: &Path) -> Result<(Container, Rc<dyn Source>), ShowError> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(io::Error::other("a directory; name an image file").into());
    }
    // A block device has its length where it ends.
    let len = io::Seek::seek(&mut &file, io::SeekFrom::End(0))?;
    let raw = Raw { file, len };
    let head = some(&raw, 0, 512)?;
    if head.starts_with(b"QFI\xfb") {
        let qcow2 = Qcow2::open(raw.file, len)?;
        return Ok((qcow2.container(), Rc::new(qcow2)));
    }
    if let Some(kind) = other(&head) {
        return Err(ShowError::OtherContainer { kind });
    }
    let container = Container {
        format: "raw",
        version: None,
        compression: None,
        cluster_bytes: None,
        virtual_bytes: len,
        file_bytes: len,
    };
    Ok((container, Rc::new(raw)))
}

/// Containers that qemu-img reads and dibber does not. A fixed VHD is raw with a footer, and read as raw.
fn other(head: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 8] = [
        (b"KDMV", "VMDK"),
        (b"# Disk DescriptorFile", "VMDK"),
        (b"vhdxfile", "VHDX"),
        (b"conectix", "dynamic VHD"),
        (b"QED\0", "QED"),
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
    ];
    let vdi = head.get(64..68) == Some(&[0x7f, 0x10, 0xda, 0xbe]);
    let known = KINDS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    known.or(vdi.then_some("VDI"))
}
