//! Which files the disk of a machine is made of: a qcow2 image may name another file that it rests on, and QEMU would read whatever
//! it names.
//!
//! In: the image that a person named, which anybody may have made. Out: its file, and those that it rests on if the person allows
//! that, each with the format that QEMU is to read it by. Never: a name out of an image that is more than a file's, or a format
//! found out by QEMU.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use dibber_inspect::qcow2::header::{Backing, HEAD, Header, MAGIC};
use dibber_inspect::{container, open};
use dibber_model::Bytes;

use super::BootError;

/// Most files that rest on each other.
const LAYERS_MAX: usize = 16;

/// How QEMU reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Raw,
    Qcow2,
}

impl Format {
    /// QEMU's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
        }
    }
}

/// A file that is read for the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// Absolute and without links.
    pub(super) path: PathBuf,
    pub(super) format: Format,
    /// Whether it is a block device.
    pub(super) device: bool,
}

/// Files that rest on each other, the image first.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) layers: Vec<Layer>,
    /// Length of the disk.
    pub(super) size: Bytes,
}

/// A file, what it rests on, and how long its disk is.
struct ExaminedFile {
    layer: Layer,
    backing: Option<Backing>,
    size: u64,
}

impl Chain {
    /// Looks at an image. `NAME.raw` is raw, whatever it begins with; of others the first bytes decide between raw and qcow2.
    pub(super) fn of_image(disk: &Path, allow_backing: bool) -> Result<Chain, BootError> {
        let promised = (disk.extension() == Some(OsStr::new("raw"))).then_some(Format::Raw);
        let mut examined = examine(disk, promised)?;
        let size = Bytes(examined.size.next_multiple_of(512));
        let mut layers = Vec::new();
        loop {
            let ExaminedFile { layer, backing, .. } = examined;
            let path = layer.path.clone();
            layers.push(layer);
            let Some(backing) = backing else { return Ok(Chain { layers, size }) };
            let refuse = |why: String| Err(BootError::Refused { path: path.clone(), why });
            if !allow_backing {
                return refuse(format!(
                    "the image wants {} of this machine as its backing file; if the image is your own, add \
                     --allow-backing; or make it whole: qemu-img convert -O qcow2 IMAGE OUT",
                    backing.name.escape_ascii()
                ));
            }
            if layers.len() == LAYERS_MAX {
                return refuse(format!(
                    "more than {LAYERS_MAX} files rest on each other; they go in circles"
                ));
            }
            examined = match backing_file(&path, &backing) {
                Ok((path, format)) => examine(&path, Some(format))?,
                Err(why) => return refuse(why),
            };
        }
    }
}

/// The file that a header names, and its format.
fn backing_file(image: &Path, backing: &Backing) -> Result<(PathBuf, Format), String> {
    let name = OsStr::from_bytes(&backing.name);
    let shown = backing.name.escape_ascii();
    // QEMU takes what stands before a colon for a protocol, unless a slash comes first.
    let first = backing.name.iter().find(|byte| matches!(byte, b':' | b'/'));
    if first == Some(&b':') {
        return Err(format!("its backing file is {shown}, which names a protocol of QEMU and no file"));
    }
    let format = match backing.format.as_deref() {
        Some(b"raw") => Format::Raw,
        Some(b"qcow2") => Format::Qcow2,
        other => {
            let told = other.map_or("no format".into(), |format| format!("format {}", format.escape_ascii()));
            return Err(format!(
                "its backing file {shown} has {told} in the header; say which of raw and qcow2 it is: \
                 qemu-img rebase -u -F FORMAT -b {shown} IMAGE"
            ));
        }
    };
    Ok((image.parent().unwrap_or(Path::new("/")).join(name), format))
}

fn examine(path: &Path, promised: Option<Format>) -> Result<ExaminedFile, BootError> {
    let failed = |why: io::Error| BootError::Refused { path: path.to_path_buf(), why: why.to_string() };
    let path = fs::canonicalize(path).map_err(failed)?;
    let open::OpenImage { file, len } = open::image(&path).map_err(failed)?;
    let device = file.metadata().map_err(failed)?.file_type().is_block_device();
    let mut head = vec![0; len.min(HEAD as u64) as usize];
    file.read_exact_at(&mut head, 0).map_err(failed)?;
    let refuse = |why: String| Err(BootError::Refused { path: path.clone(), why });
    let format = match promised {
        Some(format) => format,
        None if head.starts_with(MAGIC) => Format::Qcow2,
        None => match container::other_container(&head) {
            Some(kind) => {
                return refuse(format!(
                    "a {kind} file; dibber boots raw and qcow2; convert it first: qemu-img convert -O qcow2 IMAGE OUT"
                ));
            }
            None => Format::Raw,
        },
    };
    let (backing, size) = match format {
        Format::Raw => (None, len),
        Format::Qcow2 => match parse_header(&head, len) {
            Ok(header) => (header.backing, header.size),
            Err(why) => return refuse(why),
        },
    };
    Ok(ExaminedFile { layer: Layer { path, format, device }, backing, size })
}

