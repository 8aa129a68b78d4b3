//! A file held against what is said of it, before it is sent.
//!
//! In: a file. Out: its SHA-256 and SHA-512, in one reading. Never: the file in memory.

use std::io::{self, Read};
use std::path::Path;

use dibber_model::Digest;
use sha2::Digest as _;

/// The hashes of a file.
pub(super) struct FileHashes {
    pub(super) sha256: Digest,
    /// In hexadecimal.
    pub(super) sha512: String,
}

/// Hashes a file. `progress` hears how many bytes are read.
pub(super) fn hash_file(path: &Path, progress: &dyn Fn(u64)) -> io::Result<FileHashes> {
    let mut file = dibber_fs::open_file(path)?;
    let (mut short, mut long) = (sha2::Sha256::new(), sha2::Sha512::new());
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => {
                let bytes = &buffer[..n];
                rayon::join(|| short.update(bytes), || long.update(bytes));
                done += n as u64;
                progress(done);
            }
        }
    }
    let short: [u8; 32] = short.finalize().into();
    let sha512 = long.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileHashes { sha256: Digest::from(short), sha512 })
}
