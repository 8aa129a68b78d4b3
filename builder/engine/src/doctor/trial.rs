//! A sandbox, tried on a store that is made like a build's, on the file system on which the cache is or will be.
//!
//! In: the place of the cache. Out: a store beside nothing of the person's, or why a build would be refused one. Never: the
//! cache itself made or changed; what is made for the trial goes with it.
#![expect(clippy::disallowed_methods, reason = "a directory that this run made")]

use std::fs;
use std::path::{Path, PathBuf};

use dibber_sandbox::{Isolation, SandboxGrants};
use dibber_store::{Site, Store, TRIAL};
use tempfile::TempDir;

use crate::failure::{Failure, fault};
use crate::preflight;

/// A store to try a sandbox on; removed when this is dropped.
pub(super) struct Trial {
    _base: TempDir,
    /// What a worker is given of it.
    pub(super) grants: SandboxGrants,
    /// What a person is told of the place.
    pub(super) place: String,
}

impl Trial {
    /// Makes one where [`Store::open`] would make the store, or in the store where there is one.
    pub(super) fn prepare(cache: &Path) -> Result<Trial, Failure> {
        let cache = &std::path::absolute(cache).map_err(fault)?;
        let (ground, place) = match Store::survey(cache).map_err(fault)? {
            Site::Store | Site::Empty => (cache.clone(), format!("{} is there", cache.display())),
            Site::Nothing { above } => {
                let place = format!("{} is made by the first build, in {}", cache.display(), above.display());
                (above, place)
            }
        };
        preflight::check_cache("a build", &ground)?;
        let base =
            tempfile::Builder::new().prefix(TRIAL).tempdir_in(&ground).map_err(|e| refused(&ground, &e))?;
        let store = Store::open(&below(&base, &ground, cache)).map_err(fault)?;
        let grants = SandboxGrants {
            store: store.path().to_path_buf(),
            stage: store.path().join("stage"),
            given: Vec::new(),
            emulator: None,
            commands: Vec::new(),
            isolation: Isolation::Auto,
        };
        fs::create_dir(&grants.stage).map_err(|e| refused(&grants.stage, &e))?;
        Ok(Trial { _base: base, grants, place })
    }
}

/// The new directory stands for the first one that a build would make. Those below are closed to all but the person, as a build
/// makes them.
fn below(base: &TempDir, ground: &Path, cache: &Path) -> PathBuf {
    let missing = cache.strip_prefix(ground).map_or(0, |rest| rest.components().count());
    let path = base.path().to_path_buf();
    if missing > 1 { path.join("dibber") } else { path }
}

fn refused(dir: &Path, error: &std::io::Error) -> Failure {
    fault(format!("cannot write to {}: {}; DIBBER_CACHE names another place", dir.display(), error.kind()))
}
