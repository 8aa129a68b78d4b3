//! Packages that several images may use, each under the digest of its bytes.
//!
//! In: files that hooks left where apt and pip keep theirs. Out: the same, whole, to whoever knows their digest. Never: trust in
//! a name: who put a file here does not matter, as nobody takes it but by its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dibber_fs::{Dir, file_type, make_plain, os, sha256};
use dibber_model::Digest;
use rustix::fs::FileType;

use super::super::error::{StepError, path_error};

/// The directory within the shared one: what hooks see as `packages` in their cache.
const PACKAGES: &str = "packages";

/// Suffixes of what is shared, and where hooks leave it: in directories of the first, or in the second itself.
const KINDS: [(&str, &str); 2] = [("apt", ".deb"), ("wheels", ".whl")];

/// Packages that images share.
pub(super) struct PackagePool {
    root: PathBuf,
    dir: Dir,
    /// Put here by this session: their steps have them installed already.
    added_here: Mutex<BTreeSet<Digest>>,
    /// Read by this session, and found to be what they are called.
    verified: Mutex<BTreeSet<Digest>>,
}

impl PackagePool {
    pub(super) fn open(root: &Path) -> Result<PackagePool, StepError> {
        let open = || Dir::open_no_follow(root)?.make_dir(PACKAGES, 0o755);
        let dir = open().map_err(path_error(root))?;
        Ok(PackagePool {
            root: root.to_path_buf(),
            dir,
            added_here: Mutex::default(),
            verified: Mutex::default(),
        })
    }

    /// A lower layer of hooks' caches.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// What earlier sessions, or others, put here: file names by digest.
    pub(super) fn kept_by_others(&self) -> io::Result<BTreeMap<Digest, String>> {
        let added_here = self.added_here.lock().unwrap_or_else(PoisonError::into_inner);
        let parse = |name: String| Some((Digest::try_from(name.split_once('-')?.0.to_string()).ok()?, name));
        let names = self.dir.names()?.into_iter().filter_map(|name| parse(name.to_str().ok()?.to_string()));
        Ok(names.filter(|(digest, _)| !added_here.contains(digest)).collect())
    }

    /// Gives a package a name in a directory, if it is here and whole. One that is not whole is removed, to be fetched again.
    pub(super) fn link_into(&self, digest: Digest, to: &Dir, name: &str) -> io::Result<()> {
        let kept = format!("{digest}-{name}");
        if !self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest) {
            // One that cannot be read is as bad.
            let found = self.dir.file(&kept).and_then(sha256);
            match found {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                Ok(found) if found == digest => {}
                _ => return self.dir.remove_file(&kept),
            }
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
        }
        match self.dir.hard_link(&kept, to, name) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => Ok(()),
            other => other,
        }
    }

    /// Takes what is to be shared out of what hooks left. Nothing runs there any more.
    pub(super) fn collect_from(&self, upper: &Path) -> io::Result<()> {
        let upper = Dir::open_no_follow(upper)?;
        for (place, suffix) in KINDS {
            let Some(top) = directory(&upper, place)? else { continue };
            self.move_in(&top, suffix)?;
            for name in top.names()? {
                if let Some(dir) = directory(&top, os(&name))? {
                    self.move_in(&dir, suffix)?;
                }
            }
        }
        Ok(())
    }

    fn move_in(&self, from: &Dir, suffix: &str) -> io::Result<()> {
        for name in from.names()? {
            let Some(name) = name.to_str().ok().filter(|name| is_plain(name) && name.ends_with(suffix))
            else {
                continue;
            };
            // With a second name, hooks could go on to write to it. One with holes is no package, whose bytes are compressed.
            let fits = from.stat(name)?.is_some_and(|found| {
                file_type(&found) == FileType::RegularFile
                    && found.stx_nlink == 1
                    && found.stx_blocks * 512 >= found.stx_size
                    && (1..=LARGEST).contains(&found.stx_size)
            });
            if fits {
                let file = from.file(name)?;
                let digest = sha256(&file)?;
                let kept = format!("{digest}-{name}");
                // Bytes are all that a digest vouches for: what else a hook gave the file goes.
                make_plain(&file)?;
                // Over one of that digest, which a disk may have damaged.
                from.rename(name, &self.dir, kept)?;
                self.added_here.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
            }
        }
        Ok(())
    }
}

