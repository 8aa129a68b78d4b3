//! Large files of elements, where the sandbox can read them: a person's home may be closed to it, or covered.
//!
//! In: files as the person sees them, with their digests. Out: copies under those digests. Never: other bytes than were
//! scanned under a digest.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dibber_fs::PathContext;
use dibber_model::Digest;
use sha2::Digest as _;

use super::{Store, StoreError};

impl Store {
    /// Keeps the file at `from`, which must have this digest, and tells the copy's path relative to the store.
    pub fn keep_source(&self, digest: Digest, from: &Path) -> Result<String, StoreError> {
        let name = format!("sources/{digest}");
        let kept = self.root.join(&name);
        if File::open(&kept)
            .and_then(|mut file| copy(&mut file, &mut io::sink()))
            .is_ok_and(|found| found == digest)
        {
            return Ok(name);
        }
        let beside = self.root.join(format!("sources/.{digest}.{}", std::process::id()));
        let write = || {
            let mut file = File::create(&beside)?;
            // Open to every id, whatever the umask: the sandbox's root is another one, and the store's own directory is closed to
            // all else.
            file.set_permissions(fs::Permissions::from_mode(0o644))?;
            copy(&mut File::open(from)?, &mut file)
        };
        let found = write().with_path("copy", from)?;
        if found != digest {
            // The message matters more.
            let _ = fs::remove_file(&beside);
            return Err(StoreError::Changed { path: from.to_path_buf() });
        }
        fs::rename(&beside, &kept).with_path("keep", &kept)?;
        Ok(name)
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<Digest> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(Digest::from(<[u8; 32]>::from(hash.finalize()))),
            len => {
                hash.update(&buffer[..len]);
                to.write_all(&buffer[..len])?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_what_its_name_says() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let from = dir.path().join("large");
        fs::write(&from, b"content").unwrap();
        let digest = Digest::of(b"content");
        let kept = store.path().join(store.keep_source(digest, &from).unwrap());
        assert_eq!(fs::read(&kept).unwrap(), b"content");
        // What was damaged is copied anew, also when the file is gone from where it was.
        fs::write(&kept, b"contemt").unwrap();
        store.keep_source(digest, &from).unwrap();
        fs::remove_file(&from).unwrap();
        store.keep_source(digest, &from).unwrap();
        assert_eq!(fs::read(&kept).unwrap(), b"content");
    }

    #[test]
    fn a_file_that_changed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let from = dir.path().join("large");
        fs::write(&from, b"other").unwrap();
        let message = store.keep_source(Digest::of(b"content"), &from).unwrap_err().to_string();
        assert!(message.contains("large") && message.contains("changed"), "{message}");
        assert_eq!(fs::read_dir(store.path().join("sources")).unwrap().count(), 0);
    }
}
