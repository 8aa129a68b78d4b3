//! Image files: TripleO's `disk_images:` with more keys.
//!
//! In: the texts of the image files, in their order. Out: one [`ImageSpec`] for each image name, merged. Never: an
//! unknown key that is passed over.

mod keys;
mod merge;
mod mirror;
mod options;
mod sections;
mod spec;
mod targets;

pub use keys::schema;
pub use merge::{Merged, merged};
pub use options::{DibOptions, dib_options};
pub use sections::{check_sections, for_target};
pub use spec::{FileSpec, HookSpec, ImageSpec, Security, UserSpec};
pub(crate) use spec::{is_variable, one_line_each};
pub use targets::{Matrix, NotATarget, arch, target};
