//! A pool of workers, and the order of their work: chunks are packed in parallel, and appended to a qcow2 file one after the other.
//!
//! In: chunks. Out: the same chunks, done, in the same order. Never: more of them under way than memory allows.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use dibber_model::Extents;

use super::chunk::{Chunk, Chunks};
use super::files::Files;
use super::qcow2_writer::Qcow2Writer;
use super::worker::{PackedClusters, Worker};
use super::{Container, PourError, Target};

/// Bytes of the disk that one worker handles at a time: it stays in a core's cache, and writes of this size work longer
/// than they wait for the inode's lock.
const CHUNK: usize = 512 << 10;
/// Bytes of chunks that may be under way, packed or waiting for an earlier one.
const UNDER_WAY: usize = 64 << 20;

/// A chunk on its way to a worker.
struct Task {
    /// Its place in the order.
    turn: u64,
    chunk: Chunk,
    /// Room for what is packed, for each qcow2 target.
    room: Vec<PackedClusters>,
}

/// A chunk on its way back.
struct TaskReport {
    turn: u64,
    chunk: Chunk,
    /// The outer error is a panic, which the calling thread passes on.
    result: thread::Result<Result<Vec<PackedClusters>, PourError>>,
}

/// What all workers share.
pub(super) struct WorkerPool<'a> {
    pub(super) extents: &'a Extents,
    pub(super) files: &'a dyn Files,
    pub(super) targets: &'a [Target<'a>],
    pub(super) threads: usize,
}

impl WorkerPool<'_> {
    /// Sends every chunk through the workers, and what they packed, in order, to the images.
    pub(super) fn run(
        &self,
        writers: &mut [Qcow2Writer<'_>],
        progress: &dyn Fn(u64),
    ) -> Result<(), PourError> {
        let cluster = |target: &Target<'_>| match target.container {
            Container::Raw => 0,
            Container::Qcow2(options) => options.cluster as usize,
        };
        // Both are powers of two, so that a chunk is a whole number of every image's clusters.
        let size = self.targets.iter().map(cluster).fold(CHUNK, usize::max);
        // Enough for every worker to have one at hand while the slowest holds the order up.
        let under_way = (UNDER_WAY / size).min(4 * self.threads).max(self.threads + 1);
        let (give, tasks) = crossbeam_channel::bounded::<Task>(under_way);
        let (report, reports) = crossbeam_channel::bounded::<TaskReport>(under_way);
        thread::scope(|scope| {
            for _ in 0..self.threads {
                let worker = Worker::new(self.extents, self.files, self.targets, size)?;
                let (tasks, report) = (tasks.clone(), report.clone());
                scope.spawn(move || run_worker(worker, &tasks, &report));
            }
            let order = ChunkOrder { give, reports, under_way: under_way as u64, size: size as u64 };
            order.keep(self.extents, writers, progress)
        })
    }
}

/// A worker's life. It ends when no task comes, or when no one listens because another chunk failed.
fn run_worker(mut worker: Worker<'_>, tasks: &Receiver<Task>, report: &Sender<TaskReport>) {
    for Task { turn, chunk, mut room } in tasks {
        // A chunk that is never reported would be waited for without end.
        let work = AssertUnwindSafe(|| worker.work(&chunk, &mut room));
        let result = catch_unwind(work).map(|result| result.map(|()| room));
        if report.send(TaskReport { turn, chunk, result }).is_err() {
            break;
        }
    }
}

/// The calling thread's side.
struct ChunkOrder {
    give: Sender<Task>,
    reports: Receiver<TaskReport>,
    under_way: u64,
    size: u64,
}

impl ChunkOrder {
    /// Hands chunks out, and takes them back in order.
    fn keep(
        self,
        extents: &Extents,
        writers: &mut [Qcow2Writer<'_>],
        progress: &dyn Fn(u64),
    ) -> Result<(), PourError> {
        let mut chunks = Chunks::new(extents, self.size);
        let mut early = BTreeMap::new();
        let mut spare: Vec<Vec<PackedClusters>> = Vec::new();
        let (mut given, mut next) = (0, 0);
        loop {
            while given < next + self.under_way
                && let Some(chunk) = chunks.next()
            {
                let room = spare.pop().unwrap_or_else(|| vec![PackedClusters::default(); writers.len()]);
                let task = Task { turn: given, chunk, room };
                self.give.send(task).expect("workers listen until `give` is dropped");
                given += 1;
            }
            if next == given {
                return Ok(());
            }
            let TaskReport { turn, chunk, result } =
                self.reports.recv().expect("each task is reported, panic or not");
            early.insert(turn, (chunk, result.unwrap_or_else(|panic| resume_unwind(panic))?));
            while let Some((chunk, packed)) = early.remove(&next) {
                for (writer, clusters) in writers.iter_mut().zip(&packed) {
                    writer.append(chunk.start, clusters)?;
                }
                progress((chunk.start + self.size).min(extents.len()));
                spare.push(packed);
                next += 1;
            }
        }
    }
}
