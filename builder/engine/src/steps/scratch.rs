//! A copy of the finished tree that is thrown away, for programs that make something of it.
//!
//! In: the finished layers. Out: what programs left in the copy. Never: a change to the layers.

use std::collections::BTreeMap;
use std::io;

use dibber_fs::{Dir, read_in_root};
use dibber_model::Phase;
use dibber_plan::{Action, Plan, Step};
use dibber_sandbox::HookCommand;
use dibber_store::Session;

use super::error::StepError;
use super::sandbox::StepSandbox;
use super::tree::StepTree;
use super::{Finished, TREE, WORK};
use crate::bootloader::GrubTree;
use crate::event::Event;
use crate::worker::job::BuildJob;

/// The largest file that is read from the copy, in bytes: a core image of GRUB's has less than one MiB.
const LARGEST: u64 = 64 << 20;

/// The finished tree, mounted with a layer on top that nobody keeps.
pub(crate) struct ScratchTree<'a> {
    plan: &'a Plan,
    epoch: i64,
    mounted: StepTree<'a>,
}

impl<'a> ScratchTree<'a> {
    /// Mounts it. What is made of it reads the layers: they are compared before.
    pub(crate) fn open(
        finished: &Finished,
        session: &'a Session,
        build: &'a BuildJob,
    ) -> Result<Self, StepError> {
        session.compare(finished.layers.iter().map(|layer| layer.checkpoint))?;
        let mounted = StepTree::mount(session, &finished.layers, &build.plan, None)?;
        Ok(ScratchTree { plan: &build.plan, epoch: build.epoch, mounted })
    }

    /// The tree.
    pub(crate) fn tree(&self) -> io::Result<Dir> {
        self.mounted.below(TREE)
    }

    /// What host-side hooks left in the directory in which they work.
    pub(crate) fn work(&self) -> io::Result<Dir> {
        self.mounted.below(WORK)
    }
}

/// Bytes of what the tree's own loader programs print that are kept for an error.
const SAID: usize = 16 << 10;

impl GrubTree for ScratchTree<'_> {
    fn run(&self, argv: &[&str], staged: &BTreeMap<String, String>) -> Result<(), String> {
        let said = std::sync::Mutex::new(String::new());
        let hear = |event: Event| {
            if let (Event::Output { line, .. }, Ok(mut said)) = (event, said.lock()) {
                // The first words of what went wrong are what is told.
                let room = SAID.saturating_sub(said.len());
                said.extend(line.chars().chain(['\n']).take(room));
            }
        };
        let sandbox =
            StepSandbox::new(self.plan, self.epoch, self.mounted.path(), &hear).without_environment();
        let words: Vec<String> = argv.iter().map(ToString::to_string).collect();
        let what = HookCommand::Command(&words);
        let action = Action::Script { path: String::new() };
        let step =
            Step { phase: Phase::Finalise, name: "boot loader".into(), element: "dibber".into(), action };
        let result = sandbox.call_with_texts(what, staged, &step);
        drop(sandbox);
        let said = said.into_inner().unwrap_or_default();
        result.map(drop).map_err(|error| format!("{error}\n{said}"))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        read_in_root(&self.tree()?, path, LARGEST)
    }
}
