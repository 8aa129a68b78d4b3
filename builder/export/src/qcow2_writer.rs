//! A qcow2 target. Its compressed clusters follow each other in the file, so it is filled in the order of the disk.
//!
//! In: packed chunks by rising offset. Out: the file, its head last. Never: more than a few MiB of it in memory.

use std::os::unix::fs::FileExt;

use dibber_format::qcow2::{Options, Packed, Packer, Qcow2Error};

use super::worker::PackedClusters;
use super::{PourError, Target};

/// Bytes that are appended at a time.
const FLUSH: usize = 1 << 20;

/// An image that is being written.
pub(super) struct Qcow2Writer<'a> {
    /// Which target it is.
    pub(super) index: usize,
    target: Target<'a>,
    options: Options,
    packer: Packer,
    body: Vec<u8>,
    /// Where in the file `body` goes.
    at: u64,
}

impl<'a> Qcow2Writer<'a> {
    pub(super) fn new(
        len: u64,
        index: usize,
        target: &Target<'a>,
        options: Options,
    ) -> Result<Self, PourError> {
        let packer = Packer::new(len, options).map_err(|source| refused(target, source))?;
        let at = packer.head_len();
        Ok(Qcow2Writer { index, target: *target, options, packer, body: Vec::new(), at })
    }

    /// Virtual size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.packer.size()
    }

    /// Takes the next chunk, which starts at byte `start` of the disk.
    pub(super) fn append(&mut self, start: u64, packed: &PackedClusters) -> Result<(), PourError> {
        let cluster = u64::from(self.options.cluster);
        let mut bytes = &packed.bytes[..];
        for (index, kind) in (start / cluster..).zip(&packed.kinds) {
            let len = match kind {
                // Also the clusters past the end of the disk, in its last chunk.
                Packed::Zero => continue,
                Packed::Compressed(len) => *len as usize,
                Packed::Plain => self.options.cluster as usize,
            };
            let (now, rest) = bytes.split_at(len);
            bytes = rest;
            self.packer
                .push(index, *kind, now, &mut self.body)
                .map_err(|source| refused(&self.target, source))?;
        }
        if self.body.len() >= FLUSH { self.flush() } else { Ok(()) }
    }

    /// Writes the tables and the head, and tells the file's length.
    pub(super) fn finish(self) -> Result<u64, PourError> {
        let Qcow2Writer { target, packer, mut body, at, .. } = self;
        let head = packer.finish(&mut body);
        write(&target, &body, at)?;
        write(&target, &head, 0)?;
        Ok(at + body.len() as u64)
    }

    fn flush(&mut self) -> Result<(), PourError> {
        write(&self.target, &self.body, self.at)?;
        self.at += self.body.len() as u64;
        self.body.clear();
        Ok(())
    }
}

fn refused(target: &Target<'_>, source: Qcow2Error) -> PourError {
    PourError::Container { path: target.path.to_path_buf(), source }
}

fn write(target: &Target<'_>, bytes: &[u8], at: u64) -> Result<(), PourError> {
    target.file.write_all_at(bytes, at).map_err(|e| PourError::write(target.path, at, e))
}
