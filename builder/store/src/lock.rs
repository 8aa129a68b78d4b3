//! Locks of flock(2): they end with their holder, however it ends.
//!
//! In: a name. Out: the lock, or who holds it. Never: a stale lock file that people must remove.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use dibber_fs::{PathContext, PathError};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::{Store, StoreError};

/// Held while an image is built in this store. Ends when dropped, or with the process.
#[derive(Debug)]
pub struct ImageLock {
    _file: File,
}

/// Held while a step runs. Its file goes with it.
#[derive(Debug)]
pub struct StepLock {
    path: PathBuf,
    _file: File,
}

impl StepLock {
    pub(super) fn acquire(path: PathBuf, waiting: impl FnOnce()) -> Result<StepLock, StoreError> {
        let mut waiting = Some(waiting);
        loop {
            let file = open(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    if let Some(tell) = waiting.take() {
                        tell();
                    }
                    rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))
                        .with_path("lock", &path)?;
                }
                Err(e) => return Err(PathError::new("lock", &path, e).into()),
            }
            // The former holder may have removed the file meanwhile: then this lock is on nothing.
            let inode = |meta: fs::Metadata| std::os::unix::fs::MetadataExt::ino(&meta);
            let ours = file.metadata().map(inode).with_path("read", &path)?;
            if fs::metadata(&path).map(inode).ok() == Some(ours) {
                return Ok(StepLock { path, _file: file });
            }
        }
    }
}

impl Drop for StepLock {
    fn drop(&mut self) {
        // While it is held: whoever waits finds out, and takes the next one.
        let _ = fs::remove_file(&self.path);
    }
}

impl Store {
    /// Takes the lock of an image (give name and target: `x86_64-overcloud-full`), or tells who has it.
    pub fn lock_image(&self, image: &str) -> Result<ImageLock, StoreError> {
        let path = self.image_lock(image);
        let file = open(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => note_holder(file, &path),
            Err(Errno::WOULDBLOCK) => {
                Err(StoreError::Busy { image: image.to_string(), holder: holder(&path) })
            }
            Err(e) => Err(PathError::new("lock", &path, e).into()),
        }
    }

    /// Takes the lock of an image; `waiting` is called once with the holder's process id if it has to wait.
    pub fn wait_for_image(&self, image: &str, waiting: impl FnOnce(&str)) -> Result<ImageLock, StoreError> {
        match self.lock_image(image) {
            Err(StoreError::Busy { holder, .. }) => waiting(&holder),
            other => return other,
        }
        let path = self.image_lock(image);
        let file = open(&path)?;
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive)).with_path("lock", &path)?;
        note_holder(file, &path)
    }

    fn image_lock(&self, image: &str) -> PathBuf {
        self.root.join("locks").join(format!("image-{}", image.replace('/', "_")))
    }

    /// The store's own lock, held for moments: while ids are claimed, or checkpoints renamed in or out.
    pub(super) fn lock(&self) -> Result<File, StoreError> {
        let path = self.root.join("locks/store");
        let file = open(&path)?;
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive)).with_path("lock", &path)?;
        Ok(file)
    }
}

/// Opens a lock, or makes it. A link or a pipe in its place is refused: whoever packed the cache may have put it there.
pub(super) fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_path("open", path)
        .map_err(StoreError::from)
}

/// Whether some process holds the lock of this file.
pub(super) fn is_held(path: &Path) -> Result<bool, StoreError> {
    match flock(&open(path)?, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(e) => Err(PathError::new("lock", path, e).into()),
    }
}

fn note_holder(mut file: File, path: &Path) -> Result<ImageLock, StoreError> {
    let write = |file: &mut File| -> io::Result<()> {
        file.set_len(0)?;
        write!(file, "{}", std::process::id())
    };
    write(&mut file).with_path("write", path)?;
    Ok(ImageLock { _file: file })
}

fn holder(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    if text.is_empty() { String::from("?") } else { text }
}
