//! The file around a disk: raw, qcow2, or one that is not read.
//!
//! In: a path, or bytes. Out: the disk's bytes as a source, whatever file they are in. Never: a guess by the file's name.

use std::path::Path;
use std::rc::Rc;

use super::ShowError;
use super::budget::Budget;
use super::open;
use super::qcow2::Qcow2;
use super::source::{Container, Memory, Raw, Source, read_up_to};

/// A disk that was opened.
pub(super) struct Opened {
    pub(super) container: Container,
    pub(super) source: Rc<dyn Source>,
    pub(super) budget: Rc<Budget>,
}

/// Opens a file as what its first bytes say it is.
pub(super) fn open(path: &Path) -> Result<Opened, ShowError> {
    let open::OpenImage { file, len } = open::image(path)?;
    let budget = Rc::new(Budget::new());
    recognized(Rc::new(Raw { file, len, budget: Rc::clone(&budget) }), budget)
}

/// The same for bytes in memory.
pub(super) fn of_bytes(bytes: Vec<u8>) -> Result<Opened, ShowError> {
    let budget = Rc::new(Budget::new());
    recognized(Rc::new(Memory::new(bytes, Rc::clone(&budget))), budget)
}

fn recognized(raw: Rc<dyn Source>, budget: Rc<Budget>) -> Result<Opened, ShowError> {
    let head = read_up_to(&*raw, 0, 512)?;
    if head.starts_with(b"QFI\xfb") {
        let qcow2 = Qcow2::open(raw, Rc::clone(&budget))?;
        return Ok(Opened { container: qcow2.container(), source: Rc::new(qcow2), budget });
    }
    if let Some(kind) = other_container(&head) {
        return Err(ShowError::OtherContainer { kind });
    }
    let container = Container {
        format: "raw",
        version: None,
        compression: None,
        cluster_bytes: None,
        virtual_bytes: raw.len(),
        file_bytes: raw.len(),
    };
    Ok(Opened { container, source: raw, budget })
}

/// Containers that qemu-img reads and dibber does not. A fixed VHD is raw with a footer, and read as raw.
pub fn other_container(head: &[u8]) -> Option<&'static str> {
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
