//! A copy of the finished tree that is thrown away, for programs that make something of it.
//!
//! In: the finished layers. Out: what programs left in the copy. Never: a change to the layers.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dibber_model::{Phase, Side};
use dibber_plan::{Action, Plan, Step};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::Finished;
use super::bench::{self, Bench};
use super::error::StepError;
use crate::event::Event;
use crate::layers::Overlay;
use crate::loader::Scratch;
use crate::sandbox::What;
use crate::store::{Draft, Session};

/// The finished tree, mounted with a layer on top that nobody keeps.
pub struct ScratchTree<'a> {
    plan: &'a Plan,
    epoch: i64,
    overlay: Overlay,
    _draft: Draft<'a>,
}

impl<'a> ScratchTree<'a> {
    /// Mounts it. What is made of it reads the layers: they are compared before.
    pub fn open(
        finished: &Finished,
        session: &'a Session,
        (plan, epoch): (&'a Plan, i64),
    ) -> Result<Self, StepError> {
        session.compare(finished.layers.iter().map(|(id, _)| *id))?;
        let base = bench::base(session, plan, None)?;
        let layers = finished.layers.iter().map(|(_, path)| path.clone());
        let lowers: Vec<PathBuf> = std::iter::once(base).chain(layers).collect();
        let draft = session.draft()?;
        let overlay = Overlay::mount(&lowers, &draft.layer(), &draft.work("layer"), &draft.mount_point()?)?;
        Ok(ScratchTree { plan, epoch, overlay, _draft: draft })
    }

    /// Where the tree is.
    pub fn tree(&self) -> PathBuf {
        self.overlay.path().join("mnt")
    }
}

impl Scratch for ScratchTree<'_> {
    fn stage(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::write(self.overlay.path().join("hooks").join(name), bytes)
    }

    fn run(&self, argv: &[&str]) -> Result<(), String> {
        let said = std::sync::Mutex::new(String::new());
        let hear = |event: Event| {
            if let (Event::Output { line }, Ok(mut said)) = (event, said.lock()) {
                said.push_str(&line);
                said.push('\n');
            }
        };
        let bench = Bench::new(self.plan, self.epoch, self.overlay.path(), &hear).without_environment();
        let words: Vec<String> = argv.iter().map(ToString::to_string).collect();
        let what = What::Command(&words);
        let action = Action::Script { path: String::new() };
        let step =
            Step { phase: Phase::Finalise, name: "boot loader".into(), element: "dibber".into(), action };
        let result = bench.call(Side::Chroot, what, &step);
        drop(bench);
        let said = said.into_inner().unwrap_or_default();
        result.map(drop).map_err(|error| format!("{error}\n{said}"))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        read_in(&self.tree(), Path::new(path))
    }
}

/// Length and time of modification of a regular file of a tree, if no part of its path is a link.
pub(crate) fn stat_in(tree: &Path, path: &str) -> Option<(u64, i64)> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, tree, flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    let meta = File::from(openat2(&root, path, flags, Mode::empty(), resolve).ok()?).metadata().ok()?;
    meta.is_file().then(|| (meta.len(), std::os::unix::fs::MetadataExt::mtime(&meta)))
}

/// Reads a file of a tree as if the tree were the root: its links lead nowhere else.
pub(crate) fn read_in(tree: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let root =
        rustix::fs::openat(CWD, tree, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file =
        openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)?;
    let mut file = File::from(file);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
