//! Texts that the person named, read whole.
//!
//! In: a path of the person's, which may be what a shell gives for a file (`/dev/stdin`, `<(...)`). Out: what is in it. Never: more
//! than 8 MiB in memory: a device has no end, and what reads a text needs many times its length.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs::File;
use std::io;
use std::path::Path;

/// Longest text, in bytes: 20,000 machines that are described in 400 bytes each; all other texts are far shorter.
const TEXT_MAX: u64 = 8 << 20;

/// Its bytes. More than 8 MiB are `FileTooLarge`.
pub fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    crate::read_bounded(File::open(path)?, TEXT_MAX).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => io::Error::new(
            error.kind(),
            format!("it is longer than {} MiB, which no such file is; name another", TEXT_MAX >> 20),
        ),
        _ => error,
    })
}

/// Its text. Bytes that are not UTF-8 are `InvalidData`.
pub fn read(path: &Path) -> io::Result<String> {
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text; convert it");
    String::from_utf8(bytes(path)?).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text");
        std::fs::write(&path, "name: caf\u{e9}\n").unwrap();
        assert_eq!(read(&path).unwrap(), "name: caf\u{e9}\n");
        File::options().write(true).open(&path).unwrap().set_len(TEXT_MAX).unwrap();
        assert_eq!(bytes(&path).unwrap().len() as u64, TEXT_MAX);
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        for path in [&path, Path::new("/dev/zero")] {
            assert_eq!(bytes(path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
        assert_eq!(read(&dir.path().join("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
