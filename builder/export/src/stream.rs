//! Extents as one compressed stream: an initramfs.
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

use super::files::{FileReader, Files};
use super::fill::fill_buffer;
use super::tar::NamedWriter;
use super::{PourError, WriteOptions};

/// Bytes that are compressed at a time: many times deflate's window of 32 KiB, which each block starts without.
const BLOCK: usize = 1 << 20;
/// Bytes of an xz block, each with a dictionary of its own.
const XZ_BLOCK: u64 = 16 << 20;

/// How a stream is compressed, each with the level of the program of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamCompression {
    /// Not at all.
    Plain,
    /// gzip, one member; 1 to 9.
    Gzip(u8),
    /// Zstandard, one frame; 1 to 19, whose windows of at most 8 MiB every reader takes.
    Zstd(u8),
    /// xz, one stream of several blocks, with the CRC32 that the kernel knows; 0 to 9.
    Xz(u8),
}

/// Where a compressed stream goes.
pub struct CompressedStream<'a> {
    /// What takes the compressed bytes.
    pub to: NamedWriter<'a>,
    /// How it is compressed.
    pub compression: StreamCompression,
}

/// Writes the extents, compressed.
pub fn write_stream(
    extents: &Extents,
    files: &dyn Files,
    stream: CompressedStream<'_>,
    options: WriteOptions<'_>,
) -> Result<(), PourError> {
    let CompressedStream { to, compression } = stream;
    let path = to.path;
    let source = BlockSource { extents, files, options };
    let mut out = CountingWriter { to, at: 0 };
    let threads = u32::try_from(options.threads.max(1)).unwrap_or(u32::MAX);
    let fail = |at: u64| move |source| PourError::write(path, at, source);
    match compression {
        StreamCompression::Plain => source.copy(&mut out, path),
        StreamCompression::Gzip(level) => source.deflate(&mut out, level),
        StreamCompression::Zstd(level) => {
            let mut zstd = zstd::Encoder::new(&mut out, i32::from(level.clamp(1, 19))).map_err(fail(0))?;
            // Also for one thread: without workers, zstd cuts otherwise.
            zstd.multithread(threads).map_err(fail(0))?;
            zstd.include_checksum(true).map_err(fail(0))?;
            zstd.set_pledged_src_size(Some(extents.len())).map_err(fail(0))?;
            source.copy(&mut zstd, path)?;
            zstd.finish().map_err(fail(extents.len()))?;
            Ok(())
        }
        StreamCompression::Xz(preset) => {
            let encoder = MtStreamBuilder::new()
                .threads(threads)
                .block_size(XZ_BLOCK)
                .preset(u32::from(preset.min(9)))
                .check(Check::Crc32)
                .encoder()
                .map_err(|e| fail(0)(e.into()))?;
            let mut xz = XzEncoder::new_stream(&mut out, encoder);
            source.copy(&mut xz, path)?;
            xz.finish().map_err(fail(extents.len()))?;
            Ok(())
        }
    }
}

/// Where bytes go, and how many there were.
struct CountingWriter<'a> {
    to: NamedWriter<'a>,
    at: u64,
}

impl Write for CountingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.to.to.write(bytes)?;
        self.at += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.to.flush()
    }
}

impl CountingWriter<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), PourError> {
        let at = self.at;
        self.write_all(bytes).map_err(|e| PourError::write(self.to.path, at, e))
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
    fn new(extents: &'a Extents) -> Self {
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

/// What is read block by block.
struct BlockSource<'a> {
    extents: &'a Extents,
    files: &'a dyn Files,
    options: WriteOptions<'a>,
}

impl BlockSource<'_> {
    /// Writes every block in order, through one writer.
    fn copy(&self, to: &mut dyn Write, path: &Path) -> Result<(), PourError> {
        let mut reader = FileReader::new(self.files);
        let mut buffer = vec![0; BLOCK];
        for block in Blocks::new(self.extents) {
            let bytes = &mut buffer[..block.len];
            fill_buffer(&self.extents.as_slice()[block.extents], block.start, &mut reader, bytes)?;
            to.write_all(bytes).map_err(|e| PourError::write(path, block.start, e))?;
            (self.options.progress)(block.start + block.len as u64);
        }
        Ok(())
    }

    /// Sends blocks through threads, and writes their streams in order.
    fn deflate(&self, out: &mut CountingWriter<'_>, level: u8) -> Result<(), PourError> {
        let path = out.to.path;
        let threads = self.options.threads.max(1);
        thread::scope(|scope| {
            let (give, tasks) = crossbeam_channel::unbounded::<Task>();
            for _ in 0..threads {
                let codec = gzip::Codec::new(level)
                    .map_err(|source| PourError::Level { path: path.to_path_buf(), source })?;
                let reader = FileReader::new(self.files);
                let (tasks, worker) = (tasks.clone(), Deflater { extents: self.extents, reader, codec });
                scope.spawn(move || worker.run(&tasks));
            }
            drop(tasks);
            out.put(&gzip::HEAD)?;
            let mut tail = gzip::Tail::default();
            let mut blocks = Blocks::new(self.extents);
            let mut awaited: VecDeque<AwaitedBlock> = VecDeque::new();
            loop {
                // Enough for every thread to have one at hand while the oldest holds the order up.
                while awaited.len() < 4 * threads
                    && let Some(block) = blocks.next()
                {
                    let (report, packed) = crossbeam_channel::bounded(1);
                    awaited.push_back(AwaitedBlock { start: block.start, len: block.len, packed });
                    // No thread is left to take it if all have panicked, and then the scope says so.
                    let _ = give.send(Task { block, report });
                }
                let Some(AwaitedBlock { start, len, packed }) = awaited.pop_front() else { break };
                let packed = packed.recv().expect("a worker reports each task unless it panics")?;
                out.put(&packed.bytes)?;
                tail.add(&packed.sum, len);
                (self.options.progress)(start + len as u64);
            }
            drop(give);
            out.put(&tail.finish())
        })
    }
}

/// A block, and where its stream is awaited.
struct Task {
    block: Block,
    report: Sender<Result<PackedBlock, PourError>>,
}

/// A block's stream, and the checksum of what it was made of.
struct PackedBlock {
    bytes: Vec<u8>,
    sum: gzip::Sum,
}

/// A block whose stream comes next but for those before it.
struct AwaitedBlock {
    start: u64,
    len: usize,
    packed: Receiver<Result<PackedBlock, PourError>>,
}

/// A thread's own state.
struct Deflater<'a> {
    extents: &'a Extents,
    reader: FileReader<'a>,
    codec: gzip::Codec,
}

impl Deflater<'_> {
    /// A worker's life. It ends when no task comes; that no one listens for one that failed is no matter.
    fn run(mut self, tasks: &Receiver<Task>) {
        let mut buffer = vec![0; BLOCK];
        for Task { block, report } in tasks {
            let buffer = &mut buffer[..block.len];
            let extents = &self.extents.as_slice()[block.extents];
            let packed = fill_buffer(extents, block.start, &mut self.reader, buffer).map(|()| {
                let mut bytes = Vec::new();
                let sum = self.codec.pack(buffer, &mut bytes);
                PackedBlock { bytes, sum }
            });
            let _ = report.send(packed);
        }
    }
}
