//! Extents as one compressed stream.
//!
//! In: extents and the files that they refer to. Out: one file, each source read once. Never: a byte that depends on the
//! number of threads; a temporary copy; more than some blocks in memory.
//!
//! gzip is cut into blocks here, which threads take in turn and this one puts back in order. zstd and xz bring threads of
//! their own, whose cut depends on the level alone.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use dibber_format::gzip;
use dibber_model::Extents;
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;

use super::gather::gather;
use super::source::{Files, Source};
use super::tar::Stream;
use super::{Manner, PourError};

/// Bytes that are compressed at a time: many times deflate's window of 32 KiB, which each block starts without.
const BLOCK: usize = 1 << 20;
/// Bytes of an xz block, each with a dictionary of its own.
const XZ_BLOCK: u64 = 16 << 20;

/// How a stream is compressed, each with the level of the program of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, one member; 1 to 9.
    Gzip(u8),
    /// Zstandard, one frame; 1 to 19, whose windows of at most 8 MiB every reader takes.
    Zstd(u8),
    /// xz, one stream of several blocks, with the CRC32 that the kernel knows; 0 to 9.
    Xz(u8),
}

/// Writes the extents, compressed.
pub fn stream(
    extents: &Extents,
    files: &dyn Files,
    (to, packing): (Stream<'_>, Packing),
    manner: Manner<'_>,
) -> Result<(), PourError> {
    let path = to.path;
    let mut out = Counted { stream: to, at: 0 };
    let fail = |at: u64| move |source| PourError::write(path, at, source);
    match packing {
        Packing::Plain => copy(extents, files, (&mut out, path), manner),
        Packing::Gzip(level) => deflate(extents, files, (&mut out, level), manner),
        Packing::Zstd(level) => {
            let workers = u32::try_from(manner.threads.max(1)).unwrap_or(u32::MAX);
            let mut zstd = zstd::Encoder::new(&mut out, i32::from(level.clamp(1, 19))).map_err(fail(0))?;
            // Also for one thread: without workers, zstd cuts otherwise.
            zstd.multithread(workers).map_err(fail(0))?;
            zstd.include_checksum(true).map_err(fail(0))?;
            zstd.set_pledged_src_size(Some(extents.len())).map_err(fail(0))?;
            copy(extents, files, (&mut zstd, path), manner)?;
            zstd.finish().map_err(fail(extents.len()))?;
            Ok(())
        }
        Packing::Xz(preset) => {
            let threads = u32::try_from(manner.threads.max(1)).unwrap_or(u32::MAX);
            let encoder = MtStreamBuilder::new()
                .threads(threads)
                .block_size(XZ_BLOCK)
                .preset(u32::from(preset.min(9)))
                .check(Check::Crc32)
                .encoder()
                .map_err(|e| fail(0)(e.into()))?;
            let mut xz = XzEncoder::new_stream(&mut out, encoder);
            copy(extents, files, (&mut xz, path), manner)?;
            xz.finish().map_err(fail(extents.len()))?;
            Ok(())
        }
    }
}

/// Where bytes go, and how many there were.
struct Counted<'a> {
    stream: Stream<'a>,
    at: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.stream.to.write(bytes)?;
        self.at += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.to.flush()
    }
}

/// A block of the whole, holes included.
struct Block {
    start: u64,
    len: usize,
    /// Which extents reach into it.
    extents: Range<usize>,
}

/// All blocks, in order.
struct Blocks<'a> {
    extents: &'a Extents,
    /// First extent that ends after `at`.
    first: usize,
    at: u64,
}

impl<'a> Blocks<'a> {
    fn of(extents: &'a Extents) -> Self {
        Blocks { extents, first: 0, at: 0 }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (start, list) = (self.at, self.extents.as_slice());
        let len = (self.extents.len() - start).min(BLOCK as u64);
        if len == 0 {
            return None;
        }
        self.at += len;
        self.first += list[self.first..].iter().take_while(|extent| extent.end() <= start).count();
        let reach = list[self.first..].iter().take_while(|extent| extent.at < self.at).count();
        Some(Block { start, len: len as usize, extents: self.first..self.first + reach })
    }
}

