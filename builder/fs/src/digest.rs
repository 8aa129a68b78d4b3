//! The digest of a file's content.
//!
//! In: an open file. Out: its SHA-256. Never: the whole of it in memory.

use std::io::{self, Read};

use dibber_model::Digest;
use sha2::Digest as _;

/// SHA-256 of all that a reader gives.
pub fn sha256(mut from: impl Read) -> io::Result<Digest> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    Ok(Digest::from(digest))
}
