//! The layers of a tree with a draft on top, mounted as dib's `TMP_BUILD_DIR`. What programs change in it comes to lie in the draft, which
//! becomes the next layer or is thrown away.
//!
//! In: layers of checkpoints, and the hooks that a step sees. Out: a mounted directory; at its end, the draft. Never: a layer changed.
#![expect(
    clippy::disallowed_methods,
    reason = "a name in a draft of the cache, which no hook has been given yet"
)]

use std::path::{Path, PathBuf};
use std::{fs, io};

use dibber_fs::{Dir, os, remove_tree};
use dibber_model::{Digest, Phase};
use dibber_plan::Plan;
use dibber_plan::elements::hooks::StepPlace;
use dibber_plan::elements::run_parts;
use dibber_store::layers::{self, Overlay};
use dibber_store::{Draft, Session};
use serde::{Deserialize, Serialize};

use super::error::{StepError, path_error};
use super::hooks_directory::{HOOKS, HooksLayout};

/// One layer of a tree.
#[derive(Clone, Debug)]
pub(crate) struct TreeLayer {
    /// The checkpoint that it is of.
    pub checkpoint: Digest,
    /// Its directory.
    pub path: PathBuf,
}

/// A hook that an earlier hook put into the hooks directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Phase, String)", into = "(Phase, String)")]
pub(super) struct AddedHook {
    pub(super) phase: Phase,
    pub(super) name: String,
}

impl From<(Phase, String)> for AddedHook {
    fn from((phase, name): (Phase, String)) -> Self {
        AddedHook { phase, name }
    }
}

impl From<AddedHook> for (Phase, String) {
    fn from(hook: AddedHook) -> Self {
        (hook.phase, hook.name)
    }
}

/// Layers with a draft on top, mounted. Dropped, it is unmounted first, then removed.
pub(super) struct StepTree<'a> {
    overlay: Overlay,
    hooks: PathBuf,
    lowers: Vec<PathBuf>,
    draft: Draft<'a>,
}

/// Directories in which the sandbox puts something for as long as a program runs, deepest first.
const LENT_DIRS: [&str; 2] = ["mnt/etc", "mnt"];

/// Whether a layer changes what those below it say.
type IsChanged = fn(&Path, &[PathBuf]) -> Result<bool, StepError>;

impl<'a> StepTree<'a> {
    /// Mounts layers on the hooks that `view` sees; without it, on the elements' own files only.
    pub(super) fn mount(
        session: &'a Session,
        layers: &[TreeLayer],
        plan: &Plan,
        view: Option<StepPlace<'_>>,
    ) -> Result<Self, StepError> {
        let hooks = lay_out_hooks(session, plan, view)?;
        let layers = layers.iter().map(|layer| layer.path.clone());
        let lowers: Vec<PathBuf> = std::iter::once(hooks.clone()).chain(layers).collect();
        let draft = session.draft()?;
        let overlay = Overlay::mount(&lowers, &draft.layer(), &draft.work("layer"), &draft.mount_point()?)?;
        Ok(StepTree { overlay, hooks, lowers, draft })
    }

    /// Where it is mounted.
    pub(super) fn path(&self) -> &Path {
        self.overlay.path()
    }

    /// The tree and the hooks directory.
    pub(super) fn dir(&self) -> Result<Dir, StepError> {
        self.below("").map_err(path_error(self.path()))
    }

    /// A directory in it.
    pub(super) fn below(&self, path: &str) -> io::Result<Dir> {
        self.overlay.below(path)
    }

    /// Unmounts. What is left is the draft, with its layer if that changes what those below it say, and the hooks that were added.
    pub(super) fn close(self, is_changed: IsChanged) -> Result<(Draft<'a>, Vec<AddedHook>), StepError> {
        let layer = self.draft.layer();
        let added = self.dir().and_then(|merged| added_hooks(&layer, &merged).map_err(path_error(&layer)))?;
        let StepTree { overlay, hooks, lowers, draft } = self;
        overlay.unmount()?;
        // What the sandbox put there for the programs, and took away again.
        layers::prune(&layer, &lowers, &LENT_DIRS)?;
        if !is_changed(&layer, &lowers)? {
            draft.discard_part("layer")?;
        }
        remove_tree(&hooks).map_err(path_error(&hooks))?;
        Ok((draft, added))
    }
}

/// A fresh bottom layer: the hooks that this step may see.
fn lay_out_hooks(session: &Session, plan: &Plan, view: Option<StepPlace<'_>>) -> Result<PathBuf, StepError> {
    let base = session.scratch().join(HOOKS);
    remove_tree(&base).map_err(path_error(&base))?;
    fs::create_dir(&base).map_err(path_error(&base))?;
    let (dir, layout) = Dir::open(&base)
        .and_then(|dir| Ok((dir, HooksLayout::new(plan, view)?)))
        .map_err(path_error(&base))?;
    dibber_sandbox::without_store(|| layout.make(&dir))??;
    Ok(base)
}

/// Hooks that a step put into the hooks directory: names of its layer that lead to an executable file in the merged tree, as
/// `find -xtype f -executable` of dib-run-parts would have them.
fn added_hooks(layer: &Path, merged: &Dir) -> io::Result<Vec<AddedHook>> {
    let mut added = Vec::new();
    let layer = Dir::open(layer)?;
    for phase in Phase::all() {
        let place = Path::new(HOOKS).join(phase.directory());
        let Ok(names) = layer.below(&place).and_then(|dir| dir.names()) else { continue };
        for name in names.iter().map(|name| os(name)) {
            if run_parts::is_hook_name(&name.to_string_lossy()) && merged.is_program(place.join(name)) {
                added.push(AddedHook { phase, name: name.to_string_lossy().into_owned() });
            }
        }
    }
    added.sort();
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As checkpoints remember them.
    #[test]
    fn json_of_added_hooks() {
        let hook = AddedHook { phase: Phase::PreInstall, name: "10-x".into() };
        let text = serde_json::to_string(&hook).unwrap();
        assert_eq!(text, r#"["pre-install","10-x"]"#);
        assert_eq!(serde_json::from_str::<AddedHook>(&text).unwrap(), hook);
    }
}
