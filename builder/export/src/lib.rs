//! Extents, poured into files: each source is read once, whatever the number of outputs. Where osbuild writes a raw disk and converts
//! it, here the disk is a list of bytes and references to files, from which every output is written directly.
//!
//! In: extents, the files that they refer to, and open empty files to fill. Out: those files, and what is true of them.
//! Never: a byte that depends on the number of threads; a temporary copy; a second read of a source.
//!
//! The disk is cut into chunks. Workers take chunks in order, gather their bytes, write them to the raw outputs and pack
//! their clusters for the qcow2 ones. The calling thread puts packed chunks back in order and appends them. Only so many
//! chunks are under way at a time, so memory does not depend on the size of the disk.
#![forbid(unsafe_code)]

mod chunk;
mod container;
mod error;
mod files;
mod fill;
mod pax;
mod pool;
mod qcow2_writer;
mod qemu_img;
mod raw;

mod sparse;
mod squashfs;
mod stream;
mod sums;
mod tar;
mod tool;
mod worker;

use std::fs::File;
use std::path::{Path, PathBuf};

use dibber_format::qcow2;
use dibber_model::Extents;

pub use container::{ContainerImage, write_container};
pub use error::PourError;
pub use files::{Files, Stamp};
pub use qemu_img::{Conversion, convert_raw};
pub use squashfs::{Squashfs, write_squashfs};
pub use stream::{CompressedStream, StreamCompression, write_stream};
pub use sums::{Sums, checksums};
pub use tar::{NamedWriter, write_aci, write_tar, write_tgz};
pub use tool::ToolError;

use pool::WorkerPool;
use qcow2_writer::Qcow2Writer;

/// The shape of an output file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// The disk as it is; blocks of zeros stay holes.
    Raw,
    /// qcow2 version 3.
    Qcow2(qcow2::Options),
}

/// A file to fill.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Open for reading and writing, and empty.
    pub file: &'a File,
    /// Its name, for messages.
    pub path: &'a Path,
    /// What it becomes.
    pub container: Container,
    /// Whether to tell its checksums; that reads it again, from the page cache, on two threads.
    pub sums: bool,
}

/// How files are written; no byte depends on it.
#[derive(Clone, Copy)]
pub struct WriteOptions<'a> {
    /// Number of workers, at least 1.
    pub threads: usize,
    /// Told, on the calling thread, up to which byte of the disk everything is done.
    pub progress: &'a dyn Fn(u64),
}

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poured {
    /// Length of the disk in bytes; in qcow2 rounded up to whole sectors of 512.
    pub len: u64,
    /// Length of the file in bytes, holes included.
    pub file_len: u64,
    /// Its checksums, if they were asked for.
    pub sums: Option<Sums>,
}

/// Something of a tree that an output could not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where in the tree.
    pub path: PathBuf,
    /// What, and why.
    pub what: String,
}

/// Fills every target with the same disk. After an error the targets hold nothing of use; a qcow2 target then has no
/// header yet and is no image.
pub fn pour(
    extents: &Extents,
    files: &dyn Files,
    targets: &[Target<'_>],
    options: WriteOptions<'_>,
) -> Result<Vec<Poured>, PourError> {
    let mut poured = vec![Poured { len: extents.len(), file_len: extents.len(), sums: None }; targets.len()];
    let mut writers = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        match target.container {
            Container::Raw => target
                .file
                .set_len(extents.len())
                .map_err(|e| PourError::write(target.path, extents.len(), e))?,
            Container::Qcow2(options) => {
                writers.push(Qcow2Writer::new(extents.len(), index, target, options)?);
            }
        }
    }
    let pool = WorkerPool { extents, files, targets, threads: options.threads.max(1) };
    pool.run(&mut writers, options.progress)?;
    for writer in writers {
        let done = &mut poured[writer.index];
        done.len = writer.size();
        done.file_len = writer.finish()?;
    }
    for (done, sums) in poured.iter_mut().zip(sums::of_targets(targets)?) {
        done.sums = sums;
    }
    Ok(poured)
}
