//! Workers, and the order of their work.
//!
//! In: chunks. Out: the same chunks, done, in the same order. Never: more of them under way than memory allows.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use dibber_model::Extents;

use super::chunk::{Chunk, Chunks};
use super::ordered::Image;
use super::source::Files;
use super::worker::{Packing, Worker};
use super::{Container, PourError, Target};

/// Bytes of the disk that one worker handles at a time: it stays in a core's cache, and writes of this size work longer
/// than they wait for the inode's lock.
const CHUNK: usize = 512 << 10;
/// Bytes of chunks that may be under way, packed or waiting for an earlier one.
const UNDER_WAY: usize = 64 << 20;

/// A chunk on its way to a worker, with its place in the order and room for what is packed.
type Task = (u64, Chunk, Vec<Packing>);
/// The same on its way back; the outer error is a panic, which the calling thread passes on.
type Report = (u64, Chunk, thread::Result<Result<Vec<Packing>, PourError>>);

/// What all workers share.
pub(super) struct Crew<'a> {
    pub(super) extents: &'a Extents,
    pub(super) files: &'a dyn Files,
    pub(super) targets: &'a [Target<'a>],
    pub(super) threads: usize,
}

impl Crew<'_> {
    /// Sends every chunk through the workers, and what they packed, in order, to the images.
    pub(super) fn run(&self, images: &mut [Image<'_>], progress: &dyn Fn(u64)) -> Result<(), PourError> {
        let cluster = |target: &Target<'_>| match target.container {
            Container::Raw => 0,
            Container::Qcow2(options) => options.cluster as usize,
        };
        // Both are powers of two, so that a chunk is a whole number of every image's clusters.
        let size = self.targets.iter().map(cluster).fold(CHUNK, usize::max);
        // Enough for every worker to have one at hand while the slowest holds the order up.
        let under_way = (UNDER_WAY / size).min(4 * self.threads).max(self.threads + 1);
        let (give, tasks) = crossbeam_channel::bounded::<Task>(under_way);
        let (report, reports) = crossbeam_channel::bounded::<Report>(under_way);
        thread::scope(|scope| {
            for _ in 0..self.threads {
                let worker = Worker::new(self.extents, self.files, self.targets, size)?;
                let (tasks, report) = (tasks.clone(), report.clone());
                scope.spawn(move || toil(worker, &tasks, &report));
            }
            let order = Order { give, reports, under_way: under_way as u64, size: size as u64 };
            order.keep(self.extents, images, progress)
        })
    }
}

/// A worker's life. It ends when no task comes, or when no one listens because another chunk failed.
fn toil(mut worker: Worker<'_>, tasks: &Receiver<Task>, report: &Sender<Report>) {
    for (turn, chunk, mut room) in tasks {
        // A chunk that is never reported would be waited for without end.
        let work = AssertUnwindSafe(|| worker.work(&chunk, &mut room));
        let result = catch_unwind(work).map(|result| result.map(|()| room));
        if report.send((turn, chunk, result)).is_err() {
            break;
        }
    }
}

/// The calling thread's side.
struct Order {
    give: Sender<Task>,
    reports: Receiver<Report>,
    under_way: u64,
    size: u64,
}

impl Order {
    /// Hands chunks out, and takes them back in order.
    fn keep(
        self,
        extents: &Extents,
        images: &mut [Image<'_>],
        progress: &dyn Fn(u64),
    ) -> Result<(), PourError> {
        let mut chunks = Chunks::new(extents, self.size);
        let mut early = BTreeMap::new();
        let mut spare: Vec<Vec<Packing>> = Vec::new();
        let (mut given, mut next) = (0, 0);
        loop {
            while given < next + self.under_way
                && let Some(chunk) = chunks.next()
            {
                let room = spare.pop().unwrap_or_else(|| vec![Packing::default(); images.len()]);
                self.give.send((given, chunk, room)).expect("workers listen until `give` is dropped");
                given += 1;
            }
            if next == given {
                return Ok(());
            }
            let (turn, chunk, result) = self.reports.recv().expect("each task is reported, panic or not");
            early.insert(turn, (chunk, result.unwrap_or_else(|panic| resume_unwind(panic))?));
            while let Some((chunk, packed)) = early.remove(&next) {
                for (image, packing) in images.iter_mut().zip(&packed) {
                    image.append(chunk.start, packing)?;
                }
                progress((chunk.start + self.size).min(extents.len()));
                spare.push(packed);
                next += 1;
            }
        }
    }
}
