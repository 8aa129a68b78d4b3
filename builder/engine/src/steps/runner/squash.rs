//! Layers of one phase merged into one: overlayfs looks a missing name up in every layer, so a tree of many layers is slow.
//!
//! In: a runner at the end of a phase. Out: the same tree, of fewer layers. Never: a change to what the tree holds.

use std::path::PathBuf;

use dibber_model::{Digest, Phase};
use dibber_store::{CheckpointMeta, Lookup, layers, squash_id};

use super::StepRunner;
use crate::event::Event;
use crate::steps::error::StepError;
use crate::steps::tree::TreeLayer;

/// Deeper than this, every missed look-up in the tree costs too much: 20,000 of them take 0.5 s over 20 layers.
const DEEP: usize = 20;

impl StepRunner<'_> {
    /// Merges the layers of a phase, those from number `below` on, into one where the tree has become deep.
    pub(super) fn squash(&mut self, phase: Phase, below: usize) -> Result<(), StepError> {
        if self.layers.len() <= DEEP || self.layers.len() - below < 2 {
            return Ok(());
        }
        let squashed: Vec<Digest> = self.layers[below..].iter().map(|layer| layer.checkpoint).collect();
        let id = squash_id(&squashed);
        let _lock = self.session.lock_step(id, || ())?;
        let found = self.session.find(id)?;
        if let Lookup::Dropped(why) = &found {
            self.events.emit(Event::Warning { text: why.to_string() });
        }
        let layer = match found {
            Lookup::Whole(checkpoint) => checkpoint.layer(),
            Lookup::Missing | Lookup::Dropped(_) => {
                self.session.compare(squashed.iter().copied())?;
                let draft = self.session.draft()?;
                let paths = |layers: &[TreeLayer]| -> Vec<PathBuf> {
                    layers.iter().map(|layer| layer.path.clone()).collect()
                };
                layers::squash(&paths(&self.layers[below..]), &paths(&self.layers[..below]), &draft.layer())?;
                let meta = CheckpointMeta {
                    parent: Some(self.kept_as.last()),
                    squashes: squashed,
                    ..self.checkpoint_meta(phase, "squash", serde_json::Value::Null)
                };
                draft.commit(id, meta)?.layer()
            }
        };
        if let Some(path) = layer {
            self.layers.truncate(below);
            self.layers.push(TreeLayer { checkpoint: id, path });
        }
        Ok(())
    }
}
