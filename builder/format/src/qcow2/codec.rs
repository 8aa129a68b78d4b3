//! One cluster, compressed.
//!
//! In: the bytes of a cluster. Out: nothing for zeros, fewer bytes if that is possible, else all of them. Never: memory
//! of earlier clusters: equal clusters give equal bytes, whichever thread and order.

use alloc::boxed::Box;
use alloc::vec::Vec;

use flate2::{Compress, FlushCompress, Status};
use zstd::bulk::Compressor;

use super::{Compression, Options, Qcow2Error};

/// Window of deflate, as a power of two. QEMU inflates with `inflateInit2(-12)`, so a longer one is not safe to read.
const WINDOW_BITS: u8 = 12;

/// What became of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// All zeros: nothing is stored.
    Zero,
    /// This many bytes, fewer than a cluster.
    Compressed(u32),
    /// As it is.
    Plain,
}

enum Engine {
    None,
    Zlib(Box<Compress>),
    Zstd(Box<Compressor<'static>>),
}

/// A compressor for clusters; one for each thread.
pub struct Codec {
    engine: Engine,
    room: Vec<u8>,
}

impl Codec {
    /// A compressor for the clusters of one image.
    pub fn new(options: Options) -> Result<Self, Qcow2Error> {
        options.check()?;
        let engine = match options.compression {
            Compression::None => Engine::None,
            Compression::Zlib { level } => {
                let level = flate2::Compression::new(u32::from(level));
                Engine::Zlib(Box::new(Compress::new_with_window_bits(level, false, WINDOW_BITS)))
            }
            Compression::Zstd { level } => {
                Engine::Zstd(Box::new(Compressor::new(i32::from(level)).map_err(|_| Qcow2Error::Codec)?))
            }
        };
        Ok(Codec { engine, room: alloc::vec![0; longest(options.cluster as usize)] })
    }

    /// Packs one whole cluster and appends to `out` what is to be stored of it.
    pub fn pack(&mut self, cluster: &[u8], out: &mut Vec<u8>) -> Packed {
        if is_zero(cluster) {
            return Packed::Zero;
        }
        let compressed = match &mut self.engine {
            Engine::None => None,
            Engine::Zlib(deflate) => {
                deflate.reset();
                match deflate.compress(cluster, &mut self.room, FlushCompress::Finish) {
                    Ok(Status::StreamEnd) => Some(deflate.total_out() as usize),
                    _ => None,
                }
            }
            Engine::Zstd(zstd) => zstd.compress_to_buffer(cluster, &mut self.room[..]).ok(),
        };
        match compressed.filter(|len| *len < cluster.len()) {
            Some(len) => {
                out.extend_from_slice(&self.room[..len]);
                Packed::Compressed(len as u32)
            }
            None => {
                out.extend_from_slice(cluster);
                Packed::Plain
            }
        }
    }
}

/// Room in which every cluster's stream comes to its end: `deflateBound`'s formula for short windows, and more than zstd
/// wants. zlib-rs 0.6.8 panics when a stream that was cut short is reset and used again.
fn longest(cluster: usize) -> usize {
    cluster + cluster.div_ceil(8) + cluster.div_ceil(64) + 64
}

/// Whether every byte is zero. Most clusters answer at their first bytes.
fn is_zero(bytes: &[u8]) -> bool {
    // Compared by blocks, each folded without a branch: the compiler makes vector code of it.
    bytes.chunks(256).all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}
