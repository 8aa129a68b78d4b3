//! Opening what a person named and others made.
//!
//! In: a path. Out: a regular file, or for an image also a block device, and its length. Never: a wait for a fifo's writer, a
//! device that acts on being opened, or more of a description than fits in memory.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs::{self, File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Longest sidecar that is read, in bytes. One with the packages of a whole desktop is below 1 MB.
pub(crate) const SIDECAR_MAX: u64 = 16 << 20;

/// An image that is open for reading.
#[derive(Debug)]
pub struct OpenImage {
    /// The file.
    pub file: File,
    /// Its length in bytes.
    pub len: u64,
}

/// Opens an image: a regular file or a block device.
pub fn image(path: &Path) -> io::Result<OpenImage> {
    let file = opened(path, &|meta| meta.is_file() || meta.file_type().is_block_device())?;
    // A block device has its length where it ends.
    let len = (&file).seek(SeekFrom::End(0))?;
    (&file).rewind()?;
    Ok(OpenImage { file, len })
}

/// A regular file, opened for reading.
pub fn regular(path: &Path) -> io::Result<File> {
    opened(path, &Metadata::is_file)
}

/// What is in a regular file of at most [`SIDECAR_MAX`] bytes; `None` if there is no such file.
pub(crate) fn sidecar(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    dibber_fs::read_bounded(file, SIDECAR_MAX).map(Some)
}

/// Looks before it opens, because opening a device can have effects; and again after, because the name may lead elsewhere by then.
fn opened(path: &Path, fits: &dyn Fn(&Metadata) -> bool) -> io::Result<File> {
    refuse_unless(fits, &fs::metadata(path)?)?;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    refuse_unless(fits, &file.metadata()?)?;
    Ok(file)
}

fn refuse_unless(fits: &dyn Fn(&Metadata) -> bool, meta: &Metadata) -> io::Result<()> {
    if fits(meta) {
        return Ok(());
    }
    let kind = meta.file_type();
    let what = match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a fifo",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() => "a character device",
        () if kind.is_block_device() => "a block device",
        () => "no regular file",
    };
    Err(io::Error::other(format!("{what}, where a file is wanted")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_and_within_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        let OpenImage { file, len } = image(&at("file")).unwrap();
        assert_eq!((io::read_to_string(file).unwrap(), len), ("text".to_string(), 4));
        assert_eq!(sidecar(&at("file")).unwrap().unwrap(), b"text");
        assert!(sidecar(&at("absent")).unwrap().is_none());
        let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, what) in
            [(at("socket"), "a socket"), ("/dev/zero".into(), "a character"), (at("."), "a directory")]
        {
            for said in [image(&path).map(drop), sidecar(&path).map(drop)] {
                assert!(said.unwrap_err().to_string().starts_with(what));
            }
        }
        File::create(at("long")).unwrap().set_len(1 << 40).unwrap();
        assert!(sidecar(&at("long")).unwrap_err().to_string().contains("longer"));
    }
}