fn parse_header(head: &[u8], len: u64) -> Result<Header, String> {
    if !head.starts_with(MAGIC) {
        return Err("no qcow2 file".to_string());
    }
    let header = Header::parse(head, len).map_err(|error| error.to_string())?;
    if header.has_data_file() {
        return Err(
            "the image keeps its data in an external file, which dibber does not give to a machine; \
                    make it whole: qemu-img convert -O qcow2 IMAGE OUT"
                .to_string(),
        );
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A qcow2 header of version 3 with a backing file and its format.
    fn qcow2(path: &Path, name: &str, format: &str) {
        let mut bytes = vec![0; 65536];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, MAGIC);
        for (at, value) in [(4, 3), (20, 16), (36, 1), (100, 104)] {
            put(at, &u32::to_be_bytes(value));
        }
        put(24, &u64::to_be_bytes(1 << 20));
        if !format.is_empty() {
            put(104, &0xe279_2aca_u32.to_be_bytes());
            put(108, &u32::try_from(format.len()).unwrap().to_be_bytes());
            put(112, format.as_bytes());
        }
        if !name.is_empty() {
            put(8, &512u64.to_be_bytes());
            put(16, &u32::try_from(name.len()).unwrap().to_be_bytes());
            put(512, name.as_bytes());
        }
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn an_image_brings_nothing_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("base"), [7; 4096]).unwrap();
        qcow2(&at("alone"), "", "raw");
        let chain = Chain::of_image(&at("alone"), false).unwrap();
        assert_eq!((chain.layers.len(), chain.layers[0].format, chain.size.0), (1, Format::Qcow2, 1 << 20));
        qcow2(&at("evil"), "/etc/shadow", "raw");
        let said = Chain::of_image(&at("evil"), false).unwrap_err().to_string();
        assert!(said.contains("/etc/shadow") && said.contains("--allow-backing"), "{said}");
        // What promises to be raw is, though it begins as a qcow2 file does.
        fs::copy(at("evil"), at("evil.raw")).unwrap();
        let chain = Chain::of_image(&at("evil.raw"), false).unwrap();
        assert_eq!((chain.layers.len(), chain.layers[0].format), (1, Format::Raw));
        fs::write(at("text"), "# Disk DescriptorFile\nRW 8 FLAT \"/etc/shadow\" 0\n").unwrap();
        assert!(Chain::of_image(&at("text"), true).unwrap_err().to_string().contains("VMDK"));
        fs::write(at("data"), fs::read(at("alone")).unwrap()).unwrap();
        let data = fs::File::options().write(true).open(at("data")).unwrap();
        data.write_all_at(&[4], 79).unwrap();
        assert!(Chain::of_image(&at("data"), true).unwrap_err().to_string().contains("external file"));
        assert!(
            Chain::of_image(Path::new("/dev/zero"), true)
                .unwrap_err()
                .to_string()
                .contains("character device")
        );
    }

    #[test]
    fn ones_own_backing_files_are_followed_by_name_and_format() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("base"), [7; 4096]).unwrap();
        qcow2(&at("middle"), "base", "raw");
        qcow2(&at("top"), "./middle", "qcow2");
        let formats: Vec<_> =
            Chain::of_image(&at("top"), true).unwrap().layers.into_iter().map(|layer| layer.format).collect();
        assert_eq!(formats, [Format::Qcow2, Format::Qcow2, Format::Raw]);
        for (name, format, word) in [
            ("json:{}", "raw", "a protocol"),
            ("nbd://127.0.0.1/x", "raw", "a protocol"),
            ("base", "", "no format"),
            ("base", "vmdk", "format vmdk"),
            ("base", "qcow2", "no qcow2"),
            ("circle", "qcow2", "circles"),
            ("absent", "raw", "No such file"),
        ] {
            qcow2(&at("circle"), name, format);
            let said = Chain::of_image(&at("circle"), true).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
