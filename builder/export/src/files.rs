//! The captured files that extents refer to. Their content is read when it is poured, so each is checked for not having changed since.
//!
//! In: references. Out: bytes of the file that was captured, or an error with its name. Never: bytes of a file that
//! changed since.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use dibber_model::FileRef;

use super::PourError;

/// What tells a changed file from the captured one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Length in bytes.
    pub len: u64,
    /// Last change of content: seconds and nanoseconds since 1970, as the kernel has them, not clamped.
    pub mtime: (i64, i64),
}

impl Stamp {
    /// The stamp of a file as `fstat(2)` sees it.
    pub fn from_metadata(metadata: &Metadata) -> Self {
        Stamp { len: metadata.len(), mtime: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

/// Opens what a [`FileRef`] stands for; called from many threads.
pub trait Files: Sync {
    /// The file, open for reading.
    fn open(&self, file: FileRef) -> io::Result<File>;

    /// Its name, for messages.
    fn name(&self, file: FileRef) -> PathBuf;

    /// Its stamp at capture; a file that has another one when it is read is an error. `None` leaves it unchecked but for
    /// its length.
    fn stamp(&self, file: FileRef) -> Option<Stamp>;
}

/// Reads ranges of files, keeping the last one open: a large file spans many chunks.
pub(super) struct FileReader<'a> {
    files: &'a dyn Files,
    last: Option<(FileRef, File)>,
}

impl<'a> FileReader<'a> {
    pub(super) fn new(files: &'a dyn Files) -> Self {
        FileReader { files, last: None }
    }

    /// Fills `bytes` from `offset` of a file.
    pub(super) fn read(&mut self, file: FileRef, offset: u64, bytes: &mut [u8]) -> Result<(), PourError> {
        let wanted = offset + bytes.len() as u64;
        let fail = |e| PourError::read(self.files.name(file), wanted, e);
        let open = match self.last.take() {
            Some((last, open)) if last == file => open,
            _ => self.files.open(file).map_err(fail)?,
        };
        open.read_exact_at(bytes, offset).map_err(fail)?;
        if let Some(was) = self.files.stamp(file) {
            // After the read: a write that the read saw has changed the time by now.
            let is = Stamp::from_metadata(&open.metadata().map_err(fail)?);
            if was != is {
                let seconds = |(s, n): (i64, i64)| format!("{s}.{n:09}");
                return Err(PourError::Changed {
                    path: self.files.name(file),
                    was: was.len,
                    is: is.len,
                    was_at: seconds(was.mtime),
                    is_at: seconds(is.mtime),
                });
            }
        }
        self.last = Some((file, open));
        Ok(())
    }
}