fn directory(dir: &Dir, name: impl AsRef<Path>) -> io::Result<Option<Dir>> {
    match dir.stat(name.as_ref())? {
        Some(found) if file_type(&found) == FileType::Directory => dir.below(name).map(Some),
        _ => Ok(None),
    }
}

/// No package that is shared is larger, in bytes: all are read whole, when the hook's time is over.
const LARGEST: u64 = 1 << 30;

/// Names of packages, as apt and pip write them.
fn is_plain(name: &str) -> bool {
    name.len() < 180 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~%-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A mode, an attribute and a time that no package has.
    fn odd(file: &Path) {
        use std::os::unix::fs::PermissionsExt;
        let open = fs::File::open(file).unwrap();
        rustix::fs::fsetxattr(&open, "user.odd", b"odd", rustix::fs::XattrFlags::empty()).unwrap();
        open.set_modified(std::time::UNIX_EPOCH).unwrap();
        open.set_permissions(fs::Permissions::from_mode(0o4600)).unwrap();
    }

    /// What a file has besides its bytes.
    #[derive(Debug, PartialEq, Eq)]
    struct Looks {
        mode: u32,
        modified: i64,
        has_xattrs: bool,
    }

    const PLAIN: Looks = Looks { mode: 0o100_644, modified: 315_532_800, has_xattrs: false };

    fn looks(file: &Path) -> Looks {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(file).unwrap();
        let has_xattrs = dibber_fs::has_xattrs(fs::File::open(file).unwrap()).unwrap();
        Looks { mode: found.mode(), modified: found.mtime(), has_xattrs }
    }

    #[test]
    fn packages_are_taken_and_handed_out_by_digest() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        fs::create_dir_all(at("upper/apt/debian")).unwrap();
        fs::create_dir_all(at("upper/wheels")).unwrap();
        fs::create_dir(at("shared")).unwrap();
        fs::create_dir(at("to")).unwrap();
        fs::write(at("upper/apt/debian/a_1%3a2_all.deb"), "package").unwrap();
        fs::write(at("upper/apt/debian/two_1_all.deb"), "two names").unwrap();
        fs::hard_link(at("upper/apt/debian/two_1_all.deb"), at("upper/own")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("upper/apt/debian/link_1_all.deb")).unwrap();
        fs::write(at("upper/wheels/b-1-py3-none-any.whl"), "wheel").unwrap();
        odd(&at("upper/apt/debian/a_1%3a2_all.deb"));
        let pool = PackagePool::open(&at("shared")).unwrap();
        pool.collect_from(&at("upper")).unwrap();
        assert_eq!(fs::read_dir(at("shared/packages")).unwrap().count(), 2);
        let kept = at("shared/packages").join(format!("{}-a_1%3a2_all.deb", Digest::of(b"package")));
        assert_eq!(looks(&kept), PLAIN, "what a hook gave it besides its bytes");
        // The same again, as another hook would have it.
        fs::create_dir_all(at("upper/apt/debian")).unwrap();
        fs::write(at("upper/apt/debian/a_1%3a2_all.deb"), "package").unwrap();
        odd(&at("upper/apt/debian/a_1%3a2_all.deb"));
        pool.collect_from(&at("upper")).unwrap();
        assert_eq!(looks(&kept), PLAIN);
        assert!(pool.kept_by_others().unwrap().is_empty(), "its own");
        let later = PackagePool::open(&at("shared")).unwrap();
        assert_eq!(later.kept_by_others().unwrap().len(), 2);
        let (digest, to) = (Digest::of(b"package"), Dir::open(&at("to")).unwrap());
        later.link_into(digest, &to, "a_1%3a2_all.deb").unwrap();
        assert_eq!(fs::read(at("to/a_1%3a2_all.deb")).unwrap(), b"package");
        fs::remove_file(at("to/a_1%3a2_all.deb")).unwrap();
        fs::write(&kept, "pAckage").unwrap();
        PackagePool::open(&at("shared")).unwrap().link_into(digest, &to, "a_1%3a2_all.deb").unwrap();
        assert!(!kept.exists() && to.names().unwrap().is_empty(), "a damaged one was handed out");
    }
}