/// Every block in order, through one writer.
fn copy(
    extents: &Extents,
    files: &dyn Files,
    (to, path): (&mut dyn Write, &Path),
    manner: Manner<'_>,
) -> Result<(), PourError> {
    let mut source = Source::new(files);
    let mut buffer = vec![0; BLOCK];
    for block in Blocks::of(extents) {
        let bytes = &mut buffer[..block.len];
        gather(&extents.as_slice()[block.extents], block.start, &mut source, bytes)?;
        to.write_all(bytes).map_err(|e| PourError::write(path, block.start, e))?;
        (manner.progress)(block.start + block.len as u64);
    }
    Ok(())
}

/// A block, and where its stream is awaited.
type Task = (Block, Sender<Packed>);
/// A block's stream, and the checksum of what it was made of.
type Packed = Result<(Vec<u8>, gzip::Sum), PourError>;

/// Blocks through threads, and their streams in order.
fn deflate(
    extents: &Extents,
    files: &dyn Files,
    (out, level): (&mut Counted<'_>, u8),
    manner: Manner<'_>,
) -> Result<(), PourError> {
    let path = out.stream.path;
    let codec =
        || gzip::Codec::new(level).map_err(|source| PourError::Level { path: path.to_path_buf(), source });
    let threads = manner.threads.max(1);
    thread::scope(|scope| {
        let (give, tasks) = crossbeam_channel::unbounded::<Task>();
        for _ in 0..threads {
            let (tasks, worker) =
                (tasks.clone(), Deflater { extents, source: Source::new(files), codec: codec()? });
            scope.spawn(move || worker.toil(&tasks));
        }
        drop(tasks);
        let put = |out: &mut Counted<'_>, bytes: &[u8]| {
            let at = out.at;
            out.write_all(bytes).map_err(|e| PourError::write(path, at, e))
        };
        put(out, &gzip::HEAD)?;
        let mut tail = gzip::Tail::default();
        let mut blocks = Blocks::of(extents);
        let mut awaited: VecDeque<(u64, usize, Receiver<Packed>)> = VecDeque::new();
        loop {
            // Enough for every thread to have one at hand while the oldest holds the order up.
            while awaited.len() < 4 * threads
                && let Some(block) = blocks.next()
            {
                let (report, packed) = crossbeam_channel::bounded(1);
                awaited.push_back((block.start, block.len, packed));
                // No thread is left to take it if all have panicked, and then the scope says so.
                let _ = give.send((block, report));
            }
            let Some((start, len, packed)) = awaited.pop_front() else { break };
            let (bytes, sum) = packed.recv().expect("a worker reports each task unless it panics")?;
            put(out, &bytes)?;
            tail.add(&sum, len);
            (manner.progress)(start + len as u64);
        }
        drop(give);
        put(out, &tail.finish())
    })
}

/// A thread's own state.
struct Deflater<'a> {
    extents: &'a Extents,
    source: Source<'a>,
    codec: gzip::Codec,
}

impl Deflater<'_> {
    /// A worker's life. It ends when no task comes; that no one listens for one that failed is no matter.
    fn toil(mut self, tasks: &Receiver<Task>) {
        let mut buffer = vec![0; BLOCK];
        for (block, report) in tasks {
            let bytes = &mut buffer[..block.len];
            let extents = &self.extents.as_slice()[block.extents];
            let packed = gather(extents, block.start, &mut self.source, bytes).map(|()| {
                let mut out = Vec::new();
                let sum = self.codec.pack(bytes, &mut out);
                (out, sum)
            });
            let _ = report.send(packed);
        }
    }
}
