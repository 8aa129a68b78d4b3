//! The native tree: a small tree of this machine's architecture, made by the same steps from the same archive as a foreign image.
//!
//! In: its build. Out: the tree, mounted. Never: an image of it, or two builds of it at a time.
#![expect(clippy::disallowed_methods, reason = "names that the cache has, by digest")]

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use dibber_fs::Dir;
use dibber_model::{Arch, Digest};
use dibber_sandbox::interpreter::StandInTable;
use dibber_sandbox::{BinfmtMisc, NativePrograms, STORE};
use dibber_store::layers::Overlay;
use dibber_store::{Session, StoreError};
use rustix::fs::{FlockOperation, flock};

use super::programs::{PackagedTree, Versions, empty_table, stand_ins};
use crate::error::BuildError;
use crate::event::{BuildStage, Event, Events};
use crate::steps::{self, StandIns};
use crate::worker::job::BuildJob;

/// A mounted native tree.
pub(crate) struct NativeTree {
    overlay: Overlay,
    versions: Versions,
    /// Checkpoints of its layers.
    layers: Vec<Digest>,
    /// The architecture of the tree that is built.
    foreign_arch: Arch,
    /// The architecture of this one.
    arch: Arch,
}

impl NativeTree {
    /// Makes the native tree of a build, or finds it kept.
    pub(crate) fn prepare(
        build: &BuildJob,
        session: &Session,
        events: &dyn Events,
    ) -> Result<Option<NativeTree>, BuildError> {
        let Some(native) = &build.native else { return Ok(None) };
        if let Err(error) = BinfmtMisc::open() {
            let text =
                format!("no native programs stand in for those of {}: {error}", build.plan.target.arch);
            events.emit(Event::Warning { text });
            return Ok(None);
        }
        let start = Instant::now();
        events.emit(Event::StageStarted { stage: BuildStage::NativePrograms, bytes: None });
        let finished = {
            // Members of a set that are built at the same time share it: one makes it, the others wait.
            let _one = lock()?;
            steps::run(native, None, session, events)?
        };
        let at = session.scratch().join("twin");
        std::fs::create_dir_all(&at).map_err(|source| BuildError::File { path: at.clone(), source })?;
        let layers = finished.layers.iter().map(|layer| layer.checkpoint).collect();
        let paths: Vec<_> = finished.layers.into_iter().map(|layer| layer.path).collect();
        let overlay = Overlay::mount_read_only(&paths, &at).map_err(steps::StepError::from)?;
        let installed = tree(&overlay).and_then(|tree| Versions::installed(&tree));
        let versions = installed.map_err(|source| BuildError::File { path: at.join(steps::TREE), source })?;
        events.emit(Event::StageFinished {
            stage: BuildStage::NativePrograms,
            seconds: start.elapsed().as_secs_f64(),
        });
        let (foreign_arch, arch) = (build.plan.target.arch, native.plan.target.arch);
        Ok(Some(NativeTree { overlay, versions, layers, foreign_arch, arch }))
    }
}

impl StandIns for NativeTree {
    fn compare(&self, session: &Session) -> Result<(), StoreError> {
        session.compare(self.layers.iter().copied())
    }

    fn within(&self, theirs: &Dir) -> io::Result<NativePrograms> {
        let versions = Versions::installed(theirs).unwrap_or_default();
        let foreign = PackagedTree { tree: theirs, versions: &versions };
        let native = PackagedTree { tree: &tree(&self.overlay)?, versions: &self.versions };
        let rows = stand_ins(&foreign, &native);
        let table = StandInTable { rows, ..empty_table(self.foreign_arch, self.arch) };
        Ok(NativePrograms { build_dir: self.overlay.path().to_path_buf(), table })
    }
}

/// The tree itself: hooks made it, so what has its name may be anything.
fn tree(overlay: &Overlay) -> io::Result<Dir> {
    overlay.below(steps::TREE)
}

/// Held until it is dropped.
fn lock() -> Result<File, BuildError> {
    let path = Path::new(STORE).join("twin.lock");
    let fault = |source| BuildError::File { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(fault)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| fault(error.into()))?;
    Ok(file)
}
