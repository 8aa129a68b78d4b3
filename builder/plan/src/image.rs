//! Image files: TripleO's `disk_images:` with more keys.
//!
//! TripleO describes its images in YAML files that `openstack overcloud image build` reads. dibber takes those files as they are, with keys of
//! its own beside TripleO's. Several files may speak of one image, and each value keeps the place where it was written, for messages.
//!
//! In: the texts of the image files, in their order. Out: one [`ImageSpec`] for each image name, merged. Never: an
//! unknown key that is passed over.

mod container_name;
mod keys;
mod merge;
mod mirror;
mod options;
mod sections;
mod spec;
mod target_name;
mod targets;
mod tree_spec;
mod values;
mod write;

pub(crate) use container_name::of_image as container_name;
pub use keys::schema;
pub use merge::{Merged, merged};
pub use options::dib_options;
pub use sections::{check_sections, for_target};
pub(crate) use spec::is_variable;
pub use spec::{ImageSpec, Security};
pub use target_name::{NotATarget, arch, target};
pub use targets::Targets;
pub(crate) use tree_spec::one_line_each;
pub use tree_spec::{FileSpec, HookSpec, UserSpec};
pub use write::text_of;
