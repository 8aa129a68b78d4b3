//! What one thread does with a chunk: it reads it, writes it to the raw targets, and compresses its clusters for the qcow2 ones.
//!
//! In: a chunk. Out: its bytes in every raw target, and packed for every qcow2 one. Never: anything whose order matters.

use dibber_format::qcow2::{Codec, Options, Packed};
use dibber_model::Extents;

use super::chunk::Chunk;
use super::files::{FileReader, Files};
use super::fill::fill_buffer;
use super::{Container, PourError, Target, raw};

/// The clusters of a chunk, packed for one image.
#[derive(Clone, Default)]
pub(super) struct PackedClusters {
    /// What became of each cluster.
    pub(super) kinds: Vec<Packed>,
    /// Their bytes, one behind the other.
    pub(super) bytes: Vec<u8>,
}

/// A thread's own state.
pub(super) struct Worker<'a> {
    extents: &'a Extents,
    reader: FileReader<'a>,
    targets: &'a [Target<'a>],
    codecs: Vec<(Options, Codec)>,
    buffer: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        extents: &'a Extents,
        files: &'a dyn Files,
        targets: &'a [Target<'a>],
        size: usize,
    ) -> Result<Self, PourError> {
        let mut codecs = Vec::new();
        for target in targets {
            if let Container::Qcow2(options) = target.container {
                let codec = Codec::new(options)
                    .map_err(|source| PourError::Container { path: target.path.to_path_buf(), source })?;
                codecs.push((options, codec));
            }
        }
        Ok(Worker { extents, reader: FileReader::new(files), targets, codecs, buffer: vec![0; size] })
    }

    /// Handles one chunk; `room` has a packing for each qcow2 target.
    pub(super) fn work(&mut self, chunk: &Chunk, room: &mut [PackedClusters]) -> Result<(), PourError> {
        let extents = &self.extents.as_slice()[chunk.extents.clone()];
        fill_buffer(extents, chunk.start, &mut self.reader, &mut self.buffer)?;
        let within = (self.extents.len() - chunk.start).min(self.buffer.len() as u64) as usize;
        for target in self.targets {
            if target.container == Container::Raw {
                raw::write(target, chunk.start, &self.buffer[..within])?;
            }
        }
        for ((options, codec), packing) in self.codecs.iter_mut().zip(room) {
            packing.kinds.clear();
            packing.bytes.clear();
            for cluster in self.buffer.chunks_exact(options.cluster as usize) {
                packing.kinds.push(codec.pack(cluster, &mut packing.bytes));
            }
        }
        Ok(())
    }
}
