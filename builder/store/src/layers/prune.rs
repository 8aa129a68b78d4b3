//! Directories of a layer that say nothing: overlayfs copies one up as soon as a name in it is made, and keeps it when the name is gone.
//!
//! In: a layer that is mounted no more, and those below it. Out: the same without such directories. Never: one that hides what lies
//! below it, or that is like none there.

use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, PathContext, meta};

use rustix::fs::{Timespec, Timestamps, UTIME_OMIT, futimens};

use super::LayerError;

/// How overlayfs marks a directory that hides those below it.
const OPAQUE: &[u8] = b"user.overlay.opaque";

/// Removes these directories, the deepest first, where they are empty and like the ones below them.
pub fn prune(upper: &Path, lowers: &[PathBuf], paths: &[&str]) -> Result<(), LayerError> {
    let layer = Dir::open(upper).with_path("open", upper)?;
    for path in paths {
        // The topmost one below is what is seen.
        let below =
            lowers.iter().rev().find_map(|lower| Dir::open(lower).and_then(|dir| dir.below(path)).ok());
        let (Ok(ours), Some(below)) = (layer.below(path), below) else { continue };
        if says_nothing(&ours, &below).with_path("read", upper)? {
            remove_unseen(&layer, Path::new(path)).with_path("remove a directory of", upper)?;
        }
    }
    Ok(())
}

/// Removes an empty directory as if it had never been there: the one above keeps its time.
fn remove_unseen(layer: &Dir, path: &Path) -> io::Result<()> {
    let above = layer.below(path.parent().unwrap_or(Path::new("")))?;
    let then = above.statx()?.stx_mtime;
    layer.remove_empty(path)?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: then.tv_sec, tv_nsec: then.tv_nsec.into() },
    };
    Ok(futimens(&above, &times)?)
}

fn says_nothing(ours: &Dir, below: &Dir) -> io::Result<bool> {
    let is_opaque = ours.all_xattrs()?.iter().any(|xattr| &*xattr.name == OPAQUE);
    let read = |dir: &Dir| -> io::Result<_> { Ok(meta(&dir.statx()?, dir.xattrs()?)) };
    Ok(!is_opaque && ours.names()?.is_empty() && read(ours)? == read(below)?)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_directory_that_was_copied_up_for_nothing_goes() {
        let base = tempfile::tempdir().unwrap();
        let at = |path: &str| base.path().join(path);
        let time = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        for dir in ["low/mnt/etc", "low/mnt/var", "up/mnt/etc", "up/mnt/var"] {
            fs::create_dir_all(at(dir)).unwrap();
        }
        for dir in ["low/mnt/etc", "up/mnt/etc", "low/mnt", "up/mnt"] {
            File::open(at(dir)).unwrap().set_times(time).unwrap();
        }
        let another =
            FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1));
        File::open(at("low/mnt/var")).unwrap().set_times(another).unwrap();
        prune(&at("up"), &[at("low")], &["mnt/etc", "mnt/var", "mnt", "gone"]).unwrap();
        // The time of one differs, and so it stays, and what it is in.
        assert!(!at("up/mnt/etc").exists() && at("up/mnt/var").exists());
        fs::remove_dir(at("up/mnt/var")).unwrap();
        File::open(at("up/mnt")).unwrap().set_times(time).unwrap();
        fs::create_dir(at("up/mnt/etc")).unwrap();
        for dir in ["up/mnt/etc", "up/mnt"] {
            File::open(at(dir)).unwrap().set_times(time).unwrap();
        }
        prune(&at("up"), &[at("low")], &["mnt/etc", "mnt"]).unwrap();
        assert!(!at("up/mnt").exists());
    }
}
