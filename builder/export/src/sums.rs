//! Checksums of finished files.
//!
//! In: a file. Out: its SHA-256 and SHA-512, each on a thread of its own. Never: the sums of what was meant to be written:
//! these are read back from the file itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256, Sha512};

use super::{PourError, Target};

/// Bytes read at a time: little enough to stay in a core's cache.
const READ: usize = 256 << 10;

/// The sums that are published with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// SHA-256.
    pub sha256: [u8; 32],
    /// SHA-512, as Glance keeps it.
    pub sha512: [u8; 64],
}

/// The sums of a whole file, which must be open for reading.
pub fn checksums(file: &File) -> io::Result<Sums> {
    std::thread::scope(|scope| {
        let sha512 = scope.spawn(|| digest::<Sha512>(file));
        let sha256 = digest::<Sha256>(file)?.into();
        let sha512 = sha512.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?.into();
        Ok(Sums { sha256, sha512 })
    })
}

/// The sums of all targets that want them, at the same time.
pub(super) fn of_targets(targets: &[Target<'_>]) -> Result<Vec<Option<Sums>>, PourError> {
    std::thread::scope(|scope| {
        let running: Vec<_> = targets
            .iter()
            .map(|target| target.sums.then(|| scope.spawn(|| checksums(target.file))))
            .collect();
        let done = running.into_iter().zip(targets).map(|(handle, target)| {
            let fail = |source| PourError::Read { path: target.path.to_path_buf(), source };
            let joined = handle.map(|h| h.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.transpose().map_err(fail)
        });
        done.collect()
    })
}

fn digest<D: Digest>(file: &File) -> io::Result<sha2::digest::Output<D>> {
    let mut buffer = vec![0; READ];
    let mut hash = D::new();
    let mut at = 0;
    loop {
        match file.read_at(&mut buffer, at) {
            Ok(0) => return Ok(hash.finalize()),
            Ok(now) => {
                hash.update(&buffer[..now]);
                at += now as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
