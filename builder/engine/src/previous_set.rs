//! The set of an image that an earlier build left in the output directory.
//!
//! In: a plan and the directory. Out: what `images.json` says of the image, and whether its files are as they were committed. Never: a
//! change there; somebody else's file taken for one of the set.

use std::path::Path;

use dibber_fs::Dir;
use dibber_imageset::{Seen, SetEntry, SetFile, SetStatus};
use dibber_plan::Plan;

use crate::failure::{Failure, output_failure};
use crate::output_names;

/// What a directory has of an image.
#[derive(Debug)]
pub(crate) struct PreviousSet {
    /// What `images.json` says.
    pub(crate) entry: SetEntry,
    /// How the files are.
    pub(crate) status: SetStatus,
}

impl PreviousSet {
    /// What is in the directory for this image, and whether it is as it was committed. Somebody else's files in the way are an error.
    pub(crate) fn find(plan: &Plan, path: &Path, seen: &Seen) -> Result<Option<PreviousSet>, Failure> {
        let set = SetFile::read(path).map_err(output_failure)?;
        // A directory that is still to be made has nothing.
        let Ok(dir) = Dir::open(path) else { return Ok(None) };
        let entry = set.find(&plan.image, &plan.target).cloned();
        // Files are read here, side by side; what follows finds them read.
        let previous = entry
            .map(|entry| PreviousSet { status: dibber_imageset::standing(&dir, &set, &entry, seen), entry });
        let names = output_names::set_files(plan);
        set.refuse_foreign(&dir, path, seen, names.iter().map(String::as_str)).map_err(output_failure)?;
        for name in [output_names::log(&plan.basename()), output_names::failed_log(&plan.basename())] {
            dibber_imageset::refuse_log(&dir, path, &name).map_err(output_failure)?;
        }
        Ok(previous)
    }

    /// Whether its files are as they were committed.
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self.status, SetStatus::Stale(_))
    }
}
