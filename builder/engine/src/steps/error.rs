//! Why a step did not succeed.
//!
//! In: errors of hooks, the sandbox, the store. Out: a sentence for people. Never: an exit code; the kind of a failure decides that.

use std::io;
use std::path::PathBuf;

use dibber_plan::elements::ElementError;
use dibber_sandbox::SandboxError;
use dibber_store::StoreError;
use dibber_store::layers::LayerError;

use crate::failure::HookFailure;

/// Said wherever the failure is told: what a program prints when it finds no network seldom says why there is none.
fn no_network(failure: &HookFailure) -> String {
    let why = failure.no_network.as_ref();
    why.map_or_else(String::new, |why| format!("; this step has no network ({why})"))
}

fn because(limit: &Option<String>) -> String {
    limit.as_ref().map(|limit| format!(": {limit}")).unwrap_or_default()
}

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// A hook ended badly.
    #[error(
        "{}/{} of element {} failed with {}{}{}",
        .0.phase, .0.name, .0.element, .0.end, because(&.0.limit), no_network(.0)
    )]
    Hook(Box<HookFailure>),
    /// root.d left no tree.
    #[error("the root phase left an empty tree; some element must provide an operating system in root.d")]
    NoTree,
    /// A hook took the tree away.
    #[error("a hook put something else in the place of the tree ($TMP_BUILD_DIR/mnt): {source}")]
    TreeGone {
        /// What the system said.
        source: io::Error,
    },
    /// Hooks left more than is taken along to later steps.
    #[error(
        "the hooks up to {step} have left {what}, and no image needs that many; look for a hook that makes them in an endless loop"
    )]
    TooMuch {
        /// The step, as `PHASE/NAME`.
        step: String,
        /// What, with the bound: `more than 200 mounts`.
        what: String,
    },
    /// The sandbox could not run it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The store could not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Layers could not be mounted or merged.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Elements ask for what cannot be.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// What a checkpoint remembers cannot be read.
    #[error(
        "what a checkpoint keeps besides its layer cannot be read: {0}; `dibber cache prune --all` removes it"
    )]
    State(String),
    /// A name of the hooks directory could not be made.
    #[error(
        "cannot lay out {path}: {source}; if two elements have a file, a link or a directory of that name, rename one of them"
    )]
    Layout {
        /// Its path in dib's TMP_BUILD_DIR.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Puts the file's name to an error of the system.
pub(super) fn path_error(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StepError {
    let path = path.into();
    move |source| StepError::File { path, source }
}
